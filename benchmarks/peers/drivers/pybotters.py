"""pybotters: BinanceSpotDataStore, from the message as its WebSocket app decodes it to `orderbook.sorted`."""

import json
from typing import Any, Self

import pybotters
from pybotters.models.binance import OrderBook

PACKAGES = ("pybotters", "aiohttp")
NOTES = (
    "the store's bound of 9,999 rows is raised",
    "books: the whole book comes from memory in place of REST",
)
FORM = "raw"
TEXT = True
OrderBook._MAXLEN = 10_000_000


class Book:
    def __init__(self) -> None:
        self._store = pybotters.BinanceSpotDataStore()
        self._query = {"s": ""}

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        if beside:
            book._store = beside._store
        book._query = {"s": symbol}
        book._store.orderbook._onresponse(symbol, json.loads(whole))
        return book

    def feed(self, frame: str) -> None:
        self._store.onmessage(json.loads(frame))

    def best(self) -> Any:
        return self.top(1)

    def top(self, n: int) -> Any:
        found = self._store.orderbook.sorted(self._query, limit=n)
        return [(row["p"], row["q"]) for row in found["b"]], [(row["p"], row["q"]) for row in found["a"]]

    async def close(self) -> None:
        pass
