"""What the tests of io share: a machine that only takes notes, raw servers, and a count of what is left open."""

import asyncio
import base64
import gc
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tidebook.core.clock import Now
from tidebook.core.effects import Effect, Fetch, Open, Reply, Request, Urgency
from tidebook.io.driver import Driver
from tidebook.io.serve import Answer, Asked, Served
from tidebook.model.health import Health

GENEROUS = 60.0  # seconds to wait for what must happen; never measured against

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Talk: TypeAlias = Callable[[Reader, Writer], Awaitable[None]]


class Notes:
    """A machine that writes down its inputs and does what a test puts into `then` (input's name → function)."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.deadline: int | None = None
        self.log: list[tuple[Any, ...]] = []
        self.batches: list[list[bytes]] = []
        self.then: dict[str, Callable[..., None]] = {}
        self._changed = asyncio.Event()

    # inputs

    def opened(self, conn: int, now: Now) -> None:
        self.note("opened", conn)

    def session(self, conn: int) -> "Notes":
        return self

    def frames(self, frames: list[bytes], now: Now) -> None:
        self.batches.append(frames)
        self.note("frames", frames)

    def closed(self, conn: int, code: int | None, reason: str, now: Now) -> None:
        self.note("closed", conn, code, reason)

    def replied(self, id: int, reply: Reply, now: Now) -> None:
        self.note("replied", id, reply)

    def failed(self, id: int, why: str, now: Now) -> None:
        self.note("failed", id, why)

    def tick(self, now: Now) -> None:
        self.note("tick", now)

    def want(self, *effects: Effect) -> None:
        """An input of the owner's: the last of `effects` is the Now that the driver adds."""
        self.effects += effects[:-1]

    # for the test

    def note(self, name: str, *facts: Any) -> None:
        self.log.append((name, *facts))
        self._changed.set()
        if name in self.then:
            self.then[name](*facts)

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [facts for kind, *rest in self.log if kind == name for facts in [tuple(rest)]]

    @property
    def messages(self) -> list[bytes]:
        return [message for batch in self.batches for message in batch]

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(GENEROUS):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def first(self, name: str) -> tuple[Any, ...]:
        await self.until(lambda: self.of(name))
        return self.of(name)[0]


@asynccontextmanager
async def driving(**options: Any) -> AsyncIterator[tuple[Driver, Notes]]:
    notes = Notes()
    driver = Driver(notes, on_event=options.pop("on_event", ignore), **options)
    try:
        yield driver, notes
    finally:
        await driver.close()


def ignore(event: Health) -> None:
    """Events are not what is tested."""


def opening(url: str, conn: int = 1, cap: int = 1 << 20, headers: Mapping[str, str] | None = None) -> Open:
    return Open(conn, url, headers or {}, cap)


def asking(
    url: str, id: int = 1, method: str = "GET", timeout: float = GENEROUS, cap: int = 1 << 20, **more: Any
) -> Fetch:
    urgency = more.pop("urgency", Urgency.SEED)
    return Fetch(id, Request(method, url, **more), "rest", 1, urgency, timeout, cap)


async def refusal(url: str, **options: Any) -> tuple[int | None, str]:
    """The code and reason of a connection that does not come about."""
    headers = options.pop("headers", {})
    async with driving(**options) as (driver, notes):
        driver.tell(notes.want, Open(1, url, headers, 1 << 20))
        _, code, reason = await notes.first("closed")
        assert not notes.of("opened")
        return code, reason


@asynccontextmanager
async def raw(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A TCP server that does what `talk` says; yields host:port. Connections are cut at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def upgrade(reader: Reader, writer: Writer, tail: bytes = b"") -> str:
    """Answer the upgrade; `tail` goes out in the same write. Returns the request's head."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    keys = [line.split(":")[1].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:")]
    if not keys:
        raise ConnectionError("no upgrade was asked for")
    accept = base64.b64encode(
        hashlib.sha1(keys[0].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    ).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n" + tail
    )
    await writer.drain()
    return head


async def receive_frame(reader: Reader) -> tuple[int, bytes]:
    """The opcode and the unmasked payload of a client's frame of less than 64 KiB."""
    first, second = await reader.readexactly(2)
    size = second & 127
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    return first & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


def wire(data: bytes, opcode: int = 1, fin: bool = True, bits: int = 0) -> bytes:
    """A server's frame, of any kind."""
    size = len(data)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([(fin << 7) | bits | opcode]) + length + data


async def forever(reader: Reader, writer: Writer) -> None:
    await asyncio.Event().wait()


class Echo:
    """A site that says what it hears, and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    async def http(self, request: Asked) -> Answer:
        self.asked.append(request)
        return Answer(200, request.body or b"{}", {"X-Path": request.path})

    async def websocket(self, request: Asked, socket: Served) -> None:
        self.asked.append(request)
        while (message := await socket.receive()) is not None:
            await socket.send(message)


def left_open() -> tuple[int, int]:
    """How many tasks of this loop and file descriptors of this process there are."""
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fails when tasks or file descriptors are left that were not there before, some turns of the loop later."""
    gc.collect()
    gc.freeze()  # what was there before need not be looked through each time
    try:
        before = left_open()
        yield
        for _ in range(200):
            after = left_open()
            if after[0] <= before[0] and after[1] <= before[1]:
                return
            gc.collect()
            await asyncio.sleep(0.01)
    finally:
        gc.unfreeze()
    after = left_open()
    assert after[0] <= before[0], asyncio.all_tasks()
    assert after[1] <= before[1], f"{after[1] - before[1]} descriptors more than before"


async def eventually(true: Callable[[], Any]) -> None:
    """Wait for what nobody tells."""
    async with asyncio.timeout(GENEROUS):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class Memory:
    """The growth of this process's highest resident size, in bytes."""

    def __enter__(self) -> "Memory":
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        self._before = _status("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.growth = _status("VmHWM") - self._before


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise AssertionError(name)
