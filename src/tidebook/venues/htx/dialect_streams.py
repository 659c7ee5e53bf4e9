"""HTX spot from the server's side: its streams. Facts: huobiapi/docs v1_en (2021-06) and later notices."""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from tidebook.core.clock import SECOND
from tidebook.core.dialect import (
    ABSENT,
    Candle,
    Change,
    Levels,
    Row,
    Said,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    paths,
)
from tidebook.core.span import Span
from tidebook.model.wire import MS

_MINUTES: Final = {
    "1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60, "4hour": 240, "1day": 1440, "1week": 10080,
}  # fmt: skip
_DAYS_BEGIN: Final = -8 * 3600 * SECOND  # at midnight in UTC+8, and so do months and years
SPANS: Final = {
    **{name: Span(minutes * 60 * SECOND, _DAYS_BEGIN) for name, minutes in _MINUTES.items()},
    **{name: Span(0, _DAYS_BEGIN, months) for name, months in (("1mon", 1), ("1year", 12))},
}
# Levels a side of market depth by its type: whole prices, then merged ones of ever fewer decimals.
DEPTHS: Final = {"step0": 150, "step1": 20, "step2": 20, "step3": 20, "step4": 20, "step5": 20}
VERSIONS: Final = 10**10  # versions of depth are of another count than the numbers of mbp
_TOPIC: Final = re.compile(
    r"market\.([a-z0-9]+)\.(?:mbp\.(5|20|150|400)|mbp\.refresh\.(5|10|20)|kline\.(\w+)|(trade\.detail|[a-z0-9.]+))"
)


def bare(text: str) -> msgspec.Raw:
    """A number as the venue writes it: bare, without trailing zeros, small ones with an exponent."""
    if text[:4] != "0.00":  # the common case; the exchange's text is plain and not negative
        return msgspec.Raw((text.rstrip("0").rstrip(".") if "." in text else text).encode())
    exact = Decimal(text).normalize()
    return msgspec.Raw((f"{exact:E}" if 0 < abs(exact) < Decimal("0.001") else f"{exact:f}").encode())


def bare_rows(rows: Sequence[Row]) -> list[tuple[msgspec.Raw, msgspec.Raw]]:
    return [(bare(price), bare(size)) for price, size in rows]


def _push(told: Told, tick: Values) -> Values:
    return {"ch": told.topic, "ts": told.now_ns // MS, **paths("tick", tick)}


def _trade(id_name: str, one: Sold) -> Values:
    return {
        "id": msgspec.Raw(f"{one.id}{one.at_ns % 10**9:010d}".encode()), "ts": one.at_ns // MS, id_name: one.id,
        "amount": bare(one.size), "price": bare(one.price), "direction": one.taker,
    }  # fmt: skip


def taken_by(id_name: str, some: Sequence[Sold]) -> Values:
    last = some[-1]
    return {"id": last.id, "ts": last.at_ns // MS, "data[]": [_trade(id_name, one) for one in some]}


def _best(told: Told, one: Levels) -> Values:
    (bid, bid_size), (ask, ask_size) = (one.bids or [("0", "0")])[0], (one.asks or [("0", "0")])[0]
    tick = {
        "seqId": one.last, "bid": bare(bid), "bidSize": bare(bid_size), "ask": bare(ask), "askSize": bare(ask_size),
        "quoteTime": one.at_ns // MS, "symbol": told.id,
    }  # fmt: skip
    return _push(told, tick)


def _change(ticks: bool, told: Told, one: Change) -> Values:
    """In the feeds that come with every change, a side that did not change is left out."""
    bids, asks = (ABSENT if ticks and not rows else bare_rows(rows) for rows in (one.bids, one.asks))
    return _push(told, {"seqNum": one.last, "prevSeqNum": one.prev, "bids": bids, "asks": asks})


def _refresh(told: Told, one: Levels) -> Values:
    return _push(told, {"seqNum": one.last, "bids": bare_rows(one.bids), "asks": bare_rows(one.asks)})


def depth_of(one: Levels) -> Values:
    return {
        "ts": one.at_ns // MS, "version": one.last + VERSIONS, "bids": bare_rows(one.bids), "asks": bare_rows(one.asks)
    }  # fmt: skip


def sums_of(one: Candle) -> Values:
    names = ("open", "close", "low", "high", "amount", "vol")
    texts = (one.open, one.close, one.low, one.high, one.volume, one.turnover)
    return {**dict(zip(names, map(bare, texts), strict=True)), "count": one.trades}


def candle_of(one: Candle) -> Values:
    return {"id": one.start_ns // SECOND, **sums_of(one)}


def _ticker(told: Told, day: Today) -> Values:
    (bid, bid_size), (ask, ask_size) = (day.best.bids or [("0", "0")])[0], (day.best.asks or [("0", "0")])[0]
    tick = {
        **sums_of(day.whole), "bid": bare(bid), "bidSize": bare(bid_size), "ask": bare(ask),
        "askSize": bare(ask_size), "lastPrice": bare(day.whole.close), "lastSize": bare(day.last_size),
    }  # fmt: skip
    return _push(told, tick)


def _detail(told: Told, day: Today) -> Values:
    number = day.best.last + VERSIONS
    return _push(told, {"id": number, "version": number, **sums_of(day.whole)})


def stream(topic: str) -> Stream | None:
    match = _TOPIC.fullmatch(topic)
    if match is None:
        return None
    id, window, whole, period, name = match.groups()
    market = ("market",)
    if window is not None:
        every = 0.1 if window in ("150", "400") else 0.0
        return Stream("window", id, "mbp", partial(_change, not every), every, int(window), endpoints=("feed",))
    if whole is not None:
        return Stream("whole", id, "mbp_refresh", _refresh, 0.1, int(whole))
    if period is not None:
        span = SPANS.get(period)
        return Stream(
            "bar", id, "kline", lambda told, one: _push(told, candle_of(one)), 1.0, span=span, endpoints=market,
        ) if span is not None else None  # fmt: skip
    kind = name.removeprefix("depth.")
    if kind != name and kind in DEPTHS:
        return Stream(
            "whole", id, "depth", lambda told, one: _push(told, depth_of(one)), 1.0, DEPTHS[kind],
            step=int(kind.removeprefix("step")), endpoints=market,
        )  # fmt: skip
    return {
        "trade.detail": Stream(
            "taker", id, "trade", lambda told, some: _push(told, taken_by("tradeId", some)), endpoints=market
        ),
        "bbo": Stream("quote", id, "bbo", _best, endpoints=market),
        "detail": Stream("day", id, "detail", _detail, 1.0, endpoints=market),
        "ticker": Stream("day", id, "ticker", _ticker, 1.0, endpoints=market),
    }.get(name)


def replied(topic: str, id: str, one: Levels) -> Said:
    data = {"seqNum": one.last, "bids": bare_rows(one.bids), "asks": bare_rows(one.asks)}
    return Said("rep", {"id": id, "rep": topic, **paths("data", data)})
