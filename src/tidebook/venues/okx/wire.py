"""OKX: the messages of its streams and calls that are no books, and what facts they are.

Facts: OKX API v5, its change log as of 2026-09, and recorded messages of others. Every value is text, instants are
milliseconds. What the venue does not know it leaves empty. Sizes are base currency on spot, else contracts.
"""

from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.number import Exact, exact
from tidebook.model.wire import MS, SEC, Id, Ms, Num, decode
from tidebook.venue import Seen

T = TypeVar("T")
Kind = Literal["SPOT", "SWAP", "FUTURES", "OPTION"]
# Hours and more begin at midnight in UTC+8, but for those named utc. Up to four hours both are the same.
INTERVALS: Final = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "2h": "2H", "4h": "4H", "6h": "6Hutc",
    "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc",
}  # fmt: skip
_NAMES: Final = {f"candle{bar}": interval for interval, bar in INTERVALS.items()}
_LAST_MS: Final = (2**63 - 1) // MS


class Push(msgspec.Struct, Generic[T], gc=False):
    """A message of a channel, and a call's answer."""

    data: list[T]


class Arg(msgspec.Struct, rename={"id": "instId"}):
    """What a message is about."""

    channel: str
    id: str


class About(msgspec.Struct, Generic[T]):
    """A message whose rows do not say it."""

    arg: Arg
    data: list[T]


class Past(
    msgspec.Struct, gc=False,
    rename={"id": "instId", "trade": "tradeId", "price": "px", "size": "sz", "taker": "side", "at": "ts"},
):  # fmt: skip
    """One trade, as the call has it."""

    id: str
    trade: str
    price: Num
    size: Num
    taker: Literal["buy", "sell"]
    at: str


class Trade(Past, gc=False):
    """`count` trades of one taker at one price; `trade` is the last of them, and their ids follow one another."""

    count: str


Level = tuple[Num, Num, str, str]
"""Price, size, a deprecated 0, how many orders."""


class Best(msgspec.Struct, gc=False, rename={"at": "ts", "seq": "seqId"}):
    """bbo-tbt. `seq` is of the same count as those of the books (assumed by clients, UNVERIFIED)."""

    bids: list[Level]
    asks: list[Level]
    at: str
    seq: Id


Candle = tuple[str, Num, Num, Num, Num, Num, Num, Num, Literal["0", "1"]]
"""Opening, open, high, low, close, volume, volume in coins, turnover in quote currency, whether it is finished."""


class Day(
    msgspec.Struct, gc=False,
    rename={
        "kind": "instType", "id": "instId", "ask": "askPx", "bid": "bidPx", "open": "open24h", "high": "high24h",
        "low": "low24h", "volume": "vol24h", "coins": "volCcy24h", "at": "ts",
    },
):  # fmt: skip
    """tickers: 24 hours. `coins` is quote currency on spot, else base currency."""

    kind: str
    id: str
    last: Num
    ask: Num
    bid: Num
    open: Num
    high: Num
    low: Num
    volume: Num
    coins: Num
    at: str


class Mark(msgspec.Struct, gc=False, rename={"id": "instId", "price": "markPx", "at": "ts"}):
    id: str
    price: Num
    at: str


class Rate(
    msgspec.Struct, gc=False,
    rename={"id": "instId", "rate": "fundingRate", "due": "fundingTime", "next": "nextFundingTime", "at": "ts"},
):  # fmt: skip
    """funding-rate: what will be charged at `due`."""

    id: str
    rate: Num
    due: str
    next: str
    at: str


class Interest(msgspec.Struct, gc=False, rename={"id": "instId", "size": "oi", "at": "ts"}):
    """open-interest. What it is worth is said in dollars alone, whatever the quote currency: not read."""

    id: str
    size: Num
    at: str


class Closing(msgspec.Struct, gc=False, rename={"price": "bkPx", "size": "sz", "at": "ts"}):
    """One liquidation; `price` is the one at which the position is bankrupt."""

    side: Literal["buy", "sell"]
    price: Num
    size: Num
    at: str


