"""Requests against servers that are odd, slow, broken or hostile."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.io.conftest import Authority
from tests.unit.io.rig import (
    GENEROUS,
    Echo,
    Memory,
    Notes,
    Reader,
    Talk,
    Writer,
    asking,
    driving,
    forever,
    nothing_left,
    raw,
)

from tidebook.core.effects import Fetch, Reply, Urgency
from tidebook.io.serve import Answer, Asked, Cut, Served, Server
from tidebook.model.credentials import Secret

pytestmark = pytest.mark.asyncio

LATE = GENEROUS / 2  # seconds by which a clock is put forward: less than what tests wait for
BOMB = 256 << 20  # bytes after inflating
MIB = bytes(1 << 20)


def bomb(wbits: int) -> bytes:
    deflate = zlib.compressobj(9, wbits=wbits)
    return b"".join([*(deflate.compress(MIB) for _ in range(BOMB >> 20)), deflate.flush()])


async def answer(fetch: Fetch, **options: object) -> Reply | str:
    """The reply, or why there is none."""
    async with driving(**options) as (driver, notes):
        driver.tell(notes.want, fetch)
        await notes.until(lambda: notes.of("replied") or notes.of("failed"))
        ((number, result),) = notes.of("replied") or notes.of("failed")
        assert number == fetch.id
        assert isinstance(result, (Reply, str))
        return result


class Fixed:
    """A site with one answer for everything."""

    def __init__(self, answer: Answer | Callable[[Asked], Answer]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []

    async def http(self, request: Asked) -> Answer:
        self.asked.append(request)
        return self.answer if isinstance(self.answer, Answer) else self.answer(request)

    async def websocket(self, request: Asked, socket: Served) -> None:
        socket.abort()


def writing(*pieces: bytes, after: Talk | None = None) -> Talk:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if after is not None:
            await after(reader, writer)

    return talk


# ---- what is sent and what comes back


async def test_a_request_is_sent_as_it_is(authority: Authority) -> None:
    for tls in (None, authority.server()):
        site = Fixed(Answer(201, b"made", {"X-Weight": "7"}))
        async with Server(site, tls=tls) as serving:
            url = f'{"http" if tls is None else "https"}://localhost:{serving.port}/a%2fb?q=%7E&sym=["X"]&sig=%2b+'
            fetch = asking(url, 9, "POST", headers={"X-Key": "k"}, body=b"a=b&c")
            reply = await answer(fetch, tls_ca=authority.path)
        assert isinstance(reply, Reply)
        assert (reply.status, reply.body, reply.headers["x-weight"]) == (201, b"made", "7")
        (asked,) = site.asked
        assert (asked.method, asked.path, asked.query) == ("POST", "/a%2fb", 'q=%7E&sym=["X"]&sig=%2b+')
        assert (asked.headers["x-key"], asked.body) == ("k", b"a=b&c")
        assert "content-type" not in asked.headers
        assert "cookie" not in asked.headers


async def test_errors_are_replies_and_cookies_are_forgotten() -> None:
    site = Fixed(Answer(418, b"wait", {"Retry-After": "30", "Set-Cookie": "a=b"}))
    async with Server(site) as serving, driving() as (driver, notes):
        for number in (1, 2):
            driver.tell(notes.want, asking(f"http://{serving.at}/", number))
            await notes.until(lambda: len(notes.of("replied")) == len(site.asked) == number)  # noqa: B023
        assert notes.of("replied")[0][1].headers["retry-after"] == "30"
        assert "cookie" not in site.asked[1].headers


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with Server(Echo()) as serving:
        assert isinstance(await answer(asking(f"http://{serving.at}/")), Reply)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello ", mtime=0) + gzip.compress(b"there", mtime=0)),
        ("deflate", zlib.compress(b"hello there")),
        ("deflate", zlib.compress(b"hello there", wbits=-15)),
        ("identity", b"hello there"),
    ],
)
async def test_bodies_are_inflated(encoding: str, body: bytes) -> None:
    async with Server(Fixed(Answer(200, body, {"Content-Encoding": encoding}))) as serving:
        reply = await answer(asking(f"http://{serving.at}/", cap=11))
        assert isinstance(reply, Reply)
        assert reply.body == b"hello there"


# ---- what is not taken


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-4]),
        ("br", b"canary"),
        ("gzip, gzip", b"canary"),
    ],
)
async def test_broken_encodings_fail(encoding: str, body: bytes) -> None:
    async with Server(Fixed(Answer(200, body, {"Content-Encoding": encoding}))) as serving:
        why = await answer(asking(f"http://{serving.at}/a?canary"))
        assert isinstance(why, str)
        assert why.startswith(f"NetworkError: GET http://{serving.at}/a: ")
        assert "canary" not in why


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_stopped_at_the_cap(encoding: str) -> None:
    body = bomb(31 if encoding == "gzip" else 15)
    assert len(body) < 300_000
    async with Server(Fixed(Answer(200, body, {"Content-Encoding": encoding}))) as serving:
        with Memory() as memory:
            why = await answer(asking(f"http://{serving.at}/", cap=8 << 20))
        assert why == f"too_large: GET http://{serving.at}/: a body of more than {8 << 20} bytes"
        assert memory.growth <= 32 << 20


async def test_an_endless_body_is_stopped_at_the_cap() -> None:
    async def pour(reader: Reader, writer: Writer) -> None:
        while True:
            writer.write(MIB)
            await writer.drain()

    for head in (b"", b"Content-Length: 1073741824\r\n"):
        async with raw(writing(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", after=pour)) as at:
            with Memory() as memory:
                why = await answer(asking(f"http://{at}/", cap=4 << 20))
            assert isinstance(why, str)
            assert why.startswith("too_large: ")
            assert memory.growth <= 32 << 20


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_refused_and_nothing_reaches_the_other_server(status: int) -> None:
    other = Echo()
    async with Server(other) as elsewhere:
        moved = Answer(status, b"", {"Location": f"http://{elsewhere.at}/?canary"})
        async with Server(Fixed(moved)) as serving:
            why = await answer(asking(f"http://{serving.at}/a?sig=canary", headers={"X-Key": "canary"}))
    assert why == f"RedirectRefused: GET http://{serving.at}/a: HTTP {status}"
    assert other.asked == []


# ---- what does not come


async def test_nobody_listens_and_nothing_was_sent() -> None:
    async with raw(forever) as at:
        pass
    why = await answer(asking(f"http://{at}/a?canary"))
    assert why == f"ConnectFailed: GET http://{at}/a: Connection refused; nothing was sent"


async def test_what_is_no_url() -> None:
    for url in ("canary", "ftp://127.0.0.1/a?canary", "http:///a?canary", "http://127.0.0.1:99999/a?canary"):
        why = await answer(asking(url))
        assert isinstance(why, str)
        assert why.startswith("ConnectFailed: ")
        assert why.endswith("; nothing was sent")
        assert "?canary" not in why


@pytest.mark.parametrize(
    "pieces", [(), (b"HTTP/1.1 2",), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",), (b"SSH-2.0-canary\r\n\r\n",)]
)
async def test_a_connection_that_breaks_may_have_been_enough(pieces: tuple[bytes, ...]) -> None:
    async with raw(writing(*pieces)) as at:
        why = await answer(asking(f"http://{at}/a?canary", headers={"X-Key": "canary"}))
        assert isinstance(why, str)
        assert why.startswith(f"NetworkError: GET http://{at}/a: ")
        assert "nothing was sent" not in why
        assert "canary" not in why


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",)])
async def test_silence_ends_at_the_timeout(pieces: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    time = loop.time

    async def silent(reader: Reader, writer: Writer) -> None:
        """All was sent, and time passes: however slow this machine is, not before."""
        monkeypatch.setattr(loop, "time", lambda: time() + LATE)
        await forever(reader, writer)

    async with raw(writing(*pieces, after=silent)) as at:
        why = await answer(asking(f"http://{at}/a?canary", timeout=LATE))
        assert why == f"Timeout: GET http://{at}/a: no whole answer within {LATE:g} s"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_no_request_is_ever_sent_twice(method: str) -> None:
    """A kept connection that dies under the second request: the library's own retry is off."""
    seen: list[bytes] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        for _ in range(2):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            if len(seen) > 1:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, asking(f"http://{at}/", 1))
        await notes.first("replied")
        driver.tell(notes.want, asking(f"http://{at}/", 2, method))
        _, why = await notes.first("failed")
        assert why.startswith("NetworkError: ")
    assert len(seen) == 2


