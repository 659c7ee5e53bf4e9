"""Checksums (README §7)."""

import zlib
from decimal import Decimal

from tidebook.engine.shape import Checksum, Digits, Order

Texts = tuple[str, str]


def crc(rule: Checksum, bids: list[Texts], asks: list[Texts], signed: bool) -> int:
    """The CRC-32 of the best levels, given best first as (price, size) as sent."""
    bid_parts = [_parts(rule, texts, False) for texts in bids[: rule.depth]]
    ask_parts = [_parts(rule, texts, signed) for texts in asks[: rule.depth]]
    parts: list[str] = []
    if rule.order is Order.ASKS_THEN_BIDS:
        for pair in ask_parts + bid_parts:
            parts += pair
    else:
        for i in range(rule.depth):
            if i < len(bid_parts):
                parts += bid_parts[i]
            if i < len(ask_parts):
                parts += ask_parts[i]
    return zlib.crc32(rule.joiner.join(parts).encode())


def _parts(rule: Checksum, texts: Texts, negate: bool) -> Texts:
    price, size = (_digits(rule.digits, text) for text in texts)
    if negate:
        size = "-" + size.removeprefix("-")
    return price, size


def _digits(digits: Digits, text: str) -> str:
    if digits is Digits.BARE:
        return text.replace(".", "").lstrip("0")
    if digits is Digits.PYTHON:
        return repr(float(text))
    if digits is Digits.JAVASCRIPT:
        return javascript(float(text))
    return text


def javascript(value: float) -> str:
    """As ECMAScript's Number::toString writes it."""
    if value == 0:
        return "0"
    sign, mantissa, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, mantissa))
    assert isinstance(exponent, int)
    point = len(digits) + exponent  # where the point stands, counted from the first digit
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        shown = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
        text = f"{shown}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return "-" + text if sign else text
