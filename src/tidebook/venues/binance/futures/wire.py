"""Binance's futures: the messages that are no books, and what facts they are.

Facts: the documentation of USD-M and COIN-M futures as of 2026-08-21 (Websocket Market Streams, Market Data). Trades,
klines and filters have the form of spot. Sizes are in base currency (USD-M) or in contracts (COIN-M); where sizes are
contracts, what is summed up beside a volume is an amount of base currency, which is no turnover.
"""

from functools import partial
from typing import Final, Literal

import msgspec

from tidebook.engine import exact
from tidebook.engine.quick import RECEIVED, VENUE, Part, quick
from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.number import Exact, decimal_of, exact_raw
from tidebook.model.symbol import canonical
from tidebook.model.wire import MS, BareNum, Ms, Num, decode
from tidebook.venue import Seen
from tidebook.venues.binance import wire as spot
from tidebook.venues.binance.wire import Wrapped, limit

INTERVALS: Final = spot.INTERVALS[1:]  # without seconds
MARKED_SINCE: Final = 1_698_796_800_000  # 2023-11-01: since then a charge comes with its mark price (change log)


class BookTicker(spot.BookTicker, gc=False):
    """<symbol>@bookTicker: as spot's, with the times of the transaction and of the event."""

    at: Ms = msgspec.field(name="T")


class TickerEvent(
    msgspec.Struct,
    rename={
        "at": "E", "symbol": "s", "last": "c", "open": "o", "high": "h", "low": "l", "volume": "v", "amount": "q",
    },
):  # fmt: skip
    """<symbol>@ticker: 24 hours. Unlike spot's it has no best prices."""

    at: Ms
    symbol: str
    last: Num
    open: Num
    high: Num
    low: Num
    volume: Num
    amount: Num


class CoinTicker(
    msgspec.Struct,
    rename={"last": "lastPrice", "open": "openPrice", "high": "highPrice", "low": "lowPrice", "at": "closeTime"},
):
    """GET ticker/24hr of COIN-M: its `baseVolume` is not read."""

    at: Ms
    symbol: str
    last: Num
    open: Num
    high: Num
    low: Num
    volume: Num


class UsdTicker(CoinTicker):
    """GET ticker/24hr of USD-M."""

    amount: Num = msgspec.field(name="quoteVolume")


class MarkEvent(
    msgspec.Struct,
    rename={"at": "E", "symbol": "s", "price": "p", "index": "i", "settle": "P", "rate": "r", "next": "T"},
):
    """<symbol>@markPrice@1s. Of a contract that is delivered `rate` is "" (or 0) and `next` 0: it has no funding."""

    at: Ms
    symbol: str
    price: Num
    index: Num
    settle: Num
    rate: Num
    next: Ms


class Premium(
    msgspec.Struct,
    rename={
        "at": "time", "price": "markPrice", "index": "indexPrice", "settle": "estimatedSettlePrice",
        "rate": "lastFundingRate", "next": "nextFundingTime",
    },
):  # fmt: skip
    """GET premiumIndex."""

    at: Ms
    symbol: str
    price: Num
    index: Num
    settle: Num
    rate: Num
    next: Ms


Mark = MarkEvent | Premium


class Charge(msgspec.Struct, rename={"rate": "fundingRate", "at": "fundingTime", "mark": "markPrice"}):
    """One of GET fundingRate; `mark` is absent, or "", before it was introduced."""

    symbol: str
    rate: Num
    at: Ms
    mark: Num | None = None


class Forced(msgspec.Struct, rename={"symbol": "s", "side": "S", "price": "ap", "size": "z", "at": "T"}):
    """`o` of a forceOrder: `ap` is what it traded at, `z` how much of it has traded."""

    symbol: str
    side: Literal["BUY", "SELL"]
    price: Num
    size: Num
    at: Ms


class ForceOrder(msgspec.Struct, rename={"order": "o"}):
    """<symbol>@forceOrder. Sampled: the newest of a second alone is sent."""

    order: Forced


class Interest(msgspec.Struct, rename={"size": "openInterest", "at": "time"}):
    """GET openInterest."""

    symbol: str
    size: Num
    at: Ms


class Rule(spot.Rule):
    amount: Num | None = msgspec.field(default=None, name="notional")


class Contract(
    msgspec.Struct,
    rename={
        "type": "contractType", "ends": "deliveryDate", "base": "baseAsset", "quote": "quoteAsset",
        "margin": "marginAsset",
    },
):  # fmt: skip
    """What names a contract in GET exchangeInfo. A perpetual's `ends` is in 2100, or when it will be taken off."""

    symbol: str
    type: str
    ends: Ms
    base: str
    quote: str
    margin: str

    @property
    def expiry_ns(self) -> int | None:
        """PERPETUAL, TRADIFI_PERPETUAL …, and "" of what is not traded yet, have none."""
        return None if not self.type or "PERPETUAL" in self.type else self.ends * MS

    @property
    def name(self) -> str:
        return canonical(self.base, self.quote, settle=self.margin, expiry_ns=self.expiry_ns)


class Contracts(msgspec.Struct):
    """GET exchangeInfo, as far as it names."""

    symbols: list[Contract]


class UsdSymbol(Contract):
    """One of GET /fapi/v1/exchangeInfo."""

    status: str
    filters: list[Rule]


class CoinSymbol(Contract):
    """One of GET /dapi/v1/exchangeInfo; `unit` is so much of the quote currency."""

    filters: list[Rule]
    status: str = msgspec.field(name="contractStatus")
    unit: BareNum = msgspec.field(name="contractSize")


