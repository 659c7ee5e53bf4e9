"""Where older programs look for `BinanceSocketManager`."""

from tidebook.compat.binance.streams import BinanceSocketManager, KeepAliveWebsocket, ReconnectingWebsocket
from tidebook.compat.binance.threaded import ThreadedWebsocketManager

__all__ = ["BinanceSocketManager", "KeepAliveWebsocket", "ReconnectingWebsocket", "ThreadedWebsocketManager"]
