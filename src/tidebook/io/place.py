"""Sending every venue to a server on this machine."""

import ipaddress
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from tidebook.errors import UsageError

_PLAIN = {"wss": "ws", "ws": "ws", "https": "http", "http": "http"}

Remap = Callable[[str], str]
"""From the URL that a machine asked for to the one that is opened."""


def loopback_address(at: str) -> tuple[str, int]:
    """``"127.0.0.1:8800"`` as host and port; ``localhost`` is 127.0.0.1.

    Raises UsageError for whatever is not a loopback address with a port (0 is a port: any).
    """
    host, colon, port = at.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{at!r} is not an address like '127.0.0.1:8800'")
    return loopback_host(host), int(port)


def loopback_host(host: str) -> str:
    """The numeric loopback address that `host` means. Raises UsageError for any other."""
    bare = host.removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise UsageError(f"{host!r} is not a loopback address. Names are not looked up here: 127.0.0.1") from None
    if not address.is_loopback:
        raise UsageError(f"{host} is not a loopback address: only 127.0.0.1 and its like are accepted here")
    return str(address)


def loopback(at: str) -> Remap:
    """A mapper of every venue's URL to the server at `at`: ``wss://host/path`` → ``ws://127.0.0.1:8800/path``.

    Path and query stay byte for byte. Raises UsageError when `at` is not a loopback address,
    and the mapper when a URL is none of ws, wss, http, https.
    """
    host, port = loopback_address(at)
    netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def remap(url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in _PLAIN:
            raise UsageError(f"cannot be sent to {netloc}: {parts.scheme}://{parts.hostname}")
        return SplitResult(_PLAIN[parts.scheme], netloc, parts.path, parts.query, "").geturl()

    return remap
