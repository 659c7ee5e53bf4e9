"""Binance's options from the server's side: their streams. Facts: Websocket Market Streams, 2026-08-21."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tidebook.core.dialect import (
    Candle,
    Change,
    Levels,
    Marked,
    Rules,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    expires_on,
    paths,
)
from tidebook.model.wire import MS
from tidebook.venues.binance.dialect_streams import SPANS
from tidebook.venues.binance.futures.dialect_streams import MARKET, PUBLIC, best_of, day_of
from tidebook.venues.binance.options.wire import INTERVALS

SPEEDS: Final = {"@100ms": 0.1, "@500ms": 0.5}
_TODAY: Final = ("p", "P", "w", "c", "Q", "o", "h", "l", "v", "q", "O", "C", "F", "L", "n")
_OPTION: Final = re.compile(r"([a-z0-9]+-\d{6}-[0-9.]+-[cp])@(?:depth(5|10|20)?(@\d+ms)|kline_(\w+)|(\w+))")
_SHARED: Final = re.compile(r"([a-z0-9]+)usdt@(?:(optionMarkPrice)|optionOpenInterest@(\d{6}))")


def id_of(one: Rules) -> str:
    """BTC-261225-70000-C"""
    return f"{one.base}-{expires_on(one):%y%m%d}-{one.strike}-{one.right[0].upper()}"


def _head(told: Told) -> dict[str, object]:
    return {"E": told.now_ns // MS, "s": told.id}


def _trade(told: Told, one: Sold) -> Values:
    return {
        **_head(told), "T": one.at_ns // MS, "t": one.id, "p": one.price, "q": one.size,
        "S": "SELL" if one.taker == "sell" else "BUY", "m": one.taker == "sell",
    }  # fmt: skip


def _quote(told: Told, one: Levels) -> Values:
    return {**_head(told), "T": one.at_ns // MS, "u": one.last, **best_of(one, "b B a A")}


def _change(told: Told, one: Change) -> Values:
    return {
        **_head(told), "T": one.at_ns // MS, "U": one.first, "u": one.last, "pu": one.prev, "b": one.bids,
        "a": one.asks,
    }  # fmt: skip


def _whole(told: Told, one: Levels) -> Values:
    """The best of a book has the form of a change; what was said before it is not told here."""
    return _change(told, Change(one.at_ns, one.last, one.last, one.last - 1, one.bids, one.asks))


def _kline(name: str, told: Told, one: Candle) -> Values:
    bar = {
        "t": one.start_ns // MS, "T": one.end_ns // MS - 1, "s": told.id, "i": name, "f": one.first_id,
        "L": one.last_id, "o": one.open, "c": one.close, "h": one.high, "l": one.low, "v": one.volume, "n": one.trades,
        "x": one.closed, "q": one.turnover, "V": one.bought_volume, "Q": one.bought_turnover,
    }  # fmt: skip
    return {**_head(told), **paths("k", bar)}


def _day(told: Told, one: Today) -> Values:
    return {**_head(told), **day_of(_TODAY, True, one)}


def _mark(told: Told, id: str, one: Marked) -> Values:
    """Without the best quotes, which are not told here: as if there were none."""
    return {
        "s": id, "E": told.now_ns // MS, "mp": one.price, "i": one.index, "P": "0.000", "bo": "0.000", "ao": "0.000",
        "bq": "0.0000", "aq": "0.0000", "b": one.bid_iv or "-1.0", "a": one.ask_iv or "-1.0", "vo": one.mark_iv,
        "d": one.delta, "t": one.theta, "g": one.gamma, "v": one.vega,
    }  # fmt: skip


def value_of(one: Marked) -> str:
    """What is open, in dollars."""
    return f"{Decimal(one.open_interest) * Decimal(one.index):.2f}"


def _interest(told: Told, id: str, one: Marked) -> Values:
    return {"E": told.now_ns // MS, "s": id, "o": one.open_interest, "h": value_of(one)}


def _each(row: Callable[[Told, str, Marked], Values], told: Told, some: Sequence[tuple[str, Any]]) -> Values:
    return {"[]": [row(told, id, one) for id, one in some]}


def _shared(base: str, marks: bool, day: str) -> Stream:
    def among(one: Rules) -> bool:
        return one.base == base and (marks or f"{expires_on(one):%y%m%d}" == day)

    if marks:
        return Stream("marks", "", "markPrices", partial(_each, _mark), 1.0, among=among, endpoints=MARKET)
    return Stream("marks", "", "openInterests", partial(_each, _interest), 60.0, among=among, endpoints=MARKET)


def _indices(told: Told, some: Sequence[tuple[str, Any]]) -> Values:
    """One row of each underlying, of which there are many strikes."""
    found = {id.partition("-")[0]: one for id, one in some}
    rows = [{"E": told.now_ns // MS, "s": f"{base}USDT", "p": one.index} for base, one in found.items()]
    return {"[]": rows}


def stream(topic: str) -> Stream | None:
    if topic == "!index@arr":
        return Stream("marks", "", "indexPrices", _indices, 1.0, endpoints=MARKET)
    shared = _SHARED.fullmatch(topic)
    if shared is not None:
        return _shared(shared[1].upper(), shared[2] is not None, shared[3] or "")
    match = _OPTION.fullmatch(topic)
    if match is None:
        return None
    id, depth, speed, interval, name = match[1].upper(), match[2], match[3], match[4], match[5]
    if interval is not None:
        if interval not in INTERVALS:
            return None
        return Stream("bar", id, "kline", partial(_kline, interval), 1.0, span=SPANS[interval], endpoints=MARKET)
    if speed is not None:
        if speed not in SPEEDS:
            return None
        book = Stream("change", id, "depthUpdate", _change, SPEEDS[speed], endpoints=PUBLIC)
        return book if depth is None else replace(book, content="whole", values=_whole, depth=int(depth))
    return {
        "optionTrade": Stream("trade", id, "optionTrade", _trade, endpoints=PUBLIC),
        "bookTicker": Stream("quote", id, "bookTicker", _quote, endpoints=PUBLIC),
        "optionTicker": Stream("day", id, "24hrTicker", _day, 1.0, endpoints=PUBLIC),
    }.get(name)
