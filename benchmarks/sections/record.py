"""(i) What recording costs: the receive path with and without a file that takes all of it."""

import random
from collections.abc import Iterator
from typing import Final

from benchmarks.loopback import Server
from benchmarks.measure import pinned, results
from benchmarks.prepared import Kind, prepared
from benchmarks.received import WORKS, Go, received, server_core
from benchmarks.record import Bench, Result, Section

WARM: Final = 2_000  # messages before those that are measured
COUNT: Final = 20_000
KINDS: Final[tuple[Kind, ...]] = ("depth", "trades")
CLIENTS: Final = ("tidebook on", "tidebook recorded")


def run(bench: Bench) -> Iterator[Result]:
    core = server_core()
    order = random.Random(bench.seed)
    for kind in KINDS:
        one = prepared(kind, WARM + COUNT)
        rounds: list[dict[str, float]] = []
        with Server(one, core) as server, pinned():
            for _ in range(max(1, bench.rounds * 3 // 5)):
                drawn = order.sample(CLIENTS, len(CLIENTS))
                found = {name: received(server, one, name, (Go(0, WARM), Go(0, COUNT)))[1] for name in drawn}
                rounds.append({name: found[name].cpu_ns / 1000 / found[name].messages for name in CLIENTS})
        yield from results("record", f"{WORKS[kind]}, recorded", rounds, ("tidebook on",), messages=COUNT)


SECTION = Section(
    "record",
    "Recording",
    "The receive path as above, and the same while a recorder takes everything: processor time of the client, with "
    "the recorder's thread in it, which makes lines, packs and writes them.",
    run,
    order=75,
    seconds=20,
)
