"""Bybit: the messages of its streams that are no books, and what facts they are.

Facts: bybit-exchange/docs v5 as of 2026-07-24 (WebSocket Stream, Public). Numbers are texts, instants milliseconds.
Sizes are in base currency, of inverse contracts in US dollars: their turnover is in base currency, and not told.
"""

from typing import Annotated, Final, Generic, Literal, TypeVar

import msgspec

from tidebook.core.clock import SECOND
from tidebook.core.span import Span
from tidebook.engine import exact
from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.number import Exact
from tidebook.model.wire import MS, Id, Ms, Num, decode
from tidebook.venue import Seen

T = TypeVar("T")
INTERVALS: Final = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
    "12h": "720", "1d": "D", "1w": "W", "1M": "M",
}  # fmt: skip
_MINUTES: Final = {
    word: 1440 if word == "D" else 10_080 if word == "W" else int(word) for word in [*INTERVALS.values()][:-1]
}
SPANS: Final = {**{word: Span(n * 60 * SECOND) for word, n in _MINUTES.items()}, "M": Span(0, months=1)}
_NAMES: Final = {word: interval for interval, word in INTERVALS.items()}
SIDES: Final[dict[str, facts.Side]] = {"Buy": "buy", "Sell": "sell"}
_CLOSING: Final[dict[str, facts.Side]] = {"Buy": "sell", "Sell": "buy"}

Due = Annotated[str, msgspec.Meta(pattern="^([0-9]{13}|0|)$")]
"""Milliseconds as text; "0" or nothing where it is never."""
TradeId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f-]{1,36}$")]
"""Digits in spot, a UUID elsewhere."""
Hours = Annotated[str, msgspec.Meta(pattern="^([1-9][0-9]?)?$")]


class Push(msgspec.Struct, Generic[T], gc=False):
    """A message of a topic."""

    topic: str
    ts: Ms
    data: T


class Trade(
    msgspec.Struct, gc=False, rename={"at": "T", "symbol": "s", "side": "S", "size": "v", "price": "p", "id": "i"}
):
    """One of publicTrade. `S` is the taker's side."""

    at: Ms
    symbol: str
    side: Literal["Buy", "Sell"]
    size: Num
    price: Num
    id: TradeId


class Liquidation(msgspec.Struct, rename={"at": "T", "symbol": "s", "side": "S", "size": "v", "price": "p"}):
    """One of allLiquidation. `S` is the side of the position (Buy: a long was liquidated), `p` its bankruptcy price."""

    at: Ms
    symbol: str
    side: Literal["Buy", "Sell"]
    size: Num
    price: Num


class Best(msgspec.Struct, gc=False, rename={"symbol": "s", "bids": "b", "asks": "a", "seq": "u"}):
    """orderbook.1: whole each time. A side without orders is empty."""

    symbol: str
    bids: list[tuple[Num, Num]]
    asks: list[tuple[Num, Num]]
    seq: Id


class Whole(Push[T], Generic[T], gc=False):
    """One of a topic whose messages are all whole."""

    type: Literal["snapshot"]


class Candle(msgspec.Struct):
    """One of kline."""

    start: Ms
    interval: str
    open: Num
    high: Num
    low: Num
    close: Num
    volume: Num
    turnover: Num
    confirm: bool


class Spot(
    msgspec.Struct,
    rename={
        "last": "lastPrice", "open": "prevPrice24h", "high": "highPrice24h", "low": "lowPrice24h",
        "volume": "volume24h", "turnover": "turnover24h",
    },
):  # fmt: skip
    """tickers of a spot market."""

    symbol: str
    last: Num
    open: Num
    high: Num
    low: Num
    volume: Num
    turnover: Num


