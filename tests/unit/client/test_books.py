"""Many books at once, against the embedded exchange."""

import asyncio
from collections.abc import Callable

import pytest

from tidebook.client.book import Book
from tidebook.client.market import Market, connect
from tidebook.core.options import Options
from tidebook.errors import BookNotLive, UnknownSymbol, UsageError
from tidebook.model import health
from tidebook.model.market import State
from tidebook.sim.server import serve

WATCHFUL = Options(listing_every=0.05)
GENEROUS = 30.0  # seconds that nothing here takes


async def until(true: Callable[[], object]) -> None:
    """Give way until something is true."""
    async with asyncio.timeout(GENEROUS):
        while not true():  # noqa: ASYNC110 - nothing tells of all that is asked here
            await asyncio.sleep(0.01)


async def test_symbols_and_patterns(market: Market) -> None:
    async with market.books("BTC/USDT", "*/BTC", venue="binance") as books:
        listed = [one.symbol for one in await market["binance"].fetch_instruments("*/BTC")]
        assert set(books) == {"BTC/USDT", *listed}
        assert all(book.state is State.LIVE for book in books.values())
        assert books["BTC/USDT"].best_bid is not None
        assert not books.failed
        assert repr(books) == f"<Books {len(books)} live>"
        changed: set[str] = set()
        async for book in books:
            assert books[book.symbol] is book
            changed.add(book.symbol)
            if len(changed) == 3:
                break
    assert {book.state for book in books.values()} == {State.CLOSED}


async def test_one_of_them_is_read_like_any_book(market: Market) -> None:
    async with market.books("BTC/USDT", "ETH/USDT", venue="binance") as books:
        change = await books["BTC/USDT"].next()
        assert change.symbol == "BTC/USDT"
        seen: list[str] = []
        books.on(lambda book: seen.append(book.symbol))
        await until(lambda: set(seen) == {"BTC/USDT", "ETH/USDT"})


async def test_adding_and_removing(market: Market) -> None:
    async with market.books("BTC/USDT", venue="binance") as books:
        btc = books["BTC/USDT"]
        await books.add("ETH/USDT", "BTC/USDT")
        assert list(books) == ["BTC/USDT", "ETH/USDT"]
        assert books["BTC/USDT"] is btc
        assert books["ETH/USDT"].state is State.LIVE
        await books.remove("BTC/*", "never there")
        assert list(books) == ["ETH/USDT"]
        assert btc.state is State.CLOSED
        with pytest.raises(KeyError):
            _ = books["BTC/USDT"]
        with pytest.raises(UnknownSymbol):
            await books.add("BTC/USDT", "NO/SUCH")
        assert list(books) == ["ETH/USDT"]
    with pytest.raises(UsageError):
        await books.add("BTC/USDT")


async def test_what_no_venue_lists_is_refused(market: Market) -> None:
    with pytest.raises(UnknownSymbol, match="NO/SUCH"):
        await market.books("BTC/USDT", "NO/SUCH", venue="binance")
    with pytest.raises(UsageError, match="of which symbol"):
        market.books()
    with pytest.raises(UsageError, match=r"BTC/USDT is on several venues: say of which, venue= binance or htx"):
        await market.books("BTC/USDT")


async def test_one_that_fails_is_named(sim: serve) -> None:
    """The others are there all the same."""
    async with connect("htx", at=sim.at) as market:
        sim.faults.silence("htx", "market.ethusdt.depth.step0", 3600)
        async with market.books("BTC/USDT", "ETH/USDT", timeout=2.5) as books:
            assert list(books) == ["BTC/USDT"]
            assert "ETH/USDT" in str(books.failed["ETH/USDT"])
            with pytest.raises(KeyError, match="not readable"):
                _ = books["ETH/USDT"]


async def test_waiting_until_all_are_live(market: Market, sim: serve) -> None:
    async with market.books("BTC/USDT", "ETH/USDT", venue="binance") as books:
        await books.live()
        sim.faults.cut("binance", 3600)
        await until(lambda: not any(book.state.readable for book in books.values()))
        with pytest.raises(BookNotLive, match=r"not live after 0\.05 s: BTC/USDT \(stale\), ETH/USDT \(stale\)"):
            await books.live(0.05)
        sim.faults.resume("binance")
        await books.live(GENEROUS)


