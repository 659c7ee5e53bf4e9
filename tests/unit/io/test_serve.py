"""The loopback server, spoken to by another library's client and by raw sockets."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from tests.unit.io.conftest import Authority
from tests.unit.io.rig import Echo, driving, eventually, opening

from tidebook.core.effects import Send
from tidebook.errors import UsageError
from tidebook.io.serve import Answer, Asked, Cut, Served, Server, frame
from tidebook.io.tls import client_context

pytestmark = pytest.mark.asyncio


class Scripted(Echo):
    """A site whose WebSocket side is one function."""

    def __init__(self, script: Callable[[Served], Awaitable[None]]) -> None:
        super().__init__()
        self.script = script
        self.socket: Served | None = None
        self.done = asyncio.Event()

    async def websocket(self, request: Asked, socket: Served) -> None:
        self.socket = socket
        try:
            await self.script(socket)
        finally:
            self.done.set()


async def test_http_and_websocket_on_one_port(authority: Authority) -> None:
    for tls in (None, authority.server()):
        site = Echo()
        trusted = aiohttp.TCPConnector(ssl=client_context(authority.path)) if tls else None
        async with Server(site, tls=tls) as serving, aiohttp.ClientSession(connector=trusted) as session:
            base = f"http{'s' if tls else ''}://localhost:{serving.port}"
            async with session.put(f"{base}/a%2Fb?x=%20", data=b"body", headers={"Host": "API.example:443"}) as reply:
                assert (reply.status, await reply.read()) == (200, b"body")
                assert reply.headers["X-Path"] == "/a%2Fb"
            async with session.ws_connect(f"{base}/ws", headers={"Host": "stream.example"}) as socket:
                await socket.send_str("text")
                assert await socket.receive_str() == "text"
                await socket.send_bytes(b"bytes")
                assert await socket.receive_bytes() == b"bytes"
                await socket.ping(b"?")
            first, second = site.asked
            assert (first.method, first.host, first.path, first.query, first.body) == (
                "PUT", "api.example", "/a%2Fb", "x=%20", b"body",
            )  # fmt: skip
            assert (second.host, second.path) == ("stream.example", "/ws")


async def test_many_are_sent_in_order_and_counted() -> None:
    messages: list[str | bytes] = [*("a" * size for size in (0, 125, 126, 65_535, 65_536)), b"binary", "é"]

    async def script(socket: Served) -> None:
        await socket.send_many(messages)
        await socket.send_many([])
        await socket.receive()
        assert (socket.sent, socket.received) == (len(messages), 1)

    site = Scripted(script)
    async with Server(site) as serving, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"http://{serving.at}/") as socket:
            assert [(await socket.receive()).data for _ in messages] == messages
            await socket.send_str("thanks")
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 1000
        assert serving.error is None


async def test_a_frame_is_what_the_protocol_says() -> None:
    assert frame("hi") == b"\x81\x02hi"
    assert frame(b"x" * 126)[:4] == b"\x82\x7e\x00\x7e"
    assert frame(b"x" * 65_536)[:10] == b"\x82\x7f" + (65_536).to_bytes(8, "big")


async def test_a_client_that_does_not_read_holds_the_sender() -> None:
    async def script(socket: Served) -> None:
        while True:
            await socket.send_many(["x" * 1000] * 1000)

    site = Scripted(script)
    async with Server(site) as serving:
        _, writer = await asyncio.open_connection("127.0.0.1", serving.port, limit=1024)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        last = -1
        while site.socket is None or site.socket.sent != last:
            last = site.socket.sent if site.socket else -1
            await asyncio.sleep(0.1)
        assert 0 < last < 100_000
        writer.transport.abort()
        await asyncio.wait_for(site.done.wait(), 10)  # the wait ended with the connection


async def test_codes_and_cuts() -> None:
    async def closing(socket: Served) -> None:
        await socket.receive()
        await socket.close(4001, "enough")

    async def cutting(socket: Served) -> None:
        await socket.receive()
        raise Cut

    for script, seen in ((closing, (4001, "enough")), (cutting, (None, None))):
        async with Server(Scripted(script)) as serving, driving() as (driver, notes):
            notes.then["opened"] = lambda conn: notes.effects.append(Send(conn, b"go"))
            driver.tell(notes.want, opening(f"ws://{serving.at}/"))
            _, code, reason = await notes.first("closed")
            assert (code, reason if code else None) == seen


async def test_an_upgrade_can_be_refused() -> None:
    async def script(socket: Served) -> None:
        socket.refuse(Answer(429, b"", {"Retry-After": "7"}))

    async with Server(Scripted(script)) as serving, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{serving.at}/"))
        _, code, reason = await notes.first("closed")
        assert (code, reason) == (429, f"ConnectFailed: ws://{serving.at}: HTTP 429, retry-after 7")


async def test_a_ping_and_its_pong() -> None:
    async def script(socket: Served) -> None:
        await socket.ping(b"?")
        assert await socket.receive() is None
        assert socket.pongs == 1
        assert await socket.receive() is None
        with pytest.raises(ConnectionError):
            await socket.send("too late")

    site = Scripted(script)
    async with Server(site) as serving:
        async with driving() as (driver, notes):
            driver.tell(notes.want, opening(f"ws://{serving.at}/"))
            await notes.first("frames")
        await asyncio.wait_for(site.done.wait(), 10)
        assert serving.error is None


async def test_a_sites_bug_is_logged_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def script(socket: Served) -> None:
        await socket.accept()
        raise ZeroDivisionError

    class Broken(Scripted):
        async def http(self, request: Asked) -> Answer:
            raise ZeroDivisionError

    async with Server(Broken(script)) as serving, aiohttp.ClientSession() as session:
        async with session.get(f"http://{serving.at}/") as reply:
            assert reply.status == 500
        async with session.ws_connect(f"http://{serving.at}/") as socket:
            await socket.receive()
            assert socket.close_code == 1011
    assert isinstance(serving.error, ZeroDivisionError)
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == ["tidebook.io"] * 2


@pytest.mark.parametrize("secure", [False, True])
async def test_stopping_takes_less_than_half_a_second(authority: Authority, secure: bool) -> None:
    async def script(socket: Served) -> None:
        await socket.accept()
        await asyncio.Event().wait()

    class Hanging(Scripted):
        async def http(self, request: Asked) -> Answer:
            self.asked.append(request)
            await asyncio.Event().wait()
            raise AssertionError

    site = Hanging(script)
    server = Server(site, tls=authority.server() if secure else None)
    await server.start()
    context = client_context(authority.path) if secure else None
    streams = []
    for start in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"):  # fmt: skip
        streams.append(await asyncio.open_connection("localhost", server.port, ssl=context))
        streams[-1][1].write(start)
    await eventually(lambda: site.socket is not None and site.asked)
    begin = time.monotonic()
    await server.stop()
    await server.stop()
    # A guard against hanging, not a timing: half a second is promised, a loaded machine may take longer.
    assert time.monotonic() - begin < 10
    for _, writer in streams:
        writer.transport.abort()


async def test_only_this_machine() -> None:
    for host in ("0.0.0.0", "10.1.2.3", "::", "host.example", ""):
        with pytest.raises(UsageError):
            Server(Echo(), host=host)
    async with Server(Echo(), host="localhost") as serving:
        assert serving.at == f"127.0.0.1:{serving.port}"
