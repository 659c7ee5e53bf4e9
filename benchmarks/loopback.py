"""The server in C as a process: `with Server(prepared(...)) as server`. What it speaks stands at the head of `native/server.c`."""

import json
import subprocess
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Final

from benchmarks.compiled import program
from benchmarks.prepared import ROOT, Prepared

SAMPLES: Final = ROOT / "src" / "tidebook" / "venues" / "binance" / "samples"


class Server:
    """Running between entering and leaving; ends with this process. `core` is the only one that it uses, or any."""

    def __init__(self, *files: Prepared, core: int | None = None) -> None:
        self._files = files
        self._core = core
        self._process: subprocess.Popen[str] | None = None
        self.port = self.epoch_ns = self.base = 0

    def __enter__(self) -> "Server":
        bodies = {"/api/v3/exchangeInfo": SAMPLES / "exchangeInfo.json"}
        bodies |= {"/api/v3/depth": one.whole for one in self._files if one.kind == "depth"}
        core = [] if self._core is None else ["--cpu", str(self._core)]
        # The first message of a book is sent when it is subscribed, all others when somebody says go.
        first = "1" if len(bodies) > 1 else "0"
        words = [word for path, file in bodies.items() for word in ("--body", f"{path}={file}")]
        command = [str(program("server")), *core, "--first", first, *words, "--frames"]
        self._process = subprocess.Popen(
            [*command, *(str(one.frames) for one in self._files)],
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
        return ask(self.port, "/bench/stats")


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
