"""A replay under observation: what happened to it, and how things stand, as plain facts."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tidebook.model import health
from tidebook.model.market import Level, State, level
from tidebook.record.capture import Record, records
from tidebook.record.check import UNHURRIED
from tidebook.record.connections import Connections, survey
from tidebook.record.replay import Replay
from tidebook.ui.words import Tone, tell

RATE_SECONDS = 2.0
REMEMBERED = 1000


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

    @property
    def seconds(self) -> float:
        return (self.last_ns - self.first_ns) / 1e9

    def played(self) -> Iterator[Record]:
        """Its records, without those of connections that carry no book: nobody opens these."""
        wanted = {book.conn for book in self.connections.books}
        return (record for record in records(self.path) if record.dir != "recv" or record.conn in wanted)


def look_at(path: Path, venue: str | None) -> Recording:
    """Read a recording through. Raises UsageError where it is none, or shows no book."""
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

    connections = survey(noted(records(path)), venue)
    return Recording(path, connections, first_ns, last_ns, lines, frozenset(answers))


@dataclass(frozen=True, slots=True)
class Happening:
    """Something worth a line; `at` is in seconds since the recording began."""

    at: float
    venue: str
    symbol: str | None
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class BookFacts:
    """One book at one instant; the levels are those that were asked for. `since`: seconds in this state."""

    venue: str
    symbol: str
    state: State
    reason: str
    since: float
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    bid_count: int
    ask_count: int
    seq: int | None
    gaps: int
    resyncs: int


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """One recording's venue at one instant; `rate` is messages per second of wall time."""

    venue: str
    connection: str
    messages: int
    rate: float
    readable: int
    total: int
    gaps: int
    resyncs: int


class Watched:
    """One recording, its replay, and the counts of what happened. `at` is the place in the recording, in seconds.

    `on_happening` is called with each line-worthy thing.
    """

    def __init__(self, recording: Recording, engine: Literal["native", "python"] | None) -> None:
        self.recording = recording
        self.venue = recording.connections.venue.name
        self.ended = False
        self.on_happening: Callable[[Happening], None] | None = None
        self.replay = Replay(
            recording.connections, recording.played(), engine=engine, options=UNHURRIED, changed_to=self._changed
        )
        self.replay.on_event = self._happened
        self._seen_live: set[str] = set()
        self._gaps: dict[str, int] = {}
        self._resyncs: dict[str, int] = {}
        self._totals: deque[tuple[float, int]] = deque()
        self._messages = 0
        self._open = 0

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
            self._rate(),
            sum(book.state.readable for book in books),
            len(books),
            sum(self._gaps.values()),
            sum(self._resyncs.values()),
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

    def _rate(self) -> float:
        """Over the last two seconds."""
        now, total = time.monotonic(), self._count()
        self._totals.append((now, total))
        while len(self._totals) > 2 and self._totals[1][0] <= now - RATE_SECONDS:
            self._totals.popleft()
        begin, before = self._totals[0]
        return (total - before) / (now - begin) if now - begin > 0.2 else 0.0


class Scene:
    """All that a view may show: the replays, what happened (the last of it), pace and time."""

    def __init__(self, watched: list[Watched], pace: str) -> None:
        self.watched = watched
        self.pace = pace
        self.engine = watched[0].replay.engine.name
        self.happened = 0  # in all
        self.happenings: deque[Happening] = deque(maxlen=REMEMBERED)
        for one in watched:
            one.on_happening = self._took_place

    @property
    def at(self) -> float:
        """The place in the recordings, in seconds."""
        return max(one.at for one in self.watched)

    @property
    def seconds(self) -> float:
        """How long the longest recording is."""
        return max(one.recording.seconds for one in self.watched)

    def since(self, count: int) -> list[Happening]:
        """What happened after the first `count` things, as far as it is remembered."""
        fresh = self.happened - count
        return [*self.happenings][-fresh:] if fresh > 0 else []

    def _took_place(self, happening: Happening) -> None:
        self.happened += 1
        self.happenings.append(happening)
