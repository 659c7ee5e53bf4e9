"""(d) What books weigh, and what it takes to have the package at all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import kept, made
from benchmarks.record import Bench, Result, Section, Skipped
from benchmarks.sections.engine import available
from benchmarks.targets import FLOOR

BOOKS: Final = {FLOOR: 500, "native": 500, "python": 40}
"""The twin takes long to fill; its books are large enough to be weighed in a smaller number."""

LEVELS: Final = 2000  # of both sides of one book
STARTS: Final = 7


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.weigh", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=kept.ROOT)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _books(contender: str) -> Iterator[Result]:
    many = BOOKS[contender]
    weighed = _child("books", contender, str(many))
    each = weighed["seeded"] / many

    def one(work: str, value: float, unit: str) -> Result:
        return Result("memory", work, contender, value, unit)

    yield one("a book, 1000 levels a side", each / 1024, "KiB")
    yield one("a level", each / LEVELS, "bytes")
    yield one("a book after 200 light changes", weighed["changed"] / many / 1024, "KiB")
    yield one("filling a book", weighed["seconds"] / many * 1e6, "µs")


def _starts() -> Iterator[Result]:
    rows = [_child("start") for _ in range(STARTS)]

    def one(work: str, values: list[float], unit: str) -> Result:
        low, high = min(values), max(values)
        return Result("memory", work, "native", median(values), unit, low=low, high=high, rounds=len(values))

    yield one("import tidebook", [row["import_ms"] for row in rows], "ms")
    yield one("then tidebook.connect, looked up the first time", [row["connect_ms"] for row in rows], "ms")
    for key, work in (
        ("bare", "resident, before the import"),
        ("imported", "resident, after it"),
        ("connected", "resident, after the look-up of connect"),
    ):
        yield one(work, [row[key] / 2**20 for row in rows], "MiB")


def run(bench: Bench) -> Iterator[Result]:
    if not Path("/proc/self/statm").is_file():
        raise Skipped("what a process has in memory is read from /proc, and there is none")
    of, engines = available(bench)
    made.frames("binance", "light", 200)  # before the children, who would weigh the making of it
    for contender in ([FLOOR] if of is not None else []) + list(engines):
        yield from _books(contender)
    yield from _starts()


SECTION = Section(
    "memory",
    "Memory and start",
    "500 books (40 of the Python engine) of Binance in a fresh process; the package in others, one for each round.",
    run,
    order=40,
    seconds=12,
)
