"""The embedded exchange in a thread of its own, for all tests of a module, and a market without asyncio."""

from collections.abc import Callable, Iterator
from threading import Event

import pytest

from tidebook.sim.server import serve
from tidebook.threads import Market, connect
from tidebook.threads.loop import LoopThread

GENEROUS = 30.0


class Running:
    """The exchange, and its loop."""

    def __init__(self) -> None:
        self.thread = LoopThread("simulator")
        self.sim = serve(seed=1, venues=("binance", "htx"))

    def __enter__(self) -> "Running":
        self.thread.start()
        self.thread.call(self.sim.__aenter__(), GENEROUS)
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.call(self.sim.__aexit__(None, None, None), GENEROUS)
        self.thread.stop()

    def do(self, call: Callable[[serve], object]) -> None:
        """Ask something of it, in its loop."""
        self.thread.ask(lambda: call(self.sim))


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Running() as one:
        yield one


@pytest.fixture
def market(running: Running) -> Iterator[Market]:
    with connect("binance.spot", "htx.spot", at=running.sim.at) as opened:
        yield opened


def happens(event: Event) -> None:
    """Wait for it, and fail where it does not come."""
    assert event.wait(GENEROUS)
