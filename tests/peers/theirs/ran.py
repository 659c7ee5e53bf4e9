"""Runs a library's own tests on our names, in a process that reaches nothing but the embedded exchange."""

import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.peers.child import environment, started
from tests.peers.keys import told_of
from tests.peers.theirs.fetched import NotFetched, NotPinned, fetched, unpacked
from tests.peers.theirs.library import Library
from tests.peers.theirs.reasons import reason

from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server import serve

CHILD: Final = Path(__file__).resolve().parent / "child"
PEERS: Final = Path(__file__).resolve().parents[3] / ".build" / "peers"
LATEST: Final = 1200.0  # seconds that all of them may take
AGAIN: Final = 40  # unexplained failures that are asked once more: with more of them it is no matter of a busy machine
SHOWN: Final = 600  # characters of what pytest wrote
ASIDE: Final = "answers in place of the original's HTTP library (requests_mock, aioresponses)"
SKIPPED: Final = "skipped by the tests themselves"
UNKNOWN: Final = "for a reason that nobody gave"
NOWHERE: Final = "127.0.0.1:9"  # where nobody is: who sends there what it should not is told

_INI: Final = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = module
asyncio_default_test_loop_scope = module
"""
_HOSTS_ALONE: Final = "none.pem"  # nothing speaks TLS here: an authority that is not there vouches for nobody

Line = Mapping[str, Any]  # what the child told, see `child/faces.py`


@dataclass(slots=True)
class Told:
    """What became of a library's own tests. `failed` and `left`, those that were not run, are counted by their reasons.

    `missing` says why they could not be had. `late` passed when asked once more, alone. `faults` are not explained.
    """

    library: Library
    passed: int = 0
    late: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    missing: str = ""
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """For the report, without its faults."""
        name = f"{self.library.name} {self.library.version}, its own tests on {self.library.face}"
        if self.missing:
            return [f"{name}: not fetched: {self.missing}"]
        passed = f"{self.passed} passed" + (f", {self.late} of them when asked again" if self.late else "")
        text = [f"{name}: {passed}; {self.failed.total()} failed; {self.left.total()} not run; {self.seconds:.0f} s"]
        for word, found in (("failed", self.failed), ("not run", self.left)):
            text += [f"  {n:4} {word}: {why}" for why, n in found.most_common()]
        return text

    def data(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "library": self.library.name, "version": self.library.version, "missing": self.missing,
            "passed": self.passed, "passed again": self.late, "failed": self.failed, "not run": self.left,
            "faults": self.faults, "seconds": round(self.seconds, 1),
        }  # fmt: skip


async def ran(library: Library, folder: Path = PEERS) -> Told:
    """Fetch them, run them, and say why the others do not pass. Cancelled, it ends the process and the server.

    `folder` has the environments of `make peers`, and what was fetched.
    """
    told, loop = Told(library), asyncio.get_running_loop()
    site = next((folder / library.environment).glob("lib/python3*/site-packages"), None)
    try:
        if site is None or not (folder / library.environment / ".made").exists():
            raise NotFetched("what they import is not installed; `make peers` does that")
        archive = await asyncio.to_thread(fetched, library, folder)
    except NotFetched as error:
        told.missing = str(error)
        return told
    except NotPinned as error:
        told.faults.append(str(error))
        return told
    began = loop.time()
    with tempfile.TemporaryDirectory(prefix="tidebook-theirs-") as name:
        tests = unpacked(archive, Path(name), library.fixtures)
        try:
            async with asyncio.timeout(LATEST):
                await _run(told, tests, site)
        except TimeoutError:
            told.faults.append(f"not done after {LATEST:g} s")
    told.seconds = loop.time() - began
    return told


async def _run(told: Told, tests: Path, site: Path) -> None:
    async with _world(told.library, tests.parent, site) as (variables, unanswered):
        lines = await _pytest(told, [str(tests)], variables, tests.parent)
        again = unexplained(told.library, lines, unanswered)
        if 0 < len(again) <= AGAIN:
            names = [str(tests.parent / name) for name in again]
            lines = replaced(lines, await _pytest(told, names, variables, tests.parent), again)
        counted(told, lines, unanswered)


@asynccontextmanager
async def _world(library: Library, folder: Path, site: Path) -> AsyncIterator[tuple[dict[str, str], Mapping[str, int]]]:
    """What the tests' process is told, and the questions that nobody has answered. Without venues it sees no port."""
    more = {
        "TIDEBOOK_THEIRS_NAME": library.imports, "TIDEBOOK_THEIRS_FACE": library.face,
        "TIDEBOOK_THEIRS_SITE": str(site),
    }  # fmt: skip
    if not library.venues:
        yield {**environment((), 0, folder / _HOSTS_ALONE, folder), **more, "TIDEBOOK_AT": NOWHERE}, {}
        return
    async with serve(venues=library.venues) as sim:
        told = environment(sim.hosts, sim.port, folder / _HOSTS_ALONE, folder)
        yield {**told, **told_of(SIMULATOR), **more, "TIDEBOOK_AT": sim.at}, sim.tally.unanswered


