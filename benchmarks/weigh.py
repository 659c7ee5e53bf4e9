"""Weighed in a process of its own, which prints JSON: `python -m benchmarks.weigh books native 500`, `… start`.

Memory is what the system counts as resident; it is looked at before and after, so a process weighs one thing only.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def start() -> dict[str, Any]:
    """What `import tidebook` and the look-up of `connect` take. Nothing else may be imported before."""
    bare = resident()
    began = time.process_time()
    import tidebook

    imported = time.process_time()
    after_import = resident()
    looked = time.process_time()
    assert callable(tidebook.connect)
    done = time.process_time()
    return {
        "import_ms": (imported - began) * 1000,
        "connect_ms": (done - looked) * 1000,
        "bare": bare,
        "imported": after_import,
        "connected": resident(),
    }


def renamed(frames: Sequence[bytes], topic: bytes) -> Iterator[bytes]:
    """The same frames, of another symbol's stream."""
    return (frame.replace(b"btcusdt@", topic) for frame in frames)


def books(contender: str, many: int) -> dict[str, Any]:
    """`many` books of 1000 levels a side: bytes when they are whole, and after 200 light changes each."""
    from benchmarks import floor, made, shapes

    whole, frames = made.frames("binance", "light", 200)
    kept: list[Any] = []
    if contender == "floor":
        of = floor.load()
        gc.collect()
        before = resident()
        began = time.process_time()
        for _ in range(many):
            one = of.Book("binance")
            one.seed(whole)
            kept.append(one)
        feeds: list[tuple[Callable[[bytes], object], Iterable[bytes]]] = [(one.feed, frames) for one in kept]
    else:
        engine = shapes.engine("native" if contender == "native" else "python")
        gc.collect()
        before = resident()
        began = time.process_time()
        # On one connection, as books of one venue are.
        feed = engine.Feed()
        for at in range(many):
            book = shapes.new_book(engine, "binance")
            feed.want(b"%07d@depth@100ms" % at, book)
            book.seed(whole, shapes.AT_NS, shapes.AT_NS)
            kept.append(book)
        feeds = [(lambda frame: feed.feed(frame, shapes.AT_NS), renamed(frames, b"%07d@" % at)) for at in range(many)]
    took = time.process_time() - began
    gc.collect()
    seeded = resident()
    for take, its_frames in feeds:
        for frame in its_frames:
            take(frame)
    gc.collect()
    return {"seeded": seeded - before, "changed": resident() - before, "seconds": took}


if __name__ == "__main__":
    print(json.dumps(start() if sys.argv[1] == "start" else books(sys.argv[2], int(sys.argv[3]))))
