"""Dead man's switches over real sockets: what is open when nothing is heard any more, the venue cancels.

How long that takes is the exchange's time, which is moved; what is waited for are conditions.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tidebook import Limit, NetworkError, NotPermitted, Options, Order, UsageError, connect, threads
from tidebook.client.dead_man import DeadManSwitch
from tidebook.client.market import Market
from tidebook.core.clock import SECOND, Now
from tidebook.core.trading import Countdown
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.model.credentials import SIMULATOR
from tidebook.model.facts import Instrument
from tidebook.sim.records import Record
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio

VENUES = ("binance.usdm", "okx", "bybit.linear", "htx.spot")
TIME = 10.0  # seconds that all of them take
PATHS = {
    "binance.usdm": "/fapi/v1/countdownCancelAll", "okx": "/api/v5/trade/cancel-all-after",
    "bybit.linear": "/v5/order/disconnected-cancel-all", "htx.spot": "/v2/algo-orders/cancel-all-after",
}  # fmt: skip
QUICK = Options(backoff_first=0.01, backoff_most=0.02, reopen_apart=0.01)


def symbol_of(venue: str) -> str:
    return "BTC/USDT" if venue == "htx.spot" else "BTC/USDT:USDT"


def resting(venue: str) -> Limit:
    size = {"htx.spot": "0.01", "okx": "1"}.get(venue, "0.01")
    return Limit(symbol_of(venue), "buy", size=size, price="30000")


def switch(market: Market, venue: str, seconds: float = TIME, *, dry_run: bool = False) -> DeadManSwitch:
    return market.dead_man(seconds, symbol_of(venue) if venue == "binance.usdm" else None, dry_run=dry_run)


def record_of(sim: serve, venue: str, client_id: str) -> Record:
    return sim.account(venue).by_client[client_id]


def asked(sim: serve, venue: str) -> int:
    """How often a switch was set."""
    made = sim._simulator.fronts[venue].tally.made
    return sum(n for what, n in made.items() if what.endswith(PATHS[venue]))


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what it waits for happens at the exchange
            await asyncio.sleep(0.005)


async def past(sim: serve, seconds: float) -> None:
    """So much of the exchange's time is over, and nothing else has happened in it."""
    sim.rest()
    end_ns = sim.exchange.now_ns + int(seconds * SECOND)
    sim.skip(seconds)
    await until(lambda: sim.exchange.now_ns >= end_ns)


def events(market: Market, kind: type[health.Health]) -> list[health.Health]:
    return [event for event in market._healths.ring if isinstance(event, kind)]


