"""A replay under observation: what happened to it, and how things stand, as plain facts."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tidebook.errors import UsageError
from tidebook.model import health
from tidebook.model.market import level
from tidebook.record.capture import Record, records
from tidebook.record.check import UNHURRIED
from tidebook.record.connections import Connections, exchanges, of_exchange, survey
from tidebook.record.replay import Replay
from tidebook.ui.facts import BookFacts, Happening, Rate, VenueFacts
from tidebook.ui.words import Tone, tell


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that has been read through: what it shows, and from when to when (the recorder's clock, in ns).

    `answers` are the lines with bodies of HTTP answers.
    """

    path: Path
    connections: Connections
    first_ns: int
    last_ns: int
    lines: int
    answers: frozenset[int]
    exchange: str | None = None  # of a file with several: whose part this is
    cut: str = ""  # where the file ends in the middle: that it does

    @property
    def seconds(self) -> float:
        return (self.last_ns - self.first_ns) / 1e9

    def played(self) -> Iterator[Record]:
        """Its records, without those of connections that carry no book: nobody opens these."""
        wanted = {book.conn for book in self.connections.books}
        return (
            record for record in _part(self.path, self.exchange, []) if record.dir != "recv" or record.conn in wanted
        )


def _part(path: Path, exchange: str | None, cuts: list[str]) -> Iterator[Record]:
    found = records(path, cuts.append)
    return found if exchange is None else of_exchange(found, exchange)


def look_at_all(path: Path, venue: str | None) -> list[Recording]:
    """The recording, or where it is of several exchanges that of each that has books. Raises as `look_at`."""
    names = () if venue is not None else exchanges(records(path, lambda _: None))
    if len(names) < 2 or "" in names:
        return [look_at(path, venue)]
    found: list[Recording] = []
    refusals: list[UsageError] = []
    for name in names:
        try:
            found.append(look_at(path, None, name))
        except UsageError as error:
            refusals.append(error)
    if not found:
        raise refusals[0]
    return found


def look_at(path: Path, venue: str | None, exchange: str | None = None) -> Recording:
    """Read a recording through. Raises UsageError where it is none, or shows no book."""
    cuts: list[str] = []
    first_ns = last_ns = lines = 0
    answers: set[int] = set()

    def noted(all_records: Iterable[Record]) -> Iterator[Record]:
        nonlocal first_ns, last_ns, lines
        for record in all_records:
            first_ns = first_ns or record.at_ns
            last_ns, lines = record.at_ns, record.number
            if record.dir == "http":
                answers.add(lines)
            yield record

    connections = survey(noted(_part(path, exchange, cuts)), venue)
    return Recording(path, connections, first_ns, last_ns, lines, frozenset(answers), exchange, *cuts)


class Watched:
    """One recording, its replay, and the counts of what happened. `at` is the place in the recording, in seconds."""

    def __init__(self, recording: Recording, engine: Literal["native", "python"] | None) -> None:
        self.recording = recording
        self.venue = recording.connections.name
        self.ended = False
        self.on_happening: Callable[[Happening], None] | None = None
        self.replay = Replay(
            recording.connections, recording.played(), engine=engine, options=UNHURRIED, changed_to=self._changed
        )
        self.replay.on_event = self._happened
        self._seen_live: set[str] = set()
        self._gaps: dict[str, int] = {}
        self._resyncs: dict[str, int] = {}
        self._rate = Rate()
        self._messages = 0

    @property
    def column(self) -> str:
        return "recording"

    @property
    def name(self) -> str:
        return self.recording.path.name

    @property
    def engine(self) -> str:
        return self.replay.engine.name

    @property
    def seconds(self) -> float:
        return self.recording.seconds

    @property
    def at(self) -> float:
        now_ns = self.replay.player.at_ns
        return 0.0 if now_ns is None else max(now_ns - self.recording.first_ns, 0) / 1e9

    def note(self, text: str) -> None:
        """Something that we did ourselves."""
        self._add(None, text, "plain")

    # Listening ----------------------------------------------------------------

    def _changed(self, _: object) -> None:
        """Each change passes here, until every book was readable once: only that is told."""
        books = self.replay.desk.books
        if len(self._seen_live) == len(books):
            return
        for name, book in books.items():
            if book.state.readable and name not in self._seen_live:
                self._seen_live.add(name)
                levels = f"{book.engine.bid_count}+{book.engine.ask_count} levels"
                text = f"{book.state}, {levels}, seq {book.engine.last}"
                # A little later: what happened before it, in the same read, is told first.
                asyncio.get_running_loop().call_soon(self._add, book.plan.symbol, text, "good")

    def _happened(self, event: health.Health) -> None:
        symbol = event.symbol or ""
        if isinstance(event, health.Gap):
            self._gaps[symbol] = self._gaps.get(symbol, 0) + 1
        elif isinstance(event, health.Resynced):
            self._resyncs[symbol] = self._resyncs.get(symbol, 0) + 1
        text, tone = tell(event)
        if text:
            self._add(event.symbol, text, tone)

    def _add(self, symbol: str | None, text: str, tone: Tone) -> None:
        if self.on_happening is not None:
            self.on_happening(Happening(self.at, self.venue, symbol, text, tone))

    # Looking ------------------------------------------------------------------

    @property
    def symbols(self) -> list[str]:
        """Every symbol with a book, once, in the order of the recording."""
        return list(dict.fromkeys(book.plan.symbol for book in self.recording.connections.books))

    def book(self, symbol: str, depth: int) -> BookFacts | None:
        """The symbol's book, the readable one where it has several."""
        found = [
            (not book.state.readable, name)
            for name, book in self.replay.desk.books.items()
            if book.plan.symbol == symbol
        ]
        return self._facts(min(found)[1], depth) if found else None

    def books(self, depth: int) -> list[BookFacts]:
        """All of them, in the order of the recording."""
        return [self._facts(name, depth) for name in self.replay.desk.books]

    def facts(self) -> VenueFacts:
        """How the connections and all books stand."""
        books = self.replay.desk.books.values()
        return VenueFacts(
            self.venue,
            self._connection(),
            self._count(),
            self._rate.of(self._count()),
            sum(book.state.readable for book in books),
            len(books),
            sum(self._gaps.values()),
            sum(self._resyncs.values()),
            self.name,
        )

    def _facts(self, name: str, depth: int) -> BookFacts:
        book = self.replay.desk.books[name]
        engine, symbol = book.engine, book.plan.symbol
        return BookFacts(
            venue=self.venue,
            symbol=symbol,
            state=book.state,
            reason=book.reason,
            since=(time.monotonic_ns() - book.since_ns) / 1e9,
            bids=tuple(map(level, engine.levels("bid", depth))),
            asks=tuple(map(level, engine.levels("ask", depth))),
            bid_count=engine.bid_count,
            ask_count=engine.ask_count,
            seq=engine.last,
            gaps=self._gaps.get(symbol, 0),
            resyncs=self._resyncs.get(symbol, 0),
        )

    def _connection(self) -> str:
        lines = self.replay.desk.lines
        if self.ended:
            return "ended"
        is_open = sum(line.session is not None and line.session.is_open for line in lines)
        if len(lines) == 1:
            return "open" if is_open else "lost"
        return f"{is_open}/{len(lines)} open"

    def _count(self) -> int:
        self._messages = max(self._messages, sum(self.replay.processed().values()))
        return self._messages
