"""Which venue of an exchange is meant: a symbol decides, an id where it names one; what is down, or closed, is said."""

import asyncio
import re
from decimal import Decimal
from functools import partial

import pytest
from msgspec.structs import replace
from tests.unit.client.bourse import GENEROUS, INVERSE, LINEAR, SPOT, Bourse, running, traded
from tests.unit.client.stepping import until

from tidebook.client.market import Market, connect
from tidebook.client.symbols import Listing, resolve
from tidebook.client.where import declared_at
from tidebook.errors import AmbiguousSymbol, NetworkError, UnknownSymbol, UnknownVenue, UsageError, VenueUnavailable
from tidebook.model.facts import Instrument
from tidebook.model.place import parse

BTC = "BTC/USDT:USDT"


async def show(bourse: Bourse, venue: str, id: str) -> None:
    """A book for whoever has subscribed it."""
    await until(lambda: (venue, f"book.{id}") in bourse.subscribed)
    await bourse.push(f"book.{id}", venue=venue, bids=[["60000", "1"]], asks=[["60001", "2"]])


async def test_a_symbol_chooses_the_venue() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse", at=at) as market:
        for symbol, venue, id in (
            (BTC, "linear", "BTCUSDT"),
            ("BTC/USDT", "spot", "BTCUSDT"),
            ("BTCUSD", "inverse", "BTCUSD"),
            ("BTCUSDT_260327", "linear", "BTCUSDT_260327"),
            ("ETH/USDT:USDT-260327-80000-C", "option", "ETH-260327-80000-C"),
        ):
            told = asyncio.ensure_future(show(bourse, venue, id))
            async with market.book(symbol) as book:
                await told
                assert (book.venue, book.best_bid and book.best_bid.price) == (f"bourse.{venue}", Decimal(60000))


async def test_an_id_of_several_is_refused_with_all_that_it_could_be() -> None:
    async with asyncio.timeout(GENEROUS), running() as (_, at), connect("bourse", at=at) as market:
        said = "'BTCUSDT' on bourse is BTC/USDT (bourse.spot) and BTC/USDT:USDT (bourse.linear). Write one of these"
        for attempt in (market.book("BTCUSDT"), market.trades("BTCUSDT"), market.fetch_mark_price("BTCUSDT")):
            with pytest.raises(AmbiguousSymbol) as caught:
                await attempt
            assert str(caught.value) == said
        async with market["bourse.linear"].trades("BTCUSDT") as trades:
            assert {symbol for _, symbol in trades._inlets} == {BTC}


async def test_a_symbol_of_a_market_that_is_not_open_is_refused_with_its_name() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at):
        async with connect("bourse.spot", at=at) as market:
            said = (
                "'BTC/USDT:USDT' is a perpetual of bourse.linear; only bourse.spot is open. "
                'Write connect("bourse") or connect("bourse.spot", "bourse.linear")'
            )
            asked = len(bourse.asked)
            for attempt in (market.book(BTC), market.trades(BTC), market.fetch_funding(BTC), market.books(BTC)):
                with pytest.raises(UnknownSymbol) as caught:
                    await attempt
                assert str(caught.value) == said
            assert len(bourse.asked) == asked, "that it trades no such thing needs no question"
            with pytest.raises(UnknownSymbol, match=r"is an option of bourse\.option; only bourse\.spot is open"):
                await market.book("BTC/USDT:USDT-260327-1-P")
        async with connect("bourse.linear", "bourse.inverse", at=at) as market:
            with pytest.raises(UnknownSymbol) as caught:
                await market.book("BTC/USDT")
            assert str(caught.value) == (
                "'BTC/USDT' is a spot market of bourse.spot; only bourse.linear and bourse.inverse are open. "
                'Write connect("bourse") or connect("bourse.linear", "bourse.inverse", "bourse.spot")'
            )
            with pytest.raises(UnknownSymbol, match=r"bourse has no 'XBT/USDT:USDT'\. Close: .* All: tidebook"):
                await market.book("XBT/USDT:USDT")
        async with connect("bourse", at=at) as market:
            with pytest.raises(UnknownSymbol) as caught:
                await market["bourse.spot"].book(BTC)
            assert str(caught.value) == (
                "'BTC/USDT:USDT' is a perpetual of bourse.linear, and was asked of bourse.spot. "
                'Write venue="bourse.linear" or market["bourse.linear"]'
            )


