"""Recorded connections, fed to the machines that read live ones: no sockets, no clock of its own, no hurry.

What the machines ask for is in the recording or nowhere: nothing is opened, sent or waited for.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from urllib.parse import urlsplit

from tidebook.core.book import Book
from tidebook.core.burst import Burst
from tidebook.core.clock import Now
from tidebook.core.effects import Effect, Reply, Urgency
from tidebook.core.endpoint import Endpoint
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan
from tidebook.core.redact import Known
from tidebook.core.session import Session
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.timers import Timers
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Pace, Proof
from tidebook.errors import TidebookError
from tidebook.model import health
from tidebook.model.facts import Fact
from tidebook.record.capture import Record
from tidebook.record.connections import Connections, Recorded, WantedBook
from tidebook.record.routes import Route, routes
from tidebook.venues import at_host

NO_PACE = Pace(count=1 << 30, per=0.0, spacing=0.0, lag=0.0)
"""A snapshot is asked for whenever one is wanted: the recording has it, or has not."""

REMEMBERED = 10_000
"""Facts of a topic that two connections tell are told once: so many of them are known again."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a recording has of one exchange; the streams of facts stand by connection."""

    exchange: str | None  # None: all of the file is of one
    connections: Connections
    streams: Mapping[str, Sequence[StreamPlan]]


def plans_of(part: Part, conn: str) -> list[BookPlan | StreamPlan]:
    """All that is declared of what a connection carries."""
    return [*(book.plan for book in part.connections.books if book.conn == conn), *part.streams.get(conn, ())]


@dataclass(slots=True)
class Heard:
    """How often a fact was told: by each connection, and to whoever reads."""

    told: int = 0
    by: dict[str, int] = field(default_factory=dict[str, int])


class Sift:
    """Facts of one topic of several connections, each as often as the one that tells it most often does."""

    def __init__(self) -> None:
        self._heard: dict[object, Heard] = {}

    def fresh(self, conn: str, facts: Sequence[Fact]) -> list[Fact]:
        """Those that were not told by another connection before. They differ in nothing but when they came."""
        found: list[Fact] = []
        for fact in facts:
            key = (type(fact), *(getattr(fact, name) for name in fact.__struct_fields__ if name != "received_ns"))
            heard = self._heard.setdefault(key, Heard())
            heard.by[conn] = heard.by.get(conn, 0) + 1
            if heard.by[conn] > heard.told:
                heard.told += 1
                found.append(fact)
        while len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]
        return found


