"""Many order books: a mapping from symbol to book, that grows and shrinks while it is open."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from tidebook.client.book import Book
from tidebook.client.calls import About, Calls
from tidebook.client.feeds import Finder, LiveBook
from tidebook.client.opening import Opening
from tidebook.client.place import VenueAt
from tidebook.client.subscription import Queue
from tidebook.client.symbols import is_glob, matches
from tidebook.client.waits import within
from tidebook.errors import BookNotLive, NotPermitted, TidebookError, UnknownSymbol, UsageError
from tidebook.model.facts import Instrument
from tidebook.model.market import State

logger = logging.getLogger("tidebook.client")

Make = Callable[[str, str], LiveBook]
"""A book of a symbol at a place, not open yet."""
Found = tuple[VenueAt, Instrument]


class Books(Opening, Mapping[str, Book]):
    """Made by `market.books(...)`. Entered when each is readable, or named in `failed` with the reason.

    ``async for book in books`` yields the book that changed, each once however often it did meanwhile. A symbol that is
    traded no more is taken out and named in `failed`; when nothing is left, iterating raises why. Patterns follow what
    the venues list: a symbol that begins to be traded is added, also one of a venue that answers only later; with
    them iterating ends only when nothing is left and every venue refuses the key.
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
        self._found: dict[str, Found] = {}  # what each symbol is, of books and of those that failed
        self._globs: list[str] = []
        self._denied: set[str] = set()  # venues that refuse the key for good
        self._leaves: list[Callable[[], None]] = []
        self._queue: Queue[Book] = Queue("conflate", key=lambda book: book.symbol)
        self._calls: Calls[Book] = Calls(self._about, finder._options, finder._tell, finder._burst)
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

        Raises UnknownSymbol, and then has added none; UsageError when these are closed, or meanwhile. Cancelled, those
        that are not readable yet are taken out again.
        """
        self._check_loop()
        self._check_not_closed()
        await self._add(symbols)

    async def remove(self, *symbols: str) -> None:
        """Close the books of these symbols; a pattern takes out all that it matches, and is not followed any more.

        They are written as for `add`. What is not there is passed over.
        """
        self._check_loop()
        self._globs = [glob for glob in self._globs if glob not in symbols]
        names = [name for name, found in self._found.items() if any(_means(symbol, *found) for symbol in symbols)]
        books = [self._books.pop(name) for name in names if name in self._books]
        for name in names:
            del self._found[name]
            self.failed.pop(name, None)
        for book in books:
            book.close_soon()  # also when this is cancelled
        self._states.set()
        await asyncio.gather(*(book.close() for book in books))

    async def live(self, timeout: float = 60.0) -> None:
        """Wait until each of them is proven current.

        Raises BookNotLive with those that are not after `timeout` seconds, UsageError when these are closed.
        """
        self._check_loop()
        try:
            async with asyncio.timeout(timeout):
                while any(book.state is not State.LIVE for book in self._books.values()):
                    self._check_not_closed()
                    self._states.clear()
                    await self._states.wait()
        except TimeoutError:
            late = [f"{name} ({book.state})" for name, book in self._books.items() if book.state is not State.LIVE]
            more = f" and {len(late) - 5} more" if len(late) > 5 else ""
            raise BookNotLive(f"not live after {timeout:g} s: {', '.join(late[:5])}{more}") from None

    def on(self, function: Callable[[Book], object]) -> Callable[[Book], object]:
        """Call a plain function with the book that changed, in the receive path; also a decorator.

        An exception of it is logged, told as health, and ends the calling: iterating or `next` raises it; the books go
        on being kept. Raises UsageError for a function that would have to be awaited.
        """
        self._calls.add(function)
        return function

    async def __aiter__(self) -> AsyncIterator[Book]:
        while True:
            self._check_reader()
            if not (books := await self._queue.some()):
                return
            for book in books:
                if self._has(book):
                    yield book

    async def batches(self) -> AsyncIterator[list[Book]]:
        """The books that changed in one turn of the loop, or since this was read last, as a list, again and again.

        Raises as iterating does.
        """
        while True:
            self._check_reader()
            if not (found := await self._queue.some()):
                return
            if books := [book for book in found if self._has(book)]:
                yield books

    async def next(self, timeout: float | None = 30.0) -> Book:
        """The next book that changes.

        Raises TimeoutError after `timeout` seconds (None: never), StopAsyncIteration when closed, and as iterating
        does. Cancelled, it has taken nothing.
        """
        self._check_reader()
        async with within(timeout, "books"):
            while not self._has(book := await self._queue.one()):
                pass  # it was taken out since
            return book

    def _has(self, book: Book) -> bool:
        return self._books.get(book.symbol) is book

    def _check_reader(self) -> None:
        self._check_loop()
        if self._calls and not self._queue.ended:
            raise UsageError("these books are read by `on`. Open others to iterate")

    def _check_not_closed(self) -> None:
        if self._closed:
            raise UsageError("these books are closed")

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
        """The books are closed before, as all is that was opened out of this."""
        self._queue.end()
        self._states.set()
        for leave in self._leaves:
            leave()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _about(self) -> About:
        venues = {one.declared.name for one, _ in self._found.values()}
        return About(f"books of {', '.join(self._asked)}", venues.pop() if len(venues) == 1 else "")

    async def _add(self, symbols: Sequence[str]) -> None:
        found = await self._finder._several(symbols, self._venue)
        self._check_not_closed()  # meanwhile
        self._check_one_each(found)
        self._follow()
        self._globs += [symbol for symbol in symbols if is_glob(symbol) and symbol not in self._globs]
        await self._enter_all(found)
        self._check_not_closed()

    def _check_one_each(self, found: Sequence[Found]) -> None:
        places: dict[str, VenueAt] = {}
        for one, instrument in found:
            other = places.setdefault(instrument.symbol, one)
            if other is not one:
                raise UsageError(
                    f"{instrument.symbol} is on several venues: say of which, venue= {other.at} or {one.at}",
                    symbol=instrument.symbol,
                )

    def _follow(self) -> None:
        """What is listed by each venue that may be meant, also one that has not answered yet."""
        if not self._leaves:
            ones = self._finder._venues(self._venue)
            self._leaves = [one.follow(partial(self._listed, one)) for one in ones]

    def _listed(self, one: VenueAt, came: Sequence[Instrument], gone: Sequence[Instrument]) -> None:
        """A venue lists more, or less."""
        for instrument in gone:
            book = self._books.get(instrument.symbol)
            if book is not None and self._found[instrument.symbol][0] is one:
                self._ended(
                    book, UnknownSymbol(f"{book.symbol} is not traded any more", venue=book.venue, symbol=book.symbol)
                )
        fresh = [(one, row) for row in came if any(matches(row.symbol, glob) for glob in self._globs)]
        if fresh:
            self._begin(self._enter_all(fresh))

    def _ended(self, book: Book, error: TidebookError) -> None:
        """It will never be right: taken out, once."""
        if not self._has(book):
            return
        del self._books[book.symbol]
        book.close_soon()
        self._without(book.symbol, error)
        if not self._books and (not self._globs or self._is_over()) and not self._queue.ended:
            self._queue.end(error)

    def _without(self, symbol: str, error: BaseException) -> None:
        """There is no book of it."""
        self.failed[symbol] = error
        if isinstance(error, NotPermitted):
            self._denied.add(self._found[symbol][0].declared.name)

    def _is_over(self) -> bool:
        """Nothing is left, and no pattern can bring anything: every venue refuses the key."""
        ones = [one for one in self._finder._venues(self._venue) if one.declared.books]
        return not self._books and all(one.declared.name in self._denied for one in ones)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s: what is listed could not be followed", self._about().what, exc_info=error)

    async def _enter_all(self, found: Sequence[Found]) -> None:
        """Open books of symbols that have none."""
        fresh: dict[str, LiveBook] = {}
        for one, instrument in found:
            name = instrument.symbol
            if name in self._books:
                continue
            book = fresh[name] = self._books[name] = self._make(name, one.place)
            book._owner = self  # closed with these, wherever its opening stands then
            book.watchers.append(self._moved)
            self._found[name] = (one, instrument)
            self.failed.pop(name, None)
        try:
            done = await asyncio.gather(*(book._enter() for book in fresh.values()), return_exceptions=True)
        except asyncio.CancelledError:
            for name, book in fresh.items():
                if not book.state.readable and self._has(book):
                    del self._books[name]
                    del self._found[name]
            raise
        if not self._closed:
            self._judge(fresh, done)

    def _judge(self, fresh: Mapping[str, LiveBook], done: Sequence[object]) -> None:
        """Who could not be opened is named; a bug is raised, after that. What was taken out meanwhile is forgotten."""
        bug: BaseException | None = None
        for (name, book), result in zip(fresh.items(), done, strict=True):
            if not isinstance(result, BaseException) or not self._has(book):
                continue
            del self._books[name]
            self._without(name, result)
            if not isinstance(result, TidebookError):
                bug = bug or result
            if self._opened and self._globs and self._is_over() and not self._queue.ended:
                self._queue.end(result)
        self._states.set()
        if bug is not None:
            raise bug

    def _moved(self, book: Book) -> None:
        self._states.set()
        if book._fatal is not None:
            self._ended(book, book._fatal)
        elif self._queue.ended:
            return
        elif not self._calls.functions:
            self._queue.put(book)
        elif (error := self._calls.call(book)) is not None:
            self._queue.end(error)


def _means(text: str, one: VenueAt, instrument: Instrument) -> bool:
    """Whether `text` is this instrument's symbol or id, or a pattern that matches it."""
    if is_glob(text):
        return matches(instrument.symbol, text)
    found = one.listing.find(text)
    return text == instrument.symbol or (found is not None and found.symbol == instrument.symbol)
