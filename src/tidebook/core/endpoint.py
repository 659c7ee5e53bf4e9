"""What a venue declares of its endpoints: greeting, heartbeat, acks, limits, proof of life."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from tidebook.engine.shape import Codec, Id
from tidebook.errors import UsageError


@dataclass(frozen=True, slots=True)
class Template:
    """A message that is printed and parsed by the same line.

    JSON in which a text ``$name`` is a slot for text, ``#name`` a slot for a number (parsed from
    either), and ``@name`` a slot for a list of texts. A key ending in ``?`` may be absent when parsed.
    Keys that the template does not have are ignored when parsed. A venue's declaration writes one per
    message; the session and the simulator's dialect use the same object from opposite sides.
    """

    text: str
    value: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "value", json.loads(self.text))
        except ValueError as error:
            raise UsageError(f"not a template: {self.text}") from error

    @property
    def slots(self) -> frozenset[str]:
        """The slots' names."""
        return frozenset(_slots(self.value))

    def print(self, **slots: object) -> bytes:
        """The message with its slots filled; `?` keys whose slot is not given are left out."""
        return json.dumps(_fill(self.value, slots), separators=(",", ":"), ensure_ascii=False).encode()

    def match(self, message: object) -> dict[str, Any] | None:
        """The slots' values when the message fits, else None."""
        found: dict[str, Any] = {}
        return found if _match(self.value, message, found) else None


_MISSING = object()
_WHOLE = re.compile(r"-?[0-9]{1,30}", re.ASCII)


def _fill(value: Any, slots: dict[str, object]) -> Any:
    if isinstance(value, dict):
        filled: dict[str, Any] = {}
        for key, inner in cast("dict[str, Any]", value).items():
            optional = key.endswith("?")
            if optional and isinstance(inner, str) and inner[:1] in "$#@" and inner[1:] not in slots:
                continue
            filled[key.removesuffix("?")] = _fill(inner, slots)
        return filled
    if isinstance(value, list):
        members: list[Any] = value
        return [_fill(inner, slots) for inner in members]
    if isinstance(value, str) and value[:1] in ("$", "#", "@") and len(value) > 1:
        slot = slots[value[1:]]
        if value[0] == "#":
            return int(slot) if isinstance(slot, (int, str)) else slot
        return list(cast("list[str]", slot)) if value[0] == "@" else str(slot)
    return value


