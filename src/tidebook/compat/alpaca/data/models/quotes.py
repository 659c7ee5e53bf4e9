"""Quotes."""

from datetime import datetime
from typing import ClassVar

from tidebook.compat.alpaca.data.models.base import Field, Model, ModelSet, instant


class Quote(Model):
    """The best bid and ask. A price of 0 is a side on which nobody is. The last four fields are those of stocks."""

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("timestamp", "t", instant),
        Field("bid_price", "bp"),
        Field("bid_size", "bs"),
        Field("bid_exchange", "bx", str, None),
        Field("ask_price", "ap"),
        Field("ask_size", "as"),
        Field("ask_exchange", "ax", str, None),
        Field("conditions", "c", list, None),
        Field("tape", "z", str, None),
    )

    timestamp: datetime
    bid_price: float
    bid_size: float
    bid_exchange: str | None
    ask_price: float
    ask_size: float
    ask_exchange: str | None
    conditions: list[str] | None
    tape: str | None


class QuoteSet(ModelSet[Quote]):
    """Quotes by symbol."""

    ROW: ClassVar[type[Model]] = Quote
