"""Runs of contenders, each a process of its own: what it said, or why it failed, and what is made of many rounds."""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.measure import pinned, results
from benchmarks.peers.contenders import Contender
from benchmarks.record import Bench, Result, Skipped, Wrong
from benchmarks.targets import FLOOR, PEER

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".build" / "peers-bench" / "bin" / "python"
LONGEST: Final = 90  # seconds of one run
ROUNDS: Final = 3
ABOUT: Final = ("books:", "path:")
"""How a note begins that is about one section alone."""

Said = list[dict[str, Any]]
Figures = dict[str, float]
"""Work → value."""


class Failed(Exception):
    """A contender could not be measured; the text says why, in a line."""


def there() -> None:
    """Raises Skipped where the other libraries are not installed."""
    if not PYTHON.exists():
        raise Skipped("the other libraries are not installed; `make bench-peers` installs them")


def said(contender: Contender, *words: str) -> Said:
    """What it wrote, a line of JSON each. Raises Failed where it ended badly, ended late or has something wrong."""
    python = sys.executable if contender.home else str(PYTHON)
    try:
        with pinned():
            done = subprocess.run(
                [python, "-W", "ignore", *words],
                cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {LONGEST} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Failed(f"exit status {done.returncode}: {last[:200]}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed("it ended without a word")
    for line in lines:
        if "wrong" in line:
            raise Failed(line["wrong"])
    return lines


class Field:
    """Those who are measured together: who fails is named in a note, and is out of it from then on."""

    def __init__(self, bench: Bench, contenders: Sequence[Contender]) -> None:
        self._bench = bench
        self.left = list(contenders)

    def tried(self, contender: Contender, run: Callable[[Contender], Any]) -> Any:
        """What `run` returns, None where the contender failed. Raises Wrong when it is one of ours."""
        try:
            return run(contender)
        except Failed as error:
            if contender.home:
                raise Wrong(f"{contender.name}: {error}") from None
            self._bench.note(f"{contender.name}: failed: {error}")
            self.left.remove(contender)
            return None

    def rounds(self, run: Callable[[Contender], Figures]) -> list[dict[str, Figures]]:
        """One dict a round: contender → figures, of those alone who failed in none. The order is drawn anew."""
        order, rounds = random.Random(self._bench.seed), list[dict[str, Figures]]()
        for _ in range(min(self._bench.rounds, ROUNDS)):
            drawn = order.sample(self.left, len(self.left))
            found = {one.name: figures for one in drawn if (figures := self.tried(one, run)) is not None}
            rounds.append(found)
        names = [one.name for one in self.left]
        return [{name: one[name] for name in names} for one in rounds]

    def told(self, versions: dict[str, str], notes: Sequence[str], name: str, about: str) -> None:
        """Notes of versions, and of what was adjusted of what this section is about."""
        listed = ", ".join(f"{package} {number}" for package, number in versions.items())
        ours = [text for text in notes if not text.startswith(ABOUT) or text.startswith(about)]
        adjusted = [text.removeprefix(about).strip() for text in ours]
        self._bench.note("; ".join([f"{name}: {listed}" if listed else name, *adjusted]))


def compared(
    section: str, rounds: Sequence[dict[str, Figures]], peers: Sequence[Contender], against: Sequence[str] = (FLOOR,),
    *, unit: str = "µs", messages: int = 0,
) -> Iterator[Result]:  # fmt: skip
    """Results with ratios to `against`, and to the best of the peers: that with the lowest median at this work."""
    names = [one.name for one in peers if one.name in rounds[0]]
    for work in dict.fromkeys(work for figures in rounds[0].values() for work in figures):
        values = [{name: figures[work] for name, figures in one.items() if work in figures} for one in rounds]
        best = min(names, key=lambda name: median(one.get(name, float("inf")) for one in values), default=None)
        if best is not None:
            values = [{**one, PEER: one[best]} for one in values]
        for result in results(section, work, values, [*against, PEER], unit=unit, messages=messages):
            if result.contender != PEER:
                yield result
