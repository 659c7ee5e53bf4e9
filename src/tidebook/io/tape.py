"""What listens to a driver: everything that goes over its sockets, as it goes."""

from typing import Protocol

from tidebook.core.clock import Now
from tidebook.core.effects import Fetch, Reply


class Tape(Protocol):
    """None of these may raise, wait, or change what it is given; each is called on the driver's loop.

    `url` is without the token that may stand at its end; what holds credentials comes as None.
    """

    def opened(self, conn: int, url: str, now: Now, /) -> None:
        """A connection is open; its first messages come after this."""

    def sent(self, conn: int, data: bytes | None, form: str, /) -> None:
        """We said something: a text or binary message, a ping or pong that the machine asked for."""

    def frames(self, conn: int, frames: list[bytes], now: Now, /) -> None:
        """All messages of one read, before anybody reads them. The list is nobody's any more: it may be kept."""

    def closed(self, conn: int, reason: str, /) -> None:
        """It is over, by whomever."""

    def replied(self, effect: Fetch, reply: Reply, /) -> None:
        """An HTTP answer, before the machine gets it."""
