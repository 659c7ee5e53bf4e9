"""The shipped recordings: made here, the same every time, and every engine's books of them are their generator's."""

import gzip
import json
from pathlib import Path
from typing import cast

import pytest

from tidebook import engine as engines
from tidebook.cli.replay import samples
from tidebook.record.capture import records
from tidebook.record.check import Verdict, check
from tidebook.sim.recordings import write

MOST_BYTES = 600_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write(tmp_path_factory.mktemp("made"))


def test_equal_bytes_every_time(made: list[Path], tmp_path: Path) -> None:
    again = write(tmp_path)
    assert [path.name for path in again] == [path.name for path in made]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in made]


def test_what_is_shipped_is_what_is_made(made: list[Path]) -> None:
    """Compared as unpacked: another zlib may pack the same otherwise."""
    folder = samples()[0].parent
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in made)
    assert sum(path.stat().st_size for path in samples()) < MOST_BYTES
    for path in made:
        shipped = folder / path.name
        if path.suffix == ".json":
            assert json.loads(shipped.read_text()) == json.loads(path.read_text())
            continue
        for have, want in zip(records(shipped), records(path), strict=True):
            assert (have.at_ns, have.dir, have.conn, have.url) == (want.at_ns, want.dir, want.conn, want.url)
            assert unpacked(have.message) == unpacked(want.message)


def unpacked(message: str | bytes) -> str | bytes:
    return message if isinstance(message, str) else gzip.decompress(message)


async def verdict_of(recording: Path, engine: str) -> Verdict:
    oracle = recording.with_name(recording.name.replace(".jsonl.gz", ".oracle.json"))
    return await check(recording, oracle, engine=cast(engines.Choice, engine), venue=None, say=lambda line: None)


@pytest.mark.parametrize("engine", engines.available())
async def test_books_equal_their_oracle(engine: str) -> None:
    """The first sample lacks a change on purpose: every book is equal all the same, and the check says `1 gaps`."""
    found = [await verdict_of(path, engine) for path in samples()]
    assert [verdict.faults for verdict in found] == [["1 gaps"], []]
    assert [verdict.compared for verdict in found] == [22, 20]


@pytest.mark.parametrize("engine", engines.available())
async def test_without_the_loss_nothing_is_at_fault(engine: str, tmp_path: Path) -> None:
    for path in write(tmp_path, seconds=5, lost_at=None):
        if path.suffix == ".gz":
            verdict = await verdict_of(path, engine)
            assert verdict.passed, verdict.faults
            assert verdict.compared == 20
