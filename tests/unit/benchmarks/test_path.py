"""The server and the clients of the path's benchmarks hold each other to a few thousand messages. Nothing is timed."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from benchmarks import prepared as making
from benchmarks.compiled import program
from benchmarks.loopback import Server, go
from benchmarks.prepared import Kind, Prepared, prepared
from benchmarks.received import CLIENTS, Go, received
from benchmarks.record import Skipped, Wrong

COUNT = 3000
SOON = 20.0  # seconds
GOES = (Go(0, 2000), Go(20_000, 990), Go(0, 10))


@pytest.fixture(scope="module", autouse=True)
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    try:
        program("server")
    except Skipped as reason:
        pytest.skip(str(reason))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "KEPT", tmp_path_factory.mktemp("traffic"))
        yield


@pytest.mark.parametrize(("kind", "client"), [(kind, client) for kind, names in CLIENTS.items() for client in names])
def test_a_client_ends_with_what_the_model_says(kind: Kind, client: str) -> None:
    one = prepared(kind, COUNT)
    with Server(one) as server:
        parts = received(server, one, client, GOES)
        assert [(part.rate, part.messages) for part in parts] == [(go.rate, go.count) for go in GOES]
        assert server.stats()["frames"] == COUNT
        assert server.stats()["unanswered"] == 0


@pytest.mark.parametrize("client", ["floor", "picows + floor", "tidebook on"])
def test_a_book_that_is_not_right_is_seen(client: str, tmp_path: Path) -> None:
    one = prepared("depth", COUNT)
    states = bytearray(one.states.read_bytes())
    states[-1] ^= 1  # the last ask's size
    other = tmp_path / "states"
    other.write_bytes(states)
    with Server(one) as server, pytest.raises(Wrong, match="right is"):
        received(server, replace(one, states=other), client, [Go(0, COUNT)])


def test_a_message_too_few_is_seen(tmp_path: Path) -> None:
    one = prepared("depth", COUNT)
    frames, at = one.frames.read_bytes(), 0
    for _ in range(100):
        at += 4 + int.from_bytes(frames[at : at + 4], "little")
    other = tmp_path / "frames"
    other.write_bytes(frames[:at] + frames[at + 4 + int.from_bytes(frames[at : at + 4], "little") :])
    with Server(replace(one, frames=other)) as server, pytest.raises(Wrong, match="gaps"):
        received(server, one, "floor", [Go(0, COUNT - 1)])


# ---- the server, as a client sees it that shares no code with it


@pytest.fixture
def quotes() -> Iterator[tuple[Server, Prepared]]:
    one = prepared("quotes", COUNT)
    with Server(one) as server:
        yield server, one


async def messages(socket: "aiohttp.ClientWebSocketResponse", count: int) -> list[Any]:
    async with asyncio.timeout(SOON):
        return [json.loads(await socket.receive_str()) for _ in range(count)]


def sent(one: Prepared, count: int) -> list[Any]:
    data = one.frames.read_bytes()
    found: list[Any] = []
    while len(found) < count:
        size = int.from_bytes(data[:4], "little")
        found.append(json.loads(data[4 : 4 + size]))
        data = data[4 + size :]
    return found


async def test_wrapped_under_stream_and_bare_under_ws(quotes: tuple[Server, Prepared]) -> None:
    server, one = quotes
    wrapped = sent(one, 50)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"ws://{server.at}/stream?streams={one.stream}/nobody@trade") as named,
        http.ws_connect(f"ws://{server.at}/ws/{one.stream}") as bare,
        http.ws_connect(f"ws://{server.at}/ws") as asked,
    ):
        await asked.send_json({"method": "SUBSCRIBE", "params": [one.stream], "id": "a1"})
        assert await messages(asked, 1) == [{"result": None, "id": "a1"}]
        go(server.port, 0, 50)
        assert await messages(named, 50) == wrapped
        assert await messages(bare, 50) == await messages(asked, 50) == [each["data"] for each in wrapped]


async def test_goes_on_where_it_stopped_and_ends_when_it_is_left(quotes: tuple[Server, Prepared]) -> None:
    server, one = quotes
    stream = f"ws://{server.at}/stream?streams={one.stream}"
    async with aiohttp.ClientSession() as http, http.ws_connect(stream, autoping=False) as socket:
        go(server.port, 0, 10)
        go(server.port, 0, 20)
        assert await messages(socket, 30) == sent(one, 30)
        await socket.send_json({"method": "UNSUBSCRIBE", "params": [one.stream], "id": 7})
        assert await messages(socket, 1) == [{"result": None, "id": 7}]
        go(server.port, 0, 10)
        await socket.ping(b"still there")
        pong = await socket.receive(SOON)  # and nothing before it
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"still there")


async def test_a_name_with_its_speed_comes_back_as_it_was_asked_for() -> None:
    one = prepared("depth", COUNT)
    with Server(one) as server:
        stream = f"ws://{server.at}/stream?streams=btcusdt%40depth"
        async with aiohttp.ClientSession() as http, http.ws_connect(stream) as socket:
            first, *_ = sent(one, 1)
            assert await messages(socket, 1) == [{**first, "stream": "btcusdt@depth"}]  # before anybody says go
            async with http.get(f"http://{server.at}/api/v3/depth?symbol=BTCUSDT&limit=1000") as reply:
                assert await reply.read() == one.whole.read_bytes()
            async with http.get(f"http://{server.at}/api/v3/nothing") as reply:
                assert reply.status == 404
            assert server.stats()["unanswered"] == 1


async def test_at_a_rate_messages_bear_the_time_for_which_they_were_meant() -> None:
    one = prepared("trades", COUNT)
    with Server(one) as server:
        stream = f"ws://{server.at}/ws/{one.stream}"
        async with aiohttp.ClientSession() as http, http.ws_connect(stream) as socket:
            start_ns = go(server.port, 4000, 200)
            found = await messages(socket, 200)
            due = [(start_ns + number * 250_000 - server.epoch_ns) // 1000 + server.base for number in range(200)]
            assert [each["E"] for each in found] == [each["T"] for each in found] == due
            others = [{**each, "E": 0, "T": 0} for each in found]
            assert others == [{**each["data"], "E": 0, "T": 0} for each in sent(one, 200)]
