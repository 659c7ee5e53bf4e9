"""How everything is timed: in rounds, in a new order each, with ratios inside of a round.

The machine is never quiet. What disturbs a round disturbs all of its contenders, so ratios inside it hold where times
do not; the median of the rounds leaves a bad round out. Counted is the processor time of this process, not the clock's.
"""

import gc
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks.record import Result

Work = Callable[[], int]
"""What is timed; it returns how many messages it did."""


@dataclass(frozen=True, slots=True)
class Contender:
    """`prepare` builds all that the work needs, untimed and anew for each round."""

    name: str
    prepare: Callable[[], Work]


@contextmanager
def pinned(cpu: int = -1) -> Iterator[None]:
    """This process on one processor (the last by default), where there are several. For its children too."""
    if not hasattr(os, "sched_setaffinity") or len(had := os.sched_getaffinity(0)) < 2:
        yield
        return
    os.sched_setaffinity(0, {sorted(had)[cpu]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, had)


def timed(work: Work) -> float:
    """Microseconds of processor time per message, the collector waiting."""
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        began = time.process_time_ns()
        count = work()
        took = time.process_time_ns() - began
    finally:
        if was:
            gc.enable()
    return took / 1000 / count


def in_rounds(contenders: Sequence[Contender], rounds: int, seed: int = 1) -> list[dict[str, float]]:
    """One dict a round: contender → µs per message. The order is drawn anew for each round."""
    order = random.Random(seed)
    out: list[dict[str, float]] = []
    gc.collect()
    gc.freeze()  # what is there already is not looked through again before each of them
    try:
        for _ in range(rounds):
            drawn = order.sample(contenders, len(contenders))
            took = {one.name: timed(one.prepare()) for one in drawn}
            out.append({one.name: took[one.name] for one in contenders})
    finally:
        gc.unfreeze()
    return out


def results(
    section: str, work: str, rounds: Sequence[Mapping[str, float]], against: Iterable[str] = (), *,
    unit: str = "µs", messages: int = 0,
) -> list[Result]:  # fmt: skip
    """One result a contender. `against` are those to whom ratios are formed; among themselves, to those before them."""
    references = [name for name in against if name in rounds[0]]
    out: list[Result] = []
    for name in rounds[0]:
        values = [one[name] for one in rounds]
        before = references[: references.index(name)] if name in references else references
        ratios = {to: median(one[name] / one[to] for one in rounds) for to in before}
        low, high = min(values), max(values)
        out.append(Result(section, work, name, median(values), unit, ratios, low, high, len(rounds), messages))
    return out