class Contract(
    msgspec.Struct,
    rename={
        "last": "lastPrice", "open": "prevPrice24h", "high": "highPrice24h", "low": "lowPrice24h",
        "volume": "volume24h", "turnover": "turnover24h", "bid": "bid1Price", "bid_size": "bid1Size",
        "ask": "ask1Price", "ask_size": "ask1Size", "mark": "markPrice",
        "index": "indexPrice", "settle": "predictedDeliveryPrice", "rate": "fundingRate",
        "due": "nextFundingTime", "hours": "fundingIntervalHour", "interest": "openInterest",
        "value": "openInterestValue",
    },
):  # fmt: skip
    """tickers of a contract: whole at first, then what has changed.

    One that is delivered has no funding: its rate and the time of it are empty. `settle` has a value half an hour
    before delivery, and is 0 or empty else.
    """

    symbol: str
    last: Num | None = None
    open: Num | None = None
    high: Num | None = None
    low: Num | None = None
    volume: Num | None = None
    turnover: Num | None = None
    bid: Num | None = None
    bid_size: Num | None = None
    ask: Num | None = None
    ask_size: Num | None = None
    mark: Num | None = None
    index: Num | None = None
    settle: Num | None = None
    rate: Num | None = None
    due: Due | None = None
    hours: Hours | None = None
    interest: Num | None = None
    value: Num | None = None


class Changed(Push[Contract]):
    """tickers of a contract."""

    type: Literal["snapshot", "delta"]


class Option(
    msgspec.Struct,
    rename={
        "last": "lastPrice", "high": "highPrice24h", "low": "lowPrice24h", "volume": "volume24h", "mark": "markPrice",
        "index": "indexPrice", "interest": "openInterest", "settle": "predictedDeliveryPrice", "bid": "bidPrice",
        "bid_iv": "bidIv", "ask": "askPrice", "ask_iv": "askIv", "mark_iv": "markPriceIv",
    },
):  # fmt: skip
    """tickers of an option: whole each time. What is not there is 0: nobody quotes, nobody traded."""

    symbol: str
    last: Num
    high: Num
    low: Num
    volume: Num
    mark: Num
    index: Num
    interest: Num
    settle: Num
    delta: Num
    gamma: Num
    vega: Num
    theta: Num
    bid: Num
    bid_iv: Num
    ask: Num
    ask_iv: Num
    mark_iv: Num


_TRADES = msgspec.json.Decoder(Push[list[Trade]])
_LIQUIDATIONS = msgspec.json.Decoder(Push[list[Liquidation]])
_BEST = msgspec.json.Decoder(Whole[Best])
_CANDLES = msgspec.json.Decoder(Push[list[Candle]])
_SPOT = msgspec.json.Decoder(Whole[Spot])
_CONTRACT = msgspec.json.Decoder(Changed)
_OPTION = msgspec.json.Decoder(Whole[Option])


def trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    venue, symbol_of, received_ns = seen
    return [
        facts.Trade(
            venue, symbol_of(one.symbol), one.at * MS, received_ns, one.id, SIDES[one.side], exact(one.price),
            exact(one.size),
        )
        for one in decode(_TRADES, frame).data
    ]  # fmt: skip


def liquidations(frame: bytes, seen: Seen) -> list[facts.Liquidation]:
    return [
        facts.Liquidation(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=one.at * MS, received_ns=seen.received_ns,
            side=_CLOSING[one.side], exact_price=exact(one.price), exact_size=exact(one.size),
        )
        for one in decode(_LIQUIDATIONS, frame).data
    ]  # fmt: skip


def quotes(frame: bytes, seen: Seen) -> list[facts.Quote]:
    """Where a side is empty there is no quote."""
    push = decode(_BEST, frame)
    one = push.data
    if len(one.bids) > 1 or len(one.asks) > 1:
        raise DecodeError("malformed", f"more than the best price: {push.topic[:40]!r}")
    return [
        facts.Quote(
            seen.venue, seen.symbol(one.symbol), push.ts * MS, seen.received_ns,
            exact(bid), exact(bid_size), exact(ask), exact(ask_size), one.seq,
        )
        for (bid, bid_size), (ask, ask_size) in zip(one.bids, one.asks, strict=False)
    ]  # fmt: skip


