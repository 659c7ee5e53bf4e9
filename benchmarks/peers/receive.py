"""One contender receives over a loopback socket, in a process of its own:

    python -m benchmarks.peers.receive DRIVER PORT KIND STREAM COUNT:LAST...

KIND is depth, quotes or trades. For each COUNT it lets the server begin, and stops the clocks when the user's function
has had COUNT messages, or the message whose id is LAST where a library hands on the newest state alone. The last line
of what it writes is JSON: {"parts": [{"messages", "cpu_ns", "wall_ns", "calls"}], "last", "best"}.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

from benchmarks.loopback import go
from benchmarks.peers.guard import guard

LATEST: Final = 60.0  # seconds that one part may take
STEP: Final = Decimal("1e-8")

State = Callable[[], tuple[Any, tuple[Any, ...]]]
"""The last id, and bid, bid size, ask, ask size, or price and size, as the user's function has them."""

Session = Callable[[State], Awaitable[None]]


class Meter:
    """What a user's function is measured with: it counts `left` down, once a message, and calls `stop` at 0.

    `last` is the id of the last message, for those that are not called once a message; they count `calls`.
    """

    def __init__(self) -> None:
        self.left = self.last = self.calls = 0
        self._cpu_ns = self._end_ns = 0
        self._done = asyncio.Event()

    def stop(self) -> None:
        self._end_ns = time.monotonic_ns()
        self._cpu_ns = time.process_time_ns() - self._cpu_ns
        self._done.set()

    async def part(self, port: int, count: int, last: int) -> dict[str, int]:
        self.left, self.last, self.calls = count, last, 0
        self._done.clear()
        start_ns = go(port, 0, count)
        self._cpu_ns = time.process_time_ns()
        async with asyncio.timeout(LATEST):
            await self._done.wait()
        calls = self.calls or count
        return {"messages": count, "cpu_ns": self._cpu_ns, "wall_ns": self._end_ns - start_ns, "calls": calls}


def exact(value: Any) -> int:
    """In 10^-8; a float's shortest text has all of the eight decimals."""
    return round(Decimal(str(value)) / STEP)


async def measured(driver: Any, port: int, kind: str, stream: str, parts: list[tuple[int, int]]) -> dict[str, Any]:
    meter, out = Meter(), dict[str, Any]()

    async def session(state: State) -> None:
        out["parts"] = [await meter.part(port, count, last) for count, last in parts]
        last, numbers = state()
        out["last"], out["best"] = int(last), [exact(one) for one in numbers]

    await driver.receive(meter, port, kind, stream, session)
    return out


def main() -> None:
    name, port, kind, stream, *parts = sys.argv[1:]
    guard()
    driver: Any = import_module(f"benchmarks.peers.drivers.{name}")
    split = [(int(count), int(last)) for count, last in (part.split(":") for part in parts)]
    found = asyncio.run(measured(driver, int(port), kind, stream, split))
    found["versions"] = {package: version(package) for package in driver.PACKAGES}
    found["notes"] = driver.NOTES
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
