"""Binance by the names of python-binance: change the import line, and a program for it runs on Tidebook.

Thin: every request, stream and book is our client's. TIDEBOOK_AT sends all of it to the simulator.
"""

from tidebook.compat.binance.client import AsyncClient, Client
from tidebook.compat.binance.enums import *  # noqa: F403
from tidebook.compat.binance.exceptions import *  # noqa: F403
from tidebook.compat.binance.depthcache import (
    DepthCache,
    DepthCacheManager,
    FuturesDepthCacheManager,
    OptionsDepthCacheManager,
)
from tidebook.compat.binance.streams import BinanceSocketManager, KeepAliveWebsocket, ReconnectingWebsocket
from tidebook.compat.binance.threaded import ThreadedDepthCacheManager, ThreadedWebsocketManager
