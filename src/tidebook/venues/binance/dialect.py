"""Binance from the server's side: all its markets, and Binance.US."""

from typing import Final

from tidebook.venues.binance.dialect_spot import SPOT, SPOT_US
from tidebook.venues.binance.futures.dialect import COINM, USDM
from tidebook.venues.binance.options.dialect import OPTIONS

DIALECTS: Final = (SPOT, USDM, COINM, OPTIONS, SPOT_US)
