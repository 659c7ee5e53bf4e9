"""Opening twice, closing early, late, twice, from inside and all at once: each has one answer."""

import asyncio
import functools
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.client.stepping import GENEROUS, ours, sockets, until

from tidebook.client.book import Book
from tidebook.client.market import Market, connect
from tidebook.client.opening import Opening
from tidebook.core.options import Options
from tidebook.errors import BookNotLive, UsageError
from tidebook.model import health
from tidebook.model.facts import Quote
from tidebook.model.market import State
from tidebook.sim.server import serve

MAKE: dict[str, Callable[[Market], Opening]] = {
    "book": lambda market: market.book("BTC/USDT", venue="binance"),
    "books": lambda market: market.books("BTC/USDT", "ETH/USDT", venue="binance"),
    "quotes": lambda market: market.quotes("BTC/USDT", venue="binance"),
    "raw": lambda market: market.raw("btcusdt@trade", venue="binance"),
    "health": lambda market: market.health(),
    "consolidated": lambda market: market.consolidated("BTC/USDT"),
}


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", at=sim.at) as opened:
        yield opened


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The address of a server that takes connections and says nothing."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


def lines(market: Market) -> list[object]:
    """The connections that are wanted."""
    return [line for one in market._venues(None) for line in one.desk.lines]


async def to_the_end(read: Callable[[], Awaitable[Any]]) -> None:
    """What was queued comes first; then what it ends with is raised."""
    async with asyncio.timeout(GENEROUS):
        while True:
            await read()


# ---- opening


@pytest.mark.parametrize("what", MAKE)
async def test_opened_twice(market: Market, what: str) -> None:
    thing = MAKE[what](market)
    async with thing:
        with pytest.raises(UsageError, match="was opened before"):
            await thing.__aenter__()
    with pytest.raises(UsageError, match="was opened before"):
        await thing.__aenter__()


@pytest.mark.parametrize("close", ["close", "close_soon"])
@pytest.mark.parametrize("what", MAKE)
async def test_closed_before_it_was_opened(market: Market, what: str, close: str) -> None:
    thing = MAKE[what](market)
    if close == "close":
        await thing.close()
    else:
        thing.close_soon()
    with pytest.raises(UsageError, match="is closed"):
        await thing.__aenter__()
    assert not market._things


@pytest.mark.parametrize("close", ["close", "close_soon"])
@pytest.mark.parametrize("what", [what for what in MAKE if what != "health"])
async def test_closed_while_it_is_being_opened(market: Market, sim: serve, what: str, close: str) -> None:
    sim.faults.cut("binance.spot", 600)
    thing = MAKE[what](market)
    opening = asyncio.ensure_future(thing.__aenter__())
    await until(lambda: lines(market))
    if close == "close":
        await thing.close()
    else:
        thing.close_soon()
    with pytest.raises(UsageError, match="closed while it was being opened"):
        await opening
    assert opening.cancelling() == 0
    assert not lines(market)
    assert not market._things


async def test_a_market_that_is_closed_while_it_is_being_opened(silent: str) -> None:
    market = connect("binance.spot", at=silent)
    opening = asyncio.ensure_future(market.__aenter__())
    await until(lambda: market._open_venues)
    await market.close()
    with pytest.raises(UsageError, match="Market was closed while it was being opened"):
        await opening
    await until(lambda: not ours())


async def test_cancelled_from_outside_while_it_is_closed_it_is_cancelled(market: Market, sim: serve) -> None:
    sim.faults.cut("binance.spot", 600)
    book = market.book("BTC/USDT")
    opening = asyncio.ensure_future(book.__aenter__())
    await until(lambda: market.stats.topics)
    closing = asyncio.ensure_future(book.close())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await closing


async def test_cancelled_then_another_one(market: Market, sim: serve) -> None:
    sim.faults.cut("binance.spot", 600)
    opening = asyncio.ensure_future(market.book("BTC/USDT").__aenter__())
    await until(lambda: market.stats.topics)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    sim.faults.resume("binance.spot")
    async with market.book("BTC/USDT") as book:
        assert book.state is State.LIVE


# ---- closing


