"""OKX from the server's side: its streams. Facts: OKX API v5, channels, as of 2026-09."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from tidebook.core.clock import SECOND
from tidebook.core.dialect import (
    Candle,
    Change,
    Group,
    Levels,
    Liquidated,
    Marked,
    Row,
    Rules,
    Stream,
    Today,
    Told,
    Values,
    expires_on,
    paths,
)
from tidebook.core.span import Span
from tidebook.model.number import parse, plain
from tidebook.model.wire import MS
from tidebook.venues.okx.wire import family_of, kind_of

PUBLIC: Final = ("public",)
_HK: Final = -8 * 3600 * SECOND  # bars begin at midnight in UTC+8, but for those named utc
_MINUTES: Final = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1H": 60, "2H": 120, "4H": 240}
_LONG: Final = {"6H": 360, "12H": 720, "1D": 1440, "1W": 10_080}
SPANS: Final = {
    **{name: Span(minutes * 60 * SECOND) for name, minutes in _MINUTES.items()},
    **{name: Span(minutes * 60 * SECOND, _HK) for name, minutes in _LONG.items()},
    **{f"{name}utc": Span(minutes * 60 * SECOND) for name, minutes in _LONG.items()},
    "1M": Span(0, _HK, 1),
    "1Mutc": Span(0, months=1),
}
LOGIN: Final = ("books-l2-tbt", "books50-l2-tbt")


def id_of(one: Rules) -> str:
    """BTC-USDT, BTC-USDT-SWAP, BTC-USD-261225, BTC-USD-261225-70000-C."""
    pair = f"{one.base}-{one.quote}"
    if one.kind == "spot":
        return pair
    if one.expiry_ns is None:
        return f"{pair}-SWAP"
    dated = f"{pair}-{expires_on(one):%y%m%d}"
    return f"{dated}-{one.strike}-{'C' if one.right == 'call' else 'P'}" if one.kind == "option" else dated


def own(one: Rules) -> Rules | None:
    """Everything but spot is in contracts; options are settled in coins alone."""
    if one.kind == "spot":
        return one
    if one.kind == "option":
        return one._replace(contract_size=contract_of(one.base), step="1") if one.settle == one.base else None
    if one.kind == "inverse":
        return one
    step = one.step if parse(one.step) >= parse("0.01") else "0.01"
    return one._replace(contract_size=contract_of(one.base), step=step, min_notional="0")


def contract_of(base: str) -> str:
    """Coins in a contract that is not of dollars."""
    return {"BTC": "0.01", "ETH": "0.1"}.get(base, "1")


def bare(text: str) -> str:
    """A number as the venue writes it, without trailing zeros."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def rows(some: Sequence[Row]) -> list[tuple[str, str, str, str]]:
    """Levels. How many orders there are is not known here: one, or none where it is gone."""
    return [(bare(price), bare(size), "0", "1" if size.strip("0.") else "0") for price, size in some]


def _about(told: Told, key: str = "instId") -> Values:
    channel, _, what = told.topic.partition(" ")
    return {"arg.channel": channel, f"arg.{key}": what}


def _push(values: Callable[[str, int, Any], Values]) -> Callable[[Told, Any], Values]:
    return lambda told, one: {**_about(told), **paths("data.0", values(told.id, told.now_ns, one))}


