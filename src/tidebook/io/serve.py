"""A loopback server: HTTP and WebSocket on one port, for replay and for the simulator.

A `Site` answers. It is given the host that the client asked for, so one server can stand for many.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, Self

from aiohttp import WSMsgType, web

from tidebook.io.place import loopback_host

logger = logging.getLogger("tidebook.io")

_PORT = re.compile(r":\d*$")
MESSAGE_CAP = 4 << 20  # bytes of a message from a client
STOP_WAIT = 0.15  # seconds that clients have to answer a close frame when the server stops


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: `path` and `query` are raw, `host` is the Host header's without port, lower case."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `cut_at`: so many bytes of the body are sent, then the connection is cut."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut_at: int | None = None


class Cut(Exception):
    """Raised by a site: the TCP connection is cut, nothing is answered."""


class Site(Protocol):
    """What a server serves. Both may run many times at once; both are cancelled when the server stops."""

    async def http(self, request: Asked) -> Answer:
        """The answer; `Cut` cuts. Any other exception is logged and answered 500."""
        ...

    async def websocket(self, request: Asked, socket: "Served") -> None:
        """Talk until done; on return the socket is closed with 1000. ConnectionError ends it quietly."""


class Served:
    """The server's end of one WebSocket connection.

    The upgrade is answered by the first `accept`, `send` or `receive`; until then `refuse` answers otherwise.
    `sent` and `received` count messages, `pongs` the pongs that came.
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._response = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MESSAGE_CAP, writer_limit=0, timeout=STOP_WAIT
        )
        self._accepting = asyncio.Lock()
        self.refusal: Answer | None = None
        self.sent = 0
        self.received = 0
        self.pongs = 0

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        transport = self._request.transport
        return self._response.closed or transport is None or transport.is_closing()

    async def accept(self) -> None:
        """Answer the upgrade, once. Raises ConnectionError when the client is gone or the upgrade was refused."""
        async with self._accepting:
            if not self._response.prepared:
                if self.refusal is not None:
                    raise ConnectionResetError("the upgrade was refused")
                await self._response.prepare(self._request)

    def refuse(self, answer: Answer) -> None:
        """Answer the upgrade with plain HTTP (a 429, a redirect) when `Site.websocket` returns."""
        assert not self._response.prepared, "the upgrade has been answered"
        self.refusal = answer

    async def send(self, data: str | bytes) -> None:
        """Send a text (`str`) or binary (`bytes`) message; waits while the client does not read.

        Raises ConnectionError when the client is gone. Cancelled while it waits, the message is sent all the same.
        """
        await self._ready()
        self.sent += 1
        if isinstance(data, str):
            await self._response.send_str(data)
        else:
            await self._response.send_bytes(data)

    async def send_many(self, messages: Iterable[str | bytes]) -> None:
        """Send messages in order with as few writes as possible; otherwise like `send`."""
        await self._ready()
        queue = [*messages]
        if len(queue) > 1:
            self._transport().write(b"".join(map(frame, queue[:-1])))
            self.sent += len(queue) - 1
        if queue:
            await self.send(queue[-1])

    async def send_raw(self, data: bytes) -> None:
        """Write bytes that are not framed here: broken or unusual frames, for tests and faults."""
        await self._ready()
        self._transport().write(data)

    async def ping(self, payload: bytes = b"") -> None:
        """Send a ping frame; its pong is counted when `receive` comes across it."""
        await self._ready()
        await self._response.ping(payload)

    async def receive(self) -> str | bytes | None:
        """The client's next message, or None when the connection is closing or gone. Pings are answered on the way.

        Cancelling loses no message.
        """
        await self.accept()
        while not self._response.closed:
            message = await self._response.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self.received += 1
                data: str | bytes = message.data
                return data
            if message.type == WSMsgType.PING:
                with suppress(ConnectionError):
                    await self._response.pong(message.data)
            elif message.type == WSMsgType.PONG:
                self.pongs += 1
            else:
                break
        return None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code; waits `STOP_WAIT` seconds at most for the client's answer."""
        if not self.closed:
            await self.accept()
            await self._response.close(code=code, message=reason.encode())

    def abort(self) -> None:
        """Cut the TCP connection without a close frame."""
        _abort(self._request)

    def hang_up(self) -> None:
        """Close the TCP connection without a close frame, once what was sent is out."""
        if self._request.transport is not None:
            self._request.transport.close()

    async def finish(self) -> web.StreamResponse:
        """What the server does when the site is done with it."""
        if self.refusal is not None and not self._response.prepared:
            return _response(self.refusal)
        await self.close()
        return self._response

    def left(self) -> web.StreamResponse:
        """What the server is given when the site ended in any other way."""
        if self._response.prepared:
            return self._response
        self.abort()
        return web.Response(status=500)

    async def _ready(self) -> None:
        await self.accept()
        if self.closed:
            raise ConnectionResetError("the client is gone")

    def _transport(self) -> asyncio.Transport:
        assert self._request.transport is not None
        return self._request.transport


