"""A machine and its shell: order, time, bugs, and the end."""

import asyncio
import logging
import time
from collections.abc import Callable

import pytest
from tests.unit.io.conftest import Authority
from tests.unit.io.rig import (
    Echo,
    Notes,
    Reader,
    Writer,
    asking,
    driving,
    eventually,
    forever,
    ignore,
    opening,
    raw,
    receive_frame,
    refusal,
    upgrade,
    wire,
)

from tidebook.core.clock import SECOND, Now
from tidebook.core.effects import Close, Effect, Emit, Send
from tidebook.errors import UsageError
from tidebook.io.clock import now
from tidebook.io.driver import Driver
from tidebook.io.place import loopback
from tidebook.io.serve import Server
from tidebook.model.health import Health

pytestmark = pytest.mark.asyncio


def event(number: int) -> Emit:
    return Emit(Health("venue", None, number))


# ---- effects


async def test_effects_are_done_in_order_and_never_inside_each_other() -> None:
    told: list[int] = []

    def heard(health: Health) -> None:
        told.append(health.at_ns)
        if health.at_ns == 1:
            driver.tell(notes.want, event(10), event(11))  # an input that an effect causes
            assert told == [1]

    async with driving(on_event=heard) as (driver, notes):
        driver.tell(notes.want, event(1), event(2))
    assert told == [1, 2, 10, 11]


async def test_sending_where_nothing_is_open_harms_nothing() -> None:
    async with driving() as (driver, notes):
        driver.tell(notes.want, Send(7, b"x"), Close(7))
        assert notes.log == []


async def test_an_input_returns_its_result_and_gets_the_time() -> None:
    async with driving() as (driver, _):
        before = now()
        given = driver.tell(lambda word, at: (word, at), "word")
        assert given[0] == "word"
        assert isinstance(given[1], Now)
        assert given[1].mono_ns >= before.mono_ns


async def test_connections_are_opened_a_few_at_a_time() -> None:
    waiting: list[asyncio.Event] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        mine = asyncio.Event()
        waiting.append(mine)
        await mine.wait()
        await upgrade(reader, writer)
        await forever(reader, writer)

    async with raw(talk) as at, driving(most_opens=2) as (driver, notes):
        driver.tell(notes.want, *(opening(f"ws://{at}/", conn) for conn in range(6)), Close(5))
        for number in range(5):
            await eventually(lambda: len(waiting) > number)  # noqa: B023
            assert len(waiting) <= number + 2
            waiting[number].set()
            await notes.until(lambda: len(notes.of("opened")) > number)  # noqa: B023
        assert sorted(conn for (conn,) in notes.of("opened")) == [0, 1, 2, 3, 4]


# ---- time


async def test_the_timer_fires_and_follows_the_deadline() -> None:
    async with driving() as (driver, notes):
        start = now().mono_ns
        notes.deadline = start + SECOND // 50
        driver.settle()
        first = driver.armed
        notes.deadline = start + SECOND // 25  # moved away: looked at when the timer fires, which is not a tick
        driver.settle()
        assert driver.armed == first
        notes.then["tick"] = lambda at: setattr(notes, "deadline", None)
        (at,) = await notes.first("tick")
        assert at.mono_ns >= start + SECOND // 25
        assert driver.armed is None
        notes.deadline = now().mono_ns + 60 * SECOND
        driver.settle()
        notes.deadline = now().mono_ns + SECOND // 100  # moved nearer
        driver.settle()
        await notes.until(lambda: len(notes.of("tick")) == 2)


async def test_a_deadline_that_stays_in_the_past_does_not_spin() -> None:
    async with driving() as (driver, notes):
        notes.deadline = 1
        driver.settle()
        await notes.first("tick")
        turns = ticks = 0
        while ticks < 20:
            turns += 1
            await asyncio.sleep(0)
            ticks = len(notes.of("tick"))
        assert turns > 100


async def test_frames_that_change_the_deadline_set_the_timer() -> None:
    async with Server(Echo()) as serving, driving() as (driver, notes):
        notes.then["opened"] = lambda conn: notes.effects.append(Send(conn, b"x"))
        notes.then["frames"] = lambda _: setattr(notes, "deadline", now().mono_ns)
        notes.then["tick"] = lambda _: setattr(notes, "deadline", None)
        driver.tell(notes.want, opening(f"ws://{serving.at}/"))
        await notes.first("tick")


# ---- bugs


def broken(*_: object) -> None:
    raise ZeroDivisionError("the machine is broken")


