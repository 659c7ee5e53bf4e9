"""Orders over real sockets, at an exchange that keeps a ledger: sent at most once, and never a made-up outcome."""

import asyncio
import logging
import pickle
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tidebook import (
    BookNotLive,
    InsufficientFunds,
    InvalidOrder,
    Limit,
    MarketOrder,
    NetworkError,
    NoCredentials,
    NotPermitted,
    Options,
    Order,
    OrderNotFound,
    OrderRejected,
    OutcomeUnknown,
    PostOnlyWouldTake,
    Stop,
    TidebookError,
    UsageError,
    connect,
)
from tidebook.client.market import Market
from tidebook.model.credentials import Credentials
from tidebook.sim.server import READER, serve
from tidebook.sim.server.faults import POINTS, Point

pytestmark = pytest.mark.asyncio

GENEROUS = 30.0
BTC = "BTC/USDT"
PATH = "/api/v3/order"


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=["binance.spot"], symbols=[BTC]) as running:
        yield running


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", at=sim.at) as opened:
        yield opened


def ledger(sim: serve) -> dict[str, str]:
    """The state of each order that there is, by client id; an id that is there twice is told so."""
    found: dict[str, str] = {}
    for record in sim.account("binance.spot").records.values():
        id = record.ask.client_id
        found[id] = "twice" if id in found else record.state
    return found


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(GENEROUS):
        while not true():  # noqa: ASYNC110 - nothing tells of all that is asked here
            await asyncio.sleep(0.005)


def far(size: str = "0.001") -> Limit:
    """It rests."""
    return Limit(BTC, "buy", size=size, price="30000")


# ------------------------------------------------------------------------------------------------ what goes well


async def test_an_order_from_its_acceptance_to_its_end(sim: serve, market: Market) -> None:
    order = await market.submit(far())
    assert (order.status, order.filled) == ("open", Decimal(0))
    assert (order.price, order.size) == (Decimal(30000), Decimal("0.001"))
    assert ledger(sim) == {order.client_id: "open"}
    assert [one.id for one in await market.fetch_open_orders(BTC)] == [order.id]
    assert (await market.fetch_order(order.id, symbol=BTC)).client_id == order.client_id
    assert (await market.fetch_order("", client_id=order.client_id, symbol=BTC)).id == order.id
    gone = await order.cancel()
    assert (gone.status, gone.client_id) == ("cancelled", order.client_id)
    assert (await order.done(timeout=GENEROUS)).status == "cancelled"
    with pytest.raises(OrderNotFound):
        await order.cancel()
    assert not len(await market.fetch_open_orders(BTC))


async def test_what_is_bought_is_in_fills_and_balances(sim: serve, market: Market) -> None:
    before = {row.currency: row.total for row in await market.fetch_balances()}
    order = await market.submit(MarketOrder(BTC, "buy", size="0.2"))
    assert order.status == "filled"
    fills = await order.fills()
    assert sum(fill.size for fill in fills) == Decimal("0.2") == order.filled
    assert sum(fill.size * fill.price for fill in fills) == order.cost
    after = {row.currency: row.total for row in await market.fetch_balances()}
    fees = sum((fill.fee or Decimal(0) for fill in fills), Decimal(0))
    assert {fill.fee_currency for fill in fills} == {"BTC"}
    assert after["BTC"] - before["BTC"] == Decimal("0.2") - fees
    assert order.cost is not None
    assert before["USDT"] - after["USDT"] == order.cost


async def test_for_so_much_money_and_with_a_trigger(market: Market) -> None:
    order = await market.submit(MarketOrder(BTC, "buy", cost="500"))
    assert order.cost is not None
    assert Decimal(400) < order.cost <= 500
    waiting = await market.submit(Stop(BTC, "sell", size="0.01", trigger="30000"))
    assert waiting.open
    await market.cancel(waiting)


async def test_cancel_all_leaves_nothing_open(sim: serve, market: Market) -> None:
    placed = await market.submit_many([far(), far("0.002"), far("0.003")])
    assert all(isinstance(one, Order) for one in placed)
    await market.cancel_all(BTC)
    assert set(ledger(sim).values()) == {"cancelled"}
    await market.submit(far())
    await market.cancel_all()
    assert set(ledger(sim).values()) == {"cancelled"}


async def test_several_at_once_each_with_its_own_outcome(sim: serve, market: Market) -> None:
    many = await market.submit_many([far(), Limit(BTC, "buy", size="1000", price="60000"), far("0.0000001")])
    assert [type(one).__name__ for one in many] == ["Sent", "InsufficientFunds", "InvalidOrder"]
    assert len(ledger(sim)) == 1


