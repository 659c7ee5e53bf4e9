"""The demo's recordings: made here, from a seed, with nothing captured in them.

``python -m tidebook.sim.recordings OUT_DIR`` writes them: one of each venue, and beside it the books that it must
give. Those are this package's own books, kept without the engine.
"""

import gzip
import io
import json
from pathlib import Path

from tidebook.sim.recordings import binance, htx
from tidebook.sim.recordings.tape import Tape

SECONDS = 40
LOST_AT = 6.0


def tapes(seconds: float = SECONDS, lost_at: float | None = LOST_AT) -> tuple[Tape, ...]:
    """Both recordings. `lost_at`: after so many seconds one change of the first gets lost on its way."""
    return binance.tape(seconds, lost_at), htx.tape(seconds)


def write(folder: Path, seconds: float = SECONDS, lost_at: float | None = LOST_AT) -> list[Path]:
    """Write every recording and its oracle into `folder`; the paths, in pairs. Equal arguments give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for tape in tapes(seconds, lost_at):
        recording = folder / f"{tape.name}.jsonl.gz"
        recording.write_bytes(_packed(tape.text()))
        oracle = folder / f"{tape.name}.oracle.json"
        oracle.write_text(json.dumps(tape.oracle(), indent=0) + "\n", "utf-8")
        written += [recording, oracle]
    return written


def _packed(text: str) -> bytes:
    """Gzipped with no time and no name in it."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()
