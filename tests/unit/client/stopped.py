"""A program that waits at one moment to be stopped: `python stopped.py ADDRESS MOMENT`, run by test_run.py.

It prints a line when the moment has come. How it ends is what is looked at.
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable

import tidebook
from tidebook.client.market import Market, connect

AT, MOMENT = sys.argv[1:]
MOMENTS: dict[str, Callable[[], Awaitable[object]]] = {}


def moment(function: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    MOMENTS[function.__name__] = function
    return function


def now() -> None:
    print("now", flush=True)


async def for_ever() -> None:
    await asyncio.Event().wait()


def market() -> Market:
    return connect("binance.spot", at=AT)


async def when(true: Callable[[], object]) -> None:
    """Say when it has come to something that happens inside of an await."""
    while not true():  # noqa: ASYNC110 - what it waits for is seen from outside
        await asyncio.sleep(0)
    now()


@moment
async def before_anything() -> None:
    now()
    await for_ever()


@moment
async def connecting() -> None:
    """The test says when: its server has taken the connection, and is silent."""
    async with market():
        raise AssertionError("nobody has answered")


@moment
async def retrying() -> None:
    one = market()
    told = asyncio.ensure_future(when(lambda: any("retrying" in group[0].state for group in one._open_venues.values())))
    async with one:
        await told


@moment
async def opening_a_book() -> None:
    """The test's server gives no snapshot."""
    async with market() as one:
        told = asyncio.ensure_future(when(lambda: one.stats.topics))
        async with one.book("BTC/USDT"):
            await told


@moment
async def opening_consolidated() -> None:
    async with market() as one:
        told = asyncio.ensure_future(when(lambda: one.stats.topics))
        async with one.consolidated("BTC/USDT"):
            await told


@moment
async def iterating_a_book() -> None:
    async with market() as one, one.book("BTC/USDT") as book:
        async for _ in book:
            now()


@moment
async def iterating_trades() -> None:
    async with market() as one, one.trades("BTC/USDT") as trades:
        async for _ in trades:
            now()


@moment
async def in_batches() -> None:
    async with market() as one, one.quotes("BTC/USDT") as quotes:
        async for _ in quotes.batches():
            now()


@moment
async def iterating_consolidated() -> None:
    async with market() as one, one.consolidated("BTC/USDT") as both:
        async for _ in both:
            now()


@moment
async def iterating_health() -> None:
    async with market() as one, one.health() as health, one.book("BTC/USDT"):
        async for _ in health:
            now()


@moment
async def waiting_for_the_next() -> None:
    async with market() as one, one.book("BTC/USDT") as book:
        while True:
            await book.next(5)
            now()


@moment
async def called() -> None:
    async with market() as one, one.quotes("BTC/USDT") as quotes:
        quotes.on(lambda _: now())
        await for_ever()


@moment
async def asking() -> None:
    async with market() as one:
        while True:
            await one.fetch_bars("BTC/USDT")
            now()


@moment
async def closing_a_book() -> None:
    async with market() as one:
        book = await one.book("BTC/USDT")
        now()
        await book.close()
        await for_ever()


@moment
async def closing_the_market() -> None:
    one = await market()
    await one.book("BTC/USDT")
    now()
    await one.close()
    await for_ever()


@moment
async def opening_and_closing() -> None:
    while True:
        async with market() as one, one.book("BTC/USDT"):
            now()


@moment
async def after_closing() -> None:
    async with market() as one, one.book("BTC/USDT"):
        pass
    now()
    await for_ever()


@moment
async def several_tasks() -> None:
    async def read(one: Market, symbol: str) -> None:
        async with one.trades(symbol) as trades:
            async for _ in trades:
                now()

    async with market() as one, asyncio.TaskGroup() as group:
        for symbol in ("BTC/USDT", "ETH/USDT"):
            group.create_task(read(one, symbol))


@moment
async def a_task_that_is_left_behind() -> None:
    async def read() -> None:
        async with market() as one, one.trades("BTC/USDT") as trades:
            async for _ in trades:
                now()

    left = asyncio.ensure_future(read())
    await for_ever()
    await left


@moment
async def caught() -> None:
    """The program thinks that it can go on."""
    async with market() as one, one.book("BTC/USDT") as book:
        now()
        try:
            await for_ever()
        except asyncio.CancelledError:
            await book.next()


@moment
async def nothing_is_closed() -> None:
    one = await market()
    await one.book("BTC/USDT")
    await one.trades("BTC/USDT")
    now()
    await for_ever()


# ---- what is not over within two seconds by itself


@moment
async def blocked() -> None:
    now()
    time.sleep(600)  # noqa: ASYNC251 - that is the point


@moment
async def stubborn() -> None:
    now()
    while True:
        try:
            await for_ever()
        except asyncio.CancelledError:
            now()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts this may have it ignored
    logging.getLogger("tidebook").setLevel(logging.ERROR)  # that a venue does not answer is said, and is no matter here
    tidebook.run(MOMENTS[MOMENT]())  # type: ignore[arg-type]