@pytest.mark.parametrize("what", MAKE)
async def test_closed_by_several_at_once(market: Market, what: str) -> None:
    """Whoever closes comes back when it is closed, not before."""
    thing = await MAKE[what](market)

    async def close() -> int:
        await thing.close()
        return len(market._things)

    assert [*await asyncio.gather(close(), close(), close())] == [0, 0, 0]
    await thing.close()


async def test_a_market_closes_all_that_was_opened_out_of_it(sim: serve) -> None:
    before = sockets()
    market = await connect("binance.spot", at=sim.at)
    things = [await make(market) for make in MAKE.values()]
    book, quotes = await market.book("ETH/USDT"), await market.quotes("ETH/USDT")

    async def read_on(readable: AsyncIterable[object]) -> bool:
        async for _ in readable:
            pass
        return True

    readers = [asyncio.ensure_future(read_on(one)) for one in (book, quotes)]
    await asyncio.gather(market.close(), market.close())
    async with asyncio.timeout(GENEROUS):
        assert await asyncio.gather(*readers) == [True, True]
    assert book.state is State.CLOSED
    assert all(thing._closed for thing in things)
    await until(lambda: not ours() and sockets() <= before)


async def test_used_after_it_was_closed(sim: serve) -> None:
    market = await connect("binance.spot", at=sim.at)
    place = market["binance"]
    book, quotes = await market.book("BTC/USDT"), await market.quotes("BTC/USDT")
    frozen = book.freeze()
    await market.close()
    for call in (market.fetch_time, market.book("ETH/USDT").__aenter__, market.health().__aenter__, place.fetch_time):
        with pytest.raises(UsageError, match="Market is closed"):
            await call()
    with pytest.raises(UsageError, match="Market is closed"):
        _ = market["binance"]
    with pytest.raises(BookNotLive, match="closed"):
        book.top()
    with pytest.raises(BookNotLive, match="closed"):
        await to_the_end(book.next)
    with pytest.raises(StopAsyncIteration):
        await to_the_end(quotes.next)
    assert frozen.best_bid is not None
    assert market.stats.sockets == 0
    assert repr(market) == "<Market binance.spot closed>"
    assert repr(place) == "<binance of <Market binance.spot closed>>"
    assert repr(book).startswith("<Book BTC/USDT binance closed")


@pytest.mark.parametrize("of", ["itself", "its market"])
async def test_closed_inside_of_a_function_given_to_on(sim: serve, of: str) -> None:
    market = await connect("binance.spot", at=sim.at)
    book, quotes = market.book("BTC/USDT"), market.quotes("BTC/USDT")
    calls: list[str] = []

    def on_book(changed: Book) -> None:
        calls.append("book")
        (changed if of == "itself" else market).close_soon()

    def on_quote(_: Quote) -> None:
        calls.append("quote")
        (quotes if of == "itself" else market).close_soon()

    book.on(on_book)
    quotes.on(on_quote)
    await asyncio.gather(book.__aenter__(), quotes.__aenter__(), return_exceptions=True)
    await until(lambda: book._closed and quotes._closed and not market._things)
    await market.close()
    assert calls


# ---- functions given to `on`


async def lazy(_: object) -> None:
    """Nobody awaits it."""


async def lazy_generator(_: object) -> AsyncIterator[int]:
    yield 1


class Lazy:
    async def __call__(self, _: object) -> None:
        """Nobody awaits it."""

    async def method(self, _: object) -> None:
        """Nor this."""


LAZY: dict[str, Any] = {
    "a coroutine function": lazy,
    "a partial one": functools.partial(functools.partial(lazy), 1),
    "an object that is called": Lazy(),
    "a partial object": functools.partial(Lazy()),
    "a method": Lazy().method,
    "an asynchronous generator": lazy_generator,
    "a generator": lambda _: (yield),
    "no function": 5,
}


@pytest.mark.parametrize("function", LAZY.values(), ids=LAZY.keys())
async def test_functions_that_would_have_to_be_awaited(market: Market, function: Any) -> None:
    for thing in (market.book("BTC/USDT"), market.books("BTC/USDT"), market.quotes("BTC/USDT")):
        with pytest.raises(UsageError, match="`on` takes a"):
            thing.on(function)


