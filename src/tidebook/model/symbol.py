"""Canonical symbols, in ccxt's notation, and what can be read from one.

``BTC/USDT`` spot, ``BTC/USDT:USDT`` linear perpetual, ``BTC/USD:BTC`` inverse, ``BTC/USDT:USDT-260327`` dated,
``BTC/USDT:USDT-260327-70000-C`` option. Days are UTC.
"""

import re
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from tidebook.errors import UsageError
from tidebook.model.facts import Right, instant
from tidebook.model.number import plain

Shape = Literal["spot", "perpetual", "future", "option"]
_FORM: Final = re.compile(
    r"([^/:\s]+)/([^/:\s]+?)(?::([^/:\s-]+)(?:-([0-9]{6})(?:-([0-9]+(?:\.[0-9]+)?)-([CP]))?)?)?", re.ASCII
)
_LETTERS: Final = {"call": "C", "put": "P"}


def canonical(
    base: str, quote: str, *, settle: str | None = None, expiry_ns: int | None = None,
    strike: Decimal | None = None, right: Right | None = None,
) -> str:  # fmt: skip
    """The symbol of a market. Currency codes come as the venue's alias table has them already.

    Without `settle` it is a spot market; with it a perpetual, with `expiry_ns` dated by its UTC day, with `strike` and
    `right` an option. Raises UsageError for what is none of these: an expiry without a settlement, half an option.
    """
    if not settle:
        if expiry_ns is not None or strike is not None or right is not None:
            raise UsageError(f"{base}/{quote}: what ends, or is an option, is settled in some currency")
        return f"{base}/{quote}"
    head = f"{base}/{quote}:{settle}"
    if (strike is None) != (right is None) or (strike is not None and expiry_ns is None):
        raise UsageError(f"{head}: an option has an expiry, a strike and a right")
    if expiry_ns is None:
        return head
    dated = f"{head}-{instant(expiry_ns):%y%m%d}"
    return dated if strike is None or right is None else f"{dated}-{plain(strike)}-{_LETTERS[right]}"


class Words(NamedTuple):
    """The parts of a symbol: `day` is yymmdd; "" and None where it has no such part."""

    base: str
    quote: str
    settle: str = ""
    day: str = ""
    strike: Decimal | None = None
    right: Right | None = None

    @property
    def shape(self) -> Shape:
        if not self.settle:
            return "spot"
        return "perpetual" if not self.day else "future" if self.right is None else "option"

    @property
    def kind(self) -> Literal["spot", "linear", "inverse", "option"]:
        """As instruments have it: what is settled in its base currency, and is no option, is inverse."""
        if self.shape in ("spot", "option"):
            return "spot" if self.shape == "spot" else "option"
        return "inverse" if self.settle == self.base else "linear"


def words(symbol: str) -> Words | None:
    """The parts of a canonical symbol; None where the text is not one (a venue's own id, a pattern, a slip)."""
    match = _FORM.fullmatch(symbol)
    if match is None:
        return None
    base, quote, settle, day, strike, letter = match.groups()
    right: Right | None = None if letter is None else "call" if letter == "C" else "put"
    return Words(base, quote, settle or "", day or "", None if strike is None else Decimal(strike), right)
