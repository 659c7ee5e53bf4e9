"""nautilus_trader: what its Binance adapter does with a message, from the schema to the book of its engine."""

from time import time_ns
from typing import Any, Self

import msgspec
from nautilus_trader.adapters.binance.common.schemas.market import BinanceDepth, BinanceOrderBookMsg
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import InstrumentId

PACKAGES = ("nautilus_trader", "msgspec")
NOTES = ("the messages are handed to the adapter's schema and book; its node is not begun",)
FORM = "combined"
TEXT = False
ID = InstrumentId.from_str("BTCUSDT.BINANCE")


class Book:
    def __init__(self) -> None:
        self._book = OrderBook(ID, BookType.L2_MBP)
        self._decode = msgspec.json.Decoder(BinanceOrderBookMsg).decode

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        depth = msgspec.json.decode(whole, type=BinanceDepth)
        book._book.apply_deltas(depth.parse_to_order_book_snapshot(instrument_id=ID, ts_init=time_ns()))
        return book

    def feed(self, frame: bytes) -> None:
        data = self._decode(frame).data
        self._book.apply_deltas(data.parse_to_order_book_deltas(instrument_id=ID, ts_init=time_ns()))

    def best(self) -> Any:
        book = self._book
        return book.best_bid_price(), book.best_bid_size(), book.best_ask_price(), book.best_ask_size()

    def top(self, n: int) -> Any:
        book = self._book
        return (
            [(level.price, level.size()) for level in book.bids()[:n]],
            [(level.price, level.size()) for level in book.asks()[:n]],
        )

    async def close(self) -> None:
        pass
