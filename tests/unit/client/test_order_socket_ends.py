"""Orders by message, to their ends: waited for no more, guarded, written down, forged, answered late, rotated."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tidebook import (
    BookNotLive,
    Limit,
    Options,
    Order,
    OutcomeUnknown,
    SignatureRefused,
    UsageError,
    connect,
    venues,
)
from tidebook.client.symbols import Listing
from tidebook.core.clock import SECOND
from tidebook.core.talk import Talk
from tidebook.model.credentials import SIMULATOR, Credentials, Secret
from tidebook.sim.server import serve
from tidebook.venue import Lifetime
from tidebook.venues import binance

pytestmark = pytest.mark.asyncio

SPOT, LINEAR, OKX = "binance.spot", "bybit.linear", "okx"
PLACE = {SPOT: "order.place", LINEAR: "order.create", OKX: "order"}
LOOK = {SPOT: "/api/v3/order", OKX: "/api/v5/trade/order"}
QUICK = Options(request_timeout=0.2, resolve_timeout=0.2)
LONG = 60.0  # seconds, after which a connection would be as good as forgotten


def resting(venue: str) -> Limit:
    return Limit("BTC/USDT" if venue == SPOT else "BTC/USDT:USDT", "buy", size="0.01", price="30000")


def made(sim: serve, venue: str, what: str) -> int:
    """How often was asked what begins so."""
    asked = sim._simulator.fronts[venue].tally.made
    return sum(n for name, n in asked.items() if name.startswith(what))


def ledger(sim: serve, venue: str) -> list[str]:
    return [one.ask.client_id for one in sim.account(venue).records.values() if one.venue == venue]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what it waits for happens at the exchange
            await asyncio.sleep(0.005)


@pytest.fixture(scope="module", params=[SPOT, LINEAR, OKX])
def venue(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def sim(venue: str) -> AsyncIterator[serve]:
    async with serve(7, [venue], symbols=[resting(venue).symbol]) as running:
        yield running


@pytest.fixture
async def spot() -> AsyncIterator[serve]:
    async with serve(7, [SPOT], symbols=["BTC/USDT"]) as running:
        yield running


async def test_waited_for_no_more_after_it_was_said_it_is_unknown_and_then_resolved(sim: serve, venue: str) -> None:
    async with connect(venue, at=sim.at, orders="websocket", options=Options(request_timeout=0.2)) as market:
        sim.faults.order("late", venue, PLACE[venue], seconds=LONG)
        waiting = asyncio.ensure_future(market.submit(resting(venue)))
        await until(lambda: ledger(sim, venue))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        (client_id,) = ledger(sim, venue)
        assert client_id in market.unresolved
        order = await market.resolve(client_id)
        assert (order.client_id, order.status) == (client_id, "open")
        assert market.unresolved == {}
        assert made(sim, venue, f"message {PLACE[venue]}") == 1


async def test_a_guard_is_asked_before_anything_is_said(sim: serve, venue: str) -> None:
    async with connect(venue, at=sim.at, orders="websocket") as market:
        async with market.book(resting(venue).symbol) as book:
            order = await market.submit(resting(venue), guard=book, max_age=20.0)
            with pytest.raises(BookNotLive, match="Nothing was sent"):
                await market.submit(resting(venue), guard=book, max_age=1e-9)
        with pytest.raises(BookNotLive, match=r"is closed\. Nothing was sent"):
            await market.submit(resting(venue), guard=book)
        assert ledger(sim, venue) == [order.client_id]
        assert made(sim, venue, f"message {PLACE[venue]}") == 1
        assert made(sim, venue, "POST ") == 0


PROGRAM = """
import asyncio, sys
from tidebook import Limit, connect