_QUOTE = msgspec.json.Decoder(Wrapped[BookTicker])
_TICKER = msgspec.json.Decoder(Wrapped[TickerEvent])
_MARK = msgspec.json.Decoder(Wrapped[MarkEvent])
_FORCE = msgspec.json.Decoder(Wrapped[ForceOrder])

# The only trades that are published are those of one taker in 100 ms at one price.
trades = quick(
    facts.Trade, "data",
    (
        VENUE, Part("symbol", "s"), Part("ms", "T"), RECEIVED, Part("id_text", "a"),
        Part("flag", "m", true="sell", false="buy"), Part("exact", "p"), Part("exact", "q"),
        Part("id_text", "f"), Part("id_text", "l"),
    ),
    spot.agg_trades,
)  # fmt: skip


def careful_quotes(frame: bytes, seen: Seen) -> list[facts.Quote]:
    one = decode(_QUOTE, frame).data
    venue, symbol_of, received_ns = seen
    return [
        facts.Quote(
            venue, symbol_of(one.symbol), one.at * MS, received_ns,
            exact(one.bid), exact(one.bid_size), exact(one.ask), exact(one.ask_size), one.seq,
        )
    ]  # fmt: skip


quotes = quick(
    facts.Quote, "data",
    (
        VENUE, Part("symbol", "s"), Part("ms", "T"), RECEIVED,
        Part("exact", "b"), Part("exact", "B"), Part("exact", "a"), Part("exact", "A"), Part("id", "u"),
    ),
    careful_quotes,
)  # fmt: skip

usd_bars = spot.bars
coin_bars = partial(spot.bars, turnover=False)


def day(one: TickerEvent | CoinTicker, seen: Seen, turnover: Exact | None) -> facts.Ticker:
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_open=exact(one.open), exact_high=exact(one.high), exact_low=exact(one.low),
        exact_volume=exact(one.volume), exact_turnover=turnover,
    )  # fmt: skip


def usd_day(one: UsdTicker, seen: Seen) -> facts.Ticker:
    return day(one, seen, exact(one.amount))


def coin_day(one: CoinTicker, seen: Seen) -> facts.Ticker:
    return day(one, seen, None)


def usd_ticker(frame: bytes, seen: Seen) -> list[facts.Ticker]:
    one = decode(_TICKER, frame).data
    return [day(one, seen, exact(one.amount))]


def coin_ticker(frame: bytes, seen: Seen) -> list[facts.Ticker]:
    one = decode(_TICKER, frame).data
    return [day(one, seen, None)]


def mark_price(one: Mark, seen: Seen) -> facts.MarkPrice:
    return facts.MarkPrice(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_price=exact(one.price), exact_index=exact(one.index), exact_settle=exact(one.settle),
    )  # fmt: skip


def funding_due(one: Mark, seen: Seen) -> facts.Funding:
    return facts.Funding(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_rate=exact(one.rate), funding_ns=one.next * MS, settled=False, exact_mark=exact(one.price),
    )  # fmt: skip


def marks(frame: bytes, seen: Seen) -> list[facts.Fact]:
    one = decode(_MARK, frame).data
    found: list[facts.Fact] = [mark_price(one, seen)]
    return [*found, funding_due(one, seen)] if one.next else found


def charge(one: Charge, symbol: str, seen: Seen, *, marked: bool) -> facts.Funding:
    """A funding that was charged. `marked` says whether the market tells the mark price of it."""
    if marked and not one.mark and one.at >= MARKED_SINCE:
        raise DecodeError("missing", f"{one.symbol}: a charge of {one.at} without its mark price")
    return facts.Funding(
        venue=seen.venue, symbol=symbol, venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_rate=exact(one.rate), funding_ns=one.at * MS, settled=True,
        exact_mark=exact(one.mark) if marked and one.mark else None,
    )  # fmt: skip


_SIDES: Final[dict[str, facts.Side]] = {"BUY": "buy", "SELL": "sell"}


def liquidations(frame: bytes, seen: Seen) -> list[facts.Liquidation]:
    one = decode(_FORCE, frame).data.order
    return [
        facts.Liquidation(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
            side=_SIDES[one.side], exact_price=exact(one.price), exact_size=exact(one.size),
        )
    ]  # fmt: skip


def open_interest(one: Interest, seen: Seen) -> facts.OpenInterest:
    return facts.OpenInterest(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
        exact_size=exact(one.size),
    )  # fmt: skip


def instrument(one: UsdSymbol | CoinSymbol, venue: str) -> facts.Instrument:
    rule = partial(limit, one.symbol, one.filters)
    unit = decimal_of(*exact_raw(one.unit)) if isinstance(one, CoinSymbol) else None
    return facts.Instrument(
        venue=venue, symbol=one.name, id=one.symbol, base=one.base, quote=one.quote, settle=one.margin,
        kind="linear" if unit is None else "inverse", expiry_ns=one.expiry_ns,
        active=one.status == "TRADING", status=one.status,
        contract_size=unit, size_unit=one.base if unit is None else "contract",
        tick=rule("PRICE_FILTER", "tick"), step=rule("LOT_SIZE", "step"),
        min_size=rule("LOT_SIZE", "least"), max_size=rule("LOT_SIZE", "most"),
        min_notional=rule("MIN_NOTIONAL", "amount"),
    )  # fmt: skip
