"""Weighed in a process of its own, which prints JSON: `python -m benchmarks.weigh books native 500`, `… start`.

Memory is what the system counts as resident; it is looked at before and after, so a process weighs one thing only.
"""

import gc
import json
import os
import sys
import time
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
        feeds = [one.feed for one in kept]
    else:
        engine = shapes.engine("native" if contender == "native" else "python")
        gc.collect()
        before = resident()
        began = time.process_time()
        kept = [shapes.fed(engine, "binance", whole) for _ in range(many)]
        feeds = [lambda frame, take=feed.feed: take(frame, shapes.AT_NS) for feed, _ in kept]
    took = time.process_time() - began
    gc.collect()
    seeded = resident()
    for feed in feeds:
        for frame in frames:
            feed(frame)
    gc.collect()
    return {"seeded": seeded - before, "changed": resident() - before, "seconds": took}


if __name__ == "__main__":
    print(json.dumps(start() if sys.argv[1] == "start" else books(sys.argv[2], int(sys.argv[3]))))
