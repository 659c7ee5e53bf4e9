"""unicorn-binance-local-depth-cache: what its stream task does with a message, and its get_bids and get_asks."""

from typing import Any, Self

import orjson
from unicorn_binance_local_depth_cache.manager import BinanceLocalDepthCacheManager

PACKAGES = ("unicorn-binance-local-depth-cache", "unicorn-binance-websocket-api", "orjson")
NOTES = ("its threads and its streams are not begun: messages are handed to _apply_updates, as its own task does",)
FORM = "combined"
TEXT = True


class Book:
    def __init__(self) -> None:
        self._manager: Any = None
        self._market = ""

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        if beside:
            manager = beside._manager
        else:
            manager = BinanceLocalDepthCacheManager.__new__(BinanceLocalDepthCacheManager)
            manager.exchange = "binance.com"
            manager.depth_caches, manager.threading_lock_ask, manager.threading_lock_bid = {}, {}, {}
            manager.stop_request, manager.default_refresh_interval = False, None
        book._manager, book._market = manager, symbol.lower()
        manager._add_depthcache(market=symbol)
        body = orjson.loads(whole)
        manager._apply_updates(asks=body["asks"], bids=body["bids"], market=symbol)
        manager.depth_caches[book._market]["is_synchronized"] = True
        return book

    def feed(self, frame: str) -> None:
        data = orjson.loads(frame)["data"]
        self._manager._apply_updates(asks=data["a"], bids=data["b"], market=self._market)

    def best(self) -> Any:
        bids, asks = self.top(1)
        return *bids[0], *asks[0]

    def top(self, n: int) -> Any:
        manager = self._manager
        return manager.get_bids(market=self._market, limit_count=n), manager.get_asks(
            market=self._market, limit_count=n
        )

    async def close(self) -> None:
        pass