def _trades(told: Told, one: Group) -> Values:
    last = one.trades[-1]
    row = {
        "instId": told.id, "tradeId": str(last.id), "px": bare(last.price), "sz": bare(one.size), "side": last.taker,
        "ts": str(last.at_ns // MS), "count": str(len(one.trades)),
    }  # fmt: skip
    return {**_about(told), **paths("data.0", row)}


def book_of(one: Levels) -> dict[str, object]:
    return {"bids": rows(one.bids), "asks": rows(one.asks), "ts": str(one.at_ns // MS), "seqId": one.last}


def _whole(told: Told, one: Levels) -> Values:
    return {**_about(told), **paths("data.0", book_of(one))}


def _change(told: Told, one: Change) -> Values:
    row = {
        "bids": rows(one.bids), "asks": rows(one.asks), "ts": str(one.at_ns // MS), "seqId": one.last,
        "prevSeqId": one.prev,
    }  # fmt: skip
    return {**_about(told), **paths("data.0", row)}


def sums_of(id: str, one: Candle) -> tuple[str, str, str]:
    """Volume in the unit of sizes, in coins, in quote currency; of options the last is in coins too."""
    kind, quote = kind_of(id), id.split("-")[1]
    volume, turnover = parse(one.volume), bare(one.turnover)
    if kind == "SPOT":
        return bare(one.volume), bare(one.volume), turnover
    if kind != "OPTION" and quote == "USD":
        return bare(one.volume), turnover, plain(volume * (100 if id.startswith("BTC-") else 10))
    return bare(one.volume), plain(volume * parse(contract_of(id.partition("-")[0]))), turnover


def candle_of(id: str, one: Candle) -> Values:
    texts = (bare(one.open), bare(one.high), bare(one.low), bare(one.close), *sums_of(id, one))
    cells = (str(one.start_ns // MS), *texts, "1" if one.closed else "0")
    return {str(place): text for place, text in enumerate(cells)}


def _bar(told: Told, one: Candle) -> Values:
    return {**_about(told), **paths("data.0", candle_of(told.id, one))}


def day_of(id: str, at_ns: int, day: Today) -> dict[str, object]:
    """24 hours; a side without orders is empty."""
    one = day.whole
    (bid, bid_size), (ask, ask_size) = (day.best.bids or [("", "")])[0], (day.best.asks or [("", "")])[0]
    volume, coins, turnover = sums_of(id, one)
    return {
        "instType": kind_of(id), "instId": id, "last": bare(one.close), "lastSz": bare(day.last_size),
        "askPx": bare(ask), "askSz": bare(ask_size), "bidPx": bare(bid), "bidSz": bare(bid_size),
        "open24h": bare(one.open), "high24h": bare(one.high), "low24h": bare(one.low),
        "volCcy24h": turnover if kind_of(id) == "SPOT" else coins, "vol24h": volume, "sodUtc0": bare(one.open),
        "sodUtc8": bare(one.open), "ts": str(at_ns // MS),
    }  # fmt: skip


def mark_of(id: str, one: Marked) -> dict[str, object]:
    return {"instType": kind_of(id), "instId": id, "markPx": bare(one.price), "ts": str(one.at_ns // MS)}


def rate_of(id: str, one: Marked) -> dict[str, object]:
    due, step = one.funding_ns // MS, one.interval_s * 1000
    return {
        "instId": id, "fundingRate": bare(one.rate), "fundingTime": str(due), "nextFundingTime": str(due + step),
        "prevFundingTime": str(due - step), "ts": str(one.at_ns // MS),
    }  # fmt: skip


def interest_of(id: str, one: Marked) -> dict[str, object]:
    """Coins and dollars follow from the contract, and for dollars from the index."""
    size, base = parse(one.open_interest), id.partition("-")[0]
    if kind_of(id) != "OPTION" and id.split("-")[1] == "USD":
        dollars = size * (100 if base == "BTC" else 10)
        coins = dollars / parse(one.index)
    else:
        coins = size * parse(contract_of(base))
        dollars = coins * parse(one.index)
    return {
        "instType": kind_of(id), "instId": id, "oi": bare(one.open_interest), "oiCcy": f"{coins:.8f}",
        "oiUsd": f"{dollars:.8f}", "ts": str(one.at_ns // MS),
    }  # fmt: skip


def _liquidated(told: Told, one: Liquidated) -> Values:
    family = "-".join(told.id.split("-")[:2])
    order = {
        "side": one.taker, "posSide": "long" if one.taker == "sell" else "short", "bkPx": bare(one.price),
        "sz": bare(one.size), "ts": str(one.at_ns // MS),
    }  # fmt: skip
    whose = {"instId": told.id, "instType": kind_of(told.id), "instFamily": family, "uly": family}
    return {**_about(told, "instType"), **paths("data.0", whose), **paths("data.0.details.0", order)}


def _summary(told: Told, some: Sequence[tuple[str, Marked]]) -> Values:
    """The exchange's greeks are in dollars: those with BS. What they are in coins is left as the sample has it."""
    found = [
        {
            "instId": id, "uly": family_of(id), "deltaBS": one.delta, "gammaBS": one.gamma, "thetaBS": one.theta,
            "vegaBS": one.vega, "markVol": one.mark_iv, "bidVol": one.bid_iv, "askVol": one.ask_iv,
            "fwdPx": bare(one.index), "ts": str(one.at_ns // MS),
        }
        for id, one in some
    ]  # fmt: skip
    return {**_about(told, "instFamily"), "data[]": found}


def _of_many(channel: str, what: str) -> Stream | None:
    if channel == "liquidation-orders" and what in ("SWAP", "FUTURES", "OPTION"):
        return Stream(
            "liquidation", "", channel, _liquidated, endpoints=PUBLIC, among=lambda one: kind_of(one.id) == what
        )
    if channel == "opt-summary":
        return Stream(
            "marks", "", channel, _summary, 2.0, endpoints=PUBLIC,
            among=lambda one: one.kind == "option" and family_of(one.id) == what,
        )  # fmt: skip
    return None


def stream(topic: str) -> Stream | None:
    """What a topic is. Rates are sent sooner than the venue sends them, which is every half minute."""
    channel, _, id = topic.partition(" ")
    if channel in ("liquidation-orders", "opt-summary"):
        return _of_many(channel, id)
    kind = kind_of(id)
    if channel.startswith("candle"):
        span = SPANS.get(channel.removeprefix("candle"))
        return None if span is None else Stream("bar", id, "candle", _bar, 1.0, span=span, endpoints=("business",))
    if (channel == "funding-rate" and kind != "SWAP") or (
        channel in ("mark-price", "open-interest") and kind == "SPOT"
    ):
        return None
    make = partial(Stream, endpoints=PUBLIC)
    day = _push(day_of)
    return {
        "trades": make("group", id, "trades", _trades),
        "bbo-tbt": make("quote", id, "bbo-tbt", _whole),
        "books5": make("whole", id, "books5", _whole, 0.1, 5),
        "books": make(
            "window", id, "books", _change, 0.1, 400, opening=_whole, opening_sample="books_snapshot"
        ),
        "tickers": make("day", id, "tickers", day, 0.5),
        "mark-price": make("mark", id, "mark-price", _push(lambda id, at_ns, one: mark_of(id, one)), 1.0),
        "funding-rate": make("mark", id, "funding-rate", _push(lambda id, at_ns, one: rate_of(id, one)), 3.0),
        "open-interest": make("mark", id, "open-interest", _push(lambda id, at_ns, one: interest_of(id, one)), 3.0),
    }.get(channel)  # fmt: skip
