"""Outgoing HTTP: one request in, one whole answer or one refusal out.

`Http.fetch` raises only `Failure`, whose text begins with one of these words:

======================  ==================================================================================
``ConnectFailed``       no connection; ends in ``nothing was sent``
``TlsRefused``          the certificate or the version; ends in ``nothing was sent``
``RedirectRefused``     any 3xx; never followed
``Timeout``             no whole answer in time; ends in ``nothing was sent`` when that is known
``too_large``           the body is longer than the cap, also while inflating
``NetworkError``        the connection broke, or the answer is not HTTP or not what its encoding says
======================  ==================================================================================

A text holds method, scheme, host and path; never a query, a header or a body.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tidebook.core import errand
from tidebook.core.effects import Reply, Request
from tidebook.io.websocket import os_reason

if TYPE_CHECKING:
    from types import SimpleNamespace

    import aiohttp

_OWN_HEADERS = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "tidebook"}
NOTHING_SENT = errand.NOTHING_SENT


class Failure(Exception):
    """No answer; the text says why (see this module's table)."""


def prepare() -> None:
    """Import what requests are made with: a few tenths of a second, once in a process, in which a loop would stand."""
    import aiohttp  # noqa: F401  # pyright: ignore[reportUnusedImport]


class Http:
    """Requests of one machine. Opens nothing before the first of them; imports aiohttp then.

    `context` makes the TLS context when the first request over TLS comes. `proxy` is the URL of an HTTP proxy; the
    environment's proxies and .netrc are not read. No cookie is kept, no request is repeated, nothing is compressed on
    the way out.
    """

    def __init__(self, context: Callable[[], ssl.SSLContext], *, proxy: str | None = None) -> None:
        self._context = context
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, request: Request, *, timeout: float, cap: int) -> Reply:
        """Send `request` as it is, byte for byte, and return the answer of any status but 3xx.

        `timeout` in seconds covers everything; `cap` is the longest body in bytes after inflating.
        Raises Failure. Cancelled, it cuts the connection: the request may have been sent.
        """
        import aiohttp

        where = shown(request)
        sent = [False]
        try:
            async with asyncio.timeout(timeout), self._call(request, sent) as response:
                if 300 <= response.status < 400:
                    response.close()
                    raise Failure(f"RedirectRefused: {where}: HTTP {response.status}")
                try:
                    body = await _body(response, cap, where)
                except BaseException:
                    response.close()
                    raise
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, headers, body)
        except TimeoutError:
            raise Failure(f"Timeout: {where}: no whole answer within {timeout:g} s{_note(sent)}") from None
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise Failure(f"TlsRefused: {where}: {_tls(error)}{_note(sent)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            word = "NetworkError" if sent[0] else "ConnectFailed"
            raise Failure(f"{word}: {where}: {_reason(error)}{_note(sent)}") from None

    async def close(self) -> None:
        """Close what is open. Twice is fine; a later `fetch` would open anew."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _call(self, request: Request, sent: list[bool]) -> Any:
        import aiohttp
        from yarl import URL

        if self._session is None:
            self._session = _session()
        secrets = {name: value.reveal() for name, value in request.secrets.items()}
        given = {name.lower() for name in (*request.headers, *secrets)}
        own = {name: value for name, value in _OWN_HEADERS.items() if name not in given}
        # A signed query must not be quoted anew.
        url = URL(request.url if request.signed is None else request.url + request.signed.reveal(), encoded=True)
        return self._session.request(
            request.method,
            url,
            headers={**own, **request.headers, **secrets},
            data=request.body or None,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None),
            proxy=self._proxy,
            # Only where there is TLS: the system's authorities are read for tens of milliseconds.
            ssl=url.scheme == "http" or self._context(),
            trace_request_ctx=sent,
        )


def shown(request: Request) -> str:
    """A request as it may stand in a text: method, scheme, host, port and path."""
    parts = urlsplit(request.url)
    return f"{request.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _session() -> "aiohttp.ClientSession":
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connected)
    trace.on_connection_reuseconn.append(_connected)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),  # the driver counts
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        trace_configs=[trace],
    )
    # aiohttp repeats PUT and DELETE by itself when a kept connection turns out dead: never with orders.
    # There is no public switch; tests/unit/io/test_http.py fails if this one goes.
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


async def _connected(session: "aiohttp.ClientSession", context: "SimpleNamespace", params: object) -> None:
    context.trace_request_ctx[0] = True


async def _body(response: "aiohttp.ClientResponse", cap: int, where: str) -> bytes:
    """The body, inflated; raises Failure when it is longer than `cap` at any moment."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    body = bytearray()
    chunks: AsyncIterator[bytes] = response.content.iter_any()
    if encoding not in ("identity", ""):
        chunks = _inflated(chunks, encoding, cap, where)
    async for chunk in chunks:
        body += chunk
        if len(body) > cap:
            raise Failure(f"too_large: {where}: a body of more than {cap} bytes")
    return bytes(body)


async def _inflated(chunks: AsyncIterator[bytes], encoding: str, cap: int, where: str) -> AsyncIterator[bytes]:
    """What `chunks` hold, in pieces of 64 KiB at most, so that whoever reads can stop in time."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Failure(f"NetworkError: {where}: an encoding that was not asked for")
    inflater = None
    async for chunk in chunks:
        rest = chunk
        while rest:
            if inflater is None:
                inflater = zlib.decompressobj(_window(encoding, rest))
            try:
                piece = inflater.decompress(rest, 1 << 16)
            except zlib.error:
                raise Failure(f"NetworkError: {where}: not {encoding}") from None
            if piece:
                yield piece
            if inflater.eof:
                rest, inflater = inflater.unused_data, None  # gzip may have several members
            else:
                rest = inflater.unconsumed_tail
    if inflater is not None:
        raise Failure(f"NetworkError: {where}: {encoding} ended too early")


def _window(encoding: str, start: bytes) -> int:
    """zlib's parameter. Of "deflate" both readings exist; the first byte of zlib's own is 0x?8."""
    if encoding != "deflate":
        return 31
    return 15 if start[0] & 0x0F == 8 else -15


def _note(sent: list[bool]) -> str:
    return "" if sent[0] else f"; {NOTHING_SENT}"


def _tls(error: Exception) -> str:
    inner: object = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return str(getattr(inner, "verify_message", "") or getattr(inner, "reason", "") or "no TLS")


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    return os_reason(inner) if isinstance(inner, OSError) else type(error).__name__
