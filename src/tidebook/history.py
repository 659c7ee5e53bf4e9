"""Long ranges of bars, trades, quotes and funding: page after page in order of time, some asked for at once.

    async with tidebook.history.bars(market, "BTC/USDT", "1m", start="30d") as pages:
        async for page in pages:
            ...

Memory holds what is under way, whatever the range: a reader that is slow makes the asking wait. Requests keep within
the venue's limits, and leave a fifth of them to whatever is more urgent.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, TypeVar

from tidebook.client.ahead import WORKERS, Ahead, Stretch
from tidebook.client.bars import Bars, bar_pages
from tidebook.client.columns import BARS, FUNDING, QUOTES, TRADES, Columns
from tidebook.client.funding import funding_pages
from tidebook.client.kept import Asked, Kept
from tidebook.client.pages import Pages
from tidebook.client.place import VenueAt
from tidebook.client.ranges import Instant, gaps_of, grid, instant_ns
from tidebook.client.resample import from_trades
from tidebook.client.tables import Table
from tidebook.client.ticks import quote_pages, trade_pages
from tidebook.client.waits import until_done
from tidebook.core.clock import SECOND
from tidebook.errors import TidebookError, UsageError
from tidebook.io.clock import now
from tidebook.model.facts import Bar, Funding, Instrument, Quote, Trade, instant

if TYPE_CHECKING:
    from tidebook.client.reader import Reader

logger = logging.getLogger("tidebook.history")

T = TypeVar("T")
TOLD: Final = 60 * SECOND  # by so much a beginning may differ from what the same words mean now
Kind = Literal["bars", "trades", "quotes", "funding"]
_KINDS: Final[dict[str, tuple[Columns[Any], type]]] = {
    "bars": (BARS, Bar), "trades": (TRADES, Trade), "quotes": (QUOTES, Quote), "funding": (FUNDING, Funding),
}  # fmt: skip


class History(Generic[T]):
    """Iterating once yields tables, symbol after symbol, each in order of time; `table()` is all of it at once.

    A page that cannot be had is asked for again for two minutes where that is safe: `market.health()` tells of it.
    The range ends at the latest now, and with it what is not finished. `gaps` are the holes of bars so far: symbol,
    the first opening that is missing, the opening that follows. With `resume`, a path, each page is kept there before
    it is yielded: who asks the same again, in the same words, gets those pages, and only the others are asked for. A
    range to now goes on to what is now by then. Its beginning stays that of the first run; where the same words mean
    another one by then (``"30d"``) it is logged. With `progress`, a bar on the terminal (stderr) shows how far it is;
    where there is none, nothing.
    """

    def __init__(
        self, market: "Reader", symbols: str | Sequence[str], kind: Kind = "bars", *, interval: str = "1m",
        start: Instant, end: Instant = None, venue: str | None = None, workers: int = WORKERS,
        resume: str | PathLike[str] | None = None, progress: bool = False,
    ) -> None:  # fmt: skip
        """Raises UsageError for what is no range, interval or kind. Nothing is asked before it is iterated."""
        if kind not in _KINDS:
            raise UsageError(f"{kind!r}: there is history of {', '.join(_KINDS)}")
        grid(interval)
        self._symbols = [symbols] if isinstance(symbols, str) else [*dict.fromkeys(symbols)]
        if not self._symbols:
            raise UsageError("history of which symbol?")
        at_ns = now().wall_ns
        start_ns, end_ns = instant_ns("start", start, at_ns), instant_ns("end", end, at_ns)
        if start_ns is None:
            raise UsageError("history from when on? Write a start")
        self.start_ns, self.end_ns = start_ns, min(at_ns, end_ns or at_ns)
        if self.start_ns >= self.end_ns:
            raise UsageError("start is not before end, and before now")
        self.kind: Kind = kind
        self.interval = interval
        self.gaps: tuple[tuple[str, int, int], ...] = ()
        self.done_ns = self.start_ns  # of the symbol that is read: all before it was yielded
        self._source = 0  # which one that is
        self._texts = str(start), str(end)
        self._market, self._venue, self._workers = market, venue, workers
        self._resume = None if resume is None else Path(resume)
        self._progress = progress
        self._waits: Callable[[TidebookError, float], None] = lambda error, seconds: None
        self._kept: Kept | None = None
        self._last: dict[str, Bar] = {}
        self._pages: AsyncGenerator[Table[T], None] | None = None
        self._step: asyncio.Future[Table[T] | None] | None = None  # the next page, on its way
        self._is_waited_for = False  # by who iterates
        self._closed = asyncio.Event()
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is under way. What `resume` keeps stays. For who waits for a page in another task it is the end."""
        self._closed.set()
        if self._pages is None:
            return
        if self._is_waited_for:
            if self._step is not None:
                self._step.cancel()
            await self._over.wait()
        else:
            await self._pages.aclose()

    def __aiter__(self) -> AsyncGenerator[Table[T], None]:
        if self._pages is not None:
            raise UsageError("history is read once; ask for it anew")
        if self._closed.is_set():
            raise UsageError("this history is closed; ask for it anew")
        self._pages = self._steps()
        return self._pages

    async def table(self) -> Table[T]:
        """All of it: Bars where it is bars of one symbol."""
        rows: list[Any] = []
        about = self._symbols[0] if len(self._symbols) == 1 else ""
        venue = ""
        async for page in self:
            rows += page
            if isinstance(page, Bars) and len(self._symbols) == 1:
                about, venue = page.symbol, page.venue
        if self.kind == "bars" and len(self._symbols) == 1:
            return Bars(rows, about, self.interval, venue or self._venue or "")  # type: ignore[return-value]
        return Table(_KINDS[self.kind][0], rows, about)

    def __repr__(self) -> str:
        first, last = (f"{instant(ns):%Y-%m-%dT%H:%M}" for ns in (self.start_ns, self.end_ns))
        return f"<History {self.kind} {' '.join(self._symbols[:5])}, {first} → {last}, until {instant(self.done_ns)}>"

    # Inside -------------------------------------------------------------------

    async def _steps(self) -> AsyncGenerator[Table[T], None]:
        """The pages, each asked for in a task of its own: that can be ended from outside."""
        pages = self._shown() if self._progress else self._read()
        try:
            while not self._closed.is_set():
                self._is_waited_for = True
                step = self._step = asyncio.ensure_future(anext(pages, None))
                await until_done(step, cancels=True)
                if self._closed.is_set():
                    _ = step.cancelled() or step.exception()  # which is nobody's
                    return
                if (page := step.result()) is None:
                    return
                self._is_waited_for = False
                yield page
        finally:
            try:
                await pages.aclose()
            finally:
                self._over.set()

    async def _shown(self) -> AsyncGenerator[Table[T], None]:
        """The same, with a bar on the terminal."""
        from tidebook.client.progress import Shown  # rich is not loaded by who does not look

        count = 0
        with Shown(self.kind, len(self._symbols)) as shown:
            async with aclosing(self._read()) as pages:

                def reach(also: str = "") -> None:
                    part = (self.done_ns - self.start_ns) / (self.end_ns - self.start_ns)
                    shown.reach(self._source + part, f"{count} {self.kind}{also}")

                self._waits = lambda error, seconds: reach(f", waits {seconds:.0f} s: {error.text}")
                async for page in pages:
                    count += len(page)
                    reach()
                    yield page

    async def _read(self) -> AsyncGenerator[Table[T], None]:
        named = [await self._market._one(symbol, self._venue) for symbol in self._symbols]
        # A symbol and the venue's own id of it are one: its rows come once.
        found = [*{(one.place, instrument.symbol): (one, instrument) for one, instrument in named}.values()]
        pages = [self._make(*one) for one in found]
        endings: list[list[Any]] = [[] for _ in found]
        begins = [self.start_ns for _ in found]
        try:
            if self._resume is not None:
                self._kept = Kept(self._resume, self._asked(found))
                await asyncio.to_thread(self._kept.open)
                had_ns = self._go_on_with(self._kept.asked)
                for source, rows in self._kept.pages(_KINDS[self.kind][1]):
                    self._source, self.done_ns = source, self._kept.until[source]
                    endings[source] = pages[source].ending(rows, endings[source])
                    if rows:
                        yield self._page(rows, *found[source])
                begins = [self._begin(n, pages[n], endings[n], had_ns) for n in range(len(found))]
            async with aclosing(self._asked_for(pages, begins)) as parts:
                async for source, until_ns, part in parts:
                    rows = pages[source].beyond(part, endings[source]) if endings[source] else part
                    if self._kept is not None:
                        await asyncio.to_thread(self._kept.add, source, until_ns, rows)
                    self._source, self.done_ns = source, until_ns
                    if rows:
                        yield self._page(rows, *found[source])
        finally:
            if self._kept is not None:
                await asyncio.to_thread(self._kept.close)

    def _go_on_with(self, asked: Asked) -> int:
        """Begin where its first run did; said where the same words mean another beginning by a minute or more.

        Answers with the end that the range had then.
        """
        if abs(self.start_ns - asked.start_ns) >= TOLD:
            logger.warning(
                "%s goes on from the beginning of its first run, %s: not from %s. Another file begins anew",
                self._resume, _minute(asked.start_ns), _minute(self.start_ns),
            )  # fmt: skip
        self.start_ns, self.end_ns = asked.start_ns, max(asked.end_ns, self.end_ns)
        return asked.end_ns

    def _begin(self, source: int, pages: Pages[Any], ending: list[Any], had_ns: int) -> int:
        """From when on to ask: behind what is kept. Up to an end that has moved since there may be more than was had.

        What was not finished then, or came late: so all behind the last row.
        """
        assert self._kept is not None
        until_ns = self._kept.until.get(source, self.start_ns)
        if had_ns == self.end_ns:
            return until_ns
        return min(until_ns, pages.behind(ending)) if ending else self.start_ns

    async def _asked_for(
        self, pages: Sequence[Pages[Any]], begins: Sequence[int]
    ) -> AsyncGenerator[tuple[int, int, list[Any]], None]:
        """What is not kept yet, in order."""
        left = [n for n, begin_ns in enumerate(begins) if begin_ns < self.end_ns]
        stretches = [Stretch(pages[n], begins[n], self.end_ns) for n in left]
        parts = Ahead(stretches, self._workers, self._waits).parts()
        try:
            async for place, end_ns, rows in parts:
                yield left[place], end_ns or self.end_ns, rows
        except TidebookError as error:
            if self._source == 0 and self.done_ns == self.start_ns:
                raise
            had = f"Had until {instant(self.done_ns):%Y-%m-%dT%H:%M:%S}Z"
            error.hint = had if error.hint is None else f"{error.hint}. {had}"
            raise
        finally:
            await parts.aclose()

    def _make(self, one: VenueAt, instrument: Instrument) -> Pages[Any]:
        match self.kind:
            case "bars":
                cut = grid(self.interval)
                length_ns = cut(0).ns  # of months none

                def ended(bar: Bar) -> bool:  # also where it is asked for again, later
                    if not bar.finished:
                        return False
                    opening = bar.start_ns
                    return (opening + length_ns if length_ns else cut(opening).after(opening)) <= self.end_ns

                return bar_pages(one, instrument, self.interval, ended)
            case "trades":
                return trade_pages(one, instrument)
            case "quotes":
                return quote_pages(one, instrument)
            case "funding":
                return funding_pages(one, instrument)

    def _page(self, rows: list[Any], one: VenueAt, instrument: Instrument) -> Table[T]:
        symbol = instrument.symbol
        if self.kind != "bars":
            return Table(_KINDS[self.kind][0], rows, symbol)
        page = Bars(rows, symbol, self.interval, one.declared.name)
        seam = gaps_of([self._last[symbol], rows[0]], self.interval) if symbol in self._last else ()
        self.gaps += tuple((symbol, *gap) for gap in (*seam, *page.gaps))
        self._last[symbol] = rows[-1]
        return page  # type: ignore[return-value]

    def _asked(self, found: Sequence[tuple[VenueAt, Instrument]]) -> Asked:
        venue = " ".join(dict.fromkeys(one.place for one, _ in found))
        symbols = [instrument.symbol for _, instrument in found]
        return Asked(self.kind, venue, symbols, self.interval, *self._texts, self.start_ns, self.end_ns)