# ---- several


async def test_no_more_than_allowed_at_a_time_and_urgent_ones_first() -> None:
    order: list[str] = []
    under_way = most = 0
    arrived, held = asyncio.Event(), asyncio.Event()

    class Counting(Echo):
        async def http(self, request: Asked) -> Answer:
            nonlocal under_way, most
            if request.path == "/fence":
                return Answer()
            under_way += 1
            most = max(most, under_way)
            order.append(request.path)
            if under_way == 2:
                arrived.set()
            await held.wait()
            under_way -= 1
            return Answer()

    async with Server(Counting()) as serving, driving(most_fetches=2) as (driver, notes):
        asked = [asking(f"http://{serving.at}/seed{i}", i) for i in range(5)]
        asked.append(asking(f"http://{serving.at}/resync", 5, urgency=Urgency.RESYNC))
        driver.tell(notes.want, *asked)
        async with asyncio.timeout(GENEROUS):
            await arrived.wait()
        # Two that were let go later, one after the other: a third one, that may not come, would be there before them.
        for _ in range(2):
            assert isinstance(await answer(asking(f"http://{serving.at}/fence")), Reply)
        held.set()
        await notes.until(lambda: len(notes.of("replied")) == 6)
    assert most == 2
    assert set(order[:2]) == {"/seed0", "/seed1"}
    assert "/resync" in order[2:4]