class Server:
    """Serves a site on a loopback address until `stop`. Also an async context manager.

    `host` is a loopback address (UsageError otherwise), `port` 0 means any free one, `tls` a server's context.
    """

    def __init__(
        self, site: Site, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._site = site
        self._host = loopback_host(host)
        self._asked_port = port
        self._tls = tls
        self._listening: asyncio.Server | None = None
        self._web: web.Server | None = None
        self._served: set[Served] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self.port = 0
        self.error: Exception | None = None  # the first that a site raised

    @property
    def at(self) -> str:
        """Where it serves, ``"127.0.0.1:8800"``."""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    async def start(self) -> None:
        """Begin to serve; `port` is known then. Raises OSError when the port is taken."""
        self._web = web.Server(self._answer, access_log=None, keepalive_timeout=30.0, lingering_time=0.0)
        self._listening = await asyncio.get_running_loop().create_server(
            self._web, self._host, self._asked_port, ssl=self._tls, backlog=1024
        )
        self.port = self._listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop: close frames (1001) go out, then everything is cut. Under half a second; twice is fine."""
        listening, self._listening = self._listening, None
        if listening is None or self._web is None:
            return
        listening.close()
        goodbyes = [asyncio.ensure_future(served.close(1001)) for served in self._served]
        if goodbyes:
            await asyncio.wait(goodbyes, timeout=STOP_WAIT)
        for served in [*self._served]:
            served.abort()
        for task in [*self._tasks, *goodbyes]:
            task.cancel()
        if self._tasks or goodbyes:
            await asyncio.wait([*self._tasks, *goodbyes], timeout=0.1)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._web.shutdown(0.05), 0.1)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._talk(request)
            answer = await self._site.http(await _asked(request, body=True))
            return _response(answer) if answer.cut_at is None else await _begun(request, answer, answer.cut_at)
        except (Cut, ConnectionError):
            _abort(request)
            return web.Response(status=500)
        except web.HTTPException:
            raise
        except Exception as error:
            self._broken(error)
            return web.Response(status=500)
        finally:
            self._tasks.discard(task)

    def _broken(self, error: Exception) -> None:
        logger.error("a bug in what is served", exc_info=error)
        self.error = self.error or error

    async def _talk(self, request: web.BaseRequest) -> web.StreamResponse:
        served = Served(request)
        self._served.add(served)
        try:
            await self._site.websocket(await _asked(request, body=False), served)
            return await served.finish()
        except Cut:
            served.abort()
        except ConnectionError:
            pass
        except Exception as error:
            self._broken(error)
            with suppress(ConnectionError):
                await served.close(1011)
        finally:
            self._served.discard(served)
        return served.left()


def frame(message: str | bytes) -> bytes:
    """One whole message as an unmasked WebSocket frame: text from `str`, binary from `bytes`."""
    data = message.encode() if isinstance(message, str) else message
    first = 0x81 if isinstance(message, str) else 0x82
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


async def _asked(request: web.BaseRequest, *, body: bool) -> Asked:
    path, _, query = request.raw_path.partition("?")
    host = request.headers.get("Host", "").lower()
    return Asked(
        method=request.method,
        host=_PORT.sub("", host),
        path=path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read() if body else b"",
    )


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _begun(request: web.BaseRequest, answer: Answer, size: int) -> web.StreamResponse:
    """An answer whose head promises all of it, and that is cut off in its body."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[:size])
    _abort(request)
    return response


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
