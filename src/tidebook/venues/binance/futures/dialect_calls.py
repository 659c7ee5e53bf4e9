"""Binance's futures from the server's side: their calls over HTTP. Facts: Market Data of both, 2026-08-21."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from tidebook.core.dialect import Args, Facts, Refusal, Route, Rules, Said, Sold, Today, Values, expires_on
from tidebook.model.wire import MS
from tidebook.venues.binance.dialect_calls import given, limit, refused, whole_number
from tidebook.venues.binance.dialect_streams import SPANS
from tidebook.venues.binance.futures.dialect_streams import best_of, day_of, group_of, pair_of
from tidebook.venues.binance.futures.rest import BAR_COSTS, DEPTH_COSTS, LEVELS
from tidebook.venues.binance.rest import costs

_PERPETUAL_ENDS: Final = 4_133_404_800_000  # 2100-12-25
_DAY_NS: Final = 86_400_000_000_000
_TODAY: Final = (
    "priceChange", "priceChangePercent", "weightedAvgPrice", "lastPrice", "lastQty", "openPrice", "highPrice",
    "lowPrice", "volume", "quoteVolume", "openTime", "closeTime", "firstId", "lastId", "count",
)  # fmt: skip
_COIN_TODAY: Final = tuple("baseVolume" if name == "quoteVolume" else name for name in _TODAY)


def id_of(one: Rules) -> str:
    """BTCUSDT, BTCUSDT_261225; COIN-M's perpetuals are BTCUSD_PERP."""
    day = "" if one.expiry_ns is None else f"_{expires_on(one):%y%m%d}"
    return f"{one.base}{one.quote}{day or ('_PERP' if one.kind == 'inverse' else '')}"


def _asked(facts: Facts, args: Args) -> list[Rules]:
    """The one that is asked for, those of a pair, or all."""
    listed = facts.listed()
    found = [
        one
        for one in listed
        if args.get("symbol", one.id) == one.id and args.get("pair", pair_of(one.id)) == pair_of(one.id)
    ]
    if not found:
        raise Refusal(refused(-1121, "Invalid symbol."))
    return found


def _type(one: Rules, among: Iterable[Rules]) -> str:
    if one.expiry_ns is None:
        return "PERPETUAL"
    days = sorted({each.expiry_ns for each in among if each.base == one.base and each.expiry_ns is not None})
    return "CURRENT_QUARTER" if one.expiry_ns == days[0] else "NEXT_QUARTER"


def _contract(usd: bool, one: Rules, among: Sequence[Rules]) -> Values:
    values: dict[str, object] = {
        "symbol": one.id, "pair": pair_of(one.id), "contractType": _type(one, among),
        "deliveryDate": _PERPETUAL_ENDS if one.expiry_ns is None else one.expiry_ns // MS,
        "baseAsset": one.base, "quoteAsset": one.quote, "marginAsset": one.settle,
        "filters.0.minPrice": one.tick, "filters.0.tickSize": one.tick,
        "filters.1.minQty": one.step, "filters.1.stepSize": one.step,
        "filters.2.minQty": one.step, "filters.2.stepSize": one.step,
    }  # fmt: skip
    return values | ({"filters.5.notional": one.min_notional} if usd else {"contractSize": int(one.contract_size)})


