"""Where programs look for `BinanceSocketManager` and `ThreadedWebsocketManager`."""

from tidebook.compat.binance.streams import BinanceSocketManager
from tidebook.compat.binance.threaded import ThreadedWebsocketManager

__all__ = ["BinanceSocketManager", "ThreadedWebsocketManager"]
