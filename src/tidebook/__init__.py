"""Live crypto market data and order books. A book is proven right, or it says that it is not.

Everything here is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidebook.client.book import Book, BookChange
    from tidebook.client.market import Market, connect
    from tidebook.client.reading import FrozenBook
    from tidebook.client.run import run
    from tidebook.core.options import Options
    from tidebook.model.facts import Bar, Instrument, Quote, Ticker, Trade
    from tidebook.model.market import Level, State
    from tidebook.model.place import At

_WHERE = {
    "At": "model.place",
    "Bar": "model.facts",
    "Book": "client.book",
    "BookChange": "client.book",
    "FrozenBook": "client.reading",
    "Instrument": "model.facts",
    "Level": "model.market",
    "Market": "client.market",
    "Options": "core.options",
    "Quote": "model.facts",
    "State": "model.market",
    "Ticker": "model.facts",
    "Trade": "model.facts",
    "connect": "client.market",
    "run": "client.run",
}

__all__ = [
    "At", "Bar", "Book", "BookChange", "FrozenBook", "Instrument", "Level", "Market", "Options", "Quote", "State",
    "Ticker", "Trade", "connect", "run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"tidebook.{_WHERE[name]}"), name)
    if name == "errors":
        return import_module("tidebook.errors")
    raise AttributeError(f"module 'tidebook' has no attribute {name!r}")
