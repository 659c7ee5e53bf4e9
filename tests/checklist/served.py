"""One embedded exchange for a module of tests, on a thread of its own: the programs under test have their own loops."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path

from tidebook.sim.server import serve
from tidebook.threads.loop import LoopThread

SEEDS = Path(environ.get("TIDEBOOK_SHARED", Path(__file__).parents[3] / "shared")) / "seeds"


def document(number: str) -> str | None:
    """A document's text, where there is one beside the project."""
    found = next(iter(sorted(SEEDS.glob(f"{number}_*.txt"))), None)
    return None if found is None else found.read_text(encoding="utf-8")


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
def served(*venues: str, speed: float = 1.0) -> Iterator[Served]:
    thread = LoopThread("exchange")
    thread.start()
    sim = serve(seed=1, venues=venues, speed=speed)
    try:
        thread.call(sim.__aenter__())
        try:
            yield Served(thread, sim)
        finally:
            thread.call(sim.__aexit__(None, None, None))
    finally:
        thread.stop()
