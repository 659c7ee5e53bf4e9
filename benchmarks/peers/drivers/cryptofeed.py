"""cryptofeed: its Binance feed, from the message handler to the callback, with the book of order_book."""

import time
from typing import Any, Self

from cryptofeed.defines import L2_BOOK
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols

PACKAGES = ("cryptofeed", "order_book", "yapic.json", "websockets")
NOTES = ("books: the whole book comes from memory in place of REST",)
FORM = "combined"
TEXT = True
NAMES = {"BTC-USDT": "BTCUSDT"} | {f"C{n}-USDT": f"C{n}USDT" for n in range(100)}


class Memory:
    """In place of its HTTP connection."""

    def __init__(self, whole: bytes) -> None:
        self._whole = whole.decode()

    async def read(self, address: str) -> str:
        return self._whole


class Book:
    def __init__(self) -> None:
        self._feed: Any = None
        self._book: Any = None

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        if beside:
            book._feed = beside._feed
        else:
            Symbols.set("BINANCE", NAMES, {"tick_size": {}, "instrument_type": {}})
            quiet = {"log": {"disabled": True}}
            book._feed = Binance(symbols=[*NAMES], channels=[L2_BOOK], callbacks={L2_BOOK: book._told}, config=quiet)
        book._feed.http_conn = Memory(whole)
        await book._feed._snapshot(symbol)
        return book

    async def _told(self, book: Any, receipt_timestamp: float) -> None:
        self._book = book.book

    async def feed(self, frame: str) -> None:
        await self._feed.message_handler(frame, None, time.time())

    def best(self) -> Any:
        book = self._book
        return [book.bids.index(0)], [book.asks.index(0)]

    def top(self, n: int) -> Any:
        bids, asks = self._book.bids, self._book.asks
        return [bids.index(at) for at in range(n)], [asks.index(at) for at in range(n)]

    async def close(self) -> None:
        pass
