"""What a machine asks of its shell.

The shell (`tidebook.io`, or the in-process World) drains `machine.effects` after each input,
in order, and arms one timer for `machine.deadline`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from urllib.parse import urlsplit

from tidebook.model.credentials import Secret
from tidebook.model.health import Health


class Urgency(IntEnum):
    """Which of several waiting requests goes first; lower is sooner."""

    ORDER = 0
    RESYNC = 1
    SEED = 2
    AUDIT = 3


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete: what is here is what is sent.

    `secrets` are headers too, and `signed` is the end of the URL; both are revealed by who sends it, and are written
    down nowhere. Its repr shows no query, no header and no body: they can hold what was signed.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    signed: Secret | None = None

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        held = ", ***" if self.secrets or self.signed is not None else ""
        return f"<Request {self.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{held}>"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of any status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Open:
    """Open a WebSocket. Then comes `opened`, or `closed` with the reason."""

    conn: int
    url: str
    headers: Mapping[str, str]
    cap: int  # longest message in bytes, also after inflating


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
class Fetch:
    """Make a request. Then comes `replied` or `failed` with this id."""

    id: int
    request: Request
    pool: str
    weight: int
    urgency: Urgency
    timeout: float  # seconds
    cap: int  # longest body in bytes, also after inflating


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the user's side."""

    event: Health


Effect = Open | Send | SendSecret | Close | Fetch | Emit
