"""A private thread with a loop of its own, in which coroutines run for programs that have none."""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from typing import Any, Final, TypeVar

from tidebook.errors import Timeout, UsageError, WrongLoop
from tidebook.io import process

logger = logging.getLogger("tidebook.client")

T = TypeVar("T")
Work = Coroutine[Any, Any, T]
UNWIND: Final = 2.0  # seconds that what still runs has to end when the thread is stopped


class LoopThread:
    """See the module. It begins with `start` and ends with `stop`, once; nothing of it is shared or global.

    `name` is the thread's and what errors call it. `closing` is run in the thread before it ends, also where the
    program ends without `stop`, which is then logged as a warning.
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

        Waits until it has ended, at most `timeout` seconds (None: as long as it takes). From inside, and in a forked
        process, it returns at once: from inside it ends afterwards.
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
        if not self.inside():
            self._over.wait(timeout)

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

    # Work ---------------------------------------------------------------------

    def call(self, work: Work[T], timeout: float | None = None) -> T:
        """Run a coroutine in the thread, and wait for its result.

        Raises what it raises; Timeout after `timeout` seconds (None: as long as it takes), KeyboardInterrupt at once;
        the work is cancelled then. Raises UsageError from inside, before `start` and after `stop`; WrongLoop in a
        forked process. What was refused has not begun.
        """
        try:
            self._check_outside("wait")
        except UsageError:
            work.close()
            raise
        future = self.post(work)
        try:
            return future.result(timeout)
        except CancelledError:
            raise UsageError(f"{self.name} was closed meanwhile") from None
        except Late:
            if future.done():
                raise  # it is the work's own
            future.cancel()
            raise Timeout(f"{self.name}: no answer within {timeout:g} s") from None
        except BaseException:
            future.cancel()
            raise

    def post(self, work: Work[T]) -> "Future[T]":
        """Have a coroutine run in the thread, and return at once, from anywhere. Raises as `call`, but for inside."""
        try:
            self.check()
            assert self._loop is not None
            return asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise UsageError(f"{self.name} is closed. Make another one") from None
        except UsageError:
            work.close()
            raise

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
        try:
            loop.run_forever()
            self._wind_up(loop)
        finally:
            asyncio.set_event_loop(None)
            loop.close()
            atexit.unregister(self._at_exit)
            self._over.set()

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