async def test_a_kind_that_the_exchange_has_not_is_said_to_be_none() -> None:
    async with asyncio.timeout(GENEROUS), running(SPOT) as (_, at), connect("bourse", at=at) as market:
        with pytest.raises(UnknownSymbol) as caught:
            await market.book(BTC)
        assert (
            str(caught.value)
            == "'BTC/USDT:USDT' is a perpetual, and bourse has none here. All: tidebook symbols bourse"
        )


async def test_venues_named_one_by_one_are_one_exchange() -> None:
    async with (
        asyncio.timeout(GENEROUS), running(SPOT, LINEAR, INVERSE) as (bourse, at),
        connect("bourse.spot", "bourse.linear", at=at) as market,
    ):  # fmt: skip
        async with market.trades(BTC) as trades, market["bourse"].trades("BTC/USDT") as spot:
            await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "7"))
            await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "8"), venue="spot")
            assert (await trades.next()).venue == "bourse.linear"
            assert (await spot.next()).venue == "bourse.spot"
        assert market.stats.venues == 2
        assert await market.fetch_time() > 0, "an exchange has one clock"
        with pytest.raises(UsageError, match=r"bourse\.inverse is not connected; bourse\.spot, bourse\.linear are"):
            _ = market["bourse.inverse"]


@pytest.mark.parametrize("places", [("bourse", "bourse"), ("bourse", "bourse.spot"), ("bourse.spot", "bourse")])
async def test_what_is_named_twice_is_opened_once(places: tuple[str, ...]) -> None:
    async with asyncio.timeout(GENEROUS), running(SPOT, LINEAR) as (bourse, at):
        async with connect(*places, at=at) as market:
            assert market.stats.venues == 2
            assert sorted(bourse.asked) == sorted(
                f"{venue}/{name}" for venue in ("spot", "linear") for name in ("time", "instruments")
            )
            async with market.trades("BTC/USDT") as trades, market["bourse.spot"].trades("BTC/USDT") as same:
                await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "7"), venue="spot")
                assert (await trades.next()).id == (await same.next()).id == "7"
            assert bourse.subscribed == [("spot", "trades.BTCUSDT")]
            everything = market._connected
        assert all(one._closing for one in everything)


async def test_all_are_loaded_at_once_and_sockets_open_when_first_used() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at), connect("bourse", at=at) as market:
        loaded = {name.partition("/")[0] for name in bourse.asked if name.endswith("/instruments")}
        assert loaded == {"spot", "linear", "inverse", "option"}
        assert (bourse.opened, market.stats.sockets, market.stats.up) == ([], 0, 4)
        assert market["bourse"].state == "up"
        assert repr(market).startswith("<Market bourse=up, 0 subscriptions on 0 sockets")
        async with market.trades(BTC):
            assert bourse.opened == ["linear"]


async def opened(at: str, *down: str) -> Market:
    """A market that waits no longer for what is down, once the others are up."""
    market = connect("bourse", at=at, timeout=GENEROUS)
    opening = asyncio.ensure_future(market._enter())
    dead = [f"bourse.{name}" for name in down]

    def told() -> bool:
        """Whether each is up, or known to be down."""
        ones = market._connected
        return bool(ones) and all(one.error is not None if one.declared.name in dead else one.is_loaded for one in ones)

    await until(told)
    waited = [one for one in market._connected if one.error is not None]
    for one in waited:
        one.ready.set()
    try:
        return await opening
    finally:
        for one in waited:
            one.ready.clear()


