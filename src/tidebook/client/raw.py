"""The venue's own words: answers to `get`, and streams of messages as they came."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any, Final, Protocol
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from tidebook.client.feeds import Finder
from tidebook.client.network import network_error
from tidebook.client.place import VenueAt
from tidebook.client.subscription import Slow, Subscription
from tidebook.client.where import check_open
from tidebook.core.channel import Question
from tidebook.core.clock import Now
from tidebook.core.effects import Reply, Request, Seal, Urgency
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.redact import excerpt
from tidebook.core.stream import Flow
from tidebook.errors import ClockRefused, DecodeError, SubscriptionFailed, TidebookError, UsageError
from tidebook.io.clock import now
from tidebook.venue import Endpoint, Venue
from tidebook.venues import at_host

Param = str | int | Decimal | bool | None
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_names = count(1)
MESSAGE_BYTES: Final = 200  # what a message takes besides its text
TOPIC_BYTES: Final = 1024  # the longest topic; those of venues have less than a hundred


def _value(frame: bytes, venue: str) -> Any:
    try:
        return _decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("malformed", f"not JSON: {error}", excerpt=excerpt(frame), venue=venue) from None


def _text(frame: bytes, venue: str) -> str:
    try:
        return frame.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("malformed", f"not UTF-8: {error.reason}", excerpt=excerpt(frame), venue=venue) from None


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message of a raw stream, inflated; `received_ns` is when it was read from the socket (ns UTC)."""

    venue: str
    received_ns: int
    frame: bytes

    @property
    def text(self) -> str:
        """The message. Raises DecodeError where it is not UTF-8."""
        return _text(self.frame, self.venue)

    @property
    def data(self) -> Any:
        """What its JSON says; numbers with a point or an exponent are Decimal. Raises DecodeError for other text."""
        return _value(self.frame, self.venue)

    def __repr__(self) -> str:
        return f"<RawMessage {self.venue} {excerpt(self.frame)}>"


@dataclass(frozen=True, slots=True)
class RawReply:
    """A venue's answer to `get`. Header names are lower case; `received_ns` is ns UTC."""

    venue: str
    received_ns: int
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body. Raises DecodeError where it is not UTF-8."""
        return _text(self.body, self.venue)

    @property
    def data(self) -> Any:
        """What its JSON says; numbers with a point or an exponent are Decimal. Raises DecodeError for other text."""
        return _value(self.body, self.venue)

    def __repr__(self) -> str:
        return f"<RawReply {self.venue} {self.status} {excerpt(self.body)}>"


def request_of(
    venue: Venue, where: str, params: Mapping[str, Any] | None, method: str = "GET", body: str | bytes | None = None
) -> Request:
    """A request to a path of the venue, or to a URL on one of its hosts.

    `params` are its query; of POST and PUT what they say, in the form that the venue's signature asks for: JSON, a
    form, or the query. `body` is sent as it is instead; `params` are then the query. Raises UsageError for a host or a
    port that is not the venue's, and for what cannot be sent as it is written; TypeError for a float.
    """
    if params is not None and not isinstance(params, Mapping):
        raise UsageError(f"params={params!r:.60}: a mapping from names to values")
    given: tuple[object, object] = (where, body)
    if not isinstance(given[0], str) or not isinstance(given[1], (str, bytes, type(None))):
        raise UsageError("a path or a URL is a text, a body is text or bytes")
    form = "query" if venue.sign is None or method in ("GET", "DELETE") else venue.sign.body
    if body is not None:
        url = _url(venue, where)
        content = body.encode() if isinstance(body, str) else bytes(body)
        return Request(method, _asked(url, params), {"Content-Type": _CONTENT["json"]}, content)
    if form == "query":
        return Request(method, _asked(_url(venue, where), params))
    content = _form(params or {}) if form == "form" else _json(params or {})
    return Request(method, _url(venue, where), {"Content-Type": _CONTENT[form]}, content)


_CONTENT: Final = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


def _url(venue: Venue, where: str) -> str:
    """The URL of a path, or the URL itself. Raises UsageError where it is not the venue's."""
    url = f"{venue.rest.rstrip('/')}/{where.lstrip('/')}"
    _check_printable(where)
    if "://" in where:
        check_host(venue, where, "https")
        url = where
    elif not venue.rest:
        raise UsageError(f"{venue.name} has no host for {where!r}. Write the whole URL", venue=venue.name)
    return url


