"""A private thread with a loop of its own, in which coroutines run for programs that have none."""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from tidebook.errors import Timeout, UsageError, WrongLoop
from tidebook.io import process

logger = logging.getLogger("tidebook.client")

T = TypeVar("T")
Work = Coroutine[Any, Any, T]
HANDS: Final = 8  # threads for what blocks: names looked up, files
UNWIND: Final = 2.0  # seconds that what still runs has to end when the thread is stopped


class Running(Future[T]):
    """A coroutine in the thread, and what has become of it. `stop` ends it; `cancel` cannot: to a future it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Work[T]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._loop = loop
        self._work: Work[T] | None = work
        self._task: asyncio.Task[T] | None = None
        self._stopped = False

    def begin(self) -> None:
        """In the thread."""
        work, self._work = self._work, None
        if work is None:
            return
        if self._stopped:
            work.close()
            self.set_exception(CancelledError())
            return
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Cancel it; from anywhere."""
        self._stopped = True
        with suppress(RuntimeError):  # the loop is closed, and it with that
            self._loop.call_soon_threadsafe(lambda: self._task is not None and self._task.cancel())

    def forget(self) -> None:
        """It was asked for too late, and has not begun."""
        work, self._work = self._work, None
        if work is not None:
            work.close()
        if not self.done():
            self.set_exception(CancelledError())

    def _ended(self, task: "asyncio.Task[T]") -> None:
        if task.cancelled():
            self.set_exception(CancelledError())
        elif (error := task.exception()) is not None:
            self.set_exception(error)
        else:
            self.set_result(task.result())


