"""One venue in one process: what is wanted, spread over connections and budgets.

Only the desk opens and fetches; sessions and books ask it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from tidebook.core.backoff import Backoff, Draw
from tidebook.core.book import Book
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Close, Effect, Emit, Fetch, Open, Reply, Urgency
from tidebook.core.endpoint import Endpoint, Pool
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan
from tidebook.core.pools import Budget
from tidebook.core.session import Session
from tidebook.core.timers import Timer, Timers
from tidebook.engine.contract import Engine
from tidebook.model import health


@dataclass(slots=True)
class Line:
    """A connection that is wanted, across all the sessions that carry it one after the other."""

    endpoint: Endpoint
    url: str
    headers: Mapping[str, str]
    pin: str | None
    backoff: Backoff
    books: list[Book] = field(default_factory=list)
    session: Session | None = None
    attempt: int = 0
    timer: Timer | None = None
    rotate: Timer | None = None
    connect: Timer | None = None


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A snapshot that waits for room in its pool."""

    urgency: Urgency
    order: int
    book: Book = field(compare=False)
    epoch: int = field(compare=False)


class Desk:
    """See the module. Inputs: `wanted opened closed replied failed tick`, and frames through `session(conn)`.

    `seed` is for jitter alone. `pools` are shared by all that name them.
    """

    def __init__(
        self,
        venue: str,
        engine: Engine,
        *,
        pools: Iterable[Pool] = (),
        options: Options | None = None,
        seed: int = 0,
    ) -> None:
        self.venue = venue
        self.effects: list[Effect] = []
        self.books: dict[str, Book] = {}
        self.lines: list[Line] = []
        self._engine = engine
        self._options = options or Options()
        self._draw = Draw(seed)
        self._timers = Timers()
        self._sessions: dict[int, Session] = {}
        self._line_of: dict[int, Line] = {}
        self._asked: dict[str, deque[int]] = {}  # by name of the book: when its snapshots were asked for
        self._last_conn = 0
        self._last_fetch = 0
        self._fetches: dict[int, tuple[Book, int]] = {}
        self.answered = 0  # fetches that came to an end, for whoever counts along
        self._budgets = {pool.name: Budget(pool) for pool in pools}
        self._queue: list[Waiting] = []
        self._queued = 0
        self._queue_timer = self._timers.timer(self._serve)

    @property
    def deadline(self) -> int | None:
        return self._timers.deadline

    def session(self, conn: int) -> Session:
        """The session of an open connection; its `frames` is the hot path."""
        return self._sessions[conn]

    # Wanted -------------------------------------------------------------------

    def wanted(
        self,
        now: Now,
        add: Iterable[BookPlan] = (),
        remove: Iterable[str] = (),
        changed_to: Callable[[Book], None] | None = None,
    ) -> None:
        """Want these books; stop wanting those (by `plan.name`)."""
        for name in remove:
            self._unwant(name, now)
        fresh: list[Line] = []
        for plan in add:
            if plan.name in self.books:
                continue
            engine = self._engine.Book(
                plan.shape,
                plan.rule,
                snapshot=plan.snapshot,
                depth_cap=self._options.depth_cap,
                price_scale=plan.price_scale,
                size_scale=plan.size_scale,
            )
            asked = self._asked.setdefault(plan.name, deque())
            book = Book(plan, engine, self, self._timers, self._options, now, asked)
            book.changed_to = changed_to
            self.books[plan.name] = book
            line = self._line_for(plan)
            line.books.append(book)
            if line.session is not None:
                line.session.add(book, now)
            elif line.timer is None:
                fresh.append(line)
        for line in fresh:
            if line.session is None:
                self._open(line, now)

    def connect(self, now: Now, endpoint: Endpoint, url: str, headers: Mapping[str, str], pin: str) -> None:
        """Keep a connection open that carries no book (yet)."""
        line = Line(endpoint, url, headers, pin, Backoff(self._options, self._draw))
        self.lines.append(line)
        self._open(line, now)

    def _unwant(self, name: str, now: Now) -> None:
        book = self.books.pop(name, None)
        if book is None:
            return
        book.close()
        self._forget_asked(now)
        for line in self.lines:
            if book in line.books:
                line.books.remove(book)
                if line.session is not None:
                    line.session.remove(book, now)
                if not line.books:
                    self._drop(line, now)
                return

    def _forget_asked(self, now: Now) -> None:
        """When snapshots were asked for is remembered beyond a book's life, as long as a pace may need it."""
        oldest = now.mono_ns - seconds(3600)
        gone = [name for name in self._asked if name not in self.books]
        for name in gone:
            asked = self._asked[name]
            if not asked or asked[-1] < oldest:
                del self._asked[name]

    def _line_for(self, plan: BookPlan) -> Line:
        for line in self.lines:
            same = line.endpoint.name == plan.endpoint.name and line.pin == plan.pin
            if same and (plan.pin is not None or len(line.books) < plan.endpoint.max_topics):
                return line
        line = Line(
            plan.endpoint,
            plan.url or plan.endpoint.url,
            plan.headers or {},
            plan.pin,
            Backoff(self._options, self._draw),
        )
        self.lines.append(line)
        return line

    # Connections --------------------------------------------------------------

    def _open(self, line: Line, now: Now) -> None:
        """Open, or wait until the venue's limit on handshakes allows it."""
        budget = self._budget(line.endpoint.connects)
        if budget is not None:
            at = budget.free_at(1, now)
            if at > now.mono_ns:
                self._open_at(line, at)
                return
            budget.spend(1, now)
        self._last_conn += 1
        conn = self._last_conn
        endpoint = line.endpoint
        feed = self._engine.Feed(counter=endpoint.counter, cap=endpoint.cap)
        session = Session(conn, endpoint, feed, self, self._timers, self._options, self.venue)
        self._sessions[conn] = session
        self._line_of[conn] = line
        line.session = session
        line.attempt += 1
        for book in line.books:
            session.add(book, now)
        self.effects.append(Open(conn, line.url, line.headers, endpoint.cap))

    def _open_at(self, line: Line, at_ns: int) -> None:
        if line.timer is None:
            line.timer = self._timers.timer(lambda now, line=line: self._open_due(line, now))  # type: ignore[misc]
        line.timer.set(at_ns)

    def _open_due(self, line: Line, now: Now) -> None:
        if line.session is None and line in self.lines:
            self._open(line, now)

    def opened(self, conn: int, now: Now) -> None:
        line = self._line_of.get(conn)
        if line is None or line.session is None:
            return
        self.emit(health.Connected(self.venue, None, now.wall_ns, line.attempt))
        if line.endpoint.lifetime is not None:
            if line.rotate is None:
                line.rotate = self._timers.timer(lambda now, line=line: self._rotate(line, now))  # type: ignore[misc]
            lifetime = line.endpoint.lifetime
            line.rotate.set(now.mono_ns + seconds(lifetime.seconds - lifetime.overlap))
        line.session.opened(now)

    def closed(self, conn: int, code: int | None, reason: str, now: Now) -> None:
        """A connection ended, or never came about."""
        line = self._line_of.pop(conn, None)
        session = self._sessions.pop(conn, None)
        if line is None or session is None or line.session is not session:
            return
        self._ended(line, session, f"{reason} ({code})" if code is not None else reason, now)

    def renew(self, session: Session, reason: str, now: Now) -> None:
        """Give a connection up; the next one is opened after the backoff."""
        line = self._line_of.pop(session.conn, None)
        self._sessions.pop(session.conn, None)
        if line is None or line.session is not session:
            return
        self.effects.append(Close(session.conn))
        self._ended(line, session, reason, now)

    def _ended(self, line: Line, session: Session, reason: str, now: Now) -> None:
        healthy = seconds(self._options.healthy_after)
        if session.opened_ns is not None and now.mono_ns - session.opened_ns >= healthy:
            line.backoff.healthy()
            line.attempt = 0
        line.session = None
        if line.rotate is not None:
            line.rotate.off()
        session.closed(reason, now)
        wait = line.backoff.next_ns()
        self.emit(health.Disconnected(self.venue, None, now.wall_ns, reason, wait / SECOND))
        self._open_at(line, now.mono_ns + wait)

    def _rotate(self, line: Line, now: Now) -> None:
        """The venue will close this connection soon; better at a moment of our own choosing."""
        if line.session is not None:
            line.backoff.healthy()
            self.renew(line.session, "rotated before its lifetime ends", now)

    def _drop(self, line: Line, now: Now) -> None:
        self.lines.remove(line)
        for timer in (line.timer, line.rotate):
            if timer is not None:
                timer.off()
        if line.session is not None:
            session, line.session = line.session, None
            self._sessions.pop(session.conn, None)
            self._line_of.pop(session.conn, None)
            self.effects.append(Close(session.conn))
            session.closed("not wanted any more", now)

    # Snapshots ----------------------------------------------------------------

    def fetch(self, book: Book, urgency: Urgency, now: Now) -> None:
        """A book asks for its snapshot; it goes out when its pool has room."""
        self._queued += 1
        heappush(self._queue, Waiting(urgency, self._queued, book, book.epoch))
        self._serve(now)

    def _serve(self, now: Now) -> None:
        """Send what the budgets allow, the most urgent first."""
        later: list[Waiting] = []
        earliest: int | None = None
        while self._queue:
            waiting = heappop(self._queue)
            book = waiting.book
            if waiting.epoch != book.epoch or not book.queued:
                continue
            rest = book.plan.rest
            assert rest is not None
            budget = self._budgets.get(rest.pool)
            at = now.mono_ns if budget is None else budget.free_at(rest.weight, now)
            if at > now.mono_ns:
                later.append(waiting)
                earliest = at if earliest is None else min(earliest, at)
                continue
            if budget is not None:
                budget.spend(rest.weight, now)
            self._last_fetch += 1
            self._fetches[self._last_fetch] = (book, book.epoch)
            book.sent(now)
            timeout = self._options.request_timeout
            self.effects.append(
                Fetch(self._last_fetch, rest.request, rest.pool, rest.weight, waiting.urgency, timeout, rest.cap)
            )
        for waiting in later:
            heappush(self._queue, waiting)
        if earliest is not None:
            self._queue_timer.set(earliest)

    def replied(self, fetch: int, reply: Reply, now: Now) -> None:
        """An answer. One to a question of an earlier connection is dropped here."""
        self.answered += 1
        book, epoch = self._fetches.pop(fetch, (None, 0))
        if book is None:
            return
        if reply.status in (418, 429):
            self._throttle(book, reply, now)
        if book.epoch == epoch and book.asked_ns is not None:
            book.replied(reply, now)

    def failed(self, fetch: int, why: str, now: Now) -> None:
        self.answered += 1
        book, epoch = self._fetches.pop(fetch, (None, 0))
        if book is not None and book.epoch == epoch and book.asked_ns is not None:
            book.failed(why, now)

    def _throttle(self, book: Book, reply: Reply, now: Now) -> None:
        """The venue says for how long nothing more may be sent."""
        assert book.plan.rest is not None
        text = reply.headers.get("retry-after", "")
        wait = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else 60.0
        pool = book.plan.rest.pool
        # A pool that nobody declared has no limit of its own; the venue's word counts all the same.
        budget = self._budgets.setdefault(pool, Budget(Pool(pool, "ip", 1 << 62, 1.0)))
        budget.block(now.mono_ns + seconds(wait))
        self.emit(health.Throttled(self.venue, None, now.wall_ns, pool, wait))

    # Common -------------------------------------------------------------------

    def tick(self, now: Now) -> None:
        self._timers.tick(now)

    def emit(self, event: health.Health) -> None:
        self.effects.append(Emit(event))

    def _budget(self, pool: Pool | None) -> Budget | None:
        if pool is None:
            return None
        return self._budgets.setdefault(pool.name, Budget(pool))

    def __repr__(self) -> str:
        live = sum(book.state.readable for book in self.books.values())
        return f"<Desk {self.venue}, {live} of {len(self.books)} books readable, {len(self.lines)} connections>"
