"""What a venue declares of its endpoints: greeting, heartbeat, acks, limits, proof of life."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from tidebook.core.login import Login
from tidebook.core.sign.scheme import Stamp
from tidebook.core.template import WHOLE, Place, Template, is_slot
from tidebook.engine.shape import Codec, Id
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret

__all__ = [
    "Companion",
    "ConnectionOnly",
    "Endpoint",
    "Heartbeat",
    "Life",
    "Lifetime",
    "Login",
    "Ping",
    "Pool",
    "Repeats",
    "Subscribing",
    "Template",
]


@dataclass(frozen=True, slots=True)
class Subscribing:
    """How topics are wanted and refused on one connection. `print` and `read` are its templates with topics in them.

    A message names a topic in the slot ``$topic``, or several in ``@topics``, of which one message holds at most
    `topics_per_message` and takes at most `most_bytes` bytes. Where topics are objects, `each` are their templates,
    the most particular first: a topic's text is the values of its object in order, each one word, joined by one space;
    ``*topic`` is then one such object, ``@topics`` a list of them. Where each kind of topic has a list of its own
    (``@trades``), a topic's text is the list's name, a space, and the member.

    `pace` is the least time between two client messages of this connection, in seconds, but for the first `burst`,
    which may go at once, and so many again after as much rest: never more than `burst` + t / `pace` in t seconds.

    An ack that names topics is about these, else about those of the message with its ``id``. One answer to all topics
    of a message, or an answer for each of them, are both understood. An ack may name in ``@failed`` those that are
    refused. Where its lists are by kind, it is all that is subscribed on the connection now. With `serial` the next
    message waits for the answer to the last, and an answer without id is about the one under way.

    An ack with a slot ``key`` teaches what the venue's messages call the topic on this connection; until then none
    is its. Unsubscriptions may say it, and their acks.
    """

    subscribe: Template
    ack: Template | None
    unsubscribe: Template | None = None
    unsubscribed: Template | None = None
    refusals: tuple[Template, ...] = ()
    topics_per_message: int = 1
    pace: float = 0.0
    burst: int = 1
    each: tuple[Template, ...] = ()
    serial: bool = False
    most_bytes: int | None = None

    def __post_init__(self) -> None:
        leaving = (self.unsubscribe, self.unsubscribed)
        if not self.teaches and any(template is not None and "key" in template.slots for template in leaving):
            raise UsageError("a key that no ack teaches")
        if self.teaches and self.topics_per_message != 1:
            raise UsageError("where acks teach keys each message subscribes one topic")
        if self.burst < 1:
            raise UsageError("a burst is at least one message")
        for template in self.each:
            _check_object(template)
        said = (self.subscribe, self.ack, *leaving, *self.refusals)
        places = [place for template in said if template is not None for place in template.places]
        if not self.each and any(place.sigil == "*" for place in places):
            raise UsageError("a topic that is an object needs its template in `each`")
        if self.each and self._lists(self.subscribe):
            raise UsageError("topics are objects, or members of lists by kind, not both")
        if self.is_complete and not self.serial:
            raise UsageError("an ack that is all that is subscribed answers nothing by itself: declare it serial")

    @property
    def teaches(self) -> bool:
        """Whether acks say what the venue's messages call a topic."""
        return self.ack is not None and "key" in self.ack.slots

    @property
    def is_complete(self) -> bool:
        """Whether an ack is all that is subscribed on the connection now."""
        return self.ack is not None and bool(self._lists(self.ack))

    @property
    def answers_each(self) -> bool:
        """Whether each topic of a message of several has an ack of its own."""
        return self.ack is not None and self.topics_per_message > 1 and "topic" in self.ack.slots

    def print(self, template: Template, texts: Sequence[str], failed: Sequence[str] = (), **slots: object) -> bytes:
        """A message with these topics. Raises UsageError for one that it cannot say."""
        filled = dict(slots)
        lists = self._lists(template)
        is_answer = template in (self.ack, self.unsubscribed)
        members: dict[str, list[str]] = {place.name: [] for place in lists if is_answer or not place.optional}
        for text in texts if lists else ():
            name, member = self._member(text)
            members.setdefault(name, []).append(member)
        filled.update(members)
        for place in template.places:
            if place.name == "topic" and (texts or not place.optional):
                plain = texts[0] if texts else ""
                filled["topic"] = plain if place.sigil != "*" else self._object(plain) if texts else {}
            elif place.name in ("topics", "failed") and place.sigil == "@":
                named = texts if place.name == "topics" else failed
                filled[place.name] = [self._object(text) for text in named] if self.each else list(named)
        return template.print(**filled)

    def read(self, template: Template, message: object) -> dict[str, Any] | None:
        """The slots' values when the message fits, else None.

        The topics that it names are texts in ``topics``, which is missing where it names none, and in ``failed``. What
        is no topic of this venue is a text that ends with a space.
        """
        found = template.match(message)
        if found is None:
            return None
        topics: list[str] = []
        lists = self._lists(template)
        names = bool(lists)
        for place in template.places:
            if place.name not in found:
                continue
            if place.name == "topic":
                value = found.pop("topic")
                topics, names = [self._text(value) if place.sigil == "*" else str(value)], True
            elif place.name in ("topics", "failed") and place.sigil == "@":
                texts = [self._text(one) for one in found.pop(place.name)]
                if place.name == "failed":
                    found["failed"] = texts
                else:
                    topics, names = texts, True
            elif place in lists:
                topics += [f"{place.name} {self._text(one)}" for one in found.pop(place.name)]
        return {**found, "topics": topics} if names else found

    def check(self, text: str) -> None:
        """Raises UsageError for a topic that no message can say."""
        if self.each:
            self._object(text)
        elif self._lists(self.subscribe):
            self._member(text)

    def bytes_of(self, text: str) -> int:
        """How many bytes of a message a topic takes, with what stands between it and the next."""
        form: object = self._object(text) if self.each else text
        if self._lists(self.subscribe):
            form = self._member(text)[1]
        return len(_json(form).encode(errors="surrogatepass")) + 1

    @property
    def room(self) -> int | None:
        """How many bytes of a message its topics may take together. None: as many as there are."""
        if self.most_bytes is None:
            return None
        frames = [template for template in (self.subscribe, self.unsubscribe) if template is not None]
        empty: dict[str, object] = {place.name: [] for frame in frames for place in frame.places if place.sigil == "@"}
        slots: dict[str, object] = {"id": 10**19, "key": "", **empty, "topic": {} if self.each else ""}
        return self.most_bytes - max(len(frame.print(**slots)) for frame in frames)

    @staticmethod
    def _lists(template: Template) -> tuple[Place, ...]:
        """Its lists of topics by kind."""
        return tuple(
            place for place in template.places if place.sigil == "@" and place.name not in ("topics", "failed")
        )

    def _member(self, text: str) -> tuple[str, str]:
        """The list and the member that a topic is."""
        name, _, member = text.partition(" ")
        known = [place.name for place in self._lists(self.subscribe)]
        if name not in known or not member:
            raise UsageError(f"{text!r} is no topic here. One is: {' or '.join(known)}, a space, and of what")
        return name, member

    def _object(self, text: str) -> dict[str, Any]:
        """A topic as an object, by the first template that fits its words."""
        words = text.split(" ")
        for template in self.each:
            found = _spelled(template, words)
            if found is not None:
                return found
        forms = " or ".join(repr(" ".join(map(str, template.value.values()))) for template in self.each)
        raise UsageError(f"{text!r} is no topic here. One is: {forms}")

    def _text(self, value: Any) -> str:
        """A topic's text, or what stands for no topic: its last word is empty, and no message can say it."""
        if not self.each:
            return value if isinstance(value, str) else f"{_json(value)} "
        keys = cast("dict[str, Any]", value).keys() if isinstance(value, dict) else ()
        # One with further keys is what the template says only where no template has them all.
        for template in sorted(self.each, key=lambda one: one.value.keys() != keys):
            words = _words(template, value)
            # What another template would say of these words was another object.
            first = words and next((one for one in self.each if _spelled(one, words) is not None), None)
            if words and first is template:
                return " ".join(words)
        return f"{_json(value)} "


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _check_object(template: Template) -> None:
    """Raises UsageError where texts cannot stand for what it prints."""
    value = template.value
    if not isinstance(value, dict) or not value:
        raise UsageError(f"a topic's template is an object: {template.text}")
    names = [place.name for place in template.places]
    for key, inner in cast("dict[str, Any]", value).items():
        if not isinstance(inner, str) or " " in inner or not inner or inner[0] in "@*" or key.endswith("?"):
            raise UsageError(f"a topic's object has words, none optional: {template.text}")
    if len(set(names)) != len(names):
        raise UsageError(f"a topic's object has each slot once: {template.text}")


