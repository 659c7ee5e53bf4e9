"""What is wrong with a command is said before anything is measured."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["decimals", "--rounds", "0"], 2, "'0' is no number of rounds"),
        (["decimals", "--rounds", "x"], 2, "'x' is no number of rounds"),
        (["decimals", "--json", "{here}/none/file.json"], 1, "No such file or directory"),
        (["decimals", "--chart", "{here}"], 1, "Is a directory"),
        (["nonsense"], 1, "nonsense"),
    ],
)
def test_what_is_wrong_is_said_first(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    command = [sys.executable, "-m", "benchmarks", *(one.format(here=tmp_path) for one in arguments)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert words in done.stderr
