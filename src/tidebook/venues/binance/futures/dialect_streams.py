"""Binance's futures from the server's side: their streams. Facts: Websocket Market Streams of both, 2026-08-21."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tidebook.core.dialect import (
    Candle,
    Change,
    Group,
    Levels,
    Liquidated,
    Marked,
    Rules,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    paths,
)
from tidebook.model.wire import MS
from tidebook.venues.binance.dialect_streams import SPANS

PUBLIC: Final = ("public", "public_raw")
MARKET: Final = ("market", "market_raw")
SPEEDS: Final = {None: 0.3, "@0ms": 0.1, "@100ms": 0.1, "@250ms": 0.3, "@500ms": 0.5}  # on a grid of tenths
_TOPIC: Final = re.compile(r"([^@]+)@(?:(depth|rpiDepth)(5|10|20)?(@\d+ms)?|kline_(\w+)|(\w+)(@1s)?)")
_CONTINUOUS: Final = re.compile(r"([a-z0-9]+)_perpetual@continuousKline_(\w+)")


def pair_of(id: str) -> str:
    return id.partition("_")[0]


def _head(told: Told) -> dict[str, object]:
    return {"E": told.now_ns // MS, "s": told.id}


def best_of(one: Levels, names: str) -> Values:
    """The best rows; a side that is empty is 0."""
    rows = [*(one.bids[:1] or [("0", "0")]), *(one.asks[:1] or [("0", "0")])]
    return dict(zip(names.split(), [text for row in rows for text in row], strict=True))


def group_of(usd: bool, one: Group) -> Values:
    """With `nq` (USD-M): nothing here is of retail price improvement, so all counts."""
    first, last = one.trades[0], one.trades[-1]
    values = {
        "a": one.number, "p": first.price, "q": one.size, "f": first.id, "l": last.id, "T": first.at_ns // MS,
        "m": first.taker == "sell",
    }  # fmt: skip
    return {**values, "nq": one.size} if usd else values


def _group(usd: bool, told: Told, one: Group) -> Values:
    return {**_head(told), **group_of(usd, one)}


def _sold(told: Told, one: Sold) -> Values:
    return {
        **_head(told), "T": one.at_ns // MS, "t": one.id, "p": one.price, "q": one.size, "m": one.taker == "sell"
    }  # fmt: skip


def _quote(told: Told, one: Levels) -> Values:
    return {
        **_head(told), "ps": pair_of(told.id), "T": one.at_ns // MS, "u": one.last, **best_of(one, "b B a A"),
    }  # fmt: skip


def _change(told: Told, one: Change) -> Values:
    return {
        **_head(told), "ps": pair_of(told.id), "T": one.at_ns // MS, "U": one.first, "u": one.last, "pu": one.prev,
        "b": one.bids, "a": one.asks,
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


def _continuous(name: str, told: Told, one: Candle) -> Values:
    """Of a pair's perpetual: its own bars."""
    values = {key: value for key, value in _kline(name, told, one).items() if key not in ("s", "k.s")}
    return {**values, "ps": pair_of(told.id)}


