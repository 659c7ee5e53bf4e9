"""`tidebook.open(FILE…)`: what a recording has, as tables and one fact after another."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from tidebook import engine as engines
from tidebook.client import columns
from tidebook.client.columns import BookLevel, Columns
from tidebook.client.symbols import matches
from tidebook.client.tables import Table
from tidebook.core.book import Book
from tidebook.core.channel import NOUNS
from tidebook.core.clock import seconds
from tidebook.core.stream import StreamPlan
from tidebook.engine import Choice
from tidebook.errors import UsageError
from tidebook.model.facts import (
    Bar,
    Fact,
    Funding,
    Greeks,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Quote,
    Ticker,
    Trade,
)
from tidebook.model.health import Gap, Mismatch
from tidebook.model.market import level
from tidebook.record.capture import Record
from tidebook.record.connections import exchanges, of_exchange, survey
from tidebook.record.fed import Part, Pass
from tidebook.record.reel import joined
from tidebook.record.topics import streams

logger = logging.getLogger("tidebook.record")

_F = TypeVar("_F", bound=Fact)
NOUN_OF: Final = {kind: noun for noun, kind in NOUNS.items()}


def open(
    path: str | os.PathLike[str], *further: str | os.PathLike[str], venue: str | None = None,
    engine: Choice | None = None,
) -> "OpenedRecording":  # fmt: skip
    """A recording, to be read as tables, or fact by fact: `tidebook.open(FILE)`.

    Several files are one recording, in order of time: of several venues, or of one run after the other. It is read
    through once here and once more for each table: nothing of it is kept. `venue` is ``NAME[:era]`` for a host that no
    venue claims. A file that was cut short is read to its last whole record, which is logged once. Raises UsageError
    where one is no recording, or is named twice; UnknownVenue.
    """
    return OpenedRecording([Path(one) for one in (path, *further)], venue, engine)


@dataclass(slots=True)
class _Noted:
    """What the first look finds besides connections."""

    start_ns: int | None = None
    end_ns: int = 0
    lines: int = 0
    lost: int = 0
    cuts: list[str] = field(default_factory=list[str])
    lives: dict[str, list[int]] = field(default_factory=dict[str, list[int]])  # first and last line, by connection

    def take(self, found: Iterator[Record]) -> Iterator[Record]:
        for record in found:
            self.start_ns = record.at_ns if self.start_ns is None else min(self.start_ns, record.at_ns)
            self.end_ns = max(self.end_ns, record.at_ns)
            self.lines = record.number
            if record.dir == "lost":
                self.lost += int(record.message) if str(record.message).isdecimal() else 1
            if record.url.startswith(("ws:", "wss:")):
                self.lives.setdefault(record.conn, [record.number, 0])[1] = record.number
            yield record


class OpenedRecording:
    """See `open`. Iterating gives all facts in the order in which they came, a record at a time in memory.

    `name` is the file's, of several the first one's with how many they are. `symbols` and `venues` are those of its
    books and streams, `start_ns` and `end_ns` when its first and last record was written (ns UTC), `lost` how many
    records its recorder had no room for, `cut` says where it ends in the middle. Symbols may be patterns (``BTC/*``); a
    venue is ``binance.spot`` or ``binance``.
    """

    def __init__(self, paths: Sequence[Path], venue: str | None, engine: Choice | None) -> None:
        if len({path.resolve() for path in paths}) < len(paths):
            raise UsageError("a file is named twice")
        self.paths = tuple(paths)
        self.name = paths[0].name if len(paths) == 1 else f"{len(paths)} files, {paths[0].name} …"
        self.engine = engines.load(engine)
        noted = _Noted()
        names = () if venue is not None else exchanges(noted.take(joined(paths, noted.cuts.append)))
        parts: list[str | None] = [None]
        if len(names) > 1 and "" not in names:
            parts = [*names]
        if not noted.lines:
            noted.cuts.clear()
            for _ in noted.take(joined(paths, noted.cuts.append)):
                pass
        self.parts = [self._part(exchange, venue) for exchange in parts]
        self.start_ns = noted.start_ns or 0
        self.end_ns = noted.end_ns
        self.lost = noted.lost
        self.cut = "; ".join(noted.cuts)
        for text in noted.cuts:
            logger.warning("%s", text)
        if self.lost:
            logger.warning("%s: its recorder lost %d records", self.name, self.lost)
        self._lines = noted.lines
        self._overlap = self._overlapping(noted.lives)
        self._gaps: tuple[Gap | Mismatch, ...] | None = None
        plans = [each for part in self.parts for some in part.streams.values() for each in some]
        books = [book.plan for part in self.parts for book in part.connections.books]
        self.venues = tuple(sorted({*(each.venue for each in plans), *(each.venue for each in books)}))
        symbols = {each.symbol for each in plans if each.symbol is not None}
        self.symbols = tuple(sorted(symbols | {each.symbol for each in books}))

    def _part(self, exchange: str | None, venue: str | None) -> Part:
        connections = survey(self.records(exchange), venue, books_only=False)
        listed = connections.symbols
        plans = {one.conn: streams(one, listed.get(one.venue.name, {})) for one in connections.recorded}
        return Part(exchange, connections, {conn: _without_doubles(some) for conn, some in plans.items()})

    def records(self, exchange: str | None = None) -> Iterator[Record]:
        """Its lines in their order, those of one exchange where one is given."""
        found = joined(self.paths, lambda _: None)
        return found if exchange is None else of_exchange(found, exchange)

    def _overlapping(self, lives: dict[str, list[int]]) -> frozenset[tuple[str, str]]:
        """The topics of facts that two connections carry at one time."""
        until: dict[tuple[str, str], int] = {}
        found: set[tuple[str, str]] = set()
        plans = {conn: plans for part in self.parts for conn, plans in part.streams.items()}
        for conn, (first, last) in lives.items():  # in the order in which they begin
            for each in plans.get(conn, ()):
                key = (each.venue, each.topic)
                if until.get(key, 0) > first:
                    found.add(key)
                until[key] = max(until.get(key, 0), last)
        return frozenset(found)

    # What is in it --------------------------------------------------------------

    @property
    def start(self) -> datetime:
        """When its first record was written, to the microsecond."""
        return datetime.fromtimestamp(self.start_ns / 1e9, UTC)

    @property
    def end(self) -> datetime:
        """When its last record was written, to the microsecond."""
        return datetime.fromtimestamp(self.end_ns / 1e9, UTC)

    @property
    def gaps(self) -> tuple[Gap | Mismatch, ...]:
        """What its books miss: holes in their sequence, and checksums that differ. All books are read for it, once."""
        if self._gaps is None:
            found: list[Gap | Mismatch] = []
            reading = self._pass((), None, books=True)
            for record in self.records():
                reading.read(record)
                found += [event for event in reading.events if isinstance(event, (Gap, Mismatch))]
            self._gaps = tuple(found)
        return self._gaps

    def __iter__(self) -> Iterator[Fact]:
        return self.facts()

    def facts(self, *symbols: str, venue: str | None = None, kind: type[_F] | None = None) -> Iterator[Any]:
        """Facts in the order in which they came, of all kinds or of one (`Trade`, `Quote` …), one record in memory.

        What two connections tell at one time, where one takes the place of the other, is told once.
        """
        wanted = self._wanted(symbols, venue)
        reading = self._pass(symbols, venue, kind=kind)
        return (
            fact
            for record in self.records()
            for fact in reading.read(record)
            if (kind is None or isinstance(fact, kind)) and wanted(fact.venue, fact.symbol)
        )

    # Tables ---------------------------------------------------------------------

    def trades(self, *symbols: str, venue: str | None = None) -> Table[Trade]:
        """All trades, of all symbols where none is given. Raises UsageError for symbols that it has not; so do all."""
        return self._table(columns.TRADES, Trade, symbols, venue)

    def quotes(self, *symbols: str, venue: str | None = None) -> Table[Quote]:
        """All best prices that venues told as such; those of books are in `books(depth=1)`."""
        return self._table(columns.QUOTES, Quote, symbols, venue)

    def bars(self, *symbols: str, venue: str | None = None) -> Table[Bar]:
        """Bars as they came: one that is under way comes again and again."""
        return self._table(columns.BARS, Bar, symbols, venue)

    def ticker(self, *symbols: str, venue: str | None = None) -> Table[Ticker]:
        """Tickers as they came."""
        return self._table(columns.TICKERS, Ticker, symbols, venue)

    def mark_prices(self, *symbols: str, venue: str | None = None) -> Table[MarkPrice]:
        """Mark prices as they came."""
        return self._table(columns.MARK_PRICES, MarkPrice, symbols, venue)

    def funding(self, *symbols: str, venue: str | None = None) -> Table[Funding]:
        """Fundings as they came."""
        return self._table(columns.FUNDING, Funding, symbols, venue)

    def liquidations(self, *symbols: str, venue: str | None = None) -> Table[Liquidation]:
        """All liquidations that were told."""
        return self._table(columns.LIQUIDATIONS, Liquidation, symbols, venue)

    def open_interest(self, *symbols: str, venue: str | None = None) -> Table[OpenInterest]:
        """Open interest as it came."""
        return self._table(columns.OPEN_INTEREST, OpenInterest, symbols, venue)

    def greeks(self, *symbols: str, venue: str | None = None) -> Table[Greeks]:
        """Greeks as they came."""
        return self._table(columns.GREEKS, Greeks, symbols, venue)

    def books(
        self, *symbols: str, venue: str | None = None, every: float | None = 1.0, depth: int | None = 10
    ) -> Table[BookLevel]:
        """The best `depth` levels (all with None) of each book that may be read, a row a level, bids first.

        They are looked at `every` so many seconds, on whole multiples of it since 1970, with None after each change. A
        stretch in which nothing was recorded has one look, at its beginning; a book that is not right then has none.
        """
        if every is not None and (type(every) not in (int, float) or not 0 < every < float("inf")):
            raise UsageError(f"every={every!r}: seconds, more than 0, or None for each change")
        if depth is not None and (type(depth) is not int or depth < 1):
            raise UsageError(f"depth={depth!r}: a whole number, at least one, or None for all")
        looks = self._changes(symbols, venue) if every is None else self._looks(symbols, venue, seconds(every))
        rows = [row for at_ns, book in looks for row in _rows(at_ns, book, depth)]
        return Table(columns.BOOKS, rows, self.name)

    def _changes(self, symbols: tuple[str, ...], venue: str | None) -> Iterator[tuple[int, Book]]:
        """Each change of a book, with when it was received."""
        reading = self._pass(symbols, venue, books=True)
        for record in self.records():
            reading.read(record)
            if reading.fresh:
                current = {id(book) for book in reading.books().values()}
                yield from ((record.at_ns, book) for book in dict.fromkeys(reading.fresh) if id(book) in current)

    def _looks(self, symbols: tuple[str, ...], venue: str | None, every_ns: int) -> Iterator[tuple[int, Book]]:
        """The books at the ends of the stretches in which something was recorded."""
        reading = self._pass(symbols, venue, books=True)
        due = 0
        for record in self.records():
            if record.at_ns >= due:
                if due:
                    yield from ((due, book) for book in reading.books().values())
                due = (record.at_ns // every_ns + 1) * every_ns
            reading.read(record)

    def _table(self, of: Columns[_F], kind: type[_F], symbols: tuple[str, ...], venue: str | None) -> Table[_F]:
        return Table(of, [*self.facts(*symbols, venue=venue, kind=kind)], self.name)

    # Inside -----------------------------------------------------------------------

    def _wanted(self, symbols: tuple[str, ...], venue: str | None) -> Callable[[str, str | None], bool]:
        """Which venue and symbol is asked for; a stream of several symbols has none. Raises UsageError for others."""
        if venue is not None and not any(_is_within(one, venue) for one in self.venues):
            raise UsageError(f"{self.name} has no venue {venue!r}. It has: {', '.join(self.venues)}")
        patterns = [symbol.upper() for symbol in symbols]
        several = any(plan.symbol is None for part in self.parts for plans in part.streams.values() for plan in plans)
        for pattern in patterns if not several else ():
            if not any(matches(symbol, pattern) for symbol in self.symbols):
                raise UsageError(f"{self.name} has no {pattern!r}. It has: {', '.join(self.symbols[:20])}")

        def wanted(at: str, symbol: str | None) -> bool:
            if venue is not None and not _is_within(at, venue):
                return False
            return symbol is None or not patterns or any(matches(symbol, pattern) for pattern in patterns)

        return wanted

    def _pass(
        self, symbols: tuple[str, ...], venue: str | None, *, books: bool = False, kind: type[Fact] | None = None
    ) -> Pass:
        """A reading of the books, or of the facts, that are asked for."""
        wanted = self._wanted(symbols, venue)

        def wants_stream(plan: StreamPlan) -> bool:
            nouns = plan.channel.nouns
            may_bring = kind is None or NOUN_OF[kind] in nouns or not set(nouns) <= set(NOUNS)
            return not books and may_bring and wanted(plan.venue, plan.symbol)

        return Pass(
            self.parts, self.engine, overlap=self._overlap, wants_streams=wants_stream,
            wants_books=lambda book: books and wanted(book.plan.venue, book.plan.symbol),
        )  # fmt: skip

    def __repr__(self) -> str:
        lost = f", {self.lost} lost" if self.lost else ""
        cut = ", cut short" if self.cut else ""
        span = f"{self.start:%Y-%m-%d %H:%M:%S} to {self.end:%Y-%m-%d %H:%M:%S} UTC"
        of = f"{self._lines} records{lost}{cut}"
        return f"<OpenedRecording {self.name} of {', '.join(self.venues)}, {span}, {of}>"


def _is_within(venue: str, asked: str) -> bool:
    """Whether a venue is the one that is asked for, or of that exchange."""
    return asked.lower() in (venue, venue.partition(".")[0])


def _without_doubles(plans: list[StreamPlan]) -> list[StreamPlan]:
    """Without channels that tell in another form what one of the usual channels tells of the same symbol."""
    usual = {plan.symbol for plan in plans if plan.channel.name == "trades"}
    return [plan for plan in plans if set(plan.channel.nouns) <= set(NOUNS) or plan.symbol not in usual]


def _rows(at_ns: int, book: Book, depth: int | None) -> Iterator[BookLevel]:
    look = book.engine.look(depth)
    plan = book.plan
    sides = (("bid", look.bids), ("ask", look.asks))
    return (
        BookLevel(plan.symbol, plan.venue, at_ns, side, place, *level(raw))
        for side, levels in sides
        for place, raw in enumerate(levels)
    )
