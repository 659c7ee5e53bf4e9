"""Binance spot from the server's side: its streams. Facts: web-socket-streams.md of 2026-07-21."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.dialect import (
    Candle,
    Change,
    Group,
    Levels,
    Row,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    paths,
)
from tidebook.core.span import Span
from tidebook.model.wire import MS

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_NAMES: Final = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
SPANS: Final = {
    **{name: Span(int(name[:-1]) * _UNITS[name[-1]] * SECOND) for name in _NAMES},
    "1M": Span(0, months=1),
}
_TOPIC: Final = re.compile(r"([^@]+)@(?:depth(5|10|20)?(@100ms|@1000ms)?|kline_(\w+)|(\w+))")


def eight(text: str) -> str:
    """Eight decimals, as the venue writes prices, sizes and amounts."""
    width = text.find(".") + 9
    if width < 9:
        return text + ".00000000"
    return text.ljust(width, "0") if len(text) <= width else f"{Decimal(text):.8f}"


def _rows(rows: Sequence[Row]) -> list[Row]:
    return [(eight(price), eight(size)) for price, size in rows]


def _trade(told: Told, one: Sold) -> Values:
    return {
        "E": told.now_ns // MS, "s": told.id, "t": one.id, "p": eight(one.price), "q": eight(one.size),
        "T": one.at_ns // MS, "m": one.taker == "sell",
    }  # fmt: skip


def group_of(one: Group) -> Values:
    first, last = one.trades[0], one.trades[-1]
    return {
        "a": one.number, "p": eight(first.price), "q": eight(one.size), "f": first.id, "l": last.id,
        "T": first.at_ns // MS, "m": first.taker == "sell",
    }  # fmt: skip


def best_of(one: Levels, names: str = "b B a A") -> Values:
    """The best rows; a side that is empty is 0."""
    rows = [*(one.bids[:1] or [("0", "0")]), *(one.asks[:1] or [("0", "0")])]
    return dict(zip(names.split(), [eight(text) for row in rows for text in row], strict=True))


def _change(told: Told, one: Change) -> Values:
    head = {"E": told.now_ns // MS, "s": told.id, "U": one.first, "u": one.last}
    return {**head, "b": _rows(one.bids), "a": _rows(one.asks)}


def whole_of(one: Levels) -> Values:
    return {"lastUpdateId": one.last, "bids": _rows(one.bids), "asks": _rows(one.asks)}


def _kline(name: str, told: Told, one: Candle) -> Values:
    bar = {
        "t": one.start_ns // MS, "T": one.end_ns // MS - 1, "s": told.id, "i": name, "f": one.first_id,
        "L": one.last_id, "o": eight(one.open), "c": eight(one.close), "h": eight(one.high), "l": eight(one.low),
        "v": eight(one.volume), "n": one.trades, "x": one.closed, "q": eight(one.turnover),
        "V": eight(one.bought_volume), "Q": eight(one.bought_turnover),
    }  # fmt: skip
    return {"E": told.now_ns // MS, "s": told.id, **paths("k", bar)}


_TODAY: Final = ("p", "P", "w", "x", "c", "Q", "o", "h", "l", "v", "q", "O", "C", "F", "L", "n")
TODAY_REST: Final = (
    "priceChange", "priceChangePercent", "weightedAvgPrice", "prevClosePrice", "lastPrice", "lastQty", "openPrice",
    "highPrice", "lowPrice", "volume", "quoteVolume", "openTime", "closeTime", "firstId", "lastId", "count",
)  # fmt: skip


def day_of(id_at: str, names: Sequence[str], best: str, id: str, day: Today) -> Values:
    one = day.whole
    moved, opened, volume = Decimal(one.close) - Decimal(one.open), Decimal(one.open), Decimal(one.volume)
    average = Decimal(one.turnover) / volume if volume else opened
    values = (
        f"{moved:.8f}", f"{moved / opened * 100:.3f}", f"{average:.8f}", eight(day.before), eight(one.close),
        eight(day.last_size), eight(one.open), eight(one.high), eight(one.low), eight(one.volume),
        eight(one.turnover), one.start_ns // MS, one.end_ns // MS, one.first_id, one.last_id, one.trades,
    )  # fmt: skip
    return {id_at: id, **dict(zip(names, values, strict=True)), **(best_of(day.best, best) if best else {})}


def _mini(told: Told, id: str, day: Today) -> Values:
    one = day.whole
    texts = (one.close, one.open, one.high, one.low, one.volume, one.turnover)
    return {"E": told.now_ns // MS, "s": id, **dict(zip("cohlvq", map(eight, texts), strict=True))}


def _day(told: Told, id: str, day: Today) -> Values:
    return {"E": told.now_ns // MS, **day_of("s", _TODAY, "b B a A", id, day)}


def _each(row: Callable[[Told, str, Today], Values], told: Told, days: Sequence[tuple[str, Today]]) -> Values:
    return {"[]": [row(told, id, day) for id, day in days]}


_ALL: Final = {
    # CHANGELOG.md, 2026-02-24: "will be retired on 2026-03-26".
    "!ticker@arr": Stream(
        "days", "", "24hrTickers", partial(_each, _day), 1.0, until=date(2026, 3, 26)
    ),
    **{
        f"!miniTicker@arr{speed}": Stream("days", "", "24hrMiniTickers", partial(_each, _mini), every)
        for speed, every in (("", 1.0), ("@1000ms", 1.0), ("@3000ms", 3.0))
    },
}  # fmt: skip


def stream(topic: str) -> Stream | None:
    if topic in _ALL:
        return _ALL[topic]
    match = _TOPIC.fullmatch(topic)
    if match is None or match[1] != match[1].lower():
        return None
    id, depth, speed, interval, name = match[1].upper(), match[2], match[3], match[4], match[5]
    if interval is not None:
        span, every = SPANS.get(interval), 1.0 if interval == "1s" else 2.0
        return None if span is None else Stream("bar", id, "kline", partial(_kline, interval), every, span=span)
    if name is None:
        every = 0.1 if speed == "@100ms" else 1.0
        if depth is None:
            return Stream("change", id, "depthUpdate", _change, every)
        return Stream("whole", id, "depth", lambda told, one: whole_of(one), every, int(depth))
    return {
        "trade": Stream("trade", id, "trade", _trade),
        "aggTrade": Stream(
            "group", id, "aggTrade", lambda told, one: {"E": told.now_ns // MS, "s": told.id, **group_of(one)}
        ),
        "bookTicker": Stream(
            "quote", id, "bookTicker", lambda told, one: {"u": one.last, "s": told.id, **best_of(one)}
        ),
        "ticker": Stream("day", id, "24hrTicker", lambda told, one: _day(told, told.id, one), 1.0),
        "miniTicker": Stream("day", id, "24hrMiniTicker", lambda told, one: _mini(told, told.id, one), 1.0),
    }.get(name)  # fmt: skip