@pytest.fixture(scope="module", params=VENUES)
def venue(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def sim(venue: str) -> AsyncIterator[serve]:
    async with serve(7, [venue], symbols=[symbol_of(venue)]) as running:
        yield running


@pytest.fixture
async def market(sim: serve, venue: str) -> AsyncIterator[Market]:
    """One that may set switches as often as it likes: a venue that wants a second between them is not waited for."""
    async with connect(venue, at=sim.at, options=QUICK) as opened:
        (one,) = opened._venues(None)
        act = one.declared.trading.act("dead_man") if one.declared.trading is not None else None
        assert act is not None
        url = act.request(Countdown(TIME, await one_of(opened, venue))).url
        one.desk.requests._queue(act.pool, url).budget.publish(10**6)
        yield opened


async def one_of(market: Market, venue: str) -> Instrument:
    return (await market._one(symbol_of(venue), None))[1]


@pytest.fixture
async def futures() -> AsyncIterator[serve]:
    """One venue's simulator, where it does not matter which."""
    async with serve(7, ["binance.usdm"], symbols=["BTC/USDT:USDT", "ETH/USDT:USDT"]) as running:
        yield running


# ---- what venues do


async def test_left_by_an_exception_it_cancels_and_left_otherwise_it_does_not(
    sim: serve, venue: str, market: Market
) -> None:
    async with switch(market, venue) as one:
        assert one.armed
        assert 0 < one.left <= TIME
        order = await market.submit(resting(venue))
    assert not one.armed
    await past(sim, 3 * TIME)
    assert record_of(sim, venue, order.client_id).state == "open"
    with pytest.raises(ZeroDivisionError):
        async with switch(market, venue):
            raise ZeroDivisionError
    (event,) = events(market, health.NotDisarmed)
    assert "ZeroDivisionError" in str(event)
    assert record_of(sim, venue, order.client_id).state == "open"
    await past(sim, TIME + 1)
    await until(lambda: record_of(sim, venue, order.client_id).state == "cancelled")


@pytest.mark.parametrize("venue", ["binance.usdm", "bybit.linear"])
async def test_a_program_that_is_killed_leaves_no_order_behind(venue: str) -> None:
    """With -9: it can do nothing any more, and its kernel closes its connections."""
    symbol = symbol_of(venue)
    async with serve(7, [venue], symbols=[symbol]) as sim:
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("killed.py")), sim.at, venue, symbol, str(TIME),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert program.stdout is not None
        client_id = (await program.stdout.readline()).decode().strip()
        record = record_of(sim, venue, client_id)
        assert record.state == "open"
        program.send_signal(signal.SIGKILL)
        await program.wait()
        counter = sim._simulator.fronts[venue].counter
        assert counter is not None
        await until(lambda: not counter.lines)
        assert record.state == "open"
        await past(sim, TIME + 1)
        await until(lambda: record.state == "cancelled")
        assert not sim.account(venue).open


async def test_it_is_of_one_symbol_where_the_venue_does_it_so(futures: serve) -> None:
    async with connect("binance.usdm", at=futures.at) as market:
        with pytest.raises(UsageError, match="of one symbol there: of which"):
            await market.dead_man(TIME)
        async with market.dead_man(TIME, "BTC/USDT:USDT"), market.dead_man(TIME, "ETH/USDT:USDT") as other:
            with pytest.raises(UsageError, match="armed already"):
                await market.dead_man(TIME, "ETH/USDT:USDT")
            await other.disarm()
            assert other.left == float("inf")
            sent: list[Order] = [
                await market.submit(Limit(symbol, "buy", size="0.01", price=price))
                for symbol, price in (("BTC/USDT:USDT", "30000"), ("ETH/USDT:USDT", "1500"))
            ]
            await past(futures, TIME + 1)
            states = [record_of(futures, "binance.usdm", one.client_id) for one in sent]
            await until(lambda: states[0].state == "cancelled")
            assert states[1].state == "open"


# ---- renewing


async def test_it_is_renewed_early_and_what_fails_is_told(futures: serve) -> None:
    venue, path = "binance.usdm", PATHS["binance.usdm"]
    async with (
        connect(venue, at=futures.at, options=QUICK) as market,
        market.dead_man(1.0, "BTC/USDT:USDT") as one,
    ):
        record = record_of(futures, venue, (await market.submit(resting(venue))).client_id)
        await until(lambda: asked(futures, venue) >= 5)  # longer than a second after the first
        assert record.state == "open"
        assert events(market, health.NotRenewed) == []
        futures.faults.order("read", venue, path)
        await until(lambda: events(market, health.NotRenewed))
        (event,) = events(market, health.NotRenewed)
        assert isinstance(event, health.NotRenewed)
        assert 0 < event.left < 1.0
        assert event.symbol == "BTC/USDT:USDT"
        before = asked(futures, venue)
        await until(lambda: asked(futures, venue) > before)
        assert one.armed
        assert len(events(market, health.NotRenewed)) == 1
        assert record.state == "open"
        futures.faults.order("read", venue, path, n=1000)
        await until(lambda: not one.left)
        await until(lambda: record.state == "cancelled")
        await until(lambda: "may be cancelled" in str(events(market, health.NotRenewed)[-1]))
        futures.faults.resume(venue)
        await until(lambda: one.left > 0)


