"""States that a new connection holds: none goes over that is older than what the old one has told."""

import itertools

import pytest

from tidebook.core.held import Told
from tidebook.model.facts import Bar, Fact, Quote

PRICE = (60_000, 0)


def quote(bid: int, at: int = 5) -> Quote:
    return Quote("v", "BTC/USDT", at, 0, (bid, 0), (1, 0), PRICE, (1, 0))


def bar(volume: int, *, finished: bool = False, start: int = 60) -> Bar:
    return Bar(
        venue="v", symbol="BTC/USDT", venue_ns=None, received_ns=volume, interval="1m", start_ns=start,
        finished=finished, exact_open=PRICE, exact_high=PRICE, exact_low=PRICE, exact_close=PRICE,
        exact_volume=(volume, 0),
    )  # fmt: skip


QUOTES: list[Fact] = [quote(1), quote(2), quote(3), quote(4)]  # of one millisecond
BARS: list[Fact] = [bar(10), bar(12), bar(12, finished=True), bar(1, start=120)]  # that do not say when they were so


@pytest.mark.parametrize("states", [QUOTES, BARS], ids=["quotes", "bars"])
def test_the_newest_state_is_the_last_word(states: list[Fact]) -> None:
    """However far either connection is: what goes over is what follows the last that was told, in order."""
    size = len(states)
    for told, (first, last) in itertools.product(range(1, size + 1), itertools.combinations(range(size + 1), 2)):
        if not first < told <= last:
            continue  # the new connection does not reach to what was told, or is not as far: nothing can be compared
        known = Told(10)
        known.add(states[:told])
        assert known.fresh(states[first:last]) == states[told:last]


def test_a_finished_bar_is_not_unfinished_again() -> None:
    known = Told(10)
    known.add([bar(12, finished=True)])
    assert known.fresh([bar(10), bar(11)]) == []
