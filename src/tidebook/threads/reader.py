"""The nouns and verbs of public market data, without asyncio. A noun opens a live subscription, `fetch_…` asks once."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from tidebook.client.ahead import WORKERS
from tidebook.client.bars import Bars
from tidebook.client.book import Stale
from tidebook.client.ranges import Instant
from tidebook.client.raw import Param, RawReply
from tidebook.client.reader import Kind
from tidebook.client.reading import FrozenBook
from tidebook.client.subscription import Slow
from tidebook.client.tables import Table
from tidebook.history import Kind as HistoryKind
from tidebook.model.facts import (
    Bar,
    Funding,
    Greeks,
    Instrument,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Quote,
    Ticker,
    Trade,
)
from tidebook.threads.account import Account
from tidebook.threads.book import Book, Books, Consolidated
from tidebook.threads.history import History
from tidebook.threads.subscription import RawStream, Subscription
from tidebook.threads.verbs import Verbs


class Reader(Verbs):
    """Each is what `tidebook.Market` has under its name: arguments, results, errors and timeouts are the same.

    Nouns may be made anywhere; what asks waits for the answer, and raises UsageError inside a callback, before the
    market is opened and after it is closed.
    """

    def book(
        self,
        symbol: str,
        *,
        venue: str | None = None,
        kind: str | None = None,
        timeout: float = 60.0,
        require: str | None = None,
        stale: Stale = "sleep",
        limit: int | None = None,
        levels: bool = False,
    ) -> Book:
        """A live order book."""
        return Book(
            self._home,
            self._market.book(
                symbol,
                venue=venue,
                kind=kind,
                timeout=timeout,
                require=require,
                stale=stale,
                limit=limit,
                levels=levels,
            ),
        )

    def books(
        self,
        *symbols: str | Sequence[str],
        venue: str | None = None,
        kind: str | None = None,
        timeout: float = 60.0,
        require: str | None = None,
        stale: Stale = "sleep",
        limit: int | None = None,
    ) -> Books:
        """Order books of many symbols, or patterns: a mapping; `changes` yields which one changed."""
        return Books(
            self._home,
            self._market.books(
                *symbols, venue=venue, kind=kind, timeout=timeout, require=require, stale=stale, limit=limit
            ),
        )

    def raw(
        self,
        *what: str | Mapping[str, Any],
        venue: str | None = None,
        endpoint: str | None = None,
        url: str | None = None,
        slow: Slow = "error",
    ) -> RawStream:
        """A stream in the venue's own words, on a connection of its own: its topics, or dicts to send."""
        return RawStream(self._home, self._market.raw(*what, venue=venue, endpoint=endpoint, url=url, slow=slow))

    def account(self, *, venue: str | None = None, timeout: float | None = None) -> Account:
        """The account of a venue's key, live: its `orders`, `positions`, `balances` and `fills`."""
        return Account(self._home, self._market.account(venue=venue, timeout=timeout))

    def trades(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Trade]:
        """Every trade."""
        return Subscription(self._home, self._market.trades(*symbols, venue=venue, slow=slow))

    def quotes(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Quote]:
        """Every change of the best bid or ask."""
        return Subscription(self._home, self._market.quotes(*symbols, venue=venue, slow=slow))

    def bars(
        self, *symbols: str | Sequence[str], interval: str = "1m", venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Bar]:
        """Bars as they form; `bar.finished` says which can change no more."""
        return Subscription(self._home, self._market.bars(*symbols, interval=interval, venue=venue, slow=slow))

    def ticker(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Ticker]:
        """The last 24 hours, as often as the venue sends them; the newest of each symbol."""
        return Subscription(self._home, self._market.ticker(*symbols, venue=venue, slow=slow))

    def mark_prices(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[MarkPrice]:
        """The prices by which positions are valued; the newest of each symbol."""
        return Subscription(self._home, self._market.mark_prices(*symbols, venue=venue, slow=slow))

    def funding(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Funding]:
        """Rates of funding of perpetuals, as they form or, with `settled`, were charged; the newest of each symbol."""
        return Subscription(self._home, self._market.funding(*symbols, venue=venue, slow=slow))

    def liquidations(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Liquidation]:
        """Positions that the venue closes, as far as it tells of them; some tell of one a second and symbol."""
        return Subscription(self._home, self._market.liquidations(*symbols, venue=venue, slow=slow))

    def open_interest(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[OpenInterest]:
        """What is open, in the instrument's unit of size; the newest of each symbol."""
        return Subscription(self._home, self._market.open_interest(*symbols, venue=venue, slow=slow))

    def greeks(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Greeks]:
        """Volatilities and greeks of options, as the venue computes them; the newest of each symbol."""
        return Subscription(self._home, self._market.greeks(*symbols, venue=venue, slow=slow))

    def consolidated(self, symbol: str, *, venue: str | None = None, timeout: float = 60.0) -> Consolidated:
        """The best prices of a symbol on every connected venue that lists it, or on those of `venue`, side by side."""
        return Consolidated(self._home, self._market.consolidated(symbol, venue=venue, timeout=timeout))

    def fetch_instruments(
        self, *patterns: str, kind: Kind | None = None, venue: str | None = None
    ) -> Table[Instrument]:
        """The instruments that match (all without patterns), as the venues last listed them; of one `kind` only."""
        return self._wait(self._market.fetch_instruments(*patterns, kind=kind, venue=venue))

    def fetch_time(self, *, venue: str | None = None) -> int:
        """The venue's clock, ns UTC; an exchange has one."""
        return self._wait(self._market.fetch_time(venue=venue))

    def fetch_trades(
        self,
        symbol: str,
        *,
        start: Instant = None,
        end: Instant = None,
        limit: int | None = None,
        venue: str | None = None,
    ) -> Table[Trade]:
        """The newest trades, oldest first; with a start all in [start, end), or the first `limit` of them."""
        return self._wait(self._market.fetch_trades(symbol, start=start, end=end, limit=limit, venue=venue))

    def fetch_quotes(
        self, symbol: str, *, start: Instant, end: Instant = None, limit: int | None = None, venue: str | None = None
    ) -> Table[Quote]:
        """The best bids and asks in [start, end), oldest first, or the first `limit`."""
        return self._wait(self._market.fetch_quotes(symbol, start=start, end=end, limit=limit, venue=venue))

    def history(
        self,
        symbols: str | Sequence[str],
        kind: HistoryKind = "bars",
        *,
        interval: str = "1m",
        start: Instant,
        end: Instant = None,
        venue: str | None = None,
        workers: int = WORKERS,
        resume: str | PathLike[str] | None = None,
        progress: bool = False,
    ) -> History[Any]:
        """A long range page after page, some asked for at once: see `tidebook.history`."""
        return History(
            self._home,
            self._market.history(
                symbols,
                kind,
                interval=interval,
                start=start,
                end=end,
                venue=venue,
                workers=workers,
                resume=resume,
                progress=progress,
            ),
        )

    def fetch_bars(
        self,
        symbol: str,
        interval: str = "1m",
        *,
        start: Instant = None,
        end: Instant = None,
        limit: int | None = None,
        unfinished: bool = False,
        venue: str | None = None,
    ) -> Bars:
        """Bars that open in [start, end), oldest first, as many pages as it takes; `time` is a bar's opening."""
        return self._wait(
            self._market.fetch_bars(
                symbol, interval, start=start, end=end, limit=limit, unfinished=unfinished, venue=venue
            )
        )

    def fetch_book(self, symbol: str, *, limit: int | None = None, venue: str | None = None) -> FrozenBook:
        """The book at this instant, as one answer of the venue has it; nothing keeps it current."""
        return self._wait(self._market.fetch_book(symbol, limit=limit, venue=venue))

    def fetch_ticker(self, symbol: str, *, venue: str | None = None) -> Ticker:
        """The last 24 hours."""
        return self._wait(self._market.fetch_ticker(symbol, venue=venue))

    def fetch_tickers(self, *, venue: str | None = None) -> Table[Ticker]:
        """The last 24 hours of every symbol, of all venues that have answered so far."""
        return self._wait(self._market.fetch_tickers(venue=venue))

    def fetch_funding(
        self,
        symbol: str,
        *,
        start: Instant = None,
        end: Instant = None,
        limit: int | None = None,
        venue: str | None = None,
    ) -> Table[Funding]:
        """Rates of funding charged in [start, end), oldest first, as many pages as it takes."""
        return self._wait(self._market.fetch_funding(symbol, start=start, end=end, limit=limit, venue=venue))

    def fetch_mark_price(self, symbol: str, *, venue: str | None = None) -> MarkPrice:
        """The price by which positions are valued."""
        return self._wait(self._market.fetch_mark_price(symbol, venue=venue))

    def fetch_open_interest(self, symbol: str, *, venue: str | None = None) -> OpenInterest:
        """What is open, in the instrument's unit of size."""
        return self._wait(self._market.fetch_open_interest(symbol, venue=venue))

    def get(
        self, where: str, params: Mapping[str, Param] | None = None, *, venue: str | None = None, weight: int = 1
    ) -> RawReply:
        """A GET of one of the venue's paths, or of a URL on one of its hosts: `.data`, `.text`, `.status` …"""
        return self._wait(self._market.get(where, params, venue=venue, weight=weight))