async def test_a_dry_run_sends_nothing(sim: serve, market: Market) -> None:
    order = await market.submit(far(), dry_run=True)
    assert (order.status, order.id) == ("dry", "")
    assert ledger(sim) == {}


async def test_an_order_goes_through_pickle_as_an_order(market: Market) -> None:
    order = await market.submit(far())
    back = pickle.loads(pickle.dumps(order))
    assert type(back) is Order
    assert (back.id, back.price) == (order.id, order.price)


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("intent", "kind", "words"),
    [
        (
            far("0.0000123"),
            InvalidOrder,
            "size 0.0000123 of BTC/USDT (binance) is not a multiple of 0.00001. Nothing was sent. "
            'Nearest below: 0.00001; rounding="down" takes it',
        ),
        (Limit(BTC, "buy", size="0.001", price="30000.001"), InvalidOrder, "price 30000.001 of BTC/USDT (binance)"),
        (far("0.00001"), InvalidOrder, "is below the least"),
        (Limit(BTC, "buy", size="100", price="60000"), InsufficientFunds, "insufficient balance"),
        (Limit(BTC, "buy", size="0.01", price="100000", post_only=True), PostOnlyWouldTake, "immediately match"),
    ],
)
async def test_refusals(sim: serve, market: Market, intent: Limit, kind: type[TidebookError], words: str) -> None:
    with pytest.raises(kind) as told:
        await market.submit(intent)
    assert words in str(told.value)
    assert "open" not in ledger(sim).values()


async def test_a_refusal_says_which_order_and_what_to_do(market: Market) -> None:
    order = await market.submit(far())
    await order.cancel()
    with pytest.raises(OrderNotFound, match=rf"Asked for: {order.client_id}$") as told:
        await market.cancel(order)
    assert told.value.symbol == BTC
    with pytest.raises(OrderNotFound):
        await market.amend(order, size="0.0005")  # it has ended since
    with pytest.raises(UsageError, match="an int of thousands of digits is no number"):
        far(10**5000)  # type: ignore[arg-type]


async def test_an_order_becomes_smaller_where_it_stands_and_keeps_its_name(sim: serve, market: Market) -> None:
    order = await market.submit(far("0.008"))
    assert order.size is not None
    half = order.size / 2
    async with market.account() as account:
        smaller = await order.amend(size=half)
        assert (smaller.id, smaller.client_id, smaller.size) == (order.id, order.client_id, half)
        assert (smaller.price, smaller.open, smaller.created_ns) == (order.price, True, None)
        known = await account.orders.wait(order.client_id, until=lambda row: row.size == half)
        assert known.created_ns is not None
        for wrong in ({"price": "1.23"}, {"size": order.size * 2}):
            with pytest.raises(UsageError, match=r"become smaller where it stands, and nothing else. Nothing was sent"):
                await order.amend(**wrong)
        assert (await order.amend(size=half)).size == half  # it is so already
        assert (await market.amend("", size=half / 2, symbol=BTC, client_id=order.client_id)).size == half / 2
        assert (await market.fetch_order(order)).client_id == order.client_id
        reply = await market.put(
            "/api/v3/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": order.id, "newQty": str(half / 4)}
        )
        assert reply.data["amendedOrder"]["clientOrderId"] != order.client_id  # nobody said that it keeps it
        with pytest.raises(OrderRejected, match="would change no state"):
            await market.put(
                "/api/v3/order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": order.id, "newQty": str(half / 4)}
            )
    assert (await market.cancel(order.id, symbol=BTC)).size == half / 4


async def test_rounding_is_asked_for(market: Market) -> None:
    order = await market.submit(Limit(BTC, "buy", size="0.0012349", price="30000.019", rounding="down"))
    assert (order.size, order.price) == (Decimal("0.00123"), Decimal("30000.01"))


async def test_a_reader_and_who_has_no_key(sim: serve) -> None:
    async with connect("binance.spot", at=sim.at, read_only=True) as market:
        assert len(await market.fetch_balances())
        for doing in (
            market.submit(far()),
            market.cancel_all(BTC),
            market.post("/api/v3/order", {"symbol": "BTCUSDT"}),
        ):
            with pytest.raises(UsageError, match="read_only"):
                await doing
    assert ledger(sim) == {}


async def test_a_book_that_is_not_live_guards(sim: serve, market: Market) -> None:
    async with market.book(BTC) as book:
        assert (await market.submit(far(), guard=book, max_age=GENEROUS)).open
        sim.faults.cut("binance.spot", seconds=3600)
        await until(lambda: book.state != "live")
        with pytest.raises(BookNotLive, match=r"the guarding book: BTC/USDT binance is \w+ for \d.* Nothing was sent"):
            await market.submit(far(), guard=book)
    assert len(ledger(sim)) == 1


