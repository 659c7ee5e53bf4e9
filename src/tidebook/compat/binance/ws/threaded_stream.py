"""Where programs look for `ThreadedApiManager`."""

from tidebook.compat.binance.threaded import ThreadedApiManager

__all__ = ["ThreadedApiManager"]
