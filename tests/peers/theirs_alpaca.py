"""`python -m tests.peers.theirs_alpaca`: alpaca-py's own unit tests, on `tidebook.compat.alpaca`.

They are fetched when this is run, at one commit, and are no part of this repository; `--from` takes a clone that is
there. They run with our names in the place of alpaca-py's, and with fixtures of ours: what they register as an answer
of Alpaca's is answered by a server on this machine, to which everything is sent. What else they import, msgpack and
pytz, the peers' environment has (`make peers`).
"""

import argparse
import ast
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.peers.runner import PEERS
from tests.served import beside

from tidebook.io.serve import Answer, Asked, Cut, Served, Server

URL: Final = "https://github.com/alpacahq/alpaca-py"
COMMIT: Final = "bd1fa9ea2fc3194914be9d47f7f5822a18a05b5f"  # of 2026-07-23
NAME: Final = "alpaca"
FACE: Final = "tidebook.compat.alpaca"
NOWHERE: Final = "127.0.0.1:9"  # where a test sends what it has no answer for: nobody is there
LATEST: Final = 120  # seconds that fetching may take
LEAST: Final = 7  # tests that pass: all of those of crypto over REST

# Why what cannot be imported is not there, by its module and its error.
NOT_COVERED: Final = (
    (r"test_websockets\.py", "private methods of its stream, by messages of stocks and of news"),
    (r"alpaca\.broker|alpaca\.common\.(models|utils|types)", "brokers"),
    (r"alpaca\.trading", "trading"),
    (r"alpaca\.data\.historical\.(stock|option|news|screener|corporate_actions|utils)", "stocks, options, news"),
    (r"alpaca\.data\.models\.(news|screener|corporate_actions)", "stocks, options, news"),
    (r"'(Exchange|DataFeed|Adjustment|Stock\w+|Option\w+|News\w*|Corporate\w+|Screener\w*)'", "stocks, options, news"),
)


class NotFetched(Exception):
    """It could not be had."""


def fetched(source: str, folder: Path) -> None:
    """Put the tests of the commit into a folder. Raises NotFetched."""
    folder.mkdir()
    commands = (
        ["git", "init", "--quiet", "--bare", "."],
        ["git", "fetch", "--quiet", "--depth", "1", source, COMMIT],  # which is its own checksum
        ["git", "archive", "--output", "tests.tar", COMMIT, "tests"],
        ["tar", "--extract", "--file", "tests.tar"],
    )
    for command in commands:
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=LATEST)
        except (OSError, subprocess.SubprocessError) as error:
            told = str(getattr(error, "stderr", "") or error).strip().splitlines()
            raise NotFetched(f"{' '.join(command[:2])}: {told[-1] if told else error}") from None


