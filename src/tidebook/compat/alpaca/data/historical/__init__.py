"""What was."""

from typing import TYPE_CHECKING, NoReturn

from tidebook.compat.alpaca.absent import absent
from tidebook.compat.alpaca.data.historical.crypto import AsyncCryptoHistoricalDataClient, CryptoHistoricalDataClient

__all__ = ["AsyncCryptoHistoricalDataClient", "CryptoHistoricalDataClient"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        raise absent(__name__, name)
