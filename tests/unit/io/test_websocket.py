"""One connection against servers that are odd, slow, broken or hostile."""

import asyncio

import pytest
from tests.unit.io.conftest import Authority
from tests.unit.io.rig import (
    Echo,
    Memory,
    Notes,
    Reader,
    Talk,
    Writer,
    driving,
    forever,
    nothing_left,
    opening,
    raw,
    receive_frame,
    refusal,
    upgrade,
    wire,
)

from tidebook.core.clock import Now
from tidebook.core.effects import Close, Send
from tidebook.io.driver import Driver
from tidebook.io.serve import Answer, Asked, Served, Server

pytestmark = pytest.mark.asyncio

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


async def received(data: bytes, count: int, cap: int = 1 << 20) -> Notes:
    """What a machine notes when a server writes `data` in one go, once `count` messages or the end have come."""

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(data)
        await forever(reader, writer)

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{at}/", cap=cap))
        await notes.until(lambda: len(notes.messages) >= count or notes.of("closed"))
        return notes


# ---- messages


async def test_echo(authority: Authority) -> None:
    for tls in (None, authority.server()):
        async with Server(Echo(), tls=tls) as serving, driving(tls_ca=authority.path) as (driver, notes):
            url = f"{'ws' if tls is None else 'wss'}://localhost:{serving.port}/ws?a=b"
            notes.then["opened"] = lambda conn: notes.effects.extend([Send(conn, b"one"), Send(conn, "zwölf".encode())])
            driver.tell(notes.want, opening(url))
            await notes.until(lambda: len(notes.messages) == 2)
            assert notes.messages == [b"one", "zwölf".encode()]
            assert notes.log[0] == ("opened", 1)


async def test_headers_and_path_are_sent_as_they_are() -> None:
    site = Echo()
    async with Server(site) as serving, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{serving.at}/a%2Fb?c=%7E&d", headers={"X-Key": "k"}))
        await notes.first("opened")
        await notes.until(lambda: site.asked)
        (asked,) = site.asked
        assert (asked.host, asked.path, asked.query) == ("127.0.0.1", "/a%2Fb", "c=%7E&d")
        assert asked.headers["x-key"] == "k"
        assert "sec-websocket-extensions" not in asked.headers


async def test_many_messages_of_one_segment_come_as_one_list() -> None:
    messages = [b"%d" % i for i in range(500)]
    notes = await received(b"".join(map(wire, messages)), 500)
    assert [batch for batch in notes.batches if batch] == [messages]


async def test_messages_behind_the_upgrade_in_the_same_segment_come_after_opened() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer, wire(b"a") + wire(b"b"))
        await forever(reader, writer)

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.first("frames")
        assert notes.log == [("opened", 1), ("frames", [b"a", b"b"])]


async def test_fragments_are_put_together_around_a_ping() -> None:
    notes = await received(
        wire(b"first")
        + wire(b"ab", TEXT, fin=False)
        + wire(b"", 0, fin=False)
        + wire(b"?", PING)
        + wire(b"cd", 0, fin=False)
        + wire(b"e", 0)
        + wire(b"last", BINARY),
        3,
    )
    assert notes.messages == [b"first", b"abcde", b"last"]


async def test_a_fragment_alone_shows_life() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        for frame in (wire(b"a", TEXT, fin=False), wire(b"", PONG), wire(b"b", 0)):
            writer.write(frame)
            await receive_frame(reader)  # a message of the machine's: it has seen the read

    async with raw(talk) as at, driving() as (driver, notes):
        notes.then["frames"] = lambda _: notes.effects.append(Send(1, b"seen"))
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.until(lambda: len(notes.batches) == 3)
        assert notes.batches == [[], [], [b"ab"]]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (wire(b"a", 0), 1002, "protocol: fragments out of order"),
        (wire(b"a", TEXT, fin=False) + wire(b"b"), 1002, "protocol: fragments out of order"),
        (wire(b"a", bits=0x40), 1002, "protocol: a reserved bit"),
        (wire(b"a", bits=0x10), 1002, "protocol: a reserved bit"),
        (wire(b"a", 3), 1002, "protocol: "),
        (wire(b"a", PING, fin=False), 1002, "protocol: "),
        (b"\x81\x85abcdefghi", 1002, "protocol: "),
        (wire(b"\x03\xe8\xff", CLOSE), 1007, "protocol: "),
    ],
)
async def test_broken_frames_end_it(data: bytes, code: int, words: str) -> None:
    notes = await received(wire(b"good") + data + wire(b"not looked at"), 2)
    assert notes.messages == [b"good"]
    ((_, got, reason),) = notes.of("closed")
    assert (got, reason[: len(words)]) == (code, words)


