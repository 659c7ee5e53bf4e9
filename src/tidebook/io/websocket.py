"""One outgoing WebSocket connection, from the name look-up to the last byte.

A `Connection` tells its `Listener` three things: `opened` once, `frames` for every read of the socket
that held a whole frame, `closed` once. It never raises through picows and keeps no view of its buffer.

`closed(code, reason)`:

===================================  ====================================================================
reason                               code
===================================  ====================================================================
``ConnectFailed: …``                 None, or the HTTP status (< 1000) with which the upgrade was refused;
                                     then the text may end in ``, retry-after 30`` (seconds)
``RedirectRefused: …``               the HTTP status
``TlsRefused: …``                    None
``too_large: …``                     1009, sent by us: a message longer than the cap
``protocol: …``                      1002 or what else we sent: the server broke RFC 6455
``lost: …``                          None: the connection ended without a close frame
anything else                        the server's close code and its own text (None: it gave no code)
===================================  ====================================================================
"""

import asyncio
import os
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from logging import CRITICAL, Logger, LoggerAdapter
from typing import Any, Protocol, cast
from urllib.parse import SplitResult, urlsplit

import aiohappyeyeballs
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]
)
from python_socks import ProxyError

from tidebook.core.clock import Now
from tidebook.io import process
from tidebook.io.clock import now

CLOSE_WAIT = 0.2  # seconds that the other side has to answer our close frame
WRITE_CAP = 4 << 20  # bytes that a server may leave unread before the connection is given up
READ_BUFFER = 1 << 16  # bytes read at once; grows to a message's length

