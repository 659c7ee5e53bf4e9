"""HTX spot from the server's side: its calls over HTTP. Facts: huobiapi/docs v1_en (2021-06) and later notices."""

from typing import Final

from tidebook.core.dialect import Args, Facts, Refusal, Route, Said, Values, paths, whole
from tidebook.model.wire import MS
from tidebook.venues.htx.dialect_streams import (
    DEPTHS,
    SPANS,
    VERSIONS,
    bare,
    bare_rows,
    candle_of,
    depth_of,
    sums_of,
    taken_by,
)


def refused(code: str, text: str) -> Said:
    """A refusal comes with HTTP 200."""
    return Said("error", {"err-code": code, "err-msg": text})


def _number(args: Args, name: str, default: int, most: int) -> int:
    return whole(args.get(name, str(default)), refused("invalid-parameter", f"invalid {name}"), 1, most)


def _stamped(facts: Facts, args: Args, ending: str) -> dict[str, object]:
    return {"ch": f"market.{args.get('symbol', '')}.{ending}", "ts": facts.now_ns // MS}


def _symbols(facts: Facts, args: Args) -> Said:
    del args
    rows = [
        {
            "base-currency": one.base.lower(), "quote-currency": one.quote.lower(), "symbol": one.id,
            "price-precision": one.price_places, "amount-precision": one.size_places,
            "value-precision": one.price_places + one.size_places, "min-order-amt": bare(one.step),
            "min-order-value": bare(one.min_notional), "limit-order-min-order-amt": bare(one.step),
        }
        for one in facts.listed()
    ]  # fmt: skip
    return Said("symbols", {"data[]": rows})


def _book(facts: Facts, args: Args) -> Said:
    kind = args.get("type", "")
    if kind not in DEPTHS:
        raise Refusal(refused("invalid-parameter", "invalid type"))
    depth = _number(args, "depth", DEPTHS[kind], DEPTHS[kind])
    levels = facts.levels(args.get("symbol", ""), depth, step=int(kind.removeprefix("step")))
    return Said("rest_depth", {**_stamped(facts, args, f"depth.{kind}"), **paths("tick", depth_of(levels))})


def _last_trade(facts: Facts, args: Args) -> Said:
    some = facts.takers(args.get("symbol", ""), 20)
    if not some:
        return Said("rest_no_trade", _stamped(facts, args, "trade.detail"))
    return Said(
        "rest_trade", {**_stamped(facts, args, "trade.detail"), **paths("tick", taken_by("trade-id", some[-1]))}
    )


def _trades(facts: Facts, args: Args) -> Said:
    some = facts.takers(args.get("symbol", ""), _number(args, "size", 1, 2000))
    rows = [taken_by("trade-id", one) for one in reversed(some)]
    return Said("rest_trades", {**_stamped(facts, args, "trade.detail"), "data[]": rows})


def _klines(facts: Facts, args: Args) -> Said:
    period = args.get("period", "")
    if period not in SPANS:
        raise Refusal(refused("invalid-parameter", "invalid period"))
    bars = facts.candles(args.get("symbol", ""), SPANS[period], None, None, _number(args, "size", 150, 2000))
    rows = [candle_of(one) for one in reversed(bars)]
    return Said("rest_kline", {**_stamped(facts, args, f"kline.{period}"), "data[]": rows})


def _merged(facts: Facts, args: Args) -> Said:
    day = facts.today(args.get("symbol", ""))
    number, best = day.best.last + VERSIONS, day.best
    bid, ask = (bare_rows(rows or [("0", "0")])[0] for rows in (best.bids, best.asks))
    tick = {"id": number, "version": number, **sums_of(day.whole), "bid": bid, "ask": ask}
    return Said("rest_merged", {**_stamped(facts, args, "detail.merged"), **paths("tick", tick)})


def _tickers(facts: Facts, args: Args) -> Said:
    del args
    rows: list[Values] = []
    for one in facts.listed():
        day = facts.glance(one.id)
        (bid, bid_size), (ask, ask_size) = (day.best.bids or [("0", "0")])[0], (day.best.asks or [("0", "0")])[0]
        rows.append({
            "symbol": one.id, **sums_of(day.whole), "bid": bare(bid), "bidSize": bare(bid_size), "ask": bare(ask),
            "askSize": bare(ask_size),
        })  # fmt: skip
    return Said("rest_tickers", {"ts": facts.now_ns // MS, "data[]": rows})


ROUTES: Final = (
    Route("/v1/common/symbols", _symbols),
    Route("/v1/common/timestamp", lambda facts, args: Said("timestamp", {"data": facts.stamp_ns // MS})),
    Route("/market/depth", _book, snapshot=True),
    Route("/market/trade", _last_trade),
    Route("/market/history/trade", _trades),
    Route("/market/history/kline", _klines),
    Route("/market/detail/merged", _merged),
    Route("/market/tickers", _tickers),
)
