"""The libraries whose own tests are run on our names, each a folder: `library.toml`, `reasons.toml`, `fixtures.py`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.peers.theirs.reasons import Reason, read

HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Package:
    """A source package, pinned: its name and version, its file, and the SHA-256 of that."""

    pinned: str
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, pinned by a commit, which is its own checksum."""

    url: str
    commit: str


@dataclass(frozen=True, slots=True)
class Library:
    """Where its tests are from, the package that they import and what of ours stands in its place.

    `environment` is the one of `requirements/` with what they import besides, `venues` are those of the embedded
    exchange that answer them, `least` is how many pass at the least, `fixtures` becomes their conftest.py.
    """

    name: str
    imports: str
    face: str
    environment: str
    venues: tuple[str, ...]
    least: int
    source: Package | Repository
    reasons: tuple[Reason, ...]
    fixtures: Path

    @property
    def title(self) -> str:
        """By which it is told of, and chosen by `--only`."""
        return f"{self.name}, its own tests"

    @property
    def version(self) -> str:
        source = self.source
        return source.commit[:7] if isinstance(source, Repository) else source.pinned.partition("==")[2]


def libraries(folder: Path = HERE) -> list[Library]:
    """All that are declared."""
    return [declared(path.parent) for path in sorted(folder.glob("*/library.toml"))]


def declared(folder: Path) -> Library:
    """The one of a folder."""
    found: dict[str, Any] = tomllib.loads((folder / "library.toml").read_text("utf-8"))
    package, repository = found.pop("package", None), found.pop("repository", None)
    source = Repository(**repository) if package is None else Package(**package)
    return Library(
        **{**found, "venues": tuple(found["venues"])}, source=source,
        reasons=read(folder / "reasons.toml"), fixtures=folder / "fixtures.py",
    )  # fmt: skip
