"""Ranges of time as users write them, and the openings of bars."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.model.facts import Bar, instant

Instant = datetime | date | str | int | None
"""An aware datetime, ISO text (UTC where it names no zone), ``"30d"`` for so long ago, or ns since 1970."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BACK: Final = re.compile(r"([0-9]{1,9})([smhdw])", re.ASCII)
_INTERVAL: Final = re.compile(r"([0-9]{1,4})([smhdwMy])", re.ASCII)
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
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


def after(interval: str) -> Callable[[int], int]:
    """From a bar's opening to the next one's, for an interval like ``1m``, ``4h``, ``1d``, ``1w``, ``1M``, ``1y``.

    Months and years are of the calendar of the opening's own zone: that of a venue whose days begin elsewhere than at
    midnight UTC is kept. Raises UsageError for other texts.
    """
    match = _INTERVAL.fullmatch(interval)
    if match is None or not int(match[1]):
        raise UsageError(f"{interval!r} is no interval. Write '1m', '4h', '1d', '1M' …")
    number, unit = int(match[1]), match[2]
    if unit in _UNITS:
        return lambda opening: opening + number * _UNITS[unit] * SECOND
    months = number * (12 if unit == "y" else 1)
    return lambda opening: _months_on(opening, months)


def _months_on(opening: int, months: int) -> int:
    """So many months on. What opens in the last hours of a month opens the next one in a zone ahead of UTC."""
    at = instant(opening)
    shift = timedelta(0)
    if at.day > 1:
        shift = timedelta(hours=24 - at.hour, minutes=-at.minute)
    local = at + shift
    index = local.year * 12 + local.month - 1 + months
    moved = local.replace(year=index // 12, month=index % 12 + 1) - shift
    return _ns(moved)


def gaps_of(bars: Sequence[Bar], interval: str) -> tuple[tuple[int, int], ...]:
    """Holes between bars: the first opening that is missing, and the opening that follows the hole (ns UTC)."""
    following = after(interval)
    found: list[tuple[int, int]] = []
    for bar, later in pairwise(bars):
        expected = following(bar.start_ns)
        if later.start_ns > expected:
            found.append((expected, later.start_ns))
    return tuple(found)
