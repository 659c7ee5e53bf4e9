"""The fixtures that alpaca-py's own tests of crypto ask for. Becomes their conftest.py.

What a test registers as an answer of Alpaca's is answered by a server in this process, to which all is sent.
"""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from alpaca.data.historical.crypto import CryptoHistoricalDataClient

from tidebook.io.serve import Answer, Asked, Cut, Served, Server
from tidebook.threads.loop import LoopThread

LATEST = 30.0  # seconds until the server is there, or gone


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


# Modules name it of which nothing else can be imported.
_stands: Any = ModuleType("requests_mock")
_stands.Mocker = Mocker
sys.modules["requests_mock"] = _stands


@pytest.fixture(name="reqmock")
def _mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mocker]:
    site, thread = Mocker(), LoopThread("answers")
    server = Server(site)
    thread.start()
    try:
        thread.call(server.__aenter__(), LATEST)
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        yield site
    finally:
        thread.call(server.__aexit__(None, None, None), LATEST)
        thread.stop()


@pytest.fixture(name="crypto_client")
def _client(reqmock: Mocker) -> Iterator[Any]:
    with CryptoHistoricalDataClient("key-id", "secret-key") as client:
        yield client


@pytest.fixture(name="raw_crypto_client")
def _raw_client(reqmock: Mocker) -> Iterator[Any]:
    with CryptoHistoricalDataClient("key-id", "secret-key", raw_data=True) as client:
        yield client
