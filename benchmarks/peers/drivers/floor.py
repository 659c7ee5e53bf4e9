"""The floor in C from frame to frame, without Python in between."""

from typing import Any, Self

from benchmarks import floor

PACKAGES: tuple[str, ...] = ()
NOTES: tuple[str, ...] = ()
FORM = "combined"
TEXT = False


class Book:
    def __init__(self, whole: bytes) -> None:
        self._book = floor.load().Book("binance")
        self._book.seed(whole)
        self.feed, self.best, self.top = self._book.feed, self._book.best, self._book.top

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        return cls(whole)

    async def run(self, frames: list[Any], read: int) -> None:
        floor.load().loop([self._book], frames, read)

    async def close(self) -> None:
        pass
