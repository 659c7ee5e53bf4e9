"""A recording and a client of it, joined by real sockets on loopback."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tidebook import engine as engines
from tidebook.core.book import Book
from tidebook.core.clock import Now
from tidebook.core.desk import Desk
from tidebook.core.options import Options
from tidebook.engine import Choice
from tidebook.errors import Timeout
from tidebook.io.driver import Driver
from tidebook.io.place import loopback
from tidebook.io.serve import Server
from tidebook.model.health import Disconnected, Health
from tidebook.record.capture import Record
from tidebook.record.connections import Connections
from tidebook.record.player import Player

SETTLE = 10.0  # seconds for all connections to open


class Replay:
    """An async context manager: server, player, desk and driver of one recording.

    Entering waits until every connection is open, and raises Timeout when one is not in time. Leaving closes
    everything in under a second. The books of a connection that the recording ends are wanted no longer.
    """

    def __init__(
        self,
        connections: Connections,
        records: Iterable[Record],
        *,
        engine: Choice | None = None,
        options: Options | None = None,
        changed_to: Callable[[Book], None] | None = None,
    ) -> None:
        self.connections = connections
        self.engine = engines.load(engine)
        self.player = Player(connections, records)
        self.server = Server(self.player)
        self.desk = Desk(connections.name, self.engine, options=options)
        self.on_event: Callable[[Health], None] | None = None
        self._changed_to = changed_to
        self._driver: Driver | None = None
        self._open = asyncio.Event()
        self._why = ""
        self._first: dict[str | None, int] = {}  # the connections of the beginning, by recorded one

    async def __aenter__(self) -> Self:
        await self.server.start()
        try:
            self._driver = Driver(self.desk, on_event=self._emit, remap=loopback(self.server.at))
            self._driver.tell(self._want)
            await asyncio.wait_for(self._open.wait(), SETTLE)
        except TimeoutError:
            text = self._unopened()
            await self.__aexit__(None, None, None)
            raise Timeout(text) from None
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.player.close()
        try:
            if self._driver is not None:
                await self._driver.close()
        finally:
            await self.server.stop()

    def _want(self, now: Now) -> None:
        """Every recorded connection, and the books on them."""
        for bare in self.connections.without_books():
            self.desk.connect(now, bare.endpoint, bare.url, bare.headers, bare.pin)
        self.desk.wanted(now, add=[book.plan for book in self.connections.books], changed_to=self._changed_to)

    def _unopened(self) -> str:
        lines = self.desk.lines
        missing = [line.pin or "" for line in lines if line.session is None or not line.session.is_open]
        names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        why = f" ({self._why})" if self._why else ""
        return f"{len(missing)} of {len(lines)} connections did not open within {SETTLE:g} s: {names}{why}"

    def _emit(self, event: Health) -> None:
        if isinstance(event, Disconnected):
            self._why = event.reason
            self._let_go()
        if all(line.session is not None and line.session.is_open for line in self.desk.lines):
            if not self._open.is_set():
                self._first = {line.pin: line.session.conn for line in self.desk.lines if line.session is not None}
            self._open.set()
        if self.on_event is not None:
            self.on_event(event)

    def _let_go(self) -> None:
        """What the recording has ended comes back no more. A connection without books may; it stays silent."""
        names = [book.plan.name for book in self.connections.books if self.player.has_ended(book.conn)]
        over = [name for name in names if name in self.desk.books]
        if over and self._driver is not None:
            self._driver.tell(lambda now: self.desk.wanted(now, remove=over))

    # How far the client is ----------------------------------------------------

    def processed(self) -> dict[str, int]:
        """Messages that the client has processed, by recorded connection."""
        return {
            line.pin: line.session.received
            for line in self.desk.lines
            if line.pin is not None and line.session is not None
        }

    def caught_up(self) -> bool:
        """Whether everything sent, and every body given, has been processed."""
        if any(
            self.player.has_ended(line.pin)
            and line.session is not None
            and line.session.conn == self._first.get(line.pin)
            for line in self.desk.lines
        ):
            return False  # the end is on its way
        done = self.processed()
        sent = all(done.get(conn) == count for conn, count in self.player.sent.items())
        return sent and self.desk.answered >= self.player.released

    def lost(self) -> bool:
        """Whether a connection has ended before its time."""
        return any(line.session is None and not self.player.has_ended(line.pin) for line in self.desk.lines)
