"""(b) The receive path: from a loopback socket to the user's function."""

import random
from collections.abc import Iterator
from typing import Final

from benchmarks.loopback import Server
from benchmarks.measure import pinned, results
from benchmarks.prepared import Kind, prepared
from benchmarks.received import CLIENTS, WORKS, Go, Part, received, server_core
from benchmarks.record import Bench, Result, Section
from benchmarks.targets import FLOOR

WARM: Final = 2_000  # messages before those that are measured
COUNTS: Final[dict[Kind, int]] = {"depth": 30_000, "quotes": 40_000, "trades": 40_000}


def run(bench: Bench) -> Iterator[Result]:
    core = server_core()
    if core is None:
        bench.note("path: the server has no core of its own here, so messages/s are those of both on one core")
    order = random.Random(bench.seed)
    for kind, clients in CLIENTS.items():
        count = COUNTS[kind]
        one = prepared(kind, WARM + count)
        rounds: list[dict[str, Part]] = []
        with Server(one, core) as server, pinned():
            for _ in range(max(1, bench.rounds * 3 // 5)):
                drawn = order.sample(clients, len(clients))
                found = {name: received(server, one, name, (Go(0, WARM), Go(0, count)))[1] for name in drawn}
                rounds.append({name: found[name] for name in clients})
        yield from told(kind, rounds, count)


def told(kind: Kind, rounds: list[dict[str, Part]], count: int) -> Iterator[Result]:
    """Processor time per message with ratios; then messages by the clock, which have none."""
    work = WORKS[kind]
    took = [{name: part.cpu_ns / 1000 / part.messages for name, part in one.items()} for one in rounds]
    yield from results("path", work, took, (FLOOR, "picows", "picows + floor"), messages=count)
    rates = [{name: part.messages * 1e6 / part.wall_ns for name, part in one.items()} for one in rounds]
    yield from results("path", f"{work}, a second", rates, unit="thousand", messages=count)


SECTION = Section(
    "path",
    "The receive path",
    "Light changes of a book, quotes and trades as fast as the client reads them, each client in a process of its own, "
    "the server on another core. The floor is C from the socket to the number; bare picows takes the bytes and reads "
    "nothing; ours reads what it is given as exact numbers. Iterated books merge what one turn of the loop brought.",
    run,
    order=20,
    seconds=30,
)