async def test_a_function_that_gives_back_a_coroutine_is_not_dropped_in_silence(market: Market) -> None:
    def sly(_: object) -> object:
        return lazy(_)

    async with market.quotes("BTC/USDT") as quotes, market.book("BTC/USDT") as good:
        quotes.on(sly)
        await until(lambda: quotes._queue.ended)
        with pytest.raises(UsageError, match="gave back a coroutine, which nobody runs"):
            await to_the_end(quotes._queue.one)
        book = market.book("BTC/USDT")
        book.on(sly)
        with pytest.raises(UsageError, match="gave back a coroutine, which nobody runs"):
            await book.__aenter__()
        await good.next()


async def test_a_function_of_a_book_that_raises_ends_itself_alone(market: Market) -> None:
    calls: list[Book] = []

    def bad(book: Book) -> None:
        calls.append(book)
        raise ValueError("mine")

    async with market.book("BTC/USDT") as told, market.book("BTC/USDT") as other:
        told.on(bad)
        for _ in range(4):
            await other.next()
        assert calls == [told]
        assert told.best_bid is not None
        with pytest.raises(ValueError, match="mine"):
            await to_the_end(told.next)
        with pytest.raises(StopAsyncIteration):
            await anext(aiter(told))
    with pytest.raises(ValueError, match="mine"):
        await _opened_with(market, bad)


@pytest.mark.parametrize("what", ["book", "books", "quotes", "raw"])
async def test_a_function_that_raises_is_told_and_so_is_its_reader(market: Market, what: str) -> None:
    def bad(item: object) -> None:
        raise ValueError("mine")

    thing: Any = MAKE[what](market)
    thing.on(bad)
    async with market.health() as events, asyncio.timeout(GENEROUS):
        if what == "book":
            with pytest.raises(ValueError, match="mine"):
                await thing
        elif what in ("books", "raw"):
            await thing
        else:
            with suppress(ValueError):  # an item may come before it is open
                await thing
        async for event in events:
            if isinstance(event, health.SubscriptionFailed):
                assert event.reason == "the function given to `on` raised ValueError"
                assert event.topic.startswith(("book BTC/USDT", "books of ", "quotes of ", "raw stream of "))
                break
    if thing._closed:
        return
    if what in ("quotes", "raw"):
        assert thing.state == "failed"
        await until(lambda: not market._venues(None)[0].topics and not lines(market))
    with pytest.raises(ValueError, match="mine"):
        await to_the_end(thing.next)
    with pytest.raises(StopAsyncIteration):
        await anext(aiter(thing))


@pytest.mark.parametrize("what", ["book", "books", "quotes"])
async def test_a_slow_function_is_told(sim: serve, what: str) -> None:
    options = Options(slow_call=0.0)
    async with connect("binance.spot", at=sim.at, options=options) as market, market.health() as events:
        thing: Any = MAKE[what](market)
        thing.on(lambda item: None)
        async with thing, asyncio.timeout(GENEROUS):
            async for event in events:
                if isinstance(event, health.LoopBlocked) and event.venue:
                    assert event.venue == "binance.spot"
                    assert event.what.startswith("a function given to `on` of ")
                    break


async def test_a_function_of_books_that_raises_ends_itself_alone(market: Market) -> None:
    async with market.books("BTC/USDT", "ETH/USDT") as told, market.books("BTC/USDT") as other:

        def bad(book: Book) -> None:
            raise ValueError("mine")

        told.on(bad)
        for _ in range(4):
            await other.next()
        assert told._queue.ended
        assert told["ETH/USDT"].best_bid is not None
        with pytest.raises(ValueError, match="mine"):
            await to_the_end(told.next)


async def _opened_with(market: Market, function: Callable[[Book], object]) -> None:
    book = market.book("BTC/USDT")
    book.on(function)
    await book.__aenter__()


async def test_what_a_function_gives_back_otherwise_is_its_own_affair(market: Market) -> None:
    seen: list[Decimal] = []
    tasks: list[asyncio.Task[None]] = []

    def handler(quote: Quote) -> object:
        seen.append(quote.bid)
        tasks.append(asyncio.ensure_future(lazy(quote)))
        return tasks[-1]

    async with market.quotes("BTC/USDT") as quotes:
        quotes.on(handler)
        await until(lambda: len(seen) > 2)
    await asyncio.gather(*tasks)
