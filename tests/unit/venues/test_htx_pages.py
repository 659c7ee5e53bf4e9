"""Bars of HTX's swaps by range: what an answer cuts off is refused, and what is whole is not."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.model.facts import Bar
from tidebook.venue import Question, Seen
from tidebook.venues.htx.swaps import pages
from tidebook.venues.htx.swaps.wire import PERIODS

NOW = 1_790_000_000 * SECOND
DAY = 86_400 * SECOND
SEEN = Seen("htx.linear", str, NOW)


def bars(*starts: int) -> list[Bar]:
    one = (1, 0)
    return [
        Bar(
            venue="htx.linear", symbol="X", venue_ns=NOW, received_ns=NOW, interval="1d", start_ns=start, finished=True,
            exact_open=one, exact_high=one, exact_low=one, exact_close=one, exact_volume=one,
        )
        for start in starts
    ]  # fmt: skip


def asked(**question: int) -> Question:
    return Question("BTC-USDT", interval="1d", **question)


@pytest.mark.parametrize(
    ("found", "question"),
    [
        ([], asked(start_ns=NOW - 1000 * DAY, limit=100)),
        ([NOW - 900 * DAY], asked(start_ns=NOW - 1000 * DAY, limit=2000)),
        ([NOW - 9 * DAY], asked(start_ns=NOW - 10 * DAY, limit=3)),
        ([NOW - 10 * DAY, NOW - 8 * DAY], asked(end_ns=NOW - 7 * DAY, limit=3)),
        ([], asked(end_ns=NOW - 730 * DAY, limit=3)),
    ],
    ids=["before two years", "no more than two years", "a hole behind it", "a hole in it", "older than two years"],
)
def test_what_is_cut_off_is_refused(found: list[int], question: Question) -> None:
    with pytest.raises(UsageError, match="two years at once"):
        pages.check_whole(bars(*found), question, SEEN)


@pytest.mark.parametrize(
    ("found", "question"),
    [
        ([], Question("BTC-USDT", interval="1d", limit=100)),
        ([NOW - 2 * DAY, NOW - DAY], asked(start_ns=NOW - 2 * DAY, limit=100)),
        ([NOW - 9 * DAY, NOW - 8 * DAY], asked(start_ns=NOW - 9 * DAY, end_ns=NOW - 7 * DAY, limit=100)),
        ([NOW - 8 * DAY], asked(end_ns=NOW - 7 * DAY, limit=100)),
        ([], asked(end_ns=NOW - 7 * DAY, limit=100)),
    ],
    ids=["the newest", "until now", "until its end", "since it was listed", "before it was listed"],
)
def test_the_end_of_a_market_is_none(found: list[int], question: Question) -> None:
    pages.check_whole(bars(*found), question, SEEN)


@given(
    interval=st.sampled_from([*PERIODS]), limit=st.integers(1, 2000), at=st.integers(10**17, 4 * 10**18),
    grid=st.integers(0, 86_399), onwards=st.booleans(),
)  # fmt: skip
def test_no_more_bars_are_asked_for_than_an_answer_has(
    interval: str, limit: int, at: int, grid: int, onwards: bool
) -> None:
    """On whatever grid they open; and of weeks and less, as many as were wanted, where two years hold them."""
    question = Question("X", limit, interval, *((at, None) if onwards else (None, at)))
    asked = parse_qs(urlsplit(pages.request("https://x.invalid/kline", question).url).query)
    first, last = int(asked["from"][0]), int(asked["to"][0])
    length = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 28 * 86_400}[interval[-1]] * int(interval[:-1])
    opened = (last - grid) // length - (first - 1 - grid) // length
    assert opened <= 2000
    assert last - first < 2 * 365 * 86_400
    if interval[-1] != "M" and limit * length <= 2 * 365 * 86_400:
        assert opened == limit
