"""A program that forks with a market open: `python forked.py ADDRESS ENGINE HOW`, run by test_fork.py.

It prints what the child said, as JSON, and then what the parent could still do.
"""

import asyncio
import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, cast

from tidebook.client.book import Book
from tidebook.client.market import Market, connect
from tidebook.client.subscription import Subscription
from tidebook.engine import Choice
from tidebook.io.clock import mono_ns
from tidebook.model.facts import Quote

Attempt = Callable[[], object]
PROPERTIES = [
    "state", "best_bid", "best_ask", "mid", "spread", "microprice", "known", "proof", "last", "seq", "venue_ns",
    "received_ns", "age", "proof_age",
]  # fmt: skip


def awaited(make: Callable[[], Awaitable[Any]]) -> Attempt:
    async def run() -> Any:
        return await make()

    return lambda: asyncio.run(run())


def attempts(market: Market, book: Book, quotes: Subscription[Quote]) -> dict[str, Attempt]:
    """All that the child tries, by name."""
    tries: dict[str, Attempt] = {name: partial(getattr, book, name) for name in PROPERTIES}
    tries |= {
        "top": book.top,
        "freeze": book.freeze,
        "imbalance": book.imbalance,
        "cost": lambda: book.cost("buy", 1),
        "bids[0]": lambda: book.bids[0],
        "len(asks)": lambda: len(book.asks),
        "book.next": awaited(book.next),
        "async for book": awaited(lambda: anext(aiter(book))),
        "book again": awaited(book.__aenter__),
        "quotes.next": awaited(quotes.next),
        "async for quotes": awaited(lambda: anext(aiter(quotes))),
        "batches": awaited(lambda: anext(aiter(quotes.batches()))),
        "anext": awaited(quotes.__anext__),
        "stats": lambda: market.stats,
        "market[...]": lambda: market["binance"],
        "fetch": awaited(market.fetch_time),
        "trades": awaited(lambda: market.trades("BTC/USDT").__aenter__()),
        "book": awaited(lambda: market.book("ETH/USDT").__aenter__()),
        "health": awaited(lambda: market.health().__aenter__()),
    }
    closing: dict[str, Attempt] = {
        "repr": lambda: [repr(one) for one in (market, book, quotes)],
        "close_soon": lambda: [one.close_soon() for one in (book, quotes, market)],
        "close": awaited(lambda: asyncio.gather(book.close(), quotes.close(), market.close(), market.close())),
    }
    return tries | closing


def tried(tries: dict[str, Attempt]) -> dict[str, list[object]]:
    """By name: what came of it, and the milliseconds that it took."""
    told: dict[str, list[object]] = {}
    for name, attempt in tries.items():
        began = mono_ns()
        try:
            result = attempt()
            what = result if name == "repr" else "fine"
        except Exception as error:
            what = type(error).__name__
        told[name] = [what, (mono_ns() - began) / 1e6]
    return told


def torn(market: Market) -> str:
    """End all tasks that the child finds, as Python does when it ends a loop."""
    assert market._loop is not None
    ended = 0
    for task in asyncio.all_tasks(market._loop):
        with suppress(ValueError, asyncio.CancelledError):  # one is running: it is this one
            cast(Coroutine[Any, Any, Any], task.get_coro()).throw(asyncio.CancelledError())
        ended += 1
    return f"ended {ended > 3}"


async def forked(child: Callable[[int], None]) -> object:
    """What a child wrote to the pipe that it was given. The parent's loop goes on meanwhile."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reads)
            child(writes)
        finally:
            os._exit(0)
    told = await collected(reads, writes)
    os.waitpid(pid, 0)  # noqa: ASYNC222 - it has closed its end of the pipe as its last act
    return told


async def spawned(child: Callable[[int], None]) -> object:
    """The same by multiprocessing."""
    reads, writes = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=child, args=(writes,))
    process.start()
    told = await collected(reads, writes)
    process.join()
    assert process.exitcode == 0
    return told


async def collected(reads: int, writes: int) -> object:
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        return json.loads(await asyncio.to_thread(pipe.read))


async def main(at: str, engine: Choice, how: str) -> None:
    async with (
        connect("binance.spot", at=at, engine=engine) as market,
        market.health() as health,
        market.book("BTC/USDT") as book,
        market.quotes("BTC/USDT") as quotes,
    ):

        def child(writes: int) -> None:
            if how == "torn":
                os.write(writes, json.dumps(torn(market)).encode())
                return
            told = tried(attempts(market, book, quotes))
            # One that connects anew here is as good as any.
            told["anew"] = ["fine" if asyncio.run(anew(at, engine)) else "none", 0]
            os.write(writes, json.dumps(told).encode())

        told = await (spawned(child) if how == "multiprocessing" else forked(child))
        print(json.dumps(told), flush=True)
        for _ in range(3):
            await book.next()
            await quotes.next()
        async with asyncio.timeout(30):
            await until_readable(book)
        await market.fetch_time()
        while health._queue._items:
            print(type(await health.next()).__name__)
        print("went on", book.state, market.stats.sockets > 0)
    print("closed", book.state)


async def until_readable(book: Book) -> None:
    while not book.state.readable:
        await book.next()


async def anew(at: str, engine: Choice) -> bool:
    async with connect("binance.spot", at=at, engine=engine) as market, market.book("BTC/USDT") as book:
        return book.best_bid is not None


if __name__ == "__main__":
    logging.getLogger("tidebook").setLevel(logging.ERROR)  # that a loop was late is said, and is no matter here
    asyncio.run(main(sys.argv[1], cast(Choice, sys.argv[2]), sys.argv[3]))
