"""Alpaca, crypto: its REST calls, and what its answers mean.

Facts: docs.alpaca.markets, "Crypto Pricing Data" and "Crypto Trading" (2026), and alpaca-trade-api-go, marketdata
(2026-05-08). Whoever has no key gets market data all the same, at a lower limit; the list of assets wants a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tidebook.core.rest import LONGEST, Instruments, get, instrument, interval, listed, refusal, wait, whole
from tidebook.errors import (
    DecodeError,
    InsufficientFunds,
    InvalidOrder,
    NotPermitted,
    OrderNotFound,
    OrderRejected,
    RateLimited,
    TidebookError,
    UnknownSymbol,
    VenueError,
)
from tidebook.model import facts
from tidebook.model.number import decimal_of, exact_raw
from tidebook.model.wire import SEC, BareNum, Code, decode, iso
from tidebook.venue import Answers, Call, Pool, Question, Reply, Request, Seen
from tidebook.venues.alpaca import wire

DATA: Final = "https://data.alpaca.markets/v1beta3/crypto/us"
TRADING: Final = "https://api.alpaca.markets/v2"
# Of an account on the basic plan, at each of its two hosts; both are counted together here. UNVERIFIED: without a key.
REST: Final = Pool("alpaca.rest", "account", 200, 60)

# Coarser bars begin where New York's or Chicago's days do, in summer at another hour: not offered.
PERIODS: Final = {"1m": ("1Min", 60), "3m": ("3Min", 180), "5m": ("5Min", 300), "15m": ("15Min", 900),
                  "30m": ("30Min", 1800), "1h": ("1Hour", 3600)}  # fmt: skip
MOST: Final = 10_000  # rows of a page
_USUAL: Final = 1000
_BEGINNING: Final = "2015-01-01T00:00:00Z"  # without a start it is the day's, and the newest rows may be older

R = TypeVar("R")
F = TypeVar("F", bound=facts.Fact)


class Asset(
    msgspec.Struct,
    rename={"min_size": "min_order_size", "step": "min_trade_increment", "tick": "price_increment"},
):  # fmt: skip
    """One row of the list of assets."""

    symbol: str
    status: str
    tradable: bool
    min_size: BareNum
    step: BareNum
    tick: BareNum


class Page(msgspec.Struct):
    """Rows by symbol, under one of these names; and where they go on."""

    bars: dict[str, list[wire.BarRow]] | None = None
    trades: dict[str, list[wire.TradeRow]] | None = None
    quotes: dict[str, list[wire.QuoteRow]] | None = None
    next_page_token: str | None = None


class Bars(msgspec.Struct):
    bars: dict[str, list[wire.BarRow]]
    next_page_token: str | None = None


class Trades(msgspec.Struct):
    trades: dict[str, list[wire.TradeRow]]
    next_page_token: str | None = None


class Quotes(msgspec.Struct):
    quotes: dict[str, list[wire.QuoteRow]]
    next_page_token: str | None = None


class Snapshot(msgspec.Struct, rename="camel"):
    """Its bars of the day are those of a calendar day, not of 24 hours: not read."""

    latest_trade: wire.TradeRow
    latest_quote: wire.QuoteRow


class Snapshots(msgspec.Struct):
    snapshots: dict[str, Snapshot]


_ASSETS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ASSET: Final = msgspec.json.Decoder(Asset)
_PAGE: Final = msgspec.json.Decoder(Page)
_BARS: Final = msgspec.json.Decoder(Bars)
_TRADES: Final = msgspec.json.Decoder(Trades)
_QUOTES: Final = msgspec.json.Decoder(Quotes)
_SNAPSHOTS: Final = msgspec.json.Decoder(Snapshots)


def unlisted(symbol: str) -> facts.Instrument | None:
    """The instrument of a symbol where no list can be had: its name says its currencies, nothing its rules."""
    base, slash, quote = symbol.partition("/")
    if not (slash and base.isalnum() and quote.isalnum()):
        return None
    return facts.Instrument(
        venue="alpaca", symbol=symbol, id=symbol, base=base, quote=quote, kind="spot", active=True, tick=None,
        step=None, size_unit=base, status="not asked: the list wants a key",
    )  # fmt: skip


def _number(raw: BareNum) -> Decimal:
    return decimal_of(*exact_raw(raw))


def _instrument(one: Asset, venue: str) -> facts.Instrument:
    base, slash, quote = one.symbol.partition("/")
    if not slash:
        raise DecodeError("malformed", f"{one.symbol[:40]!r} is no pair")
    return facts.Instrument(
        venue=venue, symbol=one.symbol, id=one.symbol, base=base, quote=quote, kind="spot",
        active=one.tradable and one.status == "active", status=one.status, size_unit=base, tick=_number(one.tick),
        step=_number(one.step), min_size=_number(one.min_size),
    )  # fmt: skip


def _instruments(body: bytes, seen: Seen, question: Question) -> Instruments:
    del question
    rows: list[msgspec.Raw] = decode(_ASSETS, body)
    return listed(rows, _ASSET, lambda one: _instrument(one, seen.venue))


def _rows(rows: Mapping[str, list[R]], question: Question) -> list[R]:
    return rows.get(instrument(question), [])


def _read_bars(body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    """Oldest first, also where the newest were asked for first. One is finished when its end has passed."""
    symbol, name = seen.symbol(instrument(question)), interval(question, PERIODS)
    span_ns = PERIODS[name][1] * SEC
    rows = _rows(decode(_BARS, body).bars, question)
    made = [wire.bar(one, symbol, name, seen, finished=iso(one.start) + span_ns <= seen.there_ns) for one in rows]
    return sorted(made, key=lambda one: one.start_ns)


def _oldest_first(found: list[F], question: Question) -> list[F]:
    return found if question.start_ns is not None else found[::-1]


def _read_trades(body: bytes, seen: Seen, question: Question) -> list[facts.Trade]:
    symbol = seen.symbol(instrument(question))
    rows = _rows(decode(_TRADES, body).trades, question)
    return _oldest_first([wire.trade(one, symbol, seen) for one in rows], question)


def _read_quotes(body: bytes, seen: Seen, question: Question) -> list[facts.Quote]:
    """Those with an empty side too, which are no quotes: a page is full by what the venue counts."""
    symbol = seen.symbol(instrument(question))
    rows = _rows(decode(_QUOTES, body).quotes, question)
    return _oldest_first([wire.sides(one, symbol, seen) for one in rows], question)


def _read_ticker(body: bytes, seen: Seen, question: Question) -> facts.Ticker:
    one = decode(_SNAPSHOTS, body).snapshots.get(instrument(question))
    if one is None:
        raise DecodeError("missing", f"no snapshot of {instrument(question)[:40]!r}")
    bid, ask = exact_raw(one.latest_quote.bid), exact_raw(one.latest_quote.ask)
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(instrument(question)), venue_ns=iso(one.latest_trade.at),
        received_ns=seen.received_ns, exact_last=exact_raw(one.latest_trade.price),
        exact_bid=bid if bid[0] else None, exact_ask=ask if ask[0] else None,  # 0: that side is empty
    )  # fmt: skip


def _stamp(ns: int) -> str:
    seconds, rest = divmod(ns, SEC)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _range(path: str, question: Question, **more: str) -> Request:
    """The oldest first from a start, else the newest; both ends belong to the answer there, here the end does not."""
    start, end = question.start_ns, question.end_ns
    return get(
        f"{DATA}/{path}", symbols=instrument(question), start=_BEGINNING if start is None else _stamp(start),
        end=None if end is None else _stamp(end - 1), limit=question.limit or _USUAL,
        sort="desc" if start is None else "asc", **more,
    )  # fmt: skip


def _bars_request(question: Question) -> Request:
    return _range("bars", question, timeframe=PERIODS[interval(question, PERIODS)][0])


def _more(request: Request, body: bytes) -> Request | None:
    """The page that follows, of as many rows as are still wanted."""
    page = decode(_PAGE, body)
    got = sum(len(rows) for table in (page.bars, page.trades, page.quotes) for rows in (table or {}).values())
    asked = dict(parse_qsl(urlsplit(request.url).query))
    left = int(asked.pop("limit")) - got
    if page.next_page_token is None or left <= 0:
        return None
    query: Mapping[str, Any] = {**asked, "limit": left, "page_token": page.next_page_token}
    return replace(request, url=get(request.url.partition("?")[0], **query).url)


def _latest(path: str, question: Question) -> Request:
    return get(f"{DATA}/{path}", symbols=instrument(question))


def _call(
    name: str, request: Callable[[Question], Request], read: Callable[[bytes, Seen, Question], Any],
    *, keyed: bool = False, pages: bool = False,
) -> Call:  # fmt: skip
    return Call(
        name, request, read, REST.name, lambda question: 1, MOST if pages else None, pages, keyed=keyed,
        more=_more if pages else None,
    )  # fmt: skip


CALLS: Final = (
    _call("instruments", lambda question: get(f"{TRADING}/assets", asset_class="crypto"), _instruments, keyed=True),
    _call("book", partial(_latest, "latest/orderbooks"), lambda body, seen, question: body),
    _call("trades", partial(_range, "trades"), _read_trades, pages=True),
    _call("quotes", partial(_range, "quotes"), _read_quotes, pages=True),
    _call("bars", _bars_request, _read_bars, pages=True),
    _call("ticker", partial(_latest, "snapshots"), _read_ticker),
)


class No(msgspec.Struct):
    """The body of a refusal; market data has no code."""

    message: str = ""
    code: Code = 0


_NO: Final = msgspec.json.Decoder(No)
# What is not here is a VenueError with its code. The first three digits of a code are the HTTP status.
_KINDS: Final[Mapping[int, type[TidebookError]]] = {
    401: NotPermitted,
    403: NotPermitted,
    40110000: NotPermitted,
    40410000: OrderNotFound,
}
# Codes that say little, with the words that say more.
_WORDS: Final[Mapping[int, Mapping[str, type[TidebookError]]]] = {
    40010001: {"client_order_id must be unique": OrderRejected},
    40310000: {"insufficient balance": InsufficientFunds, "cost basis must be": InvalidOrder},
    # What has ended cannot be cancelled, which other venues call not found.
    42210000: {
        "invalid crypto time_in_force": OrderRejected,
        "not cancelable": OrderNotFound,
        "is already in": OrderNotFound,
    },
}


def error(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    """What a reply refuses. Of one code, 40310000, the words alone say what it is about."""
    if reply.status < 400:
        return None
    try:
        no = decode(_NO, reply.body)
    except DecodeError:  # a gateway's page
        no = No(f"HTTP {reply.status}")
    code, text = no.code or reply.status, no.message or f"HTTP {reply.status}"
    if reply.status == 429:
        return wait(RateLimited, text, venue, str(code), now_ns, _pause(reply.headers, now_ns))
    kind = _KINDS.get(code, VenueError)
    if code in _WORDS:
        kind = next((one for words, one in _WORDS[code].items() if words in text), kind)
    if reply.status == 400 and text.startswith("Invalid symbol"):
        kind = UnknownSymbol
    return refusal(kind, text, venue, str(code))


def _pause(headers: Mapping[str, str], now_ns: int) -> int:
    """Seconds until the second behind the end of the window; a minute where that is not said."""
    reset = whole(headers, "x-ratelimit-reset", 12)
    return 60 if reset is None else min(max(reset + 1 - now_ns // SEC, 1), LONGEST)


def used(headers: Mapping[str, str]) -> Mapping[str, int]:
    """What is spent of our limit where the venue leaves less than it; plans with more have room anyhow."""
    left = whole(headers, "x-ratelimit-remaining", 12)
    return {} if left is None else {REST.name: max(REST.limit - left, 0)}


ANSWERS: Final = Answers(error, used)
