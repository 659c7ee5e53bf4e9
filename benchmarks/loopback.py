"""The server in C as a process, `with Server(prepared(...)) as server`: what it speaks heads `native/server.c`."""

import json
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from benchmarks.compiled import program
from benchmarks.prepared import Prepared

SAMPLES: Final = Path(__file__).parents[1] / "src" / "tidebook" / "venues" / "binance" / "samples"


class Server:
    """Running between entering and leaving; ends with this process. `core` is the only one that it uses, or any."""

    def __init__(self, prepared: Prepared, core: int | None = None) -> None:
        self._prepared = prepared
        self._core = core
        self._process: subprocess.Popen[str] | None = None
        self.port = self.epoch_ns = self.base = 0

    def __enter__(self) -> "Server":
        words = ["--body", f"/api/v3/exchangeInfo={SAMPLES / 'exchangeInfo.json'}"]
        if self._core is not None:
            words += ["--cpu", str(self._core)]
        if self._prepared.kind == "depth":
            # The first message is sent when the book is subscribed, all others when somebody says go.
            words += ["--body", f"/api/v3/depth={self._prepared.whole}", "--first", "1"]
        self._process = subprocess.Popen(
            [str(program("server")), *words, "--frames", str(self._prepared.frames)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.port, self.epoch_ns, self.base = told["port"], told["epoch_ns"], told["base"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.communicate()  # the end of its input ends it

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stats(self) -> dict[str, int]:
        """`frames`, `bytes`, `blocked_ns`, `busy_ns`, `cpu_ns`, `late_ns`, `unanswered`, since it began."""
        found: dict[str, int] = ask(self.port, "/bench/stats")
        return found


def ask(port: int, path: str) -> Any:
    """GET, waiting for the answer without a loop: nothing else goes on when it is used."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def go(port: int, rate: int, count: int) -> int:
    """Let the server begin; when the first message is due, in ns of the monotonic clock."""
    return int(ask(port, f"/bench/go?rate={rate}&count={count}")["start_ns"])