@pytest.mark.parametrize("where", ["opened", "frames", "closed", "tick", "replied", "failed"])
async def test_a_bug_is_logged_once_closes_everything_and_is_raised(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer, wire(b"x") + wire(b"y"))
        await reader.read()

    async with raw(talk) as at, Server(Echo()) as serving:
        notes = Notes()
        driver = Driver(notes, on_event=ignore)
        notes.then[where] = broken
        wanted: dict[str, Effect] = {
            "closed": opening("ws://127.0.0.1:1/", 2),
            "replied": asking(f"http://{serving.at}/"),
            "failed": asking("http://127.0.0.1:1/"),
        }
        effects = [opening(f"ws://{at}/"), *([wanted[where]] if where in wanted else [])]
        if where == "tick":
            notes.deadline = now().mono_ns + SECOND // 100
        driver.tell(notes.want, *effects)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(asyncio.shield(driver.failed), 10)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await driver.close()
        with pytest.raises(UsageError, match="closed"):
            driver.tell(notes.want)
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [(record.name, record.levelname) for record in records] == [("tidebook.io", "CRITICAL")]


async def test_a_listener_that_raises_is_a_bug_too() -> None:
    notes = Notes()
    driver = Driver(notes, on_event=broken)
    driver.tell(notes.want, event(1))
    with pytest.raises(ZeroDivisionError):
        await driver.close()


async def test_an_owners_mistake_harms_nothing() -> None:
    def mistaken(at: Now) -> None:
        raise UsageError("no such thing")

    async with driving() as (driver, notes):
        with pytest.raises(UsageError, match="no such thing"):
            driver.tell(mistaken)
        driver.tell(notes.want, event(1))
    with pytest.raises(UsageError):
        Driver(notes, on_event=ignore, proxy="socks5://127.0.0.1:1")
    with pytest.raises(UsageError):
        Driver(notes, on_event=ignore, tls_ca="/nowhere.pem")


# ---- the end


async def silent(reader: Reader, writer: Writer) -> None:
    await upgrade(reader, writer)
    await forever(reader, writer)  # hears the close frame and never answers


async def deaf(reader: Reader, writer: Writer) -> None:
    await upgrade(reader, writer)
    assert isinstance(writer.transport, asyncio.ReadTransport)
    writer.transport.pause_reading()
    while True:
        writer.write(wire(b"x" * 10_000))
        await writer.drain()


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("talk", [silent, deaf, forever])
async def test_closing_takes_less_than_half_a_second(
    authority: Authority, talk: Callable[[Reader, Writer], object], secure: bool
) -> None:
    async with raw(talk, authority.server() if secure else None) as at:  # type: ignore[arg-type]
        notes = Notes()
        driver = Driver(notes, on_event=ignore, tls_ca=authority.path)
        port, s = at.partition(":")[2], "s" if secure else ""
        driver.tell(
            notes.want,
            *(opening(f"ws{s}://localhost:{port}/", conn) for conn in range(12)),
            *(asking(f"http{s}://localhost:{port}/", number) for number in range(4)),
        )
        if talk is not forever:
            await notes.until(lambda: len(notes.of("opened")) == 12)
        start = time.monotonic()
        await asyncio.gather(driver.close(), driver.close())
        # A guard against hanging, not a timing: half a second is promised, a loaded machine may take longer.
        assert time.monotonic() - start < 10
        said = len(notes.log)
        await driver.close()
        await asyncio.sleep(0.05)
        assert len(notes.log) == said


async def test_closing_says_goodbye() -> None:
    heard: list[tuple[int, bytes]] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer)
        heard.append(await receive_frame(reader))
        writer.write(wire(b"\x03\xe8", 8))
        await reader.read()

    async with raw(talk) as at:
        async with driving() as (driver, notes):
            driver.tell(notes.want, opening(f"ws://{at}/"))
            await notes.first("opened")
        assert notes.of("closed") == []
    assert heard == [(8, b"\x03\xe8")]