def bars(whole: bool, frame: bytes, seen: Seen) -> list[facts.Bar]:
    """With `whole` the turnover is told. Several may come: one that has ended, and the next."""
    push = decode(_CANDLES, frame)
    _, word, id = topic_of(push.topic)
    interval = _NAMES.get(word)
    if interval is None or any(one.interval != word for one in push.data):
        raise DecodeError("malformed", f"not a topic of bars: {push.topic[:40]!r}")
    return [
        facts.Bar(
            venue=seen.venue, symbol=seen.symbol(id), venue_ns=push.ts * MS, received_ns=seen.received_ns,
            interval=interval, start_ns=one.start * MS, finished=one.confirm, exact_open=exact(one.open),
            exact_high=exact(one.high), exact_low=exact(one.low), exact_close=exact(one.close),
            exact_volume=exact(one.volume), exact_turnover=exact(one.turnover) if whole else None,
        )
        for one in push.data
    ]  # fmt: skip


def topic_of(topic: str) -> tuple[str, str, str]:
    """The three parts of `kline.5.BTCUSDT`. Raises DecodeError for another text."""
    parts = topic.split(".", 2)
    if len(parts) != 3:
        raise DecodeError("malformed", f"not a topic: {topic[:40]!r}")
    return parts[0], parts[1], parts[2]


def spot_day(one: Spot, at_ns: int, seen: Seen, bid: Exact | None = None, ask: Exact | None = None) -> facts.Ticker:
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_open=exact(one.open), exact_high=exact(one.high), exact_low=exact(one.low),
        exact_volume=exact(one.volume), exact_turnover=exact(one.turnover), exact_bid=bid, exact_ask=ask,
    )  # fmt: skip


def spot_ticker(frame: bytes, seen: Seen) -> list[facts.Ticker]:
    push = decode(_SPOT, frame)
    return [spot_day(push.data, push.ts * MS, seen)]


# ---- contracts


def _said(text: Num | None) -> Exact | None:
    return None if text is None else exact(text)


def _there(text: Num) -> Exact | None:
    """Where 0 says that there is none."""
    value = exact(text)
    return value if value[0] else None


def best(price: Num | None, size: Num | None) -> Exact | None:
    """A best price. Where nobody quotes price and size are empty. Raises DecodeError where one is."""
    found = exact(size) if size else None
    if price == "" and found is not None:
        raise DecodeError("number", "a best size without a price")
    return exact(price) if price else None


def contract_day(whole: bool, one: Contract, at_ns: int, seen: Seen) -> facts.Ticker:
    """With `whole` the turnover is told."""
    if one.last is None:
        raise DecodeError("missing", f"{one.symbol[:40]}: no last price")
    turnover = _said(one.turnover)
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_open=_said(one.open), exact_high=_said(one.high), exact_low=_said(one.low),
        exact_volume=_said(one.volume), exact_turnover=turnover if whole else None,
        exact_bid=best(one.bid, one.bid_size), exact_ask=best(one.ask, one.ask_size),
    )  # fmt: skip


def _settle(one: Contract | Option) -> Exact | None:
    """Of contracts it may be empty as well."""
    return None if isinstance(one, Contract) and not one.settle else _there(one.settle or "")


def mark_price(one: Contract | Option, at_ns: int, seen: Seen) -> facts.MarkPrice:
    if one.mark is None:
        raise DecodeError("missing", f"{one.symbol[:40]}: no mark price")
    return facts.MarkPrice(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
        exact_price=exact(one.mark), exact_index=_said(one.index), exact_settle=_settle(one),
    )  # fmt: skip


