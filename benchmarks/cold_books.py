"""How long until many books are live, from cold: `python benchmarks/cold_books.py [--books 200] [--limit 500]`.

The embedded exchange runs in a process of its own. Beside Tidebook's time stands that of a bare client, which asks for
the same whole books over HTTP, sixteen at a time, and keeps none: what the exchange and the machine take.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

import aiohttp

import tidebook

PART = 3.0  # seconds after which it is counted how many are live


async def bare(at: str, ids: list[str], limit: int) -> float:
    """Seconds for the whole books alone."""
    gate = asyncio.Semaphore(16)
    began = time.perf_counter()

    async def one(session: aiohttp.ClientSession, id: str) -> None:
        url = f"http://{at}/api/v3/depth?symbol={id}&limit={limit}"
        async with gate, session.get(url, headers={"Host": "api.binance.com"}) as reply:
            await reply.read()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(one(session, id) for id in ids))
    return time.perf_counter() - began


async def tidebooks(at: str, symbols: list[str], limit: int) -> tuple[float, int, dict[str, int]]:
    """Seconds until all are live, how many were after `PART` seconds, and what went wrong, counted by kind."""
    async with tidebook.connect("binance.spot", at=at) as market, market.health() as events:
        books = market.books(*symbols, limit=limit, timeout=150.0)
        began = time.perf_counter()
        opening = asyncio.ensure_future(books._enter())
        await asyncio.wait([opening], timeout=PART)
        early = sum(book.state is tidebook.State.LIVE for book in books.values())
        await opening
        await books.live(150.0)
        took = time.perf_counter() - began
        told: dict[str, int] = {}
        while len(events._queue):
            kind = type(await events.next()).__name__
            told[kind] = told.get(kind, 0) + 1
        await books.close()
        return took, early, told


def exchange() -> tuple["subprocess.Popen[str]", str]:
    command = [sys.executable, "-u", "-m", "tidebook", "sim", "--port", "0", "--venue", "binance.spot"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TIDEBOOK_AT": ""})
    assert process.stdout is not None
    found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
    assert found is not None, "the exchange did not begin"
    return process, found[0]


@dataclass(frozen=True, slots=True)
class Cold:
    """`early` books were live after `PART` seconds; `told` counts what went wrong; `bare` is the bare client's time."""

    books: int
    seconds: float
    early: int
    told: dict[str, int]
    bare: float


async def _with_exchange(books: int, limit: int, alone: bool) -> tuple[int, float, int, dict[str, int]]:
    process, at = exchange()
    try:
        async with tidebook.connect("binance.spot", at=at) as market:
            rows = [one for one in await market.fetch_instruments("*/USDT") if one.active][:books]
        if alone:
            return len(rows), await bare(at, [one.id for one in rows], limit), 0, {}
        return len(rows), *await tidebooks(at, [one.symbol for one in rows], limit)
    finally:
        process.terminate()
        process.wait()


def measured(books: int, limit: int) -> Cold:
    """Both, one after the other, each with an exchange of its own."""
    many, took, early, told = asyncio.run(_with_exchange(books, limit, alone=False))
    _, alone, _, _ = asyncio.run(_with_exchange(books, limit, alone=True))
    return Cold(many, took, early, told, alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--books", type=int, default=200)
    parser.add_argument("--limit", type=int, default=500)
    arguments = parser.parse_args()
    cold = measured(arguments.books, arguments.limit)
    shown = ", ".join(f"{count} {kind}" for kind, count in cold.told.items())
    print(
        f"{cold.books} books at limit {arguments.limit}: live in {cold.seconds:.2f} s, {cold.early} within {PART:g} s"
        f" ({shown})"
    )
    print(f"the same whole books by a bare client: {cold.bare:.2f} s")


if __name__ == "__main__":
    main()