async def test_a_cancelled_close_goes_on() -> None:
    async with raw(silent) as at:
        notes = Notes()
        driver = Driver(notes, on_event=ignore)
        driver.tell(notes.want, opening(f"ws://{at}/"))
        await notes.first("opened")
        closing = asyncio.ensure_future(driver.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing


# ---- elsewhere


async def test_all_hosts_on_one_server() -> None:
    site = Echo()
    async with Server(site) as serving, driving(remap=loopback(serving.at)) as (driver, notes):
        driver.tell(
            notes.want,
            opening("wss://stream.example:9443/ws?a=1"),
            asking("https://API.example/depth?b=2", method="PUT"),
        )
        await notes.first("opened")
        await notes.first("replied")
        await eventually(lambda: len(site.asked) == 2)
    assert sorted((asked.host, asked.method, asked.path, asked.query) for asked in site.asked) == [
        ("api.example", "PUT", "/depth", "b=2"),
        ("stream.example", "GET", "/ws", "a=1"),
    ]


async def test_another_environment_is_called_by_its_own_name() -> None:
    """Unlike a server on this machine that stands for the venue: the Host is where it goes, and a proxy is used."""
    site = Echo()
    seen: list[str] = []

    async def tunnel(reader: Reader, writer: Writer) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0])
        writer.close()

    async with Server(site) as serving:

        def testnet(url: str) -> str:
            return url.replace("wss://stream.example", f"ws://{serving.at}").replace(
                "https://api.example", f"http://{serving.at}"
            )

        wanted = opening("wss://stream.example/ws"), asking("https://api.example/depth")
        async with driving(remap=testnet, masked=False) as (driver, notes):
            driver.tell(notes.want, *wanted)
            await notes.first("opened")
            await notes.first("replied")
        assert {asked.host for asked in site.asked} == {"127.0.0.1"}
        async with raw(tunnel) as at, driving(remap=testnet, masked=False, proxy=f"http://{at}") as (driver, notes):
            driver.tell(notes.want, *wanted)
            await notes.first("closed")
            await notes.first("failed")
        assert len(site.asked) == 2
        assert any(serving.at in line for line in seen)


async def test_through_a_proxy(authority: Authority) -> None:
    heads: list[str] = []

    async def tunnel(reader: Reader, writer: Writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heads.append(head.split("\r\n")[0])
        _, target, _ = head.split(" ", 2)
        there, back = await asyncio.open_connection(*target.rsplit(":", 1))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source: Reader, sink: Writer) -> None:
            while data := await source.read(1 << 16):
                sink.write(data)
            sink.close()

        try:
            await asyncio.gather(pump(reader, back), pump(there, writer))
        finally:
            back.transport.abort()

    async with Server(Echo(), tls=authority.server()) as serving, raw(tunnel) as at:
        async with driving(proxy=f"http://{at}", tls_ca=authority.path) as (driver, notes):
            notes.then["opened"] = lambda conn: notes.effects.append(Send(conn, b"through"))
            target = f"localhost:{serving.port}"
            driver.tell(notes.want, opening(f"wss://{target}/"), asking(f"https://{target}/"))
            await notes.first("frames")
            await notes.first("replied")
            assert notes.messages == [b"through"]
        assert heads == [f"CONNECT {target} HTTP/1.1"] * 2


async def test_a_proxy_that_refuses() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 canary\r\n\r\n")
        await forever(reader, writer)

    async with raw(talk) as at:
        _, reason = await refusal("wss://host.example/canary", proxy=f"http://user:canary@{at}")
        assert reason.startswith("ConnectFailed: wss://host.example: ")
        assert "canary" not in reason


# ---- secrets

CANARY = "can" + "ary"  # so that no source line in a traceback holds it


async def test_no_secret_in_any_log_or_text(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """Key header, signed query, key in a stream's path, proxy password; the lowest level, with asyncio's debug on."""
    caplog.set_level(1)
    asyncio.get_running_loop().set_debug(True)
    asyncio.get_running_loop().slow_callback_duration = 0.0  # every callback is logged with its arguments
    keys = {"X-Key": CANARY}

    async def garbage(reader: Reader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 No\r\nX-Echo: " + head.split(b"\r\n")[0] + b"\r\nContent-Length: 3\r\n\r\nX")

    async def breaking(reader: Reader, writer: Writer) -> None:
        await upgrade(reader, writer, wire(CANARY.encode(), 5))
        await reader.read()

    async with Server(Echo(), tls=authority.server()) as serving, raw(garbage) as bad, raw(breaking) as worse:
        for options in ({"tls_ca": authority.path}, {}, {"proxy": f"http://user:{CANARY}@{bad}"}):
            for at in (f"s://localhost:{serving.port}", f"://{bad}", f"://{worse}"):
                async with driving(**options) as (driver, notes):
                    driver.tell(
                        notes.want,
                        opening(f"ws{at}/ws/{CANARY}?k={CANARY}", headers=keys),
                        asking(
                            f"http{at}/a?sig={CANARY}", headers=keys, body=CANARY.encode(), method="POST", timeout=0.5
                        ),
                    )
                    await notes.until(lambda: notes.of("opened") or notes.of("closed"))
                    await notes.until(lambda: notes.of("replied") or notes.of("failed"))
                    texts = [str(facts[-1]) for facts in notes.of("closed") + notes.of("failed")]
                    assert CANARY not in "".join(texts)
    assert "asyncio" in {record.name for record in caplog.records}
    assert CANARY not in caplog.text
