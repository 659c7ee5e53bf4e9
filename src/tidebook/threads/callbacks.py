"""Functions given to `on`, plain or async: one that raises is reported, and called with the next item all the same."""

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from tidebook.client.calls import About, Tell, check_done, check_plain
from tidebook.client.healths import PAUSE_NS
from tidebook.client.subscription import Queue
from tidebook.errors import Overrun
from tidebook.io.clock import mono_ns, now
from tidebook.model.health import CallbackFailed

logger = logging.getLogger("tidebook.client")

T = TypeVar("T")
Function = Callable[[T], object]


class Callbacks(Generic[T]):
    """The functions of one reader. All of it but `made` happens in the loop's thread.

    A plain one is called in the receive path. An async one has a queue of its own, made by `queue`, and is awaited
    with one item after the other. Of exceptions, SystemExit among them, the first is logged with its traceback and told
    as CallbackFailed; after that both come at most every ten seconds, with how many there were, and at the end.
    """

    def __init__(self, about: Callable[[], About], tell: Tell, queue: Callable[[], Queue[T]]) -> None:
        self._about = about
        self._tell = tell
        self._queue = queue
        self._awaited: list[Awaited[T]] = []
        self._told_ns: int | None = None
        self._untold = 0
        self._last = ""
        self._over = False

    @property
    def lost(self) -> int:
        """Items for which async functions were too slow."""
        return sum(one.queue.lost for one in tuple(self._awaited))

    def made(self, function: Function[T]) -> Function[T]:
        """What is called in the receive path instead of it. Raises UsageError for what is no function."""
        if is_async(function):
            awaited = Awaited(function, self._queue(), self._failed)  # type: ignore[arg-type]
            self._awaited.append(awaited)
            return awaited.put
        check_plain(function)
        failed = self._failed

        def call(item: T) -> None:
            if self._over:
                return  # it was stopped by what was called with an earlier item of this turn
            try:
                if (result := function(item)) is not None:
                    check_done(result)
            except BaseException as error:  # a `sys.exit` too: here it would end the thread, and not the program
                failed(error)

        return call

    def end(self) -> None:
        """Call them no more: one that is being awaited comes to its end. Tells what was not told yet. Twice is fine."""
        self._over = True
        for one in self._awaited:
            one.end()
        if self._untold:
            self._report(None)

    def _failed(self, error: BaseException) -> None:
        self._untold += 1
        self._last = type(error).__name__
        if self._told_ns is None or mono_ns() - self._told_ns >= PAUSE_NS:
            self._told_ns = mono_ns()
            self._report(error)

    def _report(self, error: BaseException | None) -> None:
        about, times, self._untold = self._about(), self._untold, 0
        if error is not None:
            logger.error("%s: a function given to `on` raised", about.what, exc_info=error)
        self._tell(CallbackFailed(about.venue, about.symbol, now().wall_ns, about.what, self._last, times))


class Awaited(Generic[T]):
    """One async function, its queue, and the task that hands over what is in it."""

    def __init__(
        self, function: Callable[[T], Coroutine[Any, Any, object]], queue: Queue[T],
        failed: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self.queue = queue
        self._function = function
        self._failed = failed
        self._task: asyncio.Task[None] | None = None

    def put(self, item: T) -> None:
        """In the receive path."""
        if self.queue.ended:
            return
        self.queue.put(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._hand_over())

    def end(self) -> None:
        """No more of it; what is queued is not handed over."""
        self.queue.end()

    async def _hand_over(self) -> None:
        while not self.queue.ended:
            try:
                item = await self.queue.one()
            except StopAsyncIteration:
                return
            except Overrun:  # the queue has told of it, with the count
                continue
            if self.queue.ended:
                return
            try:
                await self._function(item)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                self._failed(error)  # something of the user's was cancelled, not this
            except BaseException as error:
                if isinstance(error, GeneratorExit):
                    raise  # the loop is closed
                self._failed(error)


def is_async(function: object) -> bool:
    """Whether calling it gives something to await."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004
