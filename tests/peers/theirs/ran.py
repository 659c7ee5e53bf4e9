"""Runs a library's own tests on our names, in a process that reaches nothing but the embedded exchange."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.peers.child import environment, started
from tests.peers.keys import told_of
from tests.peers.theirs.fetched import PYTHON_BINANCE, fetched, unpacked
from tests.peers.theirs.reasons import Reason, reasons

from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server import serve

HERE: Final = Path(__file__).resolve().parent
LATEST: Final = 540.0  # seconds that all of them may take
LEAST: Final = 0  # that pass

_INI: Final = "[pytest]\nasyncio_mode = auto\ntimeout = 0\n"


@dataclass(slots=True)
class Told:
    """What became of a library's own tests. `failed` are test and error; `untold`: collected, and nothing was said."""

    package: str
    collected: int = 0
    passed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)
    modules: list[tuple[str, str]] = field(default_factory=list)
    status: int | None = None
    stderr: str = ""
    seconds: float = 0.0
    unanswered: Counter[str] = field(default_factory=Counter)


async def _run(archive: Path, folder: Path, site: Path, told: Path) -> Told:
    loop = asyncio.get_running_loop()
    tests = unpacked(archive, folder, HERE / "child" / "fixtures.py")
    (folder / "pytest.ini").write_text(_INI)
    async with serve(venues=("binance",)) as sim:
        variables = {
            **environment(sim.hosts, sim.port, folder / "none.pem", folder), **told_of(SIMULATOR),
            "TIDEBOOK_AT": sim.at, "TIDEBOOK_THEIRS_NAME": "binance", "TIDEBOOK_THEIRS_FACE": "tidebook.compat.binance",
            "TIDEBOOK_THEIRS_SITE": str(site), "TIDEBOOK_THEIRS_TOLD": str(told),
        }  # fmt: skip
        variables["PYTHONPATH"] += f":{HERE / 'child'}"
        arguments = ["-m", "pytest", "-q", "-p", "faces", "-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"),
                     "--rootdir", str(folder), str(tests)]  # fmt: skip
        found, began = Told(PYTHON_BINANCE.package), loop.time()
        async with started(sys.executable, arguments, variables) as process:
            try:
                async with asyncio.timeout(LATEST):
                    out, err = await process.communicate()
                found.status, found.stderr = process.returncode, (err or out).decode(errors="replace")
            except TimeoutError:
                found.stderr = f"not done after {LATEST:g} s"
        found.seconds = loop.time() - began
        found.unanswered = sim.tally.unanswered
    return found
