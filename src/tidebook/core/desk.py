"""One venue in one process: what is wanted, spread over connections and budgets.

Only the desk opens and fetches; sessions and books ask it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from tidebook.core.backoff import Draw
from tidebook.core.book import Book
from tidebook.core.burst import Burst
from tidebook.core.channel import Answers
from tidebook.core.clock import Now, seconds
from tidebook.core.connections import Connections
from tidebook.core.effects import Effect, Reply, Urgency
from tidebook.core.endpoint import Endpoint, Pool
from tidebook.core.errand import Errand
from tidebook.core.line import Line, size_of
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan
from tidebook.core.pools import Budgets
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.requests import Requests
from tidebook.core.session import Session
from tidebook.core.sign.scheme import Stamp
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.talk import OrderSocket, Talk
from tidebook.core.timers import Timers
from tidebook.engine.contract import Engine
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret


class Desk(Connections):
    """See the module. Inputs: `wanted opened closed replied failed tick`, and frames through `session(conn)`.

    `seed` is for jitter alone. `pools` are the venue's limits; desks that are given the same `budgets` share them,
    those of scope account where `account` is the same. `answers` says what replies tell of limits. `burst` is shared by
    all that is read on one loop. `credentials` log in where an endpoint wants that, signing with what `stamp` gives,
    and for the URL that `reached` makes of the declared one; `denied_at` are, by name, the endpoints at which these
    were refused for good: nothing is opened there any more. `known` takes them out of whatever the venue says. `resync`
    has the venue's clock looked at anew; whether `measured` will be called then. `is_stood_for`: what it reaches is not
    the venue, and may have nothing of it, which ends its endpoints as a refusal for good does.
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
        is_stood_for: bool = False,
    ) -> None:
        effects, timers, options = list[Effect](), Timers(), options or Options()
        requests = Requests(
            venue, effects, timers, pools=pools, budgets=budgets, account=account, answers=answers
        )  # fmt: skip
        super().__init__(
            venue, engine, options, Draw(seed), timers, effects, requests, credentials, stamp, reached, resync,
            burst or Burst(), is_stood_for=is_stood_for,
        )  # fmt: skip
        self.books: dict[str, Book] = {}
        self.streams: dict[str, Stream] = {}
        self._asked: dict[str, deque[int]] = {}  # by name of the book: when its snapshots were asked for
        self._talk: Talk | None = None

    @property
    def deadline(self) -> int | None:
        return self._timers.deadline

    @property
    def answered(self) -> int:
        """Fetches that came to an end, for whoever counts along."""
        return self.requests.answered

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

    def __repr__(self) -> str:
        live = sum(book.state.readable for book in self.books.values())
        return f"<Desk {self.venue}, {live} of {len(self.books)} books readable, {len(self.lines)} connections>"
