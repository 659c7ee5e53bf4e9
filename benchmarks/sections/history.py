"""(h) 30 days of bars of a minute, page after page and some pages at once, over a line that is 50 ms long."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Final

from benchmarks.cold_books import exchange
from benchmarks.record import Bench, Result, Section, Wrong
from tidebook import history
from tidebook.client.bars import bar_pages
from tidebook.client.market import Market, connect
from tidebook.client.subscription import Subscription
from tidebook.model.health import Health

DELAY: Final = 0.05  # seconds, there and back
DAYS: Final = 30
ROUNDS: Final = 3
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

    carried: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_carry(reader, far_writer, DELAY / 2), _carry(far_reader, writer, DELAY / 2))

    def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried.add(asyncio.ensure_future(carry(reader, writer)))

    server = await asyncio.start_server(joined, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)


async def _slowly(market: Market, start: int, end: int) -> float:
    """Seconds, page after page."""
    began = time.perf_counter()
    pages = bar_pages(*await market._one("BTC/USDT", None), "1m", lambda bar: bar.finished)
    _check(len(await pages.rows(start, end, None)))
    return time.perf_counter() - began


async def _quickly(market: Market, start: int, end: int) -> float:
    """Seconds, some at once."""
    began = time.perf_counter()
    async with history.bars(market, "BTC/USDT", start=start, end=end) as pages:
        _check(sum([len(page) async for page in pages]))
    return time.perf_counter() - began


def _check(count: int) -> None:
    if count != DAYS * 1440:
        raise Wrong(f"{count} bars")


async def _most(market: Market, start: int, end: int) -> float:
    """MiB of ours at most while some are asked for at once, and each page is let go."""
    tracemalloc.start()
    try:
        await _quickly(market, start, end)
        return tracemalloc.get_traced_memory()[1] / (1 << 20)
    finally:
        tracemalloc.stop()


async def _measure(bench: Bench) -> tuple[float, float, float]:
    """Seconds page after page and some at once, in the middle of the rounds, and MiB at most."""
    end = time.time_ns() // 60_000_000_000 * 60_000_000_000 - 3_600_000_000_000
    start = end - DAYS * 86_400_000_000_000
    process, near = exchange()
    try:
        async with _line(near) as at, connect("binance.spot", at=at) as market, market.health() as events:
            await _quickly(market, start, end)  # the exchange makes them once
            both = [(await _slowly(market, start, end), await _quickly(market, start, end)) for _ in range(ROUNDS)]
            most = await _most(market, start, end)
            told = {type(event).__name__ async for event in _so_far(events)}
        bench.note(f"told by the market meanwhile: {', '.join(sorted(told)) or 'nothing'}")
    finally:
        process.terminate()
        process.wait()
    return median(slow for slow, _ in both), median(fast for _, fast in both), most


async def _so_far(events: Subscription[Health]) -> AsyncIterator[Health]:
    while len(events._queue):
        yield await events.next()


def run(bench: Bench) -> Iterator[Result]:
    slow, fast, most = asyncio.run(_measure(bench))
    yield Result("history", WORK, "page after page", slow, "s")
    yield Result("history", WORK, "8 at once", fast, "s", {"page after page": fast / slow})
    yield Result("history", f"{WORK}, memory at most", "8 at once", most, "MiB")


SECTION = Section(
    "history",
    "Long ranges",
    "The embedded exchange in a process of its own, behind a line of 50 ms there and back; its bars are made before.",
    run,
    order=70,
    seconds=40,
)