class Fed:
    """One recorded connection, from its first record to its end: the desk of its sessions and books.

    What a session asks of a desk, to open another connection or to give this one up, is not done: the recording says
    what became of it.
    """

    def __init__(self, number: int, one: Recorded, engine: Engine, options: Options, pass_: "Pass") -> None:
        self.effects: list[Effect] = []
        self.received = 0
        self.burst = Burst()
        self.name = one.conn
        self.books: list[Book] = []
        self.asking: list[Book] = []  # books that want a snapshot
        self._one = one
        self._number = number
        self._engine = engine
        self._options = options
        self._timers = Timers()  # never run: their times are those of a live connection
        self._known = Known(None)
        self._pass = pass_
        self._sessions: dict[tuple[str, type], Session] = {}
        self._passed: dict[type, list[Route]] = {}  # known to nobody: looked at for an answer, each would be parsed

    def open(
        self, books: Sequence[WantedBook], streams: Sequence[StreamPlan], every: Sequence[BookPlan | StreamPlan],
        now: Now,
    ) -> None:  # fmt: skip
        """Begin to read these of `every` topic it has."""
        found = [*routes(every)]
        for kind, plans in ((Book, [wanted.plan for wanted in books]), (Stream, streams)):
            mine = {route.key for route in routes(plans)}
            self._passed[kind] = [route for route in found if route.key not in mine]
        for wanted in books:
            plan = wanted.plan
            plan = replace(plan, rule=replace(plan.rule, pace=NO_PACE))
            state = self._engine.Book(
                plan.shape, plan.rule, snapshot=plan.snapshot, depth_cap=self._options.depth_cap,
                price_scale=plan.price_scale, size_scale=plan.size_scale,
            )  # fmt: skip
            book = Book(plan, state, self, self._timers, self._options, now, deque())
            book.changed_to = self._pass.changed
            self.books.append(book)
            self._session(plan.endpoint, Book).add(book, now)
        for each in streams:
            stream = Stream(each, self.emit, self._timers, self._options)
            stream.deliver = self._pass.deliver_of(self.name, each)
            self._session(each.endpoint, Stream).add_stream(stream, now)
        for session in self._sessions.values():
            session.opened(now)
        self.effects.clear()

    def _session(self, endpoint: Endpoint, kind: type) -> Session:
        """The one that reads this kind of thing: a book and a stream may have one topic, and a message one reader."""
        key = (endpoint.name, kind)
        if key not in self._sessions:
            if endpoint.subscribing is not None:
                endpoint = replace(endpoint, subscribing=replace(endpoint.subscribing, pace=0.0))
            feed = self._engine.Feed(counter=endpoint.counter, cap=endpoint.cap)
            for route in self._passed[kind]:
                feed.other(route.key, route.form)
            self._sessions[key] = Session(
                self._number, endpoint, feed, self, self._timers, self._options,
                self._one.venue.name, self._known, self._one.url,
            )  # fmt: skip
        return self._sessions[key]

    def frame(self, frame: bytes, now: Now) -> None:
        """A message of the venue's."""
        for session in self._sessions.values():
            session.frames([frame], now)
        self.effects.clear()

    def missed(self, now: Now) -> None:
        """Messages may be missing here: a book that would not notice is not to be believed."""
        for book in self.books:
            if Proof.SEQUENCE not in book.plan.rule.proof:
                book.resubscribing("the recorder lost messages", now)

    def close(self, reason: str, now: Now) -> None:
        """It is over."""
        for session in self._sessions.values():
            session.closed(reason, now)
        for book in self.books:
            book.close()

    # ---- what sessions and books ask

    def emit(self, event: health.Health) -> None:
        self._pass.happened(event)

    def renew(self, session: Session, reason: str, now: Now) -> None:
        """Not done: see the class."""

    def rotate(self, session: Session, reason: str, now: Now) -> None:
        """Not done: see the class."""

    def denied(self, session: Session, error: TidebookError, now: Now) -> None:
        """Not done: see the class."""

    def entered(self, session: Session) -> None:
        """Nothing follows from it."""

    def mistimed(self, session: Session, error: TidebookError, now: Now) -> None:
        """Not done: see the class."""

    def fetch(self, book: Book, urgency: Urgency, now: Now) -> None:
        """A book wants a snapshot: the next one of its instrument."""
        book.sent(now)
        if book not in self.asking:
            self.asking.append(book)

    def room_at(self, book: Book, now: Now) -> int:
        return now.mono_ns


