"""python-binance: DepthCacheManager, as its own loop of `recv` drives it; the library's own JSON reading."""

from typing import Any, Self

import orjson
from binance.async_client import AsyncClient
from binance.ws.depthcache import DepthCacheManager
from binance.ws.reconnecting_websocket import ReconnectingWebsocket

PACKAGES = ("python-binance", "websockets", "orjson")
NOTES = ("books: the whole book comes from memory in place of REST",)
FORM = "raw"
TEXT = True


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
        return cache.get_bids()[:1], cache.get_asks()[:1]

    def top(self, n: int) -> Any:
        cache = self._manager.get_depth_cache()
        return cache.get_bids()[:n], cache.get_asks()[:n]

    async def close(self) -> None:
        await self._client.close_connection()
