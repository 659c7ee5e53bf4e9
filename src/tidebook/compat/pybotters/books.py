"""The order books of data stores: rows ``{"s", "S", "p", …}``, judged by the rules that venues declare.

The rows are pybotters', texts as the venue wrote them; the ids go through the engine's own book, by the rule that the
venue declares, so that no rule is written here: what it applies is applied, what it calls a gap empties the symbol.
"""

import asyncio
import json
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tidebook import engine as engines
from tidebook.compat.pybotters.store import DataStore, Item
from tidebook.engine.contract import Book, Event
from tidebook.io.clock import now
from tidebook.venue import BookChannel
from tidebook.venues import every

logger = logging.getLogger("tidebook.compat")
BUFFER: Final = 8000  # changes of a symbol that wait for its whole book


def channel_of(venue: str, name: str) -> BookChannel:
    """A venue's book channel by name."""
    return next(one for one in every()[venue].books if one.name == name)


class Judge:
    """What one symbol's messages are, by the declared rule: frames of ids without levels, for the engine."""

    def __init__(self, channel: BookChannel, topic: str) -> None:
        engine = engines.load(None)
        self._book: Book = engine.Book(channel.shape, channel.rule, snapshot=channel.snapshot)
        self._feed = engine.Feed()
        self._feed.want(topic.encode() if channel.key is None else channel.key(topic), self._book)

    def takes(self, frame: Item) -> bool | None:
        """True: to be applied. False: old, or nothing is known yet. None: a gap, nothing may be believed any more."""
        outcome = self._feed.feed(json.dumps(frame).encode(), now().mono_ns)
        if isinstance(outcome, Event) and outcome.what == "gap":
            logger.warning("a gap: expected %s, got %s; the book is asked for anew", outcome.expected, outcome.got)
            return None
        return outcome is self._book or (isinstance(outcome, Event) and outcome.what == "seeded")

    def seed(self, body: Item) -> None:
        """A whole book from outside; what follows is judged by it."""
        at = now().mono_ns
        self._book.unseed()
        self._book.seed(json.dumps(body).encode(), at, at)


@dataclass(slots=True)
class Kept:
    """One symbol: its judge, changes that wait for a whole book, and how that is asked for."""

    judge: Judge
    waiting: deque[Item] = field(default_factory=lambda: deque[Item](maxlen=BUFFER))
    refetch: Callable[[], Coroutine[Any, Any, None]] | None = None


class OrderBook(DataStore):
    """Levels as rows ``{"s": symbol, "S": "a" or "b", "p": price, size}``, the size under the name that `_SIZE` says.

    A symbol whose book is not known to be whole has no rows.
    """

    _KEYS: ClassVar[list[str]] = ["s", "S", "p"]
    _MAXLEN: ClassVar[int] = 1_000_000
    _SIZE: ClassVar[str] = "q"

    def _init(self) -> None:
        self.initialized: defaultdict[str, bool] = defaultdict(bool)
        self._kept: dict[str, Kept] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def sorted(self, query: Item | None = None, limit: int | None = None) -> dict[str, list[Item]]:
        """Asks rising under ``"a"``, bids falling under ``"b"``, at most `limit` of each."""
        return self._sorted("S", "a", "b", "p", query, limit)

    def _levels(self, symbol: str, sides: Iterable[tuple[str, Iterable[list[str]]]]) -> None:
        """New sizes of levels; zero is none."""
        gone: list[Item] = []
        here: list[Item] = []
        for side, rows in sides:
            for price, size, *_ in rows:
                row = {"s": symbol, "S": side, "p": price, self._SIZE: size}
                (here if size.strip("0.") else gone).append(row)
        self._delete(gone)
        self._update(here)

    def _whole(self, symbol: str, sides: Iterable[tuple[str, Iterable[list[str]]]]) -> None:
        self._find_and_delete({"s": symbol})
        self._levels(symbol, sides)
        self.initialized[symbol] = True

    def _lose(self, symbol: str) -> None:
        """It is not known to be whole any more."""
        self.initialized[symbol] = False
        self._find_and_delete({"s": symbol})

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a book could not be asked for anew: %s", error)
