"""Binance spot from the server's side: its calls over HTTP. Facts: rest-api.md, errors.md of 2026-07-21."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from tidebook.core.dialect import Args, Facts, Refusal, Route, Rules, Said, Sold, Today, Values, whole
from tidebook.core.span import Span
from tidebook.model.wire import MS
from tidebook.venues.binance.dialect_streams import SPANS, TODAY_REST, best_of, day_of, eight, group_of, whole_of
from tidebook.venues.binance.rest import MAIN, Site, costs


def refused(code: int, text: str, status: int = 400) -> Said:
    return Said("error", {"code": code, "msg": text}, status)


def given(args: Args, name: str) -> str:
    if not args.get(name):
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise Refusal(refused(-1102, text))
    return args[name]


def whole_number(args: Args, name: str, default: int | None = None) -> int | None:
    text = args.get(name)
    if text is None:
        return default
    words = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
    return whole(text, refused(-1100, words))


def limit(args: Args, default: int, most: int) -> int:
    return max(1, min(whole_number(args, "limit", default) or default, most))


def _symbols(facts: Facts, args: Args) -> list[Rules] | None:
    """Those that are asked for; None: all."""
    known = {one.id: one for one in facts.listed()}
    if "symbol" in args:
        names = [args["symbol"]]
    elif "symbols" in args:
        names = re.findall(r'"([^"]+)"', args["symbols"])
    else:
        return None
    if not names or not all(name in known for name in names):
        raise Refusal(refused(-1121, "Invalid symbol."))
    return [known[name] for name in names]


def _info(site: Site, facts: Facts, args: Args) -> Said:
    asked = _symbols(facts, args)
    rows = [
        {
            "symbol": one.id, "baseAsset": one.base, "quoteAsset": one.quote,
            "filters.0.minPrice": eight(one.tick), "filters.0.tickSize": eight(one.tick),
            "filters.1.minQty": eight(one.step), "filters.1.stepSize": eight(one.step),
            "filters.4.minNotional": eight(one.min_notional),
        }
        for one in (facts.listed() if asked is None else asked)
    ]  # fmt: skip
    limit = site.pool.limit
    return Said("exchangeInfo", {"serverTime": facts.now_ns // MS, "rateLimits.0.limit": limit, "symbols[]": rows})


def _depth(facts: Facts, args: Args) -> Said:
    # It is served from memory, a little behind the stream.
    return Said("snapshot", whole_of(facts.levels(given(args, "symbol"), limit(args, 100, 5000), lag=0.05)))


def _sold(trades: Iterable[Sold]) -> Said:
    rows = [
        {
            "id": one.id, "price": eight(one.price), "qty": eight(one.size), "quoteQty": eight(one.turnover),
            "time": one.at_ns // MS, "isBuyerMaker": one.taker == "sell",
        }
        for one in trades
    ]  # fmt: skip
    return Said("trades", {"[]": rows})


def _trades(facts: Facts, args: Args) -> Said:
    return _sold(facts.trades(given(args, "symbol"), limit(args, 500, 1000)))


def _historical(facts: Facts, args: Args) -> Said:
    """From a trade on; without `fromId` the newest. As far back as the exchange remembers."""
    symbol, first, most = given(args, "symbol"), whole_number(args, "fromId"), limit(args, 500, 1000)
    if first is None:
        return _sold(facts.trades(symbol, most))
    return _sold([one for one in facts.trades(symbol, 1000) if one.id >= first][:most])


def _agg_trades(facts: Facts, args: Args) -> Said:
    first, last, from_id = (whole_number(args, name) for name in ("startTime", "endTime", "fromId"))
    most, groups = limit(args, 500, 1000), facts.groups(given(args, "symbol"), 1000)
    found = [
        one
        for one in groups
        if one.number >= (from_id or 0)
        and (first or 0) <= one.trades[0].at_ns // MS
        and (last is None or one.trades[0].at_ns // MS <= last)
    ]
    oldest_first = first is not None or from_id is not None
    return Said("aggTrades", {"[]": [group_of(one) for one in (found[:most] if oldest_first else found[-most:])]})


def _klines(facts: Facts, args: Args) -> Said:
    symbol, span = given(args, "symbol"), SPANS.get(given(args, "interval"))
    if span is None:
        raise Refusal(refused(-1120, "Invalid interval."))
    start, end = whole_number(args, "startTime"), whole_number(args, "endTime")
    bars = facts.candles(
        symbol, span, None if start is None else start * MS, None if end is None else end * MS,
        limit(args, 500, 1000),
    )  # fmt: skip
    rows = [
        {
            "0": start // MS, "1": eight(first), "2": eight(high), "3": eight(low), "4": eight(last),
            "5": eight(volume), "6": end // MS - 1, "7": eight(turnover), "8": trades, "9": eight(bought),
            "10": eight(paid),
        }
        for start, end, first, high, low, last, volume, turnover, trades, bought, paid, *_ in bars
    ]  # fmt: skip
    return Said("klines", {"[]": rows})


def _each(name: str, row: Callable[[Facts, str, bool], Values], facts: Facts, args: Args) -> Said:
    """A ticker of one symbol, or a list of several. No market begins because all are asked for."""
    asked = _symbols(facts, args)
    rows = [row(facts, one.id, asked is None) for one in (facts.listed() if asked is None else asked)]
    return Said(name, rows[0]) if "symbol" in args else Said(name + "s", {"[]": rows})


def _today(facts: Facts, id: str, every: bool) -> Today:
    return facts.glance(id) if every else facts.today(id)


def _average(facts: Facts, args: Args) -> Said:
    bars = facts.candles(given(args, "symbol"), SPANS["1m"], None, None, 5)
    volume = sum(Decimal(one.volume) for one in bars)
    price = sum(Decimal(one.turnover) for one in bars) / volume if volume else Decimal(bars[-1].close)
    return Said("avgPrice", {"price": f"{price:.8f}", "closeTime": facts.now_ns // MS})


_MINUTE: Final = SPANS["1m"].ns
_WINDOW: Final = re.compile(r"([1-9]|[1-5]\d)m|([1-9]|1\d|2[0-3])h|([1-7])d")
_ROLLING: Final = [name for name in TODAY_REST if name not in ("prevClosePrice", "lastQty")]


def _rolling(facts: Facts, args: Args) -> Said:
    """The statistics of a window that begins with a minute and ends now."""
    asked, match = _symbols(facts, args), _WINDOW.fullmatch(args.get("windowSize", "1d"))
    if asked is None:
        raise Refusal(refused(-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!"))
    if match is None:
        raise Refusal(refused(-1100, "Illegal characters found in parameter 'windowSize'."))
    minutes, hours, days = (int(text or 0) for text in match.groups())
    this_ns = facts.now_ns // _MINUTE * _MINUTE
    start_ns = this_ns - (minutes + 60 * hours + 1440 * days) * _MINUTE
    span_ns = this_ns + _MINUTE - start_ns
    span = Span(span_ns, start_ns % span_ns)
    rows: list[Values] = []
    for one in asked:
        bar = facts.candles(one.id, span, start_ns, None, 1)[0]._replace(end_ns=facts.now_ns)
        values = day_of("symbol", TODAY_REST, "", one.id, Today(bar, bar.open, "0", facts.levels(one.id, 1)))
        rows.append({name: values[name] for name in ("symbol", *_ROLLING)})
    return Said("tickerWindow", rows[0]) if "symbol" in args else Said("tickerWindows", {"[]": rows})


def _symbols_in(args: Args) -> int:
    return 1 if "symbol" in args else args.get("symbols", "").count(",") + 1


def _ticker_weight(one: int, every: int, args: Args) -> int:
    return one if "symbol" in args or "symbols" in args else every


def _no_key(facts: Facts, args: Args) -> Said:
    """Nobody has an account here, so every key is one that is not known."""
    return refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def routes(site: Site) -> tuple[Route, ...]:
    return (
        Route("/api/v3/ping", lambda facts, args: Said("ping")),
        Route("/api/v3/time", lambda facts, args: Said("time", {"serverTime": facts.stamp_ns // MS})),
        Route("/api/v3/exchangeInfo", partial(_info, site), lambda args: site.info),
        Route("/api/v3/depth", _depth, lambda args: costs(site.depth, limit(args, 100, 5000)), snapshot=True),
        Route("/api/v3/trades", _trades, lambda args: site.trades),
        Route("/api/v3/historicalTrades", _historical, lambda args: site.trades),
        Route("/api/v3/aggTrades", _agg_trades, lambda args: site.agg_trades),
        Route("/api/v3/klines", _klines, lambda args: site.bars),
        Route("/api/v3/uiKlines", _klines, lambda args: site.bars),
        Route("/api/v3/avgPrice", _average, lambda args: site.bars),
        Route("/api/v3/ticker", _rolling, lambda args: min(100, 2 * _symbols_in(args)) * site.ticker),
        Route(
            "/api/v3/ticker/24hr",
            partial(
                _each, "ticker24hr",
                lambda facts, id, every: day_of(
                    "symbol", TODAY_REST, "bidPrice bidQty askPrice askQty", id, _today(facts, id, every)
                ),
            ),
            partial(_ticker_weight, site.ticker, site.tickers),
        ),
        Route(
            "/api/v3/ticker/price",
            partial(
                _each, "tickerPrice",
                lambda facts, id, every: {"symbol": id, "price": eight(_today(facts, id, every).whole.close)},
            ),
            partial(_ticker_weight, site.ticker, 2 * site.ticker),
        ),
        Route(
            "/api/v3/ticker/bookTicker",
            partial(
                _each, "tickerBook",
                lambda facts, id, every: {
                    "symbol": id,
                    **best_of(facts.best(id) if every else facts.levels(id, 1), "bidPrice bidQty askPrice askQty"),
                },
            ),
            partial(_ticker_weight, site.ticker, 2 * site.ticker),
        ),
    )  # fmt: skip


# CHANGELOG.md, 2026-03-09: the calls of the first version "will be retired on 2026-03-25". They had been the same as
# the third's since 2019-11-13.
_V1: Final = tuple(
    replace(route, path=f"/api/v1/{name}", until=date(2026, 3, 25))
    for route in routes(MAIN)
    for name in [route.path.removeprefix("/api/v3/")]
    if name not in ("exchangeInfo", "avgPrice", "uiKlines", "ticker")
)

# CHANGELOG.md, 2026-01-21: "will no longer be available starting from 2026-02-20, 07:00 UTC".
_LISTEN_KEY: Final = tuple(
    Route(f"/api/{version}/userDataStream", _no_key, method=method, until=until)
    for version, until in (("v1", date(2026, 3, 25)), ("v3", date(2026, 2, 20)))
    for method in ("POST", "PUT", "DELETE")
)

RETIRED: Final = (*_V1, *_LISTEN_KEY)
