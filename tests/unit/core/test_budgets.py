"""Budgets, judged by a slow and obvious model: a list of what was sent, and when the venue counted it."""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.endpoint import Pool
from tidebook.core.pools import UNDER_WAY, Budget, Budgets, Turn
from tidebook.errors import UsageError

MOST_STEPS = 20_000


def _now(at: int) -> Now:
    return Now(at, at)


@dataclass(frozen=True)
class Ask:
    """One request of one of several desks: so long after the one before; counted and answered so long after sending."""

    gap: int
    desk: int
    weight: int
    counted: int
    answered: int


@dataclass
class Sent:
    ask: Ask
    sent: int
    promised: int  # when it was first told to look again

    @property
    def counted(self) -> int:
        return self.sent + self.ask.counted

    @property
    def answered(self) -> int:
        return self.counted + self.ask.answered


class Venue:
    """Counts units in windows that begin at whole multiples of `per`: ours, and those of others."""

    def __init__(self, per: int) -> None:
        self.per = per
        self.others: list[tuple[int, int]] = []

    def used(self, at: int, sent: list[Sent]) -> int:
        began = at - at % self.per
        ours = sum(one.ask.weight for one in sent if began <= one.counted <= at)
        return ours + sum(weight for when, weight in self.others if began <= when <= at)


class Run:
    """Several desks, each of which keeps its requests in order, with one budget."""

    def __init__(self, budget: Budget, *, venue: Venue | None = None) -> None:
        self.budget, self.venue = budget, venue
        self.sent: list[Sent] = []
        self.readings: list[tuple[int, int, Sent]] = []  # when, units, of the answer to what
        self._queues: dict[int, list[Ask]] = {}
        self._held: dict[int, tuple[Turn, int]] = {}
        self._heap: list[tuple[int, int, str, Any]] = []
        self._pushed = 0

    def at(self, when: int, what: str, about: Any) -> None:
        self._pushed += 1
        heappush(self._heap, (when, self._pushed, what, about))

    def play(self, asks: list[Ask]) -> None:
        when = 0
        for ask in asks:
            when += ask.gap
            self.at(when, "ask", ask)
        steps = 0
        while self._heap:
            steps += 1
            assert steps < MOST_STEPS, "it does not end, or it spins"
            now, _, what, about = heappop(self._heap)
            match what:
                case "ask":
                    self._queues.setdefault(about.desk, []).append(about)
                    self._serve(about.desk, now)
                case "look":
                    self._serve(about, now)
                case "block":
                    self.budget.block(about)
                case "count":
                    one, turn = about
                    units = 0 if self.venue is None else self.venue.used(now, self.sent)
                    self.at(one.answered, "answer", (one, turn, units))
                case _:
                    one, turn, units = about
                    self.budget.over(turn, _now(now))
                    if self.venue is not None:
                        self.budget.learn(units, turn, _now(now))
                        self.readings.append((now, units, one))
                        assert self.budget.used(_now(now)) >= units
        assert not any(self._queues.values()), "something was never sent"

    def _serve(self, desk: int, now: int) -> None:
        queue = self._queues[desk]
        while queue:
            held, promised = self._held.pop(desk, (None, None))
            turn = self.budget.turn(queue[0].weight, _now(now), held)
            if turn.at_ns > now:
                self._held[desk] = turn, turn.at_ns if promised is None else promised
                self.at(turn.at_ns, "look", desk)
                return
            one = Sent(queue.pop(0), now, now if promised is None else promised)
            self.sent.append(one)
            self.at(one.counted, "count", (one, turn))


def asks(most_delay: int = 3 * SECOND) -> st.SearchStrategy[list[Ask]]:
    delay = st.integers(0, most_delay)
    ask = st.builds(
        Ask,
        gap=st.integers(0, SECOND),
        desk=st.integers(0, 2),
        weight=st.integers(1, 20),
        counted=delay,
        answered=delay,
    )
    return st.lists(ask, max_size=40)


limits = st.integers(1, 20)
pers = st.floats(0.1, 5)
shares = st.floats(0.01, 1)


def heaviest(moments: list[tuple[int, int]], per: int) -> list[int]:
    """The weights in each window of `per` that begins with one of the moments."""
    return [sum(weight for at, weight in moments if began <= at < began + per) for began, _ in moments]


@given(limits, pers, shares, asks(), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 30)), max_size=3))
def test_no_window_ever_holds_more_than_our_part(
    limit: int, per: float, share: float, wanted: list[Ask], blocks: list[tuple[int, int]]
) -> None:
    """However the venue's windows lie, and whenever between sending and answer it counts a request."""
    budget = Budget(Pool("p", "ip", limit, per))
    budget.share = share
    run = Run(budget)
    for when, length in blocks:
        run.at(when * SECOND, "block", (when + length) * SECOND)
    run.play(wanted)
    assert len(run.sent) == len(wanted)
    most = max(int(limit * share + 1e-9), 1)
    moments = [(one.counted, one.ask.weight) for one in run.sent]
    for (_, first), window in zip(moments, heaviest(moments, seconds(per)), strict=True):
        # What is heavier than the whole part goes alone.
        assert window <= most or window == first
    for when, length in blocks:
        assert not [one for one in run.sent if when * SECOND < one.sent < (when + length) * SECOND]


@given(limits, pers, asks(0))
def test_who_waits_is_not_overtaken(limit: int, per: float, wanted: list[Ask]) -> None:
    """Whoever comes later: it goes when it was told that it would. None waits longer than it must."""
    run = Run(Budget(Pool("p", "ip", limit, per)))
    run.play(wanted)
    assert all(one.sent == one.promised for one in run.sent)
    for place, one in enumerate(run.sent):
        if one.promised > one.sent:  # it waited: one nanosecond earlier would have been too early
            window = [w for w in run.sent[:place] if w.sent > one.sent - 1 - seconds(per)]
            assert sum(w.ask.weight for w in window) + one.ask.weight > limit


