"""Messages on their way from a stream's thread to handlers in the user's loop; also while a call of ours keeps it.

A call like `get_crypto_bars` is made in a loop and returns no awaitable: until it returns, that loop does nothing. So
it does not merely wait: what arrives meanwhile it hands to the handlers itself, in the loop's own thread and in order.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
M = TypeVar("M")
MOST: Final = 10_000  # messages that may wait; then the oldest are lost, and told of
GRACE: Final = 0.5  # seconds that a handler has to end when its stream does
ROW: Final = 256  # messages after which others in the loop have their turn
log = logging.getLogger("tidebook.compat.alpaca")
_inboxes: "set[Inbox[Any]]" = set()


class Inbox(Generic[M]):
    """What one stream has received and its handlers have not had yet. It belongs to the loop that it is made in."""

    def __init__(self, handle: Callable[[M], Coroutine[Any, Any, None]], most: int = MOST) -> None:
        self.lost = 0
        self._untold = 0
        self._handle = handle
        self._most = most
        self._items: deque[M] = deque()
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._is_waking = False
        self._busy = False
        self._rest: asyncio.Task[None] | None = None  # of a handler that was begun inside of a call
        self._ended = False
        self._error: BaseException | None = None
        self._runner: asyncio.Task[Any] | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self._was_cut = False
        self.over = asyncio.Event()
        self.bell: threading.Event | None = None

    # From the stream's thread ---------------------------------------------------

    def put(self, items: list[M]) -> None:
        """Messages, in order. Where there is no room for them the oldest are lost: told at once, and counted.

        How many is told once half of the room is free again, and not each time that one message finds some.
        """
        if self._ended:
            return
        for item in items:
            while len(self._items) >= self._most:
                with suppress(IndexError):  # taken meanwhile
                    self._items.popleft()
                    self._lose()
            self._items.append(item)
        if self._untold and len(self._items) <= self._most // 2:
            self._tell_lost()
        self.wake()

    def _lose(self) -> None:
        if not self._untold:
            log.error("error: slow client (407): messages are being lost, handlers take longer than they come")
        self.lost += 1
        self._untold += 1

    def _tell_lost(self) -> None:
        untold, self._untold = self._untold, 0
        log.error("error: slow client (407): %d messages were lost, the oldest that waited", untold)

    def close(self) -> None:
        """Say that it is over, once the stream's thread has ended: what was lost and not told of yet is."""
        if self._untold:
            self._tell_lost()
        self.over.set()

    def end(self, error: BaseException | None = None) -> None:
        """No more will come; from any thread. What waits is not handed over any more. `run` raises the error."""
        if not self._ended:
            self._ended, self._error = True, error
        self.wake()

    def wake(self) -> None:
        """Have the loop look."""
        if not self._is_waking:
            self._is_waking = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                self._ended = True  # the loop is closed, and nobody there to hand anything to
        if (bell := self.bell) is not None:
            bell.set()

    # In the user's loop -----------------------------------------------------------

    def _wake(self) -> None:
        self._is_waking = False
        self._woken.set()
        if self._ended and self._cutting is None:
            self._cutting = self._loop.call_later(GRACE, self._cut)

    def _cut(self) -> None:
        """It was to end, and a handler does not."""
        if self._runner is not None and self._busy:
            log.warning("a handler is cancelled: it did not end within %g s of the end of its stream", GRACE)
            self._was_cut = True
            self._runner.cancel()

    async def run(self) -> None:
        """Hand over, one after the other, until `end`; a handler has half a second to end then.

        Cancelled, what is being handled is too.
        """
        runner = self._runner = asyncio.current_task()
        _inboxes.add(self)
        try:
            while not self._ended:
                await self._turn()
        except asyncio.CancelledError:
            if not self._was_cut or runner is None or runner.uncancel():
                raise
        finally:
            _inboxes.discard(self)
            self._runner = None
            if self._cutting is not None:
                self._cutting.cancel()
        if self._error is not None:
            raise self._error

    async def _turn(self) -> None:
        await self._woken.wait()
        self._woken.clear()
        if (rest := self._rest) is not None:
            try:
                await rest
            finally:
                self._rest, self._busy = None, False
        await self._some()

    async def _some(self) -> None:
        count = 0
        while self._items and not self._ended:
            self._busy = True
            try:
                await self._handle(self._items.popleft())
            finally:
                self._busy = False
            count += 1
            if count % ROW == 0:
                await asyncio.sleep(0)
                if self._rest is not None:  # begun by a call of somebody who had this turn
                    self._woken.set()
                    return

    def hand_over(self, until: Callable[[], bool]) -> None:
        """From inside of a call that keeps the loop: all that can be, in order, `until` there is something better.

        A handler that has to wait is begun and ends when the loop runs again; the next message waits for it.
        """
        while self._items and not (self._busy or self._ended or until()):
            self._busy = True
            begun = _Begun(self._handle(self._items.popleft()))
            try:
                task = _step(begun, self._loop)
            finally:
                self._busy = not begun.done
            if self._busy:
                self._rest = task
                self._woken.set()

    @property
    def is_here(self) -> bool:
        """Whether its loop is the one that runs here."""
        try:
            return self._loop is asyncio.get_running_loop()
        except RuntimeError:  # none does
            return False

    @property
    def is_inside(self) -> bool:
        """Whether the caller is one of its handlers."""
        return asyncio.current_task() in (self._runner, self._rest)


class _Begun:
    """A coroutine whose first step is done by `step`; awaiting it does the others."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self.done = False
        self._work = work
        self._waits_for: Any = None

    def step(self) -> None:
        try:
            self._waits_for = self._work.send(None)
        except StopIteration:
            self.done = True
        except BaseException:
            self.done = True
            raise

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while not self.done:
            try:
                try:
                    answer = yield waits_for
                except GeneratorExit:
                    self._work.close()
                    raise
                except BaseException as error:
                    waits_for = self._work.throw(error)
                else:
                    waits_for = self._work.send(answer)
            except StopIteration:
                return


async def _rest(begun: _Begun) -> None:
    await begun


def _step(begun: _Begun, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    """Do the first step as the task that will do the others: what asks which task it is in gets the right answer.

    Entering a task is what asyncio's documentation, "Extending", has for whoever runs tasks by himself.
    """
    context = copy_context()
    task = loop.create_task(_rest(begun), context=context)
    outer = asyncio.current_task(loop)
    if outer is not None:
        asyncio._leave_task(loop, outer)
    asyncio._enter_task(loop, task)
    try:
        context.run(begun.step)
    finally:
        asyncio._leave_task(loop, task)
        if outer is not None:
            asyncio._enter_task(loop, outer)
    return task


def result_of(future: "Future[T]") -> T:
    """Wait for it in a plain call, and let the streams of the loop that this keeps have their turns meanwhile.

    Raises what it raises. On Ctrl-C, and whatever a handler lets through, it is cancelled.
    """
    try:
        if here := [inbox for inbox in _inboxes.copy() if inbox.is_here]:
            _attend(future, here)
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _attend(future: "Future[T]", here: "list[Inbox[Any]]") -> None:
    bell = threading.Event()
    future.add_done_callback(lambda _: bell.set())
    before = [(inbox, inbox.bell) for inbox in here]  # such a call may be made by a handler inside of another one
    for inbox in here:
        inbox.bell = bell
    try:
        while not future.done():
            for inbox in here:
                inbox.hand_over(future.done)
            bell.wait()
            bell.clear()
    finally:
        for inbox, outer in before:
            inbox.bell = outer
            if outer is not None:
                outer.set()
