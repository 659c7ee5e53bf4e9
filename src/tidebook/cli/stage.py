"""A recording as the venues' own server, for a program that knows nothing of it: `tidebook replay FILE -- CMD`.

What the program subscribes is acknowledged as its venue does it, in its own numbers; what it is told are the recorded
messages of those topics, at their pace. Calls over HTTP have the recorded answers. What it wants and the recording has
not is said once, to it and to whoever started it: else it would wait.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tidebook.core.dialect import Dialect
from tidebook.core.effects import MISDIRECTED
from tidebook.core.endpoint import Endpoint
from tidebook.io.serve import Answer, Asked, Served
from tidebook.record.capture import Record
from tidebook.record.fed import Part, plans_of
from tidebook.record.opened import OpenedRecording
from tidebook.record.routes import Router
from tidebook.sim.server.line import Line
from tidebook.sim.server.samples import Page, Sheet, samples
from tidebook.sim.server.spoken import spoken
from tidebook.sim.server.tally import Tally
from tidebook.venue import Venue
from tidebook.venues import at_host

SETTLE: Final = 0.5  # seconds without a further subscription before the recording begins
PATIENCE: Final = 2.0  # seconds for a program that has been cut, or wants a snapshot, to come for it
BATCH: Final = 256  # messages that are due and sent at once
LATER: Final = 3.0  # seconds after its end: whoever is still there may not know that no more comes
MOST_SAID: Final = 100  # lines of what the recording has not
JSON: Final = {"content-type": "application/json"}


class Hall:
    """One venue's address, as its connections see it (see `sim.server.line`)."""

    def __init__(self, venue: Venue, stage: "Stage") -> None:
        found = spoken(venue)
        self.venue = venue
        self.dialect: Dialect = found.dialect
        self.sheets: Mapping[str, Sheet | Page] = samples(found.package, found.dialect.samples)
        self.tally = Tally()
        self._stage = stage

    @property
    def now_ms(self) -> int:
        return (self._stage.at_ns or 0) // 1_000_000

    def count_in(self, endpoint: Endpoint) -> int:
        """However many there are: nobody is turned away."""
        return 0

    def ask_topic(self, line: Line, topic: str) -> None:
        """Say it where the recording has not that topic."""
        if not self._stage.has(self.venue.name, topic):
            self._stage.lacks(f"subscribes {topic} of {self.venue.name}")

    def refusal(self, line: Line, topic: str) -> tuple[str, str] | None:
        """What the recording has not, as the venue refuses it; where it refuses nothing, that stays silent."""
        if self._stage.has(self.venue.name, topic) or self.dialect.unknown is None:
            return None
        return self.dialect.unknown(topic)

    def joined(self, line: Line, topic: str) -> None:
        self._stage.joined(self.venue.name, topic)

    def left(self, line: Line, topic: str) -> None:
        """Its messages go to whoever has it."""

    def asked(self, line: Line, message: Mapping[str, Any], plain: Mapping[str, Any]) -> bool:
        """A whole book that is asked for on the socket comes when the recorded one does."""
        return any(one.ask is not None and one.ask.match(plain) is not None for one in self.venue.books)


