"""A plugin of pytest, read in the process that runs a library's own tests: our names stand where its were.

`TIDEBOOK_THEIRS_NAME` is the library's package, `TIDEBOOK_THEIRS_FACE` ours; `TIDEBOOK_THEIRS_SITE` is where what the
tests import besides is installed. What became of each test is a line of JSON in `TIDEBOOK_THEIRS_TOLD`.
"""

import faulthandler
import importlib
import json
import os
import pkgutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

LONGEST = 6.0  # seconds of one test
NAME = os.environ["TIDEBOOK_THEIRS_NAME"]
FACE = os.environ["TIDEBOOK_THEIRS_FACE"]
TOLD = Path(os.environ["TIDEBOOK_THEIRS_TOLD"])


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


def _why(report: Any) -> str:
    """The error in one line, as pytest says it: its class and its words."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any) -> Any:
    del item
    signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, LONGEST, 1.0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or not report.passed:
        _tell(test=report.nodeid, when=report.when, outcome=report.outcome, why=_why(report) if report.longrepr else "")


def pytest_collectreport(report: Any) -> None:
    if not report.passed:
        _tell(test=report.nodeid, when="collect", outcome=report.outcome, why=_why(report))


def pytest_collection_finish(session: Any) -> None:
    _tell(collected=len(session.items))


faulthandler.enable()
