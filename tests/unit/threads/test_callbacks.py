"""Functions given to `on`, plain and async: in the market's thread; what they may do, what becomes of their errors."""

import functools
import logging
import sys
import threading
from threading import Event

import pytest
from tests.served import Exchange
from tests.unit.threads.conftest import happens

from tidebook.client.calls import About
from tidebook.client.subscription import Queue
from tidebook.errors import UsageError
from tidebook.model.facts import Trade
from tidebook.model.health import CallbackFailed, Health
from tidebook.model.orders import Limit
from tidebook.threads import Book, Books, Market, connect
from tidebook.threads import callbacks as module
from tidebook.threads.callbacks import Callbacks
from tidebook.threads.loop import LoopThread

BTC = "BTC/USDT"


def test_plain_and_async_are_called_with_the_same_in_order(market: Market) -> None:
    trades, plain, awaited, done = market["binance.spot"].trades(BTC), list[Trade](), list[Trade](), Event()

    @trades.on
    def first(trade: Trade) -> None:
        plain.append(trade)

    with trades:

        @trades.on
        async def second(trade: Trade) -> None:
            awaited.append(trade)
            if len(awaited) == 20:
                done.set()

        happens(done)
    assert awaited[:20] == plain[plain.index(awaited[0]) :][:20]
    with pytest.raises(UsageError, match="not int"):
        trades.on(3)  # type: ignore[arg-type]


def test_books_are_handed_over_as_those_that_the_program_has(market: Market) -> None:
    book, books, seen, done = (
        market["htx.spot"].book(BTC),
        market["htx.spot"].books("ETH/USDT"),
        list[object](),
        Event(),
    )

    async def moved(changed: Book) -> None:
        assert changed.best_bid is not None
        seen.append(changed)
        if {id(one) for one in seen} == {id(book), id(books["ETH/USDT"])}:
            done.set()

    book.on(moved)
    books.on(functools.partial(moved))
    with book, books:
        happens(done)
    assert isinstance(books, Books)


@pytest.mark.parametrize("way", ["plain", "async"])
def test_one_that_raises_is_reported_and_called_again(
    market: Market, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    trades, done, calls = market.trades(BTC), Event(), list[Trade]()

    def fails(trade: Trade) -> None:
        calls.append(trade)
        if len(calls) == 5:
            done.set()
        raise ValueError("it is the program's own")

    async def fails_later(trade: Trade) -> None:
        fails(trade)

    trades.on(fails if way == "plain" else fails_later)
    with caplog.at_level(logging.ERROR, "tidebook.client"), market.health() as health:
        with trades:
            happens(done)
            assert trades.state == "open"
        told: list[CallbackFailed] = []
        while sum(event.times for event in told) < len(calls):
            event = health.next()
            told += [event] if isinstance(event, CallbackFailed) else []
    assert [event.times for event in told] == [1, len(calls) - 1]  # at once, and the rest at the end
    assert told[0].text.startswith(f"trades of {BTC}: a function given to `on` raised ValueError; it goes on")
    assert [record.exc_info is not None for record in caplog.records] == [True]


@pytest.mark.parametrize("way", ["plain", "async"])
def test_one_that_would_leave_the_program_ends_nothing(
    market: Market, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the market's thread would end by it, and a market without one looks well for ever."""
    trades, calls, again = market["binance.spot"].trades(BTC), list[Trade](), Event()

    def leaves(trade: Trade) -> None:
        calls.append(trade)
        if len(calls) == 3:
            again.set()
        sys.exit(3)

    async def leaves_later(trade: Trade) -> None:
        leaves(trade)

    trades.on(leaves if way == "plain" else leaves_later)
    with trades:
        happens(again)
    assert any("raised" in record.message and record.exc_info is not None for record in caplog.records)


def test_of_many_exceptions_one_is_told_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Health] = []
    at_ns = [1]
    monkeypatch.setattr(module, "mono_ns", lambda: at_ns[0])
    calls: Callbacks[int] = Callbacks(lambda: About("it"), told.append, lambda: Queue("error"))
    divide = calls.made(lambda item: 1 / item)
    for second in range(25):
        at_ns[0] = 1 + second * 10**9
        divide(0)
    calls.end()
    assert [event.times for event in told if isinstance(event, CallbackFailed)] == [1, 10, 10, 4]
    assert " 10 times; " in told[1].text


def test_a_slow_async_one_loses_by_the_rule_and_says_so() -> None:
    thread, told, seen, going = LoopThread(), list[Health](), list[int](), Event()
    calls: Callbacks[int] = Callbacks(lambda: About("it"), told.append, lambda: Queue("drop", most=3))

    async def slow(item: int) -> None:
        seen.append(item)
        if item == 99:
            going.set()

    put = calls.made(slow)
    thread.start()
    thread.ask(lambda: [put(item) for item in range(100)])
    happens(going)
    thread.stop()
    assert seen == [97, 98, 99]
    assert calls.lost == 97


@pytest.mark.parametrize("way", ["plain", "async"])
def test_inside_waiting_is_refused_and_closing_is_fine(running: Exchange, way: str) -> None:
    market = connect("binance.spot", at=running.at).start()
    refused: list[str] = []
    one, other = market.trades(BTC), market.book(BTC).start()
    called = 0

    def inside(trade: Trade) -> None:
        nonlocal called
        called += 1
        place = market["binance.spot"]  # it does not have to wait
        assert place.state == "up"
        assert other.last is not None  # `top` would raise on a machine too busy for it to be current
        for waits in (
            lambda: place.fetch_ticker(BTC),
            lambda: place.submit(Limit(BTC, "buy", size="0.001", price="30000")),
            other.next,
            lambda: market.quotes(BTC).start(),
            market.join,
        ):
            try:
                waits()
            except UsageError as error:
                refused.append(str(error))
        one.stop()
        other.close()
        market.stop()

    async def inside_later(trade: Trade) -> None:
        inside(trade)

    one.on(inside if way == "plain" else inside_later)
    one.start()
    assert market.join(30)
    assert called == 1  # nothing more was handed over
    assert len(refused) == 5
    assert all(text.startswith("a callback cannot ") for text in refused)
    assert (one.state, str(other.state)) == ("closed", "closed")


def test_one_that_is_read_by_on_cannot_be_iterated(market: Market) -> None:
    with market.trades(BTC) as trades:
        trades.on(lambda trade: None)
        with pytest.raises(UsageError, match="is read by `on`"):
            next(trades)


def test_it_is_called_in_the_markets_own_thread(market: Market) -> None:
    names, done = set[str](), Event()

    def called(trade: Trade) -> None:
        names.add(threading.current_thread().name)
        done.set()

    trades = market.trades(BTC)
    trades.on(called)
    with trades:
        happens(done)
    assert names == {"tidebook market"}
