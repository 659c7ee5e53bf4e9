"""The same books by other libraries: what each takes for one change of a book and a look at it."""

from collections.abc import Iterator

from benchmarks import made
from benchmarks.peers import runs
from benchmarks.peers.contenders import COUNTS, HANDMADE, OURS, PEERS, Contender
from benchmarks.peers.runs import Field, Figures
from benchmarks.record import Bench, Result, Section

CHILD = ("-m", "benchmarks.peers.child")


def books(contender: Contender) -> Figures:
    lines = runs.said(contender, *CHILD, contender.driver, "books")
    return {line["work"]: line["value"] for line in lines if "work" in line}


def run(bench: Bench) -> Iterator[Result]:
    runs.there()
    for weight, count in COUNTS.items():
        made.frames("binance", weight, count)
    field = Field(bench, (*OURS, *PEERS, *HANDMADE))
    for one in list(field.left):
        head = field.tried(one, lambda one: runs.said(one, *CHILD, one.driver, "verify")[0])
        if head is not None and not one.home:
            field.told(head["versions"], head["notes"], one.name, "books:")
    yield from runs.compared("peers", field.rounds(books), PEERS)


SECTION = Section(
    "peers",
    "Other libraries: books",
    "From the bytes of a message to the book and to what is read of it; every contender its own process, the same "
    "messages (1000 light, 300 heavy), every book compared with a plain one first. Libraries unmodified, no socket. "
    "Quick ones do them several times and know them by then: that flatters them, the floor and ours too.",
    run,
    order=80,
    seconds=80,
    usual=False,
)
