"""Things that are opened: `async with x:`, or `x = await …; …; await x.close()`."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Generator
from types import TracebackType
from typing import Self

from tidebook.errors import UsageError, WrongLoop


class Opening(ABC):
    """Nothing happens before it is opened; `close` takes under half a second, from anywhere, twice."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened = False
        self._closed = False

    @property
    def _known_as(self) -> str:
        """What users know it as."""
        return type(self).__name__.lstrip("_")

    @abstractmethod
    async def _open(self) -> None:
        """Do what opening means; on failure or cancellation leave nothing behind."""

    @abstractmethod
    async def _close(self) -> None:
        """Undo it."""

    async def _enter(self) -> Self:
        if self._opened:
            raise UsageError(f"{self._known_as} was opened before. Make another one")
        self._opened = True
        self._loop = asyncio.get_running_loop()
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise
        return self

    def __await__(self) -> Generator[object, None, Self]:
        return self._enter().__await__()

    async def __aenter__(self) -> Self:
        return await self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close. Twice is fine; what was never opened is closed too."""
        if self._closed:
            return
        self._closed = True
        if self._opened:
            await self._close()

    def _check_loop(self) -> None:
        """Raises WrongLoop where this is not the loop in which it was opened, or it is not open."""
        if not self._opened or self._loop is None:
            raise UsageError(f"{self._known_as} is not open. Write `async with`, or await it first")
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is not self._loop:
            raise WrongLoop(f"{self._known_as} belongs to the loop in which it was opened")
