"""Which columns the tables of each kind of row have. They are fixed: an empty table has the same."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from tidebook.model.facts import (
    Bar,
    Funding,
    Greeks,
    Instrument,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Quote,
    Ticker,
    Trade,
    stamp,
)
from tidebook.model.orders import Balance, Fill, Order, Position

R_contra = TypeVar("R_contra", contravariant=True)  # what reads a row reads also one of which more is known
Kind = Literal["text", "number", "real", "time", "whole", "truth"]
"""``number`` is exact, ``real`` a double."""


class Columns(Generic[R_contra]):
    """Which columns a kind of row has, and how each is read; those of `pandas` where users know others there."""

    def __init__(
        self, title: str, columns: Mapping[str, tuple[Kind, Callable[[R_contra], Any]]], index: Sequence[str],
        pandas: Mapping[str, tuple[Kind, Callable[[R_contra], Any]]] | None = None,
    ) -> None:  # fmt: skip
        self.title = title
        self.columns = columns
        self.index = tuple(index)
        self.pandas = columns if pandas is None else pandas


ORDERS: Columns[Order] = Columns(
    "Orders",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "id": ("text", lambda row: row.id),
        "client_id": ("text", lambda row: row.client_id),
        "side": ("text", lambda row: row.side),
        "leg": ("text", lambda row: row.leg),
        "kind": ("text", lambda row: row.kind),
        "status": ("text", lambda row: row.status),
        "price": ("number", lambda row: row.price),
        "size": ("number", lambda row: row.size),
        "filled": ("number", lambda row: row.filled),
        "cost": ("number", lambda row: row.cost),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
FILLS: Columns[Fill] = Columns(
    "Fills",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "id": ("text", lambda row: row.id),
        "order_id": ("text", lambda row: row.order_id),
        "side": ("text", lambda row: row.side),
        "leg": ("text", lambda row: row.leg),
        "price": ("number", lambda row: row.price),
        "size": ("number", lambda row: row.size),
        "fee": ("number", lambda row: row.fee),
        "fee_currency": ("text", lambda row: row.fee_currency),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
BALANCES: Columns[Balance] = Columns(
    "Balances",
    {
        "currency": ("text", lambda row: row.currency),
        "free": ("number", lambda row: row.free),
        "held": ("number", lambda row: row.held),
        "total": ("number", lambda row: row.total),
        "venue": ("text", lambda row: row.venue),
    },
    ("currency",),
)
POSITIONS: Columns[Position] = Columns(
    "Positions",
    {
        "symbol": ("text", lambda row: row.symbol),
        "leg": ("text", lambda row: row.leg),
        "margin": ("text", lambda row: row.margin),
        "size": ("number", lambda row: row.size),
        "entry": ("number", lambda row: row.entry),
        "mark": ("number", lambda row: row.mark),
        "unrealized": ("number", lambda row: row.unrealized),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol",),
)
TRADES: Columns[Trade] = Columns(
    "Trades",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "price": ("number", lambda row: row.price),
        "size": ("number", lambda row: row.size),
        "side": ("text", lambda row: row.side),
        "id": ("text", lambda row: row.id),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
QUOTES: Columns[Quote] = Columns(
    "Quotes",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "bid": ("number", lambda row: row.bid),
        "bid_size": ("number", lambda row: row.bid_size),
        "ask": ("number", lambda row: row.ask),
        "ask_size": ("number", lambda row: row.ask_size),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)


def _vwap(row: Bar) -> Decimal | None:
    """The mean price, weighted by volume: what the venue says, else by the turnover.

    Of a contract only where what its venue counts the two in makes it a price. Exact up to the 28 digits of a Decimal.
    """
    if not row.volume:
        return None
    if row.vwap is not None or row.turnover is None:
        return row.vwap
    mean = row.turnover / row.volume
    return mean if ":" not in row.symbol or row.low <= mean <= row.high else None


_PRICES: Final[dict[str, tuple[Kind, Callable[[Bar], Any]]]] = {
    "symbol": ("text", lambda row: row.symbol),
    "timestamp": ("time", lambda row: row.start_ns),
    "open": ("number", lambda row: row.open),
    "high": ("number", lambda row: row.high),
    "low": ("number", lambda row: row.low),
    "close": ("number", lambda row: row.close),
    "volume": ("number", lambda row: row.volume),
}
BARS: Columns[Bar] = Columns(
    "Bars",
    {
        **_PRICES,
        "turnover": ("number", lambda row: row.turnover),
        "trades": ("whole", lambda row: row.trades),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
    pandas={
        **_PRICES,
        "trade_count": ("whole", lambda row: row.trades),
        "vwap": ("number", _vwap),
        "turnover": ("number", lambda row: row.turnover),
        "venue": ("text", lambda row: row.venue),
    },
)
TICKERS: Columns[Ticker] = Columns(
    "Tickers",
    {
        "symbol": ("text", lambda row: row.symbol),
        "last": ("number", lambda row: row.last),
        "open": ("number", lambda row: row.open),
        "high": ("number", lambda row: row.high),
        "low": ("number", lambda row: row.low),
        "volume": ("number", lambda row: row.volume),
        "turnover": ("number", lambda row: row.turnover),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol",),
)
INSTRUMENTS: Columns[Instrument] = Columns(
    "Instruments",
    {
        "symbol": ("text", lambda row: row.symbol),
        "venue": ("text", lambda row: row.venue),
        "id": ("text", lambda row: row.id),
        "kind": ("text", lambda row: row.kind),
        "base": ("text", lambda row: row.base),
        "quote": ("text", lambda row: row.quote),
        "settle": ("text", lambda row: row.settle),
        "expiry": ("time", lambda row: row.expiry_ns),
        "strike": ("number", lambda row: row.strike),
        "right": ("text", lambda row: row.right),
        "contract_size": ("number", lambda row: row.contract_size),
        "tick": ("number", lambda row: row.tick),
        "step": ("number", lambda row: row.step),
        "min_size": ("number", lambda row: row.min_size),
        "min_notional": ("number", lambda row: row.min_notional),
        "active": ("truth", lambda row: row.active),
    },
    ("symbol",),
)
MARK_PRICES: Columns[MarkPrice] = Columns(
    "Mark prices",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "price": ("number", lambda row: row.price),
        "index": ("number", lambda row: row.index),
        "settle": ("number", lambda row: row.settle),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
FUNDING: Columns[Funding] = Columns(
    "Funding",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", lambda row: row.funding_ns),
        "rate": ("number", lambda row: row.rate),
        "settled": ("truth", lambda row: row.settled),
        "interval": ("real", lambda row: row.interval),
        "mark": ("number", lambda row: row.mark),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
LIQUIDATIONS: Columns[Liquidation] = Columns(
    "Liquidations",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "price": ("number", lambda row: row.price),
        "size": ("number", lambda row: row.size),
        "side": ("text", lambda row: row.side),
        "position": ("text", lambda row: row.position),
        "id": ("text", lambda row: row.id),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
OPEN_INTEREST: Columns[OpenInterest] = Columns(
    "Open interest",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "size": ("number", lambda row: row.size),
        "value": ("number", lambda row: row.value),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)
GREEKS: Columns[Greeks] = Columns(
    "Greeks",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", stamp),
        "mark_iv": ("number", lambda row: row.mark_iv),
        "bid_iv": ("number", lambda row: row.bid_iv),
        "ask_iv": ("number", lambda row: row.ask_iv),
        "delta": ("number", lambda row: row.delta),
        "gamma": ("number", lambda row: row.gamma),
        "theta": ("number", lambda row: row.theta),
        "vega": ("number", lambda row: row.vega),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp"),
)


class BookRow(NamedTuple):
    """One level of a book: its side, its place on that side from 0, price and size."""

    side: str
    place: int
    price: Decimal
    size: Decimal


BOOK: Columns[BookRow] = Columns(
    "Book",
    {
        "side": ("text", lambda row: row.side),
        "place": ("whole", lambda row: row.place),
        "price": ("number", lambda row: row.price),
        "size": ("number", lambda row: row.size),
    },
    ("side", "place"),
)


class BookLevel(NamedTuple):
    """One level of one of several books at an instant (ns UTC); `place` counts from 0, the best."""

    symbol: str
    venue: str
    at_ns: int
    side: str
    place: int
    price: Decimal
    size: Decimal


BOOKS: Columns[BookLevel] = Columns(
    "Books",
    {
        "symbol": ("text", lambda row: row.symbol),
        "timestamp": ("time", lambda row: row.at_ns),
        "side": ("text", lambda row: row.side),
        "place": ("whole", lambda row: row.place),
        "price": ("number", lambda row: row.price),
        "size": ("number", lambda row: row.size),
        "venue": ("text", lambda row: row.venue),
    },
    ("symbol", "timestamp", "side", "place"),
)
