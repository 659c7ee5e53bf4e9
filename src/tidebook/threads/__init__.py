"""The same client without asyncio: `from tidebook.threads import connect`, then plain `with` and `for`.

Names, arguments and errors are those of `tidebook`. A market has one thread of its own, with a private loop, in which
everything is received and functions given to `on`, plain or async, are called. See `tidebook.threads.market`.
"""

from tidebook.threads.account import Account, Positions, Store
from tidebook.threads.book import Book, Books, Consolidated
from tidebook.threads.dead_man import DeadManSwitch
from tidebook.threads.market import Market, PlaceMarket, connect
from tidebook.threads.orders import OutcomeUnknown, Sent
from tidebook.threads.subscription import RawStream, Subscription

__all__ = [
    "Account",
    "Book",
    "Books",
    "Consolidated",
    "DeadManSwitch",
    "Market",
    "OutcomeUnknown",
    "PlaceMarket",
    "RawStream",
    "Sent",
    "Positions",
    "Store",
    "Subscription",
    "connect",
]
