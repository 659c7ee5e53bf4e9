"""Results as a file: sections, each with its machine, its notes and its results. docs/performance.json is one.

A section that is measured anew replaces that one alone, so what takes long can be measured by itself.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks import targets
from benchmarks.record import Result

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "performance.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """One section as it was measured once."""

    name: str
    title: str
    about: str
    machine: Mapping[str, Any]
    notes: tuple[str, ...]
    results: tuple[Result, ...]

    def plain(self) -> dict[str, Any]:
        reached = [
            {"work": one.target.work, "contender": one.target.contender, "of": one.target.of,
             "at_most": float(f"{one.target.at_most:.5g}"), "reached": float(f"{one.value:.5g}"), "met": one.met}
            for one in targets.reached(self.results)
        ]  # fmt: skip
        return {
            "title": self.title,
            "about": self.about,
            "machine": dict(self.machine),
            "notes": list(self.notes),
            "targets": reached,
            "results": [{key: value for key, value in one.plain().items() if key != "section"} for one in self.results],
        }


@dataclass(frozen=True, slots=True)
class Kept:
    sections: Mapping[str, Measured] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """What a file has; nothing when there is none. Raises what reading raises for any other file."""
        if not path.is_file():
            return cls()
        read = json.loads(path.read_text(encoding="utf-8"))["sections"]
        return cls({name: _section(name, one) for name, one in read.items()})

    def text(self) -> str:
        plain = {"sections": {name: one.plain() for name, one in self.sections.items()}}
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"

    def with_(self, newer: Mapping[str, Measured]) -> Self:
        return type(self)({**self.sections, **newer})

    def results(self) -> Iterator[Result]:
        for one in self.sections.values():
            yield from one.results

    def find(self, section: str, work: str) -> list[Result]:
        measured = self.sections.get(section)
        return [one for one in measured.results if one.work == work] if measured is not None else []


def _section(name: str, plain: Mapping[str, Any]) -> Measured:
    results = tuple(Result.of({"section": name, **one}) for one in plain["results"])
    return Measured(name, plain["title"], plain["about"], plain["machine"], tuple(plain["notes"]), results)
