"""Sends one program to one served exchange, and gathers what both sides tell of it."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.peers.authority import Authority
from tests.peers.between import Between
from tests.peers.child import environment, started
from tests.peers.judge import Judge, unexplained
from tests.peers.keys import pair, told_of
from tests.peers.orders import Orders
from tests.peers.plan import Known, Program

from tidebook.io.tls import named_context
from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server import serve

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).resolve().parent
PEERS: Final = ROOT / ".build" / "peers"
LATEST: Final = 110.0  # seconds that a program may take
SHOWN: Final = 300  # characters of the last line that a program wrote to standard error


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
        found = unexplained([*self.judge.failed, *self.judge.wrong()], known)
        found += unexplained([(name, f"unanswered, {n} times") for name, n in self.unanswered.items()], known)
        if self.status != 0:
            how = f"not done after {LATEST:g} s" if self.status is None else f"exit status {self.status}"
            *_, last = ["", *self.stderr.splitlines()]
            found.append(("the program", f"{how}: {last[-SHOWN:]}"))
        if not self.made:
            found.append(("the program", "asked nothing"))
        if not self.judge.did and not self.judge.failed:
            found.append(("the program", "says of no call that it came back, or failed"))
        for name, least in self.program.least._asdict().items():
            if (made := self.judge.count(name).made) < least:
                found.append(("the program", f"{made} {name} were compared, {least} at the least were to be"))
        return found

    def explained(self) -> list[tuple[Known, int]]:
        """The known faults, and how often each explains something; 0 for one that did not happen."""
        names = [name for name, _ in (*self.judge.failed, *self.judge.wrong())] + [*self.unanswered.elements()]
        return [(fault, sum(map(fault.covers, names))) for fault in self.program.known]


def heard(judge: Judge, line: bytes) -> None:
    """One line of a program; what is none that it was to say is a fault of its own, and no end of the run."""
    try:
        judge.hear(json.loads(line))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        judge.failed.append(
            ("the program", f"says what cannot be judged: {line[:80]!r}: {type(error).__name__} {error}")
        )


@asynccontextmanager
async def between(sim: serve, tls: Mapping[str, ssl.SSLContext] | None) -> AsyncIterator[Between]:
    """What stands before an exchange that has no TLS of its own."""
    async with Between(sim.port, None if tls is None else named_context(tls)) as found:
        yield found


def opened(sim: serve, program: Program, stands: Between) -> tuple[Orders, dict[str, str]]:
    """The account that a program trades with, and what it is told of its key."""
    signs, venue = program.signs, program.arguments[0]
    if signs is None or signs == "hmac":
        return Orders(sim, stands), told_of(SIMULATOR)
    key, public = pair(signs)
    sim.open_account(venue, key, {"USDT": "100000", "BTC": "5"}, public=public)
    return Orders(sim, stands, key), told_of(key)


async def sent(program: Program, authority: Authority, folder: Path, *, seed: int = 1) -> Outcome:
    """Run it. Cancelled, it ends the program and the server."""
    loop = asyncio.get_running_loop()
    contexts = authority.contexts(serve(seed, program.venues).hosts)
    async with AsyncExitStack() as stack:
        plain = program.signs is not None
        sim = await stack.enter_async_context(
            serve(seed, program.venues, date=program.date, tls=None if plain else contexts)
        )
        for fault in program.faults:
            sim.faults(fault)
        judge, began, port, more = Judge(sim, program.known), loop.time(), sim.port, dict[str, str]()
        if plain:
            stands = await stack.enter_async_context(between(sim, contexts))
            judge.orders, more = opened(sim, program, stands)
            port = stands.port
        judge.watch()
        told = {**environment(sim.hosts, port, authority.path, folder), **more}
        python = PEERS / program.peer / "bin" / "python"
        arguments = [str(HERE / "programs" / program.file), *program.arguments]
        async with started(python, arguments, told, talks=plain) as process:
            status, stderr = await _listened(process, judge)
        tally = sim.tally
        return Outcome(
            program, str(sim.date), status, judge, tally.made, tally.unanswered, tally.retired,
            stderr.decode(errors="replace"), loop.time() - began,
        )  # fmt: skip


async def _listened(process: asyncio.subprocess.Process, judge: Judge) -> tuple[int | None, bytes]:
    """All that a program says, each line with an answer where it listens; its status, and what went to stderr."""
    assert process.stdout is not None
    assert process.stderr is not None
    errors, status = asyncio.create_task(process.stderr.read()), None
    try:
        async with asyncio.timeout(LATEST):
            async for line in process.stdout:
                heard(judge, line)
                if process.stdin is not None:
                    process.stdin.write(b"\n")
            status = await process.wait()
    except TimeoutError:
        process.kill()
    return status, await errors