async def test_a_pattern_follows_what_is_listed(sim: serve) -> None:
    sim.delist("LTC/USDT")
    async with (
        connect("binance", at=sim.at, options=WATCHFUL) as market,
        market.books("L*/USDT", "BTC/USDT") as books,
        market.health() as events,
    ):
        assert "LTC/USDT" not in books
        sim.relist("LTC/USDT")
        await until(lambda: "LTC/USDT" in books and books["LTC/USDT"].state is State.LIVE)
        ltc = books["LTC/USDT"]
        sim.delist("LTC/USDT")
        await until(lambda: "LTC/USDT" in books.failed)
        assert "LTC/USDT" not in books
        assert str(ltc.state) == "closed"
        with pytest.raises(BookNotLive, match="not traded any more"):
            _ = ltc.mid
        with pytest.raises(UnknownSymbol, match="not traded any more"):
            await _read(ltc)
        async for event in events:
            if isinstance(event, health.SubscriptionFailed) and event.symbol == "LTC/USDT":
                break
        assert books["BTC/USDT"].state is State.LIVE


async def test_one_book_of_a_symbol_that_ends_says_so_once(sim: serve) -> None:
    async with connect("binance", at=sim.at, options=WATCHFUL) as market, market.book("LTC/USDT") as book:
        reader: asyncio.Task[None] = asyncio.ensure_future(_read(book))
        sim.delist("LTC/USDT")
        with pytest.raises(UnknownSymbol, match="LTC/USDT is not traded any more"):
            await asyncio.wait_for(reader, GENEROUS)
        assert [change async for change in book] == []


async def _read(book: Book) -> None:
    async for _ in book:
        pass


async def test_facts_follow_too(sim: serve) -> None:
    sim.delist("LTC/USDT")
    async with (
        connect("binance", at=sim.at, options=WATCHFUL) as market,
        market.quotes("L*/USDT", slow="drop") as quotes,
        market.quotes("BTC/USDT") as one,
    ):
        sim.relist("LTC/USDT")
        await until(lambda: quotes.latest("LTC/USDT") is not None)
        sim.delist("BTC/USDT")
        with pytest.raises(UnknownSymbol):
            async for _ in one:
                pass


async def test_a_symbol_that_came_later_is_known(sim: serve) -> None:
    """A listing that is older than a minute is asked for anew before a symbol is called unknown."""
    sim.delist("LTC/USDT")
    async with connect("binance", at=sim.at) as market:
        with pytest.raises(UnknownSymbol):
            await market.fetch_ticker("LTC/USDT")
        sim.relist("LTC/USDT")
        for one in market._venues(None):
            one._traded._asked_ns -= 61_000_000_000
        assert (await market.fetch_ticker("LTC/USDT")).last > 0


async def test_cancelled_while_it_opens_it_leaves_nothing(market: Market) -> None:
    books = market.books("*/USDT", venue="binance")
    opening = asyncio.ensure_future(books._enter())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    ones = market._venues("binance")
    assert sum(one.topics for one in ones) == 0
    async with market.books("BTC/USDT", venue="binance") as again:
        assert again["BTC/USDT"].state is State.LIVE


async def test_the_depth_that_is_asked_for(market: Market) -> None:
    async with market.book("BTC/USDT", venue="binance", limit=100) as book:
        assert 50 < book.count("bid") < 200
    with pytest.raises(UsageError, match=r"limit=5001: book 'depth' of binance\.spot has at most 5000 levels"):
        await market.book("BTC/USDT", venue="binance", limit=5001)
    with pytest.raises(UsageError, match="has no choice of depth"):
        await market.book("BTC/USDT", venue="htx", limit=100)
    with pytest.raises(UsageError, match="stale="):
        market.book("BTC/USDT", stale="never")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="require="):
        market.book("BTC/USDT", require="proven")
