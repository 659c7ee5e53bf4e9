"""What happens."""

from typing import TYPE_CHECKING, NoReturn

from tidebook.compat.alpaca.absent import absent
from tidebook.compat.alpaca.data.live.crypto import CryptoDataStream

__all__ = ["CryptoDataStream"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        raise absent(__name__, name)