# ---- the cap


async def test_a_message_as_long_as_the_cap_is_taken() -> None:
    for data in (wire(b"x" * 300), wire(b"x" * 200, fin=False) + wire(b"x" * 100, 0)):
        assert (await received(data, 1, cap=300)).messages == [b"x" * 300]


@pytest.mark.parametrize(
    "data",
    [
        wire(b"x" * 301),
        wire(b"x" * 200, fin=False) + wire(b"x" * 101, 0),
        wire(b"x" * 200, fin=False) + wire(b"x" * 200, 0, fin=False),
    ],
)
async def test_a_longer_one_ends_it(data: bytes) -> None:
    codes: list[bytes] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(wire(b"good") + data)
        opcode, payload = await receive_frame(reader)
        assert opcode == CLOSE
        codes.append(payload[:2])

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{at}/", cap=300))
        _, code, reason = await notes.first("closed")
        assert (code, reason.partition(":")[0]) == (1009, "too_large")
        assert notes.messages == [b"good"]
    assert codes == [(1009).to_bytes(2, "big")]


async def test_a_gigabyte_announced_or_in_fragments_costs_no_memory() -> None:
    block = bytes(1 << 20)
    giant = b"\x82\x7f" + (1 << 30).to_bytes(8, "big")

    def flood(start: bytes, piece: bytes) -> Talk:
        async def talk(reader: Reader, writer: Writer) -> None:
            await upgrade(reader, writer, start)
            for _ in range(1024):
                writer.write(piece)
                await writer.drain()

        return talk

    for talk in (flood(giant, block), flood(wire(b"", BINARY, fin=False), wire(block, 0, fin=False))):
        async with raw(talk) as at, driving() as (driver, notes):
            with Memory() as memory:
                driver.tell(notes.want, opening(f"ws://{at}/", cap=4 << 20))
                _, code, _ = await notes.first("closed")
            assert code == 1009
            assert memory.growth <= 32 << 20


# ---- pings


async def test_a_ping_is_answered_before_data_of_the_same_read_is_decoded() -> None:
    heard: list[tuple[int, bytes]] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(wire(b"data") * 100 + wire(b"still \x00 there?", PING))
        heard.extend([await receive_frame(reader), await receive_frame(reader)])

    async with raw(talk) as at, driving() as (driver, notes):
        notes.then["frames"] = lambda _: notes.effects.append(Send(1, b"decoded"))
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.first("closed")
    assert heard == [(PONG, b"still \x00 there?"), (TEXT, b"decoded")]


async def test_own_pings_and_pongs() -> None:
    heard: list[tuple[int, bytes]] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        heard.extend([await receive_frame(reader), await receive_frame(reader)])
        writer.write(wire(heard[0][1], PONG))
        await forever(reader, writer)

    async with raw(talk) as at, driving() as (driver, notes):
        notes.then["opened"] = lambda _: notes.effects.extend([Send(1, b"p", "ping"), Send(1, b"", "pong")])
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.first("frames")
        assert notes.batches == [[]]
    assert heard == [(PING, b"p"), (PONG, b"")]


# ---- the end


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", None, ""),
        (b"\x03\xe8", 1000, ""),
        (b"\x0f\xa1bye", 4001, "bye"),
        (b"\x03\xf4going", 1012, "going"),
    ],
)
async def test_the_servers_close_is_told_once_and_answered(payload: bytes, code: int | None, reason: str) -> None:
    heard: list[tuple[int, bytes]] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        writer.write(wire(b"last") + wire(payload, CLOSE) + wire(b"too late"))
        heard.append(await receive_frame(reader))

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{at}/"))
        assert await notes.first("closed") == (1, code, reason)
    assert notes.log == [("opened", 1), ("frames", [b"last"]), ("closed", 1, code, reason)]
    assert heard == [(CLOSE, payload[:2] or b"\x03\xe8")]


