"""Stands between a program and the exchange: passes on all bytes, or with one byte of each signature changed."""

import asyncio
import base64
import binascii
import json
import re
import ssl
import struct
from contextlib import suppress
from typing import Any, Final, Self
from urllib.parse import quote, unquote

_HEADERS: Final = ("x-bapi-sign", "ok-access-sign", "apca-api-secret-key")
_NAMES: Final = ("signature", "Signature", "sign", "secret", "secret_key")
_FIELD: Final = re.compile(r"(^|[?&])([sS]ignature)=([^&\s]*)")
_TEXT: Final = 1  # a frame's kind


def changed(signature: str, at: int) -> str:
    """The same with one bit of one byte turned: of the bytes that hex or base64 stand for, else of the text itself.

    `at` is counted around: any number is a place.
    """
    for decode, encode in ((bytes.fromhex, bytes.hex), (_debased, _based)):
        with suppress(ValueError):
            data = bytearray(decode(signature))
            data[at % len(data)] ^= 1
            return encode(bytes(data))
    at %= len(signature)
    return f"{signature[:at]}{chr(ord(signature[at]) ^ 1)}{signature[at + 1 :]}"


def _debased(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _based(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Between:
    """An async context manager that listens on a loopback port, with a server's context, or without TLS, and asks `to`
    without.

    `at` is which byte of each signature is changed; None, as it begins: none. `changes` counts those that were.
    A signature is where the venues have it: in a header, a query, a form, or a message of a socket.
    """

    def __init__(self, to: int, context: ssl.SSLContext | None) -> None:
        self._to = to
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self.at: int | None = None
        self.changes = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        # Who has ended a connection may have gone before it says so in TLS.
        late = None if self._context is None else 0.5
        self._server = await asyncio.start_server(
            self._enter, "127.0.0.1", 0, ssl=self._context, ssl_shutdown_timeout=late
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- what is changed

    def _signature(self, text: str) -> str:
        assert self.at is not None
        self.changes += 1
        return changed(text, self.at)

    def _fields(self, text: str) -> str:
        def turned(found: re.Match[str]) -> str:
            return f"{found[1]}{found[2]}={quote(self._signature(unquote(found[3])), safe='')}"

        return _FIELD.sub(turned, text)

    def request(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """A request as it is passed on; the body's length is told anew."""
        if self.at is None:
            return head, body
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        body = self._fields(body.decode()).encode() if body[:1] not in (b"{", b"[") else body
        told = [self._fields(first)]
        for line in lines:
            name, _, value = line.partition(":")
            if name.lower() in _HEADERS:
                told.append(f"{name}: {self._signature(value.strip())}")
            elif name.lower() == "content-length":
                told.append(f"{name}: {len(body)}")
            else:
                told.append(line)
        return ("\r\n".join(told) + "\r\n\r\n").encode("latin-1"), body

    def message(self, text: str) -> str:
        """A message of a socket as it is passed on."""
        if self.at is None:
            return text
        try:
            found = json.loads(text)
        except ValueError:
            return text
        before = self.changes
        found = self._within(found)
        return json.dumps(found) if self.changes > before else text

    def _within(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self._within(one) for one in found]
        if not isinstance(found, dict):
            return found
        args = found.get("args")
        if found.get("op") == "auth" and isinstance(args, list) and len(args) == 3:
            return {**found, "args": [*args[:2], self._signature(str(args[2]))]}
        return {
            name: self._signature(one) if name in _NAMES and isinstance(one, str) and one else self._within(one)
            for name, one in found.items()
        }

    # ---- passing on

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        answers: asyncio.Task[None] | None = None
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                answers = asyncio.create_task(_poured(back, writer))
                await self._asked(reader, forth)
            finally:
                forth.close()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # either side has gone, and the other is told by the end of its connection
        finally:
            if answers is not None:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
            writer.close()
            self._tasks.discard(task)

    async def _asked(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        """Requests, until one opens a socket; its messages then."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            words = head.decode("latin-1").lower()
            length = re.search(r"\r\ncontent-length: *([0-9]+)", words)
            body = await reader.readexactly(int(length[1])) if length is not None else b""
            forth.write(b"".join(self.request(head, body)))
            await forth.drain()
            if "\r\nupgrade: websocket" in words:
                break
        while True:
            forth.write(await self._frame(reader))
            await forth.drain()

    async def _frame(self, reader: asyncio.StreamReader) -> bytes:
        """A client's frame. One that is not the whole of a text is passed on as it is."""
        head = await reader.readexactly(2)
        size, more = head[1] & 0x7F, b""
        if size >= 126:
            more = await reader.readexactly(2 if size == 126 else 8)
            size = int.from_bytes(more, "big")
        mask = await reader.readexactly(4)
        data = await reader.readexactly(size)
        if head[0] != 0x80 | _TEXT:
            return head + more + mask + data
        plain = _masked(data, mask)
        said = self.message(plain.decode()).encode()
        if said == plain:
            return head + more + mask + data
        length = bytes([0x80 | len(said)]) if len(said) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(said))
        return head[:1] + length + mask + _masked(said, mask)


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ mask[at % 4] for at, one in enumerate(data))


async def _poured(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes from one side, to the other, until it ends."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()
