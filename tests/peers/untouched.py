"""That a peer is what its maker published: every installed file has the hash that its package tells."""

import base64
import csv
import hashlib
from pathlib import Path
from typing import NamedTuple


class Files(NamedTuple):
    """How many files of an environment's packages have a hash, and those that differ from it."""

    hashed: int
    changed: tuple[str, ...]


def files(environment: Path) -> Files:
    """Compare all installed files of a virtual environment with the RECORDs of their packages."""
    hashed, changed = 0, list[str]()
    for record in sorted(environment.glob("lib/python*/site-packages/*.dist-info/RECORD")):
        root = record.parent.parent
        with record.open(newline="", encoding="utf-8") as lines:
            for name, told, *_ in csv.reader(lines):
                kind, _, digest = told.partition("=")
                if not digest:
                    continue
                hashed += 1
                path = root / name
                data = path.read_bytes() if path.is_file() else b""
                found = base64.urlsafe_b64encode(hashlib.new(kind, data).digest()).rstrip(b"=").decode()
                if found != digest:
                    changed.append(name)
    return Files(hashed, tuple(changed))
