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
from tidebook.io.driver import Driver
from tidebook.io.place import loopback
from tidebook.io.serve import Server
from tidebook.model.health import Health
from tidebook.record.capture import Record
from tidebook.record.connections import Connections
from tidebook.record.player import Player

SETTLE = 10.0  # seconds for all connections to open


class Replay:
    """An async context manager: server, player, desk and driver of one recording.

    Entering waits until every connection with a book is open. Leaving closes everything in under a second.
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
        self.desk = Desk(connections.venue.name, self.engine, options=options)
        self.on_event: Callable[[Health], None] | None = None
        self._changed_to = changed_to
        self._driver: Driver | None = None
        self._open = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.server.start()
        try:
            self._driver = Driver(self.desk, on_event=self._emit, remap=loopback(self.server.at))
            self._driver.tell(self._want)
            await asyncio.wait_for(self._open.wait(), SETTLE)
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

    def _emit(self, event: Health) -> None:
        if all(line.session is not None and line.session.is_open for line in self.desk.lines):
            self._open.set()
        if self.on_event is not None:
            self.on_event(event)

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
        done = self.processed()
        sent = all(done.get(conn) == count for conn, count in self.player.sent.items())
        return sent and self.desk.answered >= self.player.released

    def lost(self) -> bool:
        """Whether a connection has ended before its time."""
        return any(line.session is None for line in self.desk.lines)
