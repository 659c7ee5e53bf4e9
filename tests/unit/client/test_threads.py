"""A market used from another thread, or out of another loop: what belongs to its loop says so, the rest is right."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from typing import Any

import pytest
from tests.unit.client.stepping import GENEROUS, ours, until

from tidebook import engine as engines
from tidebook.client.book import Book
from tidebook.client.market import Market, PlaceMarket, connect
from tidebook.client.opening import Opening
from tidebook.client.subscription import Subscription
from tidebook.errors import WrongLoop
from tidebook.model.facts import Quote
from tidebook.model.market import State
from tidebook.model.orders import Limit, Order
from tidebook.sim.server import serve

# What the verbs of a market are called with here. A new one has to be added.
SENT = Order(
    venue="binance.spot", symbol="BTC/USDT", venue_ns=1, received_ns=1, id="7", side="buy", kind="limit", status="open",
    exact_size=(1, 3), exact_price=(30000, 0),
)  # fmt: skip
WISH = Limit("BTC/USDT", "buy", size="0.001", price="30000")
VERBS: dict[str, tuple[Any, ...]] = {
    "amend": (SENT,),
    "cancel": (SENT,),
    "cancel_all": ("BTC/USDT",),
    "close": (),
    "delete": ("api/v3/order",),
    "fetch_balances": (),
    "fetch_fills": ("BTC/USDT",),
    "fetch_open_orders": (),
    "fetch_order": (SENT,),
    "fetch_positions": (),
    "post": ("api/v3/order",),
    "put": ("api/v3/order",),
    "resolve": ("tb1",),
    "submit": (WISH,),
    "submit_many": ([WISH],),
    "fetch_bars": ("BTC/USDT",),
    "fetch_book": ("BTC/USDT",),
    "fetch_funding": ("BTC/USDT",),
    "fetch_instruments": (),
    "fetch_mark_price": ("BTC/USDT",),
    "fetch_open_interest": ("BTC/USDT",),
    "fetch_ticker": ("BTC/USDT",),
    "fetch_tickers": (),
    "fetch_time": (),
    "fetch_trades": ("BTC/USDT",),
    "fetch_quotes": ("BTC/USDT",),
    "get": ("api/v3/time",),
}
NOUNS: dict[str, tuple[Any, ...]] = {
    "bars": ("BTC/USDT",),
    "book": ("BTC/USDT",),
    "books": ("BTC/USDT", "ETH/USDT"),
    "consolidated": ("BTC/USDT",),
    "health": (),
    "quotes": ("BTC/USDT",),
    "raw": ("btcusdt@trade",),
    "ticker": ("BTC/USDT",),
    "trades": ("BTC/USDT",),
}


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", "htx.spot", at=sim.at) as opened:
        yield opened


def elsewhere(work: Callable[[], Any]) -> "asyncio.Future[Any]":
    """Done in a thread of its own, which may stay behind when it hangs."""
    over: Future[Any] = Future()

    def run() -> None:
        try:
            over.set_result(work())
        except BaseException as error:
            over.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return asyncio.wrap_future(over)


async def in_thread(work: Callable[[], Any]) -> Any:
    async with asyncio.timeout(GENEROUS):
        return await elsewhere(work)


async def in_loop(make: Callable[[], Awaitable[Any]]) -> Any:
    """Awaited in another thread's loop."""

    async def run() -> Any:
        return await make()

    return await in_thread(lambda: asyncio.run(run()))


def test_all_verbs_are_known_here() -> None:
    for kind in (Market, PlaceMarket):
        verbs = {name for name, what in inspect.getmembers(kind, inspect.iscoroutinefunction) if name[0] != "_"}
        assert verbs <= VERBS.keys()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "close"])
async def test_verbs(market: Market, verb: str) -> None:
    named = {"start": "1d"} if verb == "fetch_quotes" else {}
    for place in (market, market["binance"]):
        with pytest.raises(WrongLoop, match=r"belongs to the loop .* another.*market\.stats and close_soon"):
            await in_loop(lambda place=place: getattr(place, verb)(*VERBS[verb], **named))  # type: ignore[misc]


