"""Dates, intervals and numbers, as programs for python-binance write them."""

import datetime as dt
import math
import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from tidebook.compat.binance.exceptions import UnknownDateFormat
from tidebook.io.clock import now

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO: Final = re.compile(r"(\d+)\s+(second|minute|hour|day|week|month|year)s?\s+ago", re.IGNORECASE)
_ORDINAL: Final = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b", re.IGNORECASE)
_UNITS: Final = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000,
}  # fmt: skip
_DAYS: Final = ("%d %b, %Y", "%d %B, %Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d/%m/%Y")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TIMES: Final = ("", " %H:%M", " %H:%M:%S")


def date_to_milliseconds(date_str: str) -> int:
    """Milliseconds of a date: ISO 8601, ``1 Dec, 2017``, ``1st March 2018``, ``11 hours ago UTC``, ``now UTC``.

    What names no zone is UTC. A month ago is 30 days ago, a year 365. Raises UnknownDateFormat for other texts.
    """
    text = date_str.strip()
    bare = re.sub(r"\s*(UTC|GMT)$", "", text, flags=re.IGNORECASE)
    if bare.lower() == "now":
        return now().wall_ns // 1_000_000
    if (ago := _AGO.fullmatch(bare)) is not None:
        return now().wall_ns // 1_000_000 - int(ago[1]) * _UNITS[ago[2].lower()] * 1000
    found = _date(bare)
    if found is None:
        raise UnknownDateFormat(date_str)
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    return (found - _EPOCH) // dt.timedelta(milliseconds=1)


def _date(text: str) -> dt.datetime | None:
    text = _ORDINAL.sub(r"\1", text)
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        pass
    for form in (day + time for day in _DAYS for time in _TIMES):
        try:
            return dt.datetime.strptime(text, form)  # noqa: DTZ007 - what names no zone is UTC
        except ValueError:
            continue
    return None


def convert_ts_str(ts_str: str | int | dt.datetime | None) -> int | None:
    """Milliseconds of a date, which may be milliseconds already, or a datetime (UTC where it names no zone)."""
    if ts_str is None or isinstance(ts_str, int):
        return ts_str
    if isinstance(ts_str, dt.datetime):
        return date_to_milliseconds(ts_str.isoformat())
    return date_to_milliseconds(ts_str)


def interval_to_milliseconds(interval: str) -> int | None:
    """Milliseconds of ``1m``, ``4h`` …; None for ``1M`` and for what is no interval."""
    if not re.fullmatch(r"\d+[smhdw]", interval):
        return None
    return int(interval[:-1]) * _SECONDS[interval[-1]] * 1000


def round_step_size(quantity: float | Decimal, step_size: float | Decimal) -> float:
    """A size, rounded down to a multiple of a step."""
    exact = Decimal(str(quantity))
    return float(exact - exact % Decimal(str(step_size)))


def convert_list_to_json_array(items: list[Any] | None) -> str | None:
    """A list as JSON without spaces."""
    return None if items is None else msgspec.json.encode(items).decode()


def written(value: object) -> Any:
    """A parameter as it is sent: floats by all their digits and without an exponent, lists as JSON, None as None.

    1e-05 is ``0.00001``: the shortest decimal that is this float, never its binary digits. Raises ValueError for a
    float that is no number.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is no number that could be sent")
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (list, tuple)):
        return msgspec.json.encode([_item(one) for one in value]).decode()
    return value if value is None else str(value)


def _item(value: object) -> object:
    """An item of a list: mappings (the orders of a batch) say their values as texts."""
    if isinstance(value, dict):
        return {name: written(one) for name, one in value.items() if one is not None}
    return value if isinstance(value, (int, str)) else written(value)
