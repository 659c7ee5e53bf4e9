"""A burst while nobody reads, over a real socket: all of it comes, in order, or what found no room is counted."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tidebook.compat.binance import AsyncClient, BinanceSocketManager
from tidebook.io.serve import Answer, Asked, Served, Server

MANY = 2_000


class Bursting:
    """It sends each stream its messages all at once, then is silent."""

    async def http(self, request: Asked) -> Answer:
        return Answer(200, json.dumps({"serverTime": time.time_ns() // 1_000_000, "symbols": []}).encode())

    async def websocket(self, request: Asked, socket: Served) -> None:
        for number in range(MANY):
            await socket.send(json.dumps({"e": "trade", "t": number}))
        await socket.receive()


@pytest_asyncio.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncClient]:
    async with Server(Bursting()) as server, asyncio.timeout(30):
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        async with AsyncClient() as made:
            yield made
    assert server.error is None


async def _arrived(arrived: Callable[[], int]) -> None:
    """Until all messages are there, of which nobody has read one."""
    while arrived() < MANY:  # noqa: ASYNC110 - of the receive path
        await asyncio.sleep(0)


async def test_all_of_a_burst_comes_in_order(client: AsyncClient) -> None:
    async with BinanceSocketManager(client).trade_socket("BNBBTC") as stream:
        waiting = stream._waiting
        await _arrived(lambda: len(waiting._items))
        assert [await stream.recv() for _ in range(MANY)] == [{"e": "trade", "t": number} for number in range(MANY)]
        assert not waiting._items


async def test_what_finds_no_room_is_counted_to_the_message(client: AsyncClient) -> None:
    async with BinanceSocketManager(client, max_queue_size=500).trade_socket("BNBBTC") as stream:
        waiting = stream._waiting
        await _arrived(lambda: len(waiting._items) + waiting._lost)
        assert [(await stream.recv())["t"] for _ in range(500)] == [*range(500)]
        told = await stream.recv()
        assert (told["type"], told["lost"]) == ("BinanceWebsocketQueueOverflow", MANY - 500)
