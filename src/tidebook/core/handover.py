"""A connection is replaced without a hole: the next one is opened beside it, and takes over when it has what it has.

Until then nothing of the old one is touched. What the new one sends is held back (`held`), topic by topic; when each of
them joins what was handed over, all go over in one step, and the old connection is closed. So a new connection that
fails disturbs nobody. Where the old one ends first, what is held may still join; what does not begins anew.
"""

from collections.abc import Callable
from typing import Final, Protocol

from tidebook.core.book import Book
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Close, Effect
from tidebook.core.held import Held, HeldBook, HeldStream, Join, Room
from tidebook.core.line import Line
from tidebook.core.options import Options
from tidebook.core.pools import Budget, Turn
from tidebook.core.session import Session
from tidebook.core.stream import Flow, Stream
from tidebook.core.timers import Timers
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Chain, Seed
from tidebook.model import health

LOOK: Final = 0.05  # seconds between two looks at how everything stands


class Waits(Protocol):
    """The desk's requests, as a handover sees them."""

    def tell(self, budget: Budget, now: Now) -> None: ...


class Owner(Protocol):
    """The desk, as a handover sees it."""

    effects: list[Effect]
    venue: str

    @property
    def requests(self) -> Waits: ...
    def emit(self, event: health.Health) -> None: ...
    def connects(self, line: Line) -> Budget | None:
        """The budget of its handshakes."""
        ...

    def new_session(self, line: Line) -> Session:
        """One more connection of a line, that is not opened yet and carries nothing."""
        ...

    def open_at(self, line: Line, session: Session, now: Now) -> None:
        """Have a line's next connection opened."""
        ...

    def renew(self, session: Session, reason: str, now: Now) -> None:
        """Close this connection and open the next."""
        ...

    def forget(self, session: Session) -> None:
        """Nothing that comes from it is anybody's."""
        ...

    def carries(self, line: Line, session: Session) -> None:
        """From now on it is this one that carries the line."""
        ...


