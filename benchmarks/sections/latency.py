"""(c) Latency: from the time for which the server meant a message until the user's function has looked at it."""

import random
from collections.abc import Callable, Iterator
from typing import Final

from benchmarks.loopback import Server
from benchmarks.measure import pinned, results
from benchmarks.prepared import Kind, prepared
from benchmarks.received import Go, Part, received, server_core
from benchmarks.record import Bench, Result, Section, Skipped
from benchmarks.targets import FLOOR

CLIENTS: Final = (FLOOR, "picows", "tidebook on")
WORKS: Final[dict[Kind, str]] = {"depth": "", "quotes": "quotes "}
WARM: Final = Go(0, 2_000)
MIDDLE: Final = Go(10_000, 5_000)
OTHERS: Final = (Go(1_000, 600), Go(50_000, 15_000))
DISTURBED: Final = 500_000
"""Nanoseconds that C alone needs 1 % of the time only when the machine is taken away from it."""
ENOUGH: Final = 3
"""So many quiet rounds are enough to leave the others out: a disturbed one makes everybody equally late."""
OTHER_ROUNDS: Final = 2
"""The rate that has a figure to reach is measured in every round, the others in so many."""


Round = dict[str, dict[int, Part]]
"""client → rate → what it gave."""


def run(bench: Bench) -> Iterator[Result]:
    core = server_core()
    if core is None:
        raise Skipped("latency needs two cores: the server has to be on time")
    order = random.Random(bench.seed)
    for kind, words in WORKS.items():
        rounds = in_rounds(kind, core, bench.rounds, order)
        rounds, valid = undisturbed(bench, f"latency of {'quotes' if words else 'a book'}", rounds)
        for go in sorted((MIDDLE, *OTHERS), key=lambda go: go.rate):
            had = [one for one in rounds if go.rate in one[FLOOR]]
            if not had:
                continue
            yield from told(words, go, [{name: parts[go.rate] for name, parts in one.items()} for one in had], valid)


def undisturbed(bench: Bench, what: str, rounds: list[Round]) -> tuple[list[Round], bool]:
    """The rounds in which C was not late, and True, where they are enough; else all, and False."""
    quiet = [one for one in rounds if one[FLOOR][MIDDLE.rate].p99_ns <= DISTURBED]
    late, enough = len(rounds) - len(quiet), len(quiet) >= min(ENOUGH, len(rounds))
    if late:
        fate = "left out" if enough else "shown, and no ratio is formed of them"
        bench.note(f"{what}: in {late} of {len(rounds)} rounds C itself was late, the machine did other things; {fate}")
    return (quiet if enough else rounds), enough


def in_rounds(kind: Kind, core: int, count: int, order: random.Random) -> list[Round]:
    one = prepared(kind, sum(go.count for go in (WARM, MIDDLE, *OTHERS)))
    rounds: list[Round] = []
    with Server(one, core) as server, pinned():
        for number in range(count):
            goes = (WARM, MIDDLE, *(OTHERS if number < OTHER_ROUNDS else ()))
            found: Round = {}
            for name in order.sample(CLIENTS, len(CLIENTS)):
                found[name] = {part.rate: part for part in received(server, one, name, goes)}
            rounds.append({name: found[name] for name in CLIENTS})
    return rounds


def told(words: str, go: Go, rounds: list[dict[str, Part]], valid: bool) -> Iterator[Result]:
    work = f"{words}{go.rate // 1000}k/s"
    read: dict[str, Callable[[Part], float]] = {
        "p50": lambda part: part.p50_ns / 1000,
        "p99": lambda part: part.p99_ns / 1000,
        "CPU": lambda part: part.cpu_ns / 1000 / part.messages,
    }
    against = (FLOOR, "picows") if valid else ()
    for name, value in read.items():
        values = [{client: value(part) for client, part in one.items()} for one in rounds]
        yield from results("latency", f"{work}, {name}", values, against, messages=go.count)


SECTION = Section(
    "latency",
    "Latency",
    "Messages sent at an even rate, each with the time for which it was meant; what is waited for the server counts "
    "too. The user's function reads best bid and ask, or a quote. At low rates the wake-up of process and loop is most "
    "of it, for everybody.",
    run,
    order=30,
    seconds=38,
)
