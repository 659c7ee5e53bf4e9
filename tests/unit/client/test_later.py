"""Venues that do not answer stop nobody; when they answer, or list a symbol, at last, what is open has it too."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.unit.client.stepping import FOREVER, GENEROUS, entered_without, until

from tidebook.client.consolidated import Consolidation
from tidebook.client.finding import usable
from tidebook.client.market import Market, connect
from tidebook.core.options import Options
from tidebook.errors import RegionRefused, UnknownSymbol
from tidebook.io.serve import Answer, Asked
from tidebook.model.market import State
from tidebook.sim.server import serve

WATCHFUL = Options(listing_every=0.05)


@asynccontextmanager
async def one_down(sim: serve) -> AsyncIterator[tuple[Market, Callable[[], None]]]:
    """A market of two venues of which the second has not answered yet; calling lets it answer."""
    site, answers = sim._simulator, asyncio.Event()
    http = site.http

    async def held(request: Asked) -> Answer:
        if "binance" not in request.host:
            await answers.wait()
        return await http(request)

    site.http = held  # type: ignore[method-assign]
    opening = connect("binance.spot", "htx", at=sim.at, timeout=FOREVER, options=WATCHFUL)
    async with entered_without(opening, "htx") as market:
        try:
            yield market, answers.set
        finally:
            answers.set()


async def test_one_that_is_down_stops_nobody(sim: serve) -> None:
    async with asyncio.timeout(GENEROUS), one_down(sim) as (market, _):
        async with (
            market.trades("BTC/USDT") as trades,
            market.quotes("*/USDT") as quotes,
            market.books("BTC/USDT", "L*/USDT") as books,
            market.consolidated("BTC/USDT") as both,
        ):
            assert (await trades.next(timeout=None)).venue == (await quotes.next(timeout=None)).venue == "binance.spot"
            assert books["BTC/USDT"].venue == "binance.spot"
            assert [book.venue for book in both.books] == ["binance.spot"]
        assert len(await market.fetch_instruments("BTC/*")) > 0


async def test_what_is_open_joins_it_later(sim: serve) -> None:
    async with (
        asyncio.timeout(GENEROUS),
        one_down(sim) as (market, up),
        market.quotes("BTC/USDT", slow="drop") as one,
        market.quotes("ET*/USDT", slow="drop") as several,
        market.consolidated("BTC/USDT") as both,
    ):
        up()
        for quotes in (one, several):
            venues: set[str] = set()
            while len(venues) < 2:
                venues.add((await quotes.next(timeout=None)).venue)
        async for view in both:
            if len(view.venues) == 2:
                break
        assert both.now().bid is not None


async def test_a_symbol_of_the_one_that_is_down_is_waited_for(sim: serve) -> None:
    for front in sim._simulator.fronts.values():
        if front.venue.exchange == "binance":
            front.delist("LTC/USDT")
    async with asyncio.timeout(GENEROUS), one_down(sim) as (market, up):
        market._wait = 0.05
        with pytest.raises(UnknownSymbol, match=r"binance\.spot has no 'NO/SUCH'"):
            await market.trades("NO/SUCH")
        market._wait = FOREVER
        opening = asyncio.ensure_future(market.books("LTC/USDT")._enter())
        await asyncio.sleep(0)
        up()
        books = await opening
        assert books["LTC/USDT"].venue == "htx.spot"
        with pytest.raises(UnknownSymbol):
            await market.books("NO/SUCH")


async def test_a_pattern_of_books_follows_it(sim: serve) -> None:
    for front in sim._simulator.fronts.values():
        if front.venue.exchange == "binance":
            front.delist("LTC/USDT")
    async with asyncio.timeout(GENEROUS), one_down(sim) as (market, up), market.books("LTC/USDT*") as books:
        assert len(books) == 0
        up()
        await until(lambda: "LTC/USDT" in books and books["LTC/USDT"].state is State.LIVE)
        assert books["LTC/USDT"].venue == "htx.spot"


async def test_a_pattern_may_match_nothing_yet(sim: serve) -> None:
    sim.delist("LTC/USDT")
    async with (
        asyncio.timeout(GENEROUS),
        connect("binance.spot", at=sim.at, options=WATCHFUL) as market,
        market.quotes("LTC/USDT*") as quotes,
        market.books("LTC/USDT*") as books,
    ):
        assert quotes.state == "open"
        with pytest.raises(UnknownSymbol, match="no symbol matches"):
            await market.fetch_instruments("LTC/USDT*")
        sim.relist("LTC/USDT")
        assert (await quotes.next(timeout=None)).symbol == "LTC/USDT"
        assert (await books.next(timeout=None)).symbol == "LTC/USDT"


async def test_all_are_waited_for_at_once(market: Market) -> None:
    """A refusal is told at once, whoever else has not answered yet."""
    binance, htx = market._venues("binance")[0], market._venues("htx")[0]
    htx.ready.clear()
    binance.error = RegionRefused("not here")
    async with asyncio.timeout(GENEROUS):
        with pytest.raises(RegionRefused, match="not here"):
            await usable([htx, binance], FOREVER)
    htx.ready.set()


async def test_one_venue_ends_it_and_the_others_go_on(sim: serve) -> None:
    """A view of several venues is told when one of them trades its symbol no more, or again."""
    async with (
        asyncio.timeout(GENEROUS),
        connect("binance.spot", "htx", at=sim.at, options=WATCHFUL) as market,
        market.consolidated("LTC/USDT") as both,
    ):
        silence(sim)
        views: list[Consolidation] = []

        async def read() -> None:
            async for view in both:
                views.append(view)  # noqa: PERF401 - each is looked at when it comes

        reader = asyncio.ensure_future(read())
        front = next(one for one in sim._simulator.fronts.values() if one.venue.exchange == "htx")
        front.delist("LTC/USDT")
        await until(lambda: views and [str(one.state) for one in views[-1].venues] == ["live", "closed"])
        front.relist("LTC/USDT")
        sim.faults.resume()
        await until(lambda: [str(one.state) for one in views[-1].venues] == ["live", "live"])
        reader.cancel()


def silence(sim: serve) -> None:
    """No book says anything any more: what wakes a reader then is something else."""
    for venue in ("binance", "htx"):
        sim.faults.silence(venue, "*", FOREVER)