@given(limits, pers, asks(), st.lists(st.tuples(st.integers(0, 30 * SECOND), st.integers(1, 40)), max_size=10))
def test_what_others_spend_is_learned(limit: int, per: float, wanted: list[Ask], others: list[tuple[int, int]]) -> None:
    """The venue's count, and what we sent since it counted, stay within the limit until its window must be over."""
    venue = Venue(seconds(per))
    venue.others = others
    run = Run(Budget(Pool("p", "ip", limit, per)), venue=venue)
    run.play(wanted)
    for read, units, of in run.readings:
        after = [one for one in run.sent if read < one.sent < of.counted - of.counted % venue.per + venue.per]
        for one in after:
            since = [each for each in run.sent if of.sent < each.sent <= one.sent and each is not one]
            flying = [each for each in since if each.answered > read]
            assert units + sum(each.ask.weight for each in flying) + one.ask.weight <= limit or one.ask.weight >= limit


def test_a_lower_count_gives_nothing_back() -> None:
    budget = Budget(Pool("p", "ip", 10, 1.0))
    turn = budget.turn(8, _now(0))
    budget.over(turn, _now(0))
    budget.learn(0, turn, _now(0))
    assert budget.used(_now(0)) == 8
    assert budget.free_at(3, _now(1)) == SECOND


def test_what_is_still_on_its_way_was_not_counted_yet() -> None:
    budget = Budget(Pool("p", "ip", 100, 1.0))
    first, second = budget.turn(10, _now(0)), budget.turn(10, _now(0))
    budget.over(first, _now(5))
    budget.learn(85, first, _now(5))
    assert budget.used(_now(5)) == 95, "75 of others, 10 that were counted, 10 under way"
    budget.over(second, _now(6))
    budget.learn(95, second, _now(6))
    assert budget.used(_now(6)) == 95, "what was learned is not learned twice"


def test_the_use_of_others_does_not_weigh_on_our_share() -> None:
    """Four processes with a quarter each may all spend it; together they may not spend more than the whole."""
    budget = Budget(Pool("p", "ip", 100, 60.0))
    budget.share = 0.25
    turn = budget.turn(5, _now(0))
    budget.over(turn, _now(0))
    budget.learn(75, turn, _now(0))
    assert budget.used(_now(0)) == 75
    assert budget.free_at(20, _now(0)) == 0
    assert budget.free_at(21, _now(0)) > 0
    budget.learn(90, turn, _now(0))
    assert budget.free_at(10, _now(0)) == 0
    assert budget.free_at(11, _now(0)) > 0
    assert budget.free_at(60, _now(0)) == 60 * SECOND, "heavier than the share: alone, and within the whole"


def test_a_place_of_a_desk_that_is_no_more_does_not_stand_for_ever() -> None:
    budget = Budget(Pool("p", "ip", 10, 1.0))
    budget.over(budget.turn(10, _now(0)), _now(0))
    gone = budget.turn(10, _now(0))
    assert gone.at_ns == SECOND
    later = budget.turn(10, _now(0))
    assert later.at_ns == 2 * SECOND
    assert budget.turn(10, _now(2 * SECOND), later).at_ns == 2 * SECOND
    unanswered = budget.turn(1, _now(2 * SECOND))
    while unanswered.at_ns > (now := unanswered.at_ns) - 1 and now < 300 * SECOND:
        unanswered = budget.turn(1, _now(now), unanswered)
        if unanswered.at_ns <= now:
            break
    assert seconds(UNDER_WAY) <= unanswered.at_ns <= seconds(UNDER_WAY + 5)


def test_a_place_given_back_is_free() -> None:
    budget = Budget(Pool("p", "ip", 10, 1.0))
    budget.over(budget.turn(5, _now(0)), _now(0))
    heavy = budget.turn(8, _now(0))
    assert budget.free_at(1, _now(0)) > 0, "behind it"
    budget.over(heavy, _now(0))
    assert budget.free_at(1, _now(0)) == 0


def test_a_published_limit_counts_at_once() -> None:
    budget = Budget(Pool("p", "ip", 10, 1.0))
    budget.publish(20)
    assert budget.free_at(20, _now(0)) == 0
    budget.over(budget.turn(20, _now(0)), _now(0))
    budget.publish(0)
    assert budget.limit == 20
    budget.publish(5)
    assert budget.free_at(5, _now(0)) == SECOND


def test_pools_are_shared_by_name_and_scope() -> None:
    budgets, pool = Budgets(), Pool("p", "ip", 10, 1.0)
    assert budgets.of(pool) is budgets.of(pool)
    accounts = Pool("a", "account", 10, 1.0)
    assert budgets.of(accounts, "one") is not budgets.of(accounts, "two")
    with pytest.raises(UsageError, match="declared twice"):
        budgets.of(Pool("p", "ip", 11, 1.0))


def test_the_smallest_share_holds_as_long_as_it_is_there() -> None:
    budgets, pool = Budgets(), Pool("p", "ip", 100, 1.0)
    budgets.join(1.0)
    assert budgets.of(pool).part == 100
    budgets.join(0.25)
    budgets.join(0.5)
    assert budgets.of(pool).part == 25
    assert budgets.of(Pool("q", "account", 10, 1.0), "me").part == 2
    budgets.leave(0.25)
    assert budgets.of(pool).part == 50
