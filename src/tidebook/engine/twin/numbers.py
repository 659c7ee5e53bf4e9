"""Numbers (README §5): text to exact values, and the bounds that make them exact."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from tidebook.engine.shape import Number, TimeUnit
from tidebook.engine.twin.reading import Num
from tidebook.errors import DecodeError

MAX_DIGITS: Final = 38
MAX_SCALE: Final = 38
INT64: Final = range(-(2**63), 2**63)

_GRAMMAR = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?", re.ASCII)


def text_of(value: Any, number: Number) -> str:
    """The number's text, if it is written as the shape says."""
    if isinstance(value, Num):
        if number is Number.TEXT:
            raise DecodeError("malformed", "a number where text was promised")
        return value.decode()
    if not isinstance(value, str):
        raise DecodeError("malformed", "neither a number nor its text")
    if number is Number.JSON:
        raise DecodeError("malformed", "text where a number was promised")
    return value


def exact(text: str, shift: int = 0) -> tuple[int, int, int]:
    """(mantissa, scale, digits before the point). `shift` is added to the scale."""
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
    return mantissa, scale, max(0, len(digits) - scale) if mantissa else 0


# A price is kept as a whole number of 10^-38: every legal price is one, whatever its scale, so that prices are sorted
# and looked up as integers. This is the one of them that stands for 1.
ONE: Final = 10**MAX_SCALE
Room = tuple[int, int]
"""A price's scale, and its digits before the point."""
Price = tuple[int, Room]
"""A price as such a whole number, and the room that it needs."""

KEPT: Final = MAX_DIGITS + 6  # a text that is longer, by zeros, is not kept as it is
PRICES: Final = 1 << 14  # texts that are kept for each side
# Prices come again and again: those that were read last are kept, those of asks (at False) with the sign changed.
# There is one object for all that need the same room.
_rooms: dict[Room, Room] = {}
KNOWN: Final[tuple[dict[str, Price], dict[str, Price]]] = ({}, {})


def price_of(text: str, shift: int = 0) -> Price:
    """Raises DecodeError ``number``."""
    mantissa, scale, digits = exact(text, shift)
    return mantissa * 10 ** (MAX_SCALE - scale), (scale, digits)


def learn(text: str, bid: bool) -> Price:
    """What `KNOWN` has from now on. Raises DecodeError ``number``, or TypeError where it is no text at all."""
    known = KNOWN[bid]
    value, room = price_of(text)
    price = value if bid else -value, _rooms.setdefault(room, room)
    if len(text) <= KEPT:
        if len(known) >= PRICES:
            known.clear()
        known[text] = price
    return price


# Sizes are kept as text, since most are replaced before anybody looks at them.
_SIZES = re.compile(r"(?:[0-9]{1,19}+(?:\.[0-9]{1,17}+)? )*+", re.ASCII)
_ZEROS = ["0" * digits for digits in range(1, 20)]
ZEROS: Final = frozenset(_ZEROS + [f"{whole}.{places}" for whole in _ZEROS for places in _ZEROS[:17]])


def are_plain(texts: list[str]) -> bool:
    """Whether all are numbers within all bounds, of digits with or without a point. If zero, one is of `ZEROS`."""
    # One look at all of them together costs half of what a look at each does.
    joined = " ".join((*texts, ""))
    return joined.count(" ") == len(texts) and _SIZES.fullmatch(joined) is not None


def whole(value: Any) -> int:
    """An id: a JSON integer or its text, 64 bits signed."""
    if type(value) is Num and len(value) < 19 and value.isdigit():
        return int(value)
    if isinstance(value, Num):
        value = value.decode()
    elif not isinstance(value, str):
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


UNIT_NS: Final = {TimeUnit.S: 10**9, TimeUnit.MS: 10**6, TimeUnit.US: 10**3, TimeUnit.NS: 1}


def stamp(value: Any, factor: int | None) -> int:
    """A venue's time as ns since 1970, UTC. `factor` is of `UNIT_NS`, None for ISO."""
    if isinstance(value, Num):
        if factor is None:
            raise DecodeError("malformed", "a time in ISO form is text")
        value = value.decode()
    elif not isinstance(value, str):
        raise DecodeError("malformed", "a time is a number or text")
    if factor is None:
        return _iso(value)
    if len(value) < 18 and value.isascii() and value.isdigit():
        ns = int(value) * factor
    else:
        mantissa, scale, _ = exact(value)
        ns = abs(mantissa) * factor * ONE // 10 ** (MAX_SCALE + scale)  # what is finer is cut
        ns = -ns if mantissa < 0 else ns
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
