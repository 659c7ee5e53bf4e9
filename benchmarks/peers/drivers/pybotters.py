"""pybotters: BinanceSpotDataStore, from the message as its WebSocket app decodes it to `orderbook.sorted`."""

import json
from typing import Any, Self

import pybotters
from pybotters.models.binance import OrderBook

from benchmarks.peers.receive import Session

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
        found = self._store.orderbook.sorted(self._query, limit=1)
        bid, ask = found["b"][0], found["a"][0]
        return bid["p"], bid["q"], ask["p"], ask["q"]

    def top(self, n: int) -> Any:
        found = self._store.orderbook.sorted(self._query, limit=n)
        return [(row["p"], row["q"]) for row in found["b"]], [(row["p"], row["q"]) for row in found["a"]]

    async def close(self) -> None:
        pass


async def receive(meter: Any, port: int, kind: str, stream: str, session: Session) -> None:
    """A handler of the user's that gives each message to the store, and then reads it."""
    store = pybotters.BinanceSpotDataStore()
    newest: Any = None

    def book(message: Any, ws: Any) -> None:
        nonlocal newest
        store.onmessage(message, ws)
        if store.orderbook.initialized["BTCUSDT"]:
            found = store.orderbook.sorted({"s": "BTCUSDT"}, limit=1)
            newest = message["u"], found["b"][0], found["a"][0]
        meter.left -= 1
        if not meter.left:
            meter.stop()

    def fact(message: Any, ws: Any) -> None:
        nonlocal newest
        store.onmessage(message, ws)
        newest = message
        meter.left -= 1
        if not meter.left:
            meter.stop()

    told, state = {
        "depth": (book, lambda: (newest[0], (newest[1]["p"], newest[1]["q"], newest[2]["p"], newest[2]["q"]))),
        "quotes": (fact, lambda: (newest["u"], (newest["b"], newest["B"], newest["a"], newest["A"]))),
        "trades": (fact, lambda: (newest["t"], (newest["p"], newest["q"]))),
    }[kind]
    async with pybotters.Client() as client:
        # Raw streams of one name each: what its documents show.
        await client.ws_connect(f"ws://127.0.0.1:{port}/ws/{stream}", hdlr_json=told)
        if kind == "depth":
            query = {"symbol": "BTCUSDT", "limit": "1000"}
            await store.initialize(client.get(f"http://127.0.0.1:{port}/api/v3/depth", params=query))
        await session(state)