def _asked(url: str, params: Mapping[str, Any] | None) -> str:
    query = _form(params or {}).decode()
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _form(params: Mapping[str, Any]) -> bytes:
    """Names and values, percent-encoded as UTF-8; what is None is left out, a list is its values under one name."""
    given = [
        (name, _written(name, one))
        for name, value in params.items() if value is not None
        for one in (value if isinstance(value, (list, tuple)) else [value])
    ]  # fmt: skip
    try:
        return urlencode(given, quote_via=quote, safe="").encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{error.object!r} is no text: it has half of a surrogate pair") from None


def _json(params: Mapping[str, Any]) -> bytes:
    """Decimals are numbers, as exact as they are."""
    try:
        _check_floats(params)
        return _JSON.encode(params)
    except UnicodeEncodeError:
        raise UsageError("what is to be sent is no JSON: a text of it has half of a surrogate pair") from None
    except RecursionError:
        raise UsageError("what is to be sent is no JSON: it is too deep") from None


_JSON: Final = msgspec.json.Encoder(decimal_format="number")


async def ask(one: VenueAt, request: Request, weight: int) -> RawReply:
    """Send it within the venue's budget for REST, signed where its endpoint is not known to be public.

    Raises as `VenueAt.send` does; NoCredentials where it must be signed and there is no key: nothing was sent.
    """
    _check_environment(one, request.url)
    if is_signed(one.declared, request):
        reply = await one.private.send(request, _pool(one), weight)
    else:
        reply = await one.send(request, _pool(one), weight)
    return RawReply(one.declared.name, now().wall_ns, reply.status, reply.headers, reply.body)


async def answered(
    one: VenueAt, request: Request, *, signs: bool, seal: Seal | None = None
) -> tuple[Reply, TidebookError | None]:
    """The reply of any status, and the error that it means. `seal` is what signs it, where that is not as usual.

    What is refused for its time stamp or its nonce is signed once more, with the venue's clock looked at anew: nothing
    was done.
    Raises as `ask` does where there is no reply.
    """
    if seal is None and signs:
        seal = one.private.sealed(request)
    reply, error = await _posted(one, request, seal)
    if seal is None or not isinstance(error, ClockRefused):
        return reply, error
    await one.private.measure()
    return await _posted(one, request, one.private.sealed(request, again=True))


async def _posted(one: VenueAt, request: Request, seal: Seal | None) -> tuple[Reply, TidebookError | None]:
    errand = one.errand(request, _pool(one), 1, Urgency.SEED, seal)
    reply, why = await one.post(errand)
    if reply is None:
        raise network_error(why, one.declared.name, request.method)
    return reply, errand.refused


def is_signed(venue: Venue, request: Request) -> bool:
    """Whether its endpoint is not known to be public, of a venue that signs."""
    return venue.sign is not None and not venue.public(request.method, urlsplit(request.url).path)


def _pool(one: VenueAt) -> str:
    """Whose budget it is where nobody says."""
    return next((call.pool for call in one.declared.calls), "rest")


def _check_environment(one: VenueAt, url: str) -> None:
    """Raises UsageError for a host that has no counterpart in this environment: it is the live venue's."""
    environment = one.declared.environment(one.at.environment)
    host = urlsplit(url).netloc
    if environment.name != "live" and host not in {*environment.hosts, *environment.hosts.values()}:
        text = f"{host} is a host of {one.declared.exchange} itself, not of its {environment.name}. Nothing was sent"
        raise UsageError(text, venue=one.declared.name)


def at_path(ones: Sequence[VenueAt], where: str) -> list[VenueAt]:
    """Those of several venues whose a URL or a path is; of those that are at one host, with one key, the first.

    All of them where a path says nothing. Raises UsageError for a URL at a host of none of them.
    """
    given: object = where
    if not isinstance(given, str):
        return [*ones]  # each says what is wrong with it
    if "://" in where:
        host, path = _host(where)
        names = {one.name for one in at_host(host, path)}
        found = [one for one in ones if one.declared.name in names]
        if not found:
            check_open(where)
            known = ", ".join(one.place for one in ones)
            raise UsageError(f"{host or repr(where)} is no host of what is connected: {known}. Nothing was sent")
    else:
        first = where.lstrip("/").partition("/")[0]
        found = [one for one in ones if first in _firsts(one.declared)]
    seen: dict[tuple[str, str], VenueAt] = {}
    for one in found:
        seen.setdefault((one.declared.rest, str(one.at)), one)
    return [*seen.values()] or [*ones]


