"""One process keeps the books of every venue that the simulator speaks for, while connections are cut and worse.

At the end the exchange's agents rest, and each book is compared with the exchange's.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.peers.child import started
from tests.soak.judge import Verdict, judge

from tidebook.sim.server import Fault, serve
from tidebook.venues import named

PROGRAM: Final = Path(__file__).with_name("program.py")
ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 180.0  # seconds that the program may take to open, and to settle
BREATHS: Final = 20  # times in a run that its memory is asked for


@dataclass(slots=True)
class Soaked:
    """What came of a run. `memory` has the program's resident bytes, from when all books were open to the end."""

    verdict: Verdict
    books: dict[str, int]
    failed: dict[str, dict[str, str]]
    changes: dict[str, int]
    health: dict[str, int]
    faults: Counter[str] = field(default_factory=Counter[str])
    memory: list[int] = field(default_factory=list[int])

    @property
    def grown(self) -> float:
        """By how much the memory grew from the second quarter of the run to the last, as a part of it."""
        quarter = max(1, len(self.memory) // 4)
        early, late = (
            sorted(part)[len(part) // 2] for part in (self.memory[quarter : 2 * quarter], self.memory[-quarter:])
        )
        return late / early - 1


def fault(random: Random, venues: list[str]) -> Fault:
    """Something that goes wrong at one venue: a cut connection four times of ten.

    A venue that gives its book no proof loses no message here: nobody could notice, and its book does not claim to.
    """
    venue = random.choice(venues)
    kinds = ("cut", "cut", "cut", "outage", "late", "old", "status", "drop", "duplicate", "silence")
    proven = named(venue).books[0].rule.proves
    what = random.choice(kinds if proven else kinds[:7])
    return {
        "cut": Fault("cut", venue),
        "outage": Fault("cut", venue, seconds=random.uniform(0.5, 3)),
        "drop": Fault("drop", venue, count=random.randint(1, 5)),
        "duplicate": Fault("duplicate", venue, count=random.randint(1, 5)),
        "silence": Fault("silence", venue, seconds=random.uniform(0.5, 3)),
        "late": Fault("late_snapshot", venue, count=3, seconds=random.uniform(0.5, 3)),
        "old": Fault("old_snapshot", venue, count=3, seconds=random.uniform(0.5, 5)),
        "status": Fault("status", venue, count=2, status=random.choice((429, 500, 503)), retry_after=2),
    }[what]


class Talk:
    """Lines to the program, and its answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self._process = process

    def say(self, line: str) -> None:
        self._to.write(f"{line}\n".encode())

    async def hear(self, kind: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Its next line. Raises RuntimeError where it ends, or says something else."""
        async with asyncio.timeout(timeout):
            line = await self._from.readline()
        told: dict[str, Any] = json.loads(line) if line else {"kind": "nothing"}
        if told["kind"] != kind:
            raise RuntimeError(f"the program said {told['kind']} where {kind} was awaited")
        return told


async def soak(
    venues: Iterable[str], symbols: int, seconds: float, *, seed: int = 1, apart: float = 2.0,
    show: Callable[[str], object] = lambda line: None,
) -> Soaked:  # fmt: skip
    """Keep `symbols` books a venue for `seconds`, with a fault about every `apart` seconds. Cancelled, all is ended."""
    names, random, loop = [*venues], Random(seed), asyncio.get_running_loop()
    async with serve(seed, names) as sim:
        arguments = ["-W", "error", str(PROGRAM), sim.at, ",".join(names), str(symbols)]
        async with started(sys.executable, arguments, {"PYTHONPATH": str(ROOT)}, talks=True) as process:
            talk = Talk(process)
            try:
                books: dict[str, int] = (await talk.hear("ready"))["books"]
                show(f"{sum(books.values())} books of {len(books)} venues are readable")
                memory, faults = [], Counter[str]()
                began = loop.time()
                fault_at, breath_at = began, began
                while (now := loop.time()) < began + seconds:
                    if now >= fault_at:
                        one = fault(random, names)
                        sim.faults(one)
                        faults[one.kind] += 1
                        fault_at = now + random.uniform(0.5, 1.5) * apart
                    if now >= breath_at:
                        talk.say("memory")
                        told = await talk.hear("memory")
                        memory.append(told["bytes"])
                        show(f"{now - began:5.0f} s: {told['bytes'] / 2**20:.1f} MiB, {told['changes']} changes")
                        breath_at = now + seconds / BREATHS
                    await asyncio.sleep(0.05)
                sim.faults.resume()
                await asyncio.sleep(5)
                sim.rest()
                talk.say("end")
                told = await talk.hear("end")
            except (RuntimeError, TimeoutError) as error:
                process.kill()
                assert process.stderr is not None
                raise RuntimeError(f"{error}\n{(await process.stderr.read()).decode(errors='replace')}") from error
            verdict = judge(sim, told["books"])
        return Soaked(verdict, books, told["failed"], told["changes"], told["health"], faults, memory)