async def main(venue, symbol, at, journal):
    market = await connect(venue, at=at, journal=journal, orders="websocket")
    order = Limit(symbol, "buy", size="0.01", price="30000")
    await market.submit(order)
    print("there", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await market.submit(order)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("venue", [SPOT, OKX], indirect=True)
async def test_after_a_kill_the_journal_knows_what_was_said(sim: serve, venue: str, tmp_path: Path) -> None:
    """With -9, when it was taken and is not answered."""
    path = tmp_path / "journal"
    command = [sys.executable, "-c", PROGRAM, venue, resting(venue).symbol, sim.at, str(path)]
    program = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdin is not None
    assert program.stdout is not None
    assert await program.stdout.readline() == b"there\n"
    sim.faults.order("late", venue, PLACE[venue], seconds=LONG)
    program.stdin.write(b"on\n")
    await until(lambda: len(ledger(sim, venue)) == 2)
    program.send_signal(signal.SIGKILL)
    await program.wait()
    assert made(sim, venue, f"message {PLACE[venue]}") == 2
    async with connect(venue, at=sim.at, journal=path) as market:
        await until(lambda: market.recovered)
        ((client_id, found),) = market.recovered.items()
        assert isinstance(found, Order)
        assert client_id == ledger(sim, venue)[1]
        assert market.unresolved == {}
    assert len(ledger(sim, venue)) == 2


def _forged(text: str) -> str:
    """One character of the signature is another."""
    message = json.loads(text)
    sign: str = message["params"]["signature"]
    message["params"]["signature"] = f"{sign[:-1]}{'0' if sign[-1] != '0' else '1'}"
    return json.dumps(message)


async def test_one_byte_of_the_signature_altered_is_refused(spot: serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a message that is signed itself: on its way, as it were."""
    async with connect(SPOT, at=spot.at, orders="websocket") as market:
        (one,) = market._venues(None)
        socket = one.private.order_socket
        assert socket is not None
        talk: Talk = one.talk(socket)
        say = talk._confide
        monkeypatch.setattr(talk, "_confide", lambda message: say(Secret(_forged(message.reveal()))))
        with pytest.raises(SignatureRefused) as caught:
            await market.submit(resting(SPOT))
        assert caught.value.code == "-1022"
        assert market.unresolved == {}
        monkeypatch.undo()
        order = await market.submit(resting(SPOT))
        assert ledger(spot, SPOT) == [order.client_id]
        assert made(spot, SPOT, "message order.place") == 2
        assert made(spot, SPOT, "POST ") == 0


@pytest.mark.parametrize(
    ("venue", "login", "code"), [(LINEAR, "auth", "10004"), (OKX, "login", "50113")], indirect=["venue"]
)
async def test_a_login_with_one_byte_altered_lets_no_order_in(sim: serve, venue: str, login: str, code: str) -> None:
    secret, phrase = SIMULATOR.secret.reveal(), SIMULATOR.passphrase
    other = Credentials.of(
        SIMULATOR.key.reveal(), f"{secret[:-1]}#", None if phrase is None else phrase.reveal(), source="a test"
    )
    sim.open_account(venue, other, {"USDT": "100000"})
    async with connect(venue, at=sim.at, orders="websocket") as market:
        with pytest.raises(SignatureRefused) as caught:
            await market.submit(resting(venue))
        assert caught.value.code == code
        assert market.unresolved == {}
    assert sim.account(venue, other).records == {}
    assert made(sim, venue, f"message {login}") > 0
    assert made(sim, venue, "message order") == 0


@pytest.mark.parametrize("venue", [SPOT, OKX], indirect=True)
async def test_an_answer_that_comes_late_resolves_its_order(
    sim: serve, venue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing else can: all that is asked over REST is cut."""
    async with connect(venue, at=sim.at, orders="websocket", options=QUICK) as market:
        sim.faults.order("late", venue, PLACE[venue], seconds=1.0)
        sim.faults.order("read", venue, LOOK[venue], n=10_000)
        with pytest.raises(OutcomeUnknown) as caught:
            await market.submit(resting(venue))
        assert [*market.unresolved] == [caught.value.client_id] == ledger(sim, venue)
        await until(lambda: not market.unresolved)
        assert f"an answer to {caught.value.client_id} came late" in caplog.text
        assert (await caught.value.resolve()).client_id == caught.value.client_id  # and who asks now is told so
        assert made(sim, venue, f"message {PLACE[venue]}") == 1
        assert made(sim, venue, "POST ") == 0


async def test_a_message_whose_time_is_over_is_said_once_more_by_the_venues_clock() -> None:
    async with (
        serve(7, [OKX], symbols=[resting(OKX).symbol]) as sim,
        connect(OKX, at=sim.at, orders="websocket") as market,
    ):
        first = await market.submit(resting(OKX))
        sim._simulator.fronts[OKX].shift_ns += round(LONG * SECOND)
        second = await market.submit(resting(OKX))
        assert ledger(sim, OKX) == [first.client_id, second.client_id]
        assert made(sim, OKX, f"message {PLACE[OKX]}") == 3
        assert made(sim, OKX, "POST ") == 0
        assert market.unresolved == {}


async def test_an_instrument_without_a_number_is_ordered_over_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serve(7, [OKX], symbols=[resting(OKX).symbol]) as sim,
        connect(OKX, at=sim.at, orders="websocket") as market,
    ):
        (one,) = market._venues(None)
        listed = [msgspec.structs.replace(row, code=None) for row in one.listing.by_id.values()]
        monkeypatch.setattr(one._traded, "listing", Listing.of(OKX, listed))
        order = await market.submit(resting(OKX))
        assert (await order.cancel()).status == "cancelled"
        assert ledger(sim, OKX) == [order.client_id]
        assert made(sim, OKX, "message order") == 0
        assert made(sim, OKX, "POST ") == 2


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections for orders that are to be replaced half a second after they were opened."""
    trading = binance.SPOT.trading
    assert trading is not None
    assert trading.socket is not None
    endpoint = replace(trading.socket.endpoint, lifetime=Lifetime(2 * LONG, 2 * LONG - 0.5))
    socket = replace(trading.socket, endpoint=endpoint)
    monkeypatch.setattr(binance, "VENUES", (replace(binance.SPOT, trading=replace(trading, socket=socket)),))
    venues.every.cache_clear()
    yield
    monkeypatch.undo()
    venues.every.cache_clear()


@pytest.mark.usefixtures("short_lived")
async def test_a_connection_whose_life_is_over_stays_for_an_answer(spot: serve) -> None:
    options = Options(backoff_first=0.01, backoff_most=0.02, reopen_apart=0.01)
    async with connect(SPOT, at=spot.at, orders="websocket", options=options) as market:
        spot.faults.order("late", SPOT, "order.place", seconds=1.0)  # twice the connection's life
        order = await market.submit(resting(SPOT))
        assert ledger(spot, SPOT) == [order.client_id]
        assert made(spot, SPOT, "GET api.binance.com/api/v3/order") == 0  # it was answered, not asked after
        await until(lambda: made(spot, SPOT, "WS ") >= 2)
        await until(lambda: market.stats.sockets)
        await market.submit(resting(SPOT))
        assert len(ledger(spot, SPOT)) == 2


async def test_where_no_venue_takes_orders_so_that_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    for places in (("alpaca", "htx"), ("bybit:demo",), ("okx:demo",), ("deribit",)):
        with pytest.raises(UsageError, match="over HTTP"):
            connect(*places, orders="websocket")
    async with serve(7, ["alpaca", SPOT]) as sim, connect("alpaca", SPOT, at=sim.at, orders="websocket"):
        lines = [line for line in caplog.messages if "over HTTP" in line]
        assert lines == ["orders of alpaca go over HTTP: there is no WebSocket for them"]
