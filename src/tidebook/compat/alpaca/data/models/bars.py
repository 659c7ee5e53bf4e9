"""Bars."""

from datetime import datetime
from typing import ClassVar

from tidebook.compat.alpaca.data.models.base import Field, Model, ModelSet, instant


class Bar(Model):
    """A bar; `timestamp` is its opening. Prices between trades are those of quotes: there are bars without a trade."""

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("timestamp", "t", instant),
        Field("open", "o"), Field("high", "h"), Field("low", "l"), Field("close", "c"), Field("volume", "v"),
        Field("trade_count", "n", default=None),
        Field("vwap", "vw", default=None),
    )  # fmt: skip

    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    trade_count: float | None
    vwap: float | None


class BarSet(ModelSet[Bar]):
    """Bars by symbol."""

    ROW: ClassVar[type[Model]] = Bar
