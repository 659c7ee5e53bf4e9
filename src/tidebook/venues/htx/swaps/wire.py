"""HTX's swaps: the messages of their streams, and what facts they are.

Facts: HTX's pages for USDT-margined contracts as of 2025-11, huobiapi/docs coin_margined_swap_en (2021-06), recorded
messages of 2020 to 2022. Sizes are contracts. What was traded is told twice over, "sum of both buy and sell sides":
amounts of trades and of bars are halved here, so that a trade takes as much as leaves the book. Sizes of books, of
liquidations and of open interest count once.
"""

from typing import Any, Final, Literal

import msgspec

from tidebook.engine import exact_raw
from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.number import MAX_SCALE, Exact
from tidebook.model.wire import MS, SEC, BareId, BareNum, Count, Id, Ms, Secs, decode, whole
from tidebook.venue import Seen
from tidebook.venues.htx.wire import PERIODS as SPOT_PERIODS
from tidebook.venues.htx.wire import Push, instrument_of

PERIODS: Final = {interval: period for interval, period in SPOT_PERIODS.items() if interval != "1y"}
_INTERVALS: Final = {period: interval for interval, period in PERIODS.items()}
MARK_PERIOD: Final = "1min"

Level = tuple[BareNum, BareNum]


def half(raw: BareNum) -> Exact:
    """What one side of it is, of an amount that counts both. Raises DecodeError ``number``."""
    mantissa, scale = exact_raw(raw)
    if mantissa % 2 == 0:
        return mantissa // 2, scale
    if scale >= MAX_SCALE:
        raise DecodeError("number", f"beyond {MAX_SCALE} decimals: half of {bytes(raw)[:40]!r}")
    return mantissa * 5, scale + 1


def instant_ns(raw: BareId) -> int:
    """An instant in milliseconds, sent bare or as text. Raises DecodeError ``number`` for one beyond 64 bits of ns."""
    ns = int(whole(raw)) * MS
    if ns >= 2**63:
        raise DecodeError("number", f"no instant: {bytes(raw)[:40]!r}")
    return ns


class Trade(msgspec.Struct, gc=False, rename={"at": "ts", "size": "amount", "taker": "direction"}):
    """One trade; ids are unique inside a contract. A side that is not told (seen in 2022: an empty text) is refused."""

    id: BareId
    at: Ms
    price: BareNum
    size: BareNum
    taker: Literal["buy", "sell"]


class Trades(msgspec.Struct):
    data: list[Trade]


class Best(msgspec.Struct, gc=False, rename={"at": "ts", "seq": "version"}):
    """market.<id>.bbo. Its version is the match id, which only rises."""

    at: Ms
    bid: Level
    ask: Level
    seq: Id


class Candle(msgspec.Struct, rename={"start": "id", "volume": "vol", "trades": "count"}):
    """A bar. Nothing says that it is finished; it is when one with a later id comes. Days begin at UTC+8."""

    start: Secs
    open: BareNum
    high: BareNum
    low: BareNum
    close: BareNum
    volume: BareNum
    trades: Count

    @property
    def exact_turnover(self) -> Exact | None:
        """In quote currency; coin-margined swaps do not tell it."""
        return None


class LinearCandle(Candle):
    turnover: BareNum = msgspec.field(name="trade_turnover")

    @property
    def exact_turnover(self) -> Exact | None:
        return half(self.turnover)


class Day(msgspec.Struct, rename={"last": "close", "volume": "vol"}):
    """market.<id>.detail: volumes of 24 hours. Its open, high and low were those of the day at UTC+8: not read."""

    last: BareNum
    volume: BareNum

    @property
    def exact_turnover(self) -> Exact | None:
        return None


class LinearDay(Day):
    turnover: BareNum = msgspec.field(name="trade_turnover")

    @property
    def exact_turnover(self) -> Exact | None:
        return half(self.turnover)


class Mark(msgspec.Struct, rename={"price": "close"}):
    """A bar of the mark price; the newest one's close is the mark price."""

    price: BareNum


class Due(msgspec.Struct, rename={"id": "contract_code", "rate": "funding_rate", "at": "settlement_time"}):
    """The rate under way. `funding_time` is here when it was computed."""

    id: str
    rate: BareNum
    at: BareId


class Forced(msgspec.Struct, rename={"id": "contract_code", "side": "direction", "size": "volume", "at": "created_at"}):
    """A liquidation: `direction` is that of the order that closes the position, `price` the price of bankruptcy."""

    id: str
    side: Literal["buy", "sell"]
    size: BareNum
    price: BareNum
    at: Ms


class Told(msgspec.Struct):
    """What is pushed by the other protocol; `op` says that it is a push."""

    op: Literal["notify"]
    ts: Ms


class Dues(Told):
    data: list[Due]


class Forceds(Told):
    data: list[Forced]