async def test_a_cut_is_told_once() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer, wire(b"last") + b"\x81")

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.first("closed")
    assert [name for name, *_ in notes.log] == ["opened", "frames", "closed"]
    assert notes.of("closed") == [(1, None, "lost: the connection ended without a close frame")]


async def test_close_is_not_told_and_sends_its_code() -> None:
    heard: list[tuple[int, bytes]] = []
    over = asyncio.Event()

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        heard.append(await receive_frame(reader))
        writer.write(wire(b"late") + wire(b"\x0f\xa0", CLOSE))
        assert await reader.read() == b""
        over.set()

    async with raw(talk) as at, driving() as (driver, notes):
        notes.then["opened"] = lambda conn: notes.effects.extend([Close(conn, 4000), Send(conn, b"nobody hears this")])
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await asyncio.wait_for(over.wait(), 10)
    assert heard == [(CLOSE, b"\x0f\xa0")]
    assert notes.log == [("opened", 1)]


async def test_a_server_that_reads_nothing_is_given_up() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        assert isinstance(writer.transport, asyncio.ReadTransport)
        writer.transport.pause_reading()
        await forever(reader, writer)

    async with raw(talk) as at, driving() as (driver, notes):
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.first("opened")
        for _ in range(40):
            driver.tell(notes.want, Send(1, bytes(1 << 20)))
        assert "does not read" in (await notes.first("closed"))[2]


# ---- connections that do not come about


def answering(*lines: str) -> Talk:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()
        await forever(reader, writer)

    return talk