@pytest.mark.parametrize("noun", NOUNS)
async def test_nouns(market: Market, noun: str) -> None:
    place = market["binance"]
    thing: Opening = getattr(place, noun)(*NOUNS[noun])
    with pytest.raises(WrongLoop, match="Market belongs to the loop"):
        await in_loop(thing.__aenter__)
    async with thing:  # nothing has happened to it
        with pytest.raises(WrongLoop, match="belongs to the loop"):
            await in_loop(thing.__aenter__)


async def test_reading(market: Market) -> None:
    async with (
        market.book("BTC/USDT", venue="binance") as book,
        market.quotes("BTC/USDT", venue="binance") as quotes,
        market.consolidated("BTC/USDT") as both,
        market.books("BTC/USDT", venue="binance") as books,
    ):
        reads: list[Callable[[], Awaitable[Any]]] = [
            book.next, lambda: anext(aiter(book)), quotes.next, lambda: anext(aiter(quotes)), quotes.__anext__,
            lambda: anext(aiter(quotes.batches())), lambda: anext(aiter(both)), books.next, books.live,
            lambda: anext(aiter(books)), lambda: books.add("ETH/USDT"), lambda: books.remove("BTC/USDT"),
        ]  # fmt: skip
        for read in reads:
            with pytest.raises(WrongLoop, match="belongs to the loop"):
                await in_loop(read)
        with pytest.raises(WrongLoop, match="runs none"):
            await in_thread(lambda: market["binance"])
        with pytest.raises(WrongLoop, match="runs none"):
            await in_thread(lambda: aiter(quotes))
        # Its own loop goes on, also when an iterator was begun before it went astray.
        iterator = aiter(book)
        await anext(iterator)
        with pytest.raises(WrongLoop, match="belongs to the loop"):
            await in_loop(lambda: anext(iterator))
        await book.next()
        await quotes.next()


async def test_a_loop_that_is_over(sim: serve) -> None:
    def use() -> tuple[BaseException | None, BaseException | None, str]:
        first = asyncio.new_event_loop()
        market, other = connect("binance.spot", at=sim.at), connect("binance.spot", at=sim.at)
        first.run_until_complete(market.__aenter__())
        first.run_until_complete(other.__aenter__())
        seen = [asyncio.run(caught(market.fetch_time)), asyncio.run(caught(market.close))]
        first.run_until_complete(market.close())
        first.run_until_complete(other.close())
        first.close()
        asyncio.run(market.close())
        market.close_soon()
        other.close_soon()
        return seen[0], seen[1], repr(market)

    async def caught(make: Callable[[], Awaitable[Any]]) -> BaseException | None:
        try:
            await make()
        except WrongLoop as error:
            return error
        return None

    asked, closed, shown = await in_thread(use)
    assert isinstance(asked, WrongLoop)
    assert isinstance(closed, WrongLoop)
    assert "does not run now. Close it there" in str(closed)
    assert shown == "<Market binance.spot closed>"


@pytest.mark.parametrize("engine", engines.available())
async def test_prices_from_another_thread_are_of_one_instant(sim: serve, engine: engines.Choice) -> None:
    """A thread looks as fast as it can while the book moves; sides that belong together never cross."""
    over = threading.Event()

    def look(book: Book) -> int:
        seqs: set[int | None] = set()
        while not over.is_set():
            for bids, asks in (book.top(5), (frozen := book.freeze()).top(5)):
                assert bids[0].price < asks[0].price
                assert [row.price for row in bids] == sorted({row.price for row in bids}, reverse=True)
                assert [row.price for row in asks] == sorted({row.price for row in asks})
            assert frozen.seq == frozen.proof.seq
            assert book.spread is not None
            assert book.spread > 0
            assert book.mid is not None
            assert 0 < book.imbalance() < 1
            assert book.best_bid is not None
            assert book.cost("buy", "0.01").filled > 0
            assert book.depth_to(book.best_bid.price).filled >= 0
            assert book.state is State.LIVE
            assert "live" in repr(book)
            seqs.add(frozen.seq)
        return len(seqs)

    async with connect("binance.spot", at=sim.at, engine=engine) as market, market.book("BTC/USDT") as book:
        looking = elsewhere(lambda: look(book))
        for _ in range(15):
            await book.next()
        over.set()
        assert await looking > 1


