"""Things that are opened: `async with x:`, or `x = await …; …; await x.close()`. Each has its loop and its process."""

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tidebook.client.waits import until_done
from tidebook.errors import UsageError, WrongLoop
from tidebook.io import process

UNWIND = 0.2  # seconds that an opening has to end when it is closed meanwhile
ELSEWHERE = 0.45  # seconds that `close` waits for another thread's loop


class Opening(ABC):
    """Nothing happens before it is opened. It belongs to the loop and process that opened it, and says so elsewhere.

    `close` takes under half a second, from anywhere, twice. What is opened out of another thing (`_owner`) is closed
    with it.
    """

    # What inherits from it has few enough attributes besides (30) for the interpreter to find them at once.
    __slots__ = (
        "_closed", "_closing", "_forks", "_loop", "_opened", "_opener", "_opener_left", "_owner", "_pid", "_things",
    )  # fmt: skip

    def __init__(self, owner: "Opening | None" = None) -> None:
        self._owner = owner
        self._things: set[Opening] = set()  # opened out of this one, and not closed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forks = 0
        self._pid = 0
        self._opened = False
        self._closed = False
        self._opener: asyncio.Task[Any] | None = None  # who is inside of `_open`
        self._opener_left = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    @property
    def _known_as(self) -> str:
        """What users know it as."""
        return type(self).__name__.lstrip("_")

    @abstractmethod
    async def _open(self) -> None:
        """Do what opening means; what it has begun is undone by `_close`, also when it fails or is cancelled."""

    @abstractmethod
    async def _close(self) -> None:
        """Undo it."""

    # Opening ------------------------------------------------------------------

    async def _enter(self) -> Self:
        if self._opened:
            self._check_loop()
            raise UsageError(f"{self._known_as} was opened before. Make another one")
        if self._closed:
            raise UsageError(f"{self._known_as} is closed. Make another one")
        owner = self._owner
        if owner is not None:
            owner._check_open()
            owner._things.add(self)
        self._opened = True
        self._loop = asyncio.get_running_loop()
        self._forks, self._pid = process.count_forks(), os.getpid()
        opener = self._opener = asyncio.current_task()
        asked_before = 0 if opener is None else opener.cancelling()
        try:
            await self._open()
        except BaseException as error:
            closed_meanwhile = self._closed
            self._left()
            try:
                await self.close()
            finally:
                # The closing has cancelled this task, which is its own affair, as with asyncio.timeout.
                ours = closed_meanwhile and opener is not None and opener.uncancel() <= asked_before
            if ours and isinstance(error, asyncio.CancelledError):
                raise UsageError(f"{self._known_as} was closed while it was being opened") from None
            raise
        self._left()
        return self

    def _left(self) -> None:
        self._opener = None
        self._opener_left.set()

    def __await__(self) -> Generator[object, None, Self]:
        return self._enter().__await__()

    async def __aenter__(self) -> Self:
        return await self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Closing ------------------------------------------------------------------

    async def close(self) -> None:
        """Close, within half a second. Twice is fine, and from several tasks; so is what was never opened.

        Cancelled, it is closed all the same before that is passed on. From another thread's loop it waits until its own
        loop has closed it; raises WrongLoop where that one does not run any more, and cannot. In a process that was
        forked since, it is forgotten and nothing is sent: the connections are the other process's.
        """
        loop = self._loop
        if loop is None or self._is_forked or loop.is_closed():
            self._closed = True
        elif loop is asyncio.get_running_loop():
            closing = self._end()
            await until_done(closing)  # who leaves early would leave what it opened to a loop that may end with it
            closing.result()
        elif loop.is_running():
            await self._close_elsewhere(loop)
        else:
            raise WrongLoop(f"{self._known_as} belongs to a loop that does not run now. Close it there")

    def close_soon(self) -> None:
        """Have it closed by the loop that it belongs to; returns at once. From any thread, or a signal's function.

        Twice is fine, also when that loop is closed.
        """
        if self._loop is None or self._is_forked:
            self._closed = True
            return
        with suppress(RuntimeError):  # the loop is closed, and its connections with it
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> asyncio.Task[None]:
        """The closing, begun now if it was not; whoever closes waits for the same one."""
        if self._closing is None or self._closing.cancelled():
            assert self._loop is not None
            if self._opener is not None and not self._closed:
                self._opener.cancel()
            self._closed = True
            self._closing = self._loop.create_task(self._wind_up())
        return self._closing

    async def _wind_up(self) -> None:
        if self._opener is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(UNWIND):
                    await self._opener_left.wait()
        try:
            await asyncio.gather(*(thing.close() for thing in tuple(self._things)), return_exceptions=True)
            await self._close()
        finally:
            if self._owner is not None:
                self._owner._gone(self)

    def _gone(self, thing: "Opening") -> None:
        """Something that was opened out of it is closed."""
        self._things.discard(thing)

    async def _close_elsewhere(self, loop: asyncio.AbstractEventLoop) -> None:
        over: Future[None] = Future()
        over.set_running_or_notify_cancel()

        def told(task: asyncio.Task[None]) -> None:
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                over.set_result(None)
            else:
                over.set_exception(error)

        try:
            loop.call_soon_threadsafe(lambda: self._end().add_done_callback(told))
        except RuntimeError:  # it has been closed since
            self._closed = True
            return
        waits = asyncio.wrap_future(over)
        done, _ = await asyncio.wait([waits], timeout=ELSEWHERE)
        if done:
            await waits
        else:
            waits.cancel()  # that loop is kept busy; it closes when it can

    # Where it belongs ---------------------------------------------------------

    @property
    def _is_forked(self) -> bool:
        return self._opened and self._forks != process.forks

    def _check_process(self) -> None:
        """Raises WrongLoop in a process that was forked since it was opened."""
        if self._opened and self._forks != process.forks:
            raise WrongLoop(
                f"{self._known_as} belongs to process {self._pid}; this one was forked from it. Connect anew here"
            )

    def _check_loop(self) -> None:
        """Raises WrongLoop where this is not the loop in which it was opened, UsageError where it was not opened."""
        if not self._opened or self._loop is None:
            raise UsageError(f"{self._known_as} is not open. Write `async with`, or await it first")
        self._check_process()
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self._loop:
            here = f"thread {threading.current_thread().name!r} runs {'another' if running is not None else 'none'}"
            raise WrongLoop(
                f"{self._known_as} belongs to the loop in which it was opened; {here}. From any thread there are"
                " book.top, book.freeze, market.stats and close_soon()"
            )

    def _check_open(self) -> None:
        """The same, and raises UsageError where it is closed."""
        self._check_loop()
        if self._closed:
            raise UsageError(f"{self._known_as} is closed. Make another one")

    def _condition(self) -> str:
        """In a word, for a repr."""
        if self._is_forked:
            return f"of process {self._pid}, not of this fork"
        return "closed" if self._closed else "open" if self._opened else "not opened"

    def __repr__(self) -> str:
        return f"<{self._known_as} {self._condition()}>"
