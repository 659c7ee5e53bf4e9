"""The library order_book, as cryptofeed uses it: Decimals, and a side that is sorted again when it is read."""

from decimal import Decimal
from typing import Any, Self

import orjson
from order_book import OrderBook

PACKAGES = ("order_book", "orjson")
NOTES: tuple[str, ...] = ()
FORM = "combined"
TEXT = False


class Book:
    def __init__(self) -> None:
        self._book = OrderBook()

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        body = orjson.loads(whole)
        book._put(body["bids"], body["asks"])
        return book

    def feed(self, frame: bytes) -> None:
        data = orjson.loads(frame)["data"]
        self._put(data["b"], data["a"])

    def _put(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, rows in ((self._book.bids, bids), (self._book.asks, asks)):
            for text, size in rows:
                price, amount = Decimal(text), Decimal(size)
                if amount:
                    side[price] = amount
                elif price in side:
                    del side[price]

    def best(self) -> Any:
        book = self._book
        return *book.bids.index(0), *book.asks.index(0)

    def top(self, n: int) -> Any:
        bids, asks = self._book.bids, self._book.asks
        return [bids.index(at) for at in range(n)], [asks.index(at) for at in range(n)]

    async def close(self) -> None:
        pass