async def test_one_that_hangs_on_a_connection_waits_for_the_next_one() -> None:
    venue = "bybit.linear"
    async with (
        serve(7, [venue], symbols=[symbol_of(venue)]) as sim,
        connect(venue, at=sim.at, options=QUICK) as market,
        switch(market, venue) as one,
    ):
        order = await market.submit(resting(venue))
        assert one.left == TIME
        counter = sim._simulator.fronts[venue].counter
        assert counter is not None
        (line,) = counter.lines
        line.served.abort()
        await until(lambda: events(market, health.NotRenewed))
        raw = one._raw
        assert raw is not None
        assert raw.heard_ns is not None
        assert one._until_ns == raw.heard_ns + int(TIME * SECOND), "it may have been missed since then"
        (event, *_) = events(market, health.NotRenewed)
        assert isinstance(event, health.NotRenewed)
        assert 0 < event.left <= TIME
        await until(lambda: line not in counter.lines and any(new.notes.get("topics") for new in counter.lines))
        await past(sim, 2 * TIME)
        assert record_of(sim, venue, order.client_id).state == "open"
        await until(lambda: one.left == TIME)


# ---- arming and disarming


async def test_a_refusal_is_raised_and_nothing_is_armed(futures: serve) -> None:
    venue = "binance.usdm"
    key = futures._simulator.tellers.keys(venue)[SIMULATOR.key.reveal()]
    key.may_trade = False
    async with connect(venue, at=futures.at) as market:
        with pytest.raises(NotPermitted):
            await switch(market, venue)
        assert asked(futures, venue) == 1  # it was refused: there is nothing to disarm
        assert events(market, health.NotDisarmed) == []
        key.may_trade = True
        async with switch(market, venue) as one:
            assert one.armed


async def test_where_nobody_knows_whether_it_is_armed_it_is_disarmed(futures: serve) -> None:
    async with connect("binance.usdm", at=futures.at, options=QUICK) as market:
        order = await market.submit(resting("binance.usdm"))
        futures.faults.order("accepted", "binance.usdm", PATHS["binance.usdm"])
        with pytest.raises(NetworkError):
            await switch(market, "binance.usdm")
        assert asked(futures, "binance.usdm") == 2
        await past(futures, TIME + 1)
        assert record_of(futures, "binance.usdm", order.client_id).state == "open"


async def test_closing_the_market_disarms_it(futures: serve) -> None:
    async with connect("binance.usdm", at=futures.at) as market:
        one = await switch(market, "binance.usdm")
        order = await market.submit(resting("binance.usdm"))
    assert not one.armed
    await past(futures, TIME + 1)
    assert record_of(futures, "binance.usdm", order.client_id).state == "open"


async def test_closing_does_not_wait_for_ever_and_says_so(futures: serve) -> None:
    async with connect("binance.usdm", at=futures.at) as market:
        async with switch(market, "binance.usdm") as one:
            futures.faults.order("late", "binance.usdm", PATHS["binance.usdm"], seconds=0.5)
        assert not one.armed  # leaving waits longer than closing
        one = await switch(market, "binance.usdm")
        futures.faults.order("late", "binance.usdm", PATHS["binance.usdm"], seconds=20.0)
        await one.close()
        (event,) = events(market, health.NotDisarmed)
        assert isinstance(event, health.NotDisarmed)
        assert 0 < event.left <= TIME
        with pytest.raises(UsageError, match="closed"):
            await one.disarm()


async def test_a_renewal_that_is_under_way_is_not_overtaken(futures: serve) -> None:
    """What disarms is sent when it has been answered: the venue must not hear them the other way round."""
    venue = "binance.usdm"
    async with connect(venue, at=futures.at) as market:
        one = await market.dead_man(1.2, "BTC/USDT:USDT")
        futures.faults.order("late", venue, PATHS[venue], seconds=0.2)
        await until(lambda: asked(futures, venue) == 2)
        closing = asyncio.ensure_future(one.close())
        await asyncio.sleep(0)
        assert one._turn.locked()
        await closing
        assert asked(futures, venue) == 3
        assert not one.armed
        assert events(market, health.NotDisarmed) == []


