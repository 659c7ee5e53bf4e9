"""HTX's swaps from the server's side: their calls over HTTP. Facts: as in the declaration, which is beside."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.dialect import Args, Facts, Marked, Refusal, Route, Rules, Said, Values, expires_on, paths, whole
from tidebook.model.number import plain
from tidebook.model.wire import MS
from tidebook.venues.htx.dialect_streams import SPANS, bare, bare_rows
from tidebook.venues.htx.swaps.dialect_streams import (
    DEPTHS,
    base_of,
    best_of,
    both,
    candle_of,
    coins,
    fee_asset,
    is_perpetual,
    marked_of,
    number,
    only,
    rate_of,
    taken_of,
)
from tidebook.venues.htx.swaps.wire import MARK_PERIOD

_MOST: Final = 2000
_PAGE: Final = 50


def refused(text: str) -> Said:
    """The market's calls refuse with words."""
    return Said("refused", {"err-msg": text})


def refused_call(code: int, text: str) -> Said:
    """The others with numbers."""
    return Said("refused_call", {"err_code": code, "err_msg": text})


UNKNOWN: Final = refused("contract_code data error or empty")


def id_of(one: Rules) -> str:
    code = f"{one.base}-{one.quote}"
    return code if one.expiry_ns is None else f"{code}-{expires_on(one):%y%m%d}"


def id_asked(args: Args) -> str:
    return args.get("contract_code", "").upper()


def number_of(args: Args, name: str, default: int | None, most: int) -> int:
    return whole(args.get(name, "" if default is None else str(default)), refused(f"invalid {name}"), 1, most)


def _marked(facts: Facts, id: str) -> Marked:
    try:
        return facts.mark(id)
    except KeyError:
        raise Refusal(refused_call(1014, "This contract doesnt exist.")) from None


def _business(one: Rules) -> str:
    return "swap" if one.expiry_ns is None else "futures"


