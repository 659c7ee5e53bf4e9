"""OKX: its REST calls, and what its answers mean. Facts: OKX API v5 and its change log, as of 2026-09.

The limits are each endpoint's own, per 2 seconds and address. Lists are asked for by kind of instrument; those of
options by family, of which BTC-USD and ETH-USD are taken.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from tidebook.core.clock import SECOND
from tidebook.core.rest import (
    WHICH_LEG,
    Instruments,
    first_ms,
    get,
    instrument,
    interval,
    last_ms,
    listed,
    refusal,
    region,
    retry_after,
    wait,
)
from tidebook.core.span import Span
from tidebook.errors import (
    ClockRefused,
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    NotPermitted,
    OrderNotFound,
    OrderRejected,
    RateLimited,
    SignatureRefused,
    TidebookError,
    UnknownSymbol,
    UsageError,
    VenueError,
)
from tidebook.model import facts
from tidebook.model.number import exact, parse
from tidebook.model.symbol import canonical
from tidebook.model.wire import MS, Count, Num, decode
from tidebook.venue import Answers, Call, Pool, Question, Reply, Request, RestSeed, Seen
from tidebook.venues.okx import wire

API: Final = "https://www.okx.com/api/v5"
ONE: Final = Pool("okx.1", "endpoint", 1, 1)
TEN: Final = Pool("okx.10", "endpoint", 10, 2)
TWENTY: Final = Pool("okx.20", "endpoint", 20, 2)
FORTY: Final = Pool("okx.40", "endpoint", 40, 2)
SIXTY: Final = Pool("okx.60", "endpoint", 60, 2)
HUNDRED: Final = Pool("okx.100", "endpoint", 100, 2)
LEVELS: Final = 400
BARS: Final = 100  # that history-candles gives at once; candles gives 300, and none older than the newest 1440
FAMILIES: Final = ("BTC-USD", "ETH-USD")

T = TypeVar("T")
Read = Callable[[bytes, Seen, Question], Any]


class Row(
    msgspec.Struct,
    rename={
        "id": "instId", "type": "instType", "base": "baseCcy", "quote": "quoteCcy", "settle": "settleCcy",
        "kind": "ctType", "value": "ctVal", "times": "ctMult", "counts": "ctValCcy", "expires": "expTime",
        "strike": "stk", "right": "optType", "tick": "tickSz", "step": "lotSz", "least": "minSz", "most": "maxLmtSz",
        "code": "instIdCode",
    },
):  # fmt: skip
    """One instrument. Contracts have their currencies in `uly` alone: BTC-USD."""

    type: wire.Kind
    id: str
    state: str
    uly: str
    base: str
    quote: str
    settle: str
    kind: str
    value: Num
    times: Num
    counts: str
    expires: str
    strike: Num
    right: str
    tick: Num
    step: Num
    least: Num
    most: Num
    code: Count | None = None


class Time(msgspec.Struct, rename={"at": "ts"}):
    at: str


class Charge(msgspec.Struct, rename={"id": "instId", "rate": "realizedRate", "at": "fundingTime"}):
    """A funding that was charged. Its `fundingRate` was what was expected."""

    id: str
    rate: Num
    at: str


_ROWS = msgspec.json.Decoder(wire.Push[msgspec.Raw])
_ROW = msgspec.json.Decoder(Row)
_TIMES = msgspec.json.Decoder(wire.Push[Time])
_TRADES = msgspec.json.Decoder(wire.Push[wire.Past])
_CANDLES = msgspec.json.Decoder(wire.Push[wire.Candle])
_CHARGES = msgspec.json.Decoder(wire.Push[Charge])

# ---- instruments


def _contract(row: Row) -> dict[str, Any]:
    """What a contract is more than a spot market. Raises DecodeError for a kind that is not known, or counts others."""
    base, _, quote = row.uly.partition("-")
    kind = "option" if row.type == "OPTION" else row.kind
    if kind not in ("linear", "inverse", "option") or row.counts != (quote if kind == "inverse" else base):
        raise DecodeError("malformed", f"{row.id[:40]!r} is a contract of no kind that is known")
    found: dict[str, Any] = {
        "base": base, "quote": quote, "settle": row.settle, "kind": kind, "size_unit": "contract",
        "contract_size": parse(row.value) * parse(row.times),
    }  # fmt: skip
    if row.type != "SWAP":
        found["expiry_ns"] = wire.at_ns(row.expires)
    if kind == "option":
        if row.right not in ("C", "P"):
            raise DecodeError("malformed", f"{row.id[:40]!r} is neither call nor put")
        found |= {"strike": parse(row.strike), "right": "call" if row.right == "C" else "put"}
    return found


def _instrument(row: Row, venue: str) -> facts.Instrument | None:
    """None: it is announced (`preopen`), and has no id yet, or a placeholder."""
    if row.state == "preopen":
        return None
    spot: dict[str, Any] = {"base": row.base, "quote": row.quote, "kind": "spot", "size_unit": row.base}
    of = spot if row.type == "SPOT" else _contract(row)
    symbol = canonical(
        of["base"], of["quote"], settle=of.get("settle"), expiry_ns=of.get("expiry_ns"), strike=of.get("strike"),
        right=of.get("right"),
    )  # fmt: skip
    return facts.Instrument(
        venue=venue, symbol=symbol, id=row.id, active=row.state == "live", status=row.state, tick=parse(row.tick),
        step=parse(row.step), min_size=parse(row.least), max_size=parse(row.most), code=row.code, **of,
    )  # fmt: skip


def _instruments(body: bytes, seen: Seen, question: Question) -> Instruments:
    del question
    return listed(decode(_ROWS, body).data, _ROW, lambda row: _instrument(row, seen.venue))


def _listed(path: str) -> dict[str, Any]:
    """A list of everything: spot, then the other kinds."""

    def of(kind: str, family: str | None = None) -> Callable[[Question], Request]:
        return lambda question: get(f"{API}/{path}", instType=kind, instFamily=family)

    options = [of("OPTION", family) for family in FAMILIES] if path == "public/instruments" else [of("OPTION")]
    return {"request": of("SPOT"), "parts": (of("SWAP"), of("FUTURES"), *options)}


# ---- the market


def _of_id(path: str, question: Question) -> Request:
    return get(f"{API}/{path}", instId=instrument(question), limit=question.limit)


def _of_kind(path: str, question: Question) -> Request:
    """Of contracts the venue wants to know the kind, too, and of options their family."""
    id = instrument(question)
    kind = wire.kind_of(id)
    family = wire.family_of(id) if kind == "OPTION" else None
    return get(f"{API}/{path}", instType=kind, instFamily=family, instId=id)


def _newest(path: str, question: Question) -> Request:
    if question.start_ns is not None or question.end_ns is not None:
        raise UsageError("okx gives the newest of these and no others: `start` and `end` cannot be asked for")
    return _of_id(path, question)


def book(question: Question) -> Request:
    """Without a number it would be one level."""
    return get(f"{API}/market/books", instId=instrument(question), sz=question.limit or LEVELS)


def seed(id: str, limit: int | None) -> RestSeed:
    return RestSeed(book(Question(id, limit)), FORTY.name, 1)


def asked_for(url: str) -> str | None:
    """For which id a request asks for a book."""
    parts = urlsplit(url)
    return parse_qs(parts.query).get("instId", [None])[0] if parts.path == "/api/v5/market/books" else None


def _only(rows: list[T], what: str) -> T:
    """The row of a list that has one."""
    if len(rows) != 1:
        raise DecodeError("missing", f"{len(rows)} {what} where one was asked for")
    return rows[0]


def _single(read: Callable[[bytes, Seen], list[Any]]) -> Read:
    return lambda body, seen, question: _only(read(body, seen), "facts")


def _trades(body: bytes, seen: Seen, question: Question) -> list[facts.Trade]:
    """Oldest first; the venue sends the newest first."""
    symbol = seen.symbol(instrument(question))
    return [wire.trade(one, symbol, seen) for one in reversed(decode(_TRADES, body).data)]


def _charges(body: bytes, seen: Seen, question: Question) -> list[facts.Funding]:
    del question
    return [
        facts.Funding(
            venue=seen.venue, symbol=seen.symbol(one.id), venue_ns=None, received_ns=seen.received_ns,
            exact_rate=exact(one.rate), funding_ns=wire.at_ns(one.at), settled=True,
        )
        for one in reversed(decode(_CHARGES, body).data)
    ]  # fmt: skip


# ---- bars by range

_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def _span(question: Question) -> Span:
    name = interval(question, wire.INTERVALS)
    return Span(0, months=1) if name == "1M" else Span(int(name[:-1]) * _UNITS[name[-1]] * SECOND)


def _reach(question: Question, start_ns: int) -> int:
    """How far one answer goes from a start on: as many bars as are asked for."""
    span = _span(question)
    opening = span.opening(start_ns)
    return span.after(opening, (question.limit or BARS) + (opening < start_ns))


def _bars_request(question: Question) -> Request:
    """Of a range the venue gives the newest rows: from a start it is asked for no further than these go."""
    bar, id = wire.INTERVALS[interval(question, wire.INTERVALS)], instrument(question)
    if question.start_ns is None and question.end_ns is None:
        return get(f"{API}/market/candles", instId=id, bar=bar, limit=question.limit)
    first, last = first_ms(question), last_ms(question)
    if question.start_ns is not None:
        reach = _reach(question, question.start_ns) // MS - 1
        last = reach if last is None else min(last, reach)
    return get(
        f"{API}/market/history-candles", instId=id, bar=bar, after=None if last is None else last + 1,
        before=None if first is None else first - 1, limit=question.limit,
    )  # fmt: skip


def _bars(body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    """Oldest first. Raises UsageError where fewer came than there may be: it would read like the market's end."""
    symbol, name = seen.symbol(instrument(question)), question.interval or ""
    rows = [wire.bar(one, symbol, name, seen) for one in reversed(decode(_CANDLES, body).data)]
    if question.start_ns is not None and len(rows) < (question.limit or BARS):
        until_ns = min(seen.received_ns if question.end_ns is None else question.end_ns, seen.received_ns)
        if _reach(question, question.start_ns) < until_ns:
            raise UsageError(
                f"{seen.venue}: {len(rows)} bars of {name} where {question.limit or BARS} could be from that start on: "
                "it has none so early, or not all. Ask from a later start, or for the newest before an end",
                venue=seen.venue,
            )
    return rows


