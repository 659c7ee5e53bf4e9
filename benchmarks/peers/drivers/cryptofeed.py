"""cryptofeed: its Binance feed, from the message handler to the callback, with the book of order_book."""

import asyncio
import time
from dataclasses import replace
from typing import Any, Self

from cryptofeed.connection import WebsocketEndpoint
from cryptofeed.defines import L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance
from cryptofeed.symbols import Symbols

from benchmarks.peers.receive import Session

PACKAGES = ("cryptofeed", "order_book", "yapic.json", "websockets")
NOTES = (
    "books: the whole book comes from memory in place of REST",
    "path: made with a wss address, as it asks for, which is made ws before it connects",
)
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
        return *book.bids.index(0), *book.asks.index(0)

    def top(self, n: int) -> Any:
        bids, asks = self._book.bids, self._book.asks
        return [bids.index(at) for at in range(n)], [asks.index(at) for at in range(n)]

    async def close(self) -> None:
        pass


async def receive(meter: Any, port: int, kind: str, stream: str, session: Session) -> None:
    """A feed with a callback of the user's, as FeedHandler starts it."""
    at = f"127.0.0.1:{port}"
    Symbols.set("BINANCE", NAMES, {"tick_size": {}, "instrument_type": {}})
    Binance.rest_endpoints = [replace(Binance.rest_endpoints[0], address=f"http://{at}")]
    Binance.websocket_endpoints = [WebsocketEndpoint(f"wss://{at}")]
    newest: Any = None

    async def book(one: Any, receipt_timestamp: float) -> None:
        nonlocal newest
        sides = one.book
        newest = one.sequence_number, sides.bids.index(0), sides.asks.index(0)
        meter.left -= 1
        if not meter.left:
            meter.stop()

    async def fact(one: Any, receipt_timestamp: float) -> None:
        nonlocal newest
        newest = one
        meter.left -= 1
        if not meter.left:
            meter.stop()

    channel, told, state = {
        "depth": (L2_BOOK, book, lambda: (newest[0], (*newest[1], *newest[2]))),
        "quotes": (TICKER, fact, lambda: (newest.raw["u"], (newest.bid, newest.raw["B"], newest.ask, newest.raw["A"]))),
        "trades": (TRADES, fact, lambda: (newest.id, (newest.price, newest.amount))),
    }[kind]
    quiet = {"log": {"disabled": True}}
    feed = Binance(symbols=["BTC-USDT"], channels=[channel], callbacks={channel: told}, config=quiet)
    feed.start(asyncio.get_running_loop())
    (handler,) = feed.connection_handlers
    handler.conn.address = handler.conn.address.replace("wss://", "ws://")
    try:
        async with asyncio.timeout(20):
            while not (handler.conn.is_open and (kind != "depth" or newest)):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
        await session(state)
    finally:
        feed.stop()
        await feed.shutdown()
