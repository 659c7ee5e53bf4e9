"""How long to wait before trying again."""

from collections import deque

from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.options import Options


class Draw:
    """Numbers in [0, 1) from a seed (SplitMix64): the machines' only jitter, reproducible in World."""

    def __init__(self, seed: int) -> None:
        self._state = seed % 2**64

    def next(self) -> float:
        self._state = (self._state + 0x9E3779B97F4A7C15) % 2**64
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return ((z ^ (z >> 31)) >> 11) / 2**53


class Backoff:
    """Grows with each failure; only healthy time resets it, never a handshake."""

    def __init__(self, options: Options, draw: Draw) -> None:
        self._options = options
        self._draw = draw
        self.failures = 0

    def next_ns(self) -> int:
        """The wait before the next attempt; a quarter of it is jitter, so that many clients spread out."""
        options = self._options
        most = min(options.backoff_first * options.backoff_factor**self.failures, options.backoff_most)
        self.failures = min(self.failures + 1, 64)
        return seconds(most * (0.75 + 0.25 * self._draw.next()))

    def healthy(self) -> None:
        self.failures = 0


class Endings:
    """Connections that end together come back one after the other, `apart_ns` between two of them."""

    def __init__(self, apart_ns: int) -> None:
        self._apart_ns = apart_ns
        self._ended: deque[int] = deque()  # within the last second

    def behind_ns(self, now: Now) -> int:
        """One has ended: how much longer it waits than its own backoff, behind those of the last second."""
        while self._ended and self._ended[0] <= now.mono_ns - SECOND:
            self._ended.popleft()
        self._ended.append(now.mono_ns)
        return (len(self._ended) - 1) * self._apart_ns
