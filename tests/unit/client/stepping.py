"""Cancelling a coroutine at a chosen await of its own, and what may be left afterwards."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from tidebook.client.market import Market

How = Literal["asleep", "ready", "again"]
HOWS: Final[tuple[How, ...]] = ("asleep", "ready", "again")
GENEROUS: Final = 120.0  # seconds that nothing here takes, on a machine that does much else
FOREVER: Final = 1e6  # seconds; who waits for so long has not passed


class Stepped:
    """Awaits `work`, and cancels the task that does when `work` waits for the `at`-th time (from 0).

    ``asleep``: there and then. ``ready``: when what it waits for has come, and before it learns of that. ``again``:
    there, and each time that it waits afterwards. `reached` says whether it came so far.
    """

    def __init__(self, work: Awaitable[Any], at: int, how: How) -> None:
        self._work = work.__await__()
        self._at = at
        self._how = how
        self.reached = False

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        index, error = 0, None
        while True:
            try:
                waits = self._work.send(None) if error is None else self._work.throw(error)
            except StopIteration as over:
                return over.value
            if index == self._at or (index > self._at and self._how == "again"):
                self.reached = True
                if self._how == "ready" and isinstance(waits, asyncio.Future):
                    waits.add_done_callback(lambda _: task.cancel())
                else:
                    task.cancel()
            index += 1
            error = None
            try:
                yield waits
            except BaseException as thrown:
                error = thrown


async def cancelled(work: Awaitable[Any], at: int, how: How) -> bool:
    """Whether it could be cancelled there: False when it was over before. Raises AssertionError when it lived on."""
    stepped = Stepped(work, at, how)

    async def run() -> Any:
        return await stepped

    task = asyncio.ensure_future(run())
    done, _ = await asyncio.wait([task], timeout=GENEROUS)
    assert done, f"hangs when it is cancelled at its await {at}, {how}"
    if not stepped.reached:
        await task
        return False
    assert task.cancelled(), f"cancelled at its await {at}, {how}, it ended as {task!r}"
    return True


def ours() -> set[asyncio.Task[Any]]:
    """The tasks that the client has begun, of whatever is left of them."""
    found = set()
    for task in asyncio.all_tasks():
        file = getattr(getattr(task.get_coro(), "cr_code", None), "co_filename", "")
        if "/tidebook/client/" in file or ("/tidebook/io/" in file and not file.endswith("serve.py")):
            found.add(task)
    return found


def sockets() -> int:
    """How many this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:  # that of the listing
            continue
    return count


@asynccontextmanager
async def entered_without(market: Market, place: str) -> AsyncIterator[Market]:
    """A market that is entered when all have answered but one exchange, without waiting for time to be over."""
    opening = asyncio.ensure_future(market._enter())
    await until(lambda: market._connected)
    late = {one.at for one in market._venues(place)}
    ones = {there: [one for one in market._connected if (one.at in late) is not there] for there in (True, False)}
    await until(lambda: all(one.ready.is_set() for one in ones[True]))
    for one in ones[False]:
        assert not one.ready.is_set()
        one.ready.set()
    await opening
    for one in ones[False]:
        one.ready.clear()
    try:
        yield market
    finally:
        await market.close()


async def until(true: Callable[[], object]) -> None:
    """Wait until something is so. Raises TimeoutError after a generous time."""
    async with asyncio.timeout(GENEROUS):
        while not true():  # noqa: ASYNC110 - what it waits for is seen from outside
            await asyncio.sleep(0.001)
