"""pybotters' names for Tidebook: ``from tidebook.compat import pybotters`` where a program says ``import pybotters``.

Facts: pybotters 1.10 and its documents (2026-06). Requests and sockets are Tidebook's own: within the venues' limits,
reconnecting, logged in. Programs that use aiohttp alone for HTTP and sockets run with the same line (``… as aiohttp``).
What differs on purpose:

- A private call without a key in `apis` raises NoCredentials, a host that nobody declared UsageError; nothing is sent.
- A refused login, and a private stream without a key, raise.
- A gap in a book empties it until it is whole again, which happens by itself.
- A kline that HTTP brings is closed (``x``) when its end has passed, and not in any case.
- Queues are bounded and say what they lost (Overrun).
- Messages of compressed streams come inflated, and heartbeats that are Tidebook's own affair do not come at all.
"""

from typing import TYPE_CHECKING, NoReturn

from aiohttp import WSMsgType

from tidebook.compat.pybotters.answers import FetchResult, NotJSONContent, Response
from tidebook.compat.pybotters.binance import BinanceCOINMDataStore, BinanceSpotDataStore, BinanceUSDSMDataStore
from tidebook.compat.pybotters.bybit import BybitDataStore
from tidebook.compat.pybotters.client import Auth, Client, ClientSession
from tidebook.compat.pybotters.sockets import ClientWebSocketResponse, WebSocketApp, WebSocketQueue, WSMessage
from tidebook.compat.pybotters.store import DataStore, DataStoreCollection, StoreChange, StoreStream

__all__ = [
    "Auth",
    "BinanceCOINMDataStore",
    "BinanceSpotDataStore",
    "BinanceUSDSMDataStore",
    "BybitDataStore",
    "Client",
    "ClientSession",
    "ClientWebSocketResponse",
    "DataStore",
    "DataStoreCollection",
    "FetchResult",
    "NotJSONContent",
    "Response",
    "StoreChange",
    "StoreStream",
    "WSMessage",
    "WSMsgType",
    "WebSocketApp",
    "WebSocketQueue",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        told = "" if name.startswith("_") else (
            ". There are the stores of Binance and Bybit; of any other exchange hand the messages to a WebSocketQueue, "
            "or keep its book by tidebook.connect"
        )  # fmt: skip
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{told}")