async def test_an_order_waits_for_no_other_request() -> None:
    held = asyncio.Event()

    class Slow(Echo):
        async def http(self, request: Asked) -> Answer:
            if request.path != "/order":
                await held.wait()
            return Answer()

    async with Server(Slow()) as serving, driving(most_fetches=2) as (driver, notes):
        driver.tell(notes.want, *(asking(f"http://{serving.at}/seed{i}", i) for i in range(5)))
        driver.tell(notes.want, asking(f"http://{serving.at}/order", 5, urgency=Urgency.ORDER))
        await notes.until(lambda: len(notes.of("replied")) == 1)
        held.set()
        await notes.until(lambda: len(notes.of("replied")) == 6)


async def test_a_cut_answer() -> None:
    class Cutting(Echo):
        async def http(self, request: Asked) -> Answer:
            raise Cut

    async with Server(Cutting()) as serving:
        why = await answer(asking(f"http://{serving.at}/"))
        assert isinstance(why, str)
        assert why.startswith("NetworkError: ")


@pytest.mark.parametrize("secure", [False, True])
async def test_closing_at_any_turn_of_the_loop_leaves_nothing(authority: Authority, secure: bool) -> None:
    async with Server(Echo(), tls=authority.server() if secure else None) as serving:
        url = f"{'https' if secure else 'http'}://localhost:{serving.port}/"
        for turns in range(40):
            async with nothing_left(), driving(tls_ca=authority.path) as (driver, notes):
                driver.tell(notes.want, asking(url))
                for _ in range(turns):
                    await asyncio.sleep(0)


async def test_replies_after_close_are_not_told() -> None:
    async with raw(forever) as at:
        notes = Notes()
        async with driving() as (driver, _):
            driver.tell(lambda now: notes.want(asking(f"http://{at}/"), now))
        assert notes.log == []


async def test_what_is_signed_goes_out_as_it_is_and_stands_in_no_text() -> None:
    """The end of the URL, and a header; nothing of them is quoted anew."""
    fixed = Fixed(Answer(200, b"{}"))
    async with Server(fixed) as serving, raw(writing(b"no HTTP")) as bad:
        for at in (serving.at, bad):
            plain = asking(f"http://{at}/a?b=%2C&c=d,e", body=b"x=1", method="POST")
            request = replace(
                plain.request, secrets={"X-Key": Secret("canary")}, signed=Secret("&t=1:2&signature=can%2Bary%3D")
            )
            result = await answer(replace(plain, request=request))
            assert "can" not in str(result)
    (asked,) = fixed.asked
    assert (asked.path, asked.query) == ("/a", "b=%2C&c=d,e&t=1:2&signature=can%2Bary%3D")
    assert asked.headers["x-key"] == "canary"
    assert asked.body == b"x=1"


async def test_no_authorities_are_read_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a client's start that they would delay."""
    read: list[object] = []

    def reading(ca: object) -> ssl.SSLContext:
        read.append(ca)
        return ssl.create_default_context()

    monkeypatch.setattr("tidebook.io.driver.client_context", reading)
    async with Server(Fixed(Answer(200, b"{}"))) as serving:
        assert isinstance(await answer(asking(f"http://127.0.0.1:{serving.port}/")), Reply)
        assert read == []
        assert isinstance(await answer(asking(f"https://127.0.0.1:{serving.port}/")), str)
        assert read == [None]
