"""HTX spot: its REST calls, and what its answers mean. Facts: huobiapi/docs v1_en (2021-06), htx.com notices."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import msgspec

from tidebook.core.rest import Instruments, get, instrument, interval, listed, refusal, retry_after, wait
from tidebook.errors import (
    ClockRefused,
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
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
from tidebook.model.number import decimal_of, exact_raw
from tidebook.model.wire import MS, BareId, BareNum, Code, Ms, Places, decode
from tidebook.venue import Answers, Call, Pool, Question, Reply, Request, Seen
from tidebook.venues.htx import wire

API: Final = "https://api.huobi.pro"
REST: Final = Pool("htx.spot.rest", "ip", 10, 1)

T = TypeVar("T")


class Answer(msgspec.Struct, Generic[T]):
    """The form of most answers."""

    data: T


class Stamped(msgspec.Struct, Generic[T]):
    """The form of answers of the market."""

    ts: Ms
    data: T


class Symbol(
    msgspec.Struct,
    rename={
        "base": "base-currency", "quote": "quote-currency", "price_places": "price-precision",
        "size_places": "amount-precision", "trading": "api-trading", "least": "limit-order-min-order-amt",
        "most": "limit-order-max-order-amt",
        "notional": "min-order-value",
    },
):  # fmt: skip
    """One row of the list of symbols. Its precisions are counts of decimal places."""

    symbol: str
    state: str
    trading: str
    base: str
    quote: str
    price_places: Places
    size_places: Places
    least: BareNum
    notional: BareNum
    most: BareNum


class PastTrade(wire.Trade):
    """The same as in the stream but for one name."""

    id: BareId = msgspec.field(name="trade-id")


class PastTrades(msgspec.Struct):
    data: list[PastTrade]


class Merged(msgspec.Struct, rename={"last": "close", "volume": "amount", "turnover": "vol"}):
    """/market/detail/merged: 24 hours, with the best prices as [price, size]."""

    last: BareNum
    open: BareNum
    high: BareNum
    low: BareNum
    volume: BareNum
    turnover: BareNum
    bid: tuple[BareNum, BareNum]
    ask: tuple[BareNum, BareNum]


class TickerRow(msgspec.Struct, rename={"last": "close", "volume": "amount", "turnover": "vol"}):
    """/market/tickers. Its open, high and low are those of the calendar day at UTC+8, not of 24 hours: not read."""

    symbol: str
    last: BareNum
    volume: BareNum
    turnover: BareNum
    bid: BareNum
    ask: BareNum


_SYMBOLS = msgspec.json.Decoder(Answer[list[msgspec.Raw]])
_SYMBOL = msgspec.json.Decoder(Symbol)
_TIME = msgspec.json.Decoder(Answer[Ms])
_TRADES = msgspec.json.Decoder(Answer[list[PastTrades]])
_CANDLES = msgspec.json.Decoder(Stamped[list[wire.Candle]])
_MERGED = msgspec.json.Decoder(wire.Push[Merged])
_TICKERS = msgspec.json.Decoder(Stamped[list[TickerRow]])


def _decimal(raw: BareNum) -> Decimal | None:
    """A rule's number; 0 is none."""
    return decimal_of(*exact_raw(raw)) or None


def _instrument(one: Symbol, venue: str) -> facts.Instrument:
    """Only `online` with trading by API is active (market status may still halt it)."""
    return facts.Instrument(
        venue=venue, symbol=f"{one.base}/{one.quote}".upper(), id=one.symbol, base=one.base.upper(),
        quote=one.quote.upper(), kind="spot", active=one.state == "online" and one.trading == "enabled",
        status=one.state, size_unit=one.base.upper(), tick=decimal_of(1, one.price_places),
        step=decimal_of(1, one.size_places), min_size=_decimal(one.least), max_size=_decimal(one.most),
        min_notional=_decimal(one.notional),
    )  # fmt: skip


def _instruments(body: bytes, seen: Seen, question: Question) -> Instruments:
    del question
    return listed(decode(_SYMBOLS, body).data, _SYMBOL, lambda one: _instrument(one, seen.venue))


def _trades(body: bytes, seen: Seen, question: Question) -> list[facts.Trade]:
    """Oldest first; the venue sends the newest first, several of one taker together."""
    symbol = seen.symbol(instrument(question))
    rows = [wire.trade(one, symbol, seen) for group in decode(_TRADES, body).data for one in group.data]
    return sorted(rows, key=lambda row: (row.venue_ns or 0, int(row.id)))


def _bars(body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    """Oldest first; the venue sends the newest first. All but the newest are finished."""
    symbol, answer = seen.symbol(instrument(question)), decode(_CANDLES, body)
    newest = max((one.start for one in answer.data), default=0)
    return [
        wire.bar(one, symbol, question.interval or "", seen, answer.ts, finished=one.start < newest)
        for one in sorted(answer.data, key=lambda one: one.start)
    ]


def _ticker(body: bytes, seen: Seen, question: Question) -> facts.Ticker:
    answer = decode(_MERGED, body)
    one = answer.tick
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(instrument(question)), venue_ns=answer.ts * MS,
        received_ns=seen.received_ns, exact_last=exact_raw(one.last), exact_open=exact_raw(one.open),
        exact_high=exact_raw(one.high), exact_low=exact_raw(one.low), exact_volume=exact_raw(one.volume),
        exact_turnover=exact_raw(one.turnover), exact_bid=exact_raw(one.bid[0]), exact_ask=exact_raw(one.ask[0]),
    )  # fmt: skip


