"""(i) The longest pause of a stream while history is fetched by plain calls in its own loop."""

import asyncio
import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Final

from benchmarks.record import Bench, Result, Section, Wrong
from tidebook.compat.alpaca.data.historical.crypto import CryptoHistoricalDataClient
from tidebook.compat.alpaca.data.live.crypto import CryptoDataStream
from tidebook.compat.alpaca.data.models import Quote
from tidebook.compat.alpaca.data.requests import CryptoBarsRequest
from tidebook.compat.alpaca.data.timeframe import TimeFrame
from tidebook.io.serve import Answer, Asked, Served, Server

EVERY: Final = 0.002  # seconds between two quotes
TAKES: Final = 0.5  # seconds until an answer about history
MINUTES: Final = 1440
FETCHES: Final = 5
WORK: Final = f"a quote each {EVERY * 1000:g} ms beside {FETCHES} fetches of a day of bars"


class _Site:
    """Quotes at an even pace; a day of bars, slowly."""

    def __init__(self) -> None:
        begin = datetime(2026, 1, 2, tzinfo=UTC)
        rows = ",".join(
            f'{{"t":"{begin + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}","o":6.5,"h":7.5,"l":5.5,"c":6.25,'
            '"v":0.125,"n":3,"vw":6.375}'
            for number in range(MINUTES)
        )
        self.bars = f'{{"bars":{{"BTC/USD":[{rows}]}},"next_page_token":null}}'.encode()

    async def http(self, request: Asked) -> Answer:
        if not request.path.endswith("/bars"):
            return Answer(200, b"[]")
        await asyncio.sleep(TAKES)
        return Answer(200, self.bars)

    async def websocket(self, request: Asked, socket: Served) -> None:
        await socket.send('[{"T":"success","msg":"connected"}]')
        await socket.receive()
        await socket.send('[{"T":"success","msg":"authenticated"}]')
        await socket.receive()
        await socket.send('[{"T":"subscription","quotes":["BTC/USD"]}]')
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not socket.closed:
            stamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
            await socket.send(f'[{{"T":"q","S":"BTC/USD","bp":6.5,"bs":1,"ap":6.75,"as":2,"t":"{stamp}"}}]')
            due += EVERY
            await asyncio.sleep(due - loop.time())


def _served(told: Connection) -> None:
    async def serve() -> None:
        async with Server(_Site()) as server:
            told.send(server.at)
            await asyncio.to_thread(told.recv)

    asyncio.run(serve())


async def _pauses(at: str, fetches: int) -> tuple[float, float, float]:
    """The longest time between two quotes, as their handler and as their server has it, around and in the calls.

    And between two turns of a coroutine of the same loop that has to do with neither.
    """
    stream = CryptoDataStream("key", "secret", url_override=at)
    seen: list[tuple[float, float]] = []
    calls: list[tuple[float, float]] = []
    turns: list[float] = []

    async def other() -> None:
        while True:
            turns.append(time.perf_counter())
            await asyncio.sleep(EVERY)

    async def handler(quote: Quote) -> None:
        seen.append((time.perf_counter(), quote.timestamp.timestamp()))

    async def history() -> None:
        with CryptoHistoricalDataClient(url_override=at) as client:
            while len(seen) < 200:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for number in range(fetches + 1):
                began = time.perf_counter()
                start = datetime.now(UTC) - timedelta(days=1)
                request = CryptoBarsRequest(symbol_or_symbols=["BTC/USD"], timeframe=TimeFrame.Minute, start=start)
                table = client.get_crypto_bars(request).df
                text = str(table)
                if len(table) != MINUTES or "BTC/USD" not in text:
                    raise Wrong(f"{len(table)} bars of {MINUTES}")
                if number:  # the first connects
                    calls.append((began, time.perf_counter()))
                await asyncio.sleep(0.1)
        stream.stop()

    stream.subscribe_quotes(handler, "BTC/USD")
    beside = asyncio.create_task(other())
    await asyncio.gather(history(), stream.run_async())
    beside.cancel()
    if any(one[1] >= other[1] for one, other in pairwise(seen)):
        raise Wrong("quotes out of order")
    during = [
        (after, before) for before, after in pairwise(seen)
        if any(began <= after[0] and before[0] <= ended for began, ended in calls)
    ]  # fmt: skip
    kept, late = (max(after[part] - before[part] for after, before in during) for part in (0, 1))
    return kept, late, max(after - before for before, after in pairwise(turns) if before >= calls[0][0] - EVERY)


def run(bench: Bench) -> Iterator[Result]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_served, args=(theirs,), daemon=True)
    server.start()
    try:
        at = ours.recv()
        found = []
        for _ in range(bench.rounds):
            gc.collect()
            found.append(asyncio.run(_pauses(at, FETCHES)))
    finally:
        ours.send(None)
        server.join(5)
    for part, name in enumerate(("longest pause", "its server's", "another coroutine's")):
        ms = sorted(1000 * one[part] for one in found)
        yield Result(
            "alpaca-pause", WORK, name, ms[len(ms) // 2], "ms", low=ms[0], high=ms[-1], rounds=len(ms), messages=0
        )


SECTION = Section(
    name="alpaca-pause",
    title="A stream beside history",
    about="the longest time between two quotes, as a handler of compat.alpaca sees it, while plain calls in its loop "
    f"wait {TAKES:g} s for a day of bars, make a table and print it; beside it what the server itself was late, and "
    "how long such a call keeps a coroutine of that loop which is neither",
    run=run,
    order=75,
    seconds=20,
)
