"""The connections of a desk: opened within the venue's limits, replaced before they end, opened anew after that."""

import re
from collections.abc import Callable, Mapping

from tidebook.core.backoff import Backoff, Draw, Endings
from tidebook.core.burst import Burst
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import MISDIRECTED, Close, Effect, Emit, Open
from tidebook.core.endpoint import Endpoint
from tidebook.core.handover import Handover
from tidebook.core.line import HANDED, Line
from tidebook.core.login import Access
from tidebook.core.options import Options
from tidebook.core.pools import Budget
from tidebook.core.redact import Known, shown
from tidebook.core.requests import PAUSE, Requests
from tidebook.core.rest import retry_after
from tidebook.core.session import Session
from tidebook.core.sign.scheme import Stamp
from tidebook.core.timers import Timers
from tidebook.engine.contract import Engine
from tidebook.errors import ClockRefused, NoCredentials, TidebookError, VenueUnavailable
from tidebook.model import health
from tidebook.model.credentials import Credentials, Secret

_WAIT = re.compile(r"retry-after (\d{1,9})$", re.ASCII)


class Connections:
    """See the module. `lines` are those that are wanted, each with its session while there is one.

    The arguments are a desk's. A desk says what the lines carry; what becomes of them is here.
    """

    def __init__(
        self, venue: str, engine: Engine, options: Options, draw: Draw, timers: Timers, effects: list[Effect],
        requests: Requests, credentials: Credentials | None, stamp: Callable[[Now], Stamp],
        reached: Callable[[str], str], resync: Callable[[], bool], burst: Burst,
        *, is_stood_for: bool = False,
    ) -> None:  # fmt: skip
        self.venue = venue
        self.burst = burst
        self.effects = effects
        self.requests = requests
        self.lines: list[Line] = []
        self.known = Known(credentials)
        self.denied_at: dict[str, TidebookError] = {}
        self.received = 0  # data frames of all of them, for whoever counts along
        self._engine = engine
        self._options = options
        self._draw = draw
        self._timers = timers
        self._sessions: dict[int, Session] = {}
        self._line_of: dict[int, Line] = {}
        self._last_conn = 0
        self._credentials = credentials
        self._stamp = stamp
        self._reached = reached
        self._resync = resync
        self._is_stood_for = is_stood_for
        self._endings = Endings(seconds(options.reopen_apart))

    def session(self, conn: int) -> Session:
        """The session of an open connection; its `frames` is the hot path."""
        return self._sessions[conn]

    def line(self, conn: int) -> Line | None:
        """Which line a connection is of."""
        return self._line_of.get(conn)

    def _new_line(
        self, endpoint: Endpoint, pin: str | None, url: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Line:
        if (endpoint.login or endpoint.handshake) is not None and self._credentials is None:
            raise NoCredentials(f"{self.venue} {endpoint.name} needs a key. Nothing was opened", venue=self.venue)
        given = {**endpoint.headers, **(headers or {})}
        line = Line(endpoint, url or endpoint.url, given, pin, Backoff(self._options, self._draw))
        self.lines.append(line)
        return line

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
        session = line.session
        session.opened(now)
        if line.session is session:  # its key may be no key, which is found when it is to log in
            self._arm_rotation(line, session)

    def _arm_rotation(self, line: Line, session: Session) -> None:
        lifetime = line.endpoint.lifetime
        if lifetime is None or session.opened_ns is None:
            return
        if line.rotate is None:
            line.rotate = self._timers.timer(lambda now, line=line: self._rotate(line, now))  # type: ignore[misc]
        line.rotate.set(session.opened_ns + seconds(lifetime.seconds - lifetime.overlap))

    def closed(self, conn: int, code: int | None, reason: str, now: Now) -> None:
        """A connection ended, or never came about."""
        session = self._sessions.get(conn)
        if session is not None and self._is_stood_for and code == MISDIRECTED:
            text = f"{self.venue}: what stands for it here has no stream of it (HTTP {code})"
            self.denied(session, VenueUnavailable(text, venue=self.venue, retry="never"), now)
            return
        line = self._line_of.pop(conn, None)
        self._sessions.pop(conn, None)
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
        """The key is refused for good, or no such venue is there: nobody is left to wait, and nothing is opened at this
        endpoint again.
        """
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

    def emit(self, event: health.Health) -> None:
        self.effects.append(Emit(event))
