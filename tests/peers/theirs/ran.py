"""Runs a library's own tests on our names, in a process that reaches nothing but the embedded exchange."""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.peers.child import environment, started
from tests.peers.keys import told_of
from tests.peers.theirs.fetched import PYTHON_BINANCE, NotFetched, fetched, unpacked
from tests.peers.theirs.reasons import reason, reasons

from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server import serve

HERE: Final = Path(__file__).resolve().parent
PEERS: Final = HERE.parents[2] / ".build" / "peers"
SITE: Final = PEERS / "python-binance-tests"
NAME: Final = "python-binance, its own tests"
LATEST: Final = 1200.0  # seconds that all of them may take; six minutes on two busy cores
LEAST: Final = 200  # that pass: fewer, and something has broken, whatever the reasons say
SHOWN: Final = 600  # characters of what pytest wrote
ASIDE: Final = "answers in place of the original's HTTP library (requests_mock, aioresponses): not run"
SKIPPED: Final = "skipped by the tests themselves"

_INI: Final = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
_HOSTS_ALONE: Final = "none.pem"  # nothing speaks TLS here: an authority that is not there vouches for nobody


@dataclass(slots=True)
class Told:
    """What became of a library's own tests. `reasons` counts why those that did not pass did not; `faults` are left."""

    package: str
    passed: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """For the report."""
        others = sum(self.reasons.values())
        text = [
            f"{self.package}'s own tests on tidebook.compat.binance: {self.passed} passed, {self.failed} failed, "
            f"{others - self.failed} not run; {self.seconds:.0f} s"
        ]
        text += [f"  {n:4} {why}" for why, n in self.reasons.most_common()]
        return [*text, *(f"FAULT {self.package}'s own tests: {one}" for one in self.faults)]

    def data(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "package": self.package, "passed": self.passed, "failed": self.failed, "reasons": self.reasons,
            "faults": self.faults, "seconds": round(self.seconds, 1),
        }  # fmt: skip


async def ran() -> Told:
    """Fetch them, run them, and say why the others do not pass. Cancelled, it ends the process and the server."""
    told = Told(PYTHON_BINANCE.package)
    site = next(SITE.glob("lib/python3*/site-packages"), None)
    try:
        if site is None or not (SITE / ".made").exists():
            raise NotFetched("what they import is not installed. `make peers` does that")
        archive = await asyncio.to_thread(fetched, PYTHON_BINANCE, PEERS)
    except NotFetched as error:
        told.faults.append(str(error))
        return told
    with tempfile.TemporaryDirectory(prefix="tidebook-theirs-") as name:
        await _run(told, archive, Path(name), site)
    return told


async def _run(told: Told, archive: Path, folder: Path, site: Path) -> None:
    began = asyncio.get_running_loop().time()
    tests = unpacked(archive, folder, HERE / "child" / "fixtures.py")
    ini, said = folder / "pytest.ini", folder / "told.jsonl"
    ini.write_text(_INI)
    arguments = [
        "-m", "pytest", "-q", "-p", "faces", "-p", "no:cacheprovider", "--continue-on-collection-errors",
        "-c", str(ini), "--rootdir", str(folder), str(tests),
    ]  # fmt: skip
    async with serve(venues=("binance",)) as sim:
        variables = {
            **environment(sim.hosts, sim.port, folder / _HOSTS_ALONE, folder), **told_of(SIMULATOR),
            "TIDEBOOK_AT": sim.at, "TIDEBOOK_THEIRS_NAME": "binance", "TIDEBOOK_THEIRS_FACE": "tidebook.compat.binance",
            "TIDEBOOK_THEIRS_SITE": str(site), "TIDEBOOK_THEIRS_TOLD": str(said),
        }  # fmt: skip
        variables["PYTHONPATH"] += f":{HERE / 'child'}"
        async with started(sys.executable, arguments, variables) as process:
            try:
                async with asyncio.timeout(LATEST):
                    out, _ = await process.communicate()
                if process.returncode not in (0, 1):  # all passed, or some failed
                    told.faults.append(
                        f"pytest ended with {process.returncode}: {out[-SHOWN:].decode('utf-8', 'replace')}"
                    )
            except TimeoutError:
                told.faults.append(f"not done after {LATEST:g} s")
        counted(told, _read(said), sim.tally.unanswered)
    told.seconds = asyncio.get_running_loop().time() - began


def _read(said: Path) -> Iterator[Mapping[str, Any]]:
    if said.exists():
        for line in said.read_text("utf-8").splitlines():
            yield json.loads(line)


def counted(told: Told, lines: Iterator[Mapping[str, Any]], unanswered: Mapping[str, int]) -> None:
    """Count what a run told, and name what nothing explains."""
    collected, seen, used = 0, set[str](), Counter[str]()
    for one in lines:
        if "collected" in one:
            collected = one["collected"]
            continue
        if one["outcome"] != "aside" and one["when"] != "collect":
            seen.add(one["test"])
        if one["outcome"] == "passed":
            told.passed += 1
        elif one["outcome"] in ("aside", "skipped"):
            told.reasons[ASIDE if one["outcome"] == "aside" else SKIPPED] += 1
        else:
            told.failed += 1
            why = reason(one, unanswered)
            if why is None:
                told.faults.append(f"{one['test']}, {one['when']}: {one['why']}")
            told.reasons[why or "a difference that nobody has explained"] += 1
            used[why or ""] += 1
    if len(seen) != collected:
        told.faults.append(f"{collected} were collected, and {len(seen)} have told what became of them")
    if told.passed < LEAST:
        told.faults.append(f"{told.passed} passed, {LEAST} at the least were to")
    told.faults += [f"explains nothing any more: {why}" for why in {one.why for one in reasons()} - used.keys()]
