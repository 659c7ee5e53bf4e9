"""Words of market data."""

from enum import Enum


class CryptoFeed(str, Enum):  # noqa: UP042 - alpaca-py's prints so
    """Whose market: that of Alpaca itself. alpaca-py knows no other one either."""

    US = "us"
