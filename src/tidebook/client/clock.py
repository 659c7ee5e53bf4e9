"""The venue's clock beside ours."""

import os
from collections.abc import Awaitable, Callable

from tidebook.core.clock import SECOND, Now
from tidebook.core.sign import Stamp
from tidebook.model.health import ClockSkew, Health

Asked = tuple[Now, Now, int]
"""When a question left, when its answer was here, and the venue's time (ns UTC) in it."""


class VenueClock:
    """How far a venue's clock is ahead of ours, and how sure that is, in nanoseconds; None before it was measured."""

    def __init__(self, venue: str, most: float, on_event: Callable[[Health], None]) -> None:
        """More than `most` seconds apart, it is told of."""
        self._venue, self._most, self._on_event = venue, most, on_event
        self.offset_ns: int | None = None
        self.error_ns: int | None = None
        self._apart_ns = 0  # our two clocks, when it was measured

    async def measure(self, ask: Callable[[], Awaitable[Asked]]) -> None:
        """From one question; half of the way there and back is the uncertainty. Raises what asking raises."""
        before, after, venue_ns = await ask()
        trip = after.mono_ns - before.mono_ns
        self.offset_ns = venue_ns - (before.wall_ns + trip // 2)
        self.error_ns = trip // 2
        self._apart_ns = after.apart_ns
        offset, unsure = self.offset_ns / SECOND, self.error_ns / SECOND
        if abs(offset) - unsure > self._most:
            words = f"the venue's clock is {abs(offset):.3f} s {'ahead' if offset > 0 else 'behind'}, ± {unsure:.3f} s"
            self._on_event(ClockSkew(self._venue, None, after.wall_ns, offset, unsure, words))

    def unsure_ns(self, at: Now) -> int:
        """By how much it may differ from what is known: as it was measured, and what ours was set by since then."""
        return 0 if self.error_ns is None else self.error_ns + abs(at.apart_ns - self._apart_ns)

    def wall_ns(self, at: Now) -> int:
        """The venue's time, as far as it is known."""
        return at.wall_ns + (self.offset_ns or 0)

    def stamp(self, at: Now) -> Stamp:
        """What signs logins, and messages."""
        return Stamp(self.wall_ns(at), 0, os.urandom(16))
