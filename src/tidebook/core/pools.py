"""Budgets: how much of a limit is used, and when there is room again; and the set of them that desks share."""

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from heapq import merge
from itertools import takewhile

from tidebook.core.clock import Now, seconds
from tidebook.core.endpoint import Pool
from tidebook.errors import UsageError

UNDER_WAY = 120.0  # seconds after which an answer that never came is not waited for any more


@dataclass(slots=True, eq=False)
class Turn:
    """One request's place in a budget. Where `at_ns` (monotonic) has not come yet it waits, and looks again then."""

    weight: int
    order: int
    at_ns: int


class Budget:
    """One pool's use over a sliding window: never more than `limit` in any `per` seconds, nor of our own than `part`.

    A venue counts a request at some moment between sending and answer. So it weighs from when it is sent until `per`
    seconds after its answer, and no window of the venue's, wherever it begins, holds more. What the venue has counted
    beyond that was spent by others at the same address; that weighs too, but not on our own part.

    Who must wait has a place, and those who come later go behind it: several desks, each with its own timer, take
    turns without knowing of each other. Every method may be called from any thread when `lock` is one.
    """

    def __init__(self, pool: Pool, lock: AbstractContextManager[object] | None = None) -> None:
        self.pool = pool
        self.limit = pool.limit
        self.share = 1.0  # of the limit, that is ours
        self.blocked_until = 0  # monotonic ns; a venue's Retry-After
        self._lock = nullcontext() if lock is None else lock
        self._window = seconds(pool.per)
        self._order = 0
        self._waiting: dict[int, Turn] = {}
        self._under_way: dict[int, Turn] = {}
        self._answered: deque[tuple[int, int]] = deque()  # (when, weight)
        self._others: deque[tuple[int, int]] = deque()
        self._sum = 0  # of what is under way or answered
        self._others_sum = 0

    @property
    def part(self) -> int:
        """The units of the limit that are ours; one at least."""
        return max(int(self.limit * self.share + 1e-9), 1)

    def turn(self, weight: int, now: Now, held: Turn | None = None) -> Turn:
        """Take a place, or look again at the one that is `held` (perhaps for another weight).

        Where its `at_ns` is not after `now`, it is spent: send, and say `over` when the answer is there. Else nothing
        may be sent; look again at `at_ns`, or give the place back by `over`.
        """
        with self._lock:
            self._forget(now)
            self._order += 1
            turn = Turn(weight, self._order, 0) if held is None else held
            self._waiting.pop(turn.order, None)
            turn.weight = weight
            turn.at_ns = self._free_at(weight, now, turn.order)
            if turn.at_ns > now.mono_ns:
                self._waiting[turn.order] = turn
            else:
                turn.order = self._order  # from here on: as it was sent
                self._under_way[turn.order] = turn
                self._sum += weight
            return turn

    def over(self, turn: Turn, now: Now) -> None:
        """Its answer came, or will not come; or it is not wanted any more. Twice is fine."""
        with self._lock:
            self._waiting.pop(turn.order, None)
            if self._under_way.pop(turn.order, None) is not None:
                self._end(turn, now)

    def free_at(self, weight: int, now: Now) -> int:
        """The monotonic ns at which a request that comes now could be sent; not after `now` means at once."""
        with self._lock:
            self._forget(now)
            return self._free_at(weight, now, self._order + 1)

    def used(self, now: Now) -> int:
        """Units of the window that are taken, those of others included."""
        with self._lock:
            self._forget(now)
            return self._sum + self._others_sum

    def learn(self, used: int, turn: Turn | None, now: Now) -> None:
        """The venue has counted `used` units when it answered the request of `turn`: what is not ours is others'.

        Where it counts less than we do nothing is given back before its time: its window began later than ours.
        """
        with self._lock:
            self._forget(now)
            # What was sent later and is not answered yet it had not seen.
            after = self._order if turn is None else turn.order
            later = takewhile(lambda order: order > after, reversed(self._under_way))
            ours = self._sum - sum(self._under_way[order].weight for order in later)
            if (more := used - ours - self._others_sum) > 0:
                self._others.append((self._last(self._others, now), more))
                self._others_sum += more

    def publish(self, limit: int) -> None:
        """The venue says what the limit is."""
        if limit > 0:
            self.limit = limit

    def block(self, until_ns: int) -> None:
        """Nothing is sent before `until_ns` (monotonic)."""
        with self._lock:
            self.blocked_until = max(self.blocked_until, until_ns)

    # Inside; the lock is held ---------------------------------------------------

    def _free_at(self, weight: int, now: Now, order: int) -> int:
        # What is heavier than the whole goes alone, when nothing else is in the window.
        room, own_room = max(self.limit - weight, 0), max(self.part - weight, 0)
        ahead = [turn for turn in self._waiting.values() if turn.order < order]
        own = self._sum + sum(turn.weight for turn in ahead)
        whole, at = own + self._others_sum, now.mono_ns
        for end, spent, is_own in self._endings(now, ahead):
            if whole <= room and own <= own_room:
                break
            whole -= spent
            own -= spent if is_own else 0
            at = max(at, end)
        return max(at, self.blocked_until)

    def _endings(self, now: Now, ahead: list[Turn]) -> Iterator[tuple[int, int, bool]]:
        """When what is in the window leaves it, the first first; of what is not answered, the soonest that can be."""
        window = self._window
        answered = ((at + window, weight, True) for at, weight in self._answered)
        yield from merge(answered, ((at + window, weight, False) for at, weight in self._others))
        for turn in self._under_way.values():
            yield now.mono_ns + window, turn.weight, True
        for turn in sorted(ahead, key=lambda turn: turn.at_ns):
            yield max(turn.at_ns, now.mono_ns) + window, turn.weight, True

    def _end(self, turn: Turn, now: Now) -> None:
        self._answered.append((self._last(self._answered, now), turn.weight))

    @staticmethod
    def _last(row: deque[tuple[int, int]], now: Now) -> int:
        """Now, but not before what is in the row: two threads read the clock before they come here."""
        return max(now.mono_ns, row[-1][0]) if row else now.mono_ns

    def _forget(self, now: Now) -> None:
        """What has left the window; and who never came back."""
        oldest = now.mono_ns - self._window
        while self._answered and self._answered[0][0] <= oldest:
            self._sum -= self._answered.popleft()[1]
        while self._others and self._others[0][0] <= oldest:
            self._others_sum -= self._others.popleft()[1]
        given_up = now.mono_ns - seconds(UNDER_WAY)
        while self._under_way and (turn := next(iter(self._under_way.values()))).at_ns <= given_up:
            del self._under_way[turn.order]
            self._end(turn, now)
        # A place whose turn was a window ago belongs to a desk that is no more.
        for order in [order for order, turn in self._waiting.items() if turn.at_ns <= oldest]:
            del self._waiting[order]