class Closings(msgspec.Struct, rename={"id": "instId"}):
    id: str
    details: list[Closing]


class Summary(
    msgspec.Struct, gc=False,
    rename={
        "id": "instId", "delta": "deltaBS", "gamma": "gammaBS", "theta": "thetaBS", "vega": "vegaBS",
        "mark_iv": "markVol", "bid_iv": "bidVol", "ask_iv": "askVol", "at": "ts",
    },
):  # fmt: skip
    """opt-summary. Its greeks without BS are in coins; these are in dollars."""

    id: str
    delta: Num
    gamma: Num
    theta: Num
    vega: Num
    mark_iv: Num
    bid_iv: Num
    ask_iv: Num
    at: str


_TRADES = msgspec.json.Decoder(Push[Trade])
_BEST = msgspec.json.Decoder(About[Best])
_CANDLES = msgspec.json.Decoder(About[Candle])
_DAYS = msgspec.json.Decoder(Push[Day])
_MARKS = msgspec.json.Decoder(Push[Mark])
_RATES = msgspec.json.Decoder(Push[Rate])
_INTERESTS = msgspec.json.Decoder(Push[Interest])
_CLOSINGS = msgspec.json.Decoder(Push[Closings])
_SUMMARIES = msgspec.json.Decoder(Push[Summary])


def kind_of(id: str) -> Kind:
    """BTC-USDT, BTC-USDT-SWAP, BTC-USDT-260327, BTC-USD-260327-70000-C: the venue asks for it beside the id."""
    parts = id.split("-")
    if parts[-1] == "SWAP":
        return "SWAP"
    return "SPOT" if len(parts) == 2 else "FUTURES" if len(parts) == 3 else "OPTION"


def family_of(id: str) -> str:
    """Of an option what its id begins with: BTC-USD. What is none is of no family but itself."""
    return "-".join(id.split("-")[:2]) if kind_of(id) == "OPTION" else id


def at_ns(text: str) -> Ms:
    """An instant, in ns. Raises DecodeError ``number`` for what is no count of milliseconds."""
    if not (text.isascii() and text.isdigit() and len(text) <= 13 and int(text) <= _LAST_MS):
        raise DecodeError("number", f"not an instant: {text[:40]!r}")
    return int(text) * MS


def maybe(text: Num) -> Exact | None:
    """A number, or none where the venue has none."""
    return exact(text) if text else None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise DecodeError("number", f"not a number of trades: {text[:40]!r}")
    return int(text)


def trade(one: Past, symbol: str, seen: Seen) -> facts.Trade:
    _whole(one.trade)
    price, size = exact(one.price), exact(one.size)
    return facts.Trade(seen.venue, symbol, at_ns(one.at), seen.received_ns, one.trade, one.taker, price, size)


def trades(frame: bytes, seen: Seen) -> list[facts.Trade]:
    venue, symbol_of, received_ns = seen
    found: list[facts.Trade] = []
    for one in decode(_TRADES, frame).data:
        last, count = _whole(one.trade), _whole(one.count)
        if not 1 <= count <= last + 1:
            raise DecodeError("number", f"{count} trades until {last}")
        # By position: one that is made for every message takes half as long so.
        found.append(
            facts.Trade(
                venue, symbol_of(one.id), at_ns(one.at), received_ns, one.trade, one.taker, exact(one.price),
                exact(one.size), str(last - count + 1), one.trade,
            )
        )  # fmt: skip
    return found


def quotes(frame: bytes, seen: Seen) -> list[facts.Quote]:
    """A side without orders is no quote."""
    push = decode(_BEST, frame)
    venue, symbol, received_ns = seen.venue, seen.symbol(push.arg.id), seen.received_ns
    return [
        facts.Quote(
            venue, symbol, at_ns(one.at), received_ns, exact(one.bids[0][0]), exact(one.bids[0][1]),
            exact(one.asks[0][0]), exact(one.asks[0][1]), one.seq,
        )
        for one in push.data
        if one.bids and one.asks
    ]  # fmt: skip


