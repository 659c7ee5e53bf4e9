"""The client against the embedded exchange: what users type, and what they are told when it cannot be."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tidebook.client.book import Book
from tidebook.client.market import Market, connect
from tidebook.core.options import Options
from tidebook.errors import (
    AmbiguousSymbol,
    BookNotLive,
    RateLimited,
    UnknownSymbol,
    UnknownVenue,
    UsageError,
    VenueError,
)
from tidebook.model.facts import Quote
from tidebook.model.market import State
from tidebook.sim.server import serve

VENUES = ("binance", "htx")


def truth_at(sim: serve, book: Book) -> tuple[int, Decimal, Decimal]:
    """The exchange's own update id and best prices of the same instrument."""
    whole = sim.exchange.book(book.venue, book.symbol, 1)
    instrument = sim.exchange.want(book.venue, book.symbol)
    bid, ask = whole.bids[0][0], whole.asks[0][0]
    return whole.update_id, Decimal(instrument.price_text(bid)), Decimal(instrument.price_text(ask))


@pytest.mark.parametrize("venue", VENUES)
async def test_a_book_is_live_and_moves(market: Market, venue: str) -> None:
    async with market.book("BTC/USDT", venue=venue) as book:
        assert book.state is State.LIVE
        first = book.seq
        assert first is not None
        changes = [await book.next() for _ in range(3)]
        assert changes[-1].last == book.seq
        assert book.seq != first
        bids, asks = book.top(5)
        assert [row.price for row in bids] == sorted((row.price for row in bids), reverse=True)
        assert [row.price for row in asks] == sorted(row.price for row in asks)
        assert book.best_bid == bids[0] == book.bids[0]
        assert repr(book).startswith(f"<Book BTC/USDT {venue} live ")
    assert str(book.state) == "closed"
    with pytest.raises(BookNotLive, match="closed"):
        _ = book.best_bid


async def test_a_book_in_batches_and_its_time(market: Market) -> None:
    async with market.book("BTC/USDT", venue="htx") as book:
        async for batch in book.batches():
            assert [change.symbol for change in batch] == ["BTC/USDT"]
            break
        assert book.time is not None
        assert book.time.tzinfo is not None
        assert book.venue_ns is not None
        assert book.time.timestamp() == pytest.approx(book.venue_ns / 1e9)


async def test_a_frozen_book_stays(market: Market) -> None:
    async with market.book("BTC/USDT", venue="binance") as book:
        frozen = book.freeze()
        before = frozen.top(10)
        for _ in range(3):
            await book.next()
        assert frozen.top(10) == before
        assert frozen.seq != book.seq
        cost = frozen.cost("buy", "0.5")
        assert cost.filled == Decimal("0.5")
        assert frozen.best_ask is not None
        assert cost.average is not None
        assert cost.average >= frozen.best_ask.price
        far = frozen.cost("buy", 10**9)
        assert far.beyond_known


@pytest.mark.parametrize("venue", VENUES)
async def test_facts_come_in_three_ways(market: Market, venue: str) -> None:
    seen: list[Quote] = []
    async with (
        market.quotes("BTC/USDT", venue=venue) as called,
        market.quotes("BTC/USDT", venue=venue) as awaited,
        market.trades("BTC/USDT", venue=venue) as trades,
    ):
        called.on(seen.append)
        async for quote in awaited:
            assert quote.bid < quote.ask
            break
        batch = await anext(aiter(trades.batches()))
        assert batch[0].side in ("buy", "sell")
        assert batch[0].price > 0
        assert batch[0].symbol == "BTC/USDT"
        while not seen:
            await awaited.next()
        assert awaited.latest("BTC/USDT") is not None


async def test_symbols_in_a_list(market: Market) -> None:
    async with market.quotes(["BTC/USDT", "ETH/USDT"], venue="binance") as quotes:
        seen: set[str] = set()
        while len(seen) < 2:
            seen.add((await quotes.next()).symbol)
        assert seen == {"BTC/USDT", "ETH/USDT"}


async def test_all_venues_that_list_it(market: Market) -> None:
    async with market.trades("BTC/USDT") as trades:
        venues = set()
        async for trade in trades:
            venues.add(trade.venue)
            if len(venues) == 2:
                break
        assert venues == {"binance.spot", "htx.spot"}


