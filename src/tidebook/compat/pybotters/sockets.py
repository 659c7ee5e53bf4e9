"""pybotters' WebSocketApp over a raw stream, and what stands for aiohttp's socket and messages."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from aiohttp import WSMsgType

from tidebook.client.place import VenueAt
from tidebook.client.raw import MESSAGE_BYTES
from tidebook.client.subscription import Queue
from tidebook.compat.pybotters.apis import Where, where
from tidebook.compat.pybotters.moved import moved
from tidebook.core.clock import Now
from tidebook.core.endpoint import Endpoint, Ping
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.redact import excerpt
from tidebook.core.stream import Flow
from tidebook.engine.shape import Codec
from tidebook.errors import NetworkError, SubscriptionFailed, UsageError

if TYPE_CHECKING:
    from tidebook.compat.pybotters.client import Client

logger = logging.getLogger("tidebook.compat")

Given = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Handler = Callable[[Any, "ClientWebSocketResponse"], object]
Handlers = Handler | Sequence[Handler] | None
MOST: Final = 10_000  # messages that wait for who iterates
_names = count(1)
_PING: Final = Ping(by="client", form="frame", every=20, deadline=20)


@dataclass(frozen=True, slots=True)
class WSMessage:
    """One message: `type` is aiohttp's TEXT, or BINARY where the venue compresses; `data` is the text, or the bytes."""

    type: WSMsgType
    data: str | bytes
    extra: None = None

    def json(self, *, loads: Callable[[str | bytes], Any] = json.loads) -> Any:
        """What its JSON says, at once. Raises JSONDecodeError for what is none."""
        return loads(self.data)

    def __repr__(self) -> str:
        data = self.data.encode() if isinstance(self.data, str) else self.data
        return f"<WSMessage {self.type.name} {excerpt(data)}>"


class ClientWebSocketResponse:
    """One connection of a WebSocketApp, as handlers and `current_ws` have it."""

    def __init__(self, app: "WebSocketApp") -> None:
        self.app = app
        self.closed = False

    async def send_str(self, data: str) -> None:
        """Send a text, this once. Raises NetworkError where this connection is gone."""
        self.app.say(self, data.encode())

    async def send_json(self, data: Any, *, dumps: Callable[[Any], str] = json.dumps) -> None:
        """The same with what makes JSON."""
        await self.send_str(dumps(data))

    async def close(self) -> None:
        """Give this connection up: the app opens another."""
        self.app.renew(self)

    def __repr__(self) -> str:
        return f"<ClientWebSocketResponse {'closed' if self.closed else 'open'} of {self.app!r}>"