@pytest.mark.parametrize(
    ("lines", "code", "words"),
    [
        (["HTTP/1.1 429 Too Many", "Retry-After: 30"], 429, "HTTP 429, retry-after 30"),
        (["HTTP/1.1 418 Teapot"], 418, "HTTP 418"),
        (["HTTP/1.1 522 Not in any list", "X: canary"], 522, "HTTP 522"),
        (["HTTP/1.1 200 OK"], 200, "HTTP 200"),
        (["SSH-2.0-canary"], None, "the answer is not an upgrade to WebSocket"),
        (["HTTP/1.1 101 Switching", "Upgrade: websocket"], None, "the answer is not an upgrade to WebSocket"),
        (
            ["HTTP/1.1 101 S", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: AAAA"],
            None,
            "the answer is not an upgrade to WebSocket",
        ),
        (["HTTP/1.1 101 S", "X: " + "canary" * 4000], None, "the answer is not an upgrade to WebSocket"),
    ],
)
async def test_a_refused_upgrade(lines: list[str], code: int | None, words: str) -> None:
    async with raw(answering(*lines)) as at:
        got = await refusal(f"ws://{at}/ws/canary?k=canary", headers={"X-Key": "canary"})
        assert got == (code, f"ConnectFailed: ws://{at}: {words}")


@pytest.mark.parametrize("extra", ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat"])
async def test_what_was_not_offered_is_refused(extra: str) -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        sink = asyncio.StreamReader()
        sink.feed_data(await reader.readuntil(b"\r\n\r\n"))

        class Rewriting:
            def write(self, data: bytes) -> None:
                writer.write(data.replace(b"\r\n\r\n", f"\r\n{extra}\r\n\r\n".encode()))

            drain = writer.drain

        await upgrade(sink, Rewriting())  # type: ignore[arg-type]
        await forever(reader, writer)

    async with raw(talk) as at:
        _, reason = await refusal(f"ws://{at}/")
        assert reason.endswith("that was not offered")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_nothing_reaches_the_other_server(status: int) -> None:
    other = Echo()
    async with Server(other) as elsewhere:
        talk = answering(f"HTTP/1.1 {status} Moved", f"Location: ws://{elsewhere.at}/?canary")
        async with raw(talk) as at:
            code, reason = await refusal(f"ws://{at}/?k=canary", headers={"X-Key": "canary"})
    assert (code, reason) == (status, f"RedirectRefused: ws://{at}: HTTP {status}")
    assert other.asked == []


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs"])
async def test_a_server_that_falls_silent_in_the_upgrade(start: bytes) -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        writer.write(start)
        await forever(reader, writer)

    async with raw(talk) as at:
        got = await refusal(f"ws://{at}/?canary", connect_timeout=0.2)
        assert got == (None, f"ConnectFailed: ws://{at}: no connection within 0.2 s")


async def test_a_server_that_hangs_up_in_the_upgrade() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with raw(talk) as at:
        _, reason = await refusal(f"ws://{at}/")
        assert reason.startswith(f"ConnectFailed: ws://{at}: ")


async def test_nobody_listens() -> None:
    async with raw(forever) as at:
        pass
    assert await refusal(f"ws://{at}/") == (None, f"ConnectFailed: ws://{at}: Connection refused")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/canary", "ws:///canary", "ws://[canary/", "ws://127.0.0.1:99999/"])
async def test_what_is_no_url(url: str) -> None:
    _, reason = await refusal(url)
    assert reason.startswith("ConnectFailed: ")
    assert "canary" not in reason.replace("[canary", "")


async def test_a_header_cannot_smuggle_another() -> None:
    async with Server(Echo()) as serving:
        _, reason = await refusal(f"ws://{serving.at}/", headers={"X-Key": "a\r\nX-Other: canary"})
        assert reason.endswith("a header with a control character was not sent")


# ---- cancelling


@pytest.mark.parametrize("secure", [False, True])
async def test_dropping_it_at_any_turn_of_the_loop_leaves_nothing(authority: Authority, secure: bool) -> None:
    silent = Echo()
    async with Server(silent, tls=authority.server() if secure else None) as serving:
        url = f"{'wss' if secure else 'ws'}://localhost:{serving.port}/"
        for turns in range(40):
            async with nothing_left(), driving(tls_ca=authority.path) as (driver, notes):
                driver.tell(notes.want, opening(url))
                for _ in range(turns):
                    await asyncio.sleep(0)
                driver.tell(notes.want, Close(1))
            assert not notes.of("closed")


@pytest.mark.parametrize("secure", [False, True])
async def test_cancelling_in_an_upgrade_that_hangs_closes_the_socket(authority: Authority, secure: bool) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        gone.set()

    async with raw(talk, authority.server() if secure else None) as at:
        async with driving(tls_ca=authority.path) as (driver, notes):
            port = at.partition(":")[2]
            driver.tell(notes.want, opening(f"{'wss' if secure else 'ws'}://localhost:{port}/"))
            await asyncio.wait_for(asked.wait(), 10)
            driver.tell(notes.want, Close(1))
            await asyncio.wait_for(gone.wait(), 10)
        assert notes.log == []


class Feeder:
    """A site that sends a ticking count and never ends by itself."""

    async def http(self, request: Asked) -> Answer:
        return Answer()

    async def websocket(self, request: Asked, socket: Served) -> None:
        while True:
            await socket.send_many(["tick"] * 100)
            await asyncio.sleep(0)


async def test_dropping_it_in_full_flow_stops_the_frames() -> None:
    async with Server(Feeder()) as serving, driving() as (driver, notes):
        notes.then["frames"] = lambda frames: notes.effects.append(Close(1))
        driver.tell(notes.want, opening(f"ws://{serving.at}/"))
        await notes.first("frames")
        again = opening(f"ws://{serving.at}/", conn=2)
        notes.then.clear()
        driver.tell(notes.want, again)
        await notes.until(lambda: len(notes.batches) > 10)
        assert notes.of("closed") == []


async def test_frames_are_stamped_with_both_clocks() -> None:
    stamps: list[Now] = []

    class Stamps(Notes):
        def frames(self, frames: list[bytes], now: Now) -> None:
            stamps.append(now)
            super().frames(frames, now)

    async with Server(Echo()) as serving:
        notes = Stamps()
        driver = Driver(notes, on_event=print)
        notes.then["opened"] = lambda conn: notes.effects.append(Send(conn, b"x"))
        driver.tell(notes.want, opening(f"ws://{serving.at}/"))
        await notes.first("frames")
        await driver.close()
    assert stamps[0].wall_ns > 1_700_000_000 * 10**9
    assert stamps[0].mono_ns > 0
