"""One contender and its books, in a process of its own:

    python -m benchmarks.peers.child DRIVER verify | books | memory

It says a line of JSON for each figure, {"work", "value", "messages"}; the first line says versions and what was
adjusted. A contender that is broken ends with a traceback, one whose book is wrong says {"wrong"}.
"""

import asyncio
import gc
import inspect
import json
import sys
import time
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks import made, model
from benchmarks.peers.contenders import COUNTS, READS
from benchmarks.peers.guard import guard

LEAST: Final = 0.1  # seconds of work for one figure; the same messages again where they are done sooner
BOOKS: Final = 50
PAGE: Final = 4096
SPOT: Final = b"BTCUSDT"


def say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def raw(frame: bytes) -> bytes:
    """The data alone of a frame of the combined form, as a stream of one's own has it."""
    return frame[frame.index(b',"data":') + len(b',"data":') : -1]


def given(driver: Any, frames: Iterable[bytes]) -> list[Any]:
    """The frames as this library's socket gives them."""
    shown = [raw(frame) for frame in frames] if driver.FORM == "raw" else list(frames)
    return [frame.decode() for frame in shown] if driver.TEXT else shown


async def verify(driver: Any) -> None:
    """Says `wrong` where the best, or the best 20 of both sides, differ as floats from the slow model's somewhere."""
    for weight, count in COUNTS.items():
        whole, frames = made.frames("binance", weight, count)
        expected = {point.after: point for point in model.points("binance", whole, frames)}
        book = await driver.Book.opened(whole)
        for after, frame in enumerate(given(driver, frames), 1):
            done = book.feed(frame)
            if inspect.isawaitable(done):
                await done
            if (point := expected.get(after)) is None:
                continue
            bids, asks = (floats(rows) for rows in book.top(model.LEVELS))
            if (bids, asks) != (point.bids, point.asks):
                say(wrong=f"after {after} {weight} messages the best {model.LEVELS} levels are wrong")
                return
            if tuple(number(one) for one in book.best()) != (*point.bids[0], *point.asks[0]):
                say(wrong=f"after {after} {weight} messages the best levels are wrong")
                return
        await book.close()


def floats(rows: Iterable[Any]) -> list[tuple[float, float]]:
    return [(number(price), number(size)) for price, size in rows]


def number(value: Any) -> float:
    # Some libraries' numbers have no exact __float__, but say what they are in text.
    return value if isinstance(value, float) else float(str(value))


async def books(driver: Any) -> None:
    """Microseconds of processor time for feeding one message and reading once."""
    for weight, count in COUNTS.items():
        whole, frames = made.frames("binance", weight, count)
        handed = given(driver, frames)
        for words, read in READS.items():
            spent, done = 0.0, 0
            while spent < LEAST:
                book = await driver.Book.opened(whole)
                gc.collect()
                gc.disable()
                began = time.process_time()
                await (book.run(handed, read) if hasattr(book, "run") else run(book, handed, read))
                spent += time.process_time() - began
                gc.enable()
                done += len(handed)
                await book.close()
            say(work=f"binance {weight}, {words}", value=spent / done * 1e6, messages=done)


async def run(book: Any, frames: list[Any], read: int) -> None:
    feed, look = book.feed, book.best if read == 1 else partial(book.top, read)
    if inspect.iscoroutinefunction(feed):
        for frame in frames:
            await feed(frame)
            look()
    else:
        for frame in frames:
            feed(frame)
            look()


async def memory(driver: Any) -> None:
    """KiB of resident memory a book of 1000 levels a side, of many; each has had one message."""
    whole, (frame, *_) = made.frames("binance", "light", COUNTS["light"])
    first = await driver.Book.opened(whole)
    await fed(driver, first, frame)
    gc.collect()
    before, kept = resident(), list[Any]()
    for n in range(BOOKS):
        symbol = f"C{n}USDT"
        kept.append(await driver.Book.opened(whole, symbol, first))
        await fed(driver, kept[-1], frame.replace(SPOT, symbol.encode()).replace(SPOT.lower(), symbol.lower().encode()))
    gc.collect()
    say(work="a book, 1000 levels a side", value=(resident() - before) / BOOKS / 1024, messages=BOOKS)
    await first.close()


async def fed(driver: Any, book: Any, frame: bytes) -> None:
    (one,) = given(driver, [frame])
    done = book.feed(one)
    if inspect.isawaitable(done):
        await done


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def main() -> None:
    name, section = sys.argv[1:]
    guard()
    driver: Any = import_module(f"benchmarks.peers.drivers.{name}")
    say(versions={package: version(package) for package in driver.PACKAGES}, notes=driver.NOTES)
    asyncio.run({"verify": verify, "books": books, "memory": memory}[section](driver))


if __name__ == "__main__":
    main()