class Stage:
    """See the module: a site of `io.serve`. `run` plays, once somebody has subscribed. `warn` is told what it lacks."""

    def __init__(self, recording: OpenedRecording, speed: float | None, warn: Callable[[str], None]) -> None:
        self.at_ns: int | None = None
        self.over = False
        self._recording = recording
        self._speed = speed
        self._warn = warn
        self._said: set[str] = set()
        parts: Sequence[Part] = recording.parts
        self._topics = {
            one.conn: (one.venue.name, frozenset((*one.by_url, *one.topics)))
            for part in parts for one in part.connections.recorded
        }  # fmt: skip
        self._routers = {
            one.conn: Router(one, plans_of(part, one.conn), recording.engine)
            for part in parts for one in part.connections.recorded
        }  # fmt: skip
        self._has = {(venue, topic) for venue, topics in self._topics.values() for topic in topics}
        self._halls = {one.venue.name: Hall(one.venue, self) for part in parts for one in part.connections.recorded}
        self._of_snapshot: dict[str, Callable[[str], str | None]] = {
            book.plan.venue: book.channel.snapshot_of
            for part in parts for book in part.connections.books if book.channel.snapshot_of is not None
        }  # fmt: skip
        self._instruments = {
            (book.plan.venue, book.plan.topic): book.instrument for part in parts for book in part.connections.books
        }
        self._bodies: dict[tuple[object, ...], bytes] = {}  # as they are now, and before that as they are first
        for record in recording.records():
            if record.dir == "http":
                self._bodies.setdefault(_key(record.url), _bytes(record.message))
        self._lines: dict[Line, str] = {}  # and whose they are
        self._wanted: set[tuple[str, str]] = set()  # venue and topic, of all that was ever subscribed
        self._open: dict[str, None] = {}  # recorded connections, in the order of their opening
        self._mine: dict[str, frozenset[str]] = {}  # see `_carried`; of these connections as they are open now
        self._due: dict[Line, list[str | bytes]] = {}
        self._count = 0
        self._asking: dict[tuple[str, str], list[asyncio.Future[bytes]]] = {}
        self._had: set[tuple[str, str]] = set()
        self._something = asyncio.Event()

    # ---- the site

    async def http(self, request: Asked) -> Answer:
        url = f"https://{request.host}{request.path}" + (f"?{request.query}" if request.query else "")
        snapshot = self._snapshot(url)
        if snapshot is not None and self.at_ns is not None and not self.over:
            future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            self._asking.setdefault(snapshot, []).append(future)
            self._something.set()
            return Answer(200, await future, JSON)
        body = self._bodies.get(_key(url))
        if body is not None:
            if snapshot is not None:
                self._had.add(snapshot)  # before the recording begins: nobody waits at its line for who asks
            return Answer(200, body, JSON)
        if not self._halls_at(request):
            self.lacks(f"asks for {_named(request)}", f". It has: {', '.join(self._halls)}")
            return self._absent(request)
        self.lacks(f"asks for {request.host}{request.path}")
        return Answer(404, b"{}", JSON)

    def _halls_at(self, request: Asked) -> list[Hall]:
        """Those of the recording's venues that are at an address."""
        there = at_host(request.host, request.path, recorded=True)
        return [hall for one in there if (hall := self._halls.get(one.name)) is not None]

    def _absent(self, request: Asked) -> Answer:
        """Who asks for a venue that is not in the recording is told what is, and has no reason to ask again."""
        text = f"{request.host} is not in {self._recording.name}. It has: {', '.join(self._halls)}"
        return Answer(MISDIRECTED, text.encode(), {"content-type": "text/plain; charset=utf-8"})

    def has(self, venue: str, topic: str) -> bool:
        """Whether a topic of a venue is in the recording."""
        return (venue, topic) in self._has

    def lacks(self, what: str, but: str = "") -> None:
        """Say what the program wants and the recording has not, once."""
        if what not in self._said and len(self._said) < MOST_SAID:
            self._said.add(what)
            self._warn(f"the program {what}, which is not in {self._recording.name}{but}")

    def _snapshot(self, url: str) -> tuple[str, str] | None:
        """Of which venue's instrument a URL asks for the whole book."""
        parts = urlsplit(url)
        for venue in at_host(parts.hostname or "", parts.path or "/", recorded=True):
            read = self._of_snapshot.get(venue.name)
            if read is not None and (instrument := read(url)) is not None:
                return venue.name, instrument
        return None

    async def websocket(self, request: Asked, socket: Served) -> None:
        halls = self._halls_at(request)
        hall = next((one for one in halls if one.dialect.door(request.path) is not None), None)
        if hall is None:
            self.lacks(f"wants a stream of {_named(request)}", f". It has: {', '.join(self._halls)}")
            socket.refuse(self._absent(request))
            return
        line = Line(hall, socket, hall.venue.endpoint(hall.dialect.door(request.path) or ""))
        self._lines[line] = hall.venue.name
        try:
            read = hall.venue.url_topics
            for topic in () if read is None else read(f"{request.path}?{request.query}"):
                hall.ask_topic(line, topic)
                line.join(topic)
            await line.talk()
        finally:
            self._lines.pop(line, None)

    def joined(self, venue: str, topic: str) -> None:
        """Somebody subscribes."""
        self._wanted.add((venue, topic))
        self._something.set()

    # ---- playing

    async def run(self) -> None:
        """Wait for somebody, play to the end, and say that it is over to whoever does not end by that."""
        while not self._wanted:
            await self._wait(None)
        while await self._wait(SETTLE):
            pass
        clock = asyncio.get_running_loop().time
        began, first_ns = clock(), 0
        for record in self._recording.records():
            first_ns = first_ns or record.at_ns
            if self._speed is not None:
                late = began + (record.at_ns - first_ns) / 1e9 / self._speed - clock()
                if late > 0:
                    await self._send()
                    await asyncio.sleep(late)
            self.at_ns = record.at_ns
            held = clock()
            await self._play(record)
            began += clock() - held  # what was waited for is no time of the recording
        await self._send()
        self.over = True
        for future in [one for some in self._asking.values() for one in some if not one.done()]:
            future.set_result(b"{}")
        await asyncio.sleep(LATER)
        self._warn(f"{self._recording.name} is over, and the program goes on: nothing comes any more. Ctrl-C ends it")

    async def _wait(self, seconds: float | None) -> bool:
        """Whether something was subscribed or asked for in time."""
        self._something.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._something.wait()
        return self._something.is_set()

    async def _until(self, true: Callable[[], bool]) -> None:
        """Wait for a program that was cut, or that wants a snapshot, but not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not true():
                    await self._wait(None)

    async def _play(self, record: Record) -> None:
        if record.dir == "recv" and record.conn in self._open:
            self._put(record)
            if self._count >= BATCH:
                await self._send()
            return
        await self._send()  # what follows is for who has had all before it
        if record.dir == "http":
            await self._give(record)
        elif record.conn in self._topics:
            venue, topics = self._topics[record.conn]
            if record.conn not in self._open:
                self._open[record.conn] = None
                self._mine.clear()
                wanted = [topic for topic in topics if (venue, topic) in self._wanted]
                await self._until(lambda: all(self._readers(venue, {topic}) for topic in wanted))
            if record.dir == "recv":
                self._put(record)
            elif record.dir == "close":
                mine = self._carried(record.conn)
                del self._open[record.conn]
                self._mine.clear()
                left = {topic for conn in self._open for topic in self._topics[conn][1]}
                for line in self._readers(venue, mine - left):
                    del self._lines[line]  # now, not when it has noticed: the next record may be of the next one
                    line.socket.hang_up()

    def _put(self, record: Record) -> None:
        """A message of an open connection is due, for all that read what it is of; of what cannot be told, for all."""
        mine = self._carried(record.conn)
        of = self._routers[record.conn].topics(record.message)
        for line in self._readers(self._topics[record.conn][0], mine if of is None else mine & of):
            self._due.setdefault(line, []).append(record.message)
            self._count += 1

    async def _send(self) -> None:
        """Send what is due."""
        due, self._due, self._count = self._due, {}, 0
        for line, messages in due.items():
            with suppress(ConnectionError):
                await line.socket.send_many(messages)

    def _carried(self, conn: str) -> frozenset[str]:
        """The topics that no older connection carries too: while one takes another's place, the old one speaks."""
        if conn not in self._mine:
            venue, topics = self._topics[conn]
            older = [one for one in self._open if one != conn][: [*self._open].index(conn)]
            others = (self._topics[one][1] for one in older if self._topics[one][0] == venue)
            self._mine[conn] = topics.difference(*others)
        return self._mine[conn]

    def _readers(self, venue: str, topics: frozenset[str] | set[str]) -> list[Line]:
        return [line for line, of in self._lines.items() if of == venue and not topics.isdisjoint(line.topics)]

    async def _give(self, record: Record) -> None:
        body = _bytes(record.message)
        self._bodies[_key(record.url)] = body
        snapshot = self._snapshot(record.url)
        if snapshot is None:
            return
        venue, instrument = snapshot
        wanted = {(v, i) for (v, topic), i in self._instruments.items() if (v, topic) in self._wanted}
        if (venue, instrument) in wanted and snapshot not in self._had:
            await self._until(lambda: bool(self._asking.get(snapshot)))
        for future in self._asking.pop(snapshot, []):
            self._had.add(snapshot)
            if not future.done():
                future.set_result(body)


def _named(request: Asked) -> str:
    """Whose address it is, where that is one venue's."""
    there = at_host(request.host, request.path, recorded=True)
    return request.host if len(there) != 1 else f"{there[0].name} ({request.host})"


def _key(url: str) -> tuple[object, ...]:
    """Of a request: host, path and query, whose order does not matter."""
    parts = urlsplit(url)
    return parts.hostname, parts.path, tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message