def _linear_contract(one: Rules, mark: Marked) -> Values:
    swap, ends_ns = one.expiry_ns is None, one.expiry_ns or 0
    return {
        "symbol": one.base, "contract_code": one.id, "contract_size": bare(one.contract_size),
        "price_tick": bare(one.tick), "delivery_date": "" if swap else f"{expires_on(one):%Y%m%d}",
        "delivery_time": "" if swap else str(ends_ns // MS),
        "settlement_date": str((mark.funding_ns if swap else ends_ns) // MS),
        "support_margin_mode": "all" if swap else "cross", "business_type": _business(one),
        "pair": f"{one.base}-{one.quote}", "contract_type": "swap" if swap else "quarter",
    }  # fmt: skip


def _inverse_contract(one: Rules, mark: Marked) -> Values:
    return {
        "symbol": one.base, "contract_code": one.id, "contract_size": bare(one.contract_size),
        "price_tick": bare(one.tick), "settlement_date": str(mark.funding_ns // MS),
    }  # fmt: skip


def _contracts(linear: bool, facts: Facts, args: Args) -> Said:
    wanted = args.get("business_type", "swap")
    row = _linear_contract if linear else _inverse_contract
    rows = [row(one, facts.mark(one.id)) for one in facts.listed() if wanted in ("all", _business(one))]
    return Said("contracts" if linear else "contracts_inverse", {"ts": facts.now_ns // MS, "data[]": rows})


def _stamped(facts: Facts, args: Args, ending: str) -> Values:
    return {"ch": f"market.{id_asked(args)}.{ending}", "ts": facts.now_ns // MS}


def _book(facts: Facts, args: Args) -> Said:
    kind = args.get("type", "")
    if kind not in DEPTHS:
        raise Refusal(refused(f"invalid type:{kind}"))
    id, topic = id_asked(args), f"depth.{kind}"
    one = facts.levels(id, DEPTHS[kind])
    second = one.at_ns // SECOND
    tick = {
        "bids": bare_rows(one.bids), "asks": bare_rows(one.asks), "ch": f"market.{id}.{topic}", "id": second,
        "mrid": one.last, "ts": one.at_ns // MS, "version": second,
    }  # fmt: skip
    return Said("rest_depth", {**_stamped(facts, args, topic), **paths("tick", tick)})


def _trades(linear: bool, facts: Facts, args: Args) -> Said:
    some = facts.takers(id_asked(args), number_of(args, "size", None, _MOST))
    rows = [taken_of(id_asked(args), one, linear=linear) for one in reversed(some)]
    return Said("rest_trades", {**_stamped(facts, args, "trade.detail"), "data[]": rows})


def _klines(linear: bool, facts: Facts, args: Args) -> Said:
    """The oldest first; of more than 2000 there are none."""
    period = args.get("period", "")
    if period not in SPANS or period == "1year":
        raise Refusal(refused("invalid period"))
    if "size" in args:
        bars = facts.candles(id_asked(args), SPANS[period], None, None, number_of(args, "size", None, _MOST))
    else:
        first, last = (number_of(args, name, None, 10**11) for name in ("from", "to"))
        bars = facts.candles(id_asked(args), SPANS[period], first * SECOND, (last + 1) * SECOND, _MOST + 1)
        bars = [] if len(bars) > _MOST else bars
    rows = [candle_of(id_asked(args), one, linear=linear) for one in bars]
    return Said("rest_kline", {**_stamped(facts, args, f"kline.{period}"), "data[]": rows})


def _merged(linear: bool, facts: Facts, args: Args) -> Said:
    day, id = facts.today(id_asked(args)), id_asked(args)
    one = day.whole
    tick = {
        "amount": plain(2 * coins(id, one.volume, one.turnover, linear=linear)), "ask": best_of(day.best.asks),
        "bid": best_of(day.best.bids), "count": one.trades, "vol": plain(both(one.volume)),
        "trade_turnover": only(plain(both(one.turnover)), linear=linear), "ts": facts.now_ns // MS,
        "id": facts.now_ns // SECOND,
        **{name: plain(Decimal(getattr(one, name))) for name in ("open", "close", "high", "low")},
    }  # fmt: skip
    return Said("rest_merged", {**_stamped(facts, args, "detail.merged"), **paths("tick", tick)})


def _tickers(linear: bool, facts: Facts, args: Args) -> Said:
    rows: list[Values] = []
    for one in facts.listed():
        if _business(one) != args.get("business_type", "swap"):
            continue
        day = facts.glance(one.id)
        whole = day.whole
        turnover, volume = plain(both(whole.turnover)), plain(both(whole.volume))
        rows.append({
            "contract_code": one.id, "id": facts.now_ns // SECOND, "ts": facts.now_ns // MS,
            "bid": best_of(day.best.bids), "ask": best_of(day.best.asks), "count": whole.trades,
            "amount": plain(2 * coins(one.id, whole.volume, whole.turnover, linear=linear)),
            **({"vol": turnover, "number_of": volume} if linear else {"vol": volume}),
            **{name: plain(Decimal(getattr(whole, name))) for name in ("open", "close", "high", "low")},
        })  # fmt: skip
    return Said("rest_tickers" if linear else "rest_tickers_inverse", {"ts": facts.now_ns // MS, "ticks[]": rows})


def _mark_klines(facts: Facts, args: Args) -> Said:
    if args.get("period") != MARK_PERIOD:
        raise Refusal(refused("invalid period"))
    number_of(args, "size", None, _MOST)
    try:
        mark = facts.mark(id_asked(args))
    except KeyError:
        raise Refusal(refused("invalid  symbol")) from None
    return Said("rest_mark", {**_stamped(facts, args, f"mark_price.{MARK_PERIOD}"), "data[]": [marked_of(mark)]})


def _rate(linear: bool, id: str, mark: Marked) -> Values:
    return {
        "contract_code": id, "symbol": base_of(id), "fee_asset": fee_asset(id, linear=linear),
        "funding_rate": rate_of(mark.rate), "funding_time": str(mark.funding_ns // MS),
    }  # fmt: skip


def _funding_now(linear: bool, facts: Facts, args: Args) -> Said:
    data = _rate(linear, id_asked(args), perpetual(facts, id_asked(args)))
    return Said("funding_now", {"ts": facts.now_ns // MS, **paths("data", data)})


def _funding_of_all(linear: bool, facts: Facts, args: Args) -> Said:
    """Of one that is asked for, or of all."""
    ids = [id_asked(args)] if "contract_code" in args else [one.id for one in facts.listed() if is_perpetual(one.id)]
    rows = [_rate(linear, id, perpetual(facts, id)) for id in ids]
    return Said("funding_of_all", {"ts": facts.now_ns // MS, "data[]": rows})


def perpetual(facts: Facts, id: str) -> Marked:
    """What is derived for a contract that is charged funding. Raises Refusal for any other."""
    mark = _marked(facts, id)
    if not is_perpetual(id):
        raise Refusal(refused_call(1014, "This contract doesnt exist."))
    return mark


def _funding_past(linear: bool, facts: Facts, args: Args) -> Said:
    """Pages by number, the newest first."""
    id = id_asked(args)
    perpetual(facts, id)
    page, size = number_of(args, "page_index", 1, 10**6), number_of(args, "page_size", 20, _PAGE)
    every = facts.funding(id, None, None, 10_000)[::-1]
    rows = [
        {
            "contract_code": id, "symbol": base_of(id), "fee_asset": fee_asset(id, linear=linear),
            "funding_rate": rate_of(one.rate), "funding_time": str(one.at_ns // MS),
        }
        for one in every[(page - 1) * size : page * size]
    ]  # fmt: skip
    data = {"total_page": -(-len(every) // size), "current_page": page, "total_size": len(every), "data[]": rows}
    return Said("funding_past", {"ts": facts.now_ns // MS, **paths("data", data)})


def open_of(linear: bool, facts: Facts, id: str) -> tuple[Decimal, Decimal, Decimal]:
    """What is open: contracts, coins, and the price of one."""
    mark = _marked(facts, id)
    size, price = Decimal(mark.open_interest), Decimal(mark.price)
    contract = next(Decimal(one.contract_size) for one in facts.listed() if one.id == id)
    return size, size * contract if linear else round(size * contract / price, 18), price


def _interest(linear: bool, facts: Facts, args: Args) -> Said:
    """The worth of an inverse contract in coins is so many dollars by their price; trades of the day are none."""
    id = id_asked(args)
    size, amount, price = open_of(linear, facts, id)
    zero = number("0")
    row: dict[str, object] = {
        "volume": number(size), "amount": number(amount), "symbol": base_of(id), "contract_code": id,
        "trade_amount": zero, "trade_volume": zero, "trade_turnover": zero,
    }  # fmt: skip
    if linear:
        swap = is_perpetual(id)
        row |= {
            "value": number(amount * price), "pair": "-".join(id.split("-")[:2]),
            "business_type": "swap" if swap else "futures", "contract_type": "swap" if swap else "quarter",
        }  # fmt: skip
    return Said("open_interest" if linear else "open_interest_inverse", {"ts": facts.now_ns // MS, "data[]": [row]})


def routes(*, linear: bool) -> tuple[Route, ...]:
    api, market = ("/linear-swap-api/v1", "/linear-swap-ex/market") if linear else ("/swap-api/v1", "/swap-ex/market")
    kind = "linear_swap" if linear else "swap"

    def of(answer: Callable[[bool, Facts, Args], Said]) -> Callable[[Facts, Args], Said]:
        return partial(answer, linear)

    return (
        Route(f"{api}/swap_contract_info", of(_contracts)),
        Route("/api/v1/timestamp", lambda facts, args: Said("timestamp", {"ts": facts.stamp_ns // MS})),
        Route(f"{market}/depth", _book),
        Route(f"{market}/history/trade", of(_trades)),
        Route(f"{market}/history/kline", of(_klines)),
        Route(f"{market}/detail/merged", of(_merged)),
        Route(f"{'/v2' if linear else ''}{market}/detail/batch_merged", of(_tickers)),
        Route(f"/index/market/history/{kind}_mark_price_kline", _mark_klines),
        Route(f"{api}/swap_funding_rate", of(_funding_now)),
        Route(f"{api}/swap_batch_funding_rate", of(_funding_of_all)),
        Route(f"{api}/swap_historical_funding_rate", of(_funding_past)),
        Route(f"{api}/swap_open_interest", of(_interest)),
    )