def bar(one: Candle, symbol: str, interval: str, seen: Seen) -> facts.Bar:
    return facts.Bar(
        venue=seen.venue, symbol=symbol, venue_ns=None, received_ns=seen.received_ns, interval=interval,
        start_ns=at_ns(one[0]), finished=one[8] == "1", exact_open=exact(one[1]), exact_high=exact(one[2]),
        exact_low=exact(one[3]), exact_close=exact(one[4]), exact_volume=exact(one[5]), exact_turnover=exact(one[7]),
    )  # fmt: skip


def bars(frame: bytes, seen: Seen) -> list[facts.Bar]:
    push = decode(_CANDLES, frame)
    interval = _NAMES.get(push.arg.channel)
    if interval is None:
        raise DecodeError("malformed", f"not a channel of bars: {push.arg.channel[:40]!r}")
    return [bar(one, seen.symbol(push.arg.id), interval, seen) for one in push.data]


def day(one: Day, seen: Seen) -> facts.Ticker | None:
    """None: it was never traded, and has no last price."""
    if not one.last:
        return None
    return facts.Ticker(
        venue=seen.venue, symbol=seen.symbol(one.id), venue_ns=at_ns(one.at), received_ns=seen.received_ns,
        exact_last=exact(one.last), exact_open=maybe(one.open), exact_high=maybe(one.high), exact_low=maybe(one.low),
        exact_volume=maybe(one.volume), exact_turnover=maybe(one.coins) if one.kind == "SPOT" else None,
        exact_bid=maybe(one.bid), exact_ask=maybe(one.ask),
    )  # fmt: skip


def ticker(frame: bytes, seen: Seen) -> list[facts.Ticker]:
    days = (day(one, seen) for one in decode(_DAYS, frame).data)
    return [one for one in days if one is not None]


def _named(one: Any, seen: Seen) -> dict[str, Any]:
    """What facts of a contract begin with."""
    return {
        "venue": seen.venue, "symbol": seen.symbol(one.id), "venue_ns": at_ns(one.at), "received_ns": seen.received_ns
    }  # fmt: skip


def marks(frame: bytes, seen: Seen) -> list[facts.MarkPrice]:
    return [facts.MarkPrice(**_named(one, seen), exact_price=exact(one.price)) for one in decode(_MARKS, frame).data]


def _rate(one: Rate, seen: Seen) -> facts.Funding:
    due_ns = at_ns(one.due)
    interval = (at_ns(one.next) - due_ns) / SEC if one.next else None
    return facts.Funding(
        **_named(one, seen), exact_rate=exact(one.rate), funding_ns=due_ns, settled=False, interval=interval
    )  # fmt: skip


def rates(frame: bytes, seen: Seen) -> list[facts.Funding]:
    return [_rate(one, seen) for one in decode(_RATES, frame).data]


def interests(frame: bytes, seen: Seen) -> list[facts.OpenInterest]:
    rows = decode(_INTERESTS, frame).data
    return [facts.OpenInterest(**_named(one, seen), exact_size=exact(one.size)) for one in rows]


def liquidations(frame: bytes, seen: Seen) -> list[facts.Liquidation]:
    """Several instruments may share a message."""
    return [
        facts.Liquidation(
            venue=seen.venue, symbol=seen.symbol(row.id), venue_ns=at_ns(one.at), received_ns=seen.received_ns,
            side=one.side, exact_price=exact(one.price), exact_size=exact(one.size),
        )
        for row in decode(_CLOSINGS, frame).data
        for one in row.details
    ]  # fmt: skip


def greeks(frame: bytes, seen: Seen) -> list[facts.Greeks]:
    """Of all options of a family in which something changed."""
    return [
        facts.Greeks(
            **_named(one, seen), exact_mark_iv=maybe(one.mark_iv), exact_bid_iv=maybe(one.bid_iv),
            exact_ask_iv=maybe(one.ask_iv), exact_delta=maybe(one.delta), exact_gamma=maybe(one.gamma),
            exact_theta=maybe(one.theta), exact_vega=maybe(one.vega),
        )
        for one in decode(_SUMMARIES, frame).data
    ]  # fmt: skip
