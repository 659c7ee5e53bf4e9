"""Many order books: a mapping from symbol to book, that grows and shrinks while it is open."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial

from tidebook.client.book import Book
from tidebook.client.calls import check_done, check_plain
from tidebook.client.feeds import Finder, LiveBook
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.client.subscription import Queue
from tidebook.client.symbols import is_glob, matches
from tidebook.errors import BookNotLive, TidebookError, UnknownSymbol, UsageError
from tidebook.model.facts import Instrument
from tidebook.model.market import State

logger = logging.getLogger("tidebook.client")

Make = Callable[[str, str], LiveBook]
"""A book of a symbol at a place, not open yet."""


class Books(Opening, Mapping[str, Book]):
    """Made by `market.books(...)`. Entered when each is readable, or named in `failed` with the reason.

    ``async for book in books`` yields the book that changed, each once however often it did meanwhile. Patterns follow
    what the venue lists: a symbol that begins to be traded is added, one that ends is taken out and named in `failed`.
    """

    def __init__(self, finder: Finder, symbols: Sequence[str], venue: str | None, timeout: float, make: Make) -> None:
        Opening.__init__(self, finder._root)
        self.failed: dict[str, BaseException] = {}
        self._finder = finder
        self._asked = list(symbols)
        self._venue = venue
        self._timeout = timeout
        self._make = make
        self._books: dict[str, LiveBook] = {}
        self._globs: list[str] = []
        self._leaves: list[Callable[[], None]] = []
        self._followed: set[str] = set()
        self._queue: Queue[Book] = Queue("conflate", key=lambda book: book.symbol)
        self._calls: list[Callable[[Book], object]] = []
        self._states = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # The mapping --------------------------------------------------------------

    def __getitem__(self, symbol: str) -> Book:
        """The book of a canonical symbol. Raises KeyError, with the reason where it failed."""
        book = self._books.get(symbol)
        if book is None:
            reason = self.failed.get(symbol)
            raise KeyError(symbol if reason is None else f"{symbol}: {reason}")
        return book

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._books))

    def __len__(self) -> int:
        return len(self._books)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._books

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    # While it is open ---------------------------------------------------------

    async def add(self, *symbols: str) -> None:
        """Add symbols or patterns; returns when their books are readable, or named in `failed`.

        Raises UnknownSymbol, and then has added none. Cancelled, those that are not readable yet are taken out again.
        """
        self._check_loop()
        if self._closed:
            raise UsageError("these books are closed")
        await self._add(symbols)

    async def remove(self, *symbols: str) -> None:
        """Close the books of these symbols; a pattern takes out all that it matches, and is not followed any more.

        What is not there is passed over.
        """
        self._check_loop()
        self._globs = [glob for glob in self._globs if glob not in symbols]
        for symbol in symbols:
            for name in [name for name in self._books if name == symbol or (is_glob(symbol) and matches(name, symbol))]:
                await self._books.pop(name).close()
            self.failed.pop(symbol, None)

    async def live(self, timeout: float = 30.0) -> None:
        """Wait until each of them is proven current. Raises BookNotLive with those that are not after `timeout` s."""
        self._check_loop()
        try:
            async with asyncio.timeout(timeout):
                while any(book.state is not State.LIVE for book in self._books.values()):
                    self._states.clear()
                    await self._states.wait()
        except TimeoutError:
            late = [f"{name} ({book.state})" for name, book in self._books.items() if book.state is not State.LIVE]
            more = f" and {len(late) - 5} more" if len(late) > 5 else ""
            raise BookNotLive(f"not live after {timeout:g} s: {', '.join(late[:5])}{more}") from None

    def on(self, function: Callable[[Book], object]) -> Callable[[Book], object]:
        """Call a plain function with the book that changed, in the receive path; also a decorator.

        An exception of it is logged, and ends the calling; the books go on being kept. Raises UsageError for a function
        that would have to be awaited.
        """
        check_plain(function)
        self._calls.append(function)
        return function

    async def __aiter__(self) -> AsyncIterator[Book]:
        while True:
            self._check_reader()
            if not (books := await self._queue.some()):
                return
            for book in books:
                if self._books.get(book.symbol) is book:
                    yield book

    async def next(self, timeout: float | None = 30.0) -> Book:
        """The next book that changes. Raises TimeoutError after `timeout` seconds, StopAsyncIteration when closed."""
        self._check_reader()
        async with asyncio.timeout(timeout):
            return await self._queue.one()

    def _check_reader(self) -> None:
        self._check_loop()
        if self._calls:
            raise UsageError("these books are read by `on`. Open others to iterate")

    def __repr__(self) -> str:
        try:
            if self._is_forked:
                return f"<Books {self._condition()}>"
            states = [str(book.state) for book in self._books.values()]
            counts = ", ".join(f"{states.count(name)} {name}" for name in dict.fromkeys(states)) or "none"
            failed = f", {len(self.failed)} failed" if self.failed else ""
            return f"<Books {counts}{failed}>"
        except Exception as error:  # a repr never raises
            return f"<Books ({type(error).__name__})>"

    # Inside -------------------------------------------------------------------

    async def _open(self) -> None:
        await self._add(self._asked)
        if not self._books and self.failed:
            raise next(iter(self.failed.values()))

    async def _close(self) -> None:
        self._queue.end()
        for leave in self._leaves:
            leave()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(book.close() for book in self._books.values()))

    async def _add(self, symbols: Sequence[str]) -> None:
        found = await self._finder._several(symbols, self._venue)
        self._check_one_each(found)
        self._globs += [symbol for symbol in symbols if is_glob(symbol) and symbol not in self._globs]
        for one, _ in found:
            self._follow(one)
        await self._enter_all({instrument.symbol: str(one.at) for one, instrument in found})

    def _check_one_each(self, found: Sequence[tuple[VenueAt, Instrument]]) -> None:
        places: dict[str, VenueAt] = {}
        for one, instrument in found:
            other = places.setdefault(instrument.symbol, one)
            if other is not one:
                raise UsageError(
                    f"{instrument.symbol} is on several venues: say of which, venue= {other.at} or {one.at}",
                    symbol=instrument.symbol,
                )

    def _follow(self, one: VenueAt) -> None:
        if self._globs and one.declared.name not in self._followed:
            self._followed.add(one.declared.name)
            self._leaves.append(one.follow(partial(self._listed, str(one.at))))

    def _listed(self, place: str, came: Sequence[Instrument], gone: Sequence[Instrument]) -> None:
        """A venue lists more, or less."""
        fresh = {one.symbol: place for one in came if any(matches(one.symbol, glob) for glob in self._globs)}
        ended = [one.symbol for one in gone if one.symbol in self._books]
        task = asyncio.ensure_future(self._changed(fresh, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _changed(self, fresh: Mapping[str, str], ended: Sequence[str]) -> None:
        for symbol in ended:
            book = self._books.pop(symbol, None)
            if book is not None:
                error = UnknownSymbol(f"{symbol} is not traded any more", venue=book.venue, symbol=symbol)
                self.failed[symbol] = error
                book.fail(error)
                await book.close()
        await self._enter_all(fresh)

    async def _enter_all(self, places: Mapping[str, str]) -> None:
        """Open books of symbols that have none, at their places."""
        fresh = {name: self._make(name, place) for name, place in places.items() if name not in self._books}
        for name, book in fresh.items():
            self._books[name] = book
            self.failed.pop(name, None)
            book.watchers.append(self._moved)
        try:
            done = await asyncio.gather(*(book._enter() for book in fresh.values()), return_exceptions=True)
        except asyncio.CancelledError:
            for name, book in fresh.items():
                if not book.state.readable and self._books.get(name) is book:
                    del self._books[name]
            raise
        for (name, book), result in zip(fresh.items(), done, strict=True):
            if not isinstance(result, BaseException):
                continue
            if self._books.get(name) is book:
                del self._books[name]
            if not isinstance(result, TidebookError):
                raise result
            self.failed[name] = result

    def _moved(self, book: Book) -> None:
        self._states.set()
        if self._queue.ended:
            return
        if not self._calls:
            self._queue.put(book)
            return
        try:
            for call in self._calls:
                if (result := call(book)) is not None:
                    check_done(result)
        except Exception as error:
            logger.error("%s: the function given to `on` of these books raised", book.symbol, exc_info=error)
            self._queue.end(error)
