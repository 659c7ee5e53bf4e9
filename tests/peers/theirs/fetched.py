"""A library's own tests, as its maker published them: fetched when they are wanted, and no part of this repository."""

import hashlib
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

from tests.peers.theirs.library import Library, Package, Repository

LATEST: Final = 120.0  # seconds that fetching may take


class NotFetched(Exception):
    """It could not be had: no network, or no such thing there any more."""


class NotPinned(Exception):
    """What was had is another thing than the one that was pinned."""


def fetched(library: Library, folder: Path) -> Path:
    """An archive with the tests, from where they are kept where `folder` has not got them. Raises both of the above."""
    folder.mkdir(parents=True, exist_ok=True)
    source = library.source
    return _package(source, folder) if isinstance(source, Package) else _commit(library.name, source, folder)


def _package(source: Package, folder: Path) -> Path:
    path = folder / source.file
    if not path.is_file():
        _run([
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
            "--dest", str(folder), source.pinned,
        ], folder)  # fmt: skip
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != source.sha256:
        raise NotPinned(f"{source.file} is not the file that was pinned")
    return path


def _commit(name: str, source: Repository, folder: Path) -> Path:
    """A repository of that commit alone is kept; a clone may stand in its place."""
    kept, path = folder / f"{name}.git", folder / f"{name}.tar"
    if not kept.exists():
        _run(["git", "init", "--quiet", "--bare", str(kept)], folder)
    try:
        _run(["git", "cat-file", "-e", f"{source.commit}^{{tree}}"], kept)
    except NotFetched:
        _run(["git", "fetch", "--quiet", "--depth", "1", source.url, source.commit], kept)
    _run(["git", "archive", f"--prefix={name}/", "--output", str(path), source.commit, "tests"], kept)
    return path


def _run(command: list[str], folder: Path) -> None:
    words = " ".join(command[:2]) if command[0] == "git" else "pip download"
    try:
        subprocess.run(
            command, cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LATEST,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},  # nobody is there to say a password
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotFetched(f"{words}: not done after {LATEST:g} s") from None
    except (OSError, subprocess.CalledProcessError) as error:
        told = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise NotFetched(f"{words}: {told[-1][-300:] if told else error}") from None


def unpacked(archive: Path, folder: Path, fixtures: Path) -> Path:
    """Its tests alone, in a package of their own, with our fixtures. Returns their folder."""
    tests = folder / "tests"
    tests.mkdir()
    with tarfile.open(archive) as found:
        for member in found.getmembers():
            words = Path(member.name).parts[1:]
            if not (member.isfile() and words[:1] == ("tests",) and words[-1].endswith(".py")) or ".." in words:
                continue
            file, path = found.extractfile(member), folder.joinpath(*words)
            assert file is not None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read())
    (tests / "__init__.py").touch()
    (tests / "conftest.py").write_bytes(fixtures.read_bytes())
    return tests