# ---- all of them


def _call(name: str, pool: Pool, request: Callable[[Question], Request], read: Read, most: int | None = None,
          **more: Any) -> Call:  # fmt: skip
    return Call(name, request, read, pool.name, lambda question: 1, most, **more)


def _all(name: str, path: str, read: Read) -> Call:
    return _call(name, TWENTY, read=read, **_listed(path))


CALLS: Final = (
    _all("instruments", "public/instruments", _instruments),
    _call(
        "time",
        TEN,
        lambda question: get(f"{API}/public/time"),
        lambda body, seen, question: wire.at_ns(_only(decode(_TIMES, body).data, "times").at),
    ),
    _call("book", FORTY, book, lambda body, seen, question: body, LEVELS),
    _call("trades", HUNDRED, partial(_newest, "market/trades"), _trades, 500),
    _call("bars", TWENTY, _bars_request, _bars, BARS, ranges=True),
    _call("ticker", TWENTY, partial(_of_id, "market/ticker"), _single(wire.ticker)),
    _all("tickers", "market/tickers", lambda body, seen, question: wire.ticker(body, seen)),
    _call("funding", TEN, partial(_newest, "public/funding-rate-history"), _charges, 100),
    _call("funding_now", TWENTY, partial(_of_id, "public/funding-rate"), _single(wire.rates)),
    _call("mark_price", TEN, partial(_of_kind, "public/mark-price"), _single(wire.marks)),
    _call("open_interest", TWENTY, partial(_of_kind, "public/open-interest"), _single(wire.interests)),
)

