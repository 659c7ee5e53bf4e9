"""What the instruction guard says of a count; counting itself is `make bench-guard`."""

import pytest
from benchmarks import guard
from benchmarks.guard import Budgets, Compiler

HERE = Compiler("1.95.0", "x86_64-unknown-linux-gnu")
BUDGETS = Budgets(HERE, 0.05, {"light": 1000, "four texts": 2000})


def said(measured: dict[str, int], compiler: Compiler = HERE) -> dict[str, tuple[bool, str]]:
    most, _ = guard.tolerance(BUDGETS, compiler)
    return {one.scene: (one.fails, one.word) for one in guard.judge(BUDGETS, measured, most)}


def test_within_the_tolerance() -> None:
    assert said({"light": 1050, "four texts": 1900}) == {
        "light": (False, "in its budget"),
        "four texts": (False, "in its budget"),
    }


def test_more_fails_and_fewer_asks_for_a_lower_budget() -> None:
    verdicts = said({"light": 1051, "four texts": 1899})
    assert verdicts["light"] == (True, "TOO MANY")
    assert verdicts["four texts"] == (False, "fewer: lower the budget with --write")


def test_a_scene_on_one_side_only_fails() -> None:
    verdicts = said({"light": 1000, "heavy": 9})
    assert verdicts["four texts"] == (True, "has a budget and was not measured")
    assert verdicts["heavy"] == (True, "has no budget: --write gives it one")


def test_another_compiler_widens_the_tolerance_and_another_machine_only_reports() -> None:
    newer = Compiler("1.99.0", HERE.host)
    most, why = guard.tolerance(BUDGETS, newer)
    assert most == guard.OTHER_COMPILER
    assert "1.99.0" in why
    assert said({"light": 1250, "four texts": 2501}, newer)["light"] == (False, "in its budget")
    assert said({"light": 1250, "four texts": 2501}, newer)["four texts"] == (True, "TOO MANY")
    elsewhere = Compiler("1.95.0", "aarch64-unknown-linux-gnu")
    assert "aarch64" in guard.tolerance(BUDGETS, elsewhere)[1]
    assert not said({"light": 9000, "four texts": 2000}, elsewhere)["light"][0]
    assert guard.tolerance(BUDGETS, HERE) == (0.05, "")


def test_the_file_says_what_was_written() -> None:
    assert guard.read(guard.write(BUDGETS)) == BUDGETS


def test_every_scene_has_a_budget() -> None:
    assert tuple(guard.read(guard.BUDGETS.read_text()).instructions) == guard.SCENES


def test_counts_are_per_message() -> None:
    assert guard.per_message("events: Ir\nfn=x\n1 2\nsummary: 12289055\n", "500\n") == 24578
    for nothing in ("events: Ir\nsummary: 0\n", "events: Ir\n"):
        with pytest.raises(ValueError, match="guarded_loop"):
            guard.per_message(nothing, "500")


def test_what_is_missing_has_a_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.argv", ["guard"])
    assert guard.main() == 0
    assert "skipped: no cargo" in capsys.readouterr().out