class Mocker:
    """What alpaca-py's tests use of requests_mock, as a site of our server: it answers what was registered."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[dict[str, list[str]], bytes]] = {}  # by host and path
        self.asked: list[Asked] = []

    def get(self, url: str, *, text: str) -> None:
        parts = urlsplit(url)
        self._answers[f"{parts.hostname}{parts.path}"] = parse_qs(parts.query), text.encode()

    @property
    def called_once(self) -> bool:
        return len(self.asked) == 1

    @property
    def last_request(self) -> "Mocker":
        return self

    @property
    def qs(self) -> dict[str, list[str]]:
        """Of the last request."""
        return parse_qs(self.asked[-1].query)

    async def http(self, request: Asked) -> Answer:
        """What was registered, where its whole query is asked for. The list of assets, our own question, is empty."""
        found = self._answers.get(f"{request.host}{request.path}")
        if found is None:
            if request.path.endswith("/assets"):
                return Answer(200, b"[]")
            raise Cut
        query, body = found
        self.asked.append(request)
        told = parse_qs(request.query)
        if any(told.get(name) != values for name, values in query.items()):
            return Answer(404, f'{{"message": "asked {told}, not {query}"}}'.encode())
        return Answer(200, body)

    async def websocket(self, request: Asked, socket: Served) -> None:
        raise Cut


@dataclass
class Told:
    """A plugin of pytest: the fixtures that the tests ask for, and what became of each."""

    passed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)  # modules that cannot be imported, and why

    @pytest.fixture(name="reqmock")
    def mock(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mocker]:
        site = Mocker()
        with beside(Server(site)) as (_, server):
            monkeypatch.setenv("TIDEBOOK_AT", server.at)
            yield site

    @pytest.fixture(name="crypto_client")
    def client(self, reqmock: Mocker) -> Iterator[Any]:
        yield from self._made(raw_data=False)

    @pytest.fixture(name="raw_crypto_client")
    def raw_client(self, reqmock: Mocker) -> Iterator[Any]:
        yield from self._made(raw_data=True)

    def _made(self, **how: bool) -> Iterator[Any]:
        kind = importlib.import_module(f"{FACE}.data.historical.crypto").CryptoHistoricalDataClient
        with kind("key-id", "secret-key", **how) as client:
            yield client

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append((report.nodeid, str(report.longrepr).strip().splitlines()[-1]))
        elif report.when == "call" and report.passed:
            self.passed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            told = [line for line in str(report.longrepr).splitlines() if "Error" in line]
            self.left.append((report.nodeid, told[-1] if told else str(report.longrepr)))


def stand_in(site: Path) -> None:
    """Each module of ours is found by alpaca-py's name too, and is the same module."""
    sys.path.append(str(site))
    mock: Any = ModuleType("requests_mock")
    mock.Mocker = Mocker
    sys.modules["requests_mock"] = mock  # named by modules of which nothing else can be imported
    face = importlib.import_module(FACE)
    sys.modules[NAME] = face
    for found in pkgutil.walk_packages(face.__path__, f"{FACE}."):
        sys.modules[NAME + found.name.removeprefix(FACE)] = importlib.import_module(found.name)


def written(path: Path) -> int:
    """How many tests a module has."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return sum(isinstance(node, kinds) and node.name.startswith("test_") for node in ast.walk(tree))


def lines(told: Told, root: Path) -> tuple[list[str], int]:
    """The report, and how many faults it has."""
    left: Counter[str] = Counter()
    faults: list[str] = []
    for module, error in told.left:
        why = next((name for words, name in NOT_COVERED if re.search(words, f"{module}: {error}")), None)
        left[why or "for a reason that nobody gave"] += written(root / module)
        if why is None:
            faults.append(f"{module}: {error}")
    faults += [f"{test}: {error}" for test, error in told.failed]
    if len(told.passed) < LEAST:
        faults.append(f"{len(told.passed)} passed, {LEAST} at the least were to")
    text = [f"alpaca-py's own tests of {COMMIT[:7]}: {len(told.passed)} passed, {len(told.failed)} failed"]
    text += [f"  {count} not run, of what is not covered: {why}" for why, count in sorted(left.items())]
    return [*text, *(f"FAULT {one}" for one in faults)], len(faults)


def main() -> int:
    """0: what is covered passes, or the tests could not be had, which is told. 1: otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.theirs_alpaca", description=__doc__)
    parser.add_argument("--from", dest="source", default=URL, metavar="REPOSITORY", help="an URL, or a clone")
    source = parser.parse_args().source
    site = next(iter((PEERS / "alpaca-py").glob("lib/python*/site-packages")), None)
    if site is None:
        print("alpaca-py's own tests: what they import is not installed. `make peers` does that")
        return 0
    os.environ["TIDEBOOK_AT"] = NOWHERE
    with tempfile.TemporaryDirectory(prefix="tidebook-peers-") as name:
        root, told = Path(name) / "theirs", Told()
        try:
            fetched(source, root)
        except NotFetched as error:
            print(f"alpaca-py's own tests: not fetched: {error}")
            return 0
        (root / "tests" / "conftest.py").unlink()  # ours are its fixtures
        stand_in(site)
        for known in [one for one in sys.modules if one == "tests" or one.startswith("tests.")]:
            del sys.modules[known]  # theirs has that name too
        pytest.main(
            ["-p", "no:terminal", "-p", "no:cacheprovider", "-c", os.devnull, "-W", "ignore", "--rootdir", str(root),
             "--continue-on-collection-errors", str(root / "tests")],
            plugins=[told],
        )  # fmt: skip
        text, count = lines(told, root)
    print("\n".join(text))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