async def test_side_by_side(market: Market) -> None:
    async with market.consolidated("BTC/USDT") as both:
        async for view in both:
            if all(one.bid is not None for one in view.venues):
                break
        assert {one.venue for one in view.venues} == {"binance.spot", "htx.spot"}
        assert view.bid is not None
        assert view.bid[1].price == max(one.bid.price for one in view.venues if one.bid is not None)
        assert len(view.differences) == 2


@pytest.mark.parametrize("venue", VENUES)
async def test_asking_once(market: Market, venue: str) -> None:
    place = market[venue]
    instruments = await place.fetch_instruments("*/USDT")
    assert "BTC/USDT" in [one.symbol for one in instruments]
    bars = await place.fetch_bars("BTC/USDT", "1m", limit=5)
    assert len(bars) == 5
    assert all(later.time - bar.time == timedelta(minutes=1) for bar, later in pairwise(bars))
    ticker = await place.fetch_ticker("BTC/USDT")
    assert ticker.last > 0
    assert isinstance(await place.fetch_time(), int)


async def test_what_is_asked_of_several_is_over_when_it_raises(sim: serve) -> None:
    """One venue's refusal does not leave the other one's question to itself."""
    patient = Options(request_timeout=1e6, fetch_timeout=1e6)  # the exchange makes a day of each symbol first
    async with connect("binance.spot", "htx", at=sim.at, options=patient) as market:
        sim.faults.status(503, "binance", n=1)
        with pytest.raises(VenueError, match="HTTP 503"):
            await market.fetch_tickers()
        assert not [task for task in asyncio.all_tasks() if "fetch" in repr(task.get_coro())]


async def test_a_cut_cable_is_seen_and_mended(market: Market, sim: serve) -> None:
    async with market.book("BTC/USDT", venue="binance", stale="yield") as book:
        sim.faults.cut("binance.spot")
        states: list[State] = []
        async for change in book:
            if not states or states[-1] is not change.state:
                states.append(change.state)
            if states[-2:] == [State.STALE, State.LIVE]:
                break
        assert State.STALE in states


async def test_a_dropped_change_is_a_gap(market: Market, sim: serve) -> None:
    async with market.health() as health, market.book("BTC/USDT", venue="binance") as book:
        sim.faults.drop("binance.spot", "btcusdt@depth@100ms")
        told = []
        async for event in health:
            told.append(type(event).__name__)
            if told[-1] == "Resynced":
                break
        assert "Gap" in told
        assert book.state is State.LIVE


async def test_reading_a_stale_book_says_why(market: Market, sim: serve) -> None:
    async with market.book("BTC/USDT", venue="binance", stale="raise") as book:
        sim.faults.cut("binance.spot", 600)
        with pytest.raises(BookNotLive, match=r"BTC/USDT binance is stale for .* Last proven view: book\.last"):
            async for _ in book:
                pass
        with pytest.raises(BookNotLive):
            _ = book.mid
        assert book.last is not None
        assert book.last.best_bid is not None


async def test_a_handler_that_raises_ends_itself_alone(market: Market) -> None:
    async with (
        market.quotes("BTC/USDT", venue="binance") as bad,
        market.quotes("BTC/USDT", venue="binance") as good,
    ):

        def handler(quote: Quote) -> None:
            raise ValueError("mine")

        bad.on(handler)
        for _ in range(5):
            await good.next()


async def test_symbols_are_refused_before_any_stream(market: Market) -> None:
    with pytest.raises(
        UnknownSymbol, match=r"binance.spot has no 'BTC/USTD'\. Close: .*All: tidebook symbols binance.spot"
    ):
        await market.book("BTC/USTD", venue="binance")
    with pytest.raises(UnknownSymbol, match="perpetual"):
        await market.book("BTC/USDT:USDT", venue="binance")
    with pytest.raises(UsageError, match="say of which venue"):
        await market.book("BTC/USDT")


async def test_a_venue_id_is_taken_where_it_is_one(market: Market) -> None:
    async with market.book("BTCUSDT", venue="binance") as book:
        assert book.symbol == "BTC/USDT"


