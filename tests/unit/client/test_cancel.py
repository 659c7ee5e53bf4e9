"""Whatever is awaited may be cancelled, wherever it waits: nothing is left behind or lost, and the next call works."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import pytest
from tests.unit.client.stepping import GENEROUS, HOWS, How, cancelled, ours, sockets, until

from tidebook.client.market import Market, connect
from tidebook.client.opening import Opening
from tidebook.model.facts import Trade
from tidebook.sim.server import serve

OPENED: dict[str, Callable[[Market, str], Opening]] = {
    "book": lambda market, symbol: market.book(symbol, venue="binance"),
    "books": lambda market, symbol: market.books(symbol, "BTC/USDT", venue="htx"),
    "trades": lambda market, symbol: market.trades(symbol),
    "raw": lambda market, symbol: market.raw(f"{symbol.replace('/', '').lower()}@trade", venue="binance"),
    "bars": lambda market, symbol: market["binance"].bars(symbol),
    "health": lambda market, symbol: market.health(),
    "consolidated": lambda market, symbol: market.consolidated(symbol),
}
ASKED: dict[str, Callable[[Market], Awaitable[Any]]] = {
    "instruments": lambda market: market.fetch_instruments("*/USDT"),
    "time": lambda market: market.fetch_time(venue="htx"),
    "trades": lambda market: market.fetch_trades("BTC/USDT", venue="binance"),
    "bars": lambda market: market.fetch_bars("BTC/USDT", venue="htx"),
    "book": lambda market: market.fetch_book("BTC/USDT", venue="htx"),
    "get": lambda market: market.get("/api/v3/time", venue="binance"),
    "ticker": lambda market: market.fetch_ticker("BTC/USDT", venue="binance"),
}


async def fresh(market: Market) -> Iterator[str]:
    """Symbols that both venues list, each once: of one book few snapshots are asked for in a minute."""
    listed = [{one.symbol for one in await market[name].fetch_instruments("*/USDT")} for name in ("binance", "htx")]
    return iter(sorted(set.intersection(*listed)))


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=1, speed=4.0) as running:  # some channels speak but once a second
        yield running


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", "htx", at=sim.at) as opened:
        yield opened


async def everywhere(one: Callable[[int, How], Awaitable[bool]]) -> int:
    """Do it with each await in turn, in each way, until it is over before; how many times that was."""
    times = 0
    for how in HOWS:
        at = 0
        while await one(at, how):
            at += 1
        times += at
    return times


def topics(market: Market) -> int:
    return sum(one.topics for one in market._venues(None))


@pytest.mark.parametrize("how", HOWS)
async def test_connecting(sim: serve, how: How) -> None:
    before = sockets()
    for at in count():
        market = connect("binance.spot", "htx", at=sim.at)
        if not await cancelled(market.__aenter__(), at, how):
            assert market["htx"].state == "up"
            await market.close()
            break
        await until(lambda: not ours() and sockets() <= before)
        await market.close()
    await until(lambda: not ours() and sockets() <= before)
    assert at > 0


@pytest.mark.parametrize("what", OPENED)
async def test_opening(market: Market, what: str) -> None:
    before, symbols = ours(), await fresh(market)

    async def one(at: int, how: How) -> bool:
        symbol = next(symbols)
        thing = OPENED[what](market, symbol)
        reached = await cancelled(thing.__aenter__(), at, how)
        if reached:
            await until(lambda: not topics(market) and ours() <= before)
            assert not market._things
            async with OPENED[what](market, symbol):
                pass
        await thing.close()
        await until(lambda: not topics(market) and ours() <= before)
        return reached

    await everywhere(one)


@pytest.mark.parametrize("what", OPENED)
async def test_closing(market: Market, what: str) -> None:
    before, symbols = ours(), await fresh(market)

    async def one(at: int, how: How) -> bool:
        thing = await OPENED[what](market, next(symbols))
        reached = await cancelled(thing.close(), at, how)
        await thing.close()
        assert not topics(market)
        assert not market._things
        await until(lambda: ours() <= before)
        return reached

    assert await everywhere(one) > 0


async def test_closing_the_market(sim: serve) -> None:
    before = sockets()

    async def one(at: int, how: How) -> bool:
        market = await connect("binance.spot", at=sim.at)
        trades = await market.trades("BTC/USDT")
        reached = await cancelled(market.close(), at, how)
        await market.close()
        async with asyncio.timeout(GENEROUS):
            async for _ in trades:
                pass  # what was queued; then it is over
        await until(lambda: not ours() and sockets() <= before)
        return reached

    assert await everywhere(one) > 0


@pytest.mark.parametrize("what", ASKED)
async def test_asking(market: Market, what: str) -> None:
    before = ours()

    async def one(at: int, how: How) -> bool:
        reached = await cancelled(ASKED[what](market), at, how)
        assert await ASKED[what](market) is not None
        await until(lambda: ours() <= before)
        return reached

    await everywhere(one)


async def test_books_that_come_and_go(market: Market) -> None:
    """Books are added, taken out and waited for; a cancelled call leaves those that were there."""
    before, symbols = ours(), await fresh(market)
    async with market.books("BTC/USDT", venue="htx") as books:
        kept = ours()

        async def add(at: int, how: How) -> bool:
            symbol = next(symbols)
            reached = await cancelled(books.add(symbol), at, how)
            await until(lambda: symbol not in books or books[symbol].state.readable)
            await books.add(symbol)
            assert [*books] == ["BTC/USDT", symbol]
            reached = await cancelled(books.remove(symbol), at, how) or reached
            await books.remove(symbol)
            assert [*books] == ["BTC/USDT"]
            await until(lambda: topics(market) == 1 and ours() <= kept)
            return reached

        assert await everywhere(add) > 0
        for how in HOWS:
            await cancelled(books.live(), 0, how)
            await cancelled(books.next(), 0, how)
            await cancelled(anext(aiter(books)), 0, how)
        assert (await books.next()).symbol == "BTC/USDT"
    await until(lambda: not topics(market) and ours() <= before)


async def test_no_item_is_lost(market: Market) -> None:
    """One reader is cancelled again and again, whichever way it reads; another one is not."""
    whole: list[Trade] = []
    read: list[Trade] = []
    everything = market.trades("BTC/USDT", venue="htx")
    everything.on(whole.append)
    async with everything, market.trades("BTC/USDT", venue="htx") as trades:
        first = len(whole) - len(trades._queue)
        batches = trades.batches()

        async def one() -> None:
            read.append(await trades.next())

        async def several() -> None:
            read.extend(await anext(batches))

        async def each() -> None:
            read.append(await anext(aiter(trades)))

        for turn in range(24):
            for way in (one, several, each):
                if await cancelled(way(), 0, HOWS[turn % 3]):
                    batches = trades.batches()  # a generator that was cancelled is over
            await several()
    assert read == whole[first : first + len(read)]
    assert len(read) > 24


@pytest.mark.parametrize("how", HOWS)
async def test_a_book_s_reader(market: Market, how: How) -> None:
    async with market.book("BTC/USDT", venue="binance") as book, asyncio.timeout(GENEROUS):
        for _ in range(5):
            await cancelled(book.next(), 0, how)
            await cancelled(anext(aiter(book)), 0, how)
            change = await book.next()
            assert change.last == book.seq
            async for change in book:
                assert change.last == book.seq
                break
