"""Binance's options: the messages that are no books, and what facts they are.

Facts: the documentation of options trading as of 2026-08-21 (Websocket Market Streams, Market Data). Sizes are in
contracts, prices in the quote currency for a unit of what is underneath. Klines, tickers and best prices have the form
of the futures. A volatility is a fraction, −1 where nobody quotes.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, Literal

import msgspec

from tidebook.core.rest import Instruments, listed
from tidebook.engine import exact
from tidebook.errors import DecodeError, UsageError
from tidebook.model import facts
from tidebook.model.number import Exact, decimal_of, exact_raw, parse
from tidebook.model.symbol import canonical
from tidebook.model.wire import MS, BareNum, Id, Ms, Num, decode
from tidebook.venue import Seen
from tidebook.venues.binance import wire as spot
from tidebook.venues.binance.wire import Wrapped, limit

# What the stream has; over REST there are 8h and 1M too.
INTERVALS: Final = tuple(name for name in spot.INTERVALS if name not in ("1s", "8h", "1M"))
SETTLED_IN: Final = "USDT"  # all of them: an id names what is underneath and not the quote currency

Stamp = Annotated[str, msgspec.Meta(pattern="^[0-9]{13}$")]
"""Milliseconds as text."""


def parts(id: str) -> tuple[str, str]:
    """Of an id like BTC-251226-110000-C what is underneath, BTCUSDT, and the day. Raises UsageError for other texts."""
    words = id.split("-")
    if len(words) != 4 or not all(words):
        raise UsageError(f"{id!r} is no option")
    return words[0] + SETTLED_IN, words[1]


class TradeEvent(
    msgspec.Struct, gc=False, rename={"id": "t", "symbol": "s", "price": "p", "size": "q", "at": "T", "side": "S"}
):  # fmt: skip
    """<symbol>@optionTrade. `S` is the taker's side."""

    id: Id
    symbol: str
    price: Num
    size: Num
    at: Ms
    side: Literal["BUY", "SELL"]


class TradeRow(msgspec.Struct, rename={"id": "tradeId", "size": "qty", "at": "time"}):
    """One of GET trades: `side` is −1 where the taker sold, and then `qty` may be negative."""

    id: Id
    price: Num
    size: Num
    side: Literal[-1, 1]
    at: Ms


class TickerRow(
    msgspec.Struct,
    rename={"last": "lastPrice", "turnover": "amount", "bid": "bidPrice", "ask": "askPrice", "at": "closeTime"},
):
    """One of GET ticker."""

    at: Ms
    symbol: str
    last: Num
    open: Num
    high: Num
    low: Num
    volume: Num
    turnover: Num
    bid: Num
    ask: Num


class MarkEvent(
    msgspec.Struct,
    rename={
        "at": "E", "symbol": "s", "price": "mp", "index": "i", "settle": "P", "bid_iv": "b", "ask_iv": "a",
        "mark_iv": "vo", "delta": "d", "theta": "t", "gamma": "g", "vega": "v",
    },
):  # fmt: skip
    """One strike in <underlying>@optionMarkPrice. `settle` is 0 until the last hour."""

    at: Ms
    symbol: str
    price: Num
    index: Num
    settle: Num
    bid_iv: Num
    ask_iv: Num
    mark_iv: Num
    delta: Num
    theta: Num
    gamma: Num
    vega: Num


class MarkRow(msgspec.Struct, rename={"price": "markPrice"}):
    """One of GET mark. It has no time."""

    symbol: str
    price: Num


class InterestEvent(msgspec.Struct, rename={"at": "E", "symbol": "s", "size": "o", "value": "h"}):
    """One strike in <underlying>@optionOpenInterest@<day>."""

    at: Ms
    symbol: str
    size: Num
    value: Num


class InterestRow(msgspec.Struct, rename={"at": "timestamp", "size": "sumOpenInterest", "value": "sumOpenInterestUsd"}):
    """One of GET openInterest."""

    at: Stamp
    symbol: str
    size: Num
    value: Num


class Underlying(msgspec.Struct, rename={"base": "baseAsset", "quote": "quoteAsset", "settle": "settleAsset"}):
    """One of GET exchangeInfo's optionContracts."""

    underlying: str
    base: str
    quote: str
    settle: str


class Option(msgspec.Struct, rename={"strike": "strikePrice", "ends": "expiryDate"}):
    """What names one of GET exchangeInfo's optionSymbols."""

    symbol: str
    underlying: str
    side: Literal["CALL", "PUT"]
    strike: Num
    ends: Ms


class Symbol(Option):
    """One of them with its rules."""

    status: str
    unit: BareNum
    filters: list[spot.Rule]


class Listed(msgspec.Struct, rename={"contracts": "optionContracts", "symbols": "optionSymbols"}):
    """GET exchangeInfo, as far as it names."""

    contracts: list[Underlying]
    symbols: list[Option]


class Info(msgspec.Struct, rename={"contracts": "optionContracts", "symbols": "optionSymbols"}):
    contracts: list[Underlying]
    symbols: list[msgspec.Raw]  # of `Symbol`


