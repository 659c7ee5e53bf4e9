"""The traffic of a run, made once and kept in files, so that a process of a contender begins with reading it.

A file is the whole book, then the messages, each behind its length in four bytes, little endian; the server of
benchmarks/native reads the same form, without the whole book.
"""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from benchmarks.traffic import Market, Weight, binance

COUNTS: Final[dict[Weight, int]] = {"light": 1000, "heavy": 300}
"""So many messages see all contenders, the slow ones too: enough for means, and soon done."""


def write(path: Path, messages: Iterable[bytes]) -> None:
    path.write_bytes(b"".join(struct.pack("<I", len(one)) + one for one in messages))


def read(path: Path) -> tuple[bytes, list[bytes]]:
    """The whole book, and the messages."""
    data, at, found = path.read_bytes(), 0, list[bytes]()
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found[0], found[1:]


def made(folder: Path) -> None:
    """Light and heavy changes of Binance's books, as `<weight>.frames`."""
    folder.mkdir(parents=True, exist_ok=True)
    for weight, count in COUNTS.items():
        whole, frames = binance(Market(), weight, count)
        write(folder / f"{weight}.frames", [whole, *frames])