def _slots(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value[:1] in ("$", "#", "@") and len(value) > 1:
            yield value[1:]
    elif isinstance(value, (dict, list)):
        inner: Iterable[Any] = cast("dict[str, Any]", value).values() if isinstance(value, dict) else value
        for one in inner:
            yield from _slots(one)


def _match(pattern: Any, message: Any, found: dict[str, Any]) -> bool:
    if isinstance(pattern, dict):
        if not isinstance(message, dict):
            return False
        members = cast("dict[str, Any]", message)
        for key, inner in cast("dict[str, Any]", pattern).items():
            name = key.removesuffix("?")
            value = members.get(name, _MISSING)
            if value is _MISSING:
                if key.endswith("?"):
                    continue
                return False
            if not _match(inner, value, found):
                return False
        return True
    if isinstance(pattern, list):
        if not isinstance(message, list):
            return False
        parts: list[Any] = pattern
        theirs: list[Any] = message
        return len(parts) == len(theirs) and all(map(_match, parts, theirs, [found] * len(parts)))
    if isinstance(pattern, str) and pattern[:1] in ("$", "#", "@") and len(pattern) > 1:
        return _match_slot(pattern, message, found)
    return type(pattern) is type(message) and bool(pattern == message)


def _match_slot(pattern: str, message: Any, found: dict[str, Any]) -> bool:
    kind, name = pattern[0], pattern[1:]
    value: Any = message
    if kind == "@":
        fits = isinstance(message, list)
    elif kind == "#":
        if isinstance(message, str) and _WHOLE.fullmatch(message):
            value = int(message)
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(message, (str, int)) and not isinstance(message, bool)
        value = str(message) if fits else None
    if fits:
        found[name] = value
    return fits


@dataclass(frozen=True, slots=True)
class Subscribing:
    """How topics are wanted and refused on one connection.

    `topics_per_message` 1 uses the slot ``topic``, more uses ``@topics``. `pace` is the least
    time between two client messages of this connection, in seconds. An ack that carries
    ``topic`` is matched by it, else by ``id``. An ack with a slot ``key`` teaches what the venue's
    messages call the topic on this connection; until then none is its. Unsubscriptions may say it,
    and their acks.
    """

    subscribe: Template
    ack: Template | None
    unsubscribe: Template | None = None
    unsubscribed: Template | None = None
    refusals: tuple[Template, ...] = ()
    topics_per_message: int = 1
    pace: float = 0.0

    def __post_init__(self) -> None:
        leaving = (self.unsubscribe, self.unsubscribed)
        if not self.teaches and any(template is not None and "key" in template.slots for template in leaving):
            raise UsageError("a key that no ack teaches")
        if self.teaches and self.topics_per_message != 1:
            raise UsageError("where acks teach keys each message subscribes one topic")

    @property
    def teaches(self) -> bool:
        """Whether acks say what the venue's messages call a topic."""
        return self.ack is not None and "key" in self.ack.slots


@dataclass(frozen=True, slots=True)
class Ping:
    """Who proves that the connection lives, and how.

    ``server`` + ``frame``: the server pings with frames, answered below the session; nothing at all for
    `deadline` seconds means dead. ``server`` + ``message``: `ask` comes as a message, `answer` is sent
    before any data of the same read. ``client``: `ask` goes out every `every` seconds of silence, the
    connection is dead when nothing came within `deadline` after it.
    `prefix` are the bytes by which an incoming ping (or the answer to ours) is known without reading it.
    """

    by: Literal["server", "client"]
    form: Literal["frame", "message"]
    every: float
    deadline: float
    ask: Template | None = None
    answer: Template | None = None
    prefix: bytes = b""

    def __post_init__(self) -> None:
        if self.form == "message" and self.ask is None:
            raise UsageError("a ping by message declares the message")
        if self.by == "server" and self.form == "message" and not (self.prefix and self.answer):
            raise UsageError("a server's ping by message declares its prefix and the answer")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The venue closes a connection after `seconds`; it is renewed `overlap` seconds before, at a moment of our own.

    `handover` says how two connections could be joined without a hole. For now the old one is closed first, and
    its books are stale for that moment.
    """

    seconds: float
    overlap: float = 60.0
    handover: Literal["by_ids", "by_swap", "by_trade_id"] = "by_swap"


@dataclass(frozen=True, slots=True)
class Pool:
    """A limit: `limit` units in `per` seconds, shared by all that name it within `scope`.

    ``ip``: all of this process that reach the venue from one address. ``account``: those with one account there.
    ``endpoint``: each endpoint (for HTTP: host and path) has the limit for itself. ``connection``: each desk has.
    """

    name: str
    scope: Literal["connection", "ip", "account", "endpoint"]
    limit: int
    per: float


@dataclass(frozen=True, slots=True)
class Repeats:
    """A channel that sends at least every so many seconds, changed or not."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Another topic of the same connection beats every so many seconds."""

    topic: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Companion:
    """Another topic of the same symbol shares the book's ids; a newer id there proves that ours is behind."""

    topic: str


@dataclass(frozen=True, slots=True)
class ConnectionOnly:
    """Nothing but pings proves a quiet book; the capability table says so."""


Life = Repeats | Heartbeat | Companion | ConnectionOnly


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One named host and path of a venue."""

    name: str
    url: str
    subscribing: Subscribing | None
    ping: Ping
    codec: Codec = Codec.TEXT
    by_url: str | None = (
        None  # format of path and query that subscribe by themselves: "/stream?streams={topics}", joined by "/"
    )
    max_topics: int = 1000
    connects: Pool | None = None  # handshakes
    lifetime: Lifetime | None = None
    counter: Id | None = None
    cap: int = 4 << 20
    says: tuple[Template, ...] = ()  # said when it opens, before anything is subscribed
