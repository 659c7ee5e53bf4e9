"""Real recorded traffic against independent results: equal everywhere, and different where something is wrong.

The recordings stand beside the project and are no part of it.
"""

import gzip
import json
import random
from pathlib import Path

import pytest
from tests.eras.report import sets

from tidebook import engine as engines
from tidebook.cli import main
from tidebook.engine import Choice

SHARED = sets.CAPTURES
SETS = sorted(sets.there() - {data.name for data in sets.declarations()[1]})
"""Those that no declaration of tests/eras takes: the package's own venues play them, and claim them by themselves."""

LARGE = 1 << 20  # bytes, packed
SMALL = [name for name in SETS if (SHARED / "datasets" / f"{name}.jsonl.gz").stat().st_size < LARGE]

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the recordings are not beside the project")


def capture(name: str) -> Path:
    return SHARED / "datasets" / f"{name}.jsonl.gz"


def oracle(name: str) -> Path:
    return SHARED / "oracle" / f"{name}.json"


def check(recording: Path, expected: Path, engine: Choice) -> int:
    return main(["replay", str(recording), "--check", str(expected), "--engine", engine])


@pytest.mark.parametrize("engine", engines.available())
@pytest.mark.parametrize("name", SETS)
def test_every_book_is_equal_at_every_checkpoint(name: str, engine: Choice, capsys: pytest.CaptureFixture[str]) -> None:
    status = check(capture(name), oracle(name), engine)
    printed = capsys.readouterr().out
    expected = json.loads(oracle(name).read_text())
    comparisons = sum(len(point["symbols"]) for point in expected["checkpoints"]) + len(expected["symbols"])
    assert status == 0, printed
    assert printed.count(": equal\n") == comparisons
    assert "FAULT" not in printed


def test_recordings_of_before_the_streams_were_split_are_of_that_era(capsys: pytest.CaptureFixture[str]) -> None:
    recording, expected = capture("BINANCE_FUTURES"), oracle("BINANCE_FUTURES")
    assert main(["replay", str(recording), "--check", str(expected), "--venue", "binance.usdm:unsplit"]) == 0
    assert capsys.readouterr().out.count(": equal\n") == 40


def compared_digits(expected: dict[str, object]) -> list[tuple[list[str | int], int]]:
    """Where the digits stand that a check compares: path to the text or number, and the digit's place in it."""
    found: list[tuple[list[str | int], int]] = []

    def walk(value: object, path: list[str | int]) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("bid_levels", "ask_levels", "seq", "last_sequence", "sha256", "bids", "asks"):
                    collect(inner, [*path, key])
                elif key in ("symbols", "checkpoints") or len(path) in (1, 2, 3):
                    walk(inner, [*path, key])
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(inner, [*path, index])

    def collect(value: object, path: list[str | int]) -> None:
        if isinstance(value, list):
            for index, inner in enumerate(value):
                collect(inner, [*path, index])
        elif isinstance(value, (str, int)) and not isinstance(value, bool):
            found.extend((path, at) for at, char in enumerate(str(value)) if char.isdigit())

    walk({key: expected[key] for key in ("symbols", "checkpoints")}, [])
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SMALL)
def test_one_digit_of_the_oracle_changed_is_noticed(name: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(f"{name} {seed}")
    expected = json.loads(oracle(name).read_text())
    path, at = rng.choice(compared_digits(expected))
    place = expected
    for step in path[:-1]:
        place = place[step]
    value = place[path[-1]]
    text = str(value)
    other = rng.choice([digit for digit in "123456789" if digit != text[at]])
    changed = text[:at] + other + text[at + 1 :]
    place[path[-1]] = changed if isinstance(value, str) else int(changed)
    file = tmp_path / "oracle.json"
    file.write_text(json.dumps(expected))
    assert check(capture(name), file, engines.available()[0]) == 1, (path, at)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["BINANCE", "BINANCE@2021-04-05", "BINANCE_FUTURES", "BINANCE_DELIVERY"])
def test_one_book_frame_removed_is_noticed(name: str, seed: int, tmp_path: Path) -> None:
    """Where messages are chained. A missing whole book is made good by the next one and cannot be noticed."""
    rng = random.Random(f"{name} removed {seed}")
    lines = gzip.decompress(capture(name).read_bytes()).splitlines()
    last_of = {}
    depth = []
    for index, line in enumerate(lines):
        record = json.loads(line)
        if record["dir"] == "recv" and "@depth" in str(record["msg"])[:60]:
            depth.append(index)
            last_of[str(record["msg"])[:40]] = index
    seeded = max(index for index, line in enumerate(lines) if b'"lastUpdateId' in line[:20_000] and b'"http"' in line)
    # The very last one of a book leaves a book that is right, only older; seq and hash show it all the same.
    removed = rng.choice([index for index in depth if index > seeded])
    file = tmp_path / "capture.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join(lines[:removed] + lines[removed + 1 :]) + b"\n", 1))
    assert check(file, oracle(name), engines.available()[0]) == 1
