"""One embedded exchange for a module of tests, on a thread of its own: what is tested has its own loop, or none."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from tidebook.sim.server import serve
from tidebook.threads.loop import LoopThread

T = TypeVar("T")
GENEROUS = 30.0


class Exchange:
    """Its address, and what is asked of it in its loop."""

    def __init__(self, thread: LoopThread, sim: serve) -> None:
        self.thread = thread
        self.sim = sim
        self.at = sim.at

    def do(self, call: Callable[[serve], T]) -> T:
        """Ask something of it, in its loop."""
        return self.thread.ask(lambda: call(self.sim))


@contextmanager
def beside(opened: AbstractAsyncContextManager[T]) -> Iterator[tuple[LoopThread, T]]:
    """A server, entered and left on a thread with a loop of its own."""
    thread = LoopThread("exchange")
    thread.start()
    try:
        thing = thread.call(opened.__aenter__(), GENEROUS)
        try:
            yield thread, thing
        finally:
            thread.call(opened.__aexit__(None, None, None), GENEROUS)
    finally:
        thread.stop()


@contextmanager
def served(*venues: str, seed: int = 1, speed: float = 1.0) -> Iterator[Exchange]:
    with beside(serve(seed=seed, venues=venues, speed=speed)) as (thread, sim):
        yield Exchange(thread, sim)
