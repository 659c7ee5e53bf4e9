"""The requests of one desk: each waits for its turn in its pool's budget; what answers say of limits is kept there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from urllib.parse import urlsplit

from tidebook.core.channel import Answers
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Effect, Emit, Fetch, Reply, Urgency
from tidebook.core.endpoint import Pool
from tidebook.core.errand import Errand
from tidebook.core.pools import Budget, Budgets, Turn
from tidebook.core.rest import retry_after
from tidebook.core.timers import Timers
from tidebook.errors import Banned, RateLimited
from tidebook.model import health

PAUSE = 60  # seconds, where a venue refuses and does not say for how long


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """An errand that waits for room in its pool."""

    urgency: Urgency
    order: int
    errand: Errand = field(compare=False)


@dataclass(slots=True, eq=False)
class Queue:
    """What waits for one budget. `held` is the place of the first in it."""

    budget: Budget
    errands: list[Waiting] = field(default_factory=list[Waiting])
    held: Turn | None = None


@dataclass(frozen=True, slots=True)
class UnderWay:
    errand: Errand
    queue: Queue
    turn: Turn


class Requests:
    """See the module. `budgets` may be shared by several desks; those of one connection alone are the desk's own.

    A `done` of an errand may send again.
    """

    def __init__(
        self, venue: str, effects: list[Effect], timers: Timers, *,
        pools: Iterable[Pool], budgets: Budgets | None, account: str, answers: Answers | None,
    ) -> None:  # fmt: skip
        self.answered = 0
        self._venue = venue
        self._effects = effects
        self._pools = {pool.name: pool for pool in pools}
        self._budgets = budgets or Budgets()
        self._own = Budgets()
        self._account = account
        self._answers = answers
        self._queues: dict[tuple[str, str], Queue] = {}
        self._queued = 0
        self._last = 0
        self._under_way: dict[int, UnderWay] = {}
        self._told: dict[Budget, int] = {}  # until when a pause lasts, as it was told
        self._timer = timers.timer(self._serve_all)

    def budget(self, pool: Pool, within: str) -> Budget:
        """The budget of a pool for a request to `within` (an endpoint, for pools of that scope)."""
        if pool.scope == "connection":
            return self._own.of(pool, within)
        return self._budgets.of(pool, {"account": self._account, "endpoint": within}.get(pool.scope, ""))

    def limits(self) -> list[Budget]:
        """The budgets of the pools that were declared; of those of each endpoint alone, where something was sent."""
        alone = [pool for pool in self._pools.values() if pool.scope not in ("endpoint", "connection")]
        used = [
            queue.budget for queue in self._queues.values() if queue.budget.pool.scope in ("endpoint", "connection")
        ]
        return [*(self.budget(pool, "") for pool in alone), *used]

    def send(self, errand: Errand, now: Now) -> None:
        """Send a request when its pool has room; the more urgent go first."""
        self._queued += 1
        queue = self._queue(errand.pool, errand.request.url)
        heappush(queue.errands, Waiting(errand.urgency, self._queued, errand))
        self._serve(queue, now)

    def room_at(self, pool: str, url: str, weight: int, now: Now) -> int:
        """The monotonic ns before which no request like this is sent."""
        queue = self._queue(pool, url)
        return queue.budget.free_at(weight, now) if queue.held is None else queue.held.at_ns

    def replied(self, fetch: int, reply: Reply, now: Now) -> None:
        """An answer, of any status."""
        under_way = self._ended(fetch, now)
        if under_way is None:
            return
        errand, budget = under_way.errand, under_way.queue.budget
        if self._answers is not None:
            errand.refused = self._answers.error(reply, self._venue, now.wall_ns)
            for name, units in self._answers.used(reply.headers).items():
                if name == errand.pool:
                    budget.learn(units, under_way.turn, now)
                elif name in self._pools:
                    self._queue(name, errand.request.url).budget.learn(units, None, now)
        until_ns = _closed_until(errand, reply, now)
        if until_ns is not None:
            self.close(budget, until_ns, now)
        errand.done(reply, "", now)

    def failed(self, fetch: int, why: str, now: Now) -> None:
        """No answer."""
        under_way = self._ended(fetch, now)
        if under_way is not None:
            under_way.errand.done(None, why, now)

    def late(self, errand: Errand, reply: Reply, now: Now) -> None:
        """An answer to what counts as not answered, by message."""
        if self._answers is not None:
            errand.refused = self._answers.error(reply, self._venue, now.wall_ns)
        if errand.late is not None:
            errand.late(reply)

    def published(self, limits: Mapping[str, int]) -> None:
        """The venue has said what its limits are, by pool."""
        for name, limit in limits.items():
            if name in self._pools and self._pools[name].scope in ("ip", "account"):
                self.budget(self._pools[name], "").publish(limit)

    def close(self, budget: Budget, until_ns: int, now: Now) -> None:
        """The venue says until when nothing more may be sent."""
        budget.block(until_ns)
        self.tell(budget, now)

    def tell(self, budget: Budget, now: Now) -> None:
        """That a pool is closed: once for each pause, whoever of those that share it was refused."""
        until_ns = budget.blocked_until
        # The refusals of several requests under way round the same end to different seconds.
        if until_ns > now.mono_ns and until_ns > self._told.get(budget, 0) + SECOND:
            self._told[budget] = until_ns
            wait = (until_ns - now.mono_ns) / SECOND
            self._effects.append(Emit(health.Throttled(self._venue, None, now.wall_ns, budget.pool.name, wait)))

    def release(self, now: Now) -> None:
        """Nothing is sent any more and no answer is awaited: give others their room."""
        for under_way in self._under_way.values():
            under_way.queue.budget.over(under_way.turn, now)
        self._under_way.clear()
        for queue in self._queues.values():
            queue.errands.clear()
            self._leave(queue, now)

    # Inside -------------------------------------------------------------------

    def _queue(self, name: str, url: str) -> Queue:
        # A pool that nobody declared has no limit of its own; the venue's word counts all the same.
        pool = self._pools.get(name) or Pool(name, "connection", 1 << 62, 1.0)
        parts = urlsplit(url)
        within = parts.netloc + parts.path if pool.scope == "endpoint" else ""
        queue = self._queues.get((name, within))
        if queue is None:
            queue = self._queues[name, within] = Queue(self.budget(pool, within))
        return queue

    def _serve_all(self, now: Now) -> None:
        for queue in [*self._queues.values()]:
            self._serve(queue, now)

    def _serve(self, queue: Queue, now: Now) -> None:
        """Send what the budget allows, the most urgent first."""
        budget = queue.budget
        while queue.errands:
            errand = queue.errands[0].errand
            if errand.given_up or not errand.wanted():
                heappop(queue.errands)
                continue
            turn = budget.turn(errand.weight, now, queue.held)
            if turn.at_ns > now.mono_ns:
                queue.held = turn
                due = self._timer.at_ns
                self._timer.set(turn.at_ns if due is None else min(turn.at_ns, due))
                self.tell(budget, now)
                return
            queue.held = None
            heappop(queue.errands)
            self._last += 1
            self._under_way[self._last] = UnderWay(errand, queue, turn)
            errand.left = now
            errand.sent(now)
            if errand.talk is not None and errand.talk.take(self._last, errand, now):
                continue
            request, weight = errand.request, errand.weight
            self._effects.append(
                Fetch(self._last, request, errand.pool, weight, errand.urgency, errand.timeout, errand.cap, errand.seal)
            )
        self._leave(queue, now)

    def _leave(self, queue: Queue, now: Now) -> None:
        if queue.held is not None:
            queue.budget.over(queue.held, now)
            queue.held = None

    def _ended(self, fetch: int, now: Now) -> UnderWay | None:
        self.answered += 1
        under_way = self._under_way.pop(fetch, None)
        if under_way is not None:
            under_way.queue.budget.over(under_way.turn, now)
        return under_way


def _closed_until(errand: Errand, reply: Reply, now: Now) -> int | None:
    """Until when (monotonic ns) nothing more may be sent, where a reply says so."""
    refused = errand.refused
    if isinstance(refused, RateLimited):
        return now.mono_ns + refused.retry_at - now.wall_ns
    if isinstance(refused, Banned):
        return now.mono_ns + refused.until - now.wall_ns
    if reply.status in (418, 429):
        return now.mono_ns + seconds(retry_after(reply.headers, PAUSE))
    return None