def _host(url: str) -> tuple[str, str]:
    """A URL's host and path. Raises UsageError for what is none."""
    _check_printable(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}") from None
    return parts.hostname or "", parts.path or "/"


def _firsts(venue: Venue) -> set[str]:
    """The first words of the paths that it declares."""
    channels = [channel.rest("X", None).request.url for channel in venue.books if channel.rest is not None]
    known: list[str] = [*channels]
    for call in venue.calls:
        with suppress(Exception):  # one that wants more than a question has
            known.append(call.request(Question("X")).url)
    return {urlsplit(url).path.lstrip("/").partition("/")[0] for url in known}


def check_host(venue: Venue, url: str, scheme: str) -> None:
    """Raises UsageError for a URL that is not one of the venue's: nothing is sent to hosts that nobody declared.

    VenueClosed where it was the host of an exchange that has shut down.

    A port is the scheme's own, or one that the venue declares at that host.
    """
    _check_printable(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}", venue=venue.name) from None
    if parts.scheme != scheme or parts.username is not None:
        raise UsageError(f"{parts.scheme}://{parts.hostname}: write {scheme}://, without a user", venue=venue.name)
    check_open(url)
    if not parts.hostname:
        raise UsageError(f"{url!r} has no host", venue=venue.name)
    if venue.name not in {one.name for one in at_host(parts.hostname or "", parts.path or "/")}:
        raise UsageError(f"{parts.hostname} is no host of {venue.name}", venue=venue.name)
    if port not in (None, 443) and (parts.hostname, port) not in _declared(venue):
        raise UsageError(f"{venue.name} has nothing at port {port} of {parts.hostname}", venue=venue.name)


def _declared(venue: Venue) -> set[tuple[str | None, int | None]]:
    parts = [urlsplit(url) for url in (venue.rest, *(endpoint.url for endpoint in venue.endpoints))]
    return {(one.hostname, one.port) for one in parts}


def _check_printable(text: str) -> None:
    """What is sent is what was written, and every reader of it sees the same host: no other characters than these."""
    if any(not "!" <= char <= "~" or char in "#\\" for char in text):
        raise UsageError(
            f"{text!r} is neither a path nor a URL: spaces, '#' and what is not printable ASCII are written as %20, "
            "%23 …"
        )
    words = re.split(r"[/\\]", text.partition("?")[0].partition("://")[2] or text.partition("?")[0])
    if any(unquote(word) in (".", "..") or "%2f" in word.lower() for word in words):
        raise UsageError(f"{text!r} is no plain path: what `..` means there is the server's to say")


def _written(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        raise TypeError(f'{name}={value!r} is a float. Write "{value!r}", or a Decimal')
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (str, int)):
        return str(value)
    raise TypeError(f"{name} is {type(value).__name__}: parameters are texts and numbers, as the venue writes them")


class Places(Finder, Protocol):
    """A market, as a raw stream sees it."""

    async def _place(self, venue: str | None) -> VenueAt: ...


