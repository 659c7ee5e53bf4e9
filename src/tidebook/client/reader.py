"""The nouns and verbs of public market data. A noun opens a live subscription, `fetch_…` asks once."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Literal

from tidebook.client.account import Account
from tidebook.client.ahead import WORKERS, all_rows
from tidebook.client.bars import Bars, asked_bars
from tidebook.client.book import Book, Stale
from tidebook.client.books import Books
from tidebook.client.columns import FUNDING, INSTRUMENTS, QUOTES, TICKERS, TRADES
from tidebook.client.consolidated import Consolidated
from tidebook.client.feeds import FactFeed, LiveBook
from tidebook.client.finding import Finding, check_listed, check_text, usable
from tidebook.client.funding import asked_funding
from tidebook.client.opening import Opening
from tidebook.client.pages import Pages
from tidebook.client.place import VenueAt
from tidebook.client.ranges import Instant, instant_ns
from tidebook.client.raw import Param, RawReply, RawStream, ask, at_path, request_of
from tidebook.client.reading import FrozenBook
from tidebook.client.snapshot import asked_book
from tidebook.client.subscription import Slow, Subscription
from tidebook.client.tables import Table
from tidebook.client.ticks import quote_pages, trade_pages
from tidebook.core.burst import Burst
from tidebook.core.channel import Question, check_has
from tidebook.core.options import Options
from tidebook.errors import UnknownSymbol, UsageError
from tidebook.io.clock import now
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
from tidebook.model.health import Health
from tidebook.model.market import State

if TYPE_CHECKING:
    from tidebook.history import History
    from tidebook.history import Kind as HistoryKind

Kind = Literal["spot", "linear", "inverse", "option"]
KINDS: Final[tuple[Kind, ...]] = ("spot", "linear", "inverse", "option")
RULES: Mapping[str, Slow] = dict.fromkeys(  # for slow readers, where it is not "error"
    ("ticker", "mark_prices", "funding", "open_interest", "greeks"), "conflate"
)


class Reader(Finding):
    """The nouns and verbs of public market data, over some venues. Shared by `Market` and `market["binance"]`."""

    @abstractmethod
    def _within(self, place: str) -> str | None:
        """What says of this reader that one of its places is meant: the argument `venue`."""

    @property
    @abstractmethod
    def _options(self) -> Options:
        """All bounds and times."""

    @property
    @abstractmethod
    def _burst(self) -> Burst:
        """What is received at one time, on all its connections."""

    @property
    @abstractmethod
    def _root(self) -> Opening:
        """The market that all of it belongs to."""

    @abstractmethod
    def _tell(self, event: Health) -> None:
        """Health that is found on this side of the queues."""

    # Live ---------------------------------------------------------------------

    def book(
        self, symbol: str, *, venue: str | None = None, kind: str | None = None, timeout: float = 60.0,
        require: str | None = None, stale: Stale = "sleep", limit: int | None = None, levels: bool = False,
    ) -> Book:  # fmt: skip
        """A live order book. Entering waits until it is readable, `timeout` seconds at most; then SubscriptionFailed.

        `kind` names one of the venue's ways of publishing books (the first by default); `require="live"` refuses
        a book that nothing proves. `stale`: what iterating does while the book is not current: ``sleep``, ``raise``
        (BookNotLive at once) or ``yield`` the change of state. `limit`: how many levels of a side its snapshots are
        asked for, where the venue leaves that choice; more cost more of its limits. A book that is open already keeps
        the depth that it was opened with.

        With ``levels=True`` iterating yields each applied message by itself, with the levels that it has changed; the
        first has the whole book. Nothing is merged then: who is too slow gets Overrun with the exact count, at the
        bounds of trades, and is told the rest of the book by what comes next. Each message costs a comparison of the
        whole book, about a millisecond at a thousand levels a side.
        """
        return self._book(symbol, venue, kind, timeout, require, stale, limit, levels)

    def _book(
        self, symbol: str, venue: str | None, kind: str | None, timeout: float, require: str | None, stale: Stale,
        limit: int | None, levels: bool = False,
    ) -> LiveBook:  # fmt: skip
        check_text(symbol)
        if require not in (None, "live", "unproven"):
            raise UsageError(f"require={require!r}: a book can be required to be 'live'")
        if stale not in ("sleep", "raise", "yield"):
            raise UsageError(f"stale={stale!r} is none of 'sleep', 'raise', 'yield'")
        wanted = None if require is None else State(require)
        return LiveBook(
            self, symbol, venue, kind, timeout=timeout, require=wanted, stale=stale, limit=limit, levels=levels
        )

    def books(
        self, *symbols: str | Sequence[str], venue: str | None = None, kind: str | None = None, timeout: float = 60.0,
        require: str | None = None, stale: Stale = "sleep", limit: int | None = None,
    ) -> Books:  # fmt: skip
        """Order books of many symbols, or patterns: a mapping from symbol to book; iterating yields which one changed.

        Entering waits until each is readable, or named in `failed`, `timeout` seconds at most; raises where none is.
        The arguments are those of `book`. A symbol that several connected venues list raises UsageError without
        `venue`.
        """

        def make(symbol: str, place: str) -> LiveBook:
            return self._book(symbol, self._within(place), kind, timeout, require, stale, limit)

        return Books(self, _flat("books", symbols), venue, timeout, make)

    def raw(
        self, *what: str | Mapping[str, Any], venue: str | None = None, endpoint: str | None = None,
        url: str | None = None, slow: Slow = "error",
    ) -> RawStream:  # fmt: skip
        """A stream in the venue's own words, on a connection of its own: its topics, or dicts to send.

        `endpoint` is one of the venue's (the first by default), `url` another address on one of its hosts. Entering
        waits for the answers to topics; raises SubscriptionFailed where one is refused, or does not come.
        """
        return RawStream(self, what, venue, endpoint, url, slow)

    def account(self, *, venue: str | None = None, timeout: float | None = None) -> Account:
        """The account of a key, live: its `orders`, `positions`, `balances` and `fills`.

        At one venue, or at all of an exchange that tell of accounts: those that are connected. Entering waits until it
        is logged in and has what there is, `timeout` seconds at most (None: the market's). Raises NoCredentials
        without a key, NotPermitted or SignatureRefused where the venue refuses it; of several those that do are named
        in `failed`, and it raises where none is left.
        """
        return Account(self, venue, timeout)

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

    def mark_prices(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[MarkPrice]:
        """The prices by which positions are valued; the newest of each symbol."""
        return self._facts("mark_prices", symbols, venue, slow)

    def funding(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Funding]:
        """Rates of funding of perpetuals, as they form or, with `settled`, were charged; the newest of each symbol."""
        return self._facts("funding", symbols, venue, slow)

    def liquidations(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Liquidation]:
        """Positions that the venue closes, as far as it tells of them; some tell of one a second and symbol."""
        return self._facts("liquidations", symbols, venue, slow)

    def open_interest(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[OpenInterest]:
        """What is open, in the instrument's unit of size; the newest of each symbol."""
        return self._facts("open_interest", symbols, venue, slow)

    def greeks(
        self, *symbols: str | Sequence[str], venue: str | None = None, slow: Slow | None = None
    ) -> Subscription[Greeks]:
        """Volatilities and greeks of options, as the venue computes them; the newest of each symbol."""
        return self._facts("greeks", symbols, venue, slow)

    def _facts(
        self,
        name: str,
        symbols: Sequence[str | Sequence[str]],
        venue: str | None,
        slow: Slow | None,
        option: str | None = None,
    ) -> "Subscription[Any]":
        flat = _flat(name, symbols)
        return FactFeed(self, name, flat, venue, slow or RULES.get(name, "error"), option)

    def consolidated(self, symbol: str, *, venue: str | None = None, timeout: float = 60.0) -> Consolidated:
        """The best prices of a symbol on every connected venue that lists it, or on those of `venue`, side by side.

        Entering waits until those of the venues that have answered are readable, or have failed; raises where none is,
        and UnknownSymbol where no venue lists it.
        """
        check_text(symbol)
        return Consolidated(self, symbol, venue, timeout)

    # Once ---------------------------------------------------------------------

    async def fetch_instruments(
        self, *patterns: str, kind: Kind | None = None, venue: str | None = None
    ) -> Table[Instrument]:
        """The instruments that match (all without patterns), as the venues last listed them; of one `kind` only."""
        if kind is not None and kind not in KINDS:
            raise UsageError(f"kind={kind!r}: there are {', '.join(KINDS)}")
        ones = self._venues(venue)
        await usable(ones, self._timeout, some=len(ones) > 1)
        if not patterns:
            check_listed(ones)
            rows = (row for one in ones for row in one.listing.by_symbol.values())
            return Table(INSTRUMENTS, [row for row in rows if kind in (None, row.kind)])
        chosen: list[Instrument] = []
        for pattern in patterns:
            found = await self._several([pattern], venue)
            if not found:
                raise UnknownSymbol(f"no symbol matches {pattern!r}", symbol=pattern)
            chosen += [row for _, row in found if kind in (None, row.kind)]
        return Table(INSTRUMENTS, chosen)

    async def fetch_time(self, *, venue: str | None = None) -> int:
        """The venue's clock, ns UTC; an exchange has one."""
        grouped = self._exchanges(venue)
        if len(grouped) != 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(grouped)}")
        ((name, ones),) = grouped.items()
        asked = [one for one in ones if one.declared.call("time") is not None]
        if not asked:
            raise UsageError(f"{name} has no time over REST", venue=name)
        one = next((one for one in asked if one.is_loaded), asked[0])
        answer: int = await one.fetch("time", Question())
        return answer

    async def fetch_trades(
        self, symbol: str, *, start: Instant = None, end: Instant = None, limit: int | None = None,
        venue: str | None = None,
    ) -> Table[Trade]:  # fmt: skip
        """The newest trades, oldest first; with a start all in [start, end), or the first `limit` of them.

        `start` and `end` as for `fetch_bars`. Over a range some venues give what one taker had at one price as one row.
        Raises UsageError where the venue gives no such range.
        """
        if start is None and end is None:
            rows: list[Trade] = await self._ask("trades", symbol, venue, limit=limit)
            return Table(TRADES, rows, symbol)
        one, instrument = await self._one(symbol, venue)
        found = await _from_start(trade_pages(one, instrument), start, end, limit)
        return Table(TRADES, found, instrument.symbol)

    async def fetch_quotes(
        self, symbol: str, *, start: Instant, end: Instant = None, limit: int | None = None, venue: str | None = None
    ) -> Table[Quote]:
        """The best bids and asks in [start, end), oldest first, or the first `limit`. Raises UsageError where the venue
        gives none of the past.
        """
        one, instrument = await self._one(symbol, venue)
        found = await _from_start(quote_pages(one, instrument), start, end, limit)
        return Table(QUOTES, found, instrument.symbol)

    def history(
        self, symbols: str | Sequence[str], kind: "HistoryKind" = "bars", *, interval: str = "1m", start: Instant,
        end: Instant = None, venue: str | None = None, workers: int = WORKERS,
        resume: "str | PathLike[str] | None" = None, progress: bool = False,
    ) -> "History[Any]":  # fmt: skip
        """A long range page after page, some asked for at once: see `tidebook.history`."""
        from tidebook.history import History  # it is built on this

        return History(
            self,
            symbols,
            kind,
            interval=interval,
            start=start,
            end=end,
            venue=venue,
            workers=workers,
            resume=resume,
            progress=progress,
        )

    async def fetch_bars(
        self, symbol: str, interval: str = "1m", *, start: Instant = None, end: Instant = None,
        limit: int | None = None, unfinished: bool = False, venue: str | None = None,
    ) -> Bars:  # fmt: skip
        """Bars that open in [start, end), oldest first, as many pages as it takes; `time` is a bar's opening.

        `start` and `end`: an aware datetime, ISO text (UTC), ``"30d"`` for so long ago, or ns UTC. Without a start the
        newest `limit` (500) before `end`; with one the first `limit` from there, all without. A bar that can still
        change only with ``unfinished=True``. Holes are listed in `gaps`, never filled. Raises UsageError for a naive
        datetime, or where the venue gives no such range.
        """
        at_ns = now().wall_ns
        start_ns, end_ns = instant_ns("start", start, at_ns), instant_ns("end", end, at_ns)
        one, instrument = await self._one(symbol, venue)
        return await asked_bars(
            one, instrument, interval, start_ns=start_ns, end_ns=end_ns, limit=limit, unfinished=unfinished
        )

    async def fetch_book(self, symbol: str, *, limit: int | None = None, venue: str | None = None) -> FrozenBook:
        """The book at this instant, as one answer of the venue has it; nothing keeps it current.

        `limit` is how many levels of a side are asked for; the venue's usual number without. `known` ends where the
        answer does.
        """
        one, instrument = await self._one(symbol, venue)
        return await asked_book(one, instrument, limit)

    async def fetch_ticker(self, symbol: str, *, venue: str | None = None) -> Ticker:
        """The last 24 hours."""
        answer: Ticker = await self._ask("ticker", symbol, venue)
        return answer

    async def fetch_tickers(self, *, venue: str | None = None) -> Table[Ticker]:
        """The last 24 hours of every symbol, of all venues that have answered so far. Raises where one does not now."""
        ones = self._venues(venue)
        await usable(ones, self._timeout, some=len(ones) > 1)
        ones = [one for one in ones if one.is_loaded]
        # Of several venues some may give no such list; that of the others is what there is.
        ones = [one for one in ones if one.declared.call("tickers") is not None] or ones
        answers = await asyncio.gather(*(one.fetch("tickers", Question()) for one in ones), return_exceptions=True)
        rows: list[Ticker] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer  # when all are over: none is left alone
            rows += answer
        return Table(TICKERS, rows)

    async def fetch_funding(
        self, symbol: str, *, start: Instant = None, end: Instant = None, limit: int | None = None,
        venue: str | None = None,
    ) -> Table[Funding]:  # fmt: skip
        """Rates of funding charged in [start, end), oldest first, as many pages as it takes.

        `start` and `end` as for `fetch_bars`. Without a start the newest `limit` (a page of the venue's) before `end`;
        with one the first `limit` from there, all without. Without an end the rate to come is last, where the venue
        tells it, with `settled` False; `limit` does not count it. Raises UsageError for what is not funded, and where
        the venue gives no such range.
        """
        at_ns = now().wall_ns
        start_ns, end_ns = instant_ns("start", start, at_ns), instant_ns("end", end, at_ns)
        one, instrument = await self._one(symbol, venue)
        return Table(FUNDING, await asked_funding(one, instrument, start_ns, end_ns, limit), instrument.symbol)

    async def fetch_mark_price(self, symbol: str, *, venue: str | None = None) -> MarkPrice:
        """The price by which positions are valued. Raises UsageError for a spot market."""
        answer: MarkPrice = await self._ask("mark_price", symbol, venue, noun="mark_prices")
        return answer

    async def fetch_open_interest(self, symbol: str, *, venue: str | None = None) -> OpenInterest:
        """What is open, in the instrument's unit of size. Raises UsageError for a spot market."""
        answer: OpenInterest = await self._ask("open_interest", symbol, venue, noun="open_interest")
        return answer

    async def get(
        self, where: str, params: Mapping[str, Param] | None = None, *, venue: str | None = None, weight: int = 1
    ) -> RawReply:
        """A GET of one of the venue's paths, or of a URL on one of its hosts: `.data`, `.text`, `.status`, `.headers`.

        `weight` is what the venue counts for it. Waits for room in the venue's limit. Raises the venue's error where
        the answer means one, NetworkError, UsageError for a host that is not the venue's, TypeError for a float.

        What is not known to be public there is signed: NoCredentials without a key, and nothing was sent.
        """
        one = await self._place(venue, where)
        return await ask(one, request_of(one.declared, where, params), weight)

    async def _place(self, venue: str | None, where: str = "") -> VenueAt:
        """The one venue that is meant, by name, or where a URL or a path is that of one alone."""
        ones = self._venues(venue)
        if len(ones) > 1 and where:
            ones = at_path(ones, where)
        if len(ones) > 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(one.place for one in ones)}")
        return ones[0]

    async def _ask(self, name: str, symbol: str, venue: str | None, *, noun: str = "", **question: Any) -> Any:
        one, instrument = await self._one(symbol, venue)
        check_has(instrument, noun)
        return await one.fetch(name, Question(instrument=instrument.id, **question))


async def _from_start(pages: Pages[Any], start: Instant, end: Instant, limit: int | None) -> list[Any]:
    at_ns = now().wall_ns
    start_ns, end_ns = instant_ns("start", start, at_ns), instant_ns("end", end, at_ns)
    if start_ns is None:
        raise UsageError("of which range? Write a start too")
    return await all_rows(pages, start_ns, end_ns, limit)


def _flat(name: str, symbols: Sequence[str | Sequence[str]]) -> list[str]:
    """Symbols as they are given: one, several, a list."""
    flat: list[str] = []
    for given in symbols:
        flat.extend(given if isinstance(given, (list, tuple, set, frozenset)) else [given])  # type: ignore[list-item]
    if not flat:
        raise UsageError(f"{name}: of which symbol?")
    for symbol in flat:
        check_text(symbol)
    return flat
