"""Ranges of time as users write them, and the openings of bars."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.span import Span
from tidebook.errors import DecodeError, UsageError
from tidebook.model.facts import Bar

Instant = datetime | date | str | int | None
"""An aware datetime, ISO text (UTC where it names no zone), ``"30d"`` for so long ago, or ns since 1970."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BACK: Final = re.compile(r"([0-9]{1,9})([smhdw])", re.ASCII)
_INTERVAL: Final = re.compile(r"([0-9]{1,4})([smhdwMy])", re.ASCII)
_HOUR: Final = 3_600 * SECOND
_DAY: Final = 24 * _HOUR
_MONTHS: Final = 1_200  # a hundred years
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_NS: Final = 10**17  # in 1973: a smaller whole number is seconds, milliseconds or microseconds by mistake


def instant_ns(name: str, value: Instant, now_ns: int) -> int | None:
    """An instant as ns UTC, None as it is. Raises UsageError for whatever says no instant, or leaves the zone open."""
    match value:
        case None:
            return None
        case bool():
            raise UsageError(f"{name}={value!r} is no instant")
        case int():
            if value < _FIRST_NS:
                raise UsageError(f"{name}={value} is no count of nanoseconds since 1970. Seconds are × 1_000_000_000")
            return value
        case datetime():
            if value.tzinfo is None:
                raise UsageError(
                    f"{name}={value.isoformat()} has no zone. Write .replace(tzinfo=UTC), or the text "
                    f'"{value.isoformat()}", which is UTC'
                )
            return _ns(value)
        case date():
            return _ns(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case str():
            return _text_ns(name, value, now_ns)
    raise UsageError(f"{name}={value!r} is no instant: write an aware datetime, ISO text, or '30d'")


def _text_ns(name: str, text: str, now_ns: int) -> int:
    back = _BACK.fullmatch(text.strip())
    if back is not None:
        return max(0, now_ns - int(back[1]) * _UNITS[back[2]] * SECOND)
    try:
        parsed = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{name}={text!r} is no instant. Write '2026-01-31', '2026-01-31T12:00Z' or '30d'") from None
    return _ns(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC))


def _ns(value: datetime) -> int:
    """Not before 1970: nothing was traded then, and no venue takes such instants."""
    return max(0, (value - _EPOCH) // timedelta(microseconds=1) * 1000)


def grid(interval: str) -> Callable[[int], Span]:
    """How time is cut by an interval like ``1m``, ``4h``, ``1d``, ``1w``, ``1M``, ``1y``, given one bar's opening.

    A venue's days and months begin where that says: its distance from UTC's is kept. Raises UsageError for
    other texts; the result raises DecodeError for an opening that begins no month, where the interval has months.
    """
    match = _INTERVAL.fullmatch(str(interval))
    if match is None or not int(match[1]):
        raise UsageError(f"{interval!r} is no interval. Write '1m', '4h', '1d', '1M' …")
    number, unit = int(match[1]), match[2]
    if unit in _UNITS:
        ns = number * _UNITS[unit] * SECOND
        return lambda opening: Span(ns, (opening - Span(ns).opening(opening)) % ns)
    months = number * (12 if unit == "y" else 1)
    if months > _MONTHS:
        raise UsageError(f"{interval!r} is longer than {_MONTHS // 12} years")
    return lambda opening: Span(0, _zone(opening), months)


def _zone(opening: int) -> int:
    """How long after midnight UTC a month begins there. What opens in a month's last hours opens the next one."""
    behind = opening % _DAY
    for offset in (behind, behind - _DAY):
        try:
            if -14 * _HOUR <= offset <= 12 * _HOUR and Span(0, offset, 1).opening(opening) == opening:
                return offset
        except (ValueError, OverflowError):  # outside of the calendar
            break
    raise DecodeError("number", f"a bar opens at {opening} ns, where no month begins")


def gaps_of(bars: Sequence[Bar], interval: str) -> tuple[tuple[int, int], ...]:
    """Holes between bars: the first opening that is missing, and the opening that follows the hole (ns UTC).

    Raises DecodeError for bars that do not follow each other by whole intervals.
    """
    cut = grid(interval)
    if not bars:
        return ()
    span = cut(bars[0].start_ns)
    found: list[tuple[int, int]] = []
    for bar, later in pairwise(bars):
        expected = bar.start_ns + span.ns if span.ns else span.after(bar.start_ns)
        if later.start_ns == expected:
            continue
        # Of several months it is enough that one begins: a venue may count them from any.
        one = span._replace(months=min(span.months, 1))
        if later.start_ns < expected or one.opening(later.start_ns) != later.start_ns:
            text = f"a bar of {interval} opens at {later.start_ns} ns, after one at {bar.start_ns}"
            raise DecodeError("number", text, venue=later.venue, symbol=later.symbol)
        found.append((expected, later.start_ns))
    return tuple(found)
