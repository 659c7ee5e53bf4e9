"""Order books without asyncio: one, many, one symbol's side by side. Their prices may be read from any thread."""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, Self, cast

from tidebook.client import book, books, consolidated
from tidebook.client.book import BookChange
from tidebook.client.calls import About
from tidebook.client.consolidated import Consolidation
from tidebook.client.reading import FrozenBook, Known, ProofOf, Reading
from tidebook.client.subscription import Queue
from tidebook.client.waits import within
from tidebook.engine.contract import Best, Floats, Side
from tidebook.errors import BookNotLive
from tidebook.model.market import Level, State
from tidebook.threads.callbacks import Function
from tidebook.threads.opened import Called, Home, Read


class Book(Read[book.Book, BookChange], Called[book.Book, "Book"], Reading):
    """A live order book: ``with market.book("BTC/USDT") as book: …``

    It is readable while `state` is ``live`` or ``unproven``; reading it raises BookNotLive otherwise.

    Whatever reads its prices may be called from any thread, also inside a callback, and each call sees one instant; two
    calls may see two. `top` and `freeze` are for what belongs together. Iterating yields BookChange, each when a reader
    comes for it: what happened meanwhile is merged.
    """

    def __init__(self, home: Home, thing: book.Book) -> None:
        super().__init__(home, thing)
        self.symbol, self.venue = thing.symbol, thing.venue

    async def _open(self) -> None:
        await super()._open()
        self._renamed()

    def _renamed(self) -> None:
        """What it is called is known when it is opened."""
        self.symbol, self.venue = self._thing.symbol, self._thing.venue

    # State --------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._thing.state

    @property
    def why(self) -> str:
        """Why it is not live, since when, and what is being done; empty while it is."""
        return self._thing.why

    @property
    def seq(self) -> int | None:
        return self._thing.seq

    @property
    def venue_ns(self) -> int | None:
        """The venue's stamp of the last applied message, ns UTC."""
        return self._thing.venue_ns

    @property
    def received_ns(self) -> int | None:
        """When that message was read from the socket, ns UTC."""
        return self._thing.received_ns

    @property
    def time(self) -> datetime | None:
        """The venue's stamp of the last applied message, or where it has none, when it was received; UTC."""
        return self._thing.time

    @property
    def age(self) -> float:
        """Seconds since the last applied message."""
        return self._thing.age

    @property
    def proof_age(self) -> float:
        """Seconds since the last proof of life: any message of its topic or its connection."""
        return self._thing.proof_age

    @property
    def known(self) -> Known:
        return self._thing.known

    @property
    def proof(self) -> ProofOf:
        return self._thing.proof

    @property
    def last(self) -> FrozenBook | None:
        """The last proven view, with its age; the present one while the book is readable. None before there is one."""
        return self._thing.last

    # Reading ------------------------------------------------------------------

    def count(self, side: Side) -> int:
        return self._thing.count(side)

    @property
    def best_bid(self) -> Level | None:
        return self._thing.best_bid

    @property
    def best_ask(self) -> Level | None:
        return self._thing.best_ask

    def best_floats(self) -> Best:
        """Best bid, its size, best ask, its size, as doubles, of one instant. Raises BookNotLive."""
        return self._thing.best_floats()

    def read(self, side: Side, n: int | None) -> tuple[Level, ...]:
        return self._thing.read(side, n)

    def top(self, n: int | None = 10) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `n` bids and asks of one instant; all with None. Raises BookNotLive."""
        return self._thing.top(n)

    def floats(self, n: int | None = 10) -> tuple[Floats, Floats]:
        """The same as pairs of doubles. Raises BookNotLive."""
        return self._thing.floats(n)

    def freeze(self) -> FrozenBook:
        """A copy of this instant: levels, sequence, times, known range, proof. Raises BookNotLive."""
        return self._thing.freeze()

    def _doubles(self, n: int | None) -> tuple[bytes, bytes]:
        return self._thing._doubles(n)

    def _side(self, side: Side) -> tuple[tuple[Level, ...], Known]:
        return self._thing._side(side)

    # Changes ------------------------------------------------------------------

    def __iter__(self) -> Self:
        self._check_opened()
        return self

    def __next__(self) -> BookChange:
        return self._next()

    def next(self, timeout: float | None = 30.0) -> BookChange:
        """The next change.

        Raises Timeout, which is a TimeoutError, after `timeout` seconds (None: never), and BookNotLive when it is
        closed, or not current and ``stale="raise"``.
        """
        try:
            return super().next(timeout)
        except StopIteration:
            raise BookNotLive(f"{self.symbol} {self.venue} is closed", symbol=self.symbol) from None

    async def _take(self, timeout: float | None) -> bool:
        async with (
            within(timeout, f"book {self._thing.symbol} {self._thing.venue}"),
            aclosing(cast("Any", aiter(self._thing))) as changes,
        ):
            async for change in changes:
                self._ready.append(change)
                return True
        return False

    def _about(self) -> About:
        return self._thing._about()

    def _queue_for_async(self) -> "Queue[Book]":
        return Queue("conflate", key=lambda changed: None)

    def _register(self, function: "Function[Book]") -> None:
        self._thing.on(lambda changed: function(self))


class Books(Read[books.Books, Book], Called[books.Books, Book], Mapping[str, Book]):
    """Many order books, as a mapping from symbol to Book: ``with market.books("*/USDT") as books: …``

    Here a plain ``for`` goes through its symbols, as with any mapping; ``for book in books.changes()`` yields the book
    that changed, each once however often it did meanwhile, until they are closed.
    """

    def __init__(self, home: Home, thing: books.Books) -> None:
        super().__init__(home, thing)
        self._known: dict[str, Book] = {}

    @property
    def failed(self) -> dict[str, BaseException]:
        """The symbols that have no book, and why."""
        return dict(self._thing.failed)

    def __getitem__(self, symbol: str) -> Book:
        """The book of a canonical symbol. Raises KeyError, with the reason where it failed."""
        return self._plain(self._thing[symbol])

    def __iter__(self) -> Iterator[str]:
        return iter(self._thing)

    def __len__(self) -> int:
        return len(self._thing)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._thing

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def add(self, *symbols: str) -> None:
        """Add symbols or patterns: they are readable then, or named in `failed`. Raises UnknownSymbol."""
        self._check_opened()
        self._home.thread.call(self._thing.add(*symbols))

    def remove(self, *symbols: str) -> None:
        """Close the books of these symbols or patterns. What is not there is passed over."""
        self._check_opened()
        self._home.thread.call(self._thing.remove(*symbols))

    def live(self, timeout: float = 60.0) -> None:
        """Wait until each of them is proven current. Raises BookNotLive with those that are not after `timeout` s."""
        self._check_opened()
        self._home.thread.call(self._thing.live(timeout))

    def changes(self) -> Iterator[Book]:
        """The book that changed, again and again. Raises what has ended them where nothing is left."""
        self._check_opened()
        while self._ready or self._more(None):
            yield self._ready.popleft()

    def _plain(self, found: book.Book) -> Book:
        """The same each time, as long as it is open."""
        plain = self._known.get(found.symbol)
        if plain is None or plain._thing is not found:
            plain = self._known[found.symbol] = Book(self._home, found)
            for gone in [name for name in tuple(self._known) if name not in self._thing]:
                self._known.pop(gone, None)
        plain._renamed()
        return plain

    async def _take(self, timeout: float | None) -> bool:
        try:
            self._ready.append(self._plain(await self._thing.next(timeout)))
        except StopAsyncIteration:
            return False
        return True

    def _about(self) -> About:
        return self._thing._about()

    def _queue_for_async(self) -> Queue[Book]:
        return Queue("conflate", key=lambda changed: changed.symbol)

    def _register(self, function: Function[Book]) -> None:
        self._thing.on(lambda changed: function(self._plain(changed)))


class Consolidated(Read[consolidated.Consolidated, Consolidation], Called[consolidated.Consolidated, Consolidation]):
    """Books of one symbol on every connected venue that lists it. Iterating yields a Consolidation at each change."""

    def __init__(self, home: Home, thing: consolidated.Consolidated) -> None:
        super().__init__(home, thing)
        self._plain: dict[int, Book] = {}

    @property
    def symbol(self) -> str:
        return self._thing.symbol

    @property
    def books(self) -> tuple[Book, ...]:
        """One a venue; one where the symbol is traded no more stays here, closed."""
        found = tuple(self._thing.books)
        plain = {id(one): self._plain.get(id(one)) or Book(self._home, one) for one in found}
        self._plain = plain
        return tuple(plain.values())

    @property
    def failed(self) -> tuple[BaseException, ...]:
        """Why a venue's book could not be opened."""
        return tuple(self._thing.failed)

    def now(self) -> Consolidation:
        """As it stands. From any thread; raises UsageError once it is closed."""
        self._check_opened()
        return self._home.thread.ask(self._thing.now)

    def __iter__(self) -> Self:
        self._check_opened()
        return self

    def __next__(self) -> Consolidation:
        return self._next()

    async def _take(self, timeout: float | None) -> bool:
        async with (
            within(timeout, f"consolidated {self.symbol}"),
            aclosing(cast("Any", aiter(self._thing))) as changes,
        ):
            async for change in changes:
                self._ready.append(change)
                return True
        return False

    def _about(self) -> About:
        return self._thing._about()

    def _queue_for_async(self) -> Queue[Consolidation]:
        return Queue("conflate", key=lambda changed: None)

    def _register(self, function: Function[Consolidation]) -> None:
        self._thing.on(function)
