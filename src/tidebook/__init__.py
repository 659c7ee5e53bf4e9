"""Live crypto market data, order books, orders. A book is proven right, or says that it is not. Imported on use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidebook import errors
    from tidebook.client.account import Account
    from tidebook.client.book import Book, BookChange
    from tidebook.client.books import Books
    from tidebook.client.market import Market, connect
    from tidebook.client.reading import FrozenBook
    from tidebook.client.run import run
    from tidebook.client.stats import Stats
    from tidebook.client.versions import show_versions
    from tidebook.core.options import Options
    from tidebook.errors import (  # isort: skip
        AmbiguousSymbol, Banned, BookNotLive, ClockRefused, ConnectFailed, DecodeError, InsufficientFunds, InvalidOrder,
        Maintenance, NetworkError, NoCredentials, NotPermitted, OrderNotFound, OrderRejected, OutcomeUnknown, Overrun,
        PostOnlyWouldTake, RateLimited, RedirectRefused, RegionRefused, SignatureRefused, SubscriptionFailed,
        TidebookError, Timeout, TlsRefused, UnknownSymbol, UnknownVenue, UsageError, VenueClosed, VenueError,
        VenueUnavailable, WrongLoop,
    )  # fmt: skip
    from tidebook.model import health
    from tidebook.model.facts import Bar, Funding, Greeks, Instrument, Liquidation, MarkPrice  # isort: skip
    from tidebook.model.facts import OpenInterest, Quote, Ticker, Trade  # isort: skip
    from tidebook.model.market import Level, State
    from tidebook.model.orders import Balance, Fill, Limit, MarketOrder, Order, Position, Stop
    from tidebook.model.place import At
    from tidebook.record.opened import open as open  # not in __all__: a star must not hide the built-in one

_WHERE = {
    "client.account": "Account", "client.book": "Book BookChange", "client.books": "Books", "record.opened": "open",
    "client.market": "Market connect", "client.reading": "FrozenBook", "client.run": "run", "client.stats": "Stats",
    "client.versions": "show_versions", "core.options": "Options", "model.market": "Level State",
    "model.orders": "Balance Fill Limit MarketOrder Order Position Stop", "model.place": "At",
    "model.facts": "Bar Funding Greeks Instrument Liquidation MarkPrice OpenInterest Quote Ticker Trade",
}  # fmt: skip
__all__ = [
    "Account", "AmbiguousSymbol", "At", "Balance", "Banned", "Bar", "Book", "BookChange", "BookNotLive", "Books",
    "ClockRefused", "ConnectFailed", "DecodeError", "Fill", "FrozenBook", "Funding", "Greeks", "Instrument",
    "InsufficientFunds", "InvalidOrder", "Level", "Limit", "Liquidation", "Maintenance", "MarkPrice", "Market",
    "MarketOrder", "NetworkError", "NoCredentials", "NotPermitted", "OpenInterest", "Options", "Order", "OrderNotFound",
    "OrderRejected", "OutcomeUnknown", "Overrun", "Position", "PostOnlyWouldTake", "Quote", "RateLimited",
    "RedirectRefused", "RegionRefused", "SignatureRefused", "State", "Stats", "Stop", "SubscriptionFailed", "Ticker",
    "TidebookError", "Timeout", "TlsRefused", "Trade", "UnknownSymbol", "UnknownVenue", "UsageError", "VenueClosed",
    "VenueError", "VenueUnavailable", "WrongLoop", "connect", "errors", "health", "run", "show_versions",
]  # fmt: skip
__dir__ = __all__.copy


def __getattr__(name: str) -> Any:
    if name in ("errors", "health"):
        return import_module("tidebook.errors" if name == "errors" else "tidebook.model.health")
    if name in __all__ or name == "open":
        return getattr(
            import_module(f"tidebook.{next((m for m in _WHERE if name in _WHERE[m].split()), 'errors')}"), name
        )
    raise AttributeError(f"module 'tidebook' has no attribute {name!r}")
