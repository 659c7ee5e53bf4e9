"""Binance's options from the server's side, their calls among it. Facts: Market Data of options trading, 2026-08-21.

What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tidebook.core.dialect import Args, Facts, Refusal, Route, Rules, Said, Today, Values, expires_on
from tidebook.model.wire import MS
from tidebook.venues.binance.dialect_calls import given, limit, refused, whole_number
from tidebook.venues.binance.dialect_spot import SPOT
from tidebook.venues.binance.dialect_streams import SPANS
from tidebook.venues.binance.futures.dialect import split_door
from tidebook.venues.binance.futures.dialect_streams import best_of, day_of
from tidebook.venues.binance.options.dialect_streams import id_of, stream, value_of
from tidebook.venues.binance.options.rest import DEPTH_COSTS, LEVELS, WEIGHT
from tidebook.venues.binance.rest import costs

OLD: Final = 5.0  # seconds: snapshots are cached, for 5 to 30
_TODAY: Final = (
    "priceChange", "priceChangePercent", "", "lastPrice", "lastQty", "open", "high", "low", "volume", "amount",
    "openTime", "closeTime", "firstTradeId", "", "tradeCount",
)  # fmt: skip


def _asked(facts: Facts, args: Args) -> list[Rules]:
    found = [one for one in facts.listed() if args.get("symbol", one.id) == one.id]
    if not found:
        raise Refusal(refused(-1121, "Invalid symbol."))
    return found


def _underlying(one: Rules) -> str:
    return one.base + one.quote


def _info(facts: Facts, args: Args) -> Said:
    listed = facts.listed()
    contracts = {
        one.base: {
            "baseAsset": one.base, "quoteAsset": one.quote, "underlying": _underlying(one), "settleAsset": one.settle,
        }
        for one in listed
    }  # fmt: skip
    symbols = [
        {
            "expiryDate": (one.expiry_ns or 0) // MS, "symbol": one.id, "side": one.right.upper(),
            "strikePrice": one.strike, "underlying": _underlying(one), "unit": int(one.contract_size),
            "quoteAsset": one.quote, "minQty": one.step, "filters.0.minPrice": one.tick, "filters.0.tickSize": one.tick,
            "filters.1.minQty": one.step, "filters.1.stepSize": one.step,
        }
        for one in listed
    ]  # fmt: skip
    values = {
        "serverTime": facts.now_ns // MS,
        "optionContracts[]": list(contracts.values()),
        "optionSymbols[]": symbols,
        "rateLimits.0.limit": WEIGHT.limit,
    }
    return Said("exchangeInfo", values)


def _levels(args: Args) -> int:
    asked = whole_number(args, "limit", 100)
    if asked is None or asked not in (5, *LEVELS):
        raise Refusal(refused(-1130, "Data sent for paramter 'limit' is not valid."))
    return asked


def _depth(facts: Facts, args: Args) -> Said:
    one = facts.levels(given(args, "symbol"), _levels(args), lag=OLD)
    return Said("depth", {"bids": one.bids, "asks": one.asks, "T": one.at_ns // MS, "lastUpdateId": one.last})


def _trades(facts: Facts, args: Args) -> Said:
    rows = [
        {
            "id": one.id, "tradeId": one.id, "symbol": args["symbol"], "price": one.price, "qty": one.size,
            "quoteQty": one.turnover, "side": -1 if one.taker == "sell" else 1, "time": one.at_ns // MS,
        }
        for one in facts.trades(given(args, "symbol"), limit(args, 100, 500))
    ]  # fmt: skip
    return Said("trades", {"[]": rows})


def _klines(facts: Facts, args: Args) -> Said:
    symbol, name = given(args, "symbol"), given(args, "interval")
    if name == "1s" or name not in SPANS:
        raise Refusal(refused(-1120, "Invalid interval."))
    last = whole_number(args, "endTime")
    bars = facts.candles(symbol, SPANS[name], None, None if last is None else last * MS, limit(args, 500, 1500))
    rows = [
        {
            "0": one.start_ns // MS, "1": one.open, "2": one.high, "3": one.low, "4": one.close, "5": one.volume,
            "6": one.end_ns // MS - 1, "7": one.turnover, "8": one.trades, "9": one.bought_volume,
            "10": one.bought_turnover,
        }
        for one in bars
    ]  # fmt: skip
    return Said("klines", {"[]": rows})


def _day(facts: Facts, one: Rules, every: bool) -> Values:
    day: Today = facts.glance(one.id) if every else facts.today(one.id)
    values = {name: value for name, value in day_of(_TODAY, True, day).items() if name}
    best = best_of(day.best, "bidPrice _ askPrice _")
    return {
        "symbol": one.id, **values, "bidPrice": best["bidPrice"], "askPrice": best["askPrice"],
        "strikePrice": one.strike, "exercisePrice": facts.mark(one.id).index,
    }  # fmt: skip


def _mark(facts: Facts, one: Rules, every: bool) -> Values:
    mark = facts.mark(one.id)
    return {
        "symbol": one.id, "markPrice": mark.price, "bidIV": mark.bid_iv or "-1", "askIV": mark.ask_iv or "-1",
        "markIV": mark.mark_iv, "delta": mark.delta, "theta": mark.theta, "gamma": mark.gamma, "vega": mark.vega,
    }  # fmt: skip


def _rows(sample: str, row: Callable[[Facts, Rules, bool], Values]) -> Callable[[Facts, Args], Said]:
    return lambda facts, args: Said(
        sample, {"[]": [row(facts, one, "symbol" not in args) for one in _asked(facts, args)]}
    )


def _interest(facts: Facts, args: Args) -> Said:
    base, day = given(args, "underlyingAsset"), given(args, "expiration")
    rows = [
        {
            "symbol": one.id, "sumOpenInterest": mark.open_interest, "sumOpenInterestUsd": value_of(mark),
            "timestamp": str(facts.now_ns // MS),
        }
        for one in facts.listed()
        if one.base == base and f"{expires_on(one):%y%m%d}" == day
        for mark in [facts.mark(one.id)]
    ]  # fmt: skip
    return Said("interests", {"[]": rows})


def _index(facts: Facts, args: Args) -> Said:
    name = given(args, "underlying")
    found = [one for one in facts.listed() if _underlying(one) == name]
    if not found:
        raise Refusal(refused(-1128, "Invalid underlying"))
    return Said("index", {"time": facts.now_ns // MS, "indexPrice": facts.mark(found[0].id).index})


_ROOT: Final = "/eapi/v1"
ROUTES: Final = (
    Route(f"{_ROOT}/ping", lambda facts, args: Said("ping")),
    Route(f"{_ROOT}/time", lambda facts, args: Said("time", {"serverTime": facts.stamp_ns // MS})),
    Route(f"{_ROOT}/exchangeInfo", _info),
    Route(f"{_ROOT}/depth", _depth, lambda args: costs(DEPTH_COSTS, limit(args, 100, 1000)), snapshot=True),
    Route(f"{_ROOT}/trades", _trades, lambda args: 5),
    Route(f"{_ROOT}/klines", _klines),
    Route(f"{_ROOT}/ticker", _rows("tickers", _day), lambda args: 1 if "symbol" in args else 40),
    Route(f"{_ROOT}/mark", _rows("marks", _mark), lambda args: 5),
    Route(f"{_ROOT}/index", _index),
    Route(f"{_ROOT}/openInterest", _interest, lambda args: 0),
)


def _limited(seconds: int, banned: bool) -> Said:
    if banned:
        return refused(-1008, "Way too much request weight used; IP banned until later.", 418)
    return refused(-1008, "Too much request weight used; current limit is 2400 request weight per 1 MINUTE.", 429)


OPTIONS: Final = replace(
    SPOT,
    venue="binance.options",
    id_of=id_of,
    kinds=("option",),
    quotes=("USDT",),
    stream=stream,
    door=split_door,
    routes=ROUTES,
    pool="binance.options",
    limited=_limited,
    wrapped=("public", "market"),
    pace=10,
    gone=None,
    samples="options/samples",
)
