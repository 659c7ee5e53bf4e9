"""The nouns and verbs of public market data. A noun opens a live subscription, `fetch_…` asks once."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tidebook.client.book import Book, Stale
from tidebook.client.consolidated import Consolidated
from tidebook.client.feeds import FactFeed, LiveBook
from tidebook.client.place import VenueAt
from tidebook.client.subscription import Slow, Subscription
from tidebook.client.symbols import is_glob, resolve
from tidebook.client.tables import BARS, INSTRUMENTS, TICKERS, TRADES, Table
from tidebook.core.channel import Question
from tidebook.core.options import Options
from tidebook.errors import UnknownSymbol, UsageError
from tidebook.model.facts import Bar, Fact, Instrument, Quote, Ticker, Trade
from tidebook.model.health import Health
from tidebook.model.market import State

F = TypeVar("F", bound=Fact)
SLOW: Mapping[str, Slow] = {"ticker": "conflate"}


class Reader(ABC):
    """The nouns and verbs of public market data, over some venues. Shared by `Market` and `market["binance"]`."""

    @abstractmethod
    def _venues(self, venue: str | None) -> list[VenueAt]:
        """The connected venues that `venue` names, all with None. Raises UsageError."""

    @property
    @abstractmethod
    def _timeout(self) -> float:
        """Seconds to wait for a venue."""

    @property
    @abstractmethod
    def _options(self) -> Options:
        """All bounds and times."""

    @abstractmethod
    def _tell(self, event: Health) -> None:
        """Health that is found on this side of the queues."""

    # Symbols ------------------------------------------------------------------

    def _exchanges(self, venue: str | None) -> dict[str, list[VenueAt]]:
        grouped: dict[str, list[VenueAt]] = {}
        for one in self._venues(venue):
            grouped.setdefault(str(one.at), []).append(one)
        return grouped

    async def _one(self, symbol: str, venue: str | None) -> tuple[VenueAt, Instrument]:
        """The one venue and instrument that is meant. Raises UsageError naming the choices where there are several."""
        if is_glob(symbol):
            raise UsageError(f"{symbol!r} is a pattern; here one symbol is wanted")
        grouped = self._exchanges(venue)
        if len(grouped) > 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(grouped)}", symbol=symbol)
        ((name, ones),) = grouped.items()
        await usable(ones, self._timeout)
        instrument = resolve(symbol, [one.listing for one in ones], name)
        return next(one for one in ones if one.declared.name == instrument.venue), instrument

    async def _several(self, symbols: Sequence[str], venue: str | None) -> list[tuple[VenueAt, Instrument]]:
        """All that is meant: each symbol on every venue that lists it, globs on all."""
        found: list[tuple[VenueAt, Instrument]] = []
        grouped = self._exchanges(venue)
        await usable([one for ones in grouped.values() for one in ones], self._timeout, some=len(grouped) > 1)
        for symbol in symbols:
            matches: list[tuple[VenueAt, Instrument]] = []
            refusal: UnknownSymbol | None = None
            for name, ones in grouped.items():
                if is_glob(symbol):
                    matches += [(one, row) for one in ones for row in one.listing.glob(symbol)]
                    continue
                try:
                    row = resolve(symbol, [one.listing for one in ones], name)
                except UnknownSymbol as error:
                    refusal = refusal or error
                    continue
                matches.append((next(one for one in ones if one.declared.name == row.venue), row))
            if not matches:
                raise refusal or UnknownSymbol(f"no symbol matches {symbol!r}", symbol=symbol)
            found += matches
        return found

    # Live ---------------------------------------------------------------------

    def book(
        self, symbol: str, *, venue: str | None = None, kind: str | None = None, timeout: float = 30.0,
        require: str | None = None, stale: Stale = "sleep",
    ) -> Book:  # fmt: skip
        """A live order book. Entering waits until it is readable, `timeout` seconds at most; then SubscriptionFailed.

        `kind` names one of the venue's ways of publishing books (the first by default); `require="live"` refuses
        a book that nothing proves. `stale`: what iterating does while the book is not current: ``sleep``, ``raise``
        (BookNotLive at once) or ``yield`` the change of state.
        """
        return LiveBook(self, symbol, venue, kind, timeout, None if require is None else State(require), stale)

    def trades(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Trade]:
        """Every trade. `trade.side` is the taker's."""
        return self._facts("trades", symbols, venue, slow)

    def quotes(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Quote]:
        """Every change of the best bid or ask."""
        return self._facts("quotes", symbols, venue, slow)

    def bars(
        self, *symbols: str | Sequence[str], interval: str = "1m", venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Bar]:
        """Bars as they form; `bar.finished` says which can change no more."""
        return self._facts("bars", symbols, venue, slow, interval)

    def ticker(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Ticker]:
        """The last 24 hours, as often as the venue sends them; the newest of each symbol."""
        return self._facts("ticker", symbols, venue, slow)

    def _facts(
        self,
        name: str,
        symbols: Sequence[str | Sequence[str]],
        venue: str | None,
        slow: Slow | None,
        option: str | None = None,
    ) -> "Subscription[Any]":
        flat: list[str] = []
        for given in symbols:
            flat.extend([given] if isinstance(given, str) else given)
        if not flat:
            raise UsageError(f"{name}: of which symbol?")
        if any(not isinstance(symbol, str) for symbol in flat):
            raise UsageError(f"{name}: symbols are texts: {name}('BTC/USDT', 'ETH/USDT')")
        return FactFeed(self, name, flat, venue, slow or SLOW.get(name, "error"), option)

    def consolidated(self, symbol: str, *, timeout: float = 30.0) -> Consolidated:
        """The best prices of a symbol on every connected venue that lists it, side by side.

        Entering waits until one book is readable. Raises UnknownSymbol where no venue lists it.
        """
        return Consolidated(symbol, lambda changed: self._books_of(symbol, timeout, changed))

    async def _books_of(
        self, symbol: str, timeout: float, changed: Callable[[Book], object]
    ) -> tuple[list[Book], list[BaseException]]:
        """The books of one symbol on all venues: those that came, and why others did not."""
        places = [str(one.at) for one, _ in await self._several([symbol], None)]
        books = [self.book(symbol, venue=place, timeout=timeout, stale="yield") for place in places]
        for book in books:
            book.on(changed)
        done = await asyncio.gather(*(book._enter() for book in books), return_exceptions=True)
        failures = [one for one in done if isinstance(one, BaseException)]
        opened = [book for book, one in zip(books, done, strict=True) if not isinstance(one, BaseException)]
        return opened, failures

    # Once ---------------------------------------------------------------------

    async def fetch_instruments(self, *patterns: str, venue: str | None = None) -> Table[Instrument]:
        """The instruments that match (all without patterns), as loaded when the venue was opened."""
        ones = self._venues(venue)
        await usable(ones, self._timeout, some=len(ones) > 1)
        rows = [row for one in ones for row in one.listing.by_symbol.values()]
        if not patterns:
            return Table(INSTRUMENTS, rows)
        chosen = [await self._several([pattern], venue) for pattern in patterns]
        return Table(INSTRUMENTS, [row for found in chosen for _, row in found])

    async def fetch_time(self, *, venue: str | None = None) -> int:
        """The venue's clock, ns UTC."""
        ones = self._venues(venue)
        if len(ones) != 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(str(one.at) for one in ones)}")
        answer: int = await ones[0].fetch("time", Question())
        return answer

    async def fetch_trades(self, symbol: str, *, limit: int | None = None, venue: str | None = None) -> Table[Trade]:
        """The newest trades, oldest first."""
        rows: list[Trade] = await self._ask("trades", symbol, venue, limit=limit)
        return Table(TRADES, rows, symbol)

    async def fetch_bars(
        self, symbol: str, interval: str = "1m", *, limit: int | None = None, start_ns: int | None = None,
        end_ns: int | None = None, venue: str | None = None,
    ) -> Table[Bar]:  # fmt: skip
        """One page of bars, oldest first."""
        rows: list[Bar] = await self._ask(
            "bars", symbol, venue, limit=limit, interval=interval, start_ns=start_ns, end_ns=end_ns
        )
        return Table(BARS, rows, f"{symbol} {interval}")

    async def fetch_ticker(self, symbol: str, *, venue: str | None = None) -> Ticker:
        """The last 24 hours."""
        answer: Ticker = await self._ask("ticker", symbol, venue)
        return answer

    async def fetch_tickers(self, *, venue: str | None = None) -> Table[Ticker]:
        """The last 24 hours of every symbol."""
        ones = self._venues(venue)
        await usable(ones, self._timeout)
        pages = await asyncio.gather(*(one.fetch("tickers", Question()) for one in ones))
        return Table(TICKERS, [row for page in pages for row in page])

    async def _ask(self, name: str, symbol: str, venue: str | None, **question: Any) -> Any:
        one, instrument = await self._one(symbol, venue)
        return await one.fetch(name, Question(instrument=instrument.id, **question))


async def usable(ones: Iterable[VenueAt], timeout: float, *, some: bool = False) -> None:
    """Wait for venues. With `some`, one that does not answer does not stop the others."""
    failures: list[Exception] = []
    ready = 0
    for one in ones:
        try:
            await one.usable(timeout)
            ready += 1
        except Exception as error:
            if not some:
                raise
            failures.append(error)
    if some and failures and not ready:
        raise failures[0]
