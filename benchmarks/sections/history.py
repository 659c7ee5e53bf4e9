"""(h) 30 days of bars of a minute, page after page and some pages at once, over a line that is 50 ms long."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.record import Bench, Result, Section, Wrong
from tidebook import history
from tidebook.client.bars import bar_pages
from tidebook.client.market import Market, connect
from tidebook.sim.server import serve

DELAY: Final = 0.05  # seconds, there and back
DAYS: Final = 30
WORK: Final = f"{DAYS} days of 1-minute bars"
_CHUNK: Final = 1 << 16


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """What comes leaves so much later, without holding up what follows."""
    loop = asyncio.get_running_loop()
    while data := await reader.read(_CHUNK):
        loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


@asynccontextmanager
async def _line(at: str) -> AsyncIterator[str]:
    """The address of a line of that length to another."""
    host, _, port = at.rpartition(":")

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_carry(reader, far_writer, DELAY / 2), _carry(far_reader, writer, DELAY / 2))

    server = await asyncio.start_server(joined, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _measure(bench: Bench) -> tuple[float, float, float]:
    """Seconds page after page and some at once, MiB at most of ours while some are."""
    end = time.time_ns() // 60_000_000_000 * 60_000_000_000 - 3_600_000_000_000
    start = end - DAYS * 86_400_000_000_000
    async with serve(1, ["binance"]) as sim, _line(sim.at) as at, connect("binance.spot", at=at) as market:
        async with history.bars(market, "BTC/USDT", start=start, end=end) as warm:  # the exchange makes them once
            count = sum([len(page) async for page in warm])
        began = time.perf_counter()
        pages = bar_pages(*await market._one("BTC/USDT", None), "1m", lambda bar: bar.finished)
        slow = await pages.rows(start, end, None)
        middle = time.perf_counter()
        fast, first = 0, 0
        async with history.bars(market, "BTC/USDT", start=start, end=end) as some:
            async for page in some:
                fast += len(page)
                first = first or page[0].start_ns
        ended = time.perf_counter()
        if not count == len(slow) == fast == DAYS * 1440 or first != slow[0].start_ns:
            raise Wrong(f"{count}, {len(slow)} and {fast} bars")
        del slow
        most = await _most(market, start, end)
        closed = [name for name, gate in sim._simulator.gates.items() if gate.closed_until]
        bench.note(f"limits that the exchange closed because of too much: {', '.join(closed) or 'none'}")
    return middle - began, ended - middle, most


async def _most(market: Market, start: int, end: int) -> float:
    tracemalloc.start()
    try:
        async with history.bars(market, "BTC/USDT", start=start, end=end) as pages:
            async for _ in pages:
                pass
        return tracemalloc.get_traced_memory()[1] / (1 << 20)
    finally:
        tracemalloc.stop()


def run(bench: Bench) -> Iterator[Result]:
    slow, fast, most = asyncio.run(_measure(bench))
    yield Result("history", WORK, "page after page", slow, "s")
    yield Result("history", WORK, "8 at once", fast, "s", {"page after page": fast / slow})
    yield Result("history", f"{WORK}, memory at most, the exchange's too", "8 at once", most, "MiB")


SECTION = Section(
    "history",
    "Long ranges",
    "The embedded exchange behind a line of 50 ms there and back, in the same process; its bars are made beforehand.",
    run,
    order=70,
    seconds=30,
)
