"""Our native engine, as the receive path calls it."""

from typing import Any, Final, Self

from benchmarks import shapes
from tidebook.engine import Choice
from tidebook.engine.contract import Book as EngineBook
from tidebook.engine.contract import Feed

PACKAGES = ("tidebook",)
NOTES: tuple[str, ...] = ()
FORM = "combined"
TEXT = False
AT: Final = shapes.AT_NS


class Book:
    ENGINE: Choice = "native"

    def __init__(self, feed: Feed, book: EngineBook) -> None:
        self._feed, self._book = feed, book
        self.best = book.best_floats

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        topic = f"{symbol.lower()}@depth@100ms".encode()
        return cls(*shapes.fed(shapes.engine(cls.ENGINE), "binance", whole, topic))

    def feed(self, frame: bytes) -> None:
        self._feed.feed(frame, AT)

    def top(self, n: int) -> Any:
        return self._book.top_floats(n)

    async def run(self, frames: list[bytes], read: int) -> None:
        """The calls themselves, without `feed` and `top` above around them."""
        feed, look = self._feed.feed, shapes.reading(self._book, read)
        assert look is not None
        for frame in frames:
            feed(frame, AT)
            look()

    async def close(self) -> None:
        pass
