"""Bybit from the server's side: its streams. Facts: bybit-exchange/docs v5 as of 2026-07-24 (WebSocket Stream)."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tidebook.core.dialect import (
    Candle,
    Change,
    Levels,
    Liquidated,
    Marked,
    Part,
    Row,
    Rules,
    Sold,
    Stream,
    Today,
    Told,
    Values,
    changed,
    expires_on,
    paths,
)
from tidebook.model.wire import MS
from tidebook.venues.bybit.rest import Category
from tidebook.venues.bybit.wire import SPANS

BEGIN: Final = 1_000  # a topic's first number: 1 would say that the service has begun anew
DEPTHS: Final[dict[Category, tuple[int, ...]]] = {
    "spot": (50, 200, 1000), "linear": (50, 200, 1000), "inverse": (50, 200, 1000), "option": (25, 100)
}  # fmt: skip
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LETTERS: Final = "FGHJKMNQUVXZ"  # of futures' months
_TOPIC: Final = re.compile(
    r"(orderbook|kline)\.(\w+)\.([A-Z0-9.-]+)|(publicTrade|tickers|allLiquidation)\.([A-Z0-9.-]+)"
)


def id_of(one: Rules) -> str:
    """BTCUSDT, BTCPERP, BTCUSDT-25DEC26, BTCUSDZ26, BTC-25DEC26-60000-C-USDT."""
    if one.expiry_ns is None:
        return f"{one.base}PERP" if one.settle == "USDC" else f"{one.base}{one.quote}"
    day = expires_on(one)
    if one.kind == "inverse":
        return f"{one.base}{one.quote}{_LETTERS[day.month - 1]}{day:%y}"
    name = f"{day.day}{_MONTHS[day.month - 1]}{day:%y}"
    if one.kind == "linear":
        return f"{one.base}{one.quote}-{name}"
    return f"{one.base}-{name}-{one.strike}-{one.right[0].upper()}-{one.settle}"


def side(taker: str) -> str:
    return "Buy" if taker == "buy" else "Sell"


def _push(category: Category, told: Told, number: int, values: Values) -> Values:
    """Options' messages have an id of their own."""
    head: dict[str, object] = {"topic": told.topic, "ts": told.now_ns // MS}
    if category == "option":
        head["id"] = f"{told.topic}-{number}-{told.now_ns // MS}"
    return {**head, **values}


# ---- books


def _rows(
    category: Category, kind: str, number: int, told: Told, at_ns: int, last: int, bids: list[Row], asks: list[Row]
) -> Values:
    data = {"s": told.id, "b": bids, "a": asks, "u": number, "seq": last}
    return _push(category, told, last, {"type": kind, "cts": at_ns // MS, **paths("data", data)})


def _change(category: Category, told: Told, one: Change) -> Values:
    return _rows(category, "delta", BEGIN + told.number, told, one.at_ns, one.last, one.bids, one.asks)


def _opening(category: Category, told: Told, one: Levels) -> Values:
    return _rows(category, "snapshot", BEGIN + told.number, told, one.at_ns, one.last, one.bids, one.asks)


def _best(category: Category, told: Told, one: Levels) -> Values:
    """Where nothing changed it has the number that it had."""
    return _rows(category, "snapshot", one.last, told, one.at_ns, one.last, one.bids, one.asks)


# ---- facts


def trade_id(category: Category, number: int) -> str:
    return str(2_290_000_000_000_000_000 + number) if category == "spot" else f"3f0c2b5e-0000-5000-8000-{number:012x}"


def _trades(category: Category, told: Told, some: Sequence[Sold]) -> Values:
    rows = [
        {
            "T": one.at_ns // MS, "s": told.id, "S": side(one.taker), "v": one.size, "p": one.price,
            "i": trade_id(category, one.id), "seq": one.id,
        }
        for one in some
    ]  # fmt: skip
    return _push(category, told, some[-1].id, {"data[]": rows})


def _candle(category: Category, word: str, told: Told, one: Candle) -> Values:
    row = {
        "start": one.start_ns // MS, "end": one.end_ns // MS - 1, "interval": word, "open": one.open,
        "close": one.close, "high": one.high, "low": one.low, "volume": one.volume, "turnover": one.turnover,
        "confirm": one.closed, "timestamp": told.now_ns // MS,
    }  # fmt: skip
    return _push(category, told, 0, {"data[]": [row]})


def _liquidated(category: Category, told: Told, one: Liquidated) -> Values:
    """`S` is the side of the position that was closed."""
    row = {
        "T": one.at_ns // MS, "s": told.id, "S": "Buy" if one.taker == "sell" else "Sell", "v": one.size,
        "p": one.price,
    }  # fmt: skip
    return _push(category, told, 0, {"data[]": [row]})


def quoted(one: Levels, names: str) -> Values:
    """The best price and size of each side by these names; a side that is empty is 0."""
    rows = [*(one.bids[:1] or [("0", "0")]), *(one.asks[:1] or [("0", "0")])]
    return dict(zip(names.split(), [text for row in rows for text in row], strict=True))


def day_of(day: Today) -> Values:
    one = day.whole
    return {
        "lastPrice": one.close, "prevPrice24h": one.open, "highPrice24h": one.high, "lowPrice24h": one.low,
        "volume24h": one.volume, "turnover24h": one.turnover,
        "price24hPcnt": f"{(Decimal(one.close) - Decimal(one.open)) / Decimal(one.open):.6f}",
    }  # fmt: skip


def contract_of(category: Category, day: Today, mark: Marked) -> Values:
    """What is delivered has no funding."""
    open_interest, price = Decimal(mark.open_interest), Decimal(mark.price)
    value = open_interest * price if category == "linear" else open_interest / price
    return {
        **day_of(day), **quoted(day.best, "bid1Price bid1Size ask1Price ask1Size"), "prevPrice1h": day.whole.close,
        "markPrice": mark.price, "indexPrice": mark.index, "openInterest": mark.open_interest,
        "openInterestValue": f"{value:.2f}", "fundingRate": mark.rate,
        "nextFundingTime": str(mark.funding_ns // MS) if mark.rate else "",
    }  # fmt: skip


def option_of(day: Today, mark: Marked) -> Values:
    one = day.whole
    moved = (Decimal(one.close) - Decimal(one.open)) / Decimal(one.open)
    return {
        "lastPrice": one.close, "highPrice24h": one.high, "lowPrice24h": one.low, "volume24h": one.volume,
        "turnover24h": one.turnover, "totalVolume": one.volume, "totalTurnover": one.turnover,
        "change24h": f"{moved:.8f}", "markPrice": mark.price, "indexPrice": mark.index, "underlyingPrice": mark.index,
        "openInterest": mark.open_interest, "delta": mark.delta, "gamma": mark.gamma, "vega": mark.vega,
        "theta": mark.theta,
    }  # fmt: skip


def _spot_ticker(told: Told, day: Today) -> Values:
    data = {"symbol": told.id, **day_of(day), "usdIndexPrice": day.whole.close}
    return {"topic": told.topic, "ts": told.now_ns // MS, "cs": day.best.last, **paths("data", data)}


def _contract_ticker(category: Category, told: Told, one: Part) -> Values:
    """Whole at first, then what has changed."""
    values = contract_of(category, one.day, one.mark)
    if one.before is not None:
        values = changed(values, contract_of(category, one.before.day, one.before.mark))
    fixed = {
        "tickDirection": "PlusTick", "fundingIntervalHour": str(one.mark.interval_s // 3600) if one.mark.rate else "",
    }  # fmt: skip
    data = {"symbol": told.id, **values, **(fixed if one.before is None else changed(fixed, fixed))}
    head = {"type": "snapshot" if one.before is None else "delta", "cs": one.day.best.last}
    return _push(category, told, 0, {**head, **paths("data", data)})


def _option_ticker(category: Category, told: Told, one: Part) -> Values:
    mark = one.mark
    data = {
        "symbol": told.id, **option_of(one.day, mark), **quoted(one.day.best, "bidPrice bidSize askPrice askSize"),
        "bidIv": mark.bid_iv or "0", "askIv": mark.ask_iv or "0", "markPriceIv": mark.mark_iv or "0",
    }  # fmt: skip
    return _push(category, told, one.day.best.last, paths("data", data))


# ---- topics


def _book(category: Category, word: str, id: str) -> Stream | None:
    sample = "orderbook_option" if category == "option" else "orderbook"
    if word == "1" and category != "option":
        return Stream("whole", id, sample, partial(_best, category), 0.1, 1)
    if word not in map(str, DEPTHS[category]):
        return None
    return Stream(
        "window", id, sample, partial(_change, category), 0.1, int(word),
        opening=partial(_opening, category), opening_sample=sample,
    )  # fmt: skip


def _ticker(category: Category, id: str) -> Stream:
    if category == "spot":
        return Stream("day", id, "ticker_spot", _spot_ticker, 0.1)
    sample, values = ("ticker_option", _option_ticker) if category == "option" else ("ticker", _contract_ticker)
    return Stream("part", id, sample, partial(values, category), 0.1)


def _trade(category: Category, id: str) -> Stream:
    if category == "option":

        def each(told: Told, one: Any) -> Values:
            return _trades(category, told, [one])

        return Stream("trade", "", "trade_option", each, among=lambda one: one.base == id)
    return Stream("taker", id, "trade_spot" if category == "spot" else "trade", partial(_trades, category))


def _stream(category: Category, topic: str) -> Stream | None:
    match = _TOPIC.fullmatch(topic)
    if match is None:
        return None
    name, id = match[1] or match[4], match[3] or match[5]
    if name == "orderbook":
        return _book(category, match[2], id)
    if name == "publicTrade":
        return _trade(category, id)
    if name == "tickers":
        return _ticker(category, id)
    if name == "kline":
        span = SPANS.get(match[2])
        if span is None or category == "option":
            return None
        return Stream("bar", id, "kline", partial(_candle, category, match[2]), 1.0, span=span)
    if category in ("spot", "option"):
        return None
    return Stream("liquidation", id, "liquidation", partial(_liquidated, category))


def stream_of(category: Category) -> Callable[[str], Stream | None]:
    return partial(_stream, category)