def funding(one: Contract, at_ns: int, seen: Seen) -> list[facts.Funding]:
    """What is due; none of what is delivered."""
    delivered = one.due in ("", "0")
    if one.rate is None or one.due is None or (one.rate == "") != delivered or (one.hours == "" and not delivered):
        raise DecodeError("missing", f"{one.symbol[:40]}: half of a funding")
    if delivered:
        return []
    return [
        facts.Funding(
            venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
            exact_rate=exact(one.rate), funding_ns=int(one.due) * MS, settled=False,
            interval=None if not one.hours else int(one.hours) * 3600.0,
        )
    ]  # fmt: skip


def open_interest(whole: bool, one: Contract | Option, at_ns: int, seen: Seen) -> facts.OpenInterest:
    """With `whole` the value is told: that of inverse contracts is in base currency."""
    if one.interest is None:
        raise DecodeError("missing", f"{one.symbol[:40]}: no open interest")
    value = _said(one.value) if isinstance(one, Contract) else None
    return facts.OpenInterest(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
        exact_size=exact(one.interest), exact_value=value if whole else None,
    )  # fmt: skip


class Remembered:
    """Reads the tickers of one contract: what a message does not say is as it was, and each brings all that is known.

    So whoever begins to read a topic that others read hears at once what seldom changes. With `whole` see above.
    """

    def __init__(self, whole: bool) -> None:
        self._whole = whole
        self._known: Contract | None = None

    def __call__(self, frame: bytes, seen: Seen) -> list[facts.Fact]:
        known, self._known = self._known, None  # what is not read may have said anything: it is known no more
        push = decode(_CONTRACT, frame)
        now = push.data
        if push.type == "delta" and known is not None:
            said = {name: value for name in _FIELDS if (value := getattr(now, name)) is not None}
            now = msgspec.structs.replace(known, **said)
        found = self._facts(now, push.ts * MS, seen)
        self._known = now
        return found

    def _facts(self, now: Contract, at_ns: int, seen: Seen) -> list[facts.Fact]:
        found: list[facts.Fact] = []
        if now.last is not None:
            found.append(contract_day(self._whole, now, at_ns, seen))
        if now.mark is not None:
            found.append(mark_price(now, at_ns, seen))
        if now.rate is not None and now.due is not None:
            found += funding(now, at_ns, seen)
        if now.interest is not None:
            found.append(open_interest(self._whole, now, at_ns, seen))
        return found


def contract_ticker(whole: bool, frame: bytes, seen: Seen) -> list[facts.Fact]:
    """One message by itself."""
    return Remembered(whole)(frame, seen)


_FIELDS: Final = tuple(name for name in Contract.__struct_fields__ if name != "symbol")


# ---- options


def option_day(one: Option, at_ns: int, seen: Seen) -> facts.Ticker:
    """The turnover is that of what is underneath, and not told."""
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_high=_there(one.high), exact_low=_there(one.low),
        exact_volume=exact(one.volume), exact_bid=_there(one.bid), exact_ask=_there(one.ask),
    )  # fmt: skip


def greeks(one: Option, at_ns: int, seen: Seen) -> facts.Greeks:
    return facts.Greeks(
        venue=seen.venue, symbol=seen.symbol(one.symbol), venue_ns=at_ns, received_ns=seen.received_ns,
        exact_mark_iv=_there(one.mark_iv), exact_bid_iv=_there(one.bid_iv), exact_ask_iv=_there(one.ask_iv),
        exact_delta=exact(one.delta), exact_gamma=exact(one.gamma), exact_theta=exact(one.theta),
        exact_vega=exact(one.vega),
    )  # fmt: skip


def option_ticker(frame: bytes, seen: Seen) -> list[facts.Fact]:
    push = decode(_OPTION, frame)
    one, at_ns = push.data, push.ts * MS
    return [
        option_day(one, at_ns, seen), mark_price(one, at_ns, seen), open_interest(False, one, at_ns, seen),
        greeks(one, at_ns, seen),
    ]  # fmt: skip