_TRADES = msgspec.json.Decoder(Push[Trades])
_BEST = msgspec.json.Decoder(Push[Best])
_CANDLES: Final[dict[bool, Any]] = {
    True: msgspec.json.Decoder(Push[LinearCandle]),
    False: msgspec.json.Decoder(Push[Candle]),
}
_DAYS: Final[dict[bool, Any]] = {True: msgspec.json.Decoder(Push[LinearDay]), False: msgspec.json.Decoder(Push[Day])}
_MARK = msgspec.json.Decoder(Push[Mark])
_DUES = msgspec.json.Decoder(Dues)
_FORCEDS = msgspec.json.Decoder(Forceds)


def trade(one: Trade, symbol: str, seen: Seen) -> facts.Trade:
    venue, _, received_ns = seen
    return facts.Trade(
        venue, symbol, one.at * MS, received_ns, whole(one.id), one.taker, exact_raw(one.price), half(one.size)
    )


def bar(one: Candle, symbol: str, interval: str, seen: Seen, at: int, *, finished: bool) -> facts.Bar:
    return facts.Bar(
        venue=seen.venue, symbol=symbol, venue_ns=at * MS, received_ns=seen.received_ns, interval=interval,
        start_ns=one.start * SEC, finished=finished, trades=one.trades,
        exact_open=exact_raw(one.open), exact_high=exact_raw(one.high), exact_low=exact_raw(one.low),
        exact_close=exact_raw(one.close), exact_volume=half(one.volume), exact_turnover=one.exact_turnover,
    )  # fmt: skip


def trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    push = decode(_TRADES, frame)
    symbol = seen.symbol(instrument_of(push.ch)[0])
    return [trade(one, symbol, seen) for one in push.tick.data]


def quotes(frame: bytes, seen: Seen) -> list[facts.Quote]:
    push = decode(_BEST, frame)
    (bid, bid_size), (ask, ask_size) = push.tick.bid, push.tick.ask
    return [
        facts.Quote(
            seen.venue, seen.symbol(instrument_of(push.ch)[0]), push.tick.at * MS, seen.received_ns,
            exact_raw(bid), exact_raw(bid_size), exact_raw(ask), exact_raw(ask_size), push.tick.seq,
        )
    ]  # fmt: skip


def bars(frame: bytes, seen: Seen, *, linear: bool) -> list[facts.Bar]:
    """Never finished: see Candle."""
    push: Push[Candle] = decode(_CANDLES[linear], frame)
    name, rest = instrument_of(push.ch)
    interval = _INTERVALS.get(rest.removeprefix("kline."))
    if interval is None:
        raise DecodeError("malformed", f"not a topic of bars: {push.ch[:40]!r}")
    return [bar(push.tick, seen.symbol(name), interval, seen, push.ts, finished=False)]


def ticker(frame: bytes, seen: Seen, *, linear: bool) -> list[facts.Ticker]:
    push: Push[Day] = decode(_DAYS[linear], frame)
    return [
        facts.Ticker(
            venue=seen.venue, symbol=seen.symbol(instrument_of(push.ch)[0]), venue_ns=push.ts * MS,
            received_ns=seen.received_ns, exact_last=exact_raw(push.tick.last), exact_volume=half(push.tick.volume),
            exact_turnover=push.tick.exact_turnover,
        )
    ]  # fmt: skip


def mark_prices(frame: bytes, seen: Seen) -> list[facts.MarkPrice]:
    push = decode(_MARK, frame)
    name, rest = instrument_of(push.ch)
    if rest != f"mark_price.{MARK_PERIOD}":
        raise DecodeError("malformed", f"not a topic of mark prices: {push.ch[:40]!r}")
    return [
        facts.MarkPrice(
            venue=seen.venue, symbol=seen.symbol(name), venue_ns=push.ts * MS, received_ns=seen.received_ns,
            exact_price=exact_raw(push.tick.price),
        )
    ]  # fmt: skip


def funding(frame: bytes, seen: Seen) -> list[facts.Funding]:
    """The rate under way; it is charged at `funding_ns`."""
    push = decode(_DUES, frame)
    return [
        facts.Funding(
            venue=seen.venue, symbol=seen.symbol(one.id), venue_ns=push.ts * MS, received_ns=seen.received_ns,
            exact_rate=exact_raw(one.rate), funding_ns=instant_ns(one.at), settled=False,
        )
        for one in push.data
    ]  # fmt: skip


def liquidations(frame: bytes, seen: Seen) -> list[facts.Liquidation]:
    return [
        facts.Liquidation(
            venue=seen.venue, symbol=seen.symbol(one.id), venue_ns=one.at * MS, received_ns=seen.received_ns,
            side=one.side, exact_price=exact_raw(one.price), exact_size=exact_raw(one.size),
        )
        for one in decode(_FORCEDS, frame).data
    ]  # fmt: skip
