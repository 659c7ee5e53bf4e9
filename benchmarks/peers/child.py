"""One contender does one section, in a process of its own, and says a line of JSON for each figure:

    python -m benchmarks.peers.child DRIVER SECTION FOLDER [WORK...]

FOLDER has the traffic, as benchmarks/peers/traffic.py wrote it. A line is {"work", "us" or "value", "count"}, or
{"failed"}: the contender is wrong or broken. The first line says versions and what was adjusted.
"""

import asyncio
import gc
import inspect
import json
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.guard import guard
from benchmarks.peers.model import Model, differs, raw
from benchmarks.peers.traffic import read

LEAST = 0.15  # seconds of work for one figure; the same messages again where they are done sooner
READS = ("best", "top20")
CHECKED = 40  # messages after which a contender is compared, and every so many
BOOKS = 50
PAGE = 4096


def say(**told: Any) -> None:
    print(json.dumps(told), flush=True)


async def books(driver: Any, folder: Path, works: list[str]) -> None:
    """Figures named as `light best`: microseconds of processor time for feeding one message and reading once."""
    for weight in ("light", "heavy"):
        whole, frames = read(folder / f"{weight}.frames")
        shown = [raw(frame) for frame in frames] if driver.FORM == "raw" else frames
        given: list[Any] = [frame.decode() for frame in shown] if driver.TEXT else list(shown)
        if wrong := await verified(driver, whole, frames, given):
            say(failed=f"{weight}: {wrong}")
            continue
        for name in READS:
            if works and f"{weight} {name}" not in works:
                continue
            spent, count = 0.0, 0
            while spent < LEAST:
                book = await driver.Book.opened(whole)
                spent += await timed(book, given, name)
                await book.close()
                count += len(given)
            say(work=f"{weight} {name}", us=spent / count * 1e6, count=count)


async def verified(driver: Any, whole: bytes, frames: list[bytes], given: list[Any]) -> str | None:
    book, model = await driver.Book.opened(whole), Model(whole)
    for at, (frame, one) in enumerate(zip(frames, given, strict=True)):
        done = book.feed(one)
        if inspect.isawaitable(done):
            await done
        model.feed(frame)
        if at % CHECKED == 0 or at == len(frames) - 1:
            if wrong := differs(model, book.best(), book.top(20)):
                return f"after {at + 1} messages {wrong}"
    await book.close()
    return None


async def timed(book: Any, frames: list[Any], name: str) -> float:
    feed, best, top = book.feed, book.best, book.top
    gc.collect()
    began = time.process_time()
    if inspect.iscoroutinefunction(feed):
        if name == "best":
            for frame in frames:
                await feed(frame)
                best()
        else:
            for frame in frames:
                await feed(frame)
                top(20)
    elif name == "best":
        for frame in frames:
            feed(frame)
            best()
    else:
        for frame in frames:
            feed(frame)
            top(20)
    return time.process_time() - began


async def memory(driver: Any, folder: Path, works: list[str]) -> None:
    """KiB of resident memory a book of 1000 levels a side, of many."""
    whole, _ = read(folder / "light.frames")
    first = await driver.Book.opened(whole)
    gc.collect()
    before = resident()
    kept = [await driver.Book.opened(whole, f"C{n}USDT", first) for n in range(BOOKS)]
    gc.collect()
    say(work="memory", value=(resident() - before) / BOOKS / 1024, count=len(kept))
    await first.close()


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


SECTIONS = {"books": books, "memory": memory}


def main() -> None:
    name, section, folder, *works = sys.argv[1:]
    guard()
    before, began = resident(), time.process_time()
    driver: Any = import_module(f"benchmarks.peers.drivers.{name}")
    took, grown = time.process_time() - began, resident() - before
    versions = {package: version(package) for package in driver.PACKAGES}
    say(versions=versions, notes=driver.NOTES, import_ms=took * 1e3, import_mib=grown / 2**20)
    if section != "import":
        asyncio.run(SECTIONS[section](driver, Path(folder), works))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
