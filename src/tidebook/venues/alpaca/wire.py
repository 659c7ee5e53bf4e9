"""Alpaca, crypto: the messages of its streams that are no books, and what facts they are.

Facts: docs.alpaca.markets, "Real-time Crypto Data" (copy of 2026-06-09), and alpaca-trade-api-go, marketdata
(2026-05-08). A frame is a list of messages of several kinds. Numbers are bare JSON numbers, instants RFC 3339 with
nanoseconds, UTC.
"""

from collections.abc import Callable
from typing import Final, Literal, TypeVar

import msgspec

from tidebook.engine import exact_raw
from tidebook.errors import DecodeError
from tidebook.model import facts
from tidebook.model.wire import BareNum, Count, Id, Iso, decode, iso
from tidebook.venue import Seen

T = TypeVar("T")
F = TypeVar("F", bound=facts.Fact)


class Head(msgspec.Struct, gc=False, rename={"kind": "T", "id": "S"}):
    """What says whose a message is; answers have no symbol."""

    kind: str
    id: str = ""


class TradeRow(
    msgspec.Struct, gc=False, rename={"at": "t", "price": "p", "size": "s", "number": "i", "taker": "tks"}
):  # fmt: skip
    """One trade; `taker` is the taker's side. Ids are beyond 2^53."""

    at: Iso
    price: BareNum
    size: BareNum
    number: Id
    taker: Literal["B", "S"]


class QuoteRow(
    msgspec.Struct, gc=False, rename={"at": "t", "bid": "bp", "bid_size": "bs", "ask": "ap", "ask_size": "as"}
):  # fmt: skip
    """The best bid and ask."""

    at: Iso
    bid: BareNum
    bid_size: BareNum
    ask: BareNum
    ask_size: BareNum


class BarRow(
    msgspec.Struct, gc=False,
    rename={
        "start": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "trades": "n", "vwap": "vw",
    },
):  # fmt: skip
    """A bar. Prices between trades are those of quotes, so bars without a trade exist. No turnover is sent."""

    start: Iso
    open: BareNum
    high: BareNum
    low: BareNum
    close: BareNum
    volume: BareNum
    trades: Count
    vwap: BareNum


_FRAME: Final = msgspec.json.Decoder(list[msgspec.Raw])
_HEAD: Final = msgspec.json.Decoder(Head)
_TRADE: Final = msgspec.json.Decoder(TradeRow)
_QUOTE: Final = msgspec.json.Decoder(QuoteRow)
_BAR: Final = msgspec.json.Decoder(BarRow)


def trade(one: TradeRow, symbol: str, seen: Seen) -> facts.Trade:
    side: Literal["buy", "sell"] = "buy" if one.taker == "B" else "sell"
    return facts.Trade(
        seen.venue, symbol, iso(one.at), seen.received_ns, str(one.number), side, exact_raw(one.price),
        exact_raw(one.size),
    )  # fmt: skip


def sides(one: QuoteRow, symbol: str, seen: Seen) -> facts.Quote:
    """A row as it stands: where a side is empty, its price is 0."""
    return facts.Quote(
        seen.venue, symbol, iso(one.at), seen.received_ns, exact_raw(one.bid), exact_raw(one.bid_size),
        exact_raw(one.ask), exact_raw(one.ask_size),
    )  # fmt: skip


def quote(one: QuoteRow, symbol: str, seen: Seen) -> facts.Quote | None:
    """None where a side is empty: a quote has two."""
    found = sides(one, symbol, seen)
    return found if found.exact_bid[0] and found.exact_ask[0] else None


def bar(one: BarRow, symbol: str, interval: str, seen: Seen, *, finished: bool) -> facts.Bar:
    return facts.Bar(
        venue=seen.venue, symbol=symbol, venue_ns=None, received_ns=seen.received_ns, interval=interval,
        start_ns=iso(one.start), finished=finished, trades=one.trades, exact_open=exact_raw(one.open),
        exact_high=exact_raw(one.high), exact_low=exact_raw(one.low), exact_close=exact_raw(one.close),
        exact_volume=exact_raw(one.volume), exact_vwap=exact_raw(one.vwap),
    )  # fmt: skip


def _reader(
    kinds: tuple[str, ...], decoder: msgspec.json.Decoder[T], make: Callable[[T, str, Seen, str], F | None]
) -> Callable[[bytes, Seen], list[F]]:
    """What reads the messages of these kinds in a frame: of one topic alone where that is said."""

    def read(frame: bytes, seen: Seen) -> list[F]:
        found: list[F] = []
        for raw in decode(_FRAME, frame):
            head = decode(_HEAD, raw)
            if head.kind in kinds and (not seen.topic or seen.topic == f"{head.kind} {head.id}"):
                if not head.id:
                    raise DecodeError("missing", "a message without its symbol")
                fact = make(decode(decoder, raw), seen.symbol(head.id), seen, head.kind)
                if fact is not None:
                    found.append(fact)
        return found

    return read


trades = _reader(("t",), _TRADE, lambda one, symbol, seen, kind: trade(one, symbol, seen))
quotes = _reader(("q",), _QUOTE, lambda one, symbol, seen, kind: quote(one, symbol, seen))
# A minute's bar comes when it is over; that of the day so far every minute.
bars = _reader(
    ("b", "d"), _BAR,
    lambda one, symbol, seen, kind: bar(one, symbol, "1m" if kind == "b" else "1d", seen, finished=kind == "b"),
)  # fmt: skip
