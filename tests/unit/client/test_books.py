"""Many books at once, against the embedded exchange."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from tidebook.client.book import Book
from tidebook.client.books import Books
from tidebook.client.feeds import LiveBook
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
    with pytest.raises(UsageError, match=r"BTC/USDT is on several venues: say of which, venue= binance.spot or htx"):
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
        connect("binance.spot", at=sim.at, options=WATCHFUL) as market,
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


async def test_without_a_pattern_they_say_what_ended_too(sim: serve) -> None:
    async with (
        connect("binance.spot", at=sim.at, options=WATCHFUL) as market,
        market.books("LTC/USDT", "BTC/USDT") as books,
    ):
        ltc = books["LTC/USDT"]
        sim.faults.silence("binance", "*", 3600)
        one = market._venues(None)[0]
        for core in one.desk.books.values():
            one._driver.tell(partial(core._stale, "a test says so"))
        assert not any(book.state.readable for book in books.values())
        waits = asyncio.ensure_future(books.live(GENEROUS))
        sim.delist("LTC/USDT")
        await until(lambda: "LTC/USDT" in books.failed)
        assert list(books) == ["BTC/USDT"]
        assert str(ltc.state) == "closed"
        await until(lambda: market.stats.topics == 1)
        reader = asyncio.ensure_future(_changes(books))
        await asyncio.sleep(0)
        sim.delist("BTC/USDT")
        with pytest.raises(UnknownSymbol, match="BTC/USDT is not traded any more"):
            await asyncio.wait_for(reader, GENEROUS)
        assert set(books.failed) == {"BTC/USDT", "LTC/USDT"}
        await asyncio.wait_for(waits, GENEROUS)  # of none, each is live


async def _changes(books: Books) -> None:
    async for _ in books:
        pass


async def test_what_one_venue_ends_is_another_one_s(sim: serve) -> None:
    """Of a symbol that both list, the book is that of the venue which was asked."""
    front = next(one for one in sim._simulator.fronts.values() if one.venue.exchange == "binance")
    front.delist("LTC/USDT")
    async with (
        connect("binance.spot", "htx", at=sim.at, options=WATCHFUL) as market,
        market.books("LTC/USDT*") as books,
    ):
        ltc = books["LTC/USDT"]
        assert ltc.venue == "htx.spot"
        listing = market._venues("binance")[0]
        front.relist("LTC/USDT")
        await until(lambda: listing.listing.find("LTC/USDT") is not None)
        front.delist("LTC/USDT")
        await until(lambda: listing.listing.find("LTC/USDT") is None)
        assert books["LTC/USDT"] is ltc
        assert ltc.state is State.LIVE
        assert not books.failed


async def test_taking_out_wakes_who_waits(market: Market, sim: serve) -> None:
    async with market.books("BTC/USDT", venue="binance") as books:
        sim.faults.cut("binance", 3600)
        await until(lambda: not books["BTC/USDT"].state.readable)
        waits = asyncio.ensure_future(books.live(GENEROUS))
        await asyncio.sleep(0)
        await books.remove("BTC/USDT")
        await waits
        sim.faults.resume("binance")
    with pytest.raises(UsageError, match="closed"):
        await books.add("BTC/USDT")


async def test_what_was_taken_out_is_not_read(market: Market) -> None:
    async with market.books("BTC/USDT", "ETH/USDT", venue="binance") as books:
        await until(lambda: len(books._queue) == 2)
        await books.remove("BTC/USDT")
        assert (await books.next()).symbol == "ETH/USDT"
        assert (await books.next()).symbol == "ETH/USDT"


async def test_taking_out_reads_symbols_as_adding_does(market: Market) -> None:
    async with market.books("BTC/USDT", venue="binance") as books:
        for text in ("ethusdt", "eth/usdt", "ETHUSDT"):
            await books.add(text)
            assert list(books) == ["BTC/USDT", "ETH/USDT"]
            await books.remove(text)
            assert list(books) == ["BTC/USDT"]


async def test_taken_out_while_it_opens_it_has_not_failed(market: Market, sim: serve) -> None:
    async with market.books("BTC/USDT", venue="htx") as books:
        sim.faults.silence("htx", "market.ethusdt.depth.step0", 3600)
        adding = asyncio.ensure_future(books.add("ETH/USDT"))
        await until(lambda: "ETH/USDT" in books)
        eth = books["ETH/USDT"]
        await books.remove("ETH/USDT")
        await adding
        assert list(books) == ["BTC/USDT"]
        assert not books.failed
        with pytest.raises(UsageError, match=r"^Book "):
            await eth


async def test_closing_takes_what_is_being_added_with_it(market: Market, sim: serve) -> None:
    books = await market.books("BTC/USDT", venue="htx")
    sim.faults.silence("htx", "market.ethusdt.depth.step0", 3600)
    adding = asyncio.ensure_future(books.add("ETH/USDT"))
    await until(lambda: "ETH/USDT" in books)
    await books.close()
    with pytest.raises(UsageError, match="these books are closed"):
        await asyncio.wait_for(adding, GENEROUS)
    assert market.stats.topics == 0
    assert {str(book.state) for book in books.values()} == {"closed"}


async def test_closing_while_a_venue_is_waited_for(market: Market) -> None:
    one = market._venues("htx")[0]
    books = await market.books("BTC/USDT", venue="htx")
    one.ready.clear()  # as if it had not answered yet
    adding = asyncio.ensure_future(books.add("ETH/USDT"))
    await asyncio.sleep(0)
    await books.close()
    one.ready.set()
    with pytest.raises(UsageError, match="these books are closed"):
        await asyncio.wait_for(adding, GENEROUS)
    assert market.stats.topics == 0
    assert market.stats.subscriptions == 0


async def test_a_bug_in_one_leaves_the_others_whole(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    async with market.books("BTC/USDT", venue="binance") as books:
        make = books._make

        def broken(symbol: str, place: str) -> LiveBook:
            book = make(symbol, place)
            if symbol == "ETH/USDT":
                book._kind = b""  # type: ignore[assignment]
                monkeypatch.setattr(book, "_finder", None)
            elif symbol == "LTC/USDT":
                book._kind = "no such kind"
            return book

        books._make = broken
        with pytest.raises(AttributeError):
            await books.add("ETH/USDT", "LTC/USDT", "XRP/USDT")
        assert list(books) == ["BTC/USDT", "XRP/USDT"]
        assert set(books.failed) == {"ETH/USDT", "LTC/USDT"}


async def test_one_book_of_a_symbol_that_ends_says_so_once(sim: serve) -> None:
    async with connect("binance.spot", at=sim.at, options=WATCHFUL) as market, market.book("LTC/USDT") as book:
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
        connect("binance.spot", at=sim.at, options=WATCHFUL) as market,
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
    async with connect("binance.spot", at=sim.at) as market:
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
