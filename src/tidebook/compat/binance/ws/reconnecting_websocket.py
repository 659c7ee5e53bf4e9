"""Where programs look for `ReconnectingWebsocket`."""

from tidebook.compat.binance.streams import ReconnectingWebsocket

__all__ = ["ReconnectingWebsocket"]
