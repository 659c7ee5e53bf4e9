"""Connections that are replaced while they are read, on real sockets: nobody who reads can tell."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tidebook import engine as engines
from tidebook import venues
from tidebook.client.book import Book
from tidebook.client.market import Market, connect
from tidebook.client.subscription import Subscription
from tidebook.core.options import Options
from tidebook.model import health
from tidebook.model.facts import Fact, Quote, Trade
from tidebook.model.market import State
from tidebook.sim.server import serve
from tidebook.venue import Endpoint, Lifetime
from tidebook.venues import binance

TIMES = 20
LONG = 60.0  # seconds, after which a handover is as good as lost
OPTIONS = Options(handover_grace=1.0, healthy_after=0.0)  # it is rotated more often than is healthy


class Reader:
    """What came of two symbols, and what health told."""

    def __init__(self) -> None:
        self.trades: dict[str, list[int]] = {}
        self.quotes: dict[str, list[int]] = {}
        self.books: list[int] = []
        self.events: list[health.Health] = []
        self._more = asyncio.Event()

    async def open(self, market: Market, stack: AsyncExitStack) -> Book:
        symbols = ("BTC/USDT", "ETH/USDT")
        feeds: list[Subscription[Any]] = [
            market.trades(*symbols),
            market.quotes(*symbols),
            market.bars("BTC/USDT", interval="1m"),
        ]
        for feed in feeds:
            (await stack.enter_async_context(feed)).on(self._fact)
        book: Book = await stack.enter_async_context(market.book("BTC/USDT"))
        book.on(self._changed)
        told = await stack.enter_async_context(market.health())
        told.on(self._told)
        await self._until(lambda: len(self._counts()) == 5)
        # A snapshot may be older than the stream, which the first message behind it shows: that is over by now.
        await self._until(lambda: book.state is State.LIVE and len(self.books) >= 10)
        self.events.clear()
        return book

    def _changed(self, book: Book) -> None:
        self.books.append(book.seq or 0)
        self._more.set()

    def _told(self, event: health.Health) -> None:
        self.events.append(event)
        self._more.set()

    def _fact(self, fact: Fact) -> None:
        if isinstance(fact, Trade):
            self.trades.setdefault(fact.symbol, []).append(int(fact.id))
        elif isinstance(fact, Quote):
            self.quotes.setdefault(fact.symbol, []).append(fact.seq or 0)
        self._more.set()

    @property
    def rotated(self) -> list[health.Rotated]:
        return [event for event in self.events if isinstance(event, health.Rotated)]

    async def until_rotated(self, times: int) -> None:
        await self._until(lambda: len(self.rotated) >= times)

    async def until_traded(self) -> None:
        """Something more has come of everything."""
        before = self._counts()
        await self._until(lambda: all(n > had for n, had in zip(self._counts(), before, strict=False)))

    def _counts(self) -> list[int]:
        return [len(one) for one in (self.books, *self.trades.values(), *self.quotes.values())]

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG):
            while not true():
                self._more.clear()
                await self._more.wait()

    def check(self, times: int) -> None:
        """Nothing was lost, and nothing came twice."""
        # A machine that has much to do is late; that is no matter of connections.
        fine = health.Connected | health.Rotated | health.LoopBlocked | health.ClockSkew
        others = [one for one in self.events if not isinstance(one, fine)]
        assert not others
        assert len(self.rotated) >= times
        assert not [event for event in self.rotated if event.anew]
        assert len(self.trades) == len(self.quotes) == 2
        for ids in self.trades.values():
            assert ids == [*range(ids[0], ids[0] + len(ids))]
        for ids in (*self.quotes.values(), self.books):
            assert ids == sorted(ids)
        for ids in self.quotes.values():
            assert len(ids) == len(set(ids))


def truth(sim: serve, book: Book) -> None:
    """The book is the exchange's at its number."""
    assert book.seq is not None
    whole = sim.book_at("binance.spot", "BTC/USDT", book.seq, 20)
    bids, asks = book.top(20)
    assert [(row.price, row.size) for row in bids] == [_exact(row) for row in whole.bids]
    assert [(row.price, row.size) for row in asks] == [_exact(row) for row in whole.asks]


def _exact(row: tuple[str, str]) -> tuple[Decimal, Decimal]:
    return Decimal(row[0]), Decimal(row[1])


@pytest.mark.parametrize("engine", engines.available())
async def test_the_venue_announces_its_end_again_and_again(engine: engines.Choice) -> None:
    reader = Reader()
    async with (
        serve(1, ["binance"], speed=4.0) as sim,
        connect("binance", at=sim.at, engine=engine, options=OPTIONS) as market,
        AsyncExitStack() as stack,
    ):
        book = await reader.open(market, stack)
        for times in range(1, TIMES + 1):
            await reader.until_traded()
            sim.faults.shutdown("binance", LONG)
            await reader.until_rotated(times)
        await reader.until_traded()
        truth(sim, book)
    reader.check(TIMES)


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections that are replaced half a second after they were opened."""

    def short(endpoint: Endpoint) -> Endpoint:
        return replace(endpoint, lifetime=Lifetime(2 * LONG, 2 * LONG - 0.5, "by_ids"))

    spot = replace(binance.SPOT, endpoints=tuple(map(short, binance.SPOT.endpoints)))
    monkeypatch.setattr(binance, "VENUES", (spot,))
    venues.every.cache_clear()
    yield
    monkeypatch.undo()
    venues.every.cache_clear()


@pytest.mark.usefixtures("short_lived")
@pytest.mark.parametrize("engine", engines.available())
async def test_connections_of_short_life(engine: engines.Choice) -> None:
    reader = Reader()
    async with (
        serve(2, ["binance"], speed=4.0) as sim,
        connect("binance", at=sim.at, engine=engine, options=OPTIONS) as market,
        AsyncExitStack() as stack,
    ):
        book = await reader.open(market, stack)
        await reader.until_rotated(5)
        await reader.until_traded()
        truth(sim, book)
    reader.check(5)
