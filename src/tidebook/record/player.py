"""A recording as a server: each recorded connection and body, verbatim and in file order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tidebook.io.serve import Answer, Asked, Served
from tidebook.record.capture import Record
from tidebook.record.connections import PIN_HEADER, Connections
from tidebook.venues import at_host

BATCH = 64  # records that go out in one write when nothing has to happen between them
BRIEF = 0.1  # seconds for what was waited for in vain before


@dataclass(slots=True)
class Wire:
    """One recorded connection, served."""

    conn: str
    socket: Served | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    taken: bool = False
    ended: bool = False  # by its recording
    more: bool = False  # there was something behind its end


@dataclass(slots=True)
class Due:
    """A snapshot's request, until its line is reached."""

    answer: asyncio.Future[bytes]


class Player:
    """The site that plays one recording to one client.

    A client names the recorded connection that it opens with the header `PIN_HEADER`; each can be opened
    once. A snapshot's body is given when the player reaches its line: who asked earlier waits, and the player waits
    `patience` seconds for who has not asked yet, hardly at all for an instrument that nobody asked for before, and
    `patience_in_all` in vain altogether. `missed` lists what nobody came for.

    A connection ends where a ``close`` line says so and something follows; one that has ended may be opened again,
    and stays silent.
    """

    def __init__(
        self,
        connections: Connections,
        records: Iterable[Record],
        *,
        patience: float = 5.0,
        patience_in_all: float = 20.0,
    ) -> None:
        self._records = records
        self._patience = patience
        self._patience_left = patience_in_all
        self._unasked: set[str] = set()  # instruments whose snapshot was waited for in vain
        self._wires = {one.conn: Wire(one.conn) for one in connections.recorded}
        self._of_snapshot = {
            book.channel.snapshot_of for book in connections.books if book.channel.snapshot_of is not None
        }
        # Venues of one exchange may use one id for different instruments: their hosts tell them apart.
        self._venues = {book.plan.venue for book in connections.books}
        self._wanted = {
            self._key(book.plan.venue, book.instrument) for book in connections.books if book.plan.rest is not None
        }
        self._asked: dict[str, deque[Due]] = {}
        self._came = asyncio.Event()
        self._over = asyncio.Event()
        self.ended = False
        self.line = 0
        self.at_ns: int | None = None
        self.released = 0  # bodies given
        self.missed: list[str] = []

    @property
    def sent(self) -> dict[str, int]:
        """Messages sent so far, by connection."""
        return {wire.conn: wire.sent for wire in self._wires.values() if wire.taken and not wire.ended}

    def has_ended(self, conn: str | None) -> bool:
        """Whether the recording has ended this connection."""
        return conn is not None and conn in self._wires and self._wires[conn].ended

    # The site -----------------------------------------------------------------

    async def websocket(self, request: Asked, socket: Served) -> None:
        wire = self._wires.get(unquote(request.headers.get(PIN_HEADER, "")))
        if wire is None or (wire.taken and not wire.ended):
            socket.refuse(Answer(409, b"this connection is not there, or was opened before"))
            return
        wire.taken = True
        over = self._over if wire.ended else wire.over
        await socket.accept()
        if not wire.ended:
            wire.socket = socket
            wire.arrived.set()
        reading = asyncio.ensure_future(_read_all(socket))
        try:
            await over.wait()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def http(self, request: Asked) -> Answer:
        instrument = self._instrument(f"https://{request.host}{request.path}?{request.query}")
        if instrument is None:
            return Answer(404, b"not in this recording")
        if self.ended:
            return Answer(503, b"the recording is over")
        due = Due(asyncio.get_running_loop().create_future())
        self._asked.setdefault(instrument, deque()).append(due)
        self._came.set()
        try:
            return Answer(200, await due.answer, {"content-type": "application/json"})
        except _Over:
            return Answer(503, b"the recording has no further snapshot")
        finally:
            if due in self._asked[instrument]:
                self._asked[instrument].remove(due)

    def _instrument(self, url: str) -> str | None:
        for snapshot_of in self._of_snapshot:
            instrument = snapshot_of(url)
            if instrument is not None:
                parts = urlsplit(url)
                there = at_host(parts.hostname or "", parts.path or "/", recorded=True)
                return self._key(next((one.name for one in there if one.name in self._venues), ""), instrument)
        return None

    def _key(self, venue: str, instrument: str) -> str:
        return instrument if len(self._venues) < 2 else f"{venue} {instrument}"

    # Playing ------------------------------------------------------------------

    async def play(
        self, until: Callable[[Record], Awaitable[None]] | None = None, stops: frozenset[int] = frozenset()
    ) -> AsyncIterator[int]:
        """Send everything, and yield at each line in `stops` when all up to it has been sent, and 0 before a
        connection is ended: whoever counts along comes level then.

        `until` is awaited before each record: it holds the pace.
        """
        try:
            batch: list[str | bytes] = []
            conn = ""
            closing: list[str] = []
            for record in self._records:
                if batch and (record.dir != "recv" or record.conn != conn or len(batch) >= BATCH or until is not None):
                    await self._send(conn, batch)
                    batch = []
                if until is not None:
                    await until(record)
                if closing and record.dir in ("recv", "http"):
                    yield 0
                    self._end(closing)
                    closing = []
                self.line, self.at_ns = record.number, record.at_ns
                if record.dir == "recv" and record.conn in self._wires:
                    if self._may_speak(record):
                        conn = record.conn
                        batch.append(record.message)
                elif record.dir == "http":
                    await self._give(record)
                elif record.dir == "lost":
                    count = record.message if isinstance(record.message, str) else "some"
                    self.missed.append(f"line {record.number}: the recorder lost {count} records here")
                elif record.dir == "close" and record.conn in self._wires:
                    closing.append(record.conn)
                if record.number in stops:
                    await self._send(conn, batch)
                    batch = []
                    yield record.number
            await self._send(conn, batch)
        finally:
            self.ended = True
            for waiting in self._asked.values():
                for due in waiting:
                    if not due.answer.done():
                        due.answer.set_exception(_Over())

    def close(self) -> None:
        """Let the clients' connections end."""
        self._over.set()
        for wire in self._wires.values():
            wire.over.set()

    def _end(self, conns: list[str]) -> None:
        for conn in conns:
            wire = self._wires[conn]
            wire.ended = True
            wire.over.set()

    def _may_speak(self, record: Record) -> bool:
        """Whether a record's connection has not ended; if it has, that is told once."""
        wire = self._wires[record.conn]
        if wire.ended and not wire.more:
            wire.more = True
            self.missed.append(f"line {record.number}: more of connection {record.conn}, which has ended")
        return not wire.ended

    async def _send(self, conn: str, batch: list[str | bytes]) -> None:
        if not batch:
            return
        wire = self._wires[conn]
        if not wire.arrived.is_set():
            if not await self._wait(wire.arrived, self._patience):
                self.missed.append(f"nobody opened connection {conn}")
                wire.arrived.set()
        if wire.socket is None:
            return
        with suppress(ConnectionError):
            await wire.socket.send_many(batch)
        # Counted also when the client has gone: it then has received less than was sent.
        wire.sent += len(batch)

    async def _wait(self, event: asyncio.Event, patience: float) -> bool:
        """Whether it came; what was waited in vain is taken off the patience that is left."""
        patience = max(min(patience, self._patience_left), 0.0)
        try:
            await asyncio.wait_for(event.wait(), patience)
        except TimeoutError:
            self._patience_left -= patience
            return False
        return True

    async def _give(self, record: Record) -> None:
        """Release a body to the one who asks for this snapshot; others are passed over."""
        instrument = self._instrument(record.url)
        if instrument is None or instrument not in self._wanted:
            return
        now = asyncio.get_running_loop().time
        deadline = now() + (BRIEF if instrument in self._unasked else self._patience)
        while not self._asked.get(instrument):
            self._came.clear()
            if not await self._wait(self._came, deadline - now()):
                if instrument not in self._unasked:
                    self.missed.append(f"line {record.number}: nobody asked for the snapshot of {instrument}")
                self._unasked.add(instrument)
                return
        message = record.message
        due = self._asked[instrument].popleft()
        if not due.answer.done():
            due.answer.set_result(message.encode() if isinstance(message, str) else message)
            self.released += 1


class _Over(Exception):
    """Nothing more will come."""


async def _read_all(socket: Served) -> None:
    """Take what the client says: what was answered to it is in the recording."""
    with suppress(ConnectionError):
        while await socket.receive() is not None:
            pass
