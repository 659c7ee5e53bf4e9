"""Exact numbers: the only door from text to value outside of the engine."""

import re
from decimal import Context, Decimal
from typing import Final

from tidebook.errors import DecodeError

_GRAMMAR: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,6}))?", re.ASCII)
_EXACT: Final = Context(prec=200, Emax=10_000, Emin=-10_000)
_scaleb: Final = _EXACT.scaleb
times: Final = _EXACT.multiply
MAX_DIGITS: Final = 38
MAX_SCALE: Final = 38
POWERS: Final = {scale: Decimal((0, (1,), -scale)) for scale in range(-MAX_SCALE, MAX_SCALE + 1)}


def parse(text: str) -> Decimal:
    """The exact value of a number's text.

    Raises DecodeError of kind ``number`` for what is not `-?digits[.digits][e±digits]`, has more than
    38 digits, or a scale outside −38 … 38; so NaN, infinities, `+`, `_` and spaces are refused.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise DecodeError("number", f"not a number: {text[:40]!r}")
    fraction = match[2] or ""
    digits = (match[1] + fraction).lstrip("0")
    scale = len(fraction) - int(match[3] or "0")
    if len(digits) > MAX_DIGITS or not -MAX_SCALE <= scale <= MAX_SCALE:
        raise DecodeError("number", f"beyond {MAX_DIGITS} digits: {text[:40]!r}")
    mantissa = int(digits or "0")
    return decimal_of(-mantissa if text[0] == "-" else mantissa, scale)


Exact = tuple[int, int]
"""An exact number as (mantissa, scale): mantissa × 10^−scale."""


def exact(text: str) -> Exact:
    """A number's text as (mantissa, scale). Raises as `parse` does; the common form takes a short way."""
    head, dot, tail = text.partition(".")
    if len(text) <= MAX_DIGITS and text.isascii() and head.isdigit() and (tail.isdigit() or not dot):
        return int(head + tail), len(tail)
    return exact_of(parse(text))


def plus(one: Exact, other: Exact) -> Exact:
    """The sum: a Decimal's would be rounded to 28 digits."""
    scale = max(one[1], other[1])
    return one[0] * 10 ** (scale - one[1]) + other[0] * 10 ** (scale - other[1]), scale


def compared(one: Exact, other: Exact) -> int:
    """Above 0 where the first is more, 0 where they are the same, as numbers."""
    return plus(one, (-other[0], other[1]))[0]


def exact_raw(raw: bytes | memoryview) -> Exact:
    """The same from JSON as it was sent: a number, or text in quotes."""
    text = bytes(raw).decode("utf-8", "replace")  # what is not UTF-8 is no number either
    return exact(text[1:-1] if text[:1] == '"' else text)


def decimal_of(mantissa: int, scale: int) -> Decimal:
    """mantissa × 10^−scale, exactly."""
    power = POWERS.get(scale)
    # A product takes less than half of what scaling takes, which looks at more.
    return _scaleb(mantissa, -scale) if power is None else times(mantissa, power)


def double_of(mantissa: int, scale: int) -> float:
    """The double nearest to mantissa × 10^−scale: a quotient of whole numbers is rounded once."""
    return mantissa / 10**scale if scale >= 0 else float(mantissa * 10**-scale)


def exact_of(value: Decimal) -> Exact:
    """A Decimal as (mantissa, scale). Raises ValueError for what is no finite number."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is no number")
    mantissa = int("".join(map(str, digits)) or "0")
    return (-mantissa if sign else mantissa), -exponent


def plain(value: Decimal) -> str:
    """Plain decimal text: no exponent, no trailing zeros, no trailing point."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
