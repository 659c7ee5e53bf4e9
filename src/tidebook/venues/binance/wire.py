"""Binance spot: the messages that are no books, and what facts they are.

Facts: web-socket-streams.md, rest-api.md, filters.md of 2026-07-21. Prices and sizes are decimal text, instants are
milliseconds. A stream's message comes wrapped as {"stream", "data"}; REST has rows of the same facts by other names.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final, Generic, TypeVar

import msgspec

from tidebook.engine import exact
from tidebook.engine.quick import NOTHING, RECEIVED, VENUE, Part, quick
from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.number import parse
from tidebook.model.wire import MS, Count, Id, Ms, Num, decode
from tidebook.venue import Seen

T = TypeVar("T")
INTERVALS: Final = (
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M",
)  # fmt: skip


class Wrapped(msgspec.Struct, Generic[T], gc=False):
    """A message of the combined form."""

    data: T


class TradeEvent(
    msgspec.Struct, gc=False,
    rename={"id": "t", "symbol": "s", "price": "p", "size": "q", "at": "T", "buyer_made": "m"},
):  # fmt: skip
    """<symbol>@trade. Where the buyer was the maker, the taker sold."""

    id: Id
    symbol: str
    price: Num
    size: Num
    at: Ms
    buyer_made: bool


class TradeRow(msgspec.Struct, rename={"size": "qty", "at": "time", "buyer_made": "isBuyerMaker"}):
    """One of GET trades."""

    id: Id
    price: Num
    size: Num
    at: Ms
    buyer_made: bool


class AggTrade(
    msgspec.Struct,
    rename={"id": "a", "price": "p", "size": "q", "first": "f", "last": "l", "at": "T", "buyer_made": "m"},
):
    """One of GET aggTrades: the trades `first` to `last`, of one taker at one price."""

    id: Id
    price: Num
    size: Num
    first: Id
    last: Id
    at: Ms
    buyer_made: bool


class AggTradeEvent(AggTrade):
    """<symbol>@aggTrade."""

    symbol: str = msgspec.field(name="s")


class BookTicker(
    msgspec.Struct, gc=False,
    rename={"seq": "u", "symbol": "s", "bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A"},
):  # fmt: skip
    """<symbol>@bookTicker. It has no time; its id is of the depth stream's numbers."""

    seq: Id
    symbol: str
    bid: Num
    bid_size: Num
    ask: Num
    ask_size: Num


class Candle(
    msgspec.Struct,
    rename={
        "start": "t", "interval": "i", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v",
        "turnover": "q", "trades": "n", "closed": "x",
    },
):  # fmt: skip
    """`k` of a kline."""

    start: Ms
    interval: str
    open: Num
    high: Num
    low: Num
    close: Num
    volume: Num
    turnover: Num
    trades: Count
    closed: bool


class KlineEvent(msgspec.Struct, rename={"at": "E", "symbol": "s", "candle": "k"}):
    """<symbol>@kline_<interval>."""

    at: Ms
    symbol: str
    candle: Candle


class KlineRow(msgspec.Struct, array_like=True):
    """One of GET klines."""

    start: Ms
    open: Num
    high: Num
    low: Num
    close: Num
    volume: Num
    end: Ms
    turnover: Num
    trades: Count


class TickerEvent(
    msgspec.Struct,
    rename={
        "at": "E", "symbol": "s", "last": "c", "open": "o", "high": "h", "low": "l", "volume": "v", "turnover": "q",
        "bid": "b", "ask": "a",
    },
):  # fmt: skip
    """<symbol>@ticker: a window of 24 hours that moves with the second."""

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


class TickerRow(
    msgspec.Struct,
    rename={
        "last": "lastPrice", "open": "openPrice", "high": "highPrice", "low": "lowPrice", "turnover": "quoteVolume",
        "bid": "bidPrice", "ask": "askPrice", "at": "closeTime",
    },
):  # fmt: skip
    """GET ticker/24hr."""

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


class Rule(msgspec.Struct, rename={"kind": "filterType"}):
    """One of a symbol's filters. Which of the fields it has, its kind says."""

    kind: str
    tick: Num | None = msgspec.field(default=None, name="tickSize")
    step: Num | None = msgspec.field(default=None, name="stepSize")
    least: Num | None = msgspec.field(default=None, name="minQty")
    most: Num | None = msgspec.field(default=None, name="maxQty")
    notional: Num | None = msgspec.field(default=None, name="minNotional")


class Symbol(msgspec.Struct, rename={"base": "baseAsset", "quote": "quoteAsset"}):
    """One of GET exchangeInfo's symbols."""

    symbol: str
    status: str
    base: str
    quote: str
    filters: list[Rule]


_TRADE = msgspec.json.Decoder(Wrapped[TradeEvent])
_AGG_TRADE = msgspec.json.Decoder(Wrapped[AggTradeEvent])
_QUOTE = msgspec.json.Decoder(Wrapped[BookTicker])
_KLINE = msgspec.json.Decoder(Wrapped[KlineEvent])
_TICKER = msgspec.json.Decoder(Wrapped[TickerEvent])


