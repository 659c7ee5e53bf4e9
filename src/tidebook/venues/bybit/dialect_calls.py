"""Bybit from the server's side: its calls over HTTP. Facts: bybit-exchange/docs v5 as of 2026-07-24 (Market)."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from tidebook.core.dialect import Args, Facts, Refusal, Route, Rules, Said, Values, paths, whole
from tidebook.model.wire import MS
from tidebook.venues.bybit.dialect_streams import BEGIN, contract_of, day_of, option_of, quoted, side, trade_id
from tidebook.venues.bybit.rest import LEVELS, Category
from tidebook.venues.bybit.wire import SPANS

_ROOT: Final = "/v5/market"
_TYPES: Final = {"linear": "Linear", "inverse": "Inverse"}
_INTERVALS: Final = {
    "5min": SPANS["5"], "15min": SPANS["15"], "30min": SPANS["30"], "1h": SPANS["60"], "4h": SPANS["240"],
    "1d": SPANS["D"],
}  # fmt: skip
_BEST: Final = "bid1Price bid1Size ask1Price ask1Size"


def refused(code: int, text: str) -> Said:
    """A refusal comes with HTTP 200."""
    return Said("rest_error", {"retCode": code, "retMsg": text})


NO_SYMBOL: Final = refused(10001, "params error: symbol invalid")


def _number(args: Args, name: str, default: int, most: int) -> int:
    return whole(args.get(name, str(default)), refused(10001, f"params error: {name} invalid"), 1, most)


def _instant(args: Args, name: str) -> int | None:
    """Milliseconds as ns. Raises Refusal for another text."""
    text = args.get(name)
    if text is None:
        return None
    return whole(text, refused(10001, f"params error: {name} invalid"), 10**12, 10**13 - 1) * MS


def _answer(facts: Facts, sample: str, result: Values) -> Said:
    return Said(sample, {"time": facts.now_ns // MS, **paths("result", result)})


def _time(facts: Facts, args: Args) -> Said:
    ns = facts.stamp_ns
    return _answer(facts, "rest_time", {"timeSecond": str(ns // 10**9), "timeNano": str(ns)})


# ---- instruments


def _pair(one: Rules) -> Values:
    return {
        "symbol": one.id, "baseCoin": one.base, "quoteCoin": one.quote, "priceFilter.tickSize": one.tick,
        "lotSizeFilter.basePrecision": one.step, "lotSizeFilter.minOrderQty": one.step,
        "lotSizeFilter.minOrderAmt": one.min_notional,
    }  # fmt: skip


def _contract(category: Category, one: Rules) -> Values:
    ends = one.expiry_ns
    return {
        "symbol": one.id, "contractType": _TYPES[category] + ("Perpetual" if ends is None else "Futures"),
        "baseCoin": one.base, "quoteCoin": one.quote, "settleCoin": one.settle,
        "deliveryTime": "0" if ends is None else str(ends // MS), "priceScale": str(one.price_places),
        "priceFilter.minPrice": one.tick, "priceFilter.tickSize": one.tick, "lotSizeFilter.qtyStep": one.step,
        "lotSizeFilter.minOrderQty": one.step, "lotSizeFilter.minNotionalValue": one.min_notional,
        **({"lotSizeFilter.maxOrderQty": "25000000"} if category == "inverse" else {}),
    }  # fmt: skip


def _option(one: Rules) -> Values:
    return {
        "symbol": one.id, "baseCoin": one.base, "quoteCoin": one.quote, "settleCoin": one.settle,
        "optionsType": one.right.capitalize(), "deliveryTime": str((one.expiry_ns or 0) // MS),
        "priceFilter.minPrice": one.tick, "priceFilter.tickSize": one.tick, "lotSizeFilter.qtyStep": one.step,
        "lotSizeFilter.minOrderQty": one.step, "displayName": one.id,
    }  # fmt: skip


def _instruments(category: Category, facts: Facts, args: Args) -> Said:
    """Spot has no pages; options are those of BTC where nothing else is asked for."""
    coin = args.get("baseCoin", "BTC" if category == "option" else "All")
    rows = [
        one
        for one in facts.listed()
        if args.get("symbol", one.id) == one.id and (coin in ("All", one.base) or "symbol" in args)
    ]
    if category == "spot":
        return _answer(facts, "instruments_spot", {"list[]": [_pair(one) for one in rows]})
    if "symbol" in args and not rows:
        raise Refusal(NO_SYMBOL)
    limit = _number(args, "limit", 500, 1000)
    first = whole(args.get("cursor") or "0", refused(10001, "params error: cursor invalid"))
    page, more = rows[first : first + limit], first + limit < len(rows)
    sample = "instruments_option" if category == "option" else "instruments"
    made = [_option(one) if category == "option" else _contract(category, one) for one in page]
    result = {"category": category, "list[]": made, "nextPageCursor": str(first + limit) if more else ""}
    return _answer(facts, sample, result)


# ---- what happens


def _symbol(args: Args) -> str:
    if "symbol" not in args:
        raise Refusal(NO_SYMBOL)
    return args["symbol"]


def _orderbook(category: Category, facts: Facts, args: Args) -> Said:
    """Its number is of the stream of 1000 levels at the venue; here of none."""
    default = 25 if category in ("linear", "inverse") else 1
    one = facts.levels(_symbol(args), _number(args, "limit", default, LEVELS[category]))
    at = one.at_ns // MS
    result = {"s": args["symbol"], "b": one.bids, "a": one.asks, "ts": at, "cts": at, "u": one.last + BEGIN}
    return _answer(facts, "rest_orderbook", {**result, "seq": one.last})


def _trades(category: Category, facts: Facts, args: Args) -> Said:
    most = 60 if category == "spot" else 1000
    rows = [
        {
            "execId": trade_id(category, one.id), "symbol": args["symbol"], "price": one.price, "size": one.size,
            "side": side(one.taker), "time": str(one.at_ns // MS),
        }
        for one in reversed(facts.trades(_symbol(args), _number(args, "limit", min(500, most), most)))
    ]  # fmt: skip
    return _answer(facts, "rest_trades", {"category": category, "list[]": rows})


def _klines(category: Category, facts: Facts, args: Args) -> Said:
    """The newest of a range come, and first."""
    symbol, span = _symbol(args), SPANS.get(args.get("interval", ""))
    if span is None:
        raise Refusal(refused(10001, "params error: interval invalid"))
    start, end = _instant(args, "start") or 0, _instant(args, "end")
    bars = facts.candles(symbol, span, None, end, _number(args, "limit", 200, 1000))
    rows = [
        {
            "0": str(one.start_ns // MS), "1": one.open, "2": one.high, "3": one.low, "4": one.close,
            "5": one.volume, "6": one.turnover,
        }
        for one in reversed(bars)
        if one.start_ns >= start
    ]  # fmt: skip
    return _answer(facts, "rest_kline", {"category": category, "symbol": symbol, "list[]": rows})


def _funding(category: Category, facts: Facts, args: Args) -> Said:
    symbol, start, end = _symbol(args), _instant(args, "startTime"), _instant(args, "endTime")
    if start is not None and end is None:
        raise Refusal(refused(10001, "params error: endTime invalid"))
    most = _number(args, "limit", 200, 200)
    # An end of the venue's is still in it.
    found = facts.funding(symbol, None, None if end is None else end + MS, most)
    rows = [
        {"symbol": symbol, "fundingRate": one.rate, "fundingRateTimestamp": str(one.at_ns // MS)}
        for one in reversed(found)
        if one.at_ns >= (start or 0)
    ]
    return _answer(facts, "rest_funding", {"category": category, "list[]": rows})


def _interest(category: Category, facts: Facts, args: Args) -> Said:
    """Of its history the newest is all that the simulator has."""
    symbol, every = _symbol(args), _INTERVALS.get(args.get("intervalTime", ""))
    if every is None:
        raise Refusal(refused(10001, "params error: intervalTime invalid"))
    _number(args, "limit", 50, 200)
    mark = facts.mark(symbol)
    row = {"openInterest": mark.open_interest, "timestamp": str(every.opening(facts.now_ns) // MS)}
    return _answer(facts, "rest_interest", {"symbol": symbol, "category": category, "list[]": [row]})


def _ticker(category: Category, facts: Facts, one: Rules, every: bool) -> Values:
    day = facts.glance(one.id) if every else facts.today(one.id)
    best = quoted(day.best, _BEST)
    if category == "spot":
        return {"symbol": one.id, **day_of(day), **best, "usdIndexPrice": day.whole.close}
    mark = facts.mark(one.id)
    if category == "option":
        ivs = {"bid1Iv": mark.bid_iv or "0", "ask1Iv": mark.ask_iv or "0", "markIv": mark.mark_iv or "0"}
        return {"symbol": one.id, **option_of(day, mark), **best, **ivs}
    ends = "0" if one.expiry_ns is None else str(one.expiry_ns // MS)
    return {"symbol": one.id, **contract_of(category, day, mark), "deliveryTime": ends}


def _tickers(category: Category, facts: Facts, args: Args) -> Said:
    """Spot answers with an empty list where there is no such symbol. No market begins because all are asked for."""
    listed: Sequence[Rules] = facts.listed()
    if category == "option" and "symbol" not in args and "baseCoin" not in args:
        raise Refusal(NO_SYMBOL)
    found = [
        one
        for one in listed
        if args.get("symbol", one.id) == one.id and (category != "option" or args.get("baseCoin", one.base) == one.base)
    ]
    if not found and category != "spot":
        raise Refusal(NO_SYMBOL)
    sample = "rest_tickers" if category in _TYPES else f"rest_tickers_{category}"
    rows = [_ticker(category, facts, one, "symbol" not in args) for one in found]
    return _answer(facts, sample, {"category": category, "list[]": rows})


def routes(category: Category) -> tuple[Route, ...]:
    """Those of one market; all have the same paths."""

    def fits(args: Args) -> bool:
        return args.get("category") == category

    found = [
        Route(f"{_ROOT}/instruments-info", partial(_instruments, category), fits=fits),
        Route(f"{_ROOT}/orderbook", partial(_orderbook, category), fits=fits),
        Route(f"{_ROOT}/recent-trade", partial(_trades, category), fits=fits),
        Route(f"{_ROOT}/tickers", partial(_tickers, category), fits=fits),
    ]
    if category != "option":
        found.append(Route(f"{_ROOT}/kline", partial(_klines, category), fits=fits))
    if category in _TYPES:
        found.append(Route(f"{_ROOT}/funding/history", partial(_funding, category), fits=fits))
        found.append(Route(f"{_ROOT}/open-interest", partial(_interest, category), fits=fits))
    return (*found, Route(f"{_ROOT}/time", _time))