def _index(told: Told, one: Marked) -> Values:
    return {"E": told.now_ns // MS, "i": pair_of(told.id), "p": one.index}


_TODAY: Final = ("p", "P", "w", "c", "Q", "o", "h", "l", "v", "q", "O", "C", "F", "L", "n")


def day_of(names: Sequence[str], usd: bool, day: Today) -> Values:
    """24 hours by these names, in the order of `_TODAY`; what is paid is dollars, or coins for contracts."""
    one = day.whole
    moved, opened, volume = Decimal(one.close) - Decimal(one.open), Decimal(one.open), Decimal(one.volume)
    average = Decimal(one.turnover) / volume if usd and volume else opened
    values = (
        f"{moved:f}", f"{moved / opened * 100:.3f}", f"{average:.8f}", one.close, day.last_size, one.open, one.high,
        one.low, one.volume, one.turnover, one.start_ns // MS, one.end_ns // MS, one.first_id, one.last_id, one.trades,
    )  # fmt: skip
    return dict(zip(names, values, strict=True))


def _day(usd: bool, told: Told, id: str, day: Today) -> Values:
    return {"E": told.now_ns // MS, "s": id, "ps": pair_of(id), **day_of(_TODAY, usd, day)}


def _mini(told: Told, id: str, day: Today) -> Values:
    one = day.whole
    texts = (one.close, one.open, one.high, one.low, one.volume, one.turnover)
    return {"E": told.now_ns // MS, "s": id, "ps": pair_of(id), **dict(zip("cohlvq", texts, strict=True))}


def _mark(usd: bool, told: Told, id: str, one: Marked) -> Values:
    """What is delivered on a day has no funding: USD-M writes a rate of 0, COIN-M none, both the time 0."""
    none = "0.00000000" if usd else ""
    values = {
        "E": told.now_ns // MS, "s": id, "p": one.price, "i": one.index, "P": one.settle,
        "r": one.rate or none, "T": one.funding_ns // MS,
    }  # fmt: skip
    return {**values, "ap": one.price} if usd else values


def _forced(usd: bool, told: Told, one: Liquidated) -> Values:
    order = {
        "s": told.id, "S": "SELL" if one.taker == "sell" else "BUY", "q": one.size, "p": one.price, "ap": one.average,
        "l": one.size, "z": one.size, "T": one.at_ns // MS,
    }  # fmt: skip
    return {"E": told.now_ns // MS, **paths("o", order if usd else {**order, "ps": pair_of(told.id)})}


def _each(row: Callable[[Told, str, Any], Values], told: Told, some: Sequence[tuple[str, Any]]) -> Values:
    return {"[]": [row(told, id, one) for id, one in some]}


def _perpetual(one: Rules) -> bool:
    return one.expiry_ns is None


def _all(usd: bool, topic: str) -> Stream | None:
    """Streams of all markets. Since 2026-06-30 they have both kinds of futures; here each has its own."""
    day, mark = partial(_day, usd), partial(_mark, usd)
    return {
        "!ticker@arr": Stream("days", "", "24hrTickers", partial(_each, day), 1.0),
        "!miniTicker@arr": Stream("days", "", "24hrMiniTickers", partial(_each, _mini), 1.0),
        "!forceOrder@arr": Stream("liquidation", "", "forceOrder", partial(_forced, usd), among=_perpetual),
        **(
            {
                f"!markPrice@arr{speed}": Stream("marks", "", "markPrices", partial(_each, mark), every)
                for speed, every in (("", 3.0), ("@1s", 1.0))
            }
            if usd
            else {}
        ),
    }.get(topic)  # fmt: skip


def _one(usd: bool, id: str, name: str, fast: bool) -> Stream | None:
    slow, day, mark = (2.0 if usd else 0.5), partial(_day, usd), partial(_mark, usd)
    if name == "markPrice":
        return Stream(
            "mark", id, "markPrice", lambda told, one: mark(told, told.id, one), 1.0 if fast else 3.0
        )  # fmt: skip
    if name == "indexPrice" and not usd:  # of a pair: its perpetual's
        return Stream("mark", f"{id}_PERP", "indexPrice", _index, 1.0 if fast else 3.0)
    if fast:
        return None
    return {
        "trade": Stream("trade", id, "trade", _sold),  # not documented, and there all the same
        "aggTrade": Stream("group", id, "aggTrade", partial(_group, usd)),
        "bookTicker": Stream("quote", id, "bookTicker", _quote),
        "ticker": Stream("day", id, "24hrTicker", lambda told, one: day(told, told.id, one), slow),
        "miniTicker": Stream("day", id, "24hrMiniTicker", lambda told, one: _mini(told, told.id, one), slow),
        "forceOrder": Stream("liquidation", id, "forceOrder", partial(_forced, usd)),
    }.get(name)


def _bars(id: str, interval: str, sample: str) -> Stream | None:
    span = None if interval == "1s" else SPANS.get(interval)
    values = partial(_kline if sample == "kline" else _continuous, interval)
    return None if span is None else Stream("bar", id, sample, values, 0.3, span=span)


def _stream(usd: bool, topic: str) -> tuple[Stream | None, tuple[str, ...]]:
    """What a topic is, and where USD-M serves it."""
    if topic.startswith("!"):
        return _all(usd, topic), MARKET
    continuous = _CONTINUOUS.fullmatch(topic)
    if continuous is not None:
        return _bars(continuous[1].upper() + ("" if usd else "_PERP"), continuous[2], "continuous_kline"), MARKET
    match = _TOPIC.fullmatch(topic)
    if match is None or match[1] != match[1].lower():
        return None, ()
    id, book, depth, speed, interval, name = match[1].upper(), match[2], match[3], match[4], match[5], match[6]
    if interval is not None:
        return _bars(id, interval, "kline"), MARKET
    if book is None:
        return _one(usd, id, name, match[7] is not None), PUBLIC if name in ("bookTicker", "trade") else MARKET
    if speed not in SPEEDS or (book == "rpiDepth" and (not usd or depth or speed != "@500ms")):
        return None, ()
    if depth is not None:
        return Stream("whole", id, "depthUpdate", _whole, SPEEDS[speed], int(depth)), PUBLIC
    return Stream("change", id, "depthUpdate", _change, SPEEDS[speed]), PUBLIC


def usd_stream(topic: str) -> Stream | None:
    stream, where = _stream(True, topic)
    return None if stream is None else replace(stream, endpoints=where)


def coin_stream(topic: str) -> Stream | None:
    return _stream(False, topic)[0]
