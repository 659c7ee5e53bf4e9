"""A library's own tests, as its maker published them: fetched when they are wanted, and no part of this repository."""

import hashlib
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

LATEST = 120.0  # seconds that fetching may take


@dataclass(frozen=True, slots=True)
class Source:
    """A source package, pinned: its name and version, its file, and the SHA-256 of that."""

    package: str
    file: str
    sha256: str


PYTHON_BINANCE = Source(
    "python-binance==1.0.37", "python_binance-1.0.37.tar.gz",
    "03a302d8c598d270f1206adf165450ce4d0df58691e92a5e0bff665831f75a1e",
)  # fmt: skip


class NotFetched(Exception):
    """It could not be had, or is not what was pinned."""


def fetched(source: Source, folder: Path) -> Path:
    """The file, from the configured package index where it is not there yet. Raises NotFetched."""
    path = folder / source.file
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
                   "--dest", str(folder), source.package]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=LATEST)
        except subprocess.CalledProcessError as error:
            raise NotFetched(f"{source.package}: {str(error.stderr).strip()[-300:]}") from None
        except subprocess.TimeoutExpired:
            raise NotFetched(f"{source.package}: not fetched after {LATEST:g} s") from None
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != source.sha256:
        raise NotFetched(f"{source.file} is not the file that was pinned")
    return path


def unpacked(archive: Path, folder: Path, fixtures: Path) -> Path:
    """Its tests alone, in a package of their own, with our fixtures. Returns their folder."""
    tests = folder / "tests"
    tests.mkdir()
    with tarfile.open(archive) as found:
        for member in found.getmembers():
            words = Path(member.name).parts
            if member.isfile() and len(words) == 3 and words[1] == "tests" and words[2].endswith(".py"):
                file = found.extractfile(member)
                assert file is not None
                (tests / words[2]).write_bytes(file.read())
    (tests / "__init__.py").touch()
    (tests / "conftest.py").write_bytes(fixtures.read_bytes())
    return tests
