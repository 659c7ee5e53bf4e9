"""Trades."""

from datetime import datetime
from typing import ClassVar

from tidebook.compat.alpaca.data.models.base import Field, Model, ModelSet, instant


class Trade(Model):
    """A trade. `taker_side`, ``B`` or ``S``, is beside what alpaca-py has; exchange, conditions, tape are of stocks."""

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("timestamp", "t", instant),
        Field("exchange", "x", str, None),
        Field("price", "p"),
        Field("size", "s"),
        Field("id", "i", int, None),
        Field("conditions", "c", list, None),
        Field("tape", "z", str, None),
    )

    timestamp: datetime
    exchange: str | None
    price: float
    size: float
    id: int | None
    conditions: list[str] | None
    tape: str | None

    @property
    def taker_side(self) -> str | None:
        """Who took: ``B`` a buyer, ``S`` a seller; None where it is not told."""
        side: str | None = self.__dict__["_raw"].get("tks")
        return side


class TradeSet(ModelSet[Trade]):
    """Trades by symbol."""

    ROW: ClassVar[type[Model]] = Trade
