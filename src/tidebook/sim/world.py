"""Client machines and a venue wired by one seeded queue of events: no sockets, no clocks, time is an integer.

The client is the real `core.desk.Desk` with a real engine. World does for it what `tidebook.io` does: it drains the
effects after each input, in order, and keeps one timer. The same seed gives the same log, byte for byte.
"""

import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.desk import Desk
from tidebook.core.effects import Close, Effect, Emit, Fetch, Open, Reply, Send, SendSecret
from tidebook.core.options import Options
from tidebook.engine.contract import Engine
from tidebook.model.health import Health
from tidebook.sim.faults import Note
from tidebook.sim.speech import REST_POOL, Speech
from tidebook.sim.venue import Link, Venue

WALL: Final = 1_790_000_000 * SECOND
"""The wall clock at World's time 0."""


class World:
    """The queue, the time, the seeded draw and the log."""

    def __init__(self, seed: int) -> None:
        self.now_ns = 1_000 * SECOND
        self.rng = Random(seed)
        self.log: list[tuple[int, str, str, str]] = []
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    @property
    def now(self) -> Now:
        return Now(self.now_ns, WALL + self.now_ns)

    def after(self, delay_ns: int, call: Callable[..., None], *args: Any) -> None:
        self._order += 1
        heappush(self._queue, (self.now_ns + max(delay_ns, 0), self._order, call, args))

    def run(self, until_ns: int) -> None:
        """Everything that happens up to this instant."""
        queue = self._queue
        while queue and queue[0][0] <= until_ns:
            self.now_ns, _, call, args = heappop(queue)
            call(*args)
        self.now_ns = max(self.now_ns, until_ns)

    def say(self, who: str, what: str, detail: object) -> None:
        self.log.append((self.now_ns, who, what, str(detail)))

    def digest(self) -> str:
        """The log as one text of fixed length."""
        return hashlib.sha256("\n".join(map(repr, self.log)).encode()).hexdigest()


@dataclass(eq=False)
class Line:
    """A connection between a client and the venue: what is on its way, in order, in both directions."""

    conn: int
    link: Link
    inbox: deque[tuple[int, bytes, Note]] = field(default_factory=deque)
    down_ns: int = 0  # nothing arrives before what was sent before it
    up_ns: int = 0
    alive: bool = True  # the client still knows it
    open: bool = False