async def test_stats(market: Market) -> None:
    assert (market.stats.venues, market.stats.up, market.stats.topics) == (2, 2, 0)
    async with (
        market.book("BTC/USDT", venue="binance") as book,
        market.quotes("BTC/USDT", venue="htx", slow="drop") as quotes,
    ):
        await book.next()
        await quotes.next()
        stats = await in_thread(lambda: market.stats)
        assert (stats.sockets, stats.topics, stats.books, stats.live, stats.subscriptions) == (2, 2, 1, 1, 2)
        assert stats.messages >= 2
        assert stats.events >= 2
        quotes._queue.lost += 5
        assert market.stats.lost == 5
        with pytest.raises(AttributeError):
            setattr(stats, "lost", 0)  # noqa: B010 - it is frozen
    after = market.stats
    assert (after.topics, after.books, after.subscriptions, after.lost) == (0, 0, 0, 5)
    assert after.messages >= stats.messages


@pytest.mark.parametrize("times", [1, 2])
async def test_close_soon_from_a_thread(sim: serve, times: int) -> None:
    market = await connect("binance.spot", at=sim.at)
    book, quotes = await market.book("BTC/USDT"), await market.quotes("BTC/USDT")
    for thing in (book, quotes, market):
        for _ in range(times):
            await in_thread(thing.close_soon)
    await until(lambda: not ours())
    assert book.state is State.CLOSED
    assert [repr(quotes), repr(market)] == ["<quotes of BTC/USDT closed>", "<Market binance.spot closed>"]
    await market.close()


async def test_close_from_another_loop(sim: serve) -> None:
    market = await connect("binance.spot", at=sim.at)
    quotes = await market.quotes("BTC/USDT")
    await in_loop(quotes.close)
    await in_loop(market.close)
    assert not ours()
    await in_loop(market.close)
    await market.close()


async def test_close_of_a_loop_that_is_kept_busy_does_not_hang(sim: serve) -> None:
    market = await connect("binance.spot", at=sim.at)
    closed = threading.Event()

    def close() -> None:
        asyncio.run(market.close())
        closed.set()

    threading.Thread(target=close, daemon=True).start()
    assert closed.wait(GENEROUS), "it waits for a loop that waits for it"
    await market.close()


async def test_a_reader_elsewhere_leaves_the_queue_alone(market: Market) -> None:
    """Who asks in the wrong place neither takes an item nor wakes up in place of who waits."""
    async with market.quotes("BTC/USDT", venue="binance") as quotes:
        waiting = asyncio.ensure_future(quotes.next())
        with pytest.raises(WrongLoop):
            await in_loop(quotes.next)
        assert isinstance(await waiting, Quote)


async def test_nothing_is_kept_between_two_runs(sim: serve) -> None:
    def twice() -> list[bool]:
        async def once() -> bool:
            async with connect("binance.spot", at=sim.at) as market, market.book("BTC/USDT") as book:
                return book.best_bid is not None

        return [asyncio.run(once()) for _ in range(2)]

    assert await in_thread(twice) == [True, True]


def test_a_subscription_is_shown_in_a_line() -> None:
    one: Subscription[int] = _Nothing("numbers", "error")
    assert repr(one) == "<numbers not opened>"


class _Nothing(Subscription[int]):
    async def _open(self) -> None:
        """Nothing to do."""
