"""`tidebook.run(main())`."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

from tidebook.errors import UsageError

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, that Ctrl-C and SIGTERM end in good order.

    The first signal cancels `main`, so that what it has open closes, and what it leaves running; then SystemExit is
    raised with status 130 (Ctrl-C) or 143 (SIGTERM), without a traceback. `main` may take its time to clean up; an
    exception that it raises meanwhile is raised here. The second signal ends the process at once, with nothing cleaned
    up. Signals for which the program has its own functions are left to it; so are all outside of the main thread.
    """
    if not asyncio.iscoroutine(main):
        raise UsageError(f"tidebook.run takes a coroutine, not {type(main).__name__}. Write tidebook.run(main())")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        main.close()
        raise UsageError("tidebook.run begins a loop, and one is running here. Write `await main()`")
    try:
        with _stopping() as stop:
            try:
                result = asyncio.run(stop.watched(main))
            except asyncio.CancelledError:
                if stop.signal is None:
                    raise  # main was cancelled, or raised it, by itself
                raise SystemExit(128 + stop.signal) from None
            if stop.signal is not None:
                raise SystemExit(128 + stop.signal)
            return result
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None


class _Stop:
    """What signals come to."""

    def __init__(self) -> None:
        self.signal: int | None = None  # the first that came
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def watched(self, main: Coroutine[Any, Any, T]) -> T:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self.signal is not None:  # it came before there was anything to cancel
            main.close()
            raise asyncio.CancelledError
        return await main

    def arrived(self, number: int, _: FrameType | None) -> None:
        """The signal's function: Python calls it in the main thread, between two of its steps."""
        if self.signal is not None:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):  # it may have been in the middle of writing
                    stream.flush()
            os._exit(128 + number)
        self.signal = number
        if self._task is not None and self._loop is not None:
            self._task.cancel()
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(lambda: None)  # it may be asleep


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Signals stop what runs inside; afterwards they mean what they meant before."""
    stop, before = _Stop(), dict[signal.Signals, Any]()
    if threading.current_thread() is threading.main_thread():
        for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if signal.getsignal(number) is usual:
                before[number] = signal.signal(number, stop.arrived)
    try:
        yield stop
    finally:
        for number, function in before.items():
            signal.signal(number, function)