class RawStream(Subscription[RawMessage]):
    """Messages of a connection of its own, as they came. Entering waits until what was asked is acknowledged.

    Texts are subscribed in the venue's own way, their refusal raises SubscriptionFailed; mappings are sent as they
    are, and their answers are messages like any other. Both are sent again after a reconnect. Heartbeats are answered
    and not shown.
    """

    def __init__(
        self, places: Places, what: Sequence[str | Mapping[str, Any]], venue: str | None, endpoint: str | None,
        url: str | None, slow: Slow,
    ) -> None:  # fmt: skip
        if not what and url is None:
            raise UsageError("raw: of which topic? Write a topic, or a dict to send")
        topics = tuple(_topic(one) for one in what if isinstance(one, str))
        says = tuple(_said(one) for one in what if not isinstance(one, str))
        shown = ", ".join(one if isinstance(one, str) else "a message" for one in what) or "a URL"
        super().__init__(
            f"raw stream of {shown}", slow, size=lambda message: len(message.frame) + MESSAGE_BYTES,
            options=places._options, tell=places._tell, burst=places._burst,
        )  # fmt: skip
        self._owner = places._root
        self._places = places
        self._topics = topics
        self._says = says
        self._asked_venue = venue
        self._endpoint = endpoint
        self._url = url
        self._leave: Callable[[], None] | None = None
        self._raw: Raw | None = None
        self._one: VenueAt | None = None
        self._settled = asyncio.Event()

    @property
    def _flowing(self) -> str:
        return Flow.OPENING if self._raw is None else self._raw.flow

    async def _open(self) -> None:
        one = await self._places._place(self._asked_venue)
        endpoint = _endpoint_of(one.declared, self._endpoint)
        if self._url is not None:
            check_host(one.declared, self._url, "wss")
        if self._topics and endpoint.subscribing is None:
            raise UsageError(f"{one.declared.name} {endpoint.name} subscribes nothing by message")
        if endpoint.subscribing is not None:
            for topic in self._topics:
                endpoint.subscribing.check(topic)
        plan = RawPlan(one.declared.name, f"raw {next(_names)}", endpoint, self._topics, self._says, self._url)
        self._venue_is, self._one = one.declared.name, one
        self._raw, self._leave = one.open_raw(plan, self._take, self._watch)
        try:
            async with asyncio.timeout(self._places._timeout):
                await self._settled.wait()
        except TimeoutError:
            raise SubscriptionFailed(f"{self.what}: no answer", venue=one.declared.name) from None
        if self._raw.error is not None:
            raise self._raw.error

    def renew(self, reason: str) -> None:
        """Give this connection up for another, on which all is said again; nothing before it is open, or after its end.

        `reason` is what health says of it.
        """
        if self._one is not None and self._raw is not None:
            self._one.renew_raw(self._raw, reason)

    def add(self, *topics: str) -> None:
        """Subscribe more topics on this connection, from now on also after each reconnect; returns at once.

        One that the venue refuses is told as health, and asked for again. Raises UsageError for what is no topic.
        """
        self._change(topics, ())

    def remove(self, *topics: str) -> None:
        """Subscribe these no more; what is on its way still comes. Returns at once; others are passed over."""
        self._change((), topics)

    def _change(self, add: Sequence[str], remove: Sequence[str]) -> None:
        self._check_open()
        assert self._one is not None
        assert self._raw is not None
        subscribing = self._raw.plan.endpoint.subscribing
        if subscribing is None:
            raise UsageError(f"{self._venue_is} {self._raw.plan.endpoint.name} subscribes nothing by message")
        for topic in add:
            subscribing.check(_topic(topic))
        self._one.change_raw(self._raw, add, remove)

    _venue_is = ""

    @property
    def _venue_name(self) -> str:
        return self._venue_is

    def _take(self, frame: bytes, now: Now) -> None:
        self.deliver([RawMessage(self._venue_is, now.wall_ns, frame)])

    def _watch(self, raw: Raw) -> None:
        """A refusal is final only while it is opened; later on it passes: the session asks again, and health tells."""
        if raw.flow is Flow.OPEN or raw.error is not None:
            self._settled.set()
        if raw.error is not None and not isinstance(raw.error, SubscriptionFailed):
            self.fail(raw.error)

    def _quit(self) -> None:
        if self._leave is not None:
            self._leave()


def _topic(text: str) -> str:
    """A text to subscribe. Raises UsageError for what no message can hold, or no venue would read."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise UsageError(f"{text[:TOPIC_BYTES]!r} is no topic: it has half of a surrogate pair") from None
    if not size:
        raise UsageError("'' is no topic")
    if size > TOPIC_BYTES:
        raise UsageError(f"a topic of {size} bytes: at most {TOPIC_BYTES}")
    return text


def _said(message: Mapping[str, Any]) -> bytes:
    """A message to send. Raises TypeError for a float, or for what is no JSON, UsageError for what no text can hold."""
    if not isinstance(message, Mapping):
        raise TypeError(f"{type(message).__name__} is neither a topic nor a mapping to send")
    try:
        _check_floats(message)
        return msgspec.json.encode(message)
    except UnicodeEncodeError:
        raise UsageError("what is to be sent is no message: a text of it has half of a surrogate pair") from None
    except RecursionError:
        raise UsageError("what is to be sent is no message: it is too deep") from None


def _check_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError(f'{value!r} is a float. Write "{value!r}"')
    inner: Sequence[object] = ()
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, (list, tuple)):
        inner = value
    for one in inner:
        _check_floats(one)


def _endpoint_of(venue: Venue, name: str | None) -> Endpoint:
    names = [endpoint.name for endpoint in venue.endpoints]
    if name is not None and name not in names:
        raise UsageError(f"{venue.name} has no endpoint {name!r}. It has: {', '.join(names)}", venue=venue.name)
    return venue.endpoint(name or names[0])