async def _pytest(told: Told, names: list[str], variables: Mapping[str, str], folder: Path) -> list[Line]:
    """Run those tests. What pytest itself has to complain of is a fault."""
    ini, said = folder / "pytest.ini", folder / "told.jsonl"
    ini.write_text(_INI)
    said.write_text("")
    arguments = [
        "-m", "pytest", "-q", "-p", "pytest_asyncio.plugin", "-p", "faces", "-p", "no:cacheprovider",
        "--continue-on-collection-errors",
        "-c", str(ini), "--rootdir", str(folder), *names,
    ]  # fmt: skip
    path = f"{variables['PYTHONPATH']}:{CHILD}"
    whole = {
        **variables, "PYTHONPATH": path, "TIDEBOOK_THEIRS_TOLD": str(said), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }  # fmt: skip
    async with started(sys.executable, arguments, whole) as process:
        out, _ = await process.communicate()
        if process.returncode not in (0, 1):  # all passed, or some failed
            told.faults.append(f"pytest ended with {process.returncode}: {out[-SHOWN:].decode('utf-8', 'replace')}")
    return [json.loads(line) for line in said.read_text("utf-8").splitlines()]


# ---- what became of them


def _broken(line: Line) -> bool:
    return line.get("outcome") == "failed" and line["when"] != "collect"


def unexplained(library: Library, lines: Iterable[Line], unanswered: Iterable[str]) -> list[str]:
    """The tests that failed, and nobody knows why."""
    found = [one["test"] for one in lines if _broken(one) and reason(one, library.reasons, unanswered) is None]
    return [*dict.fromkeys(found)]


def replaced(lines: Iterable[Line], later: Iterable[Line], names: Iterable[str]) -> list[Line]:
    """What was told, of those tests when they were asked again."""
    those = {*names}
    news = [{**one, "again": True} for one in later if one.get("test") in those]
    told = {one["test"] for one in news}
    return [*(one for one in lines if one.get("test") not in told), *news]


def counted(told: Told, lines: Iterable[Line], unanswered: Iterable[str]) -> None:
    """Count what a run told, and name what nothing explains."""
    collected, seen, known = 0, set[str](), told.library.reasons
    for one in lines:
        if "collected" in one:
            collected = one["collected"]
            continue
        if one["outcome"] != "aside" and one["when"] != "collect":
            seen.add(one["test"])
        if one["outcome"] == "passed":
            told.passed += 1
            told.late += one.get("again", False)
        elif one["outcome"] in ("aside", "skipped"):
            told.left[ASIDE if one["outcome"] == "aside" else SKIPPED] += one.get("tests", 1)
        else:
            why = reason(one, known, unanswered)
            if why is None:
                told.faults.append(f"{one['test']}, {one['when']}: {one['why']}")
            found = told.left if one["when"] == "collect" else told.failed
            found[why or UNKNOWN] += one.get("tests", 1)
    if len(seen) != collected:
        told.faults.append(f"{collected} were collected, and {len(seen)} have told what became of them")
    if told.passed < told.library.least:
        told.faults.append(f"{told.passed} passed, {told.library.least} at the least were to")
    unused = dict.fromkeys(one.why for one in known if one.why not in (*told.failed, *told.left))
    told.faults += [f"explains nothing any more: {why}" for why in unused]
