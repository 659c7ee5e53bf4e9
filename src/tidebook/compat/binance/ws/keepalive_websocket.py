"""Where programs look for `KeepAliveWebsocket`."""

from tidebook.compat.binance.streams import KeepAliveWebsocket

__all__ = ["KeepAliveWebsocket"]
