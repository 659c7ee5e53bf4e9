"""Limits as a venue counts them: fixed windows of real time, and what becomes of those who ignore a refusal."""

from dataclasses import dataclass

from tidebook.core.endpoint import Pool

IGNORED = 3  # so many questions during a pause, and it becomes a ban
BAN = 120.0  # seconds


@dataclass(slots=True)
class Gate:
    """One pool. Times are seconds of any clock that does not go back."""

    pool: Pool
    bans: bool = False
    began: float = 0.0
    used: int = 0
    closed_until: float = 0.0
    ignored: int = 0
    banned: bool = False

    def pass_(self, weight: int, now: float) -> float | None:
        """Take so much; or, where that is too much, the seconds until there is room again."""
        if now < self.closed_until:
            self.ignored += 1
            if self.bans and self.ignored >= IGNORED and not self.banned:
                self.banned = True
                self.closed_until = now + BAN
            return self.closed_until - now
        self.banned, self.ignored = False, 0
        if now >= self.began + self.pool.per:
            self.began, self.used = now - now % self.pool.per, 0
        self.used += weight
        if self.used <= self.pool.limit:
            return None
        self.closed_until = self.began + self.pool.per
        return self.closed_until - now

    def left(self, now: float) -> float:
        """Seconds until the window ends."""
        return max(0.0, self.began + self.pool.per - now)

    def open(self) -> None:
        """Forget what was used and whom it was closed to."""
        self.used = self.ignored = 0
        self.closed_until, self.banned = 0.0, False


@dataclass(slots=True)
class Rate:
    """Messages of one connection: at most `limit` begin within any second."""

    limit: int
    times: list[float]

    def pass_(self, now: float) -> bool:
        self.times = [time for time in self.times if time > now - 1.0]
        self.times.append(now)
        return len(self.times) <= self.limit
