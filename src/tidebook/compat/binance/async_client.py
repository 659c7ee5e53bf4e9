"""Where programs look for `AsyncClient` beside the package itself."""

from tidebook.compat.binance.client import AsyncClient

__all__ = ["AsyncClient"]
