"""Where programs look for depth caches."""

from tidebook.compat.binance.depthcache import (
    DepthCache,
    DepthCacheManager,
    FuturesDepthCacheManager,
    OptionsDepthCacheManager,
)
from tidebook.compat.binance.threaded import ThreadedDepthCacheManager

__all__ = [
    "DepthCache",
    "DepthCacheManager",
    "FuturesDepthCacheManager",
    "OptionsDepthCacheManager",
    "ThreadedDepthCacheManager",
]
