"""What a venue declares of its signatures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tidebook.core.effects import Request
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret


@dataclass(frozen=True, slots=True)
class Stamp:
    """All that a signature takes from outside.

    `wall_ns` is the venue's time as we know it, in UTC. `nonce` rises strictly with each request of a key, and is a
    number like milliseconds; schemes without one ignore it. `draw` are 16 random bytes, for schemes with texts that
    must not repeat.
    """

    wall_ns: int
    nonce: int
    draw: bytes = b""

    @property
    def ms(self) -> int:
        return self.wall_ns // 1_000_000

    @property
    def seconds(self) -> int:
        return self.wall_ns // 1_000_000_000

    @property
    def text(self) -> str:
        """The drawn bytes in hexadecimal digits. Raises UsageError where there are none."""
        if len(self.draw) != 16:
            raise UsageError("this signature takes 16 random bytes")
        return self.draw.hex()

    @property
    def uuid(self) -> str:
        """The drawn bytes as a UUID of version 4 (RFC 9562). Raises UsageError where there are none."""
        digits = f"{int(self.text, 16) & ~(0xF << 76 | 0x3 << 62) | 4 << 76 | 2 << 62:032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one venue's private side is signed.

    `sign` takes a whole request and gives it signed, exactly as it is then sent. `login` makes the message that opens
    a private stream at a URL; `handshake` the headers that do, where a venue wants it so. `request` signs the params of
    one request on a socket, or the whole message where the venue signs that. All of them raise UsageError for a key
    that is none of the venue's, and then show nothing of it.

    `body` is how a request's params are written where a user gives params. `window_ms` is for how long a request is
    good where the venue is told so. With `wants_nonce` a request is refused unless its nonce rises:
    the venue's error for that is ClockRefused.
    """

    name: str
    sign: Callable[[Request, Credentials, Stamp], Request]
    login: Callable[[str, Credentials, Stamp], Secret] | None = None
    request: Callable[[Mapping[str, Any], Credentials, Stamp], Mapping[str, Any]] | None = None
    handshake: Callable[[str, Credentials, Stamp], Mapping[str, Secret]] | None = None
    body: Literal["query", "form", "json"] = "json"
    wants_passphrase: bool = False
    wants_nonce: bool = False
    window_ms: int | None = None
