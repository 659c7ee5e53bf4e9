"""Backoff: what it promises, for any sequence of events."""

from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.backoff import Backoff, Draw
from tidebook.core.clock import SECOND
from tidebook.core.options import Options


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
