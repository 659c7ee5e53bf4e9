"""What programs for python-binance feel: reading the best rows of a depth cache, and closing a quiet stream."""

import asyncio
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Final

from benchmarks import traffic
from benchmarks.loopback import SAMPLES
from benchmarks.measure import pinned
from benchmarks.record import Bench, Result, Section, Wrong
from tidebook.compat.binance import AsyncClient, BinanceSocketManager, DepthCacheManager
from tidebook.compat.binance.depthcache import DepthCache
from tidebook.io.serve import Answer, Asked, Served, Server

DEPTHS: Final = (1000, 5000)
LEVELS: Final = 5
READS: Final = 2000
CLOSES: Final = 5  # of each round


class _Site:
    """One book, whole and after one change; a stream of trades on which none come."""

    def __init__(self, depth: int) -> None:
        self.whole, (self.change, *_) = traffic.binance(traffic.Market(depth=depth), "light", 1)
        self.rules = (SAMPLES / "exchangeInfo.json").read_bytes()
        self.gone = asyncio.Event()

    async def http(self, request: Asked) -> Answer:
        if request.path.endswith("/exchangeInfo"):
            return Answer(200, self.rules)
        if request.path.endswith("/depth"):
            return Answer(200, self.whole)
        return Answer(200, json.dumps({"serverTime": time.time_ns() // 1_000_000}).encode())

    async def websocket(self, request: Asked, socket: Served) -> None:
        await socket.accept()
        while (said := await socket.receive()) is not None:
            asked = json.loads(said)
            await socket.send(json.dumps({"result": None, "id": asked["id"]}))
            stream = asked["params"][0]
            if asked["method"] == "SUBSCRIBE" and "@depth" in stream:
                await socket.send(self.change.replace(b"btcusdt@depth@100ms", stream.encode()).decode())
        self.gone.set()


@asynccontextmanager
async def _client(site: _Site) -> AsyncIterator[AsyncClient]:
    before = os.environ.get("TIDEBOOK_AT")
    async with Server(site) as server:
        os.environ["TIDEBOOK_AT"] = server.at
        try:
            async with await AsyncClient.create() as client:
                yield client
        finally:
            os.environ.pop("TIDEBOOK_AT")
            if before is not None:
                os.environ["TIDEBOOK_AT"] = before


def _read(cache: DepthCache) -> float:
    """µs of one reading of one side."""
    began = time.perf_counter()
    for _ in range(READS):
        cache.get_bids()[:LEVELS]
    return (time.perf_counter() - began) / READS * 1e6


async def _reads(depth: int, rounds: int) -> list[float]:
    async with (
        _client(_Site(depth)) as client,
        DepthCacheManager(client, "BTCUSDT", limit=depth, ws_interval=100) as caches,
    ):
        cache = await caches.recv()
        rows = cache.get_bids()
        if len(rows) < depth - 10 or rows[:LEVELS] != list(rows)[:LEVELS]:
            raise Wrong(f"{len(rows)} bids of {depth}")
        gc.collect()
        with pinned():
            return [_read(cache) for _ in range(rounds)]


async def _closes(rounds: int) -> list[float]:
    """Seconds until the block of an open stream is left, on which nothing comes, and its server has seen it go."""
    found: list[float] = []
    site = _Site(DEPTHS[0])
    async with _client(site) as client:
        market = await client.market("spot")
        for _ in range(rounds * CLOSES):
            site.gone.clear()
            async with BinanceSocketManager(client).trade_socket("BTCUSDT"):
                if market.stats.sockets != 1:
                    raise Wrong(f"{market.stats.sockets} sockets are open")
                began = time.perf_counter()
            await asyncio.wait_for(site.gone.wait(), 30)
            found.append(time.perf_counter() - began)
    return found


def _result(work: str, values: list[float], unit: str) -> Result:
    return Result(
        "compat", work, "tidebook", median(values), unit, low=min(values), high=max(values), rounds=len(values)
    )


def run(bench: Bench) -> Iterator[Result]:
    for depth in DEPTHS:
        values = asyncio.run(_reads(depth, bench.rounds))
        yield _result(f"get_bids()[:{LEVELS}], {depth} levels a side", values, "µs")
    yield _result("closing a quiet stream", asyncio.run(_closes(bench.rounds)), "s")


SECTION = Section(
    "compat",
    "By other libraries' names",
    f"compat.binance on a loopback server: the best {LEVELS} bids of a depth cache as floats, read again and again; "
    "and leaving a stream's block while nothing comes, until its server has seen it go.",
    run,
    order=76,
    seconds=5,
)
