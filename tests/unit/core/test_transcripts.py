"""Session and Desk, as transcripts: every file in `transcripts/` is a case, read by `transcript.py`."""

import json
from pathlib import Path

import pytest
from tests.unit.core.transcript import Player

from tidebook.engine.contract import Engine

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_transcript(path: Path, engine: Engine) -> None:
    case = json.loads(path.read_text())
    player = Player(case["setting"], engine)
    for number, step in enumerate(case["steps"], 1):
        assert player.step(step) == step["expect"], f"step {number} of {path.stem}: {step}"
        if "states" in step:
            assert player.states() == step["states"], f"step {number} of {path.stem}"


def test_there_are_transcripts() -> None:
    assert len(FILES) >= 14