_TEXT, _CONTINUATION = WSMsgType.TEXT, WSMsgType.CONTINUATION
_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)  # a tuple: its `in` finds the usual kind by identity
_PING, _PONG, _CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE
_FORMS = {"text": _TEXT, "binary": WSMsgType.BINARY, "ping": _PING, "pong": _PONG}
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_RETRY_AFTER = re.compile(rb"^retry-after:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_SENDABLE = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Listener(Protocol):
    """What a connection tells. None of these may raise."""

    def opened(self) -> None:
        """The upgrade was accepted; `send` works from here on."""

    def frames(self, frames: list[bytes], now: Now) -> None:
        """All messages of one read, in order; empty when it held only control frames or parts of a message."""

    def closed(self, code: int | None, reason: str) -> None:
        """It is over, or never began. Called once, and not after `Connection.drop`."""


class _RefusedUpgrade(Exception):
    """The answer to the upgrade is not one that we asked for; the text is ours."""


class _Quiet(LoggerAdapter[Logger]):
    """Given to picows as its logger: it would log whole handshakes, credentials too, at its lowest level.

    When a frame is broken or too long picows says so here first, and reads on for 10 ms before it hangs up:
    on a fast line that is tens of megabytes. So reading stops as soon as it speaks. What it says comes with `closed`.
    """

    def __init__(self, connection: "Connection") -> None:
        super().__init__(Logger("tidebook.io.websocket", CRITICAL), {})
        self._connection = connection

    def error(self, *_: Any, **__: Any) -> None:
        self._connection.hold()

    exception = error


class Connection:
    """A connection to one URL; use it once.

    `headers` go into the upgrade request as they are (`Host` replaces the URL's). `cap` is the longest
    message in bytes, however many frames bring it. `timeout` in seconds covers TCP, TLS and upgrade
    together. `proxy` is the URL of an HTTP proxy. Compression is never negotiated, redirects are never followed.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        listener: Listener,
        *,
        cap: int,
        timeout: float,
        context: ssl.SSLContext | None,
        proxy: str | None = None,
    ) -> None:
        self._url = url
        self._headers = dict(headers)
        self._listener = listener
        self._cap = cap
        self._timeout = timeout
        self._context = context
        self._proxy = proxy
        self._socket: socket.socket | None = None
        self._wire: _Wire | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = False
        self._forks = process.count_forks()

    def start(self) -> asyncio.Task[None]:
        """Connect. The task lasts as long as the socket; cancelling it cuts the connection, with nothing reported."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task

    def send(self, data: bytes, form: str = "text") -> None:
        """Send a ``text`` or ``binary`` message, a ``ping`` or ``pong``; before `opened` and after the end, nothing."""
        if self._wire is not None and not self._over:
            self._wire.send(_FORMS[form], data)

    def drop(self, code: int = 1000) -> None:
        """Close, with nothing reported any more. The socket is gone after `CLOSE_WAIT` seconds at most."""
        self._over = True
        if self._wire is not None:
            self._wire.close(code)
        elif self._task is not None:
            self._task.cancel()

    def report(self, code: int | None, reason: str) -> None:
        """Tell the listener that it is over, unless it knows."""
        if not self._over:
            self._over = True
            self._listener.closed(code, reason)

    def hold(self) -> None:
        """Read no more."""
        if self._wire is not None:
            self._wire.hold()

    async def _run(self) -> None:
        wire = None
        try:
            wire = await self._connect()
            if wire is not None:
                await wire.gone()
        finally:
            # Python ends what is left of a task also in a process that was forked, where it exits: the socket and the
            # selector that are there are the other process's, which goes on with them.
            if self._forks == process.forks:
                if wire is not None:
                    wire.abort()
                await _release(self._socket)

    async def _connect(self) -> "_Wire | None":
        """Up to the upgrade's answer. Failures are reported, cancellation is passed on."""
        where = shown(self._url)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._upgrade()
        except TimeoutError:
            self.report(None, f"ConnectFailed: {where}: no connection within {self._timeout:g} s")
        except (OSError, ValueError, WSError, ProxyError, _RefusedUpgrade) as error:
            self.report(*_explain(error, where))
        return None

    async def _upgrade(self) -> "_Wire":
        if any(_CONTROL.search(text) for pair in self._headers.items() for text in pair):
            raise _RefusedUpgrade("a header with a control character was not sent")
        self._socket = await _tcp(urlsplit(self._proxy or self._url))
        tls: dict[str, Any] = {"ssl_shutdown_timeout": CLOSE_WAIT} if self._url.startswith("wss:") else {}
        transport, wire = await ws_connect(
            self._accept,
            self._url,
            ssl_context=self._context,
            websocket_handshake_timeout=None,
            logger_name=_Quiet(self),
            enable_auto_pong=False,
            max_frame_size=self._cap,
            extra_headers=self._headers,
            max_redirects=0,
            proxy=self._proxy,
            read_buffer_init_size=READ_BUFFER,
            socket_factory=lambda _: self._socket,
            use_aiofastnet=False,
            **tls,
        )
        if not isinstance(wire, _Wire):  # the connection ended before any answer
            transport.disconnect(graceful=False)
            raise _RefusedUpgrade("the connection was closed before the upgrade was answered")
        return wire

    def _accept(self, request: WSUpgradeRequest, response: WSUpgradeResponse) -> "_Wire":
        """Called by picows when status, Upgrade, Connection and Accept are right."""
        for name in ("Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"):
            if name in response.headers and name not in self._headers:
                raise _RefusedUpgrade(f"the server chose a {name} that was not offered")
        return _Wire(self, self._listener, self._cap)

    def connected(self, wire: "_Wire") -> None:
        """Called by the wire when it can send. After `drop` the wire is cut instead."""
        if self._over:
            wire.abort()
            return
        self._wire = wire
        self._listener.opened()


class _Wire(WSListener):
    """The receiving side: collects the messages of one read and hands them over at its end."""

    def __init__(self, connection: Connection, listener: Listener, cap: int) -> None:
        self._connection = connection
        self._frames = listener.frames
        self._cap = cap
        self._batch: list[bytes] = []
        self._parts: bytearray | None = None  # a message of which some fragments have come
        self._stamp: Now | None = None
        self._closing = False
        self._ending: tuple[int | None, str] | None = None
        self._cut: asyncio.TimerHandle | None = None

    # ---- from picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._connection.connected(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._stamp is None:
            self._stamp = now()
        kind = frame.msg_type
        if kind in _DATA and frame.fin and self._parts is None and not (frame.rsv1 or frame.rsv2 or frame.rsv3):
            self._batch.append(frame.get_payload_as_bytes())
        elif self._closing:
            self._after_close(kind)
        elif self._ending is None:
            self._unusual(kind, frame)
        if frame.last_in_buffer:
            self._flush()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self._cut is not None:
            self._cut.cancel()
        if self._closing:
            return
        self._closing = True
        handshake: Any = transport.close_handshake  # None when no close frame went either way
        if handshake is None or handshake.sent is None:
            self._connection.report(None, "lost: the connection ended without a close frame")
        elif handshake.sent.code == WSCloseCode.MESSAGE_TOO_BIG:
            self._connection.report(1009, f"too_large: a frame of more than {self._cap} bytes")
        else:
            self._connection.report(int(handshake.sent.code), f"protocol: {handshake.sent.reason}")

    def pause_writing(self) -> None:
        """The server reads slowly; `send` looks at how much it has left."""

    def resume_writing(self) -> None:
        """It has caught up."""

    # ---- ours

    def send(self, kind: WSMsgType, data: bytes) -> None:
        """Send now, or give the connection up when the server has left `WRITE_CAP` bytes unread."""
        self._transport.send(kind, data)
        waiting = self._transport.underlying_transport.get_write_buffer_size()
        if waiting > WRITE_CAP:
            self.abort()
            self._connection.report(None, f"lost: the server does not read, {waiting} bytes wait")

    def close(self, code: int) -> None:
        """Send the close frame; the socket goes when it is answered, or after `CLOSE_WAIT` seconds."""
        if self._closing:
            return
        self._closing = True
        self._parts = bytearray()  # sends every later frame past the fast path
        self._transport.send_close(cast(WSCloseCode, code))
        self._cut = asyncio.get_running_loop().call_later(CLOSE_WAIT, self.abort)

    def hold(self) -> None:
        """Read no more."""
        under = self._transport.underlying_transport
        if under.is_reading():
            under.pause_reading()

    def abort(self) -> None:
        """Cut the connection, nothing more is said. The socket is closed in the next turn of the loop."""
        self._closing = True
        self._transport.disconnect(graceful=False)

    async def gone(self) -> None:
        """Wait until the socket is closed. Cancelling it changes nothing."""
        with suppress(WSError):
            await self._transport.wait_disconnected()

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        stamp, self._stamp = self._stamp, None
        if self._closing or stamp is None:
            return
        self._frames(batch, stamp)
        if self._ending is not None and not self._closing:
            code, reason = self._ending
            self.close(code if code is not None and code in _SENDABLE else 1000)
            self._connection.report(code, reason)

    def _unusual(self, kind: WSMsgType, frame: WSFrame) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._end(1002, "protocol: a reserved bit is set, and no extension was agreed")
        elif kind == _PING:
            self.send(_PONG, frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            payload = frame.get_payload_as_bytes()
            code = int.from_bytes(payload[:2], "big") if payload else None
            self._end(code, payload[2:].decode(errors="replace"))
        elif kind != _PONG:
            self._fragment(kind, frame)

    def _fragment(self, kind: WSMsgType, frame: WSFrame) -> None:
        if (kind == _CONTINUATION) == (self._parts is None):
            self._end(1002, "protocol: fragments out of order")
            return
        if self._parts is None:
            self._parts = bytearray()
        if len(self._parts) + frame.payload_size > self._cap:
            self._end(1009, f"too_large: a message of more than {self._cap} bytes")
            return
        self._parts += frame.get_payload_as_bytes()
        if frame.fin:
            self._batch.append(bytes(self._parts))
            self._parts = None

    def _end(self, code: int | None, reason: str) -> None:
        """What comes after this in the same read is not looked at; `_flush` hands over what came before, and closes."""
        self._ending = (code, reason)
        self._parts = bytearray()

    def _after_close(self, kind: WSMsgType) -> None:
        if kind == _CLOSE:
            self._transport.disconnect()


def shown(url: str) -> str:
    """A URL as it may stand in a text: scheme, host and port. Paths of streams can hold keys."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return SplitResult(parts.scheme, parts.netloc.rpartition("@")[2], "", "", "").geturl()


def os_reason(error: OSError) -> str:
    """The system's words for it, without addresses."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "unknown host"
    return os.strerror(error.errno) if error.errno else type(error).__name__


async def _tcp(url: SplitResult) -> socket.socket:
    """A connected socket to the URL's host, addresses of both families raced; raises OSError."""
    if url.hostname is None:
        raise _RefusedUpgrade("the URL names no host")
    port = url.port or (443 if url.scheme in ("wss", "https") else 80)
    found = await asyncio.get_running_loop().getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    race: Callable[..., Awaitable[socket.socket]] = aiohappyeyeballs.start_connection  # pyright: ignore[reportUnknownMemberType]
    return await race(found, happy_eyeballs_delay=0.25)


async def _release(held: socket.socket | None) -> None:
    """See to it that the socket is closed, whoever owns it by now.

    A handshake that was cancelled half-way leaves a transport that nobody can reach, but its socket can be
    shut down: the transport then reads the end and closes within a few turns of the loop.
    """
    if held is None:
        return
    with suppress(OSError):
        held.shutdown(socket.SHUT_RDWR)
    for _ in range(20):
        if held.fileno() < 0:
            return
        await asyncio.sleep(0)
    held.close()


def _explain(error: Exception, where: str) -> tuple[int | None, str]:
    """The code and the text of a connection that did not come about. Nothing of the server's own text is in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return None, f"TlsRefused: {where}: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return None, f"TlsRefused: {where}: {error.reason or 'no TLS'}"
    if isinstance(error, WSHandshakeError):
        return _refusal(error, where)
    if isinstance(error, _RefusedUpgrade):
        return None, f"ConnectFailed: {where}: {error}"
    if isinstance(error, OSError):
        return None, f"ConnectFailed: {where}: {os_reason(error)}"
    return None, f"ConnectFailed: {where}: {type(error).__name__}"


def _refusal(error: WSHandshakeError, where: str) -> tuple[int | None, str]:
    raw = error.raw_header or b""
    status = _STATUS.match(raw)
    if status is None or status[1] == b"101":
        return None, f"ConnectFailed: {where}: the answer is not an upgrade to WebSocket"
    code = int(status[1])
    if 300 <= code < 400:
        return code, f"RedirectRefused: {where}: HTTP {code}"
    wait = _RETRY_AFTER.search(raw)
    return code, f"ConnectFailed: {where}: HTTP {code}" + (f", retry-after {int(wait[1])}" if wait else "")
