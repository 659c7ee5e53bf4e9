"""Backoff and budgets: what they promise, for any sequence of events."""

from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.backoff import Backoff, Draw
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.endpoint import Pool
from tidebook.core.options import Options
from tidebook.core.pools import Budget


def _now(at: int) -> Now:
    return Now(at, at)


@given(
    limit=st.integers(1, 20),
    per=st.floats(0.1, 5),
    requests=st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 20)), max_size=60),
    blocks=st.lists(st.integers(0, 30 * SECOND), max_size=3),
)
def test_no_window_ever_holds_more_than_the_limit(
    limit: int, per: float, requests: list[tuple[int, int]], blocks: list[int]
) -> None:
    budget = Budget(Pool("p", "ip", limit, per))
    for until in blocks:
        budget.block(until)
    now, spent = 0, list[tuple[int, int]]()
    for wait, weight in requests:
        now += wait
        free = budget.free_at(weight, _now(now))
        assert free >= now
        now = max(now, free)
        assert budget.free_at(weight, _now(now)) <= now, "free when it said so"
        budget.spend(weight, _now(now))
        spent.append((now, weight))
        assert all(now >= until for until in blocks)
    for at, weight in spent:
        window = sum(w for when, w in spent if at - seconds(per) < when <= at)
        # What is heavier than the whole pool goes alone.
        assert window <= limit or window == weight


@given(limit=st.integers(1, 10), weights=st.lists(st.integers(1, 10), min_size=1, max_size=20))
def test_a_budget_does_not_wait_longer_than_it_must(limit: int, weights: list[int]) -> None:
    budget, spent = Budget(Pool("p", "ip", limit, 1.0)), list[tuple[int, int]]()
    now = 0
    for weight in weights:
        free = budget.free_at(weight, _now(now))
        if free > now:
            before = sum(w for when, w in spent if when > free - 1 - SECOND)
            assert before + weight > limit, "one ns earlier would have been too early"
        now = free
        budget.spend(weight, _now(now))
        spent.append((now, weight))


@given(st.integers(0, 2**64 - 1))
def test_waits_grow_to_their_most_and_are_spread(seed: int) -> None:
    options = Options()
    backoff = Backoff(options, Draw(seed))
    for failures in range(20):
        most = min(options.backoff_first * options.backoff_factor**failures, options.backoff_most)
        assert 0.75 * most * SECOND - 1 <= backoff.next_ns() <= most * SECOND
    backoff.healthy()
    assert backoff.next_ns() <= options.backoff_first * SECOND


@given(st.integers(0, 2**64 - 1))
def test_handshakes_stay_within_the_promise(seed: int) -> None:
    """Accepted and closed at once, for ten minutes: at most 10 in the first 60 s, at most 30 in all."""
    backoff, at, handshakes = Backoff(Options(), Draw(seed)), 0, list[int]()
    while at <= 600 * SECOND:
        handshakes.append(at)
        at += backoff.next_ns()
    assert sum(when <= 60 * SECOND for when in handshakes) <= 10
    assert len(handshakes) <= 30


@given(st.integers(-(2**70), 2**70))
def test_draws_are_in_range_and_repeat(seed: int) -> None:
    one, two = Draw(seed), Draw(seed)
    values = [one.next() for _ in range(20)]
    assert values == [two.next() for _ in range(20)]
    assert all(0 <= value < 1 for value in values)
