"""Facts of a market: levels, states, changes. Frozen and exact."""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from tidebook.model.number import decimal_of, plain


class State(StrEnum):
    """What a book may be read as."""

    SYNCING = "syncing"  # not readable yet
    LIVE = "live"  # proven current
    UNPROVEN = "unproven"  # kept without any proof
    STALE = "stale"  # not current
    CLOSED = "closed"

    @cached_property
    def readable(self) -> bool:
        return self in (State.LIVE, State.UNPROVEN)


class Level(NamedTuple):
    """A price and the size that stands there, both exact."""

    price: Decimal
    size: Decimal

    def __str__(self) -> str:
        return f"{plain(self.price)}×{plain(self.size)}"


def level(raw: tuple[int, int, int, int]) -> Level:
    """A level from the engine's (price mantissa, price scale, size mantissa, size scale)."""
    price, price_scale, size, size_scale = raw
    # As Level(…), in a third of the time: every level that anybody reads is made here.
    return tuple.__new__(Level, (decimal_of(price, price_scale), decimal_of(size, size_scale)))