def _info(usd: bool, facts: Facts, args: Args) -> Said:
    listed = facts.listed()
    rows = [_contract(usd, one, listed) for one in listed]
    return Said("exchangeInfo", {"serverTime": facts.now_ns // MS, "symbols[]": rows})


def _levels(args: Args) -> int:
    """How many levels are asked for. Raises Refusal for a number that is none of those that are taken."""
    asked = whole_number(args, "limit", 500)
    if asked not in LEVELS:
        raise Refusal(refused(-4021, f"{asked} is not valid depth limit."))
    return asked


def _depth(usd: bool, facts: Facts, args: Args) -> Said:
    # It is served from memory, a little behind the stream.
    id = given(args, "symbol")
    one = facts.levels(id, _levels(args), lag=0.05)
    values = {
        "lastUpdateId": one.last, "E": facts.now_ns // MS, "T": one.at_ns // MS, "bids": one.bids, "asks": one.asks,
    }  # fmt: skip
    return Said("depth", values if usd else {**values, "symbol": id, "pair": pair_of(id)})


def _agg_trades(usd: bool, facts: Facts, args: Args) -> Said:
    first, last, from_id = (whole_number(args, name) for name in ("startTime", "endTime", "fromId"))
    most, groups = limit(args, 500, 1000), facts.groups(given(args, "symbol"), 1000)
    found = [
        one
        for one in groups
        if one.number >= (from_id or 0)
        and (first or 0) <= one.trades[0].at_ns // MS
        and (last is None or one.trades[0].at_ns // MS <= last)
    ]
    chosen = found[:most] if first is not None or from_id is not None else found[-most:]
    return Said("aggTrades", {"[]": [group_of(usd, one) for one in chosen]})


def _trade(usd: bool, one: Sold) -> Values:
    return {
        "id": one.id, "price": one.price, "qty": one.size, "quoteQty" if usd else "baseQty": one.turnover,
        "time": one.at_ns // MS, "isBuyerMaker": one.taker == "sell",
    }  # fmt: skip


def _trades(usd: bool, facts: Facts, args: Args) -> Said:
    rows = facts.trades(given(args, "symbol"), limit(args, 500, 1000))
    return Said("trades", {"[]": [_trade(usd, one) for one in rows]})


def _klines(usd: bool, facts: Facts, args: Args) -> Said:
    """Of a range USD-M gives the first rows, COIN-M the newest of at most 200 days."""
    symbol, name, most = given(args, "symbol"), given(args, "interval"), limit(args, 500, 1500)
    span = None if name == "1s" else SPANS.get(name)
    if span is None:
        raise Refusal(refused(-1120, "Invalid interval."))
    first, last = whole_number(args, "startTime"), whole_number(args, "endTime")
    start, end = (None if at is None else at * MS for at in (first, last))
    if usd:
        bars = facts.candles(symbol, span, start, end, most)
    else:
        end = min(end or facts.now_ns, facts.now_ns if start is None else start + 200 * _DAY_NS)
        since = max(start or 0, end - 200 * _DAY_NS)
        bars = [one for one in facts.candles(symbol, span, None, end, most) if one.start_ns >= since]
    rows = [
        {
            "0": one.start_ns // MS, "1": one.open, "2": one.high, "3": one.low, "4": one.close, "5": one.volume,
            "6": one.end_ns // MS - 1, "7": one.turnover, "8": one.trades, "9": one.bought_volume,
            "10": one.bought_turnover,
        }
        for one in bars
    ]  # fmt: skip
    return Said("klines", {"[]": rows})


def _continuous(usd: bool, facts: Facts, args: Args) -> Said:
    """Bars of the contract of a kind that a pair has now; what it had before is not told here."""
    pair, kind, among = given(args, "pair"), given(args, "contractType"), facts.listed()
    found = next((one.id for one in among if pair_of(one.id) == pair and _type(one, among) == kind), None)
    if found is None:
        raise Refusal(refused(-1121, "Invalid symbol."))
    return _klines(usd, facts, {**args, "symbol": found})


Row = Callable[[Facts, Rules, bool], Values]


def _each(name: str, usd: bool, row: Row, facts: Facts, args: Args) -> Said:
    """One of USD-M's markets, or a list; of COIN-M always a list. No market begins because all are asked for."""
    rows = [row(facts, one, "symbol" not in args) for one in _asked(facts, args)]
    return Said(name, rows[0]) if usd and "symbol" in args else Said(name + "s", {"[]": rows})


def _today(facts: Facts, id: str, every: bool) -> Today:
    return facts.glance(id) if every else facts.today(id)


def _named(usd: bool, id: str) -> dict[str, object]:
    return {"symbol": id} if usd else {"symbol": id, "pair": pair_of(id)}


def _day(usd: bool, facts: Facts, one: Rules, every: bool) -> Values:
    return {**_named(usd, one.id), **day_of(_TODAY if usd else _COIN_TODAY, usd, _today(facts, one.id, every))}


def _price(usd: bool, facts: Facts, one: Rules, every: bool) -> Values:
    named = {"symbol": one.id} if usd else {"symbol": one.id, "ps": pair_of(one.id)}
    return {**named, "price": _today(facts, one.id, every).whole.close, "time": facts.now_ns // MS}


def _best(usd: bool, facts: Facts, one: Rules, every: bool) -> Values:
    levels = facts.best(one.id) if every else facts.levels(one.id, 1)
    named = _named(usd, one.id) if usd else {**_named(usd, one.id), "lastUpdateId": levels.last}
    return {**named, **best_of(levels, "bidPrice bidQty askPrice askQty"), "time": facts.now_ns // MS}


def _premium(usd: bool, facts: Facts, one: Rules, every: bool) -> Values:
    mark = facts.mark(one.id)
    return {
        **_named(usd, one.id), "markPrice": mark.price, "indexPrice": mark.index, "estimatedSettlePrice": mark.settle,
        "lastFundingRate": mark.rate, "interestRate": "0.00010000" if mark.rate else "",
        "nextFundingTime": mark.funding_ns // MS, "time": mark.at_ns // MS,
    }  # fmt: skip


def _funding(usd: bool, facts: Facts, args: Args) -> Said:
    """From a start on, else the newest; USD-M's with the mark price."""
    id, most = given(args, "symbol"), limit(args, 100, 1000)
    first, last = whole_number(args, "startTime"), whole_number(args, "endTime")
    charged = facts.funding(id, None if first is None else first * MS, None if last is None else (last + 1) * MS, most)
    rows = [
        {
            "symbol": id,
            "fundingTime": one.at_ns // MS,
            "fundingRate": one.rate,
            **({"markPrice": one.mark} if usd else {}),
        }
        for one in charged
    ]
    return Said("fundingRates", {"[]": rows})


def _interest(usd: bool, facts: Facts, args: Args) -> Said:
    (one,) = _asked(facts, {"symbol": given(args, "symbol")})
    values = {"symbol": one.id, "openInterest": facts.mark(one.id).open_interest, "time": facts.now_ns // MS}
    more = {} if usd else {"pair": pair_of(one.id), "contractType": _type(one, facts.listed())}
    return Said("openInterest", {**values, **more})


def routes(usd: bool) -> tuple[Route, ...]:
    root = "/fapi/v1" if usd else "/dapi/v1"
    bars: Callable[[Args], int] = lambda args: costs(BAR_COSTS, limit(args, 500, 1500))  # noqa: E731
    depth: Callable[[Args], int] = lambda args: costs(DEPTH_COSTS, limit(args, 500, 1000))  # noqa: E731
    lists: Callable[[int, int], Callable[[Args], int]] = lambda one, all: (  # noqa: E731
        lambda args: one if "symbol" in args else all
    )
    found = (
        Route(f"{root}/ping", lambda facts, args: Said("ping")),
        Route(f"{root}/time", lambda facts, args: Said("time", {"serverTime": facts.stamp_ns // MS})),
        Route(f"{root}/exchangeInfo", partial(_info, usd)),
        Route(f"{root}/depth", partial(_depth, usd), depth, snapshot=True),
        Route(f"{root}/trades", partial(_trades, usd), lambda args: 5),
        Route(f"{root}/aggTrades", partial(_agg_trades, usd), lambda args: 20),
        Route(f"{root}/klines", partial(_klines, usd), bars),
        Route(f"{root}/continuousKlines", partial(_continuous, usd), bars),
        Route(f"{root}/ticker/24hr", partial(_each, "ticker24hr", usd, partial(_day, usd)), lists(1, 40)),
        Route(f"{root}/ticker/price", partial(_each, "tickerPrice", usd, partial(_price, usd)), lists(1, 2)),
        Route(f"{root}/ticker/bookTicker", partial(_each, "tickerBook", usd, partial(_best, usd)), lists(2, 5)),
        Route(
            f"{root}/premiumIndex", partial(_each, "premium", usd, partial(_premium, usd)),
            lists(1, 10) if usd else lists(10, 10),
        ),
        Route(f"{root}/fundingRate", partial(_funding, usd)),
        Route(f"{root}/fundingInfo", lambda facts, args: Said("fundingInfo", {"[]": []})),
        Route(f"{root}/openInterest", partial(_interest, usd)),
    )  # fmt: skip
    if not usd:
        return found
    return (
        *found, Route(f"{root}/rpiDepth", partial(_depth, usd), lambda args: 20, snapshot=True),
        Route("/fapi/v2/ticker/price", partial(_each, "tickerPrice", usd, partial(_price, usd)), lists(1, 2)),
    )  # fmt: skip