# ------------------------------------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize("point", POINTS)
async def test_whatever_is_cut_there_is_one_order_at_most_and_its_outcome_is_true(sim: serve, point: Point) -> None:
    async with connect("binance.spot", at=sim.at) as market:
        sim.faults.order(point, "binance.spot", PATH, seconds=0.5)
        intent = MarketOrder(BTC, "buy", size="0.001") if point == "filled" else far()
        if point in ("unread", "read"):
            with pytest.raises(NetworkError, match="never arrived") as told:
                await market.submit(intent)
            assert told.value.retry == "safe"
            assert ledger(sim) == {}
        else:
            order = await market.submit(intent)
            assert ledger(sim) == {order.client_id: "filled" if point == "filled" else "open"}
        assert market.unresolved == {}


@pytest.fixture
async def impatient(sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", at=sim.at, options=Options(resolve_timeout=0.5)) as opened:
        yield opened


async def test_where_nobody_answers_it_is_unknown_until_it_is_resolved(sim: serve, impatient: Market) -> None:
    market = impatient
    sim.faults.order("accepted", "binance.spot", PATH)
    sim.faults.order("status", "binance.spot", PATH, n=100, status=503)
    with pytest.raises(OutcomeUnknown) as told:
        await market.submit(far())
    error = told.value
    what = f"{error.client_id} (buy 0.001 BTC/USDT at 30000)"
    assert str(error).startswith(f"binance has not said whether {what} arrived: cut after sending")
    assert "; asked, and binance.spot: " in str(error)  # what the venue says is no cut
    assert str(error).endswith("Don't send it again: await error.resolve()")
    assert [*market.unresolved] == [error.client_id]
    assert ledger(sim) == {error.client_id: "open"}
    sim.faults.resume("binance.spot")
    order = await error.resolve()
    assert (order.client_id, order.status) == (error.client_id, "open")
    assert market.unresolved == {}
    assert pickle.loads(pickle.dumps(error)).client_id == error.client_id


async def test_who_is_cancelled_after_it_left_has_an_order_all_the_same(sim: serve, market: Market) -> None:
    sim.faults.order("late", "binance.spot", PATH, seconds=0.3)
    going = asyncio.ensure_future(market.submit(far()))
    await until(lambda: ledger(sim))
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    await until(lambda: not market.unresolved and [*ledger(sim).values()] == ["open"])
    assert len(await market.fetch_open_orders(BTC)) == 1
    assert [*ledger(sim).values()] == ["open"]


async def test_who_is_cancelled_before_it_left_has_none(sim: serve, market: Market) -> None:
    going = asyncio.ensure_future(market.submit(far()))
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    await market.submit(far("0.002"))
    assert len(ledger(sim)) == 1
    assert market.unresolved == {}


@pytest.mark.parametrize("seconds", [-30.0, 30.0])
async def test_a_clock_that_was_set_is_looked_at_anew_and_the_order_goes(
    sim: serve, market: Market, seconds: float
) -> None:
    sim.faults.clock(seconds, "binance.spot")
    order = await market.submit(far())
    assert ledger(sim) == {order.client_id: "open"}
    assert len(await market.fetch_balances())


async def test_a_wrong_key_is_refused_and_nothing_of_it_is_told(sim: serve, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Credentials.of(READER.key.reveal(), READER.secret.reveal(), source="a test")
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", reader)
    async with connect("binance.spot", at=sim.at) as market:
        assert len(await market.fetch_balances())
        with pytest.raises(NotPermitted) as told:
            await market.submit(far())
        assert reader.key.reveal() not in f"{told.value!r} {told.value} {told.value.__dict__}"
    assert ledger(sim) == {}


async def test_without_a_key_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sim: serve) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", None)
    async with connect("binance.spot", at=sim.at) as market:
        for doing in (market.submit(far()), market.get("/api/v3/account"), market.fetch_balances()):
            with pytest.raises(NoCredentials, match="Nothing was sent"):
                await doing
    assert sim.account("binance.spot").records == {}


# ------------------------------------------------------------------------------------------------ the journal

PROGRAM = """
import asyncio, os, signal, sys
from tidebook import Limit, connect

async def main():
    market = await connect("binance.spot", at=sys.argv[1], journal=sys.argv[2])
    for size in ("0.001", "0.002"):
        await market.submit(Limit("BTC/USDT", "buy", size=size, price="30000"))
    await asyncio.to_thread(sys.stdin.readline)
    asyncio.ensure_future(market.submit(Limit("BTC/USDT", "buy", size="0.003", price="30000")))
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("point", ["late", "read"])
async def test_after_a_kill_the_journal_says_what_to_ask(
    sim: serve, tmp_path: Path, point: Point, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed while the third one is under way: accepted and not answered, or never done."""
    path = tmp_path / "journal"
    command = [sys.executable, "-c", PROGRAM, sim.at, str(path)]
    running = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    assert running.stdin is not None
    await until(lambda: path.exists() and path.read_text().count('"end"') == 2)
    sim.faults.order(point, "binance.spot", PATH, seconds=3600)
    running.stdin.write(b"on\n")
    await until(lambda: path.read_text().count('"number"') == 5)  # three, and the ends of two
    await until(lambda: point != "late" or len(ledger(sim)) == 3)
    running.send_signal(signal.SIGKILL)
    await running.wait()
    sim.faults.resume("binance.spot")
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        assert len({*market.unresolved, *market.recovered}) == 1  # from the first moment
        await until(lambda: market.recovered)
        ((client_id, outcome),) = market.recovered.items()
        if point == "late":
            assert isinstance(outcome, Order)
            assert ledger(sim)[client_id] == "open"
        else:
            assert isinstance(outcome, NetworkError)
            assert client_id not in ledger(sim)
        assert market.unresolved == {}
        await until(lambda: any(f"journal: {client_id}" in text for _, _, text in caplog.record_tuples))
    assert path.read_text().count('"end"') == 1  # what had one before is not kept


async def test_what_cannot_be_written_down_is_not_sent(sim: serve, tmp_path: Path) -> None:
    """The disk is full: a file can grow no more."""
    path = tmp_path / "journal"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        await market.submit(far())
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
        try:
            with pytest.raises(UsageError, match="Nothing was sent"):
                await market.submit(far())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
    assert len(ledger(sim)) == 1


async def test_an_end_that_cannot_be_written_is_no_error(sim: serve, tmp_path: Path) -> None:
    """The order stands, and its user is told so; after the next start its venue is asked once more."""
    path = tmp_path / "journal"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sim.faults.order("late", "binance.spot", PATH, seconds=0.5)
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        going = asyncio.ensure_future(market.submit(far()))
        await until(lambda: len(ledger(sim)) == 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
        try:
            assert (await going).open
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text().count('"end"') == 0


async def test_who_is_cancelled_while_it_is_under_way_sees_it_at_once(
    sim: serve, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    sim.faults.order("late", "binance.spot", PATH, seconds=1.0)
    going = asyncio.ensure_future(market.submit(far()))
    await until(lambda: len(ledger(sim)) == 1)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    ((client_id, words),) = market.unresolved.items()
    assert "buy 0.001 BTC/USDT at 30000" in words
    ((name, level, line),) = [one for one in caplog.record_tuples if client_id in one[2]]
    assert (name, level) == ("tidebook.client", logging.WARNING)
    assert all(word in line for word in ("binance.spot", "buy 0.001 BTC/USDT", "under way"))
    assert (await market.resolve(client_id)).open
    assert market.unresolved == {}


async def test_who_waits_while_the_market_is_closed_is_told_that_it_is_unknown(sim: serve) -> None:
    sim.faults.order("late", "binance.spot", PATH, seconds=3600)
    market = await connect("binance.spot", at=sim.at)
    going = asyncio.ensure_future(market.submit(far()))
    await until(lambda: len(ledger(sim)) == 1)
    await market.close()
    with pytest.raises(OutcomeUnknown, match="closed while it was under way"):
        await going


async def test_an_answer_that_decides_nothing_is_no_proof(sim: serve, impatient: Market) -> None:
    """A 503 says that it came as far as that; that the venue does not know of it yet says nothing."""
    sim.faults.status(503, "binance.spot", n=1)
    with pytest.raises(OutcomeUnknown, match="HTTP 503"):
        await impatient.submit(far())
    (client_id,) = impatient.unresolved
    with pytest.raises(OutcomeUnknown, match=r"HTTP 503 \(503\); asked, and it is not there yet\. Don't"):
        await impatient.resolve(client_id)


async def test_two_processes_have_two_journals(sim: serve, tmp_path: Path) -> None:
    async with connect("binance.spot", at=sim.at, journal=tmp_path / "journal"):
        with pytest.raises(UsageError, match="open elsewhere"):
            await connect("binance.spot", at=sim.at, journal=tmp_path / "journal")