async def test_one_that_is_down_stops_no_other() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at):
        bourse.down.add("linear")
        market = await opened(at, "linear")
        try:
            state = market["bourse"].state
            assert state.startswith("bourse.linear=retrying(")
            assert market["bourse.spot"].state == "up"
            assert market["bourse.linear"].state == state.removeprefix("bourse.linear=")
            assert "bourse.spot=up bourse.linear=retrying(" in repr(market)
            assert repr(market["bourse"]).startswith("<bourse bourse.linear=retrying(")
            async with market.trades("BTC/USDT") as trades, market.trades("*") as every:
                await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "7"), venue="spot")
                assert (await trades.next()).id == (await every.next()).id == "7"
            market._wait = 0.05
            for attempt in (market.book(BTC), market.trades(BTC), market.fetch_funding(BTC), market.books(BTC)):
                with pytest.raises(VenueUnavailable, match=r"bourse\.linear has not answered"):
                    await attempt
            for attempt in (market.book("BTCUSDT"), market.trades("BTCUSDT")):
                with pytest.raises(VenueUnavailable):  # it could be one of the venue that is down
                    await attempt
            with pytest.raises(UnknownSymbol, match="bourse has no 'XYZ/USDT'"):
                await market.book("XYZ/USDT")
            assert len(await market.fetch_instruments()) == 8
            assert len(await market.fetch_instruments("BTC/*", kind="inverse")) == 1
            market._wait = GENEROUS
            late = asyncio.ensure_future(market.trades(BTC)._enter())
            bourse.down.clear()
            trades = await late
            await bourse.push("trades.BTCUSDT", traded("BTCUSDT", "9"))
            assert (await trades.next()).venue == "bourse.linear"
            assert market["bourse"].state == "up"
        finally:
            await market.close()


async def test_all_down_raises() -> None:
    async with asyncio.timeout(GENEROUS), running() as (bourse, at):
        bourse.down |= {"spot", "linear", "inverse", "option"}
        with pytest.raises(NetworkError, match="ServerDisconnected"):
            await opened(at, *bourse.down)


def test_a_symbol_that_two_venues_list_is_asked_back() -> None:
    """Writing it again would say no more than before."""
    row = Instrument(
        venue="one", symbol="A/B", id="AB", base="A", quote="B", kind="spot", active=True, tick=None, step=None
    )
    listings = [Listing.of("one", [row]), Listing.of("two", [replace(row, venue="two")])]
    with pytest.raises(AmbiguousSymbol, match="'A/B' is on one and two: say of which, venue="):
        resolve("A/B", listings, "both")


def test_an_exchange_is_what_it_has_in_an_environment() -> None:
    """Not all of its venues need be there."""
    every = {venue.name: {one.name for one in venue.environments} for venue in declared_at(parse("binance"))}
    assert {"live"} < set.union(*every.values())
    for environment in set.union(*every.values()):
        there = [venue.name for venue in declared_at(parse(f"binance:{environment}"))]
        assert there == [name for name, environments in every.items() if environment in environments]
    assert len(declared_at(parse("binance:demo"))) < len(every)
    with pytest.raises(UnknownVenue, match=re.escape("binance.options has no environment 'demo'. It has: live, ")):
        declared_at(parse("binance.options:demo"))
    with pytest.raises(UnknownVenue, match=re.escape("binance has no environment 'nowhere'. It has: live, ")):
        declared_at(parse("binance:nowhere"))


async def test_what_is_unknown_is_looked_for_anew_once() -> None:
    """Also where a newer list comes all the time, as where it is asked for more often than it is answered."""
    asked: list[str] = []

    async def newer(name: str) -> bool:
        asked.append(name)
        await asyncio.sleep(0)
        return True

    async with asyncio.timeout(GENEROUS), running() as (_, at), connect("bourse", at=at) as market:
        ones = market._venues(None)
        for one in ones:
            one.relist = partial(newer, one.declared.name)  # type: ignore[method-assign]
        for attempt in (market.trades("NO/SUCH"), market.book("NO/SUCH")):
            asked.clear()
            with pytest.raises(UnknownSymbol):
                await attempt
            assert len(set(asked)) == len(asked) > 0