def _spelled(template: Template, words: Sequence[str]) -> dict[str, Any] | None:
    """The object that these words are by a template; None where they do not fit it."""
    value: dict[str, str] = template.value
    if len(value) != len(words):
        return None
    found: dict[str, Any] = {}
    for (key, form), word in zip(value.items(), words, strict=True):
        if not word or (form != word and not is_slot(form)):
            return None
        is_number = form != word and form[0] == "#"
        if is_number and not (WHOLE.fullmatch(word) and str(int(word)) == word):
            return None
        found[key] = int(word) if is_number else word
    return found


def _words(template: Template, message: object) -> list[str] | None:
    """The words that an object is by a template; None where it does not fit, or has a value that is no word."""
    slots = template.match(message)
    if slots is None:
        return None
    forms: Iterable[str] = template.value.values()
    words = [str(slots[form[1:]]) if is_slot(form) else form for form in forms]
    return None if any(not word or " " in word for word in words) else words


@dataclass(frozen=True, slots=True)
class Ping:
    """Who proves that the connection lives, and how.

    ``server`` + ``frame``: the server pings with frames, answered below the session; nothing at all for
    `deadline` seconds means dead. ``server`` + ``message``: `ask` comes as a message, `answer` is sent
    before any data of the same read. ``client``: `ask` goes out every `every` seconds of silence, or with `always`
    every so many seconds whatever is heard; the connection is dead when nothing came within `deadline` after silence.
    ``text``: as ``message``, with the bare words `ask_text` and `answer_text`.
    `prefix` are the bytes by which an incoming ping (or the answer to ours) is known without reading it.
    """

    by: Literal["server", "client"]
    form: Literal["frame", "message", "text"]
    every: float
    deadline: float
    ask: Template | None = None
    answer: Template | None = None
    prefix: bytes = b""
    ask_text: str = ""
    answer_text: str = ""
    always: bool = False

    def __post_init__(self) -> None:
        if (self.form == "text") != bool(self.ask_text and self.answer_text):
            raise UsageError("a ping by text, and no other, declares the words of both sides")
        if self.form == "text":
            if self.ask is not None or self.answer is not None or self.prefix not in (b"", self.heard.encode()):
                raise UsageError("a ping by text has words and nothing else")
            object.__setattr__(self, "prefix", self.heard.encode())
        if self.always and self.by != "client":
            raise UsageError("who only answers pings has no say in when they come")
        if self.form == "message" and self.ask is None:
            raise UsageError("a ping by message declares the message")
        if self.by == "server" and self.form == "message" and not (self.prefix and self.answer):
            raise UsageError("a server's ping by message declares its prefix and the answer")

    @property
    def heard(self) -> str:
        """Of a ping by text, the word that the client hears."""
        return self.answer_text if self.by == "client" else self.ask_text


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The venue closes a connection after `seconds`; the next one is opened `overlap` seconds before (`core/handover`).

    `handover` says how two connections are joined. ``by_ids``: the ids of books mean the same on both, and a book goes
    on where its chain does. Else only whole books take the place of others, and a book that needs a snapshot gets a
    new one. Trades and the like are joined by their own ids in any case.
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
    """One named host and path of a venue.

    A connection carries at most `max_topics` topics that take at most `max_bytes` together, as they stand in
    messages with what is between two of them. A message that fits one of `notices` announces that the connection will
    soon be closed: the next one is opened at once. With a `login` nothing is said or subscribed before it has
    succeeded. `handshake` makes the headers that let in, as `Scheme.handshake` does.

    The way out, for messages in a form that no codec here undoes: `decode` makes of each the JSON that all else reads
    (it raises DecodeError), `encode` of each of ours what is sent, in a binary message. `headers` are the handshake's.
    """

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
    notices: tuple[Template, ...] = ()
    max_bytes: int | None = None
    login: Login | None = None
    decode: Callable[[bytes], bytes] | None = None
    encode: Callable[[bytes], bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    handshake: Callable[[str, Credentials, Stamp], Mapping[str, Secret]] | None = None

    def __post_init__(self) -> None:
        if self.decode is not None and (self.codec is not Codec.TEXT or self.ping.prefix):
            raise UsageError(f"{self.name}: what `decode` reads has no other codec, and no ping that is known unread")