class Client:
    """One process: a Desk, and what io does for it. `watch` is called after each input with the notes of its frames."""

    def __init__(
        self,
        world: World,
        venue: Venue,
        engine: Engine,
        *,
        name: str = "client",
        seed: int = 0,
        options: Options | None = None,
    ) -> None:
        self.world = world
        self.venue = venue
        self.name = name
        self.options = options or Options()
        self.desk = Desk("world", engine, pools=(REST_POOL,), options=self.options, seed=seed)
        self.lines: dict[int, Line] = {}
        self.events: list[tuple[int, Health]] = []
        self.fetches: list[tuple[int, str]] = []  # when, which book: over HTTP or on the socket
        self.opens: list[int] = []
        self.before: Callable[[int, list[Note]], None] | None = None
        self.watch: Callable[[int | None, list[Note]], None] | None = None
        self.replied_429: list[tuple[int, float]] = []
        self._armed: int | None = None

    # ---- inputs

    def wanted(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Want the books of these instruments; stop wanting those."""
        speech: Speech = self.venue.speech
        names = [f"book.{name}" for name in remove]
        self.desk.wanted(self.world.now, [speech.plan(name) for name in add], names)
        self._settle(None, [])

    def _input(self, call: Callable[..., None], *args: Any) -> None:
        call(*args, self.world.now)
        self._settle(None, [])

    def _tick(self, at_ns: int) -> None:
        if self._armed == at_ns:
            self._armed = None
            self._input(self.desk.tick)

    # ---- effects

    def _settle(self, conn: int | None, notes: list[Note]) -> None:
        while self.desk.effects:
            batch = self.desk.effects[:]
            self.desk.effects.clear()
            for effect in batch:
                self._perform(effect)
        deadline = self.desk.deadline
        if deadline is not None and (self._armed is None or deadline < self._armed):
            self._armed = max(deadline, self.world.now_ns)
            self.world.after(self._armed - self.world.now_ns, self._tick, self._armed)
        if self.watch is not None:
            self.watch(conn, notes)

    def _perform(self, effect: Effect) -> None:
        world = self.world
        match effect:
            case Open(conn):
                world.say(self.name, "open", conn)
                self.opens.append(world.now_ns)
                line = Line(conn, Link(conn, lambda frame, note: None, lambda code, reason: None))
                line.link.deliver = lambda frame, note: self._coming(line, frame, note)
                line.link.cut = lambda code, reason: self._cut(line, code, reason)
                self.lines[conn] = line
                world.after(seconds(0.02 + 0.05 * world.rng.random()), self._handshake, line)
            case Send(conn, data, _):
                world.say(self.name, "send", f"{conn} {data.decode()}")
                self._send(conn, data)
            case SendSecret(conn, secret):
                world.say(self.name, "send", f"{conn} {secret}")
                self._send(conn, effect.message()[0])
            case Close(conn):
                world.say(self.name, "close", conn)
                self._close(conn)
            case Fetch():
                self._fetch(effect)
            case Emit(event):
                world.say(self.name, "event", event)
                self.events.append((world.now_ns, event))

    def _handshake(self, line: Line) -> None:
        if not line.alive:
            return
        if self.venue.knobs.take("no_handshake"):
            self._forget(line)
            self._input(self.desk.closed, line.conn, None, "refused")
            return
        line.open = True
        self.venue.connected(line.link)
        self._input(self.desk.opened, line.conn)

    def _send(self, conn: int, data: bytes) -> None:
        line = self.lines.get(conn)
        if line is None or not line.open:
            return
        if b'"op":"whole"' in data:
            self.fetches.append((self.world.now_ns, data.decode().split("book.", 1)[1].split('"', 1)[0]))
        line.up_ns = max(line.up_ns, self.world.now_ns + seconds(0.005 + 0.02 * self.world.rng.random()))
        self.world.after(line.up_ns - self.world.now_ns, self.venue.message, line.link, data)

    def _close(self, conn: int) -> None:
        line = self.lines.get(conn)
        if line is not None:
            self._forget(line)
            self.world.after(seconds(0.01), self.venue.gone, line.link)

    def _forget(self, line: Line) -> None:
        line.alive = line.open = False
        self.lines.pop(line.conn, None)

    def _fetch(self, effect: Fetch) -> None:
        world = self.world
        name = effect.request.url.rsplit("=", 1)[1]
        world.say(self.name, "fetch", f"{effect.id} {name}")
        self.fetches.append((world.now_ns, name))
        wait, reply = self.venue.fetch(effect)
        if reply is None:
            world.after(seconds(effect.timeout), self._input, self.desk.failed, effect.id, "timeout")
        else:
            world.after(wait, self._reply, effect.id, reply)

    def _reply(self, fetch: int, reply: Reply) -> None:
        self.world.say(self.name, "reply", f"{fetch} {reply.status} {zlib.crc32(reply.body)}")
        if reply.status == 429:
            self.replied_429.append((self.world.now_ns, float(reply.headers["retry-after"])))
        self._input(self.desk.replied, fetch, reply)

    # ---- what comes from the venue

    def _coming(self, line: Line, frame: bytes, note: Note) -> None:
        """A frame starts its way; a slow one holds up those behind it, which then come in one read."""
        world = self.world
        delay = 0.003 + 0.01 * world.rng.random()
        if world.rng.random() < 0.04:
            delay += 0.3 * world.rng.random()
        at = max(line.down_ns, world.now_ns + seconds(delay))
        if at > line.down_ns or not line.inbox:
            world.after(at - world.now_ns, self._read, line)
        line.down_ns = at
        line.inbox.append((at, frame, note))

    def _read(self, line: Line) -> None:
        """Everything that has arrived, in one read."""
        frames, notes = [], []
        while line.inbox and line.inbox[0][0] <= self.world.now_ns:
            _, frame, note = line.inbox.popleft()
            frames.append(frame)
            notes.append(note)
        if not frames or not line.alive:
            return
        self.world.say(self.name, "read", f"{line.conn} {len(frames)} {zlib.crc32(b''.join(frames))}")
        if self.before is not None:
            self.before(line.conn, notes)
        self.desk.session(line.conn).frames(frames, self.world.now)
        self._settle(line.conn, notes)

    def _cut(self, line: Line, code: int | None, reason: str) -> None:
        """The venue's end is gone; what was on its way still arrives, or not."""
        if self.world.rng.random() < 0.5:
            line.inbox.clear()
        at = max(line.down_ns, self.world.now_ns + seconds(0.01))
        self.world.after(at - self.world.now_ns, self._closed, line, code, reason)

    def _closed(self, line: Line, code: int | None, reason: str) -> None:
        if line.alive:
            self.world.say(self.name, "closed", f"{line.conn} {reason}")
            self._forget(line)
            self._input(self.desk.closed, line.conn, code, reason)
