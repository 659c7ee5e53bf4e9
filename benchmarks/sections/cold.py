"""(f) How long until many books are live, from cold: see `benchmarks/cold_books.py`."""

from collections.abc import Iterator
from typing import Final

from benchmarks import cold_books
from benchmarks.record import Bench, Result, Section

BOOKS: Final = 200
LIMIT: Final = 500


def run(bench: Bench) -> Iterator[Result]:
    cold = cold_books.measured(BOOKS, LIMIT)
    work = f"{cold.books} books of {LIMIT} levels a side"
    for contender, took in (("bare client", cold.bare), ("tidebook", cold.seconds)):
        ratios = {"bare client": took / cold.bare} if contender == "tidebook" else {}
        yield Result("cold", work, contender, took, "s", ratios)
        yield Result("cold", "books a second", contender, cold.books / took, "")
    if cold.told:
        bench.note("told on the way: " + ", ".join(f"{count} {kind}" for kind, count in cold.told.items()))


SECTION = Section(
    "cold",
    "From cold",
    "Until all books are live, embedded exchange in another process; the bare client fetches the same snapshots alone."
    " On the clock.",
    run,
    order=60,
    seconds=15,
)
