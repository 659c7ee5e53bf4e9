"""Snapshots: what is newest of a symbol."""

from typing import ClassVar

from tidebook.compat.alpaca.data.models.bars import Bar
from tidebook.compat.alpaca.data.models.base import Field, Model, RawData
from tidebook.compat.alpaca.data.models.quotes import Quote
from tidebook.compat.alpaca.data.models.trades import Trade

_PARTS: tuple[tuple[str, str, type[Model]], ...] = (
    ("latest_trade", "latestTrade", Trade),
    ("latest_quote", "latestQuote", Quote),
    ("minute_bar", "minuteBar", Bar),
    ("daily_bar", "dailyBar", Bar),
    ("previous_daily_bar", "prevDailyBar", Bar),
)


class Snapshot(Model):
    """The newest trade, quote and bars of a symbol; each may be None. Days are calendar days where Alpaca has them."""

    FIELDS: ClassVar[tuple[Field, ...]] = ()
    latest_trade: Trade | None
    latest_quote: Quote | None
    minute_bar: Bar | None
    daily_bar: Bar | None
    previous_daily_bar: Bar | None

    def __init__(self, symbol: str, raw_data: RawData) -> None:
        super().__init__(symbol, raw_data)
        for name, key, kind in _PARTS:
            part = raw_data.get(key)
            setattr(self, name, None if part is None else kind(symbol, part))
