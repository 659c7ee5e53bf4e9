"""The client without asyncio, from one thread: what is asked, read, sent; before, after, and beside a running loop."""

import asyncio
import pickle
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import pytest
from tests.served import Exchange

import tidebook
from tidebook.core.options import Options
from tidebook.errors import BookNotLive, OrderRejected, Timeout, UnknownVenue, UsageError
from tidebook.model.facts import Trade
from tidebook.model.orders import Limit
from tidebook.threads import Market, OutcomeUnknown, Sent, connect

BTC, ETH = "BTC/USDT", "ETH/USDT"
SPOT = "binance.spot"


def far() -> Limit:
    """It stands, and is not filled."""
    return Limit(BTC, "buy", size="0.001", price="30000")


def test_what_is_asked_once(market: Market) -> None:
    assert market.fetch_ticker(BTC, venue=SPOT).symbol == BTC
    spot = market[SPOT]
    assert spot.name == SPOT
    assert spot.state == "up"
    assert repr(spot) == f"<{SPOT} up>"
    assert len(spot.fetch_book(BTC, limit=5).bids) == 5
    assert spot.get("api/v3/time").status == 200
    assert market.stats.up == 2
    with pytest.raises(UsageError, match="say of which"):
        market.fetch_time()
    with pytest.raises(UsageError, match="is not connected"):
        market["bybit"]


def test_a_subscription_by_for_by_next_and_in_batches(market: Market) -> None:
    with market.trades(BTC, venue=SPOT) as trades:
        assert trades.state == "open"
        some = [*islice(trades, 3), trades.next()]
        batch = next(trades.batches())
        rows: list[Trade] = [*some, *batch]
        assert [row.id for row in rows] == sorted(row.id for row in rows)
        assert trades.latest(BTC) is not None
        assert trades.lost == 0
    assert trades.state == "closed"
    with pytest.raises(UsageError, match="is closed"):
        iter(trades)


def test_the_newest_alone_where_it_conflates(market: Market) -> None:
    with market.ticker(BTC, ETH, venue=SPOT) as ticker:
        assert {next(ticker).symbol, next(ticker).symbol} == {BTC, ETH}


def test_a_book(market: Market) -> None:
    with market.book(BTC, venue=SPOT) as book:
        assert book.symbol == BTC
        assert book.venue == SPOT
        change = next(iter(book))
        assert change.last is not None
        assert book.next().merged >= 1
        assert next(book.batches())
        bids, asks = book.top(3)
        assert bids[0].price < asks[0].price
        assert book.freeze().seq is not None
        assert book.cost("buy", "0.01").filled > 0
        assert tidebook.State.LIVE is book.state
    assert str(book.state) == "closed"
    with pytest.raises(BookNotLive, match="is closed"):
        book.top()


def test_books_are_a_mapping_and_tell_which_one_changed(market: Market) -> None:
    with market[SPOT].books(BTC) as books:
        books.add(ETH)
        books.live()
        assert [*books] == [BTC, ETH]
        assert books[BTC] is books[BTC]
        changed = next(books.changes())
        assert changed is books[changed.symbol]
        assert books.next() in books.values()
        books.remove(BTC)
        assert dict(books.items()).keys() == {ETH}
        assert books.failed == {}


def test_two_venues_side_by_side(market: Market) -> None:
    with market.consolidated(BTC) as both:
        seen = next(iter(both))
        assert {one.venue for one in seen.venues} == {SPOT, "htx.spot"}
        assert {book.venue for book in both.books} == {SPOT, "htx.spot"}
        assert both.now().symbol == BTC


def test_raw_messages_health_and_history(market: Market) -> None:
    with market[SPOT].raw("btcusdt@trade") as stream:
        assert "btcusdt@trade" in next(stream).text
    with market.health() as health:
        assert next(health).venue in (SPOT, "htx.spot")
    with market.history(BTC, start="1h", venue=SPOT) as history:
        assert sum(len(page) for page in history) == len(market.history(BTC, start="1h", venue=SPOT).table())


def test_an_order_and_its_account(market: Market) -> None:
    spot = market[SPOT]
    with spot.account() as account, account.orders.watch() as changes:
        order = spot.submit(far())
        assert changes.next().client_id == order.client_id
        assert account.orders.wait(order.client_id).open
        assert order.refresh().open
        assert order.cancel().status == "cancelled"
        assert order.done(5).status == "cancelled"
        assert len(order.fills()) == 0
        assert not account.orders.wait(order.client_id, open=False).open
        assert account.orders.get(order.client_id) is not None
        assert account.balances.find(currency="USDT")
        assert account.complete
        copy = pickle.loads(pickle.dumps(order))
        assert type(copy) is tidebook.Order
        assert copy.id == order.id
    assert len(account.orders) == len([*account.orders]) == 1
    refused = spot.submit_many([Limit(BTC, "buy", size="1000", price="30000")])
    assert isinstance(refused[0], OrderRejected)
    with pytest.raises(OrderRejected):
        spot.submit(Limit(BTC, "buy", size="1000", price="30000"))