class Budgets:
    """The budgets of one place. Desks that are given the same set share its pools; `lock` makes it safe for threads."""

    def __init__(self, lock: AbstractContextManager[object] | None = None) -> None:
        self._given = lock
        self._lock = nullcontext() if lock is None else lock
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._shares: list[float] = []

    def of(self, pool: Pool, within: str = "") -> Budget:
        """The budget of a pool; `within` names the account or endpoint where the pool's scope is one.

        Raises UsageError where the same name was declared with another limit or scope.
        """
        with self._lock:
            budget = self._budgets.get((pool.name, within))
            if budget is None:
                budget = self._budgets[pool.name, within] = Budget(pool, self._given)
                self._divide()
        if budget.pool != pool:
            raise UsageError(f"pool {pool.name} is declared twice, as {budget.pool} and as {pool}")
        return budget

    def join(self, share: float = 1.0) -> None:
        """Use the set, taking at most this part of each limit: of several, the smallest holds."""
        with self._lock:
            self._shares.append(share)
            self._divide()

    def leave(self, share: float = 1.0) -> None:
        """Undo one `join`."""
        with self._lock:
            self._shares.remove(share)
            self._divide()

    def _divide(self) -> None:
        share = min(self._shares, default=1.0)
        for budget in self._budgets.values():
            budget.share = 1.0 if budget.pool.scope == "connection" else share