def _tickers(body: bytes, seen: Seen, question: Question) -> list[facts.Ticker]:
    del question
    answer = decode(_TICKERS, body)
    return [
        facts.Ticker(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=answer.ts * MS, received_ns=seen.received_ns,
            exact_last=exact_raw(one.last), exact_volume=exact_raw(one.volume), exact_turnover=exact_raw(one.turnover),
            exact_bid=exact_raw(one.bid), exact_ask=exact_raw(one.ask),
        )
        for one in answer.data
    ]  # fmt: skip


def _book_request(question: Question) -> Request:
    """150 levels, or as few of 5, 10, 20 as hold the limit."""
    few = next((depth for depth in (5, 10, 20) if question.limit is not None and question.limit <= depth), None)
    return get(f"{API}/market/depth", symbol=instrument(question), type="step0", depth=few)


def _bars_request(question: Question) -> Request:
    if question.start_ns is not None or question.end_ns is not None:
        raise UsageError("htx.spot gives the newest 2000 bars and no others: `start` and `end` cannot be asked for")
    period = wire.PERIODS[interval(question, wire.PERIODS)]
    return get(f"{API}/market/history/kline", symbol=instrument(question), period=period, size=question.limit)


def _call(
    name: str,
    request: Callable[[Question], Request],
    read: Callable[[bytes, Seen, Question], Any],
    most: int | None = None,
) -> Call:
    return Call(name, request, read, REST.name, lambda question: 1, most)


CALLS: Final = (
    _call("instruments", lambda question: get(f"{API}/v1/common/symbols"), _instruments),
    _call(
        "time",
        lambda question: get(f"{API}/v1/common/timestamp"),
        lambda body, seen, question: decode(_TIME, body).data * MS,
    ),
    _call("book", _book_request, lambda body, seen, question: body, 150),
    _call(  # without a size it gives one
        "trades",
        lambda question: get(f"{API}/market/history/trade", symbol=instrument(question), size=question.limit or 500),
        _trades,
        2000,
    ),
    _call("bars", _bars_request, _bars, 2000),
    _call("ticker", lambda question: get(f"{API}/market/detail/merged", symbol=instrument(question)), _ticker),
    _call("tickers", lambda question: get(f"{API}/market/tickers"), _tickers),
)


class No(msgspec.Struct, rename={"why": "err-code", "text": "err-msg"}):
    """What a refusal says: the first version of the API by `status` and `err-code`, the second by `code`."""

    status: str = ""
    why: str = ""
    text: str | None = None
    code: Code = 200
    message: str | None = None


_NO = msgspec.json.Decoder(No)

# What is not here is a VenueError with its code, so `gateway-internal-error` and `timeout`: their outcome is not known.
_KINDS: Final[Mapping[str, type[TidebookError]]] = {
    "account-frozen-balance-insufficient-error": InsufficientFunds,
    "api-signature-check-failed": SignatureRefused,
    "api-signature-not-valid": SignatureRefused,
    "base-record-invalid": OrderNotFound,
    "base-symbol-error": UnknownSymbol,
    "base-symbol-trade-disabled": OrderRejected,
    "login-required": NotPermitted,
    "invalid.client.order.id": OrderRejected,  # a name that was given within eight hours
    "order-accountbalance-error": InsufficientFunds,
    "order-amount-over-limit": InvalidOrder,
    "order-disabled": OrderRejected,
    "order-holding-limit-failed": OrderRejected,
    "order-invalid-price": InvalidOrder,
    "order-limitorder-amount-max-error": InvalidOrder,
    "order-limitorder-amount-min-error": InvalidOrder,
    "order-limitorder-price-max-error": InvalidOrder,
    "order-limitorder-price-min-error": InvalidOrder,
    "order-marketorder-amount-buy-max-error": InvalidOrder,
    "order-marketorder-amount-min-error": InvalidOrder,
    "order-marketorder-amount-sell-max-error": InvalidOrder,
    "order-orderamount-precision-error": InvalidOrder,
    "order-orderprice-precision-error": InvalidOrder,
    "order-orderstate-error": OrderNotFound,  # it has ended
    "order-queryorder-invalid": OrderNotFound,
    "order-value-min-error": InvalidOrder,
    "system-maintenance": Maintenance,
}
_TOO_MANY: Final = ("rate-too-many-requests", "base-request-exceed-frequency-limit")


def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    """What a reply refuses: nearly always with HTTP 200."""
    try:
        no = decode(_NO, reply.body)
    except DecodeError:
        no = No()
    code = no.why or str(no.code if no.code != 200 else reply.status)
    text = no.text or no.message or f"HTTP {reply.status}"
    if reply.status == 429 or no.why in _TOO_MANY:
        return wait(RateLimited, text, venue, code, now_ns, retry_after(reply.headers, 1))
    if reply.status < 400 and no.status != "error" and no.code == 200:
        return None
    kind = _KINDS.get(no.why, VenueError)
    # Its table of errors has for it "Failed to get data, please try again later": that is no word of the order.
    if kind is OrderNotFound and "try again" in text.lower():
        kind = VenueError
    # One code for all that is wrong with a signature, its time too.
    if kind is SignatureRefused and "submission time" in text.lower():
        kind = ClockRefused
    # The market's calls have one code for all that is wrong with a question.
    if no.why == "invalid-parameter" and no.text == "invalid symbol":
        kind = UnknownSymbol
    return refusal(kind, text, venue, code)


# What its headers tell is the limit of an account at one endpoint, not that of a pool.
ANSWERS: Final = Answers(error)