class WebSocketApp:
    """A socket that is open again and again, until it or its client is closed: see `Client.ws_connect`.

    ``await app`` waits until it is open, logged in where that is wanted; `wait` until it ends. Both raise NotPermitted,
    or what else the venue means, where the login is refused. Where no handler is given, and for who iterates, messages
    wait, 10,000 and 16 MiB of them at most; then `async for` says with Overrun how many were lost. What was given to it
    to say is said on each connection. Where nothing was, and something was said by hand, who iterates gets NetworkError
    when that connection is lost: another one would be silent for ever.
    """

    def __init__(
        self, client: "Client", url: str, send_str: str | Sequence[str] | None, send_json: Given,
        handlers: tuple[Handlers, Handlers, Handlers], *, signed: bool,
    ) -> None:  # fmt: skip
        texts = [send_str] if isinstance(send_str, str) else [*(send_str or ())]
        messages = [send_json] if isinstance(send_json, Mapping) else [*(send_json or ())]
        self._says = (*(text.encode() for text in texts), *(json.dumps(one).encode() for one in messages))
        self._str, self._bytes, self._json = (_listed(one) for one in handlers)
        self._url = url
        self._client = client
        place = where(moved(url, self._says))
        self._endpoint = _endpoint(place, signed=signed)
        if (self._endpoint.login or self._endpoint.handshake) is not None:
            client.check_key(place, f"WS {urlsplit(url).path}", "opened")
        self._current: ClientWebSocketResponse | None = None
        self._open = asyncio.Event()
        self._ended = asyncio.Event()
        self._error: BaseException | None = None
        self._said_by_hand = False  # on the connection that there is
        self._queue: Queue[WSMessage] | None = None if self._handled else self._made_queue()
        self._one: VenueAt | None = None
        self._raw: Raw | None = None
        client._began(self)
        self._task = asyncio.ensure_future(self._run(place))
        self._task.add_done_callback(self._over)

    @property
    def client(self) -> "Client":
        return self._client

    @property
    def url(self) -> str:
        return self._url

    @property
    def current_ws(self) -> ClientWebSocketResponse | None:
        """Its connection; None while there is none."""
        return self._current

    @property
    def closed(self) -> bool:
        """Whether it has ended: nothing is opened any more."""
        return self._ended.is_set()

    @property
    def _handled(self) -> bool:
        return bool(self._str or self._bytes or self._json)

    # Its life -----------------------------------------------------------------

    async def _run(self, place: Where) -> None:
        leave: Callable[[], None] | None = None
        try:
            one = self._one = await self._client._venue(place)
            plan = RawPlan(place.venue.name, f"socket {next(_names)}", self._endpoint, (), self._says, place.url)
            self._raw, leave = one.open_raw(plan, self._take, self._watch)
            await self._ended.wait()
        except Exception as error:
            self._fail(error)
        finally:
            if leave is not None:
                leave()
            self._gone()

    def _over(self, task: asyncio.Task[None]) -> None:
        del task
        self.end()
        self._client._ended(self)

    def end(self) -> None:
        """Close it soon, from anywhere in its loop."""
        self._ended.set()
        self._open.set()  # whoever waits for it hears that it has ended
        if self._queue is not None:
            self._queue.end(self._error)

    async def close(self) -> None:
        """Close it, and nothing is opened any more. Twice is fine, also in a handler."""
        self.end()
        if asyncio.current_task() is not self._task:
            await asyncio.wait([self._task])

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
            logger.error("%s: %s", self._url.partition("?")[0], error)

    def _watch(self, raw: Raw) -> None:
        """In the receive path."""
        if raw.flow is Flow.OPEN:
            self._said_by_hand = False
            self._current = ClientWebSocketResponse(self)
            self._open.set()
            return
        self._gone()
        if raw.error is not None and not isinstance(raw.error, SubscriptionFailed):
            self._fail(raw.error)
            self.end()
        elif raw.flow is Flow.INTERRUPTED and self._said_by_hand and not self._says and self._queue is not None:
            text = "the connection is lost, and what was said on it by hand is not said again: give it as send_json="
            self._fail(NetworkError(f"{raw.plan.venue}: {text}", venue=raw.plan.venue))
            self.end()

    def _gone(self) -> None:
        if self._current is not None:
            self._current.closed, self._current = True, None
        if not self._ended.is_set():
            self._open.clear()

    # Messages -----------------------------------------------------------------

    def _take(self, frame: bytes, now: Now) -> None:
        """In the receive path: in order, and what a handler raises stays its own."""
        del now
        socket = self._current or ClientWebSocketResponse(self)
        is_text = self._endpoint.codec is Codec.TEXT and self._endpoint.decode is None
        data = frame.decode(errors="replace") if is_text else frame
        for handler in self._str if is_text else self._bytes:
            _call(handler, data, socket)
        if self._json:
            self._parsed(frame, socket)
        if self._queue is not None:
            self._queue.put(WSMessage(WSMsgType.TEXT if is_text else WSMsgType.BINARY, data))

    def _parsed(self, frame: bytes, socket: ClientWebSocketResponse) -> None:
        try:
            message = json.loads(frame)
        except ValueError:
            if frame not in (b"ping", b"pong"):
                logger.warning("no JSON: %s", excerpt(frame))
            return
        for handler in self._json:
            _call(handler, message, socket)

    def say(self, socket: ClientWebSocketResponse, data: bytes) -> None:
        """Send something on its connection, this once. Raises NetworkError where that is gone."""
        if self._one is None or self._raw is None or socket.closed or not self._one.say_raw(self._raw, data):
            raise NetworkError(f"{self._url.partition('?')[0]}: this connection is gone. Nothing was sent")
        self._said_by_hand = True

    def renew(self, socket: ClientWebSocketResponse) -> None:
        """Give its connection up for another; nothing where it is gone already."""
        if self._one is not None and self._raw is not None and not socket.closed and not self.closed:
            self._one.renew_raw(self._raw, "closed by its user")

    async def send_str(self, data: str) -> None:
        """Send a text on the connection that there is, or the next one; this once."""
        await self
        assert self._current is not None
        await self._current.send_str(data)

    async def send_json(self, data: Any) -> None:
        """The same with what makes JSON."""
        await self.send_str(json.dumps(data))

    # Waiting ------------------------------------------------------------------

    async def _opened(self) -> Self:
        await self._open.wait()
        self._raise()
        return self

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
        if self._ended.is_set():
            raise UsageError("this WebSocketApp is closed. Open another one")

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._opened().__await__()

    async def wait(self) -> None:
        """Wait until it ends, which it does not by itself; raises why where the venue refuses it."""
        await asyncio.wait([self._task])
        if self._error is not None:
            raise self._error

    async def heartbeat(self, timeout: float = 10.0) -> None:
        """Wait until it is open; whether the venue is still there is looked at all the time. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            await self

    async def __aenter__(self) -> Self:
        try:
            return await self
        except BaseException:
            await self.close()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def receive(self) -> WSMessage:
        """The next message. Raises StopAsyncIteration at the end, Overrun, or why it ended."""
        if self._queue is None:
            self._queue = self._made_queue()
            if self.closed:
                self._queue.end(self._error)
        return await self._queue.one()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WSMessage:
        return await self.receive()

    def _made_queue(self) -> Queue[WSMessage]:
        return Queue("error", most=MOST, size=lambda message: len(message.data) + MESSAGE_BYTES)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open" if self._current is not None else "opening"
        return f"<WebSocketApp {urlsplit(self._url).hostname} {state}>"


class WebSocketQueue(asyncio.Queue[Any]):
    """A queue whose `onmessage` is a handler: ``async for message in queue``. It has the bound that it is given."""

    def onmessage(self, msg: Any, ws: object = None) -> None:
        """Put it in. Raises QueueFull where there is a bound."""
        del ws
        self.put_nowait(msg)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while True:
            yield await self.get()


def _listed(handlers: Handlers) -> list[Handler]:
    found = [] if handlers is None else [handlers] if callable(handlers) else [*handlers]
    for one in found:
        if asyncio.iscoroutinefunction(one):
            raise UsageError(f"{one!r:.60} is no handler: a plain function of a message and its socket")
    return found


def _call(handler: Handler, message: Any, socket: ClientWebSocketResponse) -> None:
    try:
        handler(message, socket)
    except Exception:
        logger.exception("a handler of %s failed; the others and the next messages go on", socket.app)


def _endpoint(place: Where, *, signed: bool) -> Endpoint:
    """The declared endpoint that a URL is of; of a venue without any, a plain one. Raises UsageError."""
    parts = urlsplit(place.url)
    venue = place.venue
    known = [*venue.endpoints, *([] if venue.account is None else [venue.account.endpoint])]
    declared = {urlsplit(one.url).netloc for one in known}
    if parts.scheme != "wss" or parts.username is not None or any(not "!" <= char <= "~" for char in place.url):
        raise UsageError(f"{parts.scheme}://{parts.hostname}: write wss://, without a user, as plain ASCII")
    if parts.port not in (None, 443) and parts.netloc not in declared:
        raise UsageError(f"{venue.name} has nothing at port {parts.port} of {parts.hostname}", venue=venue.name)
    here = [one for one in known if urlsplit(one.url).hostname == parts.hostname] or known
    if not here:
        return Endpoint(name="socket", url=place.url, subscribing=None, ping=_PING)
    found = max(here, key=partial(_alike, parts.path))
    return found if signed else replace(found, login=None, handshake=None)


def _alike(path: str, endpoint: Endpoint) -> int:
    """How much of a path an endpoint's has in common with it."""
    other = urlsplit(endpoint.url).path
    return next((at for at, (a, b) in enumerate(zip(path, other, strict=False)) if a != b), min(len(path), len(other)))