def resolved(error: OutcomeUnknown) -> Sent:
    """A question that was under way may still bring what the venue said before."""
    for _ in range(100):
        with suppress(OutcomeUnknown):
            return error.resolve()
    raise error


def test_an_unknown_outcome_is_resolved_plainly(running: Exchange) -> None:
    path = "/api/v3/order"
    with connect(SPOT, at=running.at, options=Options(resolve_timeout=0.5)) as market:
        running.do(lambda sim: sim.faults.order("accepted", SPOT, path))
        running.do(lambda sim: sim.faults.order("status", SPOT, path, n=100, status=503))
        with pytest.raises(tidebook.OutcomeUnknown) as told:
            market.submit(far())
        error = told.value
        assert isinstance(error, OutcomeUnknown)
        assert str(error).endswith("Don't send it again: error.resolve()")
        assert [*market.unresolved] == [error.client_id]
        copy = pickle.loads(pickle.dumps(error))
        with pytest.raises(OutcomeUnknown):
            copy.resolve()
        running.do(lambda sim: sim.faults.resume(SPOT))
        order = resolved(error)
        assert order.cancel().client_id == error.client_id
        assert market.unresolved == {}
        assert {error.resolve().id, error.resolve(timeout=1).id, market.resolve(error.client_id).id} == {order.id}
        with pytest.raises(UsageError, match="nothing unresolved"):
            market.resolve("tb-x")
    told_elsewhere: list[Sent] = []
    thread = threading.Thread(target=lambda: told_elsewhere.append(error.resolve()))  # though all of it is closed
    thread.start()
    thread.join()
    assert [one.id for one in told_elsewhere] == [order.id]


def test_an_outcome_that_became_known_without_being_asked_for_is_told(running: Exchange) -> None:
    path = "/api/v3/order"
    with connect(SPOT, at=running.at, options=Options(resolve_timeout=0.2)) as market:
        running.do(lambda sim: sim.faults.order("accepted", SPOT, path))
        running.do(lambda sim: sim.faults.order("status", SPOT, path, n=100, status=503))
        with pytest.raises(OutcomeUnknown) as told:
            market.submit(far())
        running.do(lambda sim: sim.faults.resume(SPOT))
        seen = market.fetch_order("", client_id=told.value.client_id, symbol=BTC)
        assert market.unresolved == {}
        assert told.value.resolve().id == seen.id
        assert told.value.resolve().cancel().status == "cancelled"


def test_a_timeout_loses_nothing(market: Market) -> None:
    """What was on its way when the reader gave up is there for the next one."""
    with market.trades(BTC, venue=SPOT) as trades:
        seen: list[Trade] = []
        while len(seen) < 30:
            try:
                seen.append(trades.next(timeout=0.0005))
            except Timeout:
                continue
        ids = [int(trade.id or 0) for trade in seen]
    assert ids == [*range(ids[0], ids[0] + 30)]


def test_before_it_is_opened_and_after_it_is_closed_it_is_refused(running: Exchange) -> None:
    market = connect(SPOT, at=running.at)
    with pytest.raises(UsageError, match="is not open"):
        market.fetch_ticker(BTC)
    with pytest.raises(UsageError, match="is not open"):
        market[SPOT]
    trades = market.trades(BTC)
    for early in (iter, lambda thing: thing.next(), lambda thing: thing.start()):
        with pytest.raises(UsageError, match="is not open"):
            early(trades)
    with market:
        with pytest.raises(UsageError, match="started before"):
            market.start()
        book = market.book(BTC).start()
    book.stop()
    with pytest.raises(UsageError, match="is closed"):
        market.fetch_ticker(BTC)
    with pytest.raises(UsageError, match="is closed"):
        market.start()
    with pytest.raises(UsageError, match="is closed"):
        market.trades(BTC).start()
    with pytest.raises(UsageError, match="is closed"):
        iter(book)
    assert market.join(0)
    market.stop()
    with pytest.raises(UnknownVenue):
        connect("nowhere")


def test_one_that_cannot_connect_leaves_no_thread_behind() -> None:
    market = connect(SPOT, at="127.0.0.1:9", timeout=0.2)
    with pytest.raises(tidebook.TidebookError), market:
        pass
    assert market.join(5)
    assert not [thread for thread in threading.enumerate() if thread.name == market._home.thread.name]


def test_who_iterates_comes_to_an_end_where_another_thread_stops_it(market: Market) -> None:
    trades = market.trades(BTC).start()
    begun = threading.Event()

    def reads() -> Iterator[None]:
        for _ in trades:
            begun.set()
            yield

    reader = threading.Thread(target=lambda: [None for _ in reads()])
    reader.start()
    assert begun.wait(30)
    market.stop()
    reader.join(30)
    assert not reader.is_alive()


async def test_it_works_beside_a_running_loop_as_in_a_notebook(running: Exchange) -> None:
    """A cell's code is called by a loop that runs in its thread."""
    with connect(SPOT, at=running.at) as market, market.trades(BTC) as trades:
        assert next(trades).symbol == BTC
        assert market.fetch_ticker(BTC).symbol == BTC
    assert asyncio.get_running_loop().is_running()
