"""What is told of alpaca-py's own tests: nothing that fails, is missing, or cannot be imported passes unnamed."""

from pathlib import Path

from tests.peers.theirs_alpaca import LEAST, Told, lines


def test_what_does_not_pass_has_a_reason_or_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_one(): ...\nasync def test_two(): ...\ndef other(): ...\n")
    passed = [f"test_b.py::test_{n}" for n in range(LEAST)]
    known = Told(passed, left=[("test_a.py", "E   ModuleNotFoundError: No module named 'alpaca.broker'")])
    text, faults = lines(known, tmp_path)
    assert (text[0].endswith(f"{LEAST} passed, 0 failed"), faults) == (True, 0)
    assert text[1:] == ["  2 not run, of what is not covered: brokers"]
    unknown = Told(passed[1:], [("test_b.py::test_0", "E   assert 1 == 2")], [("test_a.py", "E   ImportError: Bar")])
    text, faults = lines(unknown, tmp_path)
    assert faults == 3
    assert [line.partition(":")[0] for line in text[2:]] == [
        "FAULT test_a.py", "FAULT test_b.py", f"FAULT {LEAST - 1} passed, {LEAST} at the least were to",
    ]  # fmt: skip
