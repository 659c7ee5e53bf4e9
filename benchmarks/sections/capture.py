"""(a) The same on a real recording, which stands beside the project and is no part of it."""

import gzip
import json
from collections.abc import Iterator
from typing import Final

from tests.eras.report.sets import ABSENT, CAPTURES

from benchmarks.measure import in_rounds, pinned, results
from benchmarks.record import Bench, Result, Section, Skipped
from benchmarks.sections.engine import READS, Stream, available, contenders, verified
from benchmarks.targets import FLOOR, TRICKS

FILE: Final = CAPTURES / "datasets" / "BINANCE@2024-08-08.jsonl.gz"
NAME: Final = "BTCUSDT 2024"
TOPIC: Final = "btcusdt@depth"
SNAPSHOT: Final = "/depth?symbol=BTCUSDT"


def recorded() -> Stream:
    """The snapshot and the changes that follow it, as they were received. Raises Skipped without the recording."""
    if not FILE.is_file():
        raise Skipped(f"{ABSENT}: {FILE.name}")
    whole: bytes | None = None
    frames: list[bytes] = []
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            if TOPIC in line:
                frames.append(json.loads(line)["msg"].encode())
            elif SNAPSHOT in line:
                whole = json.loads(line)["msg"].encode()
    assert whole is not None, "the recording has a snapshot"
    last = json.loads(whole)["lastUpdateId"]
    newer = next(at for at, frame in enumerate(frames) if json.loads(frame)["data"]["u"] > last)
    return Stream("binance", whole, frames[newer:])


def run(bench: Bench) -> Iterator[Result]:
    stream = recorded()
    of, engines = available(bench)
    verified(stream, of, engines)
    levels = sum(frame.count(b'["') for frame in stream.frames) / len(stream.frames)
    bench.note(f"{len(stream.frames)} changes with {levels:.0f} levels each, {len(stream.whole) >> 10} KiB of snapshot")
    for words, read in READS.items():
        with pinned():
            rounds = in_rounds(contenders(stream, read, of, engines), bench.rounds, bench.seed)
        yield from results("capture", f"{NAME}, {words}", rounds, (FLOOR, TRICKS), messages=len(stream.frames))


SECTION = Section(
    "capture",
    "A real recording",
    "Eleven minutes of Binance's BTCUSDT, 8 August 2024, as received; one book, one pinned processor, no socket.",
    run,
    order=11,
    seconds=6,
)