async def test_nothing_is_sent_where_nothing_may_be(sim: serve, venue: str) -> None:
    async with connect(venue, at=sim.at, read_only=True) as market:
        with pytest.raises(UsageError, match="read_only"):
            await switch(market, venue)
    async with connect(venue, at=sim.at) as market:
        async with switch(market, venue, dry_run=True) as one:
            assert one.says.startswith(f"POST {next(iter(one.says.split()[1:]))}")
            assert PATHS[venue] in one.says
            assert "10" in one.says
            assert not one.armed
            assert "dry" in repr(one)
        for wrong in (0, -1, float("nan"), float("inf"), True, "30", 0.5):
            with pytest.raises(UsageError, match="seconds="):
                await switch(market, venue, wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        if venue != "binance.usdm":
            with pytest.raises(UsageError, match="leave symbol= out"):
                await market.dead_man(TIME, symbol_of(venue))
            with pytest.raises(UsageError, match="whole seconds"):
                await market.dead_man(10.5)
    assert asked(sim, venue) == 0


async def test_venues_without_one_name_those_that_have(futures: serve) -> None:
    async with (
        serve(7, ["alpaca", "okx", "htx.spot"]) as sim,
        connect("alpaca", "okx", "htx.spot", at=sim.at) as market,
    ):
        with pytest.raises(UsageError, match=r"alpaca has no .* These have one: .*binance\.usdm.*okx"):
            await market.dead_man(30, venue="alpaca")
        with pytest.raises(UsageError, match=r"say of which venue: venue= one of okx, htx\.spot"):
            await market.dead_man(30)
        assert (await market["okx"].dead_man(30, dry_run=True)).covers == "all open orders of the account"


async def test_without_asyncio_it_is_the_same(futures: serve) -> None:
    def leave(error: Exception | None) -> bool:
        with (
            threads.connect("binance.usdm", at=futures.at) as market,
            suppress(ZeroDivisionError),
            market.dead_man(TIME, "BTC/USDT:USDT") as one,
        ):
            assert one.armed
            assert 0 < one.left <= one.seconds
            assert PATHS["binance.usdm"] in one.says
            if error is not None:
                raise error
        return one.armed

    assert not await asyncio.to_thread(leave, None)
    assert asked(futures, "binance.usdm") == 2
    assert await asyncio.to_thread(leave, ZeroDivisionError())
    assert asked(futures, "binance.usdm") == 3


async def test_one_that_could_not_be_renewed_in_time_is_told_of(futures: serve) -> None:
    """A program that was stopped, or whose loop stood still, hears that its orders may be gone."""
    async with connect("binance.usdm", at=futures.at) as market, switch(market, "binance.usdm", 1.0) as one:
        time.sleep(1.1)  # noqa: ASYNC251 - nothing gives way meanwhile, which is what it is about
        assert one.left == 0
        await until(lambda: events(market, health.NotRenewed))
        (event,) = events(market, health.NotRenewed)
        assert isinstance(event, health.NotRenewed)
        assert event.left == 0
        assert "may be cancelled" in event.reason
        await until(lambda: one.left)  # it is armed anew


async def test_a_machine_that_was_asleep_has_not_counted(futures: serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect("binance.usdm", at=futures.at) as market, switch(market, "binance.usdm") as one:
        assert one.left > 5

        def later() -> Now:
            """The monotonic clock stands still in between."""
            found = now()
            return found._replace(wall_ns=found.wall_ns + 60 * SECOND)

        monkeypatch.setattr("tidebook.client.dead_man.now", later)
        assert one.left == 0
