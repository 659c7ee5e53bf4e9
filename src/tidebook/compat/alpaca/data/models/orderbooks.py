"""Order books, as messages have them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from tidebook.compat.alpaca.data.models.base import Field, Model, instant


class OrderbookQuote:
    """One level; a size of 0 takes it away. `exact` has both as Alpaca wrote them."""

    def __init__(self, *, p: float | Decimal, s: float | Decimal) -> None:
        self.price = float(p)
        self.size = float(s)
        self._raw = (p, s)

    @property
    def exact(self) -> tuple[Decimal, Decimal]:
        """Price and size without the error of a float."""
        price, size = self._raw
        return Decimal(str(price)), Decimal(str(size))

    def model_dump(self) -> dict[str, float]:
        """Its fields, by name."""
        return {"price": self.price, "size": self.size}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrderbookQuote) and (other.price, other.size) == (self.price, self.size)

    def __hash__(self) -> int:
        return hash((self.price, self.size))

    def __repr__(self) -> str:
        return f"OrderbookQuote(price={self.price}, size={self.size})"


def _levels(rows: list[Mapping[str, Any]]) -> list[OrderbookQuote]:
    return [OrderbookQuote(p=row["p"], s=row["s"]) for row in rows]


class Orderbook(Model):
    """A whole book where `reset`, or it was asked for; else the levels that changed, as the message had them.

    A book that is kept, checked and told when it is stale is `market.book`.
    """

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("timestamp", "t", instant),
        Field("bids", "b", _levels),
        Field("asks", "a", _levels),
        Field("reset", "r", bool, False),
    )

    timestamp: datetime
    bids: list[OrderbookQuote]
    asks: list[OrderbookQuote]
    reset: bool
