"""The floor: C that does what is needed and nothing else (`native/`), compiled when it is first wanted.

    floor = load()
    book = floor.Book("binance", tricks=False)
    book.seed(whole); book.feed(frame); book.best(); book.top(20)
    floor.loop([book], frames, 1)

It trusts its input: only made traffic, and recordings that were looked at, may be fed to it.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import zlib
from functools import cache
from pathlib import Path
from typing import Final, Protocol, cast

from benchmarks.record import Skipped

SOURCES: Final = Path(__file__).parent / "native"
BUILD: Final = Path(__file__).parents[1] / ".build" / "floor"
FLAGS: Final = ("-O3", "-march=native", "-std=gnu11", "-shared", "-fPIC")


class FloorBook(Protocol):
    """`gaps` counts changes whose ids or checksum do not fit; `levels` are how many bids and asks there are."""

    gaps: int
    absent: int
    levels: tuple[int, int]

    def seed(self, whole: bytes, /) -> None: ...
    def feed(self, frame: bytes, /) -> None: ...
    def best(self) -> tuple[float, float, float, float]: ...
    def top(self, n: int, /) -> tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]: ...


class Floor(Protocol):
    def Book(self, format: str, tricks: bool = False) -> FloorBook: ...  # noqa: N802 - a class of the module
    def loop(self, books: list[FloorBook], frames: list[bytes], read: int, /) -> float:
        """Frame i to books[i % len(books)]; after each, the best `read` levels of both sides are made floats."""
        ...


def compiler() -> str:
    """What `cc` calls itself. Raises Skipped where there is none."""
    if shutil.which("cc") is None:
        raise Skipped("there is no C compiler, cc")
    said = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout
    return said.partition("\n")[0]


@cache
def load() -> Floor:
    """The compiled module. Raises Skipped where it cannot be had, with the reason."""
    named = f"{compiler()} {' '.join(FLAGS)} {sys.version}"
    sources = sorted(SOURCES.iterdir())
    digest = zlib.crc32(named.encode() + b"".join(source.read_bytes() for source in sources))
    path = BUILD / f"{digest:08x}" / "floorbook.so"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made under another name first: two that start at once never load half a file.
        made = path.with_suffix(f".{os.getpid()}")
        include = f"-I{sysconfig.get_path('include')}"
        command = ["cc", *FLAGS, include, str(SOURCES / "floorbook.c"), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"the floor does not compile: {done.stderr.strip().splitlines()[0]}")
        made.replace(path)
    spec = importlib.util.spec_from_file_location("floorbook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(Floor, module)
