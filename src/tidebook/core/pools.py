"""Budgets: how much of a limit is used, and when there is room again."""

from collections import deque

from tidebook.core.clock import Now, seconds
from tidebook.core.endpoint import Pool


class Budget:
    """One pool's use over a sliding window. Never lets more than `limit` through in any `per` seconds."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._spent: deque[tuple[int, int]] = deque()  # (when, weight)
        self._sum = 0
        self.blocked_until = 0  # monotonic ns; a venue's Retry-After

    def free_at(self, weight: int, now: Now) -> int:
        """The monotonic ns at which `weight` fits; not after `now` means at once."""
        horizon = seconds(self.pool.per)
        while self._spent and self._spent[0][0] <= now.mono_ns - horizon:
            self._sum -= self._spent.popleft()[1]
        at = now.mono_ns
        # A request heavier than the whole pool goes alone, when nothing else is in the window.
        room = max(self.pool.limit - weight, 0)
        left = self._sum
        for when, spent in self._spent:
            if left <= room:
                break
            left -= spent
            at = when + horizon
        return max(at, self.blocked_until)

    def spend(self, weight: int, now: Now) -> None:
        self._spent.append((now.mono_ns, weight))
        self._sum += weight

    def block(self, until_ns: int) -> None:
        self.blocked_until = max(self.blocked_until, until_ns)