async def test_unknown_venues_open_nothing(sim: serve) -> None:
    with pytest.raises(UnknownVenue, match="There are"):
        connect("nowhere", at=sim.at)
    with pytest.raises(UnknownVenue, match="environment"):
        connect("htx:testnet", at=sim.at)
    with pytest.raises(UsageError, match="loopback"):
        await connect("binance.spot", at="192.0.2.1:80")


async def test_opened_by_await_and_closed_twice(sim: serve) -> None:
    market = await connect("binance.spot", at=sim.at)
    book = await market.book("BTC/USDT")
    assert book.best_bid is not None
    await book.close()
    await market.close()
    await market.close()
    with pytest.raises(UsageError, match="opened before"):
        await market


async def test_subscribing_from_inside_a_reader(market: Market) -> None:
    async with market.trades("BTC/USDT", venue="binance") as trades:
        async for _ in trades:
            async with market.quotes("ETH/USDT", venue="binance") as quotes:
                assert (await quotes.next()).symbol == "ETH/USDT"
            break


async def test_a_sleeping_reader_is_told_what_it_lost(market: Market) -> None:
    async with market.quotes("BTC/USDT", venue="binance", slow="drop") as quotes:
        await asyncio.sleep(0)
        got = [await quotes.next() for _ in range(3)]
        assert len(got) + quotes.lost >= 3


async def test_what_is_no_price_size_or_side(market: Market) -> None:
    async with market.book("BTC/USDT", venue="binance") as book:
        with pytest.raises(TypeError) as caught:
            book.depth_to(60000.1)  # type: ignore[arg-type]
        assert str(caught.value) == (
            'price=60000.1 is a float. Write "60000.1", or instrument.price(60000.1) to round to the tick'
        )
        for size in ("nan", "inf", "abc", "-1", "", "1_0", True, None):
            with pytest.raises(UsageError, match="is no size"):
                book.cost("buy", size)  # type: ignore[arg-type]
        for side in ("BUY", "ask", None):
            with pytest.raises(UsageError, match="write 'buy' or 'sell'"):
                book.cost(side, 1)  # type: ignore[arg-type]
        assert book.best_ask is not None
        assert book.depth_to(book.best_ask.price).filled >= book.best_ask.size
        assert book.depth_to(1).beyond_known
        with pytest.raises(BookNotLive, match="beyond the known range"):
            book.depth_to(1, strict=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"engine": "pyhton"}, "there are 'native' and 'python'"),
        ({"timeout": -1}, "seconds above 0"),
        ({"timeout": "5"}, "seconds above 0"),
        ({"at": 8800}, "is no address"),
    ],
)
def test_connecting_with_nonsense(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        connect("binance.spot", **arguments)
    with pytest.raises(UsageError, match="places are texts"):
        connect(["binance"])  # type: ignore[arg-type]


async def test_another_venue_is_named_rightly(market: Market) -> None:
    with pytest.raises(UnknownVenue, match="no venue is called 'nope'"):
        _ = market["nope"]
    with pytest.raises(UsageError, match=r"htx:testnet|environment"):
        _ = market["htx:testnet"]
    with pytest.raises(
        UsageError, match=r"binance:testnet is not connected; binance.spot, htx are\. Write connect\('binance.spot', "
    ):
        _ = market["binance:testnet"]
    with pytest.raises(UsageError, match="a place is a text"):
        _ = market[0]  # type: ignore[index]


def test_ambiguous_is_a_usage_error() -> None:
    assert issubclass(AmbiguousSymbol, UsageError)


async def test_where_there_will_be_no_room_in_time_it_is_said_at_once(market: Market, sim: serve) -> None:
    sim.faults.status(429, "binance", retry_after=600)
    place = market["binance"]
    with pytest.raises(RateLimited):
        await place.fetch_ticker("BTC/USDT")
    with pytest.raises(RateLimited, match=r"binance\.weight has no room for \d+ s\. Nothing was sent") as caught:
        await place.fetch_ticker("BTC/USDT")
    assert caught.value.retry == "after 600 s"
    assert caught.value.retry_at > 0
