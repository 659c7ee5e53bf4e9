"""One venue in one process: what is wanted, spread over connections and budgets.

Only the desk opens and fetches; sessions and books ask it.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from tidebook.core.backoff import Backoff, Draw, Endings
from tidebook.core.book import Book
from tidebook.core.burst import Burst
from tidebook.core.channel import Answers
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Close, Effect, Emit, Open, Reply, Urgency
from tidebook.core.endpoint import Endpoint, Pool
from tidebook.core.errand import Errand
from tidebook.core.handover import Handover
from tidebook.core.line import HANDED, Line, size_of
from tidebook.core.login import Access
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan
from tidebook.core.pools import Budget, Budgets
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.redact import Known, shown
from tidebook.core.requests import PAUSE, Requests
from tidebook.core.rest import retry_after
from tidebook.core.session import Session
from tidebook.core.sign.scheme import Stamp
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.talk import OrderSocket, Talk
from tidebook.core.timers import Timers
from tidebook.engine.contract import Engine
from tidebook.errors import ClockRefused, NoCredentials, TidebookError, UsageError
from tidebook.model import health
from tidebook.model.credentials import Credentials, Secret

_WAIT = re.compile(r"retry-after (\d{1,9})$", re.ASCII)


class Desk:
    """See the module. Inputs: `wanted opened closed replied failed tick`, and frames through `session(conn)`.

    `seed` is for jitter alone. `pools` are the venue's limits; desks that are given the same `budgets` share them,
    those of scope account where `account` is the same. `answers` says what replies tell of limits. `burst` is shared by
    all that is read on one loop. `credentials` log in where an endpoint wants that, signing with what `stamp` gives,
    and for the URL that `reached` makes of the declared one; `denied_at` are, by name, the endpoints at which these
    were refused for good: nothing is opened there any more. `known` takes them out of whatever the venue says. `resync`
    has the venue's clock looked at anew; whether `measured` will be called then.
    """

    def __init__(
        self,
        venue: str,
        engine: Engine,
        *,
        pools: Iterable[Pool] = (),
        options: Options | None = None,
        seed: int = 0,
        budgets: Budgets | None = None,
        account: str = "",
        answers: Answers | None = None,
        burst: Burst | None = None,
        credentials: Credentials | None = None,
        stamp: Callable[[Now], Stamp] = lambda now: Stamp(now.wall_ns, 0),
        resync: Callable[[], bool] = lambda: False,
        reached: Callable[[str], str] = str,
    ) -> None:
        self.venue = venue
        self.burst = burst or Burst()
        self.effects: list[Effect] = []
        self.books: dict[str, Book] = {}
        self.streams: dict[str, Stream] = {}
        self.lines: list[Line] = []
        self._engine = engine
        self._options = options or Options()
        self._draw = Draw(seed)
        self._timers = Timers()
        self._sessions: dict[int, Session] = {}
        self._line_of: dict[int, Line] = {}
        self._asked: dict[str, deque[int]] = {}  # by name of the book: when its snapshots were asked for
        self._last_conn = 0
        self._credentials = credentials
        self._stamp = stamp
        self._resync = resync
        self._reached = reached
        self.known = Known(credentials)
        self.denied_at: dict[str, TidebookError] = {}
        self._talk: Talk | None = None
        self._endings = Endings(seconds(self._options.reopen_apart))
        self.received = 0  # data frames of all its connections, for whoever counts along
        self.requests = Requests(
            venue, self.effects, self._timers, pools=pools, budgets=budgets, account=account, answers=answers
        )

    @property
    def deadline(self) -> int | None:
        return self._timers.deadline

    @property
    def answered(self) -> int:
        """Fetches that came to an end, for whoever counts along."""
        return self.requests.answered

    def session(self, conn: int) -> Session:
        """The session of an open connection; its `frames` is the hot path."""
        return self._sessions[conn]

    def line(self, conn: int) -> Line | None:
        """Which line a connection is of."""
        return self._line_of.get(conn)

    # Wanted -------------------------------------------------------------------

    def wanted(
        self, now: Now, add: Iterable[BookPlan] = (), remove: Iterable[str] = (),
        changed_to: Callable[[Book], None] | None = None,
    ) -> None:  # fmt: skip
        """Want these books; stop wanting those (by `plan.name`)."""
        for name in remove:
            self._unwant(name, now)
        fresh: list[Line] = []
        for plan in add:
            if plan.name in self.books:
                if self.books[plan.name].plan.endpoint.name != plan.endpoint.name:
                    raise UsageError(f"{plan.name} is wanted already, on another endpoint")
                continue
            engine = self._engine.Book(
                plan.shape, plan.rule, snapshot=plan.snapshot, depth_cap=self._options.depth_cap,
                price_scale=plan.price_scale, size_scale=plan.size_scale,
            )  # fmt: skip
            asked = self._asked.setdefault(plan.name, deque())
            book = Book(plan, engine, self, self._timers, self._options, now, asked)
            book.changed_to = changed_to
            self.books[plan.name] = book
            size = size_of(plan)
            line = self._line_for(plan.endpoint, size, self.streams.get(plan.name), plan.pin, plan.url, plan.headers)
            line.books.append(book)
            line.size += size
            if line.session is not None:
                line.session.add(book, now)
            if line.handover is not None:
                line.handover.add(book, now)
            if line.session is not None or line.timer is None:
                fresh.append(line)
        for line in fresh:
            if line.session is None:
                self._open(line, now)
            else:
                line.session.greet(now)

    def want_stream(self, plan: StreamPlan, now: Now) -> Stream:
        """Want a stream of facts; the same one again where it is wanted already."""
        if plan.name in self.streams:
            return self.streams[plan.name]
        stream = self.streams[plan.name] = Stream(plan, self.emit, self._timers, self._options)
        size = size_of(plan)
        line = self._line_for(plan.endpoint, size, self.books.get(plan.name))
        line.streams.append(stream)
        line.size += size
        if line.session is not None:
            line.session.add_stream(stream, now)
            line.session.greet(now)
            if line.handover is not None:
                line.handover.add(stream, now)
        elif line.timer is None:
            self._open(line, now)
        return stream

    def want_raw(self, plan: RawPlan, now: Now, token: Secret | None = None) -> Raw:
        """Want a connection of its own, all of whose messages are handed over. `token` is the end of its URL."""
        raw = Raw(plan, token)
        line = self._new_line(plan.endpoint, plan.name, plan.url)
        line.raw = raw
        self._open(line, now)
        return raw

    def want_talk(self, declared: OrderSocket, now: Now) -> Talk:
        """Want the connection over which orders go; the same one again where it is wanted already."""
        if self._talk is None:
            raw = self.want_raw(RawPlan(self.venue, "orders", declared.endpoint), now)

            def confide(message: Secret) -> None:
                if (session := self._session_of(raw)) is not None:
                    session.confide(message)

            self._talk = Talk(self.venue, declared, raw, self.requests, self._timers, confide, self.emit)
        return self._talk

    def change_raw(self, raw: Raw, add: Iterable[str], remove: Iterable[str], now: Now) -> None:
        """Subscribe more texts on its connection, and fewer; so it stays after each reconnect."""
        removed, added = raw.remove(remove), raw.add(add)
        if (session := self._session_of(raw)) is not None:
            session.change_raw(added, removed, now)

    def renew_raw(self, raw: Raw, reason: str, now: Now) -> None:
        """Give its connection up; the next one is opened after the backoff."""
        if (session := self._session_of(raw)) is not None:
            self.renew(session, reason, now)

    def say_raw(self, raw: Raw, data: bytes, now: Now) -> bool:
        """Say something on its connection, this once; whether there is one that takes it."""
        session = self._session_of(raw)
        if session is None or not raw.is_open:
            return False
        session.post(data, now)
        return True

    def _session_of(self, raw: Raw) -> Session | None:
        return next((line.session for line in self.lines if line.raw is raw), None)

    def unwant_raw(self, raw: Raw, now: Now) -> None:
        """Stop wanting it."""
        raw.close()
        for line in self.lines:
            if line.raw is raw:
                self._drop(line, now)
                return

    def unwant_stream(self, name: str, now: Now) -> None:
        """Stop wanting it (by `plan.name`)."""
        stream = self.streams.pop(name, None)
        if stream is None:
            return
        stream.close()
        for line in self.lines:
            if stream in line.streams:
                line.streams.remove(stream)
                self._left(line, stream, now)
                return

    def _left(self, line: Line, wanted: Book | Stream, now: Now) -> None:
        """A line carries one thing less; one that carries nothing is given up."""
        line.size -= size_of(wanted.plan)
        if line.session is not None:
            line.session.remove(wanted, now)
        if line.handover is not None:
            line.handover.remove(wanted, now)
        if not line.books and not line.streams:
            self._drop(line, now)

    def connect(self, now: Now, endpoint: Endpoint, url: str, headers: Mapping[str, str], pin: str) -> None:
        """Keep a connection open that carries no book (yet)."""
        self._open(self._new_line(endpoint, pin, url, headers), now)

    def _unwant(self, name: str, now: Now) -> None:
        book = self.books.pop(name, None)
        if book is None:
            return
        book.close()
        self._forget_asked(now)
        for line in self.lines:
            if book in line.books:
                line.books.remove(book)
                self._left(line, book, now)
                return

    def _forget_asked(self, now: Now) -> None:
        """When snapshots were asked for is remembered beyond a book's life, as long as a pace may need it."""
        oldest = now.mono_ns - seconds(3600)
        gone = [name for name in self._asked if name not in self.books]
        for name in gone:
            asked = self._asked[name]
            if not asked or asked[-1] < oldest:
                del self._asked[name]

    def _line_for(
        self, endpoint: Endpoint, size: int, apart: Book | Stream | None, pin: str | None = None,
        url: str | None = None, headers: Mapping[str, str] | None = None,
    ) -> Line:  # fmt: skip
        """The connection that carries one more topic, of so many bytes; a new one where all are full.

        `apart` is not on it: a book and a stream of one topic are on two, since on one a message has one reader.
        """
        most = endpoint.max_bytes
        for line in self.lines:
            same = line.endpoint.name == endpoint.name and line.pin == pin
            if apart is not None and apart in line.carried:
                continue
            if same and (
                pin is not None
                or (
                    len(line.books) + len(line.streams) < endpoint.max_topics
                    and (most is None or line.size + size <= most)
                )
            ):
                return line
        return self._new_line(endpoint, pin, url, headers)

    def _new_line(
        self, endpoint: Endpoint, pin: str | None, url: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Line:
        if (endpoint.login or endpoint.handshake) is not None and self._credentials is None:
            raise NoCredentials(f"{self.venue} {endpoint.name} needs a key. Nothing was opened", venue=self.venue)
        given = {**endpoint.headers, **(headers or {})}
        line = Line(endpoint, url or endpoint.url, given, pin, Backoff(self._options, self._draw))
        self.lines.append(line)
        return line

    # Connections --------------------------------------------------------------

    def _open(self, line: Line, now: Now) -> None:
        """Open, or wait until the venue's limit on handshakes allows it."""
        if (error := self.denied_at.get(line.endpoint.name)) is not None:
            line.deny(error, now)
            return
        budget = self.connects(line)
        if budget is not None:
            line.turn = budget.turn(1, now, line.turn)
            if line.turn.at_ns > now.mono_ns:
                self._open_at(line, line.turn.at_ns)
                self.requests.tell(budget, now)
                return
        session = line.session = self.new_session(line)
        line.attempt += 1
        for book in line.books:
            session.add(book, now)
        for stream in line.streams:
            session.add_stream(stream, now)
        if line.raw is not None:
            session.add_raw(line.raw)
        self.open_at(line, session, now)

    def open_at(self, line: Line, session: Session, now: Now) -> None:
        """Have a line's next connection opened."""
        endpoint, token = line.endpoint, None if line.raw is None else line.raw.token
        secrets: Mapping[str, Secret] = {}
        if endpoint.handshake is not None and self._credentials is not None:
            secrets = endpoint.handshake(self._reached(line.url), self._credentials, self._stamp(now))
            for secret in secrets.values():
                self.known.learn(secret.reveal())
        self.effects.append(Open(session.conn, line.url, line.headers, endpoint.cap, secrets, token))

    def new_session(self, line: Line) -> Session:
        """One more connection of a line, that is not opened yet and carries nothing."""
        self._last_conn += 1
        conn, endpoint = self._last_conn, line.endpoint
        feed = self._engine.Feed(counter=endpoint.counter, cap=endpoint.cap)
        access = None if self._credentials is None else Access(self._credentials, self._stamp, self._reached)
        session = Session(
            conn, endpoint, feed, self, self._timers, self._options, self.venue, self.known, line.url, access
        )
        self._sessions[conn] = session
        self._line_of[conn] = line
        return session

    def forget(self, session: Session) -> None:
        """Nothing that comes from it is anybody's."""
        self._line_of.pop(session.conn, None)
        self._sessions.pop(session.conn, None)

    def carries(self, line: Line, session: Session) -> None:
        """From now on it is this one that carries the line."""
        line.session = session
        self._arm_rotation(line, session)

    def _open_at(self, line: Line, at_ns: int) -> None:
        if line.timer is None:
            line.timer = self._timers.timer(lambda now, line=line: self._open_due(line, now))  # type: ignore[misc]
        line.timer.set(at_ns)

    def _open_due(self, line: Line, now: Now) -> None:
        if line.session is None and line in self.lines and line.late != "waits":
            self._open(line, now)

    def opened(self, conn: int, now: Now) -> None:
        line = self._line_of.get(conn)
        if line is None or line.session is None:
            return
        if line.handover is not None and line.session.conn != conn:
            line.handover.opened(now)
            return
        self._met(line, now)
        self.emit(health.Connected(self.venue, None, now.wall_ns, line.attempt))
        line.session.opened(now)
        self._arm_rotation(line, line.session)

    def _arm_rotation(self, line: Line, session: Session) -> None:
        lifetime = line.endpoint.lifetime
        if lifetime is None or session.opened_ns is None:
            return
        if line.rotate is None:
            line.rotate = self._timers.timer(lambda now, line=line: self._rotate(line, now))  # type: ignore[misc]
        line.rotate.set(session.opened_ns + seconds(lifetime.seconds - lifetime.overlap))

    def closed(self, conn: int, code: int | None, reason: str, now: Now) -> None:
        """A connection ended, or never came about."""
        line = self._line_of.pop(conn, None)
        session = self._sessions.pop(conn, None)
        if line is None or session is None:
            return
        words = shown(self.known.without(reason))
        # A refused handshake has the HTTP status as its code; what it asks to wait stands at the end of the reason.
        asked = _WAIT.search(words)
        headers = {"retry-after": asked[1]} if asked is not None else {}
        least = seconds(retry_after(headers, PAUSE)) if code in (418, 429) else 0
        if least and (budget := self.connects(line)) is not None:
            self.requests.close(budget, now.mono_ns + least, now)
        self._gone(line, session, f"{words} ({code})" if code is not None else words, now, least)

    def renew(self, session: Session, reason: str, now: Now) -> None:
        """Give a connection up; the next one is opened after the backoff."""
        line = self._line_of.pop(session.conn, None)
        self._sessions.pop(session.conn, None)
        if line is None:
            return
        self.effects.append(Close(session.conn))
        self._gone(line, session, reason, now)

    def _gone(self, line: Line, session: Session, reason: str, now: Now, least_ns: int = 0) -> None:
        """One of a line's connections is."""
        handover = line.handover
        if line.session is session:
            if handover is None or not handover.ended(now, reason):
                self._ended(line, session, reason, now, least_ns)
        elif handover is not None and handover.session is session:
            handover.failed(now, reason, least_ns)

    def denied(self, session: Session, error: TidebookError, now: Now) -> None:
        """The key is refused for good: nobody is left to wait, and nothing is opened at this endpoint again."""
        line = self._line_of.pop(session.conn, None)
        self._sessions.pop(session.conn, None)
        if line is None:
            return
        if line.session is not session:  # the next one, opened beside it
            self.effects.append(Close(session.conn))
            self._gone(line, session, str(error), now)
            return
        if not isinstance(error, ClockRefused):  # a clock may be right the next time
            self.denied_at[line.endpoint.name] = error
        self.effects.append(Close(session.conn))
        self._let_go(line)
        self._met(line, now)
        session.closed(str(error), now)
        self.emit(health.SubscriptionFailed(self.venue, None, now.wall_ns, line.endpoint.name, str(error)))
        line.deny(error, now)

    def entered(self, session: Session) -> None:
        """It is let in: its time stamp was right."""
        if (line := self._line_of.get(session.conn)) is not None:
            line.late = ""

    def mistimed(self, session: Session, error: TidebookError, now: Now) -> None:
        """A login is refused for its time stamp: the next one is by a better clock; once, until one is let in."""
        line = self._line_of.get(session.conn)
        if line is not None and line.late:
            self.denied(session, error, now)
        elif line is not None:
            line.late = "waits" if self._resync() else "again"
            self.renew(session, str(error).removeprefix(f"{self.venue}: "), now)

    def measured(self, known: bool, now: Now) -> None:
        """The venue's clock was looked at anew; where it is not `known` now, the next login is not the last."""
        for line in [line for line in self.lines if line.late == "waits"]:
            line.late = "again" if known else ""
            if line.session is None:
                self._open_at(line, now.mono_ns + (0 if known else line.backoff.next_ns()))

    def _let_go(self, line: Line) -> None:
        line.session = None
        if line.rotate is not None:
            line.rotate.off()

    def _ended(self, line: Line, session: Session, reason: str, now: Now, least_ns: int = 0) -> None:
        healthy = seconds(self._options.healthy_after)
        if session.opened_ns is not None and now.mono_ns - session.opened_ns >= healthy:
            line.backoff.healthy()
            line.attempt = 0
        self._let_go(line)
        self._met(line, now)
        session.closed(reason, now)
        wait = max(line.backoff.next_ns() + self._endings.behind_ns(now), least_ns)
        self.emit(health.Disconnected(self.venue, None, now.wall_ns, reason, wait / SECOND))
        self._open_at(line, now.mono_ns + wait)

    def rotate(self, session: Session, reason: str, now: Now) -> None:
        """The venue announces that it will close this connection: the next one is opened beside it, or else after it.

        After some in a row it is left to its end, and to the backoff: a venue that announces the end of each as soon as
        it is there would have them opened in a storm.
        """
        line = self._line_of.get(session.conn)
        if line is None:
            return
        healthy = seconds(self._options.healthy_after)
        often = len(line.handed) == HANDED and now.mono_ns - line.handed[0] < healthy
        if line.handover is None and often:
            return
        self._replace(line, session, reason, now)

    def rotate_all(self, reason: str, now: Now) -> None:
        """Replace all connections but raw ones, each by another beside it; where two are turned away, after it."""
        for line in [line for line in self.lines if line.raw is None]:
            if line.session is not None:
                self._replace(line, line.session, reason, now, tries=2)

    def _replace(self, line: Line, session: Session, reason: str, now: Now, tries: int | None = None) -> None:
        if line.session is not session:
            self.renew(session, reason, now)  # the next one, before it was needed
        elif line.handover is None and line.can_hand_over:
            lifetime, opened_ns = line.endpoint.lifetime, session.opened_ns or 0
            until_ns = None if lifetime is None else opened_ns + seconds(lifetime.seconds - lifetime.overlap / 10)
            line.handover = Handover(self, line, self._engine, self._timers, self._options, reason, until_ns, tries)
            line.handover.begin(now)
        elif line.handover is None and line.raw is not None and line.raw.stays is not None and line.raw.stays():
            self._arm_again(line, now)
        elif line.handover is None:
            self.renew(session, reason, now)

    def _arm_again(self, line: Line, now: Now) -> None:
        """Look in a moment whether it can be replaced: what was said there is answered or given up in seconds."""
        if line.rotate is None:
            line.rotate = self._timers.timer(lambda now, line=line: self._rotate(line, now))  # type: ignore[misc]
        line.rotate.set(now.mono_ns + SECOND // 10)

    def _rotate(self, line: Line, now: Now) -> None:
        if line.session is not None:
            line.backoff.healthy()
            self._replace(line, line.session, "rotated before its lifetime ends", now)

    def connects(self, line: Line) -> Budget | None:
        """The budget of its handshakes."""
        pool = line.endpoint.connects
        return None if pool is None else self.requests.budget(pool, line.endpoint.name)

    def _met(self, line: Line, now: Now) -> None:
        """Its handshake was answered, or will not be."""
        if line.turn is not None and (budget := self.connects(line)) is not None:
            budget.over(line.turn, now)
        line.turn = None

    def _drop(self, line: Line, now: Now) -> None:
        self.lines.remove(line)
        self._met(line, now)
        if line.handover is not None:
            line.handover.stop(now)
        for timer in (line.timer, line.rotate):
            if timer is not None:
                timer.off()
        if line.session is not None:
            session, line.session = line.session, None
            self._sessions.pop(session.conn, None)
            self._line_of.pop(session.conn, None)
            self.effects.append(Close(session.conn))
            session.closed("not wanted any more", now)

    # Requests -----------------------------------------------------------------

    def fetch(self, book: Book, urgency: Urgency, now: Now) -> None:
        """A book asks for its snapshot. An answer to a question of an earlier connection is dropped."""
        rest, epoch = book.plan.rest, book.epoch
        assert rest is not None

        def done(reply: Reply | None, why: str, now: Now) -> None:
            if book.epoch != epoch or book.asked_ns is None:
                return
            if reply is not None:
                book.replied(reply, now)
            else:
                book.failed(why, now)

        timeout = self._options.request_timeout
        errand = Errand(rest.request, rest.pool, rest.weight, urgency, timeout, rest.cap, done, book.sent)
        errand.wanted = lambda: book.epoch == epoch and book.queued
        self.send(errand, now)

    def send(self, errand: Errand, now: Now) -> None:
        """Send a request when its pool has room; the more urgent go first."""
        self.requests.send(errand, now)

    def room_at(self, book: Book, now: Now) -> int:
        """The monotonic ns before which no snapshot of it is sent: its pool has no room, or is closed."""
        rest = book.plan.rest
        return now.mono_ns if rest is None else self.requests.room_at(rest.pool, rest.request.url, rest.weight, now)

    def replied(self, fetch: int, reply: Reply, now: Now) -> None:
        """An answer, of any status."""
        self.requests.replied(fetch, reply, now)

    def failed(self, fetch: int, why: str, now: Now) -> None:
        """No answer."""
        self.requests.failed(fetch, self.known.without(why), now)

    def released(self, now: Now) -> None:
        """Nothing more will be told to this desk: give those that share its budgets their room."""
        self.requests.release(now)
        for line in self.lines:
            self._met(line, now)
            if line.handover is not None:
                line.handover.released(now)

    # Common -------------------------------------------------------------------

    def tick(self, now: Now) -> None:
        self._timers.tick(now)

    def emit(self, event: health.Health) -> None:
        self.effects.append(Emit(event))

    def __repr__(self) -> str:
        live = sum(book.state.readable for book in self.books.values())
        return f"<Desk {self.venue}, {live} of {len(self.books)} books readable, {len(self.lines)} connections>"