def _minute(ns: int) -> str:
    return f"{instant(ns):%Y-%m-%dT%H:%M}Z"


def bars(
    market: "Reader", symbols: str | Sequence[str], interval: str = "1m", *, start: Instant, end: Instant = None,
    venue: str | None = None, workers: int = WORKERS, resume: str | PathLike[str] | None = None,
    progress: bool = False,
) -> History[Bar]:  # fmt: skip
    """Bars that open in [start, end) and have ended; see `History`."""
    return History(
        market, symbols, "bars", interval=interval, start=start, end=end, venue=venue, workers=workers, resume=resume,
        progress=progress,
    )  # fmt: skip


def trades(
    market: "Reader", symbols: str | Sequence[str], *, start: Instant, end: Instant = None,
    venue: str | None = None, workers: int = WORKERS, resume: str | PathLike[str] | None = None,
    progress: bool = False,
) -> History[Trade]:  # fmt: skip
    """Trades in [start, end); see `History`, and `fetch_trades` for what a row is."""
    return History(
        market, symbols, "trades", start=start, end=end, venue=venue, workers=workers, resume=resume, progress=progress
    )


def quotes(
    market: "Reader", symbols: str | Sequence[str], *, start: Instant, end: Instant = None,
    venue: str | None = None, workers: int = WORKERS, resume: str | PathLike[str] | None = None,
    progress: bool = False,
) -> History[Quote]:  # fmt: skip
    """Best bids and asks in [start, end); see `History`."""
    return History(
        market, symbols, "quotes", start=start, end=end, venue=venue, workers=workers, resume=resume, progress=progress
    )


def funding(
    market: "Reader", symbols: str | Sequence[str], *, start: Instant, end: Instant = None,
    venue: str | None = None, workers: int = WORKERS, resume: str | PathLike[str] | None = None,
    progress: bool = False,
) -> History[Funding]:  # fmt: skip
    """Rates of funding that were charged in [start, end); see `History`."""
    return History(
        market, symbols, "funding", start=start, end=end, venue=venue, workers=workers, resume=resume, progress=progress
    )


def bars_from_trades(trades: Iterable[Trade], interval: str, *, partial: bool = False) -> Bars:
    """Bars of one symbol's trades, exact, cut in UTC; where nothing was traded is a hole.

    The first and the last may lack trades: they are left out, or with ``partial=True`` there and not `finished`.
    Raises UsageError for trades of several symbols, or that are not in order of time.
    """
    rows = [*trades]
    made = from_trades(rows, interval, partial=partial)
    return Bars(made, rows[0].symbol if rows else "", interval, rows[0].venue if rows else "")
