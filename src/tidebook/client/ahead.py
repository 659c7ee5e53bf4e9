"""A range, of one instrument or several, as pages in order of time of which some are asked for at once.

A range is cut into pieces that a page should hold. At most `workers` are under way, and twice as many asked for and not
read yet; where a page does not hold its piece, what is left of it takes its place in the row.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tidebook.client.pages import Pages, Part
from tidebook.core.clock import SECOND, Now
from tidebook.errors import Maintenance, RateLimited, TidebookError, UsageError
from tidebook.io.clock import now

T = TypeVar("T")
WORKERS = 8  # pages that are asked for at once
PAUSE = 0.25  # seconds before the second try of a page; twice as long before each further one
LONGEST = 10.0  # seconds, the longest of these
PATIENCE = 120.0  # seconds that a page is asked for again, from its first failure on
TOLD = 1.0  # seconds: who waits for less is not told of it
PAUSES = 300.0  # seconds that a venue may tell a page to wait, all in all
MANY = 4  # pages: what is fewer is asked for one after the other


class Stretch(NamedTuple, Generic[T]):
    """[start, end) of one instrument; without an end, to whatever there is."""

    pages: Pages[T]
    start_ns: int
    end_ns: int | None


@dataclass(slots=True, eq=False)
class _Piece(Generic[T]):
    source: int
    start_ns: int
    end_ns: int | None
    task: asyncio.Task[Part[T]] | None = None
    rows: list[T] | None = None


class Patience:
    """How long one page is asked for again: an outage of a minute or so costs a long range nothing but the time."""

    def __init__(self) -> None:
        self._since_ns: int | None = None  # the first failure
        self._next = PAUSE
        self._obeyed = 0.0

    def pause(self, error: TidebookError, at: Now) -> float | None:
        """Seconds until the next try; None: it has failed for good."""
        if isinstance(error, RateLimited):
            wait = max((error.retry_at - at.wall_ns) / SECOND, PAUSE)
            self._obeyed += wait
            return wait if self._obeyed <= PAUSES else None
        if error.retry != "safe" and not isinstance(error, Maintenance):
            return None
        if self._since_ns is None:
            self._since_ns = at.mono_ns
        left = PATIENCE - (at.mono_ns - self._since_ns) / SECOND
        if left <= 0:
            return None
        wait, self._next = self._next, min(self._next * 2, LONGEST)
        return min(wait, left)


class Ahead(Generic[T]):
    """Iterating once yields (which stretch, until when it is complete now, rows), stretch after stretch.

    A page that fails is asked for again for two minutes where its error says that this is safe: the health of the
    market tells of it, and `waits`, with the error and the seconds. Ended, closed or cancelled, it has nothing under
    way any more.
    """

    def __init__(
        self, stretches: Sequence[Stretch[T]], workers: int = WORKERS,
        waits: Callable[[TidebookError, float], None] = lambda error, seconds: None,
    ) -> None:  # fmt: skip
        if type(workers) is not int or workers < 1:
            raise UsageError(f"workers={workers!r}: a whole number, at least one")
        self._workers = workers
        self._waits = waits
        self._told_ns = 0  # until when it was told that pages wait
        self._pages = [one.pages for one in stretches]
        self._row = [_Piece[T](n, one.start_ns, one.end_ns) for n, one in enumerate(stretches)]
        self._steps = [one.pages.first_step for one in stretches]
        self._empty = [0 for _ in stretches]  # until when there was nothing

    async def parts(self) -> AsyncGenerator[tuple[int, int | None, list[T]], None]:
        """See the class. Raises what asking raises, with what was had so far in its text."""
        try:
            while self._row:
                self._begin()
                running = [piece.task for piece in self._row if piece.task is not None]
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for piece in [piece for piece in self._row if piece.task is not None and piece.task.done()]:
                    self._arrived(piece)
                while self._row and (rows := self._row[0].rows) is not None:
                    piece = self._row.pop(0)
                    yield piece.source, piece.end_ns, rows
        finally:
            await self._end()

    def _begin(self) -> None:
        """Ask for as many pieces as may be, the first one always."""
        running = sum(piece.task is not None for piece in self._row)
        place = 0
        while place < len(self._row) and running < self._workers and place < 2 * self._workers:
            piece = self._row[place]
            if piece.task is None and piece.rows is None:
                self._cut(place)
                piece.task = asyncio.create_task(self._asked(piece))
                running += 1
            place += 1

    def _cut(self, place: int) -> None:
        """Leave of a piece what a page should hold; what is past the present is not cut."""
        piece = self._row[place]
        end_ns = piece.start_ns + self._steps[piece.source]
        if end_ns < min(now().wall_ns, (1 << 63) if piece.end_ns is None else piece.end_ns):
            self._row.insert(place + 1, _Piece(piece.source, end_ns, piece.end_ns))
            piece.end_ns = end_ns

    async def _asked(self, piece: _Piece[T]) -> Part[T]:
        patience = Patience()
        while True:
            try:
                return await self._pages[piece.source].part(piece.start_ns, piece.end_ns)
            except TidebookError as error:
                wait = patience.pause(error, now())
                if wait is None:
                    raise
                self._tell(piece, error, wait)
            await asyncio.sleep(wait)

    def _tell(self, piece: _Piece[T], error: TidebookError, wait: float) -> None:
        """Once for all pages that wait together; of a limit its pool tells."""
        at_ns = now().mono_ns
        if wait < TOLD or at_ns < self._told_ns:
            return
        self._told_ns = at_ns + int(wait * SECOND)
        self._waits(error, wait)
        if not isinstance(error, RateLimited):
            self._pages[piece.source].unavailable(error, wait)

    def _arrived(self, piece: _Piece[T]) -> None:
        assert piece.task is not None
        part, piece.task = piece.task.result(), None
        pages, source = self._pages[piece.source], piece.source
        whole = (piece.end_ns or now().wall_ns) - piece.start_ns >= self._steps[source]
        if whole or part.rest is not None:
            self._steps[source] = pages.next_step(self._steps[source], part)
        piece.rows = part.rows
        if not part.held and piece.end_ns is not None:
            self._empty[source] = max(self._empty[source], piece.end_ns)
        if part.rest is None:
            return
        start_ns, end_ns = part.rest
        if end_ns is not None and start_ns == self._empty[source]:
            # Rows begin somewhere in it: half of it tells in which half.
            self._steps[source] = max(self._steps[source], (end_ns - start_ns) // 2)
        place = self._row.index(piece)
        if start_ns == piece.start_ns:  # it had the newest rows of it
            assert end_ns is not None
            self._row.insert(place, _Piece(source, start_ns, end_ns))
            piece.start_ns = end_ns
        else:
            self._row.insert(place + 1, _Piece(source, start_ns, end_ns))
            piece.end_ns = start_ns

    async def _end(self) -> None:
        tasks = [piece.task for piece in self._row if piece.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def all_rows(
    pages: Pages[T], start_ns: int | None, end_ns: int | None, limit: int | None, usual: int | None = None
) -> list[T]:
    """As `Pages.rows`, and the same rows; long ranges from a start are asked for by `Ahead`."""
    more = {} if usual is None else {"usual": usual}
    if start_ns is None or limit is not None or not pages.is_long(start_ns, end_ns, MANY):
        return await pages.rows(start_ns, end_ns, limit, **more)
    found: list[T] = []
    async for _, _, rows in Ahead([Stretch(pages, start_ns, end_ns)]).parts():
        found += rows
    return found
