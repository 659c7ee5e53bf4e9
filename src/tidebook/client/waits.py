"""Waiting for so long and no longer, with words when it is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tidebook.errors import Timeout, UsageError


@asynccontextmanager
async def within(timeout: float | None, what: str) -> AsyncIterator[None]:
    """Raises Timeout where what is inside takes longer than `timeout` seconds (None: as long as it takes).

    Raises UsageError for what is no number of seconds. A TimeoutError from inside stays what it is.
    """
    if timeout is not None and type(timeout) not in (int, float):
        raise UsageError(f"timeout={timeout!r} is no number of seconds")
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise Timeout(f"{what}: nothing within {timeout:g} s") from None


async def until_done(work: "asyncio.Future[Any]", *, cancels: bool = False) -> None:
    """Wait until it is done, whatever became of it; that this was cancelled meanwhile is passed on afterwards.

    With `cancels` it is cancelled with who waits for it, and what it raises then is nobody's.
    """
    cancelled = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            if cancels:
                work.cancel()
    if cancelled is not None:
        if cancels and not work.cancelled():
            work.exception()
        raise cancelled
