"""Bybit: its REST calls. Facts: bybit-exchange/docs v5 as of 2026-07-24 (Market), and its changelog up to 2026-09-10.

All four markets are at the same paths, told apart by `category`.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from tidebook.core.rest import Instruments, get, instrument, interval, last_ms, listed
from tidebook.engine import exact
from tidebook.errors import DecodeError, UsageError
from tidebook.model import facts
from tidebook.model.number import parse
from tidebook.model.symbol import canonical
from tidebook.model.wire import MS, Ms, Num, decode
from tidebook.venue import Call, Pool, Question, Request, Seen
from tidebook.venues.bybit import wire

HOST: Final = "https://api.bybit.com"
# "600 requests within a 5-second window per IP", of all paths together.
REST: Final = Pool("bybit.rest", "ip", 600, 5)

Category = Literal["spot", "linear", "inverse", "option"]
T = TypeVar("T")
S = TypeVar("S", bound="Sizes")
C = TypeVar("C", bound="Coins")
Stamp = Annotated[str, msgspec.Meta(pattern="^[0-9]{13}$")]
"""Milliseconds as text."""
Nanos = Annotated[str, msgspec.Meta(pattern="^[0-9]{19}$")]


class Answer(msgspec.Struct, Generic[T]):
    """The form of all answers."""

    result: T
    time: Ms


class Page(msgspec.Struct, Generic[T], rename={"rows": "list", "cursor": "nextPageCursor"}):
    """A list, and where it has pages the word that leads to the next one; none, or an empty one, on the last."""

    rows: list[T]
    cursor: str | None = None


class Cursor(msgspec.Struct, rename={"cursor": "nextPageCursor"}):
    cursor: str | None = None


class Clock(msgspec.Struct, rename={"nanos": "timeNano"}):
    nanos: Nanos


class Prices(msgspec.Struct, rename={"tick": "tickSize"}):
    tick: Num


class Sizes(msgspec.Struct, rename={"step": "qtyStep", "least": "minOrderQty", "most": "maxOrderQty"}):
    step: Num
    least: Num
    most: Num


class LinearSizes(Sizes, rename={"notional": "minNotionalValue"}):
    notional: Num


class SpotSizes(
    msgspec.Struct, rename={"step": "basePrecision", "most": "maxLimitOrderQty", "notional": "minOrderAmt"}
):
    """Its `minOrderQty` is not checked any more."""

    step: Num
    most: Num
    notional: Num


class Coins(
    msgspec.Struct,
    rename={"base": "baseCoin", "quote": "quoteCoin", "prices": "priceFilter"},
):
    """What all rows of instruments-info have."""

    symbol: str
    status: str
    base: str
    quote: str
    prices: Prices


class Pair(Coins, rename={"sizes": "lotSizeFilter"}):
    sizes: SpotSizes


class Contract(
    Coins,
    Generic[S],
    rename={"settle": "settleCoin", "type": "contractType", "ends": "deliveryTime", "sizes": "lotSizeFilter"},
):
    """Of a perpetual `deliveryTime` is 0, or when it will be delisted."""

    settle: str
    type: Literal["LinearPerpetual", "LinearFutures", "InversePerpetual", "InverseFutures"]
    ends: wire.Due
    sizes: S


class Option(
    Coins,
    rename={"settle": "settleCoin", "right": "optionsType", "ends": "deliveryTime", "sizes": "lotSizeFilter"},
):
    """Its strike is in its name alone."""

    settle: str
    right: Literal["Call", "Put"]
    ends: Stamp
    sizes: Sizes


class TradeRow(msgspec.Struct, rename={"id": "execId", "at": "time"}):
    id: wire.TradeId
    symbol: str
    price: Num
    size: Num
    side: Literal["Buy", "Sell"]
    at: Stamp


class FundingRow(msgspec.Struct, rename={"rate": "fundingRate", "at": "fundingRateTimestamp"}):
    symbol: str
    rate: Num
    at: Stamp


class SpotRow(
    wire.Spot,
    rename={"bid": "bid1Price", "bid_size": "bid1Size", "ask": "ask1Price", "ask_size": "ask1Size"},
):
    """One of tickers: as in the stream, with the best prices."""

    bid: Num
    bid_size: Num
    ask: Num
    ask_size: Num


class OptionRow(
    wire.Option,
    rename={
        "bid": "bid1Price", "bid_iv": "bid1Iv", "ask": "ask1Price", "ask_iv": "ask1Iv", "mark_iv": "markIv"
    },
):  # fmt: skip
    """One of tickers: as in the stream, under other names."""

    bid: Num
    bid_iv: Num
    ask: Num
    ask_iv: Num
    mark_iv: Num


CandleRow = tuple[Stamp, Num, Num, Num, Num, Num, Num]

_TIME = msgspec.json.Decoder(Answer[Clock])
_CURSOR = msgspec.json.Decoder(Answer[Cursor])
_TRADES = msgspec.json.Decoder(Answer[Page[TradeRow]])
_CANDLES = msgspec.json.Decoder(Answer[Page[CandleRow]])
_FUNDING = msgspec.json.Decoder(Answer[Page[FundingRow]])
_LIST = msgspec.json.Decoder(Answer[Page[msgspec.Raw]])
_PAIR = msgspec.json.Decoder(Pair)
_LINEAR = msgspec.json.Decoder(Contract[LinearSizes])
_INVERSE = msgspec.json.Decoder(Contract[Sizes])
_OPTION = msgspec.json.Decoder(Option)
_SPOT_ROWS = msgspec.json.Decoder(Answer[Page[SpotRow]])
_CONTRACT_ROWS = msgspec.json.Decoder(Answer[Page[wire.Contract]])
_OPTION_ROWS = msgspec.json.Decoder(Answer[Page[OptionRow]])
_RIGHTS: Final[dict[str, facts.Right]] = {"Call": "call", "Put": "put"}


# ---- instruments


def _instrument(
    one: Pair | Contract[Any] | Option, kind: Category, venue: str, notional: Num | None, **more: Any
) -> facts.Instrument:
    sizes = one.sizes
    names = {name: more[name] for name in ("settle", "expiry_ns", "strike", "right") if name in more}
    return facts.Instrument(
        venue=venue, symbol=canonical(one.base, one.quote, **names), id=one.symbol, base=one.base, quote=one.quote,
        kind=kind, active=one.status == "Trading", status=one.status, tick=parse(one.prices.tick),
        step=parse(sizes.step), max_size=parse(sizes.most), min_notional=None if notional is None else parse(notional),
        size_unit="contract" if kind == "inverse" else one.base, **more,
    )  # fmt: skip


def _list(
    decoder: msgspec.json.Decoder[C], make: Callable[[C, str], facts.Instrument]
) -> Callable[[bytes, str], Instruments]:
    return lambda body, venue: listed(decode(_LIST, body).result.rows, decoder, lambda one: make(one, venue))


def _pair(one: Pair, venue: str) -> facts.Instrument:
    return _instrument(one, "spot", venue, one.sizes.notional)


def _contract(kind: Category, one: Contract[Any], venue: str) -> facts.Instrument:
    """An inverse one is one US dollar."""
    dated = one.type.endswith("Futures")
    if dated and len(one.ends) != 13:
        raise DecodeError("missing", f"{one.symbol[:40]}: no time of delivery")
    notional = one.sizes.notional if isinstance(one.sizes, LinearSizes) else None
    return _instrument(
        one, kind, venue, notional, settle=one.settle, expiry_ns=int(one.ends) * MS if dated else None,
        min_size=parse(one.sizes.least), contract_size=parse("1") if kind == "inverse" else None,
    )  # fmt: skip


def _option(one: Option, venue: str) -> facts.Instrument:
    words = one.symbol.split("-")
    if len(words) not in (4, 5) or words[3] != one.right[0]:
        raise DecodeError("malformed", f"{one.symbol[:40]!r} is no {one.right.lower()}")
    return _instrument(
        one, "option", venue, None, settle=one.settle, expiry_ns=int(one.ends) * MS, strike=parse(words[2]),
        right=_RIGHTS[one.right], min_size=parse(one.sizes.least),
    )  # fmt: skip


INSTRUMENTS: Final[dict[Category, Callable[[bytes, str], Instruments]]] = {
    "spot": _list(_PAIR, _pair),
    "linear": _list(_LINEAR, partial(_contract, "linear")),
    "inverse": _list(_INVERSE, partial(_contract, "inverse")),
    "option": _list(_OPTION, _option),
}


def further(request: Request, body: bytes) -> Request | None:
    """The next page."""
    cursor = decode(_CURSOR, body).result.cursor
    url, _, _ = request.url.partition("&cursor=")
    return replace(request, url=f"{url}&cursor={quote(cursor, safe='')}") if cursor else None


# ---- facts


def _trades(body: bytes, seen: Seen, question: Question) -> list[facts.Trade]:
    """Oldest first; the venue sends the newest first."""
    rows = [
        facts.Trade(
            seen.venue, seen.symbol(one.symbol), int(one.at) * MS, seen.received_ns, one.id, wire.SIDES[one.side],
            exact(one.price), exact(one.size),
        )
        for one in reversed(decode(_TRADES, body).result.rows)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.venue_ns or 0)


def _bars(whole: bool, body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    """Oldest first; the venue sends the newest first. With `whole` the turnover is told."""
    answer, symbol = decode(_CANDLES, body), seen.symbol(instrument(question))
    span = wire.SPANS[wire.INTERVALS[interval(question, wire.INTERVALS)]]
    found: list[facts.Bar] = []
    for at, first, high, low, close, volume, turnover in reversed(answer.result.rows):
        start_ns, paid = int(at) * MS, exact(turnover)
        found.append(
            facts.Bar(
                venue=seen.venue, symbol=symbol, venue_ns=answer.time * MS, received_ns=seen.received_ns,
                interval=question.interval or "", start_ns=start_ns, finished=span.after(start_ns) <= answer.time * MS,
                exact_open=exact(first), exact_high=exact(high), exact_low=exact(low), exact_close=exact(close),
                exact_volume=exact(volume), exact_turnover=paid if whole else None,
            )
        )  # fmt: skip
    return found


def _funding(body: bytes, seen: Seen, question: Question) -> list[facts.Funding]:
    return [
        facts.Funding(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=int(one.at) * MS, received_ns=seen.received_ns,
            exact_rate=exact(one.rate), funding_ns=int(one.at) * MS, settled=True,
        )
        for one in reversed(decode(_FUNDING, body).result.rows)
    ]  # fmt: skip


def _spot_row(one: SpotRow, at_ns: int, seen: Seen) -> facts.Ticker:
    bid, ask = wire.best(one.bid, one.bid_size), wire.best(one.ask, one.ask_size)
    return wire.spot_day(one, at_ns, seen, bid, ask)


def _complete(read: Callable[[wire.Contract, int, Seen], Any], one: wire.Contract, at_ns: int, seen: Seen) -> Any:
    """Over REST nothing is left out, but for what is newer than its description."""
    for name in one.__struct_fields__:
        if name != "hours" and getattr(one, name) is None:
            raise DecodeError("missing", f"{one.symbol[:40]}: no {name}")
    return read(one, at_ns, seen)


def _due(one: wire.Contract, at_ns: int, seen: Seen) -> facts.Funding:
    found = wire.funding(one, at_ns, seen)
    if not found:
        raise UsageError(f"{one.symbol[:40]} is delivered on a day: it has no funding", venue=seen.venue)
    return found[0]


Decoder = msgspec.json.Decoder[Any]
Read = Callable[[Any, int, Seen], Any]


def _each(decoder: Decoder, read: Read, body: bytes, seen: Seen, question: Question) -> list[Any]:
    answer = decode(decoder, body)
    return [read(one, answer.time * MS, seen) for one in answer.result.rows]


def _only(decoder: Decoder, read: Read, body: bytes, seen: Seen, question: Question) -> Any:
    rows = _each(decoder, read, body, seen, question)
    if len(rows) != 1:
        raise DecodeError("missing", f"{len(rows)} rows of {instrument(question)}")
    return rows[0]


# ---- questions


def _until(category: Category, path: str, question: Question, **more: str | int | None) -> Request:
    if question.start_ns is not None:
        raise UsageError(f"bybit.{category} is asked until an instant, not from one")
    return get(f"{HOST}/v5/market/{path}", category=category, symbol=instrument(question), **more)


def _bars_request(category: Category, question: Question) -> Request:
    word = wire.INTERVALS[interval(question, wire.INTERVALS)]
    return _until(category, "kline", question, interval=word, end=last_ms(question), limit=question.limit)


def _funding_request(category: Category, question: Question) -> Request:
    return _until(category, "funding/history", question, endTime=last_ms(question), limit=question.limit)


def calls(category: Category) -> tuple[Call, ...]:
    """Of one market. Options have no bars; all their tickers can be asked for by currency only, and are not."""
    spot, option, whole = category == "spot", category == "option", category != "inverse"
    rows: Decoder = _SPOT_ROWS if spot else _OPTION_ROWS if option else _CONTRACT_ROWS

    def full(read: Read) -> Read:
        return read if spot or option else partial(_complete, read)

    day: Read = _spot_row if spot else wire.option_day if option else full(partial(wire.contract_day, whole))

    def ask(path: str, question: Question, **more: str | int | None) -> Request:
        return get(f"{HOST}/v5/market/{path}", category=category, **more)

    def of_one(path: str, question: Question) -> Request:
        return ask(path, question, symbol=instrument(question))

    def many(path: str, question: Question) -> Request:
        return ask(path, question, symbol=instrument(question), limit=question.limit)

    def call(name: str, request: Any, read: Any, most: int | None = None, **more: Any) -> Call:
        return Call(name, request, read, REST.name, lambda question: 1, most, **more)

    pages = {} if spot else {"limit": 1000, "baseCoin": "All" if option else None}
    found = [
        call(
            "instruments",
            lambda question: ask("instruments-info", question, **pages),
            lambda body, seen, question: INSTRUMENTS[category](body, seen.venue),
            more=None if spot else further,
        ),
        call(
            "time",
            lambda question: get(f"{HOST}/v5/market/time"),
            lambda body, seen, question: int(decode(_TIME, body).result.nanos),
        ),
        call("book", partial(_book_request, many, category), lambda body, seen, question: body, LEVELS[category]),
        call("trades", partial(many, "recent-trade"), _trades, 60 if spot else 1000),
        call("ticker", partial(of_one, "tickers"), partial(_only, rows, day)),
    ]
    if not option:
        found.append(call("tickers", lambda question: ask("tickers", question), partial(_each, rows, day)))
        found.append(call("bars", partial(_bars_request, category), partial(_bars, whole), 1000, ranges="until"))
    if not spot:
        interest = full(partial(wire.open_interest, whole))
        found.append(call("mark_price", partial(of_one, "tickers"), partial(_only, rows, full(wire.mark_price))))
        found.append(call("open_interest", partial(of_one, "tickers"), partial(_only, rows, interest)))
    if category in ("linear", "inverse"):
        found.append(call("funding", partial(_funding_request, category), _funding, 200, ranges="until"))
        found.append(call("funding_now", partial(of_one, "tickers"), partial(_only, rows, full(_due))))
    return tuple(found)


LEVELS: Final[dict[Category, int]] = {"spot": 1000, "linear": 1000, "inverse": 1000, "option": 25}


def _book_request(many: Callable[[str, Question], Request], category: Category, question: Question) -> Request:
    """Without a limit it gives one level, or 25."""
    return many("orderbook", replace(question, limit=question.limit or LEVELS[category]))
