"""A beat of the loop, once a second: whether it stood still, and whether this machine's clock was set."""

import asyncio
from collections.abc import Callable
from typing import Final

from tidebook.core.clock import SECOND, Now
from tidebook.io.clock import now

EVERY: Final = 1.0


class Beat:
    """Begins at once, on the running loop.

    `blocked` is called with the seconds for which the loop stood still beyond the beat, where these are more than
    `late`; `jumped` with the seconds by which the wall clock moved against the monotonic one, where more than `jump`.
    """

    def __init__(
        self, blocked: Callable[[float], None], jumped: Callable[[float], None], *, late: float, jump: float,
        clock: Callable[[], Now] = now,
    ) -> None:  # fmt: skip
        self._blocked = blocked
        self._jumped = jumped
        self._late = late
        self._jump = jump
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._difference = clock().apart_ns
        self._timer = self._next()

    def stop(self) -> None:
        self._timer.cancel()

    def _next(self) -> asyncio.TimerHandle:
        self._due = self._loop.time() + EVERY
        return self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        late = self._loop.time() - self._due
        at = self._clock()
        moved = (at.apart_ns - self._difference) / SECOND
        self._timer = self._next()
        if abs(moved) > self._jump:
            self._difference = at.apart_ns
            self._jumped(moved)
        if late > self._late:
            self._blocked(late)
