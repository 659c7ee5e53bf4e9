"""What may be given to `on`: a plain function, whose work is done when it returns."""

import functools
import inspect

from tidebook.errors import UsageError

_LAZY = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


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
