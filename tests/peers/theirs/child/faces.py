"""A plugin of pytest, read in the process that runs a library's own tests: our names stand where its were.

`TIDEBOOK_THEIRS_NAME` is the library's package, `TIDEBOOK_THEIRS_FACE` ours; `TIDEBOOK_THEIRS_SITE` is where what the
tests import besides is installed. What became of each test is a line of JSON in `TIDEBOOK_THEIRS_TOLD`.
"""

import ast
import importlib
import json
import os
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

LONGEST = 60.0  # seconds of one phase of a test; some of them sleep for ten
NAME = os.environ["TIDEBOOK_THEIRS_NAME"]
FACE = os.environ["TIDEBOOK_THEIRS_FACE"]
TOLD = Path(os.environ["TIDEBOOK_THEIRS_TOLD"])
ROOT = TOLD.parent  # below which the tests are
BENEATH = ("requests_mock", "aioresponses")  # they answer in place of the library's own way to the network


class TooLong(BaseException):
    """A test has had its time. No `except Exception` of a test takes it for an error that it waits for."""


def _stand_in() -> None:
    """Each module of the face is found by the library's name too, and is the same module."""
    face = importlib.import_module(FACE)
    sys.modules[NAME] = face
    for found in pkgutil.walk_packages(face.__path__, f"{FACE}."):
        words = found.name.removeprefix(FACE)
        if not any(word.startswith("_") for word in words.split(".")):
            sys.modules[NAME + words] = importlib.import_module(found.name)


sys.path.append(os.environ["TIDEBOOK_THEIRS_SITE"])
_stand_in()


def _over(*_: object) -> None:
    raise TooLong(f"not done after {LONGEST:g} s")


def _tell(**facts: Any) -> None:
    with TOLD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")


def _replaces(item: Any) -> str:
    """What a test answers with in place of the network; empty where it does not."""
    names = item.function.__code__.co_names
    return next((name for name in BENEATH if name in names), "")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Tests that lay answers under another library's way to the network say nothing of ours: they are told, not run."""
    for item in [*items]:
        if found := _replaces(item):
            items.remove(item)
            _tell(test=item.nodeid, outcome="aside", why=found)


def pytest_collection_finish(session: Any) -> None:
    _tell(collected=len(session.items))


def _timed() -> Any:
    signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, LONGEST, 1.0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Any:
    return (yield from _timed())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Any:
    return (yield from _timed())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Any:
    return (yield from _timed())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """What happened in one phase, with what its error says: the request that was refused, the name that is not."""
    report = yield
    if report.when != "call" and report.passed:
        return report
    error = None if call.excinfo is None else call.excinfo.value
    _tell(
        test=item.nodeid, when=report.when, outcome=report.outcome, why=_why(error),
        status=getattr(error, "status_code", None), request=str(getattr(error, "request", None) or ""),
        name=str(getattr(error, "name", None) or ""),
    )  # fmt: skip
    return report


def _why(error: BaseException | None) -> str:
    """An error in one line."""
    return "" if error is None else f"{type(error).__name__}: {error}".partition("\n")[0][:300]


def _written(path: Path) -> int:
    """How many tests a module has that cannot be imported."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return sum(isinstance(node, kinds) and node.name.startswith("test_") for node in ast.walk(tree))


def pytest_collectreport(report: Any) -> None:
    if not report.passed:
        told = [line for line in str(report.longrepr).splitlines() if "Error" in line] or [str(report.longrepr)]
        _tell(
            test=report.nodeid, when="collect", outcome=report.outcome, why=told[-1],
            tests=_written(ROOT / report.nodeid),
        )  # fmt: skip
