"""The best prices of one symbol on several venues, side by side."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import combinations

from tidebook.client.book import Book
from tidebook.client.calls import About, Calls
from tidebook.client.feeds import Finder, LiveBook
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.client.subscription import Queue
from tidebook.client.symbols import is_glob
from tidebook.client.waits import within
from tidebook.errors import TidebookError, UsageError
from tidebook.model.facts import Instrument
from tidebook.model.market import Level, State


@dataclass(frozen=True, slots=True)
class Best:
    """One venue's best prices; None where its book is not readable, or that side is empty."""

    venue: str
    state: State
    bid: Level | None
    ask: Level | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What buying on `buy` and selling on `sell` would bring, in percent of the ask; negative mostly."""

    buy: str
    sell: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Consolidation:
    """All venues at one instant. `bid` and `ask` are the best across venues, with where they stand."""

    symbol: str
    venues: tuple[Best, ...]
    bid: tuple[str, Level] | None
    ask: tuple[str, Level] | None
    differences: tuple[Difference, ...]


class Consolidated(Opening):
    """Books of one symbol on every connected venue that lists it. Iterating yields a Consolidation at each change, `on`
    is called with it, `now` is how it stands.

    A venue that answers, or lists the symbol, only later is joined then; one where it is traded no more stays among
    `books`, closed. `failed` says why a venue's book could not be opened.
    """

    def __init__(self, finder: Finder, symbol: str, venue: str | None, timeout: float) -> None:
        super().__init__(finder._root)
        if is_glob(symbol):
            raise UsageError(f"{symbol!r} is a pattern; here one symbol is wanted")
        self.symbol = symbol
        self.books: Sequence[Book] = ()
        self.failed: Sequence[BaseException] = ()
        self._finder = finder
        self._venue = venue
        self._timeout = timeout
        self._wanted: set[str] = set()
        self._leaves: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: Queue[str] = Queue("conflate", key=lambda venue: None)
        self._calls: Calls[Consolidation] = Calls(self._about, finder._options, finder._tell, finder._burst)

    async def _open(self) -> None:
        found = await self._finder._several([self.symbol], self._venue)
        self._wanted = {instrument.symbol for _, instrument in found}
        for one in self._finder._venues(self._venue):
            self._leaves.append(one.follow(partial(self._listed, one)))
        await asyncio.gather(*(self._join(one, instrument) for one, instrument in found))
        if not self.books:
            raise self.failed[0]

    async def _close(self) -> None:
        """The books are closed before, as all is that was opened out of this."""
        self._queue.end()
        for leave in self._leaves:
            leave()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _listed(self, one: VenueAt, came: Sequence[Instrument], gone: Sequence[Instrument]) -> None:
        for instrument in came:
            if instrument.symbol in self._wanted:
                task = asyncio.ensure_future(self._join(one, instrument))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _join(self, one: VenueAt, instrument: Instrument) -> None:
        """Open one venue's book, and have it among the others once it is readable."""
        book = LiveBook(self._finder, instrument.symbol, self._finder._within(one.place), timeout=self._timeout)
        book._owner = self  # closed with this, wherever its opening stands then
        book.watchers.append(self._moved)
        try:
            await book._enter()
        except TidebookError as error:
            self.failed = [*self.failed, error]
            return
        name = one.declared.name
        for other in self.books:
            if other.venue == name:
                other.close_soon()  # it ended, and the symbol is traded again
        self.books = [*(other for other in self.books if other.venue != name), book]
        self._queue.put(name)

    def _moved(self, book: Book) -> None:
        if self._queue.ended:
            return
        if not self._calls.functions:
            self._queue.put(book.venue)
        elif (error := self._calls.call(self.now())) is not None:
            self._queue.end(error)

    def _about(self) -> About:
        return About(f"consolidated {self.symbol}", "", self.symbol)

    def on(self, function: Callable[[Consolidation], object]) -> Callable[[Consolidation], object]:
        """Call a plain function with all venues as they stand, whenever a book changes, in the receive path; also a
        decorator.

        An exception of it is logged, told as health, and ends the calling: iterating or `next` raises it; the books go
        on being kept. Raises UsageError for a function that would have to be awaited.
        """
        self._calls.add(function)
        return function

    async def __aiter__(self) -> AsyncIterator[Consolidation]:
        self._check_reader()
        while await self._queue.some():
            yield self.now()

    async def batches(self) -> AsyncIterator[list[Consolidation]]:
        """As iterating; a list of all that one turn of the loop brought: one, as it stands then."""
        async for found in self:
            yield [found]

    async def next(self, timeout: float | None = 30.0) -> Consolidation:
        """How it stands after the next change.

        Raises TimeoutError after `timeout` seconds (None: never), StopAsyncIteration when it is closed. Cancelled, it
        has taken nothing.
        """
        self._check_reader()
        async with within(timeout, f"consolidated {self.symbol}"):
            await self._queue.one()
        return self.now()

    def _check_reader(self) -> None:
        self._check_loop()
        if self._calls and not self._queue.ended:
            raise UsageError("this is read by `on`. Open another one to iterate")

    def now(self) -> Consolidation:
        """As it stands."""
        venues = tuple(_best(book) for book in self.books)
        bids = [(one.venue, one.bid) for one in venues if one.bid is not None]
        asks = [(one.venue, one.ask) for one in venues if one.ask is not None]
        bid = max(bids, key=lambda pair: pair[1].price, default=None)
        ask = min(asks, key=lambda pair: pair[1].price, default=None)
        return Consolidation(self.symbol, venues, bid, ask, _differences(venues))


def _best(book: Book) -> Best:
    if not book.state.readable:
        return Best(book.venue, book.state, None, None)
    return Best(book.venue, book.state, book.best_bid, book.best_ask)


def _differences(venues: Sequence[Best]) -> tuple[Difference, ...]:
    found: list[Difference] = []
    for one, other in combinations(venues, 2):
        for buy, sell in ((one, other), (other, one)):
            if buy.ask is not None and sell.bid is not None:
                percent = (sell.bid.price - buy.ask.price) / buy.ask.price * 100
                found.append(Difference(buy.venue, sell.venue, percent))
    return tuple(found)
