"""OKX from the server's side: its calls over HTTP. Facts: OKX API v5, market and public data, as of 2026-09."""

from collections.abc import Callable
from functools import partial
from typing import Final

from tidebook.core.dialect import Args, Facts, Marked, Refusal, Route, Rules, Said, Sold, Values, whole
from tidebook.model.wire import MS
from tidebook.venues.okx.dialect_streams import (
    SPANS,
    bare,
    book_of,
    candle_of,
    contract_of,
    day_of,
    interest_of,
    mark_of,
    rate_of,
)
from tidebook.venues.okx.rest import BARS, FORTY, HUNDRED, LEVELS, TEN
from tidebook.venues.okx.wire import kind_of

KINDS: Final = ("SPOT", "SWAP", "FUTURES", "OPTION")
NEWEST: Final = 1440  # bars that candles goes back


def refused(code: str, text: str, status: int = 200) -> Said:
    return Said("error", {"code": code, "msg": text}, status)


def _given(args: Args, name: str) -> str:
    if not args.get(name):
        raise Refusal(refused("50014", f"Parameter {name} can not be empty", 400))
    return args[name]


def _number(args: Args, name: str, default: int | None = None, most: int | None = None) -> int | None:
    """Of instants and ids, where no `most` is said: fifteen digits."""
    text = args.get(name, "")
    if not text:
        return default
    least, most = (0, 10**15 - 1) if most is None else (1, most)
    return whole(text, refused("51000", f"Parameter {name} error", 400), least, most)


def _limit(args: Args, most: int, usual: int = 100, name: str = "limit") -> int:
    return min(_number(args, name, usual) or usual, most)


def _kind(args: Args) -> str:
    kind = _given(args, "instType")
    if kind not in KINDS:
        raise Refusal(refused("51000", "Parameter instType error", 400))
    return kind


def _of_kind(facts: Facts, args: Args, *, whole: bool) -> list[Rules]:
    """Those that are asked for; `whole`: of options a family has to be named."""
    kind, family, id = _kind(args), args.get("instFamily") or args.get("uly"), args.get("instId")
    if whole and kind == "OPTION" and not family:
        raise Refusal(refused("50014", "Parameter instFamily can not be empty", 400))
    found = [
        one
        for one in facts.listed()
        if kind_of(one.id) == kind and id in (None, one.id) and (not family or _family(one) == family)
    ]
    if id and not found:
        raise Refusal(refused("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."))
    return found


def _family(one: Rules) -> str:
    return f"{one.base}-{one.quote}"


