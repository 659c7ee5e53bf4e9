"""nautilus_trader's Rust classes as they are, by hand: a typed decoder, then one delta a level."""

from time import time_ns
from typing import Any, Self

import msgspec
from nautilus_trader.core import nautilus_pyo3 as rust

PACKAGES = ("nautilus_trader", "msgspec")
NOTES: tuple[str, ...] = ()
FORM = "combined"
TEXT = False
ID = rust.InstrumentId.from_str("BTCUSDT.BINANCE")
Rows = list[tuple[str, str]]


class Changed(msgspec.Struct):
    u: int
    b: Rows
    a: Rows


class Frame(msgspec.Struct):
    data: Changed


class Whole(msgspec.Struct):
    lastUpdateId: int  # noqa: N815
    bids: Rows
    asks: Rows


class Book:
    def __init__(self) -> None:
        self._book = rust.OrderBook(ID, rust.BookType.L2_MBP)
        self._decode = msgspec.json.Decoder(Frame).decode

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        body = msgspec.json.decode(whole, type=Whole)
        book._put(body.bids, body.asks, body.lastUpdateId)
        return book

    def feed(self, frame: bytes) -> None:
        data = self._decode(frame).data
        self._put(data.b, data.a, data.u)

    def _put(self, bids: Rows, asks: Rows, sequence: int) -> None:
        now = time_ns()
        book, order, price_of, size_of = self._book, rust.BookOrder, rust.Price.from_str, rust.Quantity.from_str
        for side, rows in ((rust.OrderSide.BUY, bids), (rust.OrderSide.SELL, asks)):
            for price, size in rows:
                quantity = size_of(size)
                one = order(side, price_of(price), quantity, 0)
                if quantity.raw:
                    book.update(one, 0, sequence, now)
                else:
                    book.delete(one, 0, sequence, now)

    def best(self) -> Any:
        book = self._book
        return book.best_bid_price(), book.best_bid_size(), book.best_ask_price(), book.best_ask_size()

    def top(self, n: int) -> Any:
        book = self._book
        return (
            [(level.price, level.size()) for level in book.bids(n)],
            [(level.price, level.size()) for level in book.asks(n)],
        )

    async def close(self) -> None:
        pass
