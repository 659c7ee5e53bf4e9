"""One embedded exchange for a module of tests, on a thread of its own: the programs under test have their own loops."""

from collections.abc import Iterator
from contextlib import contextmanager

from tidebook.sim.server import serve
from tidebook.threads.loop import LoopThread


class Served:
    """Its address, and what goes wrong on request."""

    def __init__(self, thread: LoopThread, sim: serve) -> None:
        self.thread = thread
        self.sim = sim
        self.at = sim.at

    def cut(self, venue: str = "binance", seconds: float = 3600) -> None:
        async def cut() -> None:
            self.sim.faults.cut(venue, seconds=seconds)

        self.thread.call(cut())

    def resume(self, venue: str = "binance") -> None:
        async def resume() -> None:
            self.sim.faults.resume(venue)

        self.thread.call(resume())


@contextmanager
def served(*venues: str) -> Iterator[Served]:
    thread = LoopThread("exchange")
    thread.start()
    sim = serve(seed=1, venues=venues)
    try:
        thread.call(sim.__aenter__())
        try:
            yield Served(thread, sim)
        finally:
            thread.call(sim.__aexit__(None, None, None))
    finally:
        thread.stop()