# ---- what answers mean


class No(msgspec.Struct, rename={"text": "msg"}):
    """What every answer begins with; a good one has code 0. Refusals come with HTTP 200 and others."""

    code: str = ""
    text: str = ""


class One(msgspec.Struct, rename={"code": "sCode", "text": "sMsg"}):
    """Why one order was refused."""

    code: str = ""
    text: str = ""


class Nos(msgspec.Struct):
    data: list[One]


_NO = msgspec.json.Decoder(No)
_NOS = msgspec.json.Decoder(Nos)
_FAILED: Final = ("1", "2")  # all of what was wanted, or some: the rows say why

# What is not here is a VenueError with its code; so are 50004, 51054 and 51149, timeouts: their outcome is not known.
_KINDS: Final[Mapping[str, type[TidebookError]]] = {
    "50014": UsageError,  # a parameter is missing
    "50036": ClockRefused,  # it was to be done until an instant that is over
    "50101": NotPermitted,  # the key is another environment's
    "50102": ClockRefused,
    **dict.fromkeys(("50103", "50104", "50105", "50106", "50107", "50110", "50111", "50114", "50119"), NotPermitted),
    "50120": NotPermitted,  # the key may not do that
    "50113": SignatureRefused,
    "51000": UsageError,
    "51001": UnknownSymbol,
    **dict.fromkeys(("51004", "51005", "51006", "51020", "51121", "54084", "54085"), InvalidOrder),
    "51169": OrderRejected,  # only to reduce, and there is nothing
    **dict.fromkeys(("51008", "51119", "51127", "51131"), InsufficientFunds),
    **dict.fromkeys(("51010", "51011", "51016", "51021", "51022", "51401", "51402", "51410"), OrderRejected),
    **dict.fromkeys(("51503", "51509", "51510"), OrderRejected),
    **dict.fromkeys(("51400", "51603"), OrderNotFound),
    "60011": NotPermitted,  # of messages: who says it is not logged in
    **dict.fromkeys(("60012", "60013"), UsageError),
}
_TOO_MANY: Final = ("50011", "50061", "60014")
_BUSY: Final = ("50001", "50013", "50026")  # "try again later"


def _first(body: bytes) -> No | None:
    """Of what failed, the first."""
    try:
        rows = decode(_NOS, body).data
    except DecodeError:
        return None
    return next((No(one.code, one.text) for one in rows if one.code not in ("", "0")), None)


def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    """What a reply refuses."""
    if reply.status == 451:
        return region(venue)
    try:
        no = decode(_NO, reply.body)
    except DecodeError:  # a gateway's page
        no = No()
    if reply.status < 400 and no.code in ("", "0"):
        return None
    if no.code in _FAILED:
        no = _first(reply.body) or no
    code, text = no.code or str(reply.status), no.text or f"HTTP {reply.status}"
    if reply.status == 429 or code in _TOO_MANY:
        return wait(RateLimited, text, venue, code, now_ns, retry_after(reply.headers, 2))
    is_leg = code == "51000" and "posSide" in text  # one code for all parameters
    refused = refusal(InvalidOrder if is_leg else _KINDS.get(code, VenueError), text, venue, code)
    if is_leg:
        refused.hint = WHICH_LEG
    if code in _BUSY:
        refused.retry = "safe"
    if code in ("50101", "50119"):
        refused.hint = "A key is of one region and environment, and unknown in all others"
    return refused


ANSWERS: Final = Answers(error)