class Pass:
    """One reading of a recording: `read` is given its records in their order, from the first on.

    `wants_streams` says of which streams facts are read, `wants_books` which books are kept; `overlap` are the topics
    that two connections carry at one time.
    """

    def __init__(
        self, parts: Sequence[Part], engine: Engine, *,
        wants_books: Callable[[WantedBook], bool], wants_streams: Callable[[StreamPlan], bool],
        overlap: frozenset[tuple[str, str]] = frozenset(), options: Options | None = None,
    ) -> None:  # fmt: skip
        self.open: dict[str, Fed] = {}  # by the connection's name, in the order in which they were opened
        self.events: list[health.Health] = []  # of the last record
        self.fresh: list[Book] = []  # changed by the last record
        self._facts: list[Fact] = []
        self._engine = engine
        self._options = options or Options()
        self._overlap = overlap
        self._sifts: dict[tuple[str, str], Sift] = {}
        self._numbers = count(1)
        self._over: set[str] = set()
        self.wanted: dict[Book, WantedBook] = {}
        self._recorded = {one.conn: one for part in parts for one in part.connections.recorded}
        self._every = {one.conn: plans_of(part, one.conn) for part in parts for one in part.connections.recorded}
        self._streams = {
            conn: [each for each in plans if wants_streams(each)]
            for part in parts for conn, plans in part.streams.items()
        }  # fmt: skip
        self._books: dict[str, list[WantedBook]] = {}
        for book in (one for part in parts for one in part.connections.books if wants_books(one)):
            self._books.setdefault(book.conn, []).append(book)

    def read(self, record: Record) -> list[Fact]:
        """The next record; its facts."""
        self._facts = []
        self.fresh.clear()
        self.events.clear()
        self._read(record)
        return self._facts

    def books(self) -> dict[tuple[str, str], Book]:
        """By venue and symbol the readable books; of two connections' that of the newer one."""
        return {
            (book.plan.venue, book.plan.symbol): book
            for one in self.open.values()
            for book in one.books
            if book.readable
        }

    def _read(self, record: Record) -> None:
        now = Now(record.at_ns, record.at_ns)
        if record.dir == "http":
            self._give(record, now)
        elif record.dir == "lost":
            for one in self.open.values():
                one.missed(now)
        elif record.conn in self._recorded and record.conn not in self._over:
            one = self.open.get(record.conn) or self._opened(record.conn, now)
            if record.dir == "recv":
                message = record.message
                one.frame(message.encode() if isinstance(message, str) else message, now)
            elif record.dir == "close":
                self._over.add(record.conn)
                one.close(record.message if isinstance(record.message, str) else "closed", now)
                del self.open[record.conn]

    def _opened(self, conn: str, now: Now) -> Fed:
        one = self.open[conn] = Fed(next(self._numbers), self._recorded[conn], self._engine, self._options, self)
        one.open(self._books.get(conn, ()), self._streams.get(conn, ()), self._every[conn], now)
        for book, wanted in zip(one.books, self._books.get(conn, ()), strict=True):
            self.wanted[book] = wanted
        return one

    def _give(self, record: Record, now: Now) -> None:
        """A body is for all books of its instrument that want one."""
        body = record.message.encode() if isinstance(record.message, str) else record.message
        reply = Reply(200, {}, body)
        for one in self.open.values():
            asking, one.asking = one.asking, []
            for book in asking:
                wanted = self.wanted[book]
                if book.asked_ns is None:
                    continue  # it has one
                if _is_of(record.url, wanted):
                    book.replied(reply, now)
                elif book not in one.asking:
                    one.asking.append(book)

    # ---- what the connections tell

    def deliver_of(self, conn: str, plan: StreamPlan) -> Callable[[Sequence[Fact]], None]:
        """What takes the facts of a stream of a connection."""
        key = (plan.venue, plan.topic)
        if key not in self._overlap:
            return self._take
        sift = self._sifts.setdefault(key, Sift())
        return lambda facts: self._take(sift.fresh(conn, facts))

    def _take(self, facts: Sequence[Fact]) -> None:
        self._facts.extend(facts)

    def changed(self, book: Book) -> None:
        """A book may be read anew, or not any more."""
        self.fresh.append(book)

    def happened(self, event: health.Health) -> None:
        """What is not as it should be."""
        self.events.append(event)


def _is_of(url: str, wanted: WantedBook) -> bool:
    """Whether a URL is that of a snapshot of this very book's venue and instrument."""
    snapshot_of = wanted.channel.snapshot_of
    if snapshot_of is None or snapshot_of(url) != wanted.instrument:
        return False
    parts = urlsplit(url)
    there = [venue.name for venue in at_host(parts.hostname or "", parts.path or "/", recorded=True)]
    return not there or wanted.plan.venue in there
