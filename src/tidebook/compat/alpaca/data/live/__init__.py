"""What happens."""

from tidebook.compat.alpaca.data.live.crypto import CryptoDataStream

__all__ = ["CryptoDataStream"]
