"""A live subscription and the three ways to read it.

`on(function)` is called in the receive path; `async for` and `batches()` are built on it, over a queue with
a bound and a rule for what happens when the reader is too slow.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from typing import Generic, Literal, TypeVar

from tidebook.client.opening import Opening
from tidebook.errors import Overrun, UsageError
from tidebook.io.clock import now

logger = logging.getLogger("tidebook.client")

T = TypeVar("T")
Slow = Literal["error", "drop", "conflate"]
MOST_ITEMS = 65_536
SLOW_CALL_NS = 50_000_000


class Queue(Generic[T]):
    """Between the receive path and one reader. Never longer than `most`; what does not fit is counted.

    ``error``: what is queued is delivered, then Overrun says how many were lost, then it goes on.
    ``drop``: the oldest go. ``conflate``: one item per key, the newest, merged by `merge`.
    """

    def __init__(
        self,
        rule: Slow,
        *,
        most: int = MOST_ITEMS,
        key: Callable[[T], Hashable] | None = None,
        merge: Callable[[T, T], T] | None = None,
    ) -> None:
        self.rule: Slow = rule
        self.lost = 0
        self._most = most
        self._key = key
        self._merge = merge
        self._items: deque[T] = deque()
        self._latest: dict[Hashable, T] = {}
        self._missing = 0  # lost since the last Overrun
        self._waiter: asyncio.Future[None] | None = None
        self._end: BaseException | None = None
        self.ended = False

    def __len__(self) -> int:
        return len(self._items) + len(self._latest)

    def put(self, item: T) -> None:
        if self.rule == "conflate" and self._key is not None:
            key = self._key(item)
            old = self._latest.get(key)
            self._latest[key] = item if old is None or self._merge is None else self._merge(old, item)
        elif self.rule == "drop":
            if len(self._items) >= self._most:
                self._items.popleft()
                self.lost += 1
            self._items.append(item)
        elif self._missing or len(self._items) >= self._most:
            self._missing += 1
            self.lost += 1
        else:
            self._items.append(item)
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)  # the reader is woken at most once per turn of the loop

    def end(self, error: BaseException | None = None) -> None:
        """No more items; what is queued is still delivered, then the error, if any."""
        self.ended = True
        self._end = error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def some(self) -> list[T]:
        """All that is there, at least one item; empty at the end. Cancelling loses nothing."""
        while not self._items and not self._latest:
            if self._missing:
                lost, self._missing = self._missing, 0
                raise Overrun(f"the reader was too slow: {lost} items were lost", lost=lost)
            if self.ended:
                if self._end is not None:
                    error, self._end = self._end, None
                    raise error
                return []
            if self._waiter is not None and not self._waiter.done():
                raise UsageError("somebody else is reading this subscription. Open another one")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        found = [*self._items, *self._latest.values()]
        self._items.clear()
        self._latest.clear()
        return found


class Subscription(Opening, Generic[T]):
    """Items of one kind, from one or more topics. Made by the nouns of a market: `trades`, `quotes` …

    `lost` counts what a reader was too slow for. `state` says whether all its topics are subscribed.
    """

    def __init__(self, what: str, slow: Slow, *, key: Callable[[T], Hashable] | None = None) -> None:
        super().__init__()
        self.what = what
        self._queue: Queue[T] = Queue(slow, key=key)
        self._calls: list[Callable[[T], object]] = []
        self._pending: deque[T] = deque()
        self._latest: dict[Hashable, T] = {}
        self._key = key

    @property
    def lost(self) -> int:
        return self._queue.lost

    def on(self, function: Callable[[T], object]) -> Callable[[T], object]:
        """Call a plain function with each item, in the receive path, in order; also a decorator.

        An exception of it ends this subscription alone, and is what its readers then get.
        """
        if asyncio.iscoroutinefunction(function):
            raise UsageError("`on` takes a plain function. To await, write `async for`")
        self._calls.append(function)
        return function

    def deliver(self, items: Sequence[T]) -> None:
        """From the receive path."""
        if self._queue.ended:
            return
        for item in items:
            if self._key is not None:
                self._latest[self._key(item)] = item
            if not self._calls:
                self._queue.put(item)
                continue
            started = now().mono_ns
            for call in self._calls:
                try:
                    call(item)
                except Exception as error:
                    logger.error("%s: the function given to `on` raised", self.what, exc_info=error)
                    self.fail(error)
                    return
            took = now().mono_ns - started
            if took > SLOW_CALL_NS:
                self._slow_call(took)

    def _slow_call(self, took_ns: int) -> None:
        logger.warning("%s: the function given to `on` took %.0f ms", self.what, took_ns / 1e6)

    def fail(self, error: BaseException) -> None:
        """End it: its readers get what is queued, then this."""
        self._queue.end(error)

    def latest(self, symbol: str | None = None) -> T | None:
        """The newest item, or the newest of a symbol; None before there is one."""
        if symbol is None:
            return next(reversed(self._latest.values()), None) if self._latest else None
        found = [
            item for key, item in self._latest.items() if key == symbol or (isinstance(key, tuple) and symbol in key)
        ]
        return found[-1] if found else None

    async def next(self, timeout: float | None = 30.0) -> T:
        """The next item. Raises Timeout's base TimeoutError after `timeout` seconds, EOF as StopAsyncIteration."""
        async with asyncio.timeout(timeout):
            return await self.__anext__()

    def __aiter__(self) -> AsyncIterator[T]:
        self._check_loop()
        self._check_readable()
        return self

    async def __anext__(self) -> T:
        if not self._pending:
            self._pending.extend(await self._queue.some())
        if not self._pending:
            raise StopAsyncIteration
        return self._pending.popleft()

    async def batches(self) -> AsyncIterator[list[T]]:
        """All that one turn of the loop brought, as a list, again and again."""
        self._check_loop()
        self._check_readable()
        while True:
            batch = [*self._pending]
            self._pending.clear()
            batch = batch or await self._queue.some()
            if not batch:
                return
            yield batch

    def _check_readable(self) -> None:
        if self._calls:
            raise UsageError("this subscription is read by `on`. Open another one to iterate")

    async def _close(self) -> None:
        self._queue.end()
