"""Time as the machines see it: given with each input, never read."""

from typing import NamedTuple

SECOND = 1_000_000_000


class Now(NamedTuple):
    """One instant on two clocks, both integers of nanoseconds.

    `mono_ns` is monotonic: deadlines, ages, backoff. `wall_ns` is UTC: stamps, signatures.
    """

    mono_ns: int
    wall_ns: int

    @property
    def apart_ns(self) -> int:
        """What lies between the two: the same for ever, but for a clock that was set and a machine that slept."""
        return self.wall_ns - self.mono_ns


def seconds(value: float) -> int:
    """A duration in seconds as nanoseconds."""
    return round(value * SECOND)
