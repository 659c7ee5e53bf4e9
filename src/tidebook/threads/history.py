"""A long range of history, page after page, without asyncio."""

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Generic, Self, TypeVar

from tidebook import history
from tidebook.client.tables import Table
from tidebook.threads.opened import Home

T = TypeVar("T")


class History(Generic[T]):
    """``with market.history("BTC/USDT", start="30d") as history: for page in history: …``, or `table()` for all of it.

    It is iterated once. Where Ctrl-C ends the waiting for a page it is over; with `resume` what there was is kept.
    """

    def __init__(self, home: Home, asks: "history.History[T]") -> None:
        self._home = home
        self._asks = asks
        self._pages: AsyncGenerator[Table[T], None] | None = None

    @property
    def kind(self) -> history.Kind:
        return self._asks.kind

    @property
    def interval(self) -> str:
        return self._asks.interval

    @property
    def start_ns(self) -> int:
        return self._asks.start_ns

    @property
    def end_ns(self) -> int:
        return self._asks.end_ns

    @property
    def done_ns(self) -> int:
        """Of the symbol that is read: all before it was yielded."""
        return self._asks.done_ns

    @property
    def gaps(self) -> tuple[tuple[str, int, int], ...]:
        """The holes of bars so far: symbol, the first opening that is missing, the opening that follows."""
        return self._asks.gaps

    def table(self) -> Table[T]:
        """All of it at once. Raises as iterating does."""
        return self._home.thread.call(self._asks.table())

    def close(self) -> None:
        """Ask for no more. Twice is fine; inside a callback it returns at once."""
        thread = self._home.thread
        if thread.inside():
            thread.post(self._asks.close())
        elif thread.running:
            thread.call(self._asks.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Table[T]:
        page = self._home.thread.call(self._next())
        if page is None:
            raise StopIteration
        return page

    async def _next(self) -> Table[T] | None:
        if self._pages is None:
            self._pages = aiter(self._asks)
        return await anext(self._pages, None)

    def __repr__(self) -> str:
        return repr(self._asks)
