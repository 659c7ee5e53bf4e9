"""The program that is soaked: the books of many symbols on every venue, kept until it is told to stop.

It is a user's: everything goes through `tidebook.connect`. On a line of its input it answers with a line of JSON:
``memory``, or ``end``, which waits until every book is readable and what was on its way has come, and then tells all.
"""

import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import tidebook
from tidebook.client.book import Book
from tidebook.client.books import Books

QUIET: Final = 2.0  # seconds between two looks at whether all is readable
PAGE: Final = 4096


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE


class Keeper:
    """The books, how often each venue's changed, and what health said."""

    def __init__(self) -> None:
        self.books: dict[str, Books] = {}
        self.changes: Counter[str] = Counter()
        self.health: Counter[str] = Counter()

    async def keep(self, market: Any, venue: str, count: int) -> None:
        """Open the first symbols that a venue lists."""
        rows = await market.fetch_instruments(venue=venue)
        symbols = [row.symbol for row in rows if row.active][:count]
        books = await market.books(*symbols, venue=venue, timeout=120)
        books.on(self._counted(venue))
        self.books[venue] = books

    def _counted(self, venue: str) -> Callable[[Book], object]:
        def count(book: Book) -> None:
            self.changes[venue] += 1

        return count

    async def listen(self, market: Any) -> None:
        async with market.health() as events:
            async for event in events:
                self.health[type(event).__name__] += 1

    async def settled(self, timeout: float) -> None:
        """Wait until all are readable, and stay so while what is on its way comes. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            calm = 0
            while calm < 3:
                await asyncio.sleep(QUIET)
                calm = 0 if self._unreadable() else calm + 1

    def _unreadable(self) -> int:
        return sum(not book.state.readable for books in self.books.values() for book in books.values())

    def told(self) -> list[dict[str, Any]]:
        """Every book, whole."""
        return [_told(venue, book) for venue, books in self.books.items() for book in books.values()]


def _told(venue: str, book: Book) -> dict[str, Any]:
    found: dict[str, Any] = {"venue": venue, "symbol": book.symbol, "state": str(book.state)}
    if book.state.readable:
        bids, asks = book.top(None)
        found["bids"], found["asks"] = ([[str(price), str(size)] for price, size in side] for side in (bids, asks))
        found["known"] = [None if end is None else str(end) for end in (book.known.low, book.known.high)]
    return found


async def main(at: str, venues: list[str], count: int) -> None:
    keeper = Keeper()
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline().strip()))
    async with tidebook.connect(*venues, at=at, timeout=60) as market:
        listening = asyncio.create_task(keeper.listen(market))
        await asyncio.gather(*(keeper.keep(market, venue, count) for venue in venues))
        tell({"kind": "ready", "books": {venue: len(books) for venue, books in keeper.books.items()}})
        while (line := await lines.get()) == "memory":
            gc.collect()
            tell({"kind": "memory", "bytes": resident(), "changes": keeper.changes.total()})
        if line == "end":
            with suppress(TimeoutError):  # the books say which is not
                await keeper.settled(90)
            failed = {v: {s: str(e) for s, e in books.failed.items()} for v, books in keeper.books.items()}
            changes, health = dict(keeper.changes), dict(keeper.health)
            tell({"kind": "end", "books": keeper.told(), "failed": failed, "changes": changes, "health": health})
        listening.cancel()
        await asyncio.gather(*(books.close() for books in keeper.books.values()))


def tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    tidebook.run(main(sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])))
