"""Sends one program to one served exchange, and gathers what both sides tell of it."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.peers.authority import Authority
from tests.peers.child import environment, started
from tests.peers.judge import Judge, unexplained
from tests.peers.plan import Known, Program

from tidebook.sim.server import serve

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).resolve().parent
PEERS: Final = ROOT / ".build" / "peers"
LATEST: Final = 58.0  # seconds that a program may take
SHOWN: Final = 600  # characters of what a program wrote to standard error


@dataclass(slots=True)
class Outcome:
    """What became of one program. `status` None: it was not done in time."""

    program: Program
    date: str
    status: int | None
    judge: Judge
    made: Counter[str]
    unanswered: Counter[str]
    retired: Counter[str]
    stderr: str
    seconds: float

    def faults(self) -> list[tuple[str, str]]:
        """What no known fault of the peer explains."""
        known = self.program.known
        found = unexplained([*self.judge.failed, *self.judge.differs], known)
        found += unexplained([(name, f"unanswered, {n} times") for name, n in self.unanswered.items()], known)
        if self.status != 0:
            how = f"not done after {LATEST:g} s" if self.status is None else f"exit status {self.status}"
            found.append(("the program", f"{how}: {self.stderr[-SHOWN:]}"))
        if not self.made:
            found.append(("the program", "asked nothing"))
        if not self.judge.did and not self.judge.failed:
            found.append(("the program", "says of no call that it came back, or failed"))
        for name, least in self.program.least._asdict().items():
            if (made := getattr(self.judge, name).made) < least:
                found.append(("the program", f"{made} {name} were compared, {least} at the least were to be"))
        return found

    def explained(self) -> list[tuple[Known, int]]:
        """The known faults, and how often each explains something; 0 for one that did not happen."""
        names = [name for name, _ in (*self.judge.failed, *self.judge.differs)] + [*self.unanswered.elements()]
        return [(fault, sum(map(fault.covers, names))) for fault in self.program.known]


def heard(judge: Judge, line: bytes) -> None:
    """One line of a program; what is none that it was to say is a fault of its own, and no end of the run."""
    try:
        judge.hear(json.loads(line))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        judge.failed.append(
            ("the program", f"says what cannot be judged: {line[:80]!r}: {type(error).__name__} {error}")
        )


async def sent(program: Program, authority: Authority, folder: Path, *, seed: int = 1) -> Outcome:
    """Run it. Cancelled, it ends the program and the server."""
    loop = asyncio.get_running_loop()
    hosts = serve(seed, program.venues).hosts
    async with serve(seed, program.venues, date=program.date, tls=authority.contexts(hosts)) as sim:
        for fault in program.faults:
            sim.faults(fault)
        told = environment(sim.hosts, sim.port, authority.path, folder)
        python = PEERS / program.peer / "bin" / "python"
        arguments = [str(HERE / "programs" / program.file), *program.arguments]
        judge, began = Judge(sim, program.known), loop.time()
        judge.watch()
        status: int | None = None
        stderr = b""
        async with started(python, arguments, told) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            errors = asyncio.create_task(process.stderr.read())
            try:
                async with asyncio.timeout(LATEST):
                    async for line in process.stdout:
                        heard(judge, line)
                    status = await process.wait()
            except TimeoutError:
                process.kill()
            stderr = await errors
        tally = sim.tally
        return Outcome(
            program, str(sim.date), status, judge, tally.made, tally.unanswered, tally.retired,
            stderr.decode(errors="replace"), loop.time() - began,
        )  # fmt: skip
