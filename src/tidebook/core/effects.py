"""What a machine asks of its shell.

The shell (`tidebook.io`, or the in-process World) drains `machine.effects` after each input,
in order, and arms one timer for `machine.deadline`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final
from urllib.parse import urlsplit

from tidebook.core.clock import Now
from tidebook.model.credentials import Secret
from tidebook.model.health import Health

MISDIRECTED: Final = 421
"""The HTTP status by which a server that stands for venues says that it has nothing of this one (RFC 9110, 15.5.20)."""


class Urgency(IntEnum):
    """Which of several waiting requests goes first; lower is sooner."""

    ORDER = 0
    RESYNC = 1
    SEED = 2
    AUDIT = 3
    HISTORY = 4


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete: what is here is what is sent.

    `secrets` are headers too, and `signed` is the end of the URL; both are revealed by who sends it, and are written
    down nowhere. `message` is what a message says in place of the body, where the request goes so and the venue wants
    other words there; over HTTP nothing of it is sent. Its repr shows no query, no header and no body: they can hold
    what was signed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    signed: Secret | None = None
    message: bytes = b""

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        held = ", ***" if self.secrets or self.signed is not None else ""
        return f"<Request {self.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{held}>"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of any status. Header names are lower case. It may hold a token: its repr shows none of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Reply HTTP {self.status}, {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True)
class Open:
    """Open a WebSocket. Then comes `opened`, or `closed` with the reason.

    `secrets` are headers too, and `token` is the end of the URL; both are written down nowhere.
    """

    conn: int
    url: str
    headers: Mapping[str, str]
    cap: int  # longest message in bytes, also after inflating
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    token: Secret | None = None

    def revealed(self) -> tuple[str, Mapping[str, str]]:
        """URL and headers as they go over the socket."""
        held = {name: secret.reveal() for name, secret in self.secrets.items()}
        return self.url + ("" if self.token is None else self.token.reveal()), {**self.headers, **held}


@dataclass(frozen=True, slots=True)
class Send:
    """Send one message, or a ping or pong frame."""

    conn: int
    data: bytes
    form: str = "text"  # text · binary · ping · pong


@dataclass(frozen=True, slots=True)
class SendSecret:
    """Send one text message that holds credentials: it is written down nowhere, whoever keeps what is sent.

    With `encode` it goes as that makes it, in a binary message.
    """

    conn: int
    data: Secret
    encode: Callable[[bytes], bytes] | None = None

    def message(self) -> tuple[bytes, str]:
        """What goes over the socket, and the form in which it does."""
        data = self.data.reveal().encode()
        return (data, "text") if self.encode is None else (self.encode(data), "binary")


@dataclass(frozen=True, slots=True)
class Close:
    """Close a connection. No further input of it comes; `closed` is not called."""

    conn: int
    code: int = 1000


@dataclass(frozen=True, slots=True)
class Seal:
    """What signs a request at the moment at which it is sent.

    `sign` gets the request, the time, a nonce and 16 random bytes; None says that it must not be sent any more. Where
    `account` is not empty, requests of the same one (of any process on this machine) are sent one after the other, each
    with a higher nonce; elsewhere the nonce is 0. It names the key without saying what it is. The nonce is `jump` above
    what it would be, where one was refused.

    `says` makes the message that says the same, with an id, where there is one; None of it: it must not be sent.
    """

    sign: Callable[[Request, Now, int, bytes], Request | None]
    account: str = ""
    says: Callable[[str, Now], Secret | None] | None = None
    jump: int = 0


@dataclass(frozen=True, slots=True)
class Fetch:
    """Make a request, signed by `seal` if there is one. Then comes `replied` or `failed` with this id."""

    id: int
    request: Request
    pool: str
    weight: int
    urgency: Urgency
    timeout: float  # seconds
    cap: int  # longest body in bytes, also after inflating
    seal: Seal | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the user's side."""

    event: Health


Effect = Open | Send | SendSecret | Close | Fetch | Emit
