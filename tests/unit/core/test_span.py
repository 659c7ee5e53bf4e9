"""How time is cut into bars, held against the calendar of the standard library."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.clock import SECOND
from tidebook.core.span import Span

HOUR = 3600 * SECOND
ZONES = {0: UTC, -8 * HOUR: timezone(timedelta(hours=8))}

instants = st.integers(0, 4_000_000_000 * SECOND)


@given(instants, st.sampled_from([1, 60, 180, 3600, 86_400, 3 * 86_400, 7 * 86_400]), st.sampled_from([*ZONES]))
def test_a_fixed_interval(time_ns: int, length: int, offset_ns: int) -> None:
    span = Span(length * SECOND, offset_ns)
    opening = span.opening(time_ns)
    assert opening <= time_ns < span.after(opening) == opening + length * SECOND
    assert span.opening(span.after(opening)) == span.after(opening)
    assert span.after(span.after(opening, -5), 5) == opening
    local = datetime.fromtimestamp(opening // SECOND, ZONES[offset_ns])
    if length >= 86_400:
        assert (local.hour, local.minute, local.second) == (0, 0, 0)
    if length == 7 * 86_400:
        assert local.weekday() == 0


@given(instants, st.sampled_from([1, 3, 12]), st.sampled_from([*ZONES]))
def test_months_of_the_calendar(time_ns: int, months: int, offset_ns: int) -> None:
    span, zone = Span(0, offset_ns, months), ZONES[offset_ns]
    local = datetime.fromtimestamp(time_ns // SECOND, zone)
    first = datetime(local.year, (local.month - 1) // months * months + 1, 1, tzinfo=zone)
    opening = span.opening(time_ns)
    assert opening == int(first.timestamp()) * SECOND
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    assert span.after(opening) == int(datetime(year, month + 1, 1, tzinfo=zone).timestamp()) * SECOND
    assert span.opening(span.after(opening) - 1) == opening
    assert span.after(span.after(opening, -30), 30) == opening


@pytest.mark.parametrize("months", [1, 12])
def test_as_far_back_as_one_may_ask(months: int) -> None:
    span = Span(0, -8 * HOUR, months)
    assert span.after(span.opening(0), -100_000) < 0
