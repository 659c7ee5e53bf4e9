"""Binance by the names of python-binance: change the import line, and a program for it runs on Tidebook.

Thin: every request, stream and book is our client's. TIDEBOOK_AT sends all of it to the simulator.
"""

from importlib.metadata import version as _version

from tidebook.compat.binance.client import AsyncClient as AsyncClient
from tidebook.compat.binance.client import Client as Client
from tidebook.compat.binance.depthcache import (
    DepthCache as DepthCache,
)
from tidebook.compat.binance.depthcache import (
    DepthCacheManager as DepthCacheManager,
)
from tidebook.compat.binance.depthcache import (
    FuturesDepthCacheManager as FuturesDepthCacheManager,
)
from tidebook.compat.binance.depthcache import (
    OptionsDepthCacheManager as OptionsDepthCacheManager,
)
from tidebook.compat.binance.enums import *  # noqa: F403
from tidebook.compat.binance.exceptions import *  # noqa: F403
from tidebook.compat.binance.streams import BinanceSocketManager as BinanceSocketManager
from tidebook.compat.binance.streams import KeepAliveWebsocket as KeepAliveWebsocket
from tidebook.compat.binance.streams import ReconnectingWebsocket as ReconnectingWebsocket
from tidebook.compat.binance.threaded import ThreadedDepthCacheManager as ThreadedDepthCacheManager
from tidebook.compat.binance.threaded import ThreadedWebsocketManager as ThreadedWebsocketManager

__version__ = _version("tidebook")
