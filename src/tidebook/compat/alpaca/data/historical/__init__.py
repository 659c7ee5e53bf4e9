"""What was."""

from tidebook.compat.alpaca.data.historical.crypto import AsyncCryptoHistoricalDataClient, CryptoHistoricalDataClient

__all__ = ["AsyncCryptoHistoricalDataClient", "CryptoHistoricalDataClient"]
