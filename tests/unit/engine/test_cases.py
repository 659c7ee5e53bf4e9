"""Every conformance case in `cases/`, on each engine. `replay.py` says how a case is written."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.engine.replay import Player

from tidebook.engine.contract import Engine

CASES: dict[str, dict[str, Any]] = {
    f"{path.stem}: {case['about']}": case
    for path in sorted(Path(__file__).with_name("cases").glob("*.json"))
    for case in json.loads(path.read_text())
}


@pytest.mark.parametrize("name", CASES)
def test_case(engine: Engine, name: str) -> None:
    Player(engine, CASES[name]).play()


def test_cases_are_found() -> None:
    assert len(CASES) > 100
