"""The best prices of one symbol on several venues, side by side."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from tidebook.client.book import Book
from tidebook.client.opening import Opening
from tidebook.client.subscription import Queue
from tidebook.model.market import Level, State

Make = Callable[[Callable[[Book], object]], Awaitable[tuple[Sequence[Book], Sequence[BaseException]]]]


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
    """Books of one symbol on every connected venue that lists it. Iterating yields a Consolidation at each change.

    `failed` says why a venue's book could not be opened.
    """

    def __init__(self, symbol: str, make: Make, owner: Opening | None = None) -> None:
        super().__init__(owner)
        self.symbol = symbol
        self.books: Sequence[Book] = ()
        self.failed: Sequence[BaseException] = ()
        self._make = make
        self._queue: Queue[str] = Queue("conflate", key=lambda venue: None)

    async def _open(self) -> None:
        self.books, self.failed = await self._make(lambda book: self._queue.put(book.venue))
        if not self.books:
            raise self.failed[0]

    async def _close(self) -> None:
        self._queue.end()
        for book in self.books:
            await book.close()

    async def __aiter__(self) -> AsyncIterator[Consolidation]:
        self._check_loop()
        while await self._queue.some():
            yield self.now()

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
