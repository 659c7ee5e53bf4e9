"""What other libraries weigh: a book, and being imported."""

from collections.abc import Iterator
from typing import Final

from benchmarks import made
from benchmarks.measure import results
from benchmarks.peers import runs
from benchmarks.peers.contenders import COUNTS, HANDMADE, OURS, PEERS, Contender
from benchmarks.peers.runs import Field, Figures
from benchmarks.record import Bench, Result, Section

# In processor time: what the disk takes is its own. Memory is that of the whole process, the interpreter's with it.
IMPORT: Final = """
import json, time
from benchmarks.peers.guard import guard
guard()
began = time.process_time()
{importing}
took = time.process_time() - began
with open("/proc/self/statm") as file:
    pages = int(file.read().split()[1])
print(json.dumps({{"import": took * 1e3, "after import": pages * 4096 / 2**20}}))
"""
UNITS: Final = {"import": "ms", "after import": "MiB"}


def book(contender: Contender) -> Figures:
    lines = runs.said(contender, "-m", "benchmarks.peers.child", contender.driver, "memory")
    return {line["work"]: line["value"] for line in lines if "work" in line}


def importing(contender: Contender) -> Figures:
    return runs.said(contender, "-c", IMPORT.format(importing=contender.importing))[-1]


def run(bench: Bench) -> Iterator[Result]:
    runs.there()
    made.frames("binance", "light", COUNTS["light"])
    everybody = (*OURS, *PEERS, *HANDMADE)
    once = Field(Bench(1, bench.seed, bench.notes), [one for one in everybody if one.driver != "floor_called"])
    yield from runs.compared("peers-memory", once.rounds(book), PEERS, unit="KiB")
    bare = Contender("", "Python alone", "pass", peer=False, home=True)
    rounds = Field(bench, [bare, *(one for one in everybody if one.importing)]).rounds(importing)
    for work, unit in UNITS.items():
        values = [{name: figures[work] for name, figures in one.items()} for one in rounds]
        yield from results("peers-memory", work, values, unit=unit)


SECTION = Section(
    "peers-memory",
    "Other libraries: memory and import",
    "Resident memory of one book among fifty of the same client; processor time of the import that a program with "
    "books begins with, and the process's resident memory after it.",
    run,
    order=82,
    seconds=40,
    usual=False,
)
