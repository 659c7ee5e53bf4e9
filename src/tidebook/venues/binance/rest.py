"""Binance spot: its REST calls, and what its answers mean. Facts: rest-api.md, filters.md, errors.md, 2026-07-21."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from tidebook.core.rest import LONGEST, first_ms, get, instrument, interval, last_ms, refusal, retry_after, wait
from tidebook.errors import (
    Banned,
    ClockRefused,
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    NotPermitted,
    OrderNotFound,
    OrderRejected,
    PostOnlyWouldTake,
    RateLimited,
    RegionRefused,
    SignatureRefused,
    TidebookError,
    UnknownSymbol,
    VenueError,
)
from tidebook.model import facts
from tidebook.model.wire import MS, Code, Count, Ms, decode
from tidebook.venue import Answers, Call, Pool, Question, Reply, Request, Seen
from tidebook.venues.binance import wire

API: Final = "https://api.binance.com/api/v3"
WEIGHT: Final = Pool("binance.weight", "ip", 6000, 60)

TradeRow = TypeVar("TradeRow", wire.TradeRow, wire.AggTrade)


class ExchangeInfo(msgspec.Struct):
    symbols: list[wire.Symbol]


class RateLimit(msgspec.Struct, rename={"kind": "rateLimitType", "count": "intervalNum"}):
    kind: str
    interval: str
    count: Count
    limit: Count


class RateLimits(msgspec.Struct, rename={"rows": "rateLimits"}):
    rows: list[RateLimit]


class ServerTime(msgspec.Struct, rename={"at": "serverTime"}):
    at: Ms


_INFO = msgspec.json.Decoder(ExchangeInfo)
_LIMITS = msgspec.json.Decoder(RateLimits)
_TIME = msgspec.json.Decoder(ServerTime)
_TRADES = msgspec.json.Decoder(list[wire.TradeRow])
_AGG_TRADES = msgspec.json.Decoder(list[wire.AggTrade])
_KLINES = msgspec.json.Decoder(list[wire.KlineRow])
_TICKER = msgspec.json.Decoder(wire.TickerRow)
_TICKERS = msgspec.json.Decoder(list[wire.TickerRow])


def _read_bars(body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    """Oldest first. A row does not say whether it is finished: it is when another follows, or its end has passed."""
    symbol, rows = seen.symbol(instrument(question)), decode(_KLINES, body)
    return [
        wire.bar(
            one, symbol, question.interval or "", seen, None,
            finished=place < len(rows) or one.end * MS < seen.received_ns,
        )
        for place, one in enumerate(rows, 1)
    ]  # fmt: skip


def _read_trades(
    decoder: msgspec.json.Decoder[list[TradeRow]], make: Callable[[TradeRow, str, Seen], facts.Trade],
    body: bytes, seen: Seen, question: Question,
) -> list[facts.Trade]:  # fmt: skip
    symbol = seen.symbol(instrument(question))
    return [make(one, symbol, seen) for one in decode(decoder, body)]


def levels_weight(limit: int) -> int:
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _of_symbol(path: str, question: Question) -> Request:
    return get(f"{API}/{path}", symbol=instrument(question).upper(), limit=question.limit)


depth = partial(_of_symbol, "depth")


def _bars(question: Question) -> Request:
    return get(
        f"{API}/klines", symbol=instrument(question).upper(), interval=interval(question, wire.INTERVALS),
        startTime=first_ms(question), endTime=last_ms(question), limit=question.limit,
    )  # fmt: skip


def _agg_trades(question: Question) -> Request:
    return get(
        f"{API}/aggTrades", symbol=instrument(question).upper(),
        startTime=first_ms(question), endTime=last_ms(question), limit=question.limit,
    )  # fmt: skip


def _instruments(question: Question) -> Request:
    # The sets of permissions are most of this body, and nothing here reads them (change log, 2024-10-17).
    symbol = None if question.instrument is None else question.instrument.upper()
    return get(f"{API}/exchangeInfo", symbol=symbol, showPermissionSets="false")


def _call(
    name: str,
    request: Callable[[Question], Request],
    read: Callable[[bytes, Seen, Question], Any],
    weight: int | Callable[[Question], int],
    most: int | None = None,
    ranges: bool = False,
    limits: Callable[[bytes], Mapping[str, int]] | None = None,
) -> Call:
    cost = weight if callable(weight) else lambda question: weight
    return Call(name, request, read, WEIGHT.name, cost, most, ranges, limits)


_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "DAY": 86_400}


def limits(body: bytes) -> Mapping[str, int]:
    """The weight of a minute, as /exchangeInfo publishes it; nothing where the list is not as documented."""
    try:
        rows = decode(_LIMITS, body).rows
    except DecodeError:
        return {}
    weight = ("REQUEST_WEIGHT", WEIGHT.per)
    published = [one.limit for one in rows if (one.kind, _SECONDS.get(one.interval, 0) * one.count) == weight]
    return {WEIGHT.name: published[0]} if published else {}


CALLS: Final = (
    _call(
        "instruments",
        _instruments,
        lambda body, seen, question: [wire.instrument(one, seen.venue) for one in decode(_INFO, body).symbols],
        20,
        limits=limits,
    ),
    _call("time", lambda question: get(f"{API}/time"), lambda body, seen, question: decode(_TIME, body).at * MS, 1),
    _call(
        "book", depth, lambda body, seen, question: body, lambda question: levels_weight(question.limit or 100), 5000
    ),
    _call("trades", partial(_of_symbol, "trades"), partial(_read_trades, _TRADES, wire.trade), 25, 1000),
    _call("agg_trades", _agg_trades, partial(_read_trades, _AGG_TRADES, wire.several), 4, 1000),
    _call("bars", _bars, _read_bars, 2, 1000, ranges=True),
    _call(
        "ticker",
        lambda question: get(f"{API}/ticker/24hr", symbol=instrument(question).upper()),
        lambda body, seen, question: wire.day(decode(_TICKER, body), seen),
        2,
    ),
    _call(
        "tickers",
        lambda question: get(f"{API}/ticker/24hr"),
        lambda body, seen, question: [wire.day(one, seen) for one in decode(_TICKERS, body)],
        80,
    ),
)


class No(msgspec.Struct, rename={"text": "msg"}):
    """The body of a refusal."""

    code: Code
    text: str = ""


_NO = msgspec.json.Decoder(No)

# errors.md. What is not here is a VenueError with its code; so are -1006 and -1007: their outcome is not known.
_KINDS: Final[Mapping[int, type[TidebookError]]] = {
    -1013: InvalidOrder,  # a filter
    -1021: ClockRefused,
    -1022: SignatureRefused,
    -1111: InvalidOrder,  # more digits than the asset has
    -1121: UnknownSymbol,
    -2010: OrderRejected,
    -2011: OrderNotFound,
    -2013: OrderNotFound,
    -2014: NotPermitted,
    -2015: NotPermitted,
    -2026: OrderNotFound,  # archived
}
# Why an order was rejected is in the words alone.
_REJECTED: Final[Mapping[str, type[TidebookError]]] = {
    "insufficient balance": InsufficientFunds,
    "would immediately match": PostOnlyWouldTake,
}
_TOO_MANY: Final = (-1003, -1015)
_OVERLOADED: Final = -1008


_BANNED_UNTIL: Final = re.compile(r"banned until ([0-9]{13})\b")
_SHORTEST_BAN: Final = 120  # seconds; bans last from two minutes to three days


def _ban(text: str, now_ns: int) -> int:
    """For how many seconds, where only the words say it (errors.md, -1003: "IP banned until <ms>")."""
    until = _BANNED_UNTIL.search(text)
    left = 0 if until is None else -(-(int(until[1]) * MS - now_ns) // 1_000_000_000)
    return min(left, LONGEST) if left > 0 else _SHORTEST_BAN


def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    """What a reply refuses. The status says more than the body: a ban has the code of a limit."""
    if reply.status < 400:
        return None
    if reply.status == 451:
        text = f"{venue.partition('.')[0]} refuses this address's country (HTTP 451)"
        return RegionRefused(text, venue=venue, code="451", hint="`tidebook demo` needs no venue at all")
    try:
        no = decode(_NO, reply.body)
    except DecodeError:  # a gateway's page
        no = No(0, f"HTTP {reply.status}")
    code = str(no.code or reply.status)
    if reply.status == 418:
        return wait(Banned, no.text, venue, code, now_ns, retry_after(reply.headers, _ban(no.text, now_ns)))
    if reply.status == 429 or no.code in _TOO_MANY:
        return wait(RateLimited, no.text, venue, code, now_ns, retry_after(reply.headers, 60))
    kind = _KINDS.get(no.code, VenueError)
    if kind is OrderRejected:
        kind = next((why for words, why in _REJECTED.items() if words in no.text), kind)
    refused = refusal(kind, no.text, venue, code)
    if no.code == _OVERLOADED:
        refused.retry = "safe"
    return refused


def used(headers: Mapping[str, str]) -> Mapping[str, int]:
    """The weight of the last minute, of all that share this address."""
    text = headers.get("x-mbx-used-weight-1m", "")
    return {WEIGHT.name: int(text)} if text.isascii() and text.isdigit() and len(text) <= 9 else {}


ANSWERS: Final = Answers(error, used)
