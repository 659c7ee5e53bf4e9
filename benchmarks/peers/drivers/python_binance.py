"""python-binance: DepthCacheManager, as its own loop of `recv` drives it; the library's own JSON reading."""

import asyncio
from typing import Any, Self

import orjson
from binance.async_client import AsyncClient
from binance.ws.depthcache import DepthCacheManager
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from binance.ws.streams import BinanceSocketManager

from benchmarks.peers.receive import Session, State

PACKAGES = ("python-binance", "websockets", "orjson")
NOTES = (
    "books: the whole book comes from memory in place of REST",
    "path: max_queue_size is raised from 100, beyond which its reader ends",
)
FORM = "raw"
TEXT = True
QUEUE = 10_000_000


class Book:
    def __init__(self) -> None:
        self._client: Any = None
        self._manager: Any = None
        self._socket = ReconnectingWebsocket("ws://127.0.0.1/", "btcusdt@depth@100ms")

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        client = book._client = beside._client if beside else AsyncClient()

        async def memory(**_: Any) -> Any:
            return orjson.loads(whole)

        client.get_order_book = memory
        book._manager = DepthCacheManager(client, symbol, limit=1000, ws_interval=100)
        await book._manager._init_cache()
        return book

    async def feed(self, frame: str) -> None:
        await self._manager._depth_event(self._socket._handle_message(frame))

    def best(self) -> Any:
        cache = self._manager.get_depth_cache()
        return *cache.get_bids()[0], *cache.get_asks()[0]

    def top(self, n: int) -> Any:
        cache = self._manager.get_depth_cache()
        return cache.get_bids()[:n], cache.get_asks()[:n]

    async def close(self) -> None:
        await self._client.close_connection()


async def receive(meter: Any, port: int, kind: str, stream: str, session: Session) -> None:
    """Its own `recv`, in a task of the user's."""
    client = AsyncClient()
    client.API_URL = f"http://127.0.0.1:{port}/api"
    sockets = BinanceSocketManager(client, max_queue_size=QUEUE)
    sockets.STREAM_URL = f"ws://127.0.0.1:{port}/"
    newest: Any = None
    read: Any
    state: State

    async def books(manager: Any) -> None:
        nonlocal newest
        while True:
            cache = await manager.recv()
            newest = cache.get_bids()[0], cache.get_asks()[0]
            meter.left -= 1
            if not meter.left:
                meter.stop()

    async def facts(socket: Any) -> None:
        nonlocal newest
        while True:
            newest = await socket.recv()
            meter.left -= 1
            if not meter.left:
                meter.stop()

    if kind == "depth":
        context: Any = DepthCacheManager(client, "BTCUSDT", bm=sockets, limit=1000, ws_interval=100)
        read, state = books, lambda: (context._last_update_id, (*newest[0], *newest[1]))
    elif kind == "quotes":
        context = sockets.symbol_book_ticker_socket("BTCUSDT")
        read, state = facts, lambda: (newest["u"], (newest["b"], newest["B"], newest["a"], newest["A"]))
    else:
        context = sockets.trade_socket("BTCUSDT")
        read, state = facts, lambda: (newest["t"], (newest["p"], newest["q"]))
    try:
        async with context as opened:
            task = asyncio.create_task(read(opened))
            await session(state)
            task.cancel()
    finally:
        await client.close_connection()
