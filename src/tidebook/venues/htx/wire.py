"""HTX spot: the messages of its streams and calls that are no books, and what facts they are.

Facts: huobiapi/docs v1_en (2021-06) and later notices. Numbers are bare JSON numbers, exponents included; text is
accepted too (the documented sample of bbo has it). Instants are milliseconds, the opening of a bar seconds.
"""

from typing import Final, Generic, Literal, TypeVar

import msgspec

from tidebook.engine import exact_raw
from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.wire import MS, SEC, BareId, BareNum, Count, Id, Ms, Secs, decode, whole
from tidebook.venue import Seen

T = TypeVar("T")
PERIODS: Final = {
    "1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "60min", "4h": "4hour", "1d": "1day",
    "1w": "1week", "1M": "1mon", "1y": "1year",
}  # fmt: skip
_INTERVALS: Final = {period: interval for interval, period in PERIODS.items()}


class Push(msgspec.Struct, Generic[T], gc=False):
    """A message of a channel, and the answers that have the same form."""

    ch: str
    ts: Ms
    tick: T


class Trade(msgspec.Struct, gc=False, rename={"id": "tradeId", "at": "ts", "size": "amount", "taker": "direction"}):
    """One trade. Its field `id`, of 21 digits and more, is the older of two and was seen to repeat; it is not read."""

    id: BareId
    at: Ms
    price: BareNum
    size: BareNum
    taker: Literal["buy", "sell"]


class Trades(msgspec.Struct):
    data: list[Trade]


class Best(
    msgspec.Struct, gc=False, rename={"at": "quoteTime", "bid_size": "bidSize", "ask_size": "askSize", "seq": "seqId"}
):
    """market.<id>.bbo."""

    at: Ms
    bid: BareNum
    bid_size: BareNum
    ask: BareNum
    ask_size: BareNum
    seq: Id


class Candle(msgspec.Struct, rename={"start": "id", "volume": "amount", "turnover": "vol", "trades": "count"}):
    """A bar. Nothing says that it is finished; it is when one with a later id comes. Days begin at UTC+8."""

    start: Secs
    open: BareNum
    high: BareNum
    low: BareNum
    close: BareNum
    volume: BareNum
    turnover: BareNum
    trades: Count


class Day(msgspec.Struct, rename={"last": "close", "volume": "amount", "turnover": "vol"}):
    """market.<id>.ticker: the last 24 hours."""

    last: BareNum
    open: BareNum
    high: BareNum
    low: BareNum
    volume: BareNum
    turnover: BareNum
    bid: BareNum
    ask: BareNum


_TRADES = msgspec.json.Decoder(Push[Trades])
_BEST = msgspec.json.Decoder(Push[Best])
_CANDLE = msgspec.json.Decoder(Push[Candle])
_DAY = msgspec.json.Decoder(Push[Day])


def instrument_of(topic: str) -> tuple[str, str]:
    """The instrument and the rest of `market.<instrument>.<rest>`. Raises DecodeError for another text."""
    parts = topic.split(".", 2)
    if len(parts) != 3 or parts[0] != "market":
        raise DecodeError("malformed", f"not a topic: {topic[:40]!r}")
    return parts[1], parts[2]


def trade(one: Trade, symbol: str, seen: Seen) -> facts.Trade:
    venue, _, received_ns = seen
    # By position: one that is made for every message takes half as long so.
    return facts.Trade(
        venue, symbol, one.at * MS, received_ns, whole(one.id), one.taker, exact_raw(one.price), exact_raw(one.size)
    )


def bar(one: Candle, symbol: str, interval: str, seen: Seen, at: int, *, finished: bool) -> facts.Bar:
    return facts.Bar(
        venue=seen.venue, symbol=symbol, venue_ns=at * MS, received_ns=seen.received_ns, interval=interval,
        start_ns=one.start * SEC, finished=finished, trades=one.trades,
        exact_open=exact_raw(one.open), exact_high=exact_raw(one.high), exact_low=exact_raw(one.low),
        exact_close=exact_raw(one.close), exact_volume=exact_raw(one.volume), exact_turnover=exact_raw(one.turnover),
    )  # fmt: skip


def trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    push = decode(_TRADES, frame)
    symbol = seen.symbol(instrument_of(push.ch)[0])
    return [trade(one, symbol, seen) for one in push.tick.data]


def quotes(frame: bytes, seen: Seen) -> list[facts.Quote]:
    push = decode(_BEST, frame)
    one = push.tick
    return [
        facts.Quote(
            seen.venue, seen.symbol(instrument_of(push.ch)[0]), one.at * MS, seen.received_ns,
            exact_raw(one.bid), exact_raw(one.bid_size), exact_raw(one.ask), exact_raw(one.ask_size), one.seq,
        )
    ]  # fmt: skip


def bars(frame: bytes, seen: Seen) -> list[facts.Bar]:
    """Never finished: see Candle."""
    push = decode(_CANDLE, frame)
    name, rest = instrument_of(push.ch)
    interval = _INTERVALS.get(rest.removeprefix("kline."))
    if interval is None:
        raise DecodeError("malformed", f"not a topic of bars: {push.ch[:40]!r}")
    return [bar(push.tick, seen.symbol(name), interval, seen, push.ts, finished=False)]


def ticker(frame: bytes, seen: Seen) -> list[facts.Ticker]:
    push = decode(_DAY, frame)
    one = push.tick
    return [
        facts.Ticker(
            venue=seen.venue, symbol=seen.symbol(instrument_of(push.ch)[0]), venue_ns=push.ts * MS,
            received_ns=seen.received_ns, exact_last=exact_raw(one.last), exact_open=exact_raw(one.open),
            exact_high=exact_raw(one.high), exact_low=exact_raw(one.low), exact_volume=exact_raw(one.volume),
            exact_turnover=exact_raw(one.turnover), exact_bid=exact_raw(one.bid), exact_ask=exact_raw(one.ask),
        )
    ]  # fmt: skip
