"""World: the fault scenarios with a few seeds each, its determinism, and proof that its judge sees what is wrong."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.faults.scenarios import BY_NAME, SCENARIOS, Scenario, run

from tidebook import engine as engines
from tidebook.engine.contract import Book, Engine, Feed
from tidebook.engine.rule import Bridge, Chain, Proof, Scope, SyncRule
from tidebook.engine.shape import BookShape
from tidebook.model import health
from tidebook.model.market import State
from tidebook.sim import combinations
from tidebook.sim.combinations import COMBINATIONS, Combination

ROOT = Path(__file__).resolve().parents[2]
CELLS = [(c, s) for c in COMBINATIONS for s in SCENARIOS if s.applies(c)]


def _seeds(scenario: Scenario, combination: Combination) -> range:
    """A few seeds for each cell, others in each; dropped changes get more."""
    first = 1_000 * COMBINATIONS.index(combination) + SCENARIOS.index(scenario)
    return range(first, first + (5 if scenario.name == "dropped" else 1))


@pytest.mark.parametrize(("combination", "scenario"), CELLS, ids=[f"{c.name}-{s.name}" for c, s in CELLS])
def test_every_promise_holds(engine: Engine, combination: Combination, scenario: Scenario) -> None:
    for seed in _seeds(scenario, combination):
        result = run(combination, scenario, seed, engine)
        assert result.trouble is None, (
            f'{result.trouble}\npython -m tests.faults.world_report --seed {seed} --combination "{combination.name}"'
            f' --scenario "{scenario.name}" --engine {engine.name}'
        )
        assert result.figures.missed == 0
        assert result.figures.wrong == 0


def test_every_kind_of_proof_is_in_the_table() -> None:
    proofs = {proof for combination in COMBINATIONS for proof in combination.rule.proof}
    assert proofs == set(Proof)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda c: c.name)
def test_what_has_no_proof_never_claims_live(engine: Engine, combination: Combination) -> None:
    result = run(combination, BY_NAME["dropped ×5"], 7, engine)
    states = {book.state for book in result.stage.client.desk.books.values()}
    assert states == {State.LIVE if combination.proves else State.UNPROVEN}


def _digest(seed: int) -> str:
    combination = combinations.BY_NAME["rest·next·covers_next"]
    results = [run(combination, BY_NAME[name], seed, engines.load("python")) for name in ("wanted and cut", "swapped")]
    return " ".join(result.stage.world.digest() for result in results)


def test_the_same_seed_gives_the_same_log_in_one_process() -> None:
    assert _digest(5) == _digest(5)
    assert _digest(5) != _digest(6)


@pytest.mark.parametrize("hashing", ["0", "1", "4242"])
def test_the_same_seed_gives_the_same_log_whatever_the_hash_seed(hashing: str) -> None:
    code = "from tests.faults.test_world import _digest; print(_digest(5))"
    env = {**os.environ, "PYTHONHASHSEED": hashing, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == _digest(5)


@pytest.mark.skipif(len(engines.available()) < 2, reason="one engine only")
def test_both_engines_give_the_same_log() -> None:
    for combination in COMBINATIONS:
        digests = {
            run(combination, BY_NAME["dropped ×5"], 3, engines.load(name)).stage.world.digest()
            for name in engines.available()
        }
        assert len(digests) == 1, combination.name


# ---- the judge is judged


def _broken(engine: Engine, rule: dict[str, Any], shape: dict[str, Any]) -> Engine:
    """An engine that goes by another rule, or another shape, than it is told."""

    def book(its_shape: BookShape, its_rule: SyncRule, **more: Any) -> Book:
        return engine.Book(replace(its_shape, **shape), replace(its_rule, **rule), **more)

    def feed(**more: Any) -> Feed:
        return engine.Feed(cap=more["cap"]) if "scope" in rule else engine.Feed(**more)

    return cast(Engine, SimpleNamespace(name="broken", Book=book, Feed=feed))


_BLIND = {"chain": Chain.NONE, "proof": (Proof.NONE,)}


@pytest.mark.parametrize(
    ("combination", "scenario", "rule", "shape"),
    [
        ("rest·next·covers_next", "dropped", _BLIND, {}),
        ("rest·next·covers_next", "swapped", _BLIND, {}),
        ("rest·next·covers_next", "snapshot old", {"bridge": Bridge.AFTER}, {}),
        ("rest·next·same", "none", {}, {"asks": ("nowhere",)}),
        ("stream·prev", "dropped", _BLIND, {}),
        ("stream·next·connection", "dropped", {"scope": Scope.TOPIC, **_BLIND}, {}),
        ("stream·none·checksum", "dropped ×5", {"proof": (Proof.NONE,)}, {"checksum": None}),
    ],
)
def test_a_broken_engine_is_found(
    engine: Engine, combination: str, scenario: str, rule: dict[str, Any], shape: dict[str, Any]
) -> None:
    broken = _broken(engine, rule, shape)
    chosen = combinations.BY_NAME[combination]
    troubles = [run(chosen, BY_NAME[scenario], seed, broken).trouble or "" for seed in range(8)]
    assert any("live and not the truth" in trouble for trouble in troubles), troubles


def test_no_false_alarm_under_a_checksum(engine: Engine) -> None:
    """Some ten thousand clean messages with trailing zeros and a window: each checksum fits."""
    passed = 0
    for seed in range(20):
        for name in ("stream·none·checksum", "stream·prev·checksum"):
            stage = run(combinations.BY_NAME[name], BY_NAME["none"], seed, engine).stage
            assert not [event for _, event in stage.client.events if isinstance(event, health.Mismatch | health.Gap)]
            passed += sum(book.engine.stats()["checksum_passed"] for book in stage.client.desk.books.values())
    assert passed > 5_000