class Hands(ThreadPoolExecutor):
    """A loop's executor of at most `HANDS` daemons: what hangs holds nothing up, and they go on after the main thread.

    The usual one takes nothing any more once the main thread has ended, though other threads of the program go on.
    """

    def __init__(self) -> None:
        super().__init__()  # a loop takes no other kind; none of its threads is ever begun
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._begun = 0

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self._jobs.put(job)
        if self._begun < HANDS:
            self._begun += 1
            threading.Thread(target=self._work, name="tidebook hand", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let them end when they have done what they do."""
        for _ in range(self._begun):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


async def _said(function: Callable[[], T]) -> T:
    return function()


class LoopThread:
    """See the module. It begins with `start` and ends with `stop`, once; nothing of it is shared or global.

    `name` is the thread's and what errors call it. `closing` is run in the thread before it ends, also where the
    program ends without `stop`, which is then logged as a warning. A SystemExit or KeyboardInterrupt in it ends it in
    the same good order, and is logged.
    """

    def __init__(self, name: str = "tidebook", closing: Callable[[], Work[object]] | None = None) -> None:
        self.name = name
        self._closing = closing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._forks = self._pid = 0
        self._lock = threading.Lock()
        self._stopping = False
        self._over = threading.Event()
        self._pending: set[Running[Any]] = set()  # what was asked of it and has not ended

    # Its life -----------------------------------------------------------------

    def start(self) -> None:
        """Begin. Raises UsageError where that was done before: it is started once."""
        with self._lock:
            if self._thread is not None:
                raise UsageError(f"{self.name} was started before. Make another one")
            self._forks, self._pid = process.count_forks(), os.getpid()
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name=self.name, daemon=True)
            self._thread.start()
        atexit.register(self._at_exit)

    def stop(self, timeout: float | None = 5.0) -> None:
        """End it: `closing` is run, then what still runs is cancelled. Twice is fine, and before `start`.

        Waits until it has ended, at most `timeout` seconds (None: as long as it takes), and logs that this was too
        short. From inside, and in a forked process, it returns at once: from inside it ends afterwards.
        """
        with self._lock:
            first, self._stopping = not self._stopping, True
            thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            self._over.set()
            return
        if self._is_forked:
            return
        if first:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(loop.stop)
        if not self.inside() and not self._over.wait(timeout) and timeout:
            logger.warning("%s has not ended within %g s: a function that it calls does not return", self.name, timeout)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has ended; whether it has, after at most `timeout` seconds. Ctrl-C is heard meanwhile.

        Raises UsageError from inside, where nobody could end it, and before `start`.
        """
        self._check_outside("join")
        if self._thread is None:
            raise UsageError(f"{self.name} is not open. Write `with` first")
        return self._over.wait(timeout)

    def inside(self) -> bool:
        """Whether the caller is in this thread: in a callback."""
        return self._thread is threading.current_thread()

    @property
    def running(self) -> bool:
        """Whether it can be asked something."""
        return self._thread is not None and not self._stopping and not self._is_forked

    @property
    def stopped(self) -> bool:
        """Whether it was ended, in this process, or is about to be."""
        return self._stopping and not self._is_forked

    @property
    def over(self) -> bool:
        """Whether nothing runs in it any more."""
        return self._over.is_set()

    # Work ---------------------------------------------------------------------

    def call(self, work: Work[T], timeout: float | None = None) -> T:
        """Run a coroutine in the thread, and wait for its result.

        Raises what it raises; Timeout after `timeout` seconds (None: as long as it takes), KeyboardInterrupt at once;
        the work is cancelled then. What comes together with the end of that time is a result. Raises UsageError from
        inside, before `start` and after `stop`; WrongLoop in a forked process. What was refused has not begun.
        """
        try:
            self._check_outside("wait")
        except UsageError:
            work.close()
            raise
        running = self._begin(work)
        try:
            return running.result(timeout)
        except CancelledError:
            raise UsageError(f"{self.name} was closed meanwhile") from None
        except Late:
            if running.done():
                return running.result()  # or it is the work's own error
            return self._last_word(running, timeout)
        except BaseException:
            running.stop()
            raise

    def _last_word(self, running: "Running[T]", timeout: float | None) -> T:
        """Stop it: its result where that was on its way. Raises Timeout."""
        running.stop()
        try:
            return running.result(UNWIND)
        except (CancelledError, Late):
            raise Timeout(f"{self.name}: no answer within {timeout:g} s") from None

    def ask(self, function: Callable[[], T]) -> T:
        """What a plain function says that has to be called in the thread. From anywhere. Raises as `call`, and it."""
        if not self.inside():
            return self.call(_said(function))
        self.check()
        return function()

    def post(self, work: Work[T]) -> Running[T]:
        """Have a coroutine run in the thread, and return at once, from anywhere. Raises as `call`, but for inside.

        An exception of it is logged: nobody may be waiting for it.
        """
        running = self._begin(work)
        running.add_done_callback(self._look_at)
        return running

    def _begin(self, work: Work[T]) -> "Running[T]":
        try:
            self.check()
            assert self._loop is not None
            running = Running(self._loop, work)
            with self._lock:
                if self._over.is_set():
                    raise UsageError(f"{self.name} is closed. Make another one")
                self._pending.add(running)
            running.add_done_callback(self._pending.discard)
            self._loop.call_soon_threadsafe(running.begin)
        except BaseException:
            work.close()
            raise
        return running

    def _look_at(self, future: "Future[Any]") -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(
            error, CancelledError | asyncio.CancelledError
        ):  # ended with the thread
            logger.error("%s: what it was asked to do has failed", self.name, exc_info=error)

    def check(self) -> None:
        """Raises UsageError where nothing can be asked of it, WrongLoop in a forked process."""
        if self._thread is None and not self._stopping:
            raise UsageError(f"{self.name} is not open. Write `with` first")
        self.check_process()
        if self._stopping:
            raise UsageError(f"{self.name} is closed. Make another one")

    def check_process(self) -> None:
        """Raises WrongLoop in a process that was forked since it was started."""
        if self._is_forked:
            raise WrongLoop(
                f"{self.name} belongs to process {self._pid}; this one was forked from it. Connect anew here"
            )

    def _check_outside(self, verb: str) -> None:
        if self.inside():
            raise UsageError(
                f"a callback cannot {verb}: it is run by the thread that would have to answer. Use what `on` hands"
                " over, `close_soon` or `stop`, or do it in a thread of your own"
            )

    @property
    def _is_forked(self) -> bool:
        return self._thread is not None and self._forks != process.forks

    # Inside -------------------------------------------------------------------

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        executor = Hands()
        loop.set_default_executor(executor)
        try:
            try:
                loop.run_forever()
            except BaseException:  # asyncio lets these two through, whatever runs besides
                logger.exception("%s is closed: what ran in it asks for the end of the program", self.name)
            with self._lock:
                self._stopping = True
            self._wind_up(loop)
        finally:
            asyncio.set_event_loop(None)
            executor.shutdown(wait=False, cancel_futures=True)
            loop.close()
            atexit.unregister(self._at_exit)
            with self._lock:
                self._over.set()
            for running in tuple(self._pending):  # it came when nothing was begun any more
                running.forget()

    def _wind_up(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closing is not None:
            try:
                loop.run_until_complete(asyncio.wait_for(self._closing(), UNWIND))
            except Exception:
                logger.exception("%s did not close in good order", self.name)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=UNWIND))
        loop.run_until_complete(loop.shutdown_asyncgens())

    def _at_exit(self) -> None:
        if self.running:
            logger.warning("%s was not closed before the program ended. Write `with`, or close it", self.name)
            self.stop(2 * UNWIND)
