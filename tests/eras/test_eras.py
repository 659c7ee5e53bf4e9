"""Every recording with its declaration: equal on both engines, and what was damaged is noticed where it can be.

The recordings stand beside the project and are no part of it (TIDEBOOK_CAPTURES says where, if elsewhere).
"""

import asyncio
import gzip
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from tests.eras.report import sets
from tests.eras.report.frames import Ids
from tests.eras.report.mutants import KINDS, Kind, breaks, make, play
from tests.eras.report.sets import DataSet, Recording

from tidebook import engine as engines
from tidebook import venues
from tidebook.cli import main
from tidebook.engine import Choice
from tidebook.engine.rule import Chain, Scope, Seed, SyncRule
from tidebook.venues import register

VENUES, SETS = sets.declarations()
LARGE = 4 << 20  # bytes, packed: the twin plays the first part alone, and damaged it is played by the report alone
PARTS = 3  # checkpoints, of nine, up to which a damaged recording is played

there = pytest.mark.skipif(not sets.CAPTURES.is_dir(), reason=sets.ABSENT)


@pytest.fixture(autouse=True)
def own_venues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is gone behind it: the exchange of another test has one venue again."""
    monkeypatch.setattr(venues, "_further", [])
    venues.every.cache_clear()
    yield
    venues.every.cache_clear()


def named(data: object) -> str | None:
    return data.name if isinstance(data, DataSet) else None


@there
@pytest.mark.parametrize("engine", engines.available())
@pytest.mark.parametrize("data", SETS, ids=named)
def test_every_book_is_equal_at_every_checkpoint(
    data: DataSet, engine: Choice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, oracle, comparisons = data.capture, data.oracle, data.comparisons()
    if data.size > LARGE and engine == "python":
        capture, oracle, comparisons = first_part(data, tmp_path)
    command = ["replay", "--declared", str(sets.FOLDER), str(capture), "--check", str(oracle), "--venue", data.choice]
    status = main([*command, "--engine", engine])
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert printed.count(": equal\n") == comparisons > 0
    assert "FAULT" not in printed


def first_part(data: DataSet, folder: Path) -> tuple[Path, Path, int]:
    """A recording up to its first checkpoint, the oracle's of that, and how many books are compared."""
    expected = data.oracle_text()
    point = expected["checkpoints"][0]
    capture, oracle = folder / "part.jsonl.gz", folder / "part.json"
    with gzip.open(data.capture, "rb") as whole:
        capture.write_bytes(gzip.compress(b"".join(itertools.islice(whole, point["after_line"])), 1))
    oracle.write_text(json.dumps({"symbols": point["symbols"], "checkpoints": [], "lines": point["after_line"]}))
    return capture, oracle, len(point["symbols"])


@there
def test_every_declared_recording_is_there_and_declared_once() -> None:
    """Those that nobody declares here are played by the package's venues: tests/unit/record/test_captures.py."""
    ours = [data.name for data in SETS]
    assert len(set(ours)) == len(ours)
    assert set(ours) <= sets.there()


def test_the_page_has_every_recording() -> None:
    page = (sets.ROOT / "docs" / "declarations.md").read_text()
    for data in SETS:
        assert page.count(f"\n| {data.name} | ") == 2, "python -m tests.eras.report --write"


# Damaged --------------------------------------------------------------------------


@cache
def recording(data: DataSet) -> Recording:
    return sets.read(data)


@there
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", SETS, ids=named)
def test_damage_is_noticed_wherever_the_rule_can_and_else_not_claimed(data: DataSet, kind: Kind) -> None:
    if data.size > LARGE:
        pytest.skip("large: python -m tests.eras.report damages it")
    register(*VENUES.values())
    read = recording(data)
    until = sorted(read.oracle.places)[PARTS - 1]
    mutant = make(read, kind, 0, until=until) or make(read, kind, 0)
    if mutant is None:
        pytest.skip(f"no {kind} to be changed")
    found = asyncio.run(play(read, mutant))
    assert not found.fault, (mutant.key, mutant.line, found.noticed, found.state)
    assert found.oracle is not False or not found.equal


def test_the_second_opinion_on_chains() -> None:
    """It says when it must, and only then: else the verdicts above would mean nothing."""
    following = SyncRule(Seed.STREAM, Chain.NEXT)
    assert not breaks(following, 5, [Ids(6, 7, None), Ids(8, 8, None)])
    assert not breaks(following, 5, [Ids(6, 7, None), Ids(6, 7, None), Ids(7, 9, None)])
    assert breaks(following, 5, [Ids(7, 7, None)])
    assert not breaks(following, 5, [Ids(9, 9, None, whole=True), Ids(10, 10, None)])
    chained = replace(following, chain=Chain.PREV)
    assert not breaks(chained, 5, [Ids(9, 9, 5), Ids(3, 3, 9)])
    assert breaks(chained, 5, [Ids(9, 9, 5), Ids(9, 9, 5)])
    assert not breaks(replace(following, chain=Chain.RISING), 5, [Ids(9, 9, None)])
    assert not breaks(replace(following, chain=Chain.NONE), 5, [Ids(None, None, None)])
    assert following.scope is Scope.TOPIC
