"""Functions given to `on`: plain ones, done when they return; called in the receive path, and measured."""

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tidebook.core.burst import Burst
from tidebook.core.clock import SECOND
from tidebook.core.options import Options
from tidebook.errors import UsageError
from tidebook.io.clock import mono_ns, now
from tidebook.model import health

logger = logging.getLogger("tidebook.client")

T = TypeVar("T")
Tell = Callable[[health.Health], None]

_LAZY = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


@dataclass(frozen=True, slots=True)
class About:
    """Whose functions they are, as events and the log name it: `venue` is empty where there are several."""

    what: str
    venue: str = ""
    symbol: str | None = None


class Calls(Generic[T]):
    """The functions given to `on` of one reader. Made anew, it has none, and is false.

    Slow ones are told as LoopBlocked. What is measured is a row of calls of one reader, with no other reader's between
    them: at most 64 messages of one read of a socket, with the decoding of those that are short. An exception is logged
    with its traceback and told as SubscriptionFailed; what ends with it is for the reader to say. `burst` says when
    such a read is over; without it, each call stands alone.
    """

    def __init__(
        self, about: Callable[[], About], options: Options, tell: Tell | None, burst: Burst | None = None
    ) -> None:
        self.functions: tuple[Callable[[T], object], ...] = ()
        self._function: Callable[[T], object] = self._each  # itself, where there is only one
        self._about = about
        self._slow_ns = int(options.slow_call * SECOND)
        self._tell = tell
        self._burst = burst or Burst()
        self._began_ns = 0

    def __bool__(self) -> bool:
        return bool(self.functions)

    def add(self, function: Callable[[T], object]) -> None:
        """Raises UsageError for a function that would have to be awaited."""
        check_plain(function)
        self._function = self._each if self.functions else function
        self.functions = (*self.functions, function)

    def call(self, item: T) -> Exception | None:
        """Call each function with the item, in order; the result is the exception that has ended it."""
        # As `call_all` with one item, written out: this is what each message of a book comes to.
        burst = self._burst
        if burst.caller is not self:
            self._begin()
        try:
            if (result := self._function(item)) is not None:
                check_done(result)
        except (Exception, asyncio.CancelledError, GeneratorExit) as error:
            return self._ended_by(error)
        finally:  # also where the program is interrupted: the next call must not be taken for this one's
            if not burst.is_on:
                burst.hand(None)
        return None

    def call_all(self, items: Sequence[T]) -> Exception | None:
        """The same with several items, one after the other."""
        burst, function = self._burst, self._function
        if burst.caller is not self:
            self._begin()
        try:
            for item in items:
                if (result := function(item)) is not None:
                    check_done(result)
        except (Exception, asyncio.CancelledError, GeneratorExit) as error:
            return self._ended_by(error)
        finally:
            if not burst.is_on:
                burst.hand(None)
        return None

    def _begin(self) -> None:
        """A row of calls."""
        self._burst.hand(self)
        self._began_ns = mono_ns()

    def _each(self, item: T) -> None:
        for function in self.functions:
            if (result := function(item)) is not None:
                check_done(result)

    def over(self) -> None:
        """A row of calls is over: tell of it where it was slow."""
        took_ns = mono_ns() - self._began_ns
        if took_ns > self._slow_ns and self._tell is not None:
            about = self._about()
            words = f"a function given to `on` of {about.what}"
            self._tell(health.LoopBlocked(about.venue, about.symbol, now().wall_ns, words, took_ns / SECOND))

    def _ended_by(self, error: BaseException) -> Exception:
        if not isinstance(error, Exception):  # of something of the user's: nobody has ended what receives
            cause, error = error, UsageError(f"the function given to `on` raised {type(error).__name__}")
            error.__cause__ = cause
        self._told_of(error)
        return error

    def _told_of(self, error: Exception) -> None:
        about = self._about()
        logger.error("%s: the function given to `on` raised", about.what, exc_info=error)
        if self._tell is not None:
            reason = f"the function given to `on` raised {type(error).__name__}"
            self._tell(health.SubscriptionFailed(about.venue, about.symbol, now().wall_ns, about.what, reason))


def check_plain(function: object) -> None:
    """Raises UsageError for what is no function, or would only give back something that nobody runs."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not callable(inner):
        raise UsageError(f"`on` takes a function, not {type(inner).__name__}")
    called = type(inner).__call__
    if any(is_lazy(one) for is_lazy in _LAZY for one in (inner, called)):
        raise UsageError("`on` takes a plain function. To await, write `async for`")


def check_done(result: object) -> None:
    """Raises UsageError where a function given to `on` gave back a coroutine, or a generator: nothing of it has run."""
    if inspect.iscoroutine(result) or inspect.isgenerator(result):
        result.close()
    elif not inspect.isasyncgen(result):
        return
    what = type(result).__name__
    raise UsageError(f"the function given to `on` gave back a {what}, which nobody runs. To await, write `async for`")
