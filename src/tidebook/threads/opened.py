"""What is opened by `with`, and read by `for`: each stands for something of a market's loop thread."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from tidebook.client.calls import About
from tidebook.client.opening import Opening
from tidebook.client.subscription import Queue
from tidebook.errors import UsageError
from tidebook.model.health import Health
from tidebook.threads.callbacks import Callbacks, Function
from tidebook.threads.loop import LoopThread

T = TypeVar("T")
O = TypeVar("O", bound=Opening)  # noqa: E741
AT_ONCE: Final = 1_024  # items that are brought over from the thread together


class Home:
    """What all that belongs to one market shares: its thread, where its health is told, and who is called in it."""

    def __init__(self, thread: LoopThread, tell: Callable[[Health], None]) -> None:
        self.thread = thread
        self.tell = tell
        self.calling: set[Callbacks[Any]] = set()  # of what is open; changed in the thread only

    def look(self, function: Callable[[], T]) -> T:
        """What a plain function says, called where nothing changes meanwhile: in the thread, or after its end."""
        return function() if self.thread.over else self.thread.ask(function)

    def end(self) -> None:
        """Call nobody any more. In the thread."""
        for callbacks in tuple(self.calling):
            callbacks.end()
        self.calling.clear()


class Opened(Generic[O]):
    """Nothing happens before it is opened: by `with`, or by `start`, and `stop` or `close` in the end.

    Both ends may come from any thread, also from inside a callback, and twice.
    """

    def __init__(self, home: Home, thing: O) -> None:
        self._home = home
        self._thing = thing
        self._callbacks: Callbacks[Any] | None = None

    def start(self) -> Self:
        """Open it, and wait until it is. Raises what the asynchronous one raises; UsageError inside a callback."""
        try:
            self._home.thread.call(self._open())
        except Exception:
            raise
        except BaseException:
            self._thing.close_soon()  # a Ctrl-C may have come together with its being open
            raise
        return self

    async def _open(self) -> None:
        if self._callbacks is not None:
            self._home.calling.add(self._callbacks)
        try:
            await self._thing
        except BaseException:
            self._end_calls()
            raise

    def _end_calls(self) -> None:
        if self._callbacks is not None:
            self._callbacks.end()
            self._home.calling.discard(self._callbacks)

    def close(self) -> None:
        """Close it, within half a second. Inside a callback it is closed as soon as that has returned."""
        thread = self._home.thread
        if thread.inside() or not thread.running:
            self.close_soon()
            return
        try:
            thread.call(self._close())
        except UsageError:
            if thread.running:
                raise  # else it was closed with its market meanwhile

    def stop(self) -> None:
        """The same as `close`."""
        self.close()

    def close_soon(self) -> None:
        """Have it closed, and return at once. From any thread, or a signal's function."""
        if self._home.thread.inside() and self._callbacks is not None:
            self._callbacks.end()  # nothing more is handed over from here on
        if self._home.thread.running:
            with suppress(UsageError):  # its market is closed just now, and it with that
                self._home.thread.post(self._close())
                return
        self._thing.close_soon()

    async def _close(self) -> None:
        self._end_calls()
        await self._thing.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._thing)


class Read(Opened[O], ABC, Generic[O, T]):
    """What can be read one item after the other: what is taken out of its queue stays here until somebody has it.

    So nothing is lost where a reader gives up, by a timeout or Ctrl-C.
    """

    def __init__(self, home: Home, thing: O) -> None:
        super().__init__(home, thing)
        self._ready: deque[T] = deque()

    @abstractmethod
    async def _take(self, timeout: float | None) -> bool:
        """In the thread: at least one item into `_ready`; False where it is at its end. Raises Timeout."""

    def next(self, timeout: float | None = 30.0) -> T:
        """The next item.

        Raises Timeout, which is a TimeoutError, after `timeout` seconds (None: never), StopIteration when it is closed,
        UsageError inside a callback, and as the asynchronous one does.
        """
        self._check_opened()
        while True:
            with suppress(IndexError):
                return self._ready.popleft()
            if not self._more(timeout):
                raise StopIteration

    def batches(self) -> Iterator[list[T]]:
        """All that is there, as a list, again and again. Raises as iterating does."""
        while self._ready or self._more(None):
            batch: list[T] = []
            with suppress(IndexError):  # another thread reads it too
                while len(batch) < AT_ONCE:
                    batch.append(self._ready.popleft())
            if batch:
                yield batch

    def _next(self) -> T:
        """The next item. Raises StopIteration at the end."""
        while True:
            with suppress(IndexError):
                return self._ready.popleft()
            if not self._more(None):
                raise StopIteration

    def _more(self, timeout: float | None) -> bool:
        try:
            return self._home.thread.call(self._take(timeout))
        except UsageError:
            if self._home.thread.stopped:
                return False  # the market was closed meanwhile, and this with it
            raise

    def _check_opened(self) -> None:
        if not self._thing._opened:
            raise UsageError(f"{self._thing._known_as} is not open. Write `with` first")
        if self._thing._closed and not self._ready:
            raise UsageError(f"{self._thing._known_as} is closed. Make another one")


class Called(Opened[O], ABC, Generic[O, T]):
    """What calls functions."""

    @abstractmethod
    def _about(self) -> About:
        """What it is called in events."""

    @abstractmethod
    def _queue_for_async(self) -> Queue[T]:
        """For an async function."""

    @abstractmethod
    def _register(self, function: Function[T]) -> None:
        """Have it called in the receive path."""

    def on(self, function: Function[T]) -> Function[T]:
        """Call a function with each item, in the thread, in order; also a decorator. Before or after it is opened.

        A plain one is called in the receive path and should be quick. An async one is awaited with one item after the
        other, over a queue with the bound and the rule for slow readers of this one. An exception is logged and told as
        CallbackFailed, and the next item is handed over all the same. Inside, what waits for an answer is refused with
        UsageError; closing, and what reads a book, is not. Raises UsageError for what is no function.
        """
        if self._callbacks is None:
            self._callbacks = Callbacks(self._about, self._home.tell, self._queue_for_async)
        callbacks = self._callbacks
        made = callbacks.made(function)
        thread = self._home.thread

        def add() -> None:
            self._home.calling.add(callbacks)
            self._register(made)

        if self._thing._opened and not thread.stopped:
            thread.ask(add)
        else:
            self._register(made)
        return function