def _instrument(one: Rules) -> Values:
    values: dict[str, object] = {
        "instType": kind_of(one.id), "instId": one.id, "tickSz": bare(one.tick), "lotSz": bare(one.step),
        "minSz": bare(one.step),
    }  # fmt: skip
    if one.kind == "spot":
        return {**values, "baseCcy": one.base, "quoteCcy": one.quote}
    inverse, expires = one.kind == "inverse", "" if one.expiry_ns is None else str(one.expiry_ns // MS)
    value, times = ("1", contract_of(one.base)) if one.kind == "option" else (one.contract_size, "1")
    return {
        **values, "uly": _family(one), "instFamily": _family(one), "settleCcy": one.settle, "ctVal": value,
        "ctMult": times, "ctValCcy": one.quote if inverse else one.base,
        "ctType": "" if one.kind == "option" else one.kind, "expTime": expires, "stk": one.strike,
        "optType": {"": "", "call": "C", "put": "P"}[one.right], "alias": "next_quarter" if expires else "",
    }  # fmt: skip


def codes(facts: Facts) -> dict[str, int]:
    """The numbers that stand for ids: here the places in the list."""
    return {one.id: 10_000 + place for place, one in enumerate(facts.listed())}


def _instruments(facts: Facts, args: Args) -> Said:
    numbers = codes(facts)
    rows = [{**_instrument(one), "instIdCode": numbers[one.id]} for one in _of_kind(facts, args, whole=True)]
    return Said("instruments", {"data[]": rows})


def _books(facts: Facts, args: Args) -> Said:
    # It is served from memory, a little behind the stream.
    levels = facts.levels(_given(args, "instId"), _number(args, "sz", 1, LEVELS), lag=0.05)
    return Said("market_books", {f"data.0.{path}": value for path, value in book_of(levels).items()})


def _trade(id: str, one: Sold) -> Values:
    return {
        "instId": id, "tradeId": str(one.id), "px": bare(one.price), "sz": bare(one.size), "side": one.taker,
        "ts": str(one.at_ns // MS),
    }  # fmt: skip


def _trades(facts: Facts, args: Args) -> Said:
    id = _given(args, "instId")
    some = facts.trades(id, _limit(args, 500))
    return Said("market_trades", {"data[]": [_trade(id, one) for one in reversed(some)]})


def _candles(newest: bool, facts: Facts, args: Args) -> Said:
    """The newest between two instants, both exclusive, newest first; `newest`: of the last 1440 alone."""
    id, bar = _given(args, "instId"), args.get("bar") or "1m"
    span, after, before = SPANS.get(bar), _number(args, "after"), _number(args, "before")
    if span is None:
        raise Refusal(refused("51000", "Parameter bar error", 400))
    end_ns = None if after is None else after * MS - 1
    bars = facts.candles(id, span, None, end_ns, _limit(args, 300 if newest else BARS))
    since_ns = 0 if before is None else before * MS + 1
    if newest:
        since_ns = max(since_ns, span.after(span.opening(facts.now_ns), 1 - NEWEST))
    rows = [candle_of(id, one) for one in reversed(bars) if one.start_ns >= since_ns]
    return Said("candles", {"data[]": rows})


def _ticker(facts: Facts, args: Args) -> Said:
    id = _given(args, "instId")
    return Said("market_tickers", {"data[]": [day_of(id, facts.now_ns, facts.today(id))]})


def _tickers(facts: Facts, args: Args) -> Said:
    rows = [day_of(one.id, facts.now_ns, facts.glance(one.id)) for one in _of_kind(facts, args, whole=False)]
    return Said("market_tickers", {"data[]": rows})


def _perpetual(facts: Facts, args: Args) -> Marked:
    mark = facts.mark(_given(args, "instId"))
    if not mark.rate:
        raise Refusal(refused("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."))
    return mark


def _rate(facts: Facts, args: Args) -> Said:
    mark = _perpetual(facts, args)
    return Said("public_funding-rate", {"data[]": [rate_of(args["instId"], mark)]})


def _rates(facts: Facts, args: Args) -> Said:
    """The newest, newest first; what was expected is not remembered here: it is what was charged."""
    _perpetual(facts, args)
    after, before = _number(args, "after"), _number(args, "before")
    end_ns = None if after is None else after * MS
    some = facts.funding(args["instId"], None, end_ns, _limit(args, 100))
    rows = [
        {
            "instId": args["instId"], "fundingRate": bare(one.rate), "realizedRate": bare(one.rate),
            "fundingTime": str(one.at_ns // MS),
        }
        for one in reversed(some)
        if before is None or one.at_ns > before * MS
    ]  # fmt: skip
    return Said("funding-rate-history", {"data[]": rows})


def _marked(name: str, row: Callable[[str, Marked], Values], whole: bool, facts: Facts, args: Args) -> Said:
    if not whole and args.get("instId"):  # clients ask for a mark price by its id alone
        args = {"instType": kind_of(args["instId"]), **args}
    some = _of_kind(facts, args, whole=whole and not args.get("instId"))
    return Said(name, {"data[]": [row(one.id, facts.mark(one.id)) for one in some if one.kind != "spot"]})


_API: Final = "/api/v5"
ROUTES: Final = (
    Route(
        f"{_API}/public/time", lambda facts, args: Said("time", {"data.0.ts": str(facts.stamp_ns // MS)}), pool=TEN.name
    ),
    Route(f"{_API}/public/instruments", _instruments),
    Route(f"{_API}/public/funding-rate", _rate),
    Route(f"{_API}/public/funding-rate-history", _rates, pool=TEN.name),
    Route(f"{_API}/public/mark-price", partial(_marked, "public_mark-price", mark_of, False), pool=TEN.name),
    Route(f"{_API}/public/open-interest", partial(_marked, "public_open-interest", interest_of, True)),
    Route(f"{_API}/market/books", _books, snapshot=True, pool=FORTY.name),
    Route(f"{_API}/market/trades", _trades, pool=HUNDRED.name),
    Route(f"{_API}/market/candles", partial(_candles, True), pool=FORTY.name),
    Route(f"{_API}/market/history-candles", partial(_candles, False)),
    Route(f"{_API}/market/ticker", _ticker),
    Route(f"{_API}/market/tickers", _tickers),
)
