"""A live subscription and the three ways to read it.

`on(function)` is called in the receive path; `async for` and `batches()` are built on it, over a queue with
a bound and a rule for what happens when the reader is too slow.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from typing import Final, Generic, Literal, TypeVar

from tidebook.client.calls import About, Calls, Tell
from tidebook.client.opening import Opening
from tidebook.client.waits import within
from tidebook.core.burst import Burst
from tidebook.core.options import Options
from tidebook.errors import Overrun, UsageError
from tidebook.io import process
from tidebook.io.clock import now
from tidebook.model import health

T = TypeVar("T")
Slow = Literal["error", "drop", "conflate"]
SLOW: Final[tuple[Slow, ...]] = ("error", "drop", "conflate")
FACT_BYTES: Final = 256  # what a fact takes, its numbers and texts with it
DEFAULTS: Final = Options()


class Queue(Generic[T]):
    """Between the receive path and one reader. At most `most` items, and `most_bytes` as `size` counts them.

    ``error``: what is queued is delivered, then Overrun says how many were lost, then it goes on.
    ``drop``: the oldest go. ``conflate``: one item per key, the newest, merged by `merge`.
    What does not fit is counted in `lost`, and told to `on_lost`: the first of a loss at once, the rest when the reader
    comes back, or at the end.
    """

    def __init__(
        self,
        rule: Slow,
        *,
        most: int = DEFAULTS.queue_items,
        most_bytes: int = DEFAULTS.queue_bytes,
        size: Callable[[T], int] | None = None,
        key: Callable[[T], Hashable] | None = None,
        merge: Callable[[T, T], T] | None = None,
        on_lost: Callable[[int], None] | None = None,
    ) -> None:
        if rule not in SLOW:
            why = "a live stream cannot wait, history does" if str(rule) == "block" else "no rule for slow readers"
            raise UsageError(f"slow={rule!r}: {why}. There are: {', '.join(SLOW)}")
        if rule == "conflate" and key is None:
            raise UsageError("slow='conflate' keeps the newest of each key, and these items have none")
        self.rule: Slow = rule
        self.lost = 0
        self.on_lost = on_lost
        self._most = most
        self._most_bytes = most_bytes
        self._size = size
        self._bytes = 0
        self._key = key
        self._merge = merge
        self._items: deque[T] = deque()
        self._latest: dict[Hashable, T] = {}
        self._missing = 0  # lost since the last Overrun
        self._untold = 0  # lost, and not told to `on_lost` yet
        self._losing = False
        self._waiter: asyncio.Future[None] | None = None
        self._end: BaseException | None = None
        self.ended = False

    def another(self) -> "Queue[T]":
        """An empty one with the same rule and bounds."""
        return Queue(
            self.rule, most=self._most, most_bytes=self._most_bytes, size=self._size, key=self._key, merge=self._merge,
            on_lost=self.on_lost,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._items) + len(self._latest)

    def put(self, item: T) -> None:
        if self.rule == "conflate" and self._key is not None:
            key = self._key(item)
            old = self._latest.get(key)
            self._latest[key] = item if old is None or self._merge is None else self._merge(old, item)
        elif self.rule == "drop":
            self._items.append(item)
            self._bytes += 0 if self._size is None else self._size(item)
            while len(self._items) > 1 and self._is_over(0):
                self._bytes -= 0 if self._size is None else self._size(self._items[0])
                self._items.popleft()
                self._lose()
        elif self._missing or self._is_over(1):
            self._missing += 1
            self._lose()
        else:
            self._items.append(item)
            self._bytes += 0 if self._size is None else self._size(item)
        self._wake()

    def put_all(self, items: Sequence[T]) -> None:
        """The same with several, in order."""
        # What is not measured and fits is not looked at one by one.
        if (
            self.rule != "error"
            or self._missing
            or self._size is not None
            or len(self._items) + len(items) > self._most
        ):
            for item in items:
                self.put(item)
        elif items:
            self._items.extend(items)
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)  # the reader is woken at most once per turn of the loop

    def end(self, error: BaseException | None = None) -> None:
        """No more items; what is queued is still delivered, then the error, if any."""
        self.ended = True
        self._end = error if self._end is None else self._end
        self._tell()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def some(self) -> list[T]:
        """All that is there, at least one item; empty at the end. Cancelling loses nothing."""
        if not await self._filled():
            return []
        found = [*self._items, *self._latest.values()]
        self._items.clear()
        self._latest.clear()
        self._bytes = 0
        self._drained()
        return found

    async def one(self) -> T:
        """The next item. Raises StopAsyncIteration at the end. Cancelling loses nothing."""
        if not self._items and not self._latest and not await self._filled():
            raise StopAsyncIteration
        return self.take()

    def take(self) -> T:
        """The next item, of those that are there."""
        if self._items:
            item = self._items.popleft()
            self._bytes -= 0 if self._size is None else self._size(item)
        else:
            item = self._latest.pop(next(iter(self._latest)))
        if not self._items and not self._latest:
            self._drained()
        return item

    async def _filled(self) -> bool:
        """Wait until something is there; False at the end. Raises Overrun, or why it ended."""
        while not self._items and not self._latest:
            if self._missing:
                lost, self._missing = self._missing, 0
                raise Overrun(f"the reader was too slow: {lost} items were lost", lost=lost)
            if self.ended:
                if self._end is not None:
                    error, self._end = self._end, None
                    raise error
                return False
            if self._waiter is not None and not self._waiter.done():
                raise UsageError("somebody else is reading this subscription. Open another one")
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            try:
                await waiter
            finally:
                if self._waiter is waiter:  # another reader may wait since this one was woken: it keeps its own
                    self._waiter = None
        return True

    def _drained(self) -> None:
        self._losing = False
        self._tell()

    def _is_over(self, more: int) -> bool:
        """Whether `more` further items would be too many; of any size, one always fits."""
        return len(self._items) + more > self._most or (bool(self._items) and self._bytes > self._most_bytes)

    def _lose(self) -> None:
        self.lost += 1
        self._untold += 1
        if not self._losing:
            self._losing = True
            self._tell()

    def _tell(self) -> None:
        untold, self._untold = self._untold, 0
        if untold and self.on_lost is not None:
            self.on_lost(untold)


class Inlet(Generic[T]):
    """What brings the items of one symbol into a subscription; the newest stays here for `latest`."""

    __slots__ = ("_into", "newest")

    def __init__(self, into: "Subscription[T]") -> None:
        self._into = into
        self.newest: T | None = None

    def take(self, items: Sequence[T]) -> None:
        """From the receive path."""
        into = self._into
        if not items or into._queue.ended:
            return
        self.newest = into._newest = items[-1]
        into.deliver(items)


class Subscription(Opening, Generic[T]):
    """Items of one kind, from one or more topics. Made by the nouns of a market: `trades`, `quotes` …

    `lost` counts what a reader was too slow for. `state` says whether all its topics are subscribed.
    """

    def __init__(
        self,
        what: str,
        slow: Slow,
        *,
        key: Callable[[T], Hashable] | None = None,
        size: Callable[[T], int] | None = None,
        options: Options = DEFAULTS,
        tell: Tell | None = None,
        burst: Burst | None = None,
    ) -> None:
        super().__init__()
        self.what = what
        self._queue: Queue[T] = Queue(
            slow, most=options.queue_items, most_bytes=options.queue_bytes, size=size, key=key, on_lost=self._lost
        )
        self._tell_health = tell
        self._calls: Calls[T] = Calls(self._about, options, tell, burst)
        self._failed: BaseException | None = None
        self._inlets: dict[tuple[str, str], Inlet[T]] = {}  # by venue and symbol
        self._newest: T | None = None

    @property
    def _known_as(self) -> str:
        return self.what

    @property
    def lost(self) -> int:
        return self._queue.lost

    @property
    def state(self) -> str:
        """``opening``, ``open``, ``interrupted`` where a topic is not subscribed, ``failed``, ``closed``."""
        if self._closed:
            return "closed"
        return self._flowing if self._failed is None else "failed"

    @property
    def _flowing(self) -> str:
        """How what it reads is coming."""
        return "open" if self._opened else "opening"

    def on(self, function: Callable[[T], object]) -> Callable[[T], object]:
        """Call a plain function with each item, in the receive path, in order; also a decorator.

        An exception of it ends this subscription alone: it is logged and told as health, its topics are left, and
        iterating or `next` raises it. Raises UsageError for a function that would have to be awaited.
        """
        self._calls.add(function)
        return function

    def deliver(self, items: Sequence[T]) -> None:
        """From the receive path."""
        if self._queue.ended:
            return
        if not self._calls.functions:
            self._queue.put_all(items)
        elif (error := self._calls.call_all(items)) is not None:
            self.fail(error)

    def _about(self) -> About:
        return About(self.what, self._venue_name)

    @property
    def _venue_name(self) -> str:
        """The venue that events about its reader name; empty where there are several."""
        return ""

    def _lost(self, count: int) -> None:
        self._tell(health.Overrun(self._venue_name, None, now().wall_ns, self.what, count))

    def _tell(self, event: health.Health) -> None:
        if self._tell_health is not None:
            self._tell_health(event)

    def fail(self, error: BaseException) -> None:
        """End it: its readers get what is queued, then this; its topics are left."""
        self._queue.end(error)
        if self._failed is None:
            self._failed = error
            # Not at once: this may be inside of the receive path, where what is subscribed must not change.
            asyncio.get_running_loop().call_soon(self._quit)

    def _inlet(self, venue: str, symbol: str) -> Inlet[T]:
        return self._inlets.setdefault((venue, symbol), Inlet(self))

    def _quit(self) -> None:
        """Leave what it has joined; twice is fine."""

    def latest(self, symbol: str | None = None) -> T | None:
        """The newest item, or the newest of a symbol; None before there is one."""
        if symbol is None:
            return self._newest
        inlets = tuple(self._inlets.items())  # also from a thread beside which it grows
        found = [one.newest for (_, name), one in inlets if name == symbol and one.newest is not None]
        return max(found, key=lambda item: getattr(item, "received_ns", 0), default=None)

    async def next(self, timeout: float | None = 30.0) -> T:
        """The next item.

        Raises TimeoutError after `timeout` seconds (None: never), StopAsyncIteration when it is closed, Overrun with
        the count after a loss. Cancelled, it has taken nothing.
        """
        self._check_loop()
        self._check_readable()
        async with within(timeout, self.what):
            return await self._queue.one()

    def __aiter__(self) -> AsyncIterator[T]:
        self._check_loop()
        self._check_readable()
        return self

    async def __anext__(self) -> T:
        if self._loop is not asyncio.get_running_loop() or self._forks != process.forks:
            self._check_loop()  # says what is wrong
        queue = self._queue
        return queue.take() if len(queue) else await queue.one()

    async def batches(self) -> AsyncIterator[list[T]]:
        """All that one turn of the loop brought, as a list, again and again. Raises as `next` does."""
        while True:
            self._check_loop()
            self._check_readable()
            if not (batch := await self._queue.some()):
                return
            yield batch

    def _check_readable(self) -> None:
        if self._calls and not self._queue.ended:
            raise UsageError("this subscription is read by `on`. Open another one to iterate")

    async def _close(self) -> None:
        self._queue.end()
        self._quit()