_SYMBOL = msgspec.json.Decoder(Symbol)
_TRADE = msgspec.json.Decoder(Wrapped[TradeEvent])
_MARKS = msgspec.json.Decoder(Wrapped[list[MarkEvent]])
_INTERESTS = msgspec.json.Decoder(Wrapped[list[InterestEvent]])
_SIDES: Final[Mapping[str | int, facts.Side]] = {"BUY": "buy", "SELL": "sell", 1: "buy", -1: "sell"}
_RIGHTS: Final[Mapping[str, facts.Right]] = {"CALL": "call", "PUT": "put"}


def trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    one = decode(_TRADE, frame).data
    venue, symbol_of, received_ns = seen
    return [
        facts.Trade(
            venue, symbol_of(one.symbol), one.at * MS, received_ns, str(one.id), _SIDES[one.side],
            exact(one.price), exact(one.size),
        )
    ]  # fmt: skip


def sold(one: TradeRow, symbol: str, seen: Seen) -> facts.Trade:
    mantissa, scale = exact(one.size)
    return facts.Trade(
        seen.venue, symbol, one.at * MS, seen.received_ns, str(one.id), _SIDES[one.side],
        exact(one.price), (abs(mantissa) if one.side < 0 else mantissa, scale),
    )  # fmt: skip


def day(one: TickerRow, seen: Seen) -> facts.Ticker:
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_open=exact(one.open), exact_high=exact(one.high), exact_low=exact(one.low),
        exact_volume=exact(one.volume), exact_turnover=exact(one.turnover),
        exact_bid=exact(one.bid), exact_ask=exact(one.ask),
    )  # fmt: skip


def _said(value: Exact) -> Exact | None:
    """A volatility, or a price of settlement, that is not there is −1, or 0."""
    return value if value[0] > 0 else None


def marks(frame: bytes, seen: Seen) -> list[facts.Fact]:
    """Of each strike its mark price, then its greeks."""
    found: list[facts.Fact] = []
    for one in decode(_MARKS, frame).data:
        symbol, at_ns = seen.symbol(one.symbol), one.at * MS
        found.append(
            facts.MarkPrice(
                venue=seen.venue, symbol=symbol, venue_ns=at_ns, received_ns=seen.received_ns,
                exact_price=exact(one.price), exact_index=exact(one.index), exact_settle=_said(exact(one.settle)),
            )
        )  # fmt: skip
        found.append(
            facts.Greeks(
                venue=seen.venue, symbol=symbol, venue_ns=at_ns, received_ns=seen.received_ns,
                exact_mark_iv=_said(exact(one.mark_iv)), exact_bid_iv=_said(exact(one.bid_iv)),
                exact_ask_iv=_said(exact(one.ask_iv)), exact_delta=exact(one.delta), exact_gamma=exact(one.gamma),
                exact_theta=exact(one.theta), exact_vega=exact(one.vega),
            )
        )  # fmt: skip
    return found


def mark_price(one: MarkRow, seen: Seen) -> facts.MarkPrice:
    return facts.MarkPrice(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=None, received_ns=seen.received_ns,
        exact_price=exact(one.price),
    )  # fmt: skip


def open_interest(one: InterestEvent | InterestRow, seen: Seen) -> facts.OpenInterest:
    return facts.OpenInterest(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=int(one.at) * MS, received_ns=seen.received_ns,
        exact_size=exact(one.size), exact_value=exact(one.value),
    )  # fmt: skip


def interests(frame: bytes, seen: Seen) -> list[facts.OpenInterest]:
    return [open_interest(one, seen) for one in decode(_INTERESTS, frame).data]


def _underneath(one: Option, info: Listed | Info) -> Underlying:
    for contract in info.contracts:
        if contract.underlying == one.underlying:
            return contract
    raise DecodeError("missing", f"{one.symbol}: nothing is said of {one.underlying}")


def _name(one: Option, under: Underlying) -> str:
    return canonical(
        under.base, under.quote, settle=under.settle, expiry_ns=one.ends * MS, strike=parse(one.strike),
        right=_RIGHTS[one.side],
    )  # fmt: skip


def names(info: Listed) -> list[tuple[str, str]]:
    return [(one.symbol, _name(one, _underneath(one, info))) for one in info.symbols]


def instruments(info: Info, venue: str) -> Instruments:
    return listed(info.symbols, _SYMBOL, lambda one: _instrument(one, _underneath(one, info), venue))


def _instrument(one: Symbol, under: Underlying, venue: str) -> facts.Instrument:
    rule = partial(limit, one.symbol, one.filters)
    return facts.Instrument(
        venue=venue, symbol=_name(one, under), id=one.symbol, base=under.base, quote=under.quote,
        settle=under.settle, kind="option", expiry_ns=one.ends * MS, strike=parse(one.strike),
        right=_RIGHTS[one.side], active=one.status == "TRADING", status=one.status,
        contract_size=decimal_of(*exact_raw(one.unit)), size_unit="contract",
        tick=rule("PRICE_FILTER", "tick"), step=rule("LOT_SIZE", "step"),
        min_size=rule("LOT_SIZE", "least"), max_size=rule("LOT_SIZE", "most"),
    )  # fmt: skip
