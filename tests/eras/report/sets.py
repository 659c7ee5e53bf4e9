"""Which recordings there are, and which declaration each of them is played with."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidebook.record import declared, oracle
from tidebook.record.capture import Record, records
from tidebook.record.connections import Connections, survey
from tidebook.venue import Venue

if TYPE_CHECKING:
    from .frames import BookFrame

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "eras"
PACKAGE = ROOT / "src" / "tidebook"
CAPTURES = Path(os.environ.get("TIDEBOOK_CAPTURES", ROOT.parent / "shared" / "captures"))
"""The recordings stand beside the project and are no part of it."""

ABSENT = "the recordings are not beside the project"


@dataclass(frozen=True, slots=True)
class DataSet:
    """One recording with its oracle. `choice` is what `--venue` is told, `file` where that is declared."""

    name: str
    choice: str
    file: Path

    @property
    def where(self) -> str:
        """The file, as people are told of it."""
        inside = self.file.is_relative_to(PACKAGE)
        return self.file.relative_to(PACKAGE).as_posix() if inside else self.file.name

    @property
    def capture(self) -> Path:
        return CAPTURES / "datasets" / f"{self.name}.jsonl.gz"

    @property
    def oracle(self) -> Path:
        return CAPTURES / "oracle" / f"{self.name}.json"

    @property
    def size(self) -> int:
        """Bytes, packed; 0 where it is absent."""
        return self.capture.stat().st_size if self.capture.is_file() else 0

    def comparisons(self) -> int:
        """How many books the oracle compares."""
        expected = self.oracle_text()
        return sum(len(point["symbols"]) for point in expected["checkpoints"]) + len(expected["symbols"])

    def oracle_text(self) -> Any:
        return json.loads(self.oracle.read_text())


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in memory. `heard` keeps which frames a book hears, by its key and the line where looking ended."""

    name: str
    records: list[Record]
    connections: Connections
    oracle: oracle.Oracle
    heard: dict[tuple[str, int], list["BookFrame"]] = field(default_factory=dict)


def declarations() -> tuple[dict[str, Venue], list[DataSet]]:
    """The venues that this folder declares, by name, and the recordings that it says are theirs."""
    venues: dict[str, Venue] = {}
    found: list[DataSet] = []
    for module in declared.modules(FOLDER):
        venues |= {venue.name: venue for venue in module.VENUES}
        for name, choice in module.SETS.items():
            file = getattr(module, "ELSEWHERE", {}).get(choice, module).__file__
            assert file is not None
            found.append(DataSet(name, choice, Path(file)))
    return venues, sorted(found, key=lambda one: one.name)


def there() -> set[str]:
    """The names of all recordings that stand beside the project."""
    return {path.name.removesuffix(".jsonl.gz") for path in (CAPTURES / "datasets").glob("*.jsonl.gz")}


def read(data: DataSet) -> Recording:
    """Read a recording; its venue has been registered."""
    return Recording(
        data.name, list(records(data.capture)), survey(records(data.capture), data.choice), oracle.load(data.oracle)
    )
