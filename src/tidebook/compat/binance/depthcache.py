"""Depth caches: our proven books by python-binance's names."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self, overload

from tidebook.client.book import Book
from tidebook.client.feeds import LiveBook
from tidebook.client.market import Market
from tidebook.client.place import VenueAt
from tidebook.client.reading import Reading
from tidebook.compat.binance._line import MAX_RECONNECTS, MOST, Reconnects, Waiting, gave_up
from tidebook.compat.binance.client import AsyncClient
from tidebook.compat.binance.exceptions import in_their_words
from tidebook.compat.binance.streams import BinanceSocketManager
from tidebook.core.line import Line
from tidebook.engine.contract import Side
from tidebook.errors import BookNotLive, TidebookError, UsageError
from tidebook.model.number import plain
from tidebook.venue import BookChannel

Row = list[Any]


class Rows(Sequence[Row]):
    """One side of a cache, best first, each row a list [price, quantity]: equal to the list of them, and read late.

    An index or a slice from the beginning reads only so many levels. `list(…)` or ``[:]`` is a list, for JSON too.
    """

    __slots__ = ("_cache", "_side")

    def __init__(self, cache: "DepthCache", side: Side) -> None:
        self._cache = cache
        self._side: Side = side

    def __len__(self) -> int:
        return self._cache.count(self._side)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            stop, start = index.stop, index.start
            near = stop is not None and stop >= 0 and (start is None or start >= 0)
            rows = self._cache.rows(self._side, stop if near else None)
            return rows if near and not start and index.step is None else rows[index]
        return self._cache.rows(self._side, index + 1 if index >= 0 else None)[index]

    def __iter__(self) -> Iterator[Row]:
        return iter(self[:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, Rows)) and self[:] == list(other)

    def __hash__(self) -> int:
        raise TypeError("rows change, as a list does: no hash")

    def __repr__(self) -> str:
        return repr(self[:])


class DepthCache:
    """A book as it is now: `symbol`, `get_bids()`, `get_asks()`, `update_time` (ms, the exchange's; None before one).

    While the book is not current it shows the last proven view. One that shows no book has the levels that it is
    given: `add_bid`, `add_ask`.
    """

    def __init__(self, symbol: str, conv_type: Callable[[str], Any] = float) -> None:
        self.symbol = symbol
        self.conv_type = conv_type
        self._live: Book | None = None
        self._updated: int | None = None  # ms; a snapshot has no time of its own
        self._own: dict[Side, dict[Any, Any]] = {"bid": {}, "ask": {}}

    def bind(self, book: Book) -> None:
        """What it shows from now on."""
        self._live = book

    @property
    def book(self) -> Reading | None:
        """Our own book, or its last proven view; None before there is one."""
        live = self._live
        return live if live is None or live.state.readable else live.last

    @property
    def update_time(self) -> int | None:
        ns = None if self._live is None else self._live.venue_ns
        if ns is not None:
            self._updated = ns // 1_000_000
        return self._updated

    def get_bids(self) -> Rows:
        """The bids, the highest first."""
        return Rows(self, "bid")

    def get_asks(self) -> Rows:
        """The asks, the lowest first."""
        return Rows(self, "ask")

    def add_bid(self, bid: Sequence[Any]) -> None:
        """Set a level, price and quantity; one without quantity goes. Raises UsageError where a book is shown."""
        self._add("bid", bid)

    def add_ask(self, ask: Sequence[Any]) -> None:
        """See `add_bid`."""
        self._add("ask", ask)

    def _add(self, side: Side, row: Sequence[Any]) -> None:
        if self._live is not None:
            raise UsageError(f"{self!r} shows the exchange's book, to which nothing is added")
        price, size = (self.conv_type(one) for one in row)
        self._own[side].pop(price, None)
        if size:
            self._own[side][price] = size

    def count(self, side: Side) -> int:
        """How many levels a side has."""
        if self._live is None:
            return len(self._own[side])
        return 0 if self.book is None else self.book.count(side)

    def rows(self, side: Side, n: int | None) -> list[Row]:
        """The best `n` of a side; all with None."""
        live = self._live
        try:
            if live is None:
                return [list(row) for row in sorted(self._own[side].items(), reverse=side == "bid")[:n]]
            return self._read(live, side, n)
        except BookNotLive:  # of another thread, or in this instant
            last = live.last if live is not None else None
            return [] if last is None else self._read(last, side, n)

    def _read(self, book: Reading, side: Side, n: int | None) -> list[Row]:
        if self.conv_type is float:
            bids, asks = book.floats(n)
            return [list(row) for row in (bids if side == "bid" else asks)]
        conv = self.conv_type
        return [[conv(plain(row.price)), conv(plain(row.size))] for row in book.read(side, n)]

    def __repr__(self) -> str:
        return f"<DepthCache {self.symbol} of {self._live!r}>"


class _CachedBook(LiveBook):
    """A book of a channel that differs a little from the venue's first: how often it is told, and looked after."""

    def __init__(self, market: Market, symbol: str, change: Callable[[BookChannel], BookChannel], limit: int | None,
                 timeout: float) -> None:  # fmt: skip
        super().__init__(market, symbol, None, timeout=timeout, stale="yield", limit=limit)
        self._changing = change

    async def _open(self) -> None:
        one, instrument = await self._finder._one(self.symbol, None)
        channel = self._changing(one.declared.books[0])
        self._timeout += channel.rule.pace.per  # who opens one symbol again and again waits for its next snapshot
        self.bind(
            instrument.symbol, one.declared.name, one.engine.name,
            partial(one.attach, channel, instrument, limit=self._limit),
            partial(one.detach, channel.topic(instrument.id)),
        )  # fmt: skip
        await Book._open(self)


class DepthCacheManager:
    """The book of a symbol, kept: `async with … as cache`, then `await cache.recv()`, `async for`, or a callback.

    `recv` gives the one DepthCache of it after each change that was applied, or an error (a dict, see
    `ReconnectingWebsocket`); after the last error None comes once. `callback` is called with the same, in order, from
    the loop's own thread; then `recv` waits in vain. What is stale is made right by itself.

    `refresh_interval` is the pace (seconds) of snapshots with which the book is compared, and which replace it where it
    differs; None or 0 is never. `limit` is how many levels a side a snapshot has, `ws_interval` 100 (ms) or 0, once a
    second.
    """

    MARKET = "spot"

    def __init__(
        self, client: AsyncClient, symbol: str, loop: Any = None, refresh_interval: float | None = 1800,
        bm: BinanceSocketManager | None = None, limit: int = 500, conv_type: Callable[[str], Any] = float,
        ws_interval: int | None = None, *, callback: Callable[[Any], object] | None = None,
        max_reconnects: int | None = MAX_RECONNECTS,
    ) -> None:  # fmt: skip
        del loop
        if ws_interval not in (None, 0, 100):
            raise ValueError("Websocket interval value not allowed. Allowed values are [0, 100]")
        self._client = client
        self._symbol = symbol.upper()
        self._every = refresh_interval or None
        self._limit = limit
        self._fast = bool(ws_interval)
        self._most = max_reconnects if bm is None else bm.max_reconnects
        self._cache = DepthCache(self._symbol, conv_type)
        self._waiting = Waiting(MOST)
        self._callback = callback
        self._calling: asyncio.Task[None] | None = None
        self._book: _CachedBook | None = None
        self._one: VenueAt | None = None
        self._reconnects: Reconnects | None = None
        self._was_stale = False

    def _channel(self, channel: BookChannel) -> BookChannel:
        rule = replace(channel.rule, compare_every=self._every)
        return replace(channel, rule=rule) if self._fast else replace(channel, rule=rule, topic=self._topic)

    @staticmethod
    def _topic(instrument: str) -> str:
        return f"{instrument.lower()}@depth"

    # Its life -----------------------------------------------------------------

    async def open(self) -> Self:
        """Open it, and wait until the book is right. Raises as AsyncClient's methods do, and BinanceUnableToConnect."""
        market = await self._client.market(self.MARKET)
        self._one = await self._client.venue_at(self.MARKET)
        book = self._book = _CachedBook(market, self._symbol, self._channel, self._limit, self._client._timeout * 3)
        self._cache.bind(book)
        self._reconnects = Reconnects(market, self._line, self._most, self._give_up, self._waiting.tell)
        book.watchers.append(self._changed)
        try:
            await book
        except TidebookError as error:
            await self.close()
            raise in_their_words(error) from error
        if self._callback is not None:
            self._calling = asyncio.create_task(self._call(self._callback))
        return self

    async def close(self) -> None:
        """Close it, in less than half a second; twice is fine."""
        self._quit()
        if self._calling is not None and self._calling is not asyncio.current_task():
            self._calling.cancel()
        if self._book is not None:
            await self._book.close()

    def stop(self) -> None:
        """The same, and returns at once: for callbacks."""
        self._quit()
        if self._book is not None:
            self._book.close_soon()

    def _quit(self) -> None:
        self._waiting.end()
        if self._reconnects is not None:
            self._reconnects.over()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # Reading ------------------------------------------------------------------

    async def recv(self) -> Any:
        """See the class. Raises ReadLoopClosed when it is closed; cancelled, it has taken nothing."""
        return await self._waiting.get()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (item := await self.recv()) is not None:
            yield item

    def get_depth_cache(self) -> DepthCache:
        """The cache as it is now."""
        return self._cache

    def get_symbol(self) -> str:
        return self._symbol

    async def _call(self, callback: Callable[[Any], object]) -> None:
        from tidebook.compat.binance.threaded import told_of

        await told_of(self, callback, self._symbol)

    # From the receive path ----------------------------------------------------

    def _line(self) -> Line | None:
        core = None if self._book is None else self._book._core
        lines = [] if self._one is None else self._one.desk.lines
        return next((line for line in lines if any(book is core for book in line.books)), None)

    def _changed(self, book: Book) -> None:
        reconnects = self._reconnects
        if reconnects is None:
            return
        if book.state.readable:
            reconnects.over()
            if self._cache.update_time is not None:  # before that it is a snapshot alone, to which nothing was applied
                self._waiting.put(self._cache)
        elif (line := self._line()) is not None and line.session is None:
            reconnects.lost(True)

    def _give_up(self) -> None:
        self._waiting.tell(gave_up(self._most), None)
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._symbol}>"


class FuturesDepthCacheManager(DepthCacheManager):
    """The same of USD-M futures: a whole book, not ten levels."""

    MARKET = "usdm"


class OptionsDepthCacheManager(DepthCacheManager):
    """The same of options, by their own symbols (``BTC-261225-70000-C``)."""

    MARKET = "options"

    def _channel(self, channel: BookChannel) -> BookChannel:
        return replace(channel, rule=replace(channel.rule, compare_every=self._every))