class Handover:
    """See the module. Inputs: `begin opened failed ended add remove stop`."""

    def __init__(
        self, owner: Owner, line: Line, engine: Engine, timers: Timers, options: Options, reason: str,
        until_ns: int | None, tries: int | None = None,
    ) -> None:  # fmt: skip
        self.line = line
        self.session: Session | None = None
        self.turn: Turn | None = None
        self._owner = owner
        self._engine = engine
        self._timers = timers
        self._options = options
        self._reason = reason
        self._until_ns = until_ns  # when the old one ends, as far as is known
        self._tries = tries  # after so many next ones that came to nothing the old one is given up all the same
        self._since_ns = 0  # when both were open
        self._looked_ns = 0
        self._stalled_ns = 0  # when this program last stood still: until then it heard nothing, whoever spoke
        self._held: dict[str, Held] = {}
        self._late: dict[str, HeldBook] = {}
        self._late_ns = 0
        self._room = Room(options.held_bytes)
        self._sifting: list[Callable[[], None]] = []
        self._open_timer = timers.timer(self.begin)
        self._look_timer = timers.timer(self._look)
        self._end_timer = timers.timer(self._settled)

    # Inputs -------------------------------------------------------------------

    def begin(self, now: Now) -> None:
        """Open the next connection, or wait until the venue's limit on handshakes allows it."""
        budget = self._owner.connects(self.line)
        if budget is not None:
            self.turn = budget.turn(1, now, self.turn)
            if self.turn.at_ns > now.mono_ns:
                self._open_timer.set(self.turn.at_ns)
                self._owner.requests.tell(budget, now)
                return
        session = self.session = self._owner.new_session(self.line)
        self._room = Room(self._options.held_bytes)
        for one in self.line.carried:
            self._hold(one, session, now)
        self._owner.open_at(self.line, session, now)

    def opened(self, now: Now) -> None:
        """The next connection is open."""
        assert self.session is not None
        self.released(now)
        self._since_ns = self._looked_ns = now.mono_ns
        self.session.opened(now)
        self._look_timer.set(now.mono_ns + seconds(LOOK))

    def failed(self, now: Now, reason: str, least_ns: int = 0) -> None:
        """The next connection did not come about, or ended before it was needed. Another is tried."""
        session, self.session = self.session, None
        self.released(now)
        self._look_timer.off()
        if session is not None:
            self._owner.forget(session)
            session.closed(reason, now)
        self._let_go()
        if self._tries is not None:
            self._tries -= 1
            if self._tries <= 0 and self.line.session is not None:
                self._owner.renew(self.line.session, self._reason, now)
                return
        self._open_timer.set(now.mono_ns + max(self.line.backoff.next_ns(), least_ns))

    def ended(self, now: Now, reason: str) -> bool:
        """The old connection is gone before it was replaced. False where there is no other yet."""
        session, old = self.session, self.line.session
        assert old is not None
        if session is None:
            self.stop(now)
            return False
        if session.is_open:
            self._switch(now, reason)
            return True
        self._owner.forget(old)
        self._look_timer.off()
        self._let_go()
        old.closed(reason, now)
        for one in self.line.carried:
            session.give(one)
        self._over(session)
        self.line.turn, self.turn = self.turn, None
        self._owner.emit(health.Disconnected(self._owner.venue, None, now.wall_ns, reason, 0.0))
        return True

    def add(self, one: Book | Stream, now: Now) -> None:
        """The line carries one more."""
        if self.session is not None:
            self._hold(one, self.session, now)
            self.session.greet(now)

    def remove(self, one: Book | Stream, now: Now) -> None:
        """The line carries one less."""
        held = self._held.pop(one.plan.name, None)
        if held is None or self.session is None:
            return
        if isinstance(held, HeldStream):
            held.end()
            held.shadow.close()
            self.session.remove(held.shadow, now)
        else:
            self.session.remove(held, now)

    def stop(self, now: Now) -> None:
        """The line is not wanted any more, or has nothing to hand over."""
        self.released(now)
        self._open_timer.off()
        self._look_timer.off()
        session, self.session = self.session, None
        if session is not None:
            self._owner.forget(session)
            self._owner.effects.append(Close(session.conn))
            session.closed("not wanted any more", now)
        self._let_go()
        self.line.handover = None

    def released(self, now: Now) -> None:
        """Its handshake was answered, or will not be."""
        if self.turn is not None and (budget := self._owner.connects(self.line)) is not None:
            budget.over(self.turn, now)
        self.turn = None

    # Inside -------------------------------------------------------------------

    def _hold(self, one: Book | Stream, session: Session, now: Now) -> None:
        lifetime = self.line.endpoint.lifetime
        by_ids = lifetime is not None and lifetime.handover == "by_ids"
        held: Held
        if isinstance(one, Book):
            held = HeldBook(one, self._engine, self._options, self._room, by_ids)
            session.add_stream(held, now)
        else:
            held = HeldStream(one, self._timers, self._options)
            session.add_stream(held.shadow, now)
        self._held[one.plan.name] = held

    def _let_go(self) -> None:
        """Nothing is held back any more."""
        for held in self._held.values():
            if isinstance(held, HeldStream):
                held.end()
                held.shadow.close()
        self._held.clear()

    # When ---------------------------------------------------------------------

    def _look(self, now: Now) -> None:
        end_ns = self._since_ns + seconds(self._options.handover_most)
        if self._until_ns is not None:
            end_ns = min(end_ns, max(self._until_ns, self._since_ns + seconds(self._options.handover_grace)))
        if now.mono_ns > self._looked_ns + seconds(LOOK + self._options.handover_grace / 4):
            self._stalled_ns = now.mono_ns
        self._looked_ns = now.mono_ns
        if now.mono_ns >= end_ns or all(self._is_ready(held, now) for held in self._held.values()):
            self._switch(now, None)
        else:
            self._look_timer.set(now.mono_ns + seconds(LOOK))

    def _is_ready(self, held: Held, now: Now) -> bool:
        if held.confirmed_ns is None:
            return False
        if held.is_hopeless or held.is_over or held.look() is not Join.APART:
            return True
        return self._is_quiet(held, now)

    def _is_quiet(self, held: Held, now: Now) -> bool:
        """Whether the old connection has nothing to say of it, for long enough that nothing can be on its way."""
        if held.confirmed_ns is None or (isinstance(held, HeldBook) and not held.book.readable):
            return False
        since_ns = max(held.confirmed_ns, held.heard_ns or 0, held.since_ns or 0, self._stalled_ns)
        return now.mono_ns >= since_ns + seconds(self._options.handover_grace)

    # The step -----------------------------------------------------------------

    def _switch(self, now: Now, gone: str | None) -> None:
        """All topics go over. `gone` says why the old connection is no more; None: it is closed here."""
        session, old, line = self.session, self.line.session, self.line
        assert session is not None
        assert old is not None
        self._look_timer.off()
        self._reason = gone or self._reason
        self._owner.forget(old)
        if gone is None:
            self._owner.effects.append(Close(old.conn))
        old.left()
        held, self._held = self._held, {}
        self._over(session)
        anew = 0
        for one in held.values():
            if one.plan.name not in session.topics:
                continue  # not wanted any more, since an earlier one was told
            if not session.is_open:  # given up at an earlier one
                self._lost(one, now)
            elif isinstance(one, HeldBook):
                anew += not self._give_book(one, session, now)
            else:
                anew += not self._give_stream(one, session, now)
        both = (now.mono_ns - self._since_ns) / SECOND
        self._owner.emit(health.Rotated(self._owner.venue, None, now.wall_ns, self._reason, both, anew))
        if self._late:
            self._late_ns = now.mono_ns + seconds(self._options.handover_grace)
            self._look_timer = self._timers.timer(self._look_late)
            self._look_timer.set(now.mono_ns + seconds(LOOK))
        self._end_timer.set(now.mono_ns + seconds(self._options.handover_grace))
        line.backoff.healthy()
        line.handed.append(now.mono_ns)

    def _over(self, session: Session) -> None:
        self.line.handover = None
        self._owner.carries(self.line, session)

    def _lost(self, held: Held, now: Now) -> None:
        """The new connection is gone in the middle of the step."""
        if isinstance(held, HeldStream):
            held.end()
            held.shadow.close()
        wanted = held.book if isinstance(held, HeldBook) else held.stream
        wanted.lost(self._reason, now)

    def _give_book(self, held: HeldBook, session: Session, now: Now) -> bool:
        """Whether nothing is missing."""
        book, join = held.book, held.look()
        if join is Join.NEAR:
            held.is_late = True
            book.carrier = session
            self._late[book.plan.name] = held
            return True
        if join is Join.JOINED:
            self._join(held, session, now)
            return True
        # Where ids or whole messages judge what comes next, as far as this book is ever judged, silence is no loss.
        is_judged = held.chain is not Chain.NONE or book.plan.rule.seed is Seed.EVERY
        if held.is_silent and is_judged and self._is_quiet(held, now):
            session.give(book)
            book.moved(False, now)
            return True
        self._begin_anew(held, session, now)
        return False

    def _join(self, held: HeldBook, session: Session, now: Now) -> None:
        """The book goes on with what was held."""
        book = held.book
        topic = session.give(book)
        if topic.confirmed:
            book.confirmed(now)
        book.moved(True, now)
        session.replay(held.feed(), held.taken(), now)

    def _begin_anew(self, held: HeldBook, session: Session, now: Now) -> None:
        """As if it had been subscribed after the old connection's end; what is held already is not lost."""
        book = held.book
        book.lost(self._reason, now)
        if not session.give(book).confirmed:
            return
        if held.lacks_whole:
            session.resubscribe(book, now)
            return
        book.confirmed(now)
        session.replay(held.feed(), held.taken(), now)

    def _give_stream(self, held: HeldStream, session: Session, now: Now) -> bool:
        """Whether nothing is missing, as far as can be told."""
        stream = held.stream
        is_whole = stream.flow is Flow.OPEN and not held.is_over
        is_whole = is_whole and (held.look() is Join.JOINED or self._is_quiet(held, now))
        held.end()
        if not is_whole:
            stream.lost(self._reason, now)
        topic = session.give(stream)
        self._sifting.append(stream.adopt(held.shadow, held.told.fresh, now))
        if topic.confirmed:
            stream.confirmed(now)
        stream.handed(held.taken())
        return is_whole

    # Afterwards ---------------------------------------------------------------

    def _look_late(self, now: Now) -> None:
        """Books of which the new connection tells later than the old one did: they wait where they are."""
        for name, held in [*self._late.items()]:
            session = self.line.session
            topic = None if session is None else session.topics.get(name)
            if session is None or not session.is_open or topic is None or topic.reads is not held:
                del self._late[name]  # unwanted meanwhile, or lost with its connection
            elif held.look() is Join.JOINED:
                del self._late[name]
                self._join(held, session, now)
            elif now.mono_ns >= self._late_ns:
                del self._late[name]
                self._begin_anew(held, session, now)
        if self._late:
            self._look_timer.set(now.mono_ns + seconds(LOOK))

    def _settled(self, now: Now) -> None:
        """What the old connection had told cannot come again any more."""
        for end in self._sifting:
            end()
        self._sifting.clear()