def trade(one: TradeEvent | TradeRow, symbol: str, seen: Seen) -> facts.Trade:
    venue, _, received_ns = seen
    # By position: one that is made for every message takes half as long so.
    return facts.Trade(
        venue, symbol, one.at * MS, received_ns, str(one.id), "sell" if one.buyer_made else "buy",
        exact(one.price), exact(one.size),
    )  # fmt: skip


def several(one: AggTrade, symbol: str, seen: Seen) -> facts.Trade:
    """Several trades of one taker as one."""
    venue, _, received_ns = seen
    return facts.Trade(
        venue, symbol, one.at * MS, received_ns, str(one.id), "sell" if one.buyer_made else "buy",
        exact(one.price), exact(one.size), str(one.first), str(one.last),
    )  # fmt: skip


def bar(
    one: Candle | KlineRow, symbol: str, interval: str, seen: Seen, at: int | None, *, finished: bool,
    turnover: bool = True,
) -> facts.Bar:  # fmt: skip
    """`turnover` says whether what the venue sums up beside the volume is an amount of quote currency."""
    return facts.Bar(
        venue=seen.venue, symbol=symbol, venue_ns=at, received_ns=seen.received_ns,
        interval=interval, start_ns=one.start * MS, finished=finished, trades=one.trades,
        exact_open=exact(one.open), exact_high=exact(one.high), exact_low=exact(one.low),
        exact_close=exact(one.close), exact_volume=exact(one.volume),
        exact_turnover=exact(one.turnover) if turnover else None,
    )  # fmt: skip


def day(one: TickerEvent | TickerRow, seen: Seen) -> facts.Ticker:
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_open=exact(one.open), exact_high=exact(one.high), exact_low=exact(one.low),
        exact_volume=exact(one.volume), exact_turnover=exact(one.turnover),
        exact_bid=exact(one.bid), exact_ask=exact(one.ask),
    )  # fmt: skip


def limit(symbol: str, filters: Sequence[Rule], kind: str, field: str) -> Decimal | None:
    """A number of one filter; 0 says that the rule is off."""
    for rule in filters:
        if rule.kind == kind:
            text = getattr(rule, field)
            if text is None:
                raise DecodeError("missing", f"{symbol}: filter {kind} has no number for `{field}`")
            return parse(text) or None
    return None


def instrument(one: Symbol, venue: str) -> facts.Instrument:
    rule = partial(limit, one.symbol, one.filters)
    return facts.Instrument(
        venue=venue, symbol=f"{one.base}/{one.quote}", id=one.symbol, base=one.base, quote=one.quote, kind="spot",
        active=one.status == "TRADING", status=one.status, size_unit=one.base,
        tick=rule("PRICE_FILTER", "tick"), step=rule("LOT_SIZE", "step"),
        min_size=rule("LOT_SIZE", "least"), max_size=rule("LOT_SIZE", "most"),
        min_notional=rule("NOTIONAL", "notional") or rule("MIN_NOTIONAL", "notional"),
    )  # fmt: skip


def careful_trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    one = decode(_TRADE, frame).data
    return [trade(one, seen.symbol(one.symbol), seen)]


trades = quick(
    facts.Trade, "data",
    (
        VENUE, Part("symbol", "s"), Part("ms", "T"), RECEIVED, Part("id_text", "t"),
        Part("flag", "m", true="sell", false="buy"), Part("exact", "p"), Part("exact", "q"),
    ),
    careful_trades,
)  # fmt: skip


def agg_trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    one = decode(_AGG_TRADE, frame).data
    return [several(one, seen.symbol(one.symbol), seen)]


def careful_quotes(frame: bytes, seen: Seen) -> list[facts.Quote]:
    one = decode(_QUOTE, frame).data
    venue, symbol_of, received_ns = seen
    return [
        facts.Quote(
            venue, symbol_of(one.symbol), None, received_ns,
            exact(one.bid), exact(one.bid_size), exact(one.ask), exact(one.ask_size), one.seq,
        )
    ]  # fmt: skip


quotes = quick(
    facts.Quote, "data",
    (
        VENUE, Part("symbol", "s"), NOTHING, RECEIVED,
        Part("exact", "b"), Part("exact", "B"), Part("exact", "a"), Part("exact", "A"), Part("id", "u"),
    ),
    careful_quotes,
)  # fmt: skip


def bars(frame: bytes, seen: Seen, *, turnover: bool = True) -> list[facts.Bar]:
    event = decode(_KLINE, frame).data
    one, symbol = event.candle, seen.symbol(event.symbol)
    return [bar(one, symbol, one.interval, seen, event.at * MS, finished=one.closed, turnover=turnover)]


def ticker(frame: bytes, seen: Seen) -> list[facts.Ticker]:
    return [day(decode(_TICKER, frame).data, seen)]
