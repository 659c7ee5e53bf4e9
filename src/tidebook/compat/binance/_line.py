"""What becomes of a connection that is lost, as python-binance tells it: messages among the others."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from tidebook.client.market import Market
from tidebook.compat.binance.exceptions import ReadLoopClosed
from tidebook.core.line import Line
from tidebook.model.health import Disconnected, Health

MOST: Final = 10_000
"""How many messages wait for a reader; then they are counted instead."""

MAX_RECONNECTS: Final = 5


def error_of(kind: str, text: str, **more: Any) -> dict[str, Any]:
    """An error as it stands among the messages."""
    return {"e": "error", "type": kind, "m": text, **more}


class Waiting:
    """Items in their order for one reader, `most` at the same time; what finds no room is told with its exact count."""

    def __init__(self, most: int = MOST) -> None:
        self._items: deque[Any] = deque()
        self._most = most
        self._lost = 0
        self._some = asyncio.Event()
        self._ended = False

    def put(self, item: Any) -> None:
        """In the receive path."""
        if len(self._items) >= self._most:
            self._lost += 1
        else:
            self._tell_lost()
            self._items.append(item)
        self._some.set()

    def tell(self, *items: Any) -> None:
        """What is no message of the exchange's always has room."""
        self._tell_lost()
        self._items.extend(items)
        self._some.set()

    def _tell_lost(self) -> None:
        if self._lost:
            text = f"Message queue size {self._most} exceeded: {self._lost} messages were not delivered"
            self._items.append(error_of("BinanceWebsocketQueueOverflow", text, lost=self._lost))
            self._lost = 0

    def end(self) -> None:
        """Nothing will come any more."""
        self._ended = True
        self._some.set()

    async def get(self) -> Any:
        """The next one. Raises ReadLoopClosed at the end; cancelled, it has taken nothing."""
        while True:
            if not self._items:
                self._tell_lost()
            if self._items:
                return self._items.popleft()
            if self._ended:
                raise ReadLoopClosed("it is closed: nothing will come any more")
            self._some.clear()
            await self._some.wait()


class Reconnects:
    """Counts the attempts since a connection was lost; after `most` that failed it gives up (None: never).

    The market's health is listened to only while the connection is lost: meanwhile our own client has it said there.
    """

    def __init__(self, market: Market, line: Callable[[], Line | None], most: int | None, give_up: Callable[[], None],
                 told: Callable[[dict[str, Any]], None]) -> None:  # fmt: skip
        self._listeners = market._healths.listeners
        self._line = line
        self._most = most
        self._give_up = give_up
        self._told = told
        self._before = 0
        self._listening = False

    def lost(self, was_open: bool) -> None:
        """The connection is; or the first one never came about."""
        line = self._line()
        if self._listening or line is None:
            return
        self._before = line.attempt if was_open else line.attempt - 1
        if was_open:
            self._told(error_of("BinanceWebsocketClosed", "Connection closed. Reconnecting..."))
        self._listening = True
        self._listeners.append(self._heard)

    def over(self) -> None:
        """It is open again, or nobody wants it any more."""
        if self._listening:
            self._listening = False
            self._listeners.remove(self._heard)

    def _heard(self, event: Health) -> None:
        if not isinstance(event, Disconnected) or self._most is None or not self._listening:
            return
        line = self._line()
        if line is not None and line.attempt - self._before >= self._most:
            self.over()
            self._give_up()


def gave_up(most: int | None) -> dict[str, Any]:
    return error_of("BinanceUnableToConnect", f"Max reconnections {most} reached")
