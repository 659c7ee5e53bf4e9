"""Numbers (README §5): text to exact values, and the bounds that make them exact."""

import re
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any, Final

from tidebook.engine.shape import Number, TimeUnit
from tidebook.engine.twin.reading import Num
from tidebook.errors import DecodeError

MAX_DIGITS: Final = 38
MAX_SCALE: Final = 38
INT64: Final = range(-(2**63), 2**63)

_GRAMMAR = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?", re.ASCII)
# Wide enough that no legal number is ever rounded.
EXACT = Context(prec=200, Emax=10_000, Emin=-10_000)


def text_of(value: Any, number: Number) -> str:
    """The number's text, if it is written as the shape says."""
    if isinstance(value, Num):
        if number is Number.TEXT:
            raise DecodeError("malformed", "a number where text was promised")
    elif not isinstance(value, str):
        raise DecodeError("malformed", "neither a number nor its text")
    elif number is Number.JSON:
        raise DecodeError("malformed", "text where a number was promised")
    text: str = value
    return text


def exact(text: str, shift: int = 0) -> tuple[Decimal, int, int]:
    """(value, scale, digits before the point). `shift` is added to the scale."""
    if len(text) <= 19 and shift == 0 and _PLAIN.fullmatch(text):
        # The common case cannot break a bound: at most 19 digits, at most 17 behind the point.
        point = text.find(".")
        before, scale = (text, 0) if point < 0 else (text[:point], len(text) - point - 1)
        return Decimal(text), scale, len(before) if before[0] != "0" else len(before.lstrip("0"))
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise DecodeError("number", f"not a number: {text[:40]!r}")
    whole, fraction, exponent = match[1], match[2] or "", match[3] or "0"
    digits = (whole + fraction).lstrip("0")
    if len(digits) > MAX_DIGITS:
        raise DecodeError("number", f"more than {MAX_DIGITS} digits")
    if len(exponent.lstrip("+-0")) > 6:
        raise DecodeError("number", "exponent out of range")
    scale = len(fraction) - int(exponent) + shift
    if not -MAX_SCALE <= scale <= MAX_SCALE:
        raise DecodeError("number", f"scale {scale} is outside -{MAX_SCALE} … {MAX_SCALE}")
    mantissa = int(digits or "0")
    if text[0] == "-":
        mantissa = -mantissa
    value = Decimal(mantissa).scaleb(-scale, EXACT)
    return value, scale, max(0, len(digits) - scale) if mantissa else 0


ZEROS: Final = frozenset({"0", "0.0", "0.00", *(f"0.{'0' * places}" for places in range(3, 18))})
PRICES: Final = 1 << 14  # texts that are kept
_prices: dict[str, tuple[Decimal, int, int]] = {}


def is_plain(text: str) -> bool:
    """Whether a Decimal of the text is exact and within all bounds."""
    return len(text) <= 19 and _PLAIN.fullmatch(text) is not None


def price_of(text: str) -> tuple[Decimal, int, int]:
    """As `exact`. Prices come again and again: those that were read last are kept."""
    found = _prices.get(text)
    if found is None:
        found = exact(text)
        if len(_prices) >= PRICES:
            _prices.clear()
        _prices[text] = found
    return found


def whole(value: Any) -> int:
    """An id: a JSON integer or its text, 64 bits signed."""
    if not isinstance(value, str):
        raise DecodeError("malformed", "an id is an integer or its text")
    if len(value) < 19 and value.isascii() and value.isdigit():
        return int(value)
    if _WHOLE.fullmatch(value) is None:
        raise DecodeError("number", f"not an integer: {value[:40]!r}")
    if len(value.lstrip("-0")) > 19:
        raise DecodeError("number", "an id beyond 64 bits")
    number = int(value)
    if number not in INT64:
        raise DecodeError("number", "an id beyond 64 bits")
    return number


_POWER = {TimeUnit.S: 9, TimeUnit.MS: 6, TimeUnit.US: 3, TimeUnit.NS: 0}
_UNIT_NS: dict[TimeUnit, int] = {unit: 10**power for unit, power in _POWER.items()}


def stamp(value: Any, unit: TimeUnit) -> int:
    """A venue's time as ns since 1970, UTC."""
    if not isinstance(value, str):
        raise DecodeError("malformed", "a time is a number or text")
    if unit is TimeUnit.ISO:
        if isinstance(value, Num):
            raise DecodeError("malformed", "a time in ISO form is text")
        return _iso(value)
    if len(value) < 18 and value.isascii() and value.isdigit():
        ns = int(value) * _UNIT_NS[unit]
    else:
        ns = int(exact(value)[0].scaleb(_POWER[unit], EXACT))
    if not 0 <= ns < 2**63:
        raise DecodeError("number", "a time outside 64 bits of nanoseconds")
    return ns


def _iso(text: str) -> int:
    match = _ISO.fullmatch(text)
    if match is None:
        raise DecodeError("number", f"not a time: {text[:40]!r}")
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    if not 1970 <= year <= 2261:
        raise DecodeError("number", "a year outside 1970 … 2261")
    try:
        instant = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise DecodeError("number", f"not a time: {text[:40]!r}") from None
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + int((match[7] or "").ljust(9, "0"))
