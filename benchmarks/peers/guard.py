"""Nothing that is measured here reaches an exchange: a process that is guarded connects to 127.0.0.1 or not at all."""

import sys
from typing import Final

HOME: Final = ("127.0.0.1", "localhost")
ASKED: Final = ("socket.getaddrinfo", "socket.gethostbyname")


class Outside(BaseException):
    """A library meant to leave this machine. No `except Exception` of a library passes over it."""


def guard() -> None:
    """From now on, for the whole process: names are not resolved and nothing is connected or sent to, but loopback."""
    sys.addaudithook(_look)


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in HOME:
            raise Outside(f"{event} to {address[0]}:{address[1]}")
    elif event in ASKED and arguments[0] not in (*HOME, b"127.0.0.1", b"localhost", None):
        raise Outside(f"the name {arguments[0]!r} was asked for")
