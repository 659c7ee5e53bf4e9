"""What is told of libraries' own tests: nothing that fails, is missing or cannot be imported passes unnamed."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.peers.report import count, lines
from tests.peers.theirs.fetched import fetched
from tests.peers.theirs.library import Library, Package, Repository, declared, libraries
from tests.peers.theirs.ran import ASIDE, NOWHERE, SKIPPED, UNKNOWN, Told, counted, ran, replaced, unexplained
from tests.peers.theirs.reasons import PRIVATE, UNSERVED, Reason

LIBRARY = Library(
    "their", "their", "tidebook.compat.alpaca", "its-own", (), 1, Package("their==1.0", "their-1.0.tar.gz", "00"),
    (Reason("it is like that", r"test_a\.py", "AssertionError"),), Path(__file__),
)  # fmt: skip
GONE = {"GET api.example.com/v1/gone": 1}


def one(what: str, outcome: str = "passed", **more: Any) -> Mapping[str, Any]:
    return {"test": f"test_a.py::{what}", "when": "call", "outcome": outcome, "why": "", **more}


def test_what_does_not_pass_has_a_reason_or_is_a_fault() -> None:
    told = Told(LIBRARY)
    counted(told, [
        {"collected": 6}, one("passes"), one("skips", "skipped"), one("mocks", "aside", why="requests_mock"),
        one("differs", "failed", why="AssertionError: 1 == 2"),
        one("asks", "failed", why="APIError", status=404, request="GET /v1/gone"),
        one("looks", "failed", why="AttributeError: _own", name="_own"),
        one("breaks", "failed", why="KeyError: 'e'"),
        one("", "failed", test="test_b.py", when="collect", why="ImportError: Bar", tests=7),
    ], GONE)  # fmt: skip
    assert (told.passed, told.late) == (1, 0)
    assert told.failed == {"it is like that": 1, UNSERVED: 1, PRIVATE: 1, UNKNOWN: 1}
    assert told.left == {SKIPPED: 1, ASIDE: 1, UNKNOWN: 7}
    assert told.faults == ["test_a.py::breaks, call: KeyError: 'e'", "test_b.py, collect: ImportError: Bar"]
    text = lines([], {}, [told])
    assert text[0].startswith("their 1.0, its own tests on tidebook.compat.alpaca: 1 passed; 4 failed; 9 not run")
    assert [line.partition(":")[0] for line in text if line.startswith("FAULT")] == ["FAULT their, its own tests"] * 2
    assert count([], {}, [told]) == 2


def test_too_few_untold_and_reasons_of_nothing_are_faults() -> None:
    told = Told(replace(LIBRARY, least=2))
    counted(told, [{"collected": 2}, one("passes")], ())
    assert told.faults == [
        "2 were collected, and 1 have told what became of them", "1 passed, 2 at the least were to",
        "explains nothing any more: it is like that",
    ]  # fmt: skip


def test_what_nobody_knows_is_asked_once_more_and_that_is_told() -> None:
    broken = one("breaks", "failed", why="KeyError")
    first = [{"collected": 3}, one("late", "failed", why="TooLong"), broken, one("fine")]
    again = unexplained(LIBRARY, first, ())
    assert again == ["test_a.py::late", "test_a.py::breaks"]
    told = Told(replace(LIBRARY, reasons=()))
    counted(told, replaced(first, [{"collected": 2}, one("late"), broken], again), ())
    assert (told.passed, told.late, told.faults) == (2, 1, ["test_a.py::breaks, call: KeyError"])
    assert "2 passed, 1 of them when asked again; 1 failed" in told.lines()[0]


def test_each_is_declared_and_has_its_fixtures() -> None:
    found = libraries()
    assert [(one.name, one.version) for one in found] == [("alpaca-py", "bd1fa9e"), ("python-binance", "1.0.37")]
    assert all(one.fixtures.is_file() and one.reasons and one.title.startswith(one.name) for one in found)


def published(folder: Path, **tests: str) -> Repository:
    """A repository with these tests."""
    (folder / "tests" / "sub").mkdir(parents=True)
    for name, text in tests.items():
        (folder / "tests" / "sub" / f"test_{name}.py").write_text(text)
    (folder / "tests" / "conftest.py").write_text("raise SystemError('theirs is not used')\n")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "tests"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    return Repository(str(folder), head)


async def test_they_are_fetched_once_run_on_our_names_and_reach_this_machine_alone(tmp_path: Path) -> None:
    source = published(
        tmp_path / "origin",
        a=f"""
import os, socket
import pytest
from alpaca.data.timeframe import TimeFrame

def test_names_are_ours():
    assert TimeFrame.__module__.startswith("tidebook.compat.alpaca")
    assert os.environ["TIDEBOOK_AT"] == {NOWHERE!r}

def test_elsewhere_is_refused():
    with pytest.raises(PermissionError), socket.socket() as one:
        one.connect(("192.0.2.1", 443))

async def test_differs():
    assert False
""",
        b="from alpaca.broker import BrokerClient\ndef test_one(): ...\ndef test_two(): ...\n",
    )
    peers, alpaca = tmp_path / "peers", next(one for one in libraries() if one.name == "alpaca-py")
    made = peers / alpaca.environment
    (made / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (made / ".made").touch()
    fixtures = tmp_path / "fixtures.py"
    fixtures.write_text("")
    reasons = Reason("brokers are not covered", "", r"alpaca\.broker"), Reason("it differs", "test_differs$", "Assert")
    library = replace(alpaca, source=source, fixtures=fixtures, reasons=reasons, least=2)
    told = await ran(library, peers)
    assert (told.passed, told.failed, told.left) == (2, {"it differs": 1}, {"brokers are not covered": 2})
    assert (told.missing, told.faults) == ("", [])
    gone = replace(library, source=replace(source, url=str(tmp_path / "gone")))
    assert fetched(gone, peers).is_file()  # it is kept


async def test_what_cannot_be_had_is_told_and_no_fault(tmp_path: Path) -> None:
    alpaca = next(one for one in libraries() if one.name == "alpaca-py")
    told = await ran(alpaca, tmp_path)
    assert "not installed" in told.missing
    (tmp_path / alpaca.environment / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (tmp_path / alpaca.environment / ".made").touch()
    nowhere = replace(alpaca, source=Repository(str(tmp_path / "nobody"), "0" * 40))
    told = await ran(nowhere, tmp_path)
    assert "git fetch" in told.missing
    assert told.lines() == [f"alpaca-py 0000000, its own tests on tidebook.compat.alpaca: not fetched: {told.missing}"]
    assert lines([], {}, [told])[-1] == "0 faults"


async def test_another_file_than_the_one_pinned_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "their-1.0.tar.gz").write_bytes(b"another")
    (tmp_path / "its-own" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (tmp_path / "its-own" / ".made").touch()
    told = await ran(LIBRARY, tmp_path)
    assert told.faults == ["their-1.0.tar.gz is not the file that was pinned"]


def test_a_declaration_with_a_word_too_many_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "library.toml").write_text('name = "a"\nvenues = []\nleest = 1\n[repository]\nurl = ""\ncommit = ""\n')
    (tmp_path / "reasons.toml").write_text("")
    with pytest.raises(TypeError, match="leest"):
        declared(tmp_path)
