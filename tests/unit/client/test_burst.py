"""Twenty thousand messages at once, and a reader who is asleep: all arrive, or the exact count of what was lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import pytest

from tidebook.client.market import Market, connect
from tidebook.client.subscription import Slow
from tidebook.core.options import Options
from tidebook.errors import Overrun
from tidebook.io.serve import Answer, Asked, Served, Server
from tidebook.model import health
from tidebook.sim.server.site import Simulator

BURST = 20_000
SAMPLE = json.loads((files("tidebook.venues.binance") / "samples" / "trade.json").read_text("utf-8"))


class Bursting:
    """A venue whose calls are the simulator's, and whose only stream says all at once."""

    def __init__(self) -> None:
        self._simulator = Simulator(1, ["binance"])

    async def http(self, request: Asked) -> Answer:
        return await self._simulator.http(request)

    async def websocket(self, request: Asked, socket: Served) -> None:
        message = await socket.receive()
        assert message is not None
        asked = json.loads(message)
        await socket.send(json.dumps({"result": None, "id": asked["id"]}))
        await socket.send_many(self._trade(number) for number in range(BURST))
        while await socket.receive() is not None:
            pass

    def _trade(self, number: int) -> str:
        data = {**SAMPLE, "s": "BTCUSDT", "t": number}
        return json.dumps({"stream": "btcusdt@trade", "data": data}, separators=(",", ":"))


@asynccontextmanager
async def bursting(options: Options) -> AsyncIterator[Market]:
    async with Server(Bursting()) as server, connect("binance.spot", at=server.at, options=options) as market:
        yield market


async def asleep(market: Market, slow: Slow) -> tuple[Any, list[int]]:
    """A subscription that nobody has read while all of it came; what a second one has seen."""
    seen: list[int] = []
    counter = market.trades("BTC/USDT")
    counter.on(lambda trade: seen.append(int(trade.id)))
    sleeper = market.trades("BTC/USDT", slow=slow)
    await asyncio.gather(counter._enter(), sleeper._enter())
    async with asyncio.timeout(60):
        while len(seen) < BURST:  # noqa: ASYNC110 - a reader that is asleep looks at nothing
            await asyncio.sleep(0.05)
    return sleeper, seen


async def test_all_of_it_is_there() -> None:
    async with bursting(Options()) as market:
        sleeper, seen = await asleep(market, "error")
        assert seen == [*range(BURST)]
        got = [int((await sleeper.next()).id) for _ in range(BURST)]
        assert got == seen
        assert sleeper.lost == 0


@pytest.mark.parametrize("slow", ["error", "drop"])
async def test_or_the_exact_count_is_told(slow: Slow) -> None:
    async with bursting(Options(queue_items=5_000)) as market, market.health() as events:
        sleeper, _ = await asleep(market, slow)
        got: list[int] = []
        told = 0
        while len(got) + told < BURST:
            try:
                got += [int(trade.id) for trade in await sleeper._queue.some()]
                told += sleeper.lost if slow == "drop" else 0
            except Overrun as error:
                told += error.lost
        assert got == [*range(BURST)][:5_000] if slow == "error" else got == [*range(BURST)][-5_000:]
        assert sleeper.lost == told == BURST - 5_000
        named = 0
        async for event in events:
            named += event.lost if isinstance(event, health.Overrun) else 0
            if named == sleeper.lost:
                break
