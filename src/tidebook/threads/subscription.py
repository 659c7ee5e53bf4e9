"""A live subscription without asyncio, and what is like one: raw messages, changes of a store."""

from collections.abc import Iterator
from typing import Generic, Self, TypeVar

from tidebook.client import raw, subscription
from tidebook.client.calls import About
from tidebook.client.subscription import Queue
from tidebook.client.waits import within
from tidebook.threads.callbacks import Function
from tidebook.threads.opened import AT_ONCE, Called, Read

T = TypeVar("T")


class Subscription(
    Read[subscription.Subscription[T], T], Called[subscription.Subscription[T], T], Iterator[T], Generic[T]
):
    """Items of one kind: ``with market.trades("BTC/USDT") as trades: for trade in trades: …``, or `on`, or `batches`.

    Iterating ends when it is closed, from wherever; it raises what has ended it, and Overrun with the count where the
    reader was too slow. One thread at a time may wait for items; `latest`, `state` and `lost` are for any thread.
    """

    @property
    def what(self) -> str:
        return self._thing.what

    @property
    def state(self) -> str:
        """``opening``, ``open``, ``interrupted`` where a topic is not subscribed, ``failed``, ``closed``."""
        return self._thing.state

    @property
    def lost(self) -> int:
        """Items for which a reader, or an async function, was too slow."""
        return self._thing.lost + (0 if self._callbacks is None else self._callbacks.lost)

    @property
    def failed(self) -> dict[str, BaseException]:
        """Of a pattern's symbols those that cannot be had, and why."""
        return dict(getattr(self._thing, "failed", {}))

    def latest(self, symbol: str | None = None) -> T | None:
        """The newest item, or the newest of a symbol; None before there is one. From any thread."""
        return self._thing.latest(symbol)

    def __iter__(self) -> Self:
        self._check_opened()
        return self

    def __next__(self) -> T:
        return self._next()

    async def _take(self, timeout: float | None) -> bool:
        thing, queue = self._thing, self._thing._queue
        thing._check_readable()
        async with within(timeout, thing.what):
            try:
                item = await queue.one()
            except StopAsyncIteration:
                return False
        self._ready.append(item)
        if queue.rule != "conflate":  # what waits there is still made newer
            while len(queue) and len(self._ready) < AT_ONCE:
                self._ready.append(queue.take())
        return True

    def _about(self) -> About:
        return self._thing._about()

    def _queue_for_async(self) -> Queue[T]:
        return self._thing._queue.another()

    def _register(self, function: Function[T]) -> None:
        self._thing.on(function)


class RawStream(Subscription[raw.RawMessage]):
    """Messages of a connection of its own, as they came. Made by `market.raw(…)`."""

    def add(self, *topics: str) -> None:
        """Subscribe more topics on this connection. From any thread, also inside a callback."""
        self._home.thread.ask(lambda: self._stream.add(*topics))

    def remove(self, *topics: str) -> None:
        """Subscribe these no more; what is on its way still comes. From any thread, also inside a callback."""
        self._home.thread.ask(lambda: self._stream.remove(*topics))

    def renew(self, reason: str) -> None:
        """Give this connection up for another, on which all is said again. From any thread, also inside a callback."""
        self._home.thread.ask(lambda: self._stream.renew(reason))

    @property
    def _stream(self) -> raw.RawStream:
        self._check_opened()
        assert isinstance(self._thing, raw.RawStream), "made of one"
        return self._thing
