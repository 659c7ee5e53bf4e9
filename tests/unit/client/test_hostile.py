"""What hostile users typed: each is refused in words, or does what was promised, and harms nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.client.stepping import FOREVER, GENEROUS, entered_without

from tidebook.client.market import Market, connect
from tidebook.core.options import Options
from tidebook.errors import BookNotLive, Overrun, TidebookError, Timeout, UnknownSymbol, UsageError
from tidebook.model.market import State
from tidebook.sim.server import serve


async def _for_ever(read: Callable[[], Awaitable[object]]) -> None:
    """Until it raises; a hang is one when nothing else would take so long."""
    async with asyncio.timeout(GENEROUS):
        while True:
            await read()


async def test_a_stale_book_raises_at_the_next_change_too(market: Market, sim: serve) -> None:
    async with market.book("BTC/USDT", venue="binance", stale="raise") as book:
        sim.faults.cut("binance", 3600)
        with pytest.raises(BookNotLive, match="is stale for"):
            await _for_ever(lambda: book.next(timeout=None))


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit])
async def test_a_function_that_raises_a_cancellation_ends_itself_alone(
    market: Market, kind: type[BaseException]
) -> None:
    async with (
        asyncio.timeout(GENEROUS),
        market.trades("BTC/USDT", venue="binance") as bad,
        market.trades("BTC/USDT", venue="binance") as good,
        market.book("BTC/USDT", venue="binance") as book,
    ):

        def handler(trade: object) -> None:
            raise kind

        bad.on(handler)
        while bad.state != "failed":
            await good.next(timeout=None)
        with pytest.raises(UsageError, match=f"raised {kind.__name__}"):
            await _for_ever(lambda: bad.next(timeout=None))  # what was queued before comes first
        while book.state is not State.LIVE:  # its first whole book may have been too old
            await book.next(timeout=None)
        assert market.stats.sockets == 1


async def test_one_venue_that_is_down_hides_no_other(sim: serve) -> None:
    sim.faults.status(503, "htx", n=10_000)
    patient = Options(request_timeout=FOREVER, fetch_timeout=FOREVER)  # the exchange makes a day of each symbol first
    opening = connect("binance.spot", "htx", at=sim.at, timeout=FOREVER, options=patient)
    async with asyncio.timeout(GENEROUS), entered_without(opening, "htx") as market:
        assert {one.venue for one in await market.fetch_tickers()} == {"binance.spot"}


async def test_time_that_is_over_has_words(market: Market) -> None:
    async with market.bars("BTC/USDT", interval="1h", venue="htx") as bars:
        with pytest.raises(Timeout, match=r"bars of BTC/USDT: nothing within 1e-05 s") as caught:
            await _for_ever(lambda: bars.next(1e-5))
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, TidebookError)
        with pytest.raises(UsageError, match="is no number of seconds"):
            await bars.next("1")  # type: ignore[arg-type]
        assert repr(bars).startswith("<bars of BTC/USDT ")


@pytest.mark.parametrize("symbol", [None, 5, ["BTC/USDT"], b"BTC/USDT"])
async def test_what_is_no_symbol(market: Market, symbol: Any) -> None:
    place = market["binance"]
    for attempt in (place.fetch_ticker, place.fetch_bars, place.fetch_book, place.book, place.consolidated):
        with pytest.raises(UsageError, match="is no symbol"):
            await attempt(symbol)
    if not isinstance(symbol, list):
        with pytest.raises(UsageError, match="is no symbol"):
            await place.trades(symbol)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "5", True])
async def test_what_is_no_limit(market: Market, limit: Any) -> None:
    for venue in ("binance", "htx"):
        place = market[venue]
        for attempt in (place.fetch_trades, place.fetch_bars, place.fetch_book):
            with pytest.raises(UsageError, match="limit"):
                await attempt("BTC/USDT", limit=limit)


async def test_kinds_of_instruments(market: Market) -> None:
    spot = await market.fetch_instruments("*/USDT", kind="spot", venue="binance")
    assert {one.kind for one in spot} == {"spot"}
    assert len(await market.fetch_instruments(kind="linear", venue="htx.spot")) == 0
    with pytest.raises(UsageError, match="there are spot, linear, inverse, option"):
        await market.fetch_instruments(kind="swap")  # type: ignore[arg-type]
    with pytest.raises(UnknownSymbol, match="no symbol matches"):
        await market.fetch_instruments("ZZZ*")
    assert issubclass(Overrun, TidebookError)
