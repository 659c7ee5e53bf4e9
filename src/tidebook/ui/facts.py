"""What a view may show, as plain facts: venues, books, what happened, who traded; whatever they come from."""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tidebook.model.facts import Trade
from tidebook.model.market import Level, State
from tidebook.ui.words import Tone

RATE_SECONDS = 2.0
REMEMBERED = 1000
TAPE = 100  # trades that are remembered


@dataclass(frozen=True, slots=True)
class Happening:
    """Something worth a line; `at` is in seconds since the beginning."""

    at: float
    venue: str
    symbol: str | None
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class BookFacts:
    """One book at one instant; the levels are those that were asked for. `since`: seconds in this state."""

    venue: str
    symbol: str
    state: State
    reason: str
    since: float
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    bid_count: int
    ask_count: int
    seq: int | None
    gaps: int
    resyncs: int


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """One venue at one instant; `rate` is messages per second of wall time, `about` the text of the last column."""

    venue: str
    connection: str
    messages: int
    rate: float
    readable: int
    total: int
    gaps: int
    resyncs: int
    about: str


class Source(Protocol):
    """One venue under observation. `at` and `seconds`: where it is, and how long it lasts where that is known.

    `on_happening` is called with each line-worthy thing. `column` heads what its facts say in `about`.
    """

    venue: str
    on_happening: Callable[[Happening], None] | None

    @property
    def name(self) -> str: ...
    @property
    def column(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def at(self) -> float: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def symbols(self) -> list[str]: ...
    def book(self, symbol: str, depth: int) -> BookFacts | None: ...
    def books(self, depth: int) -> list[BookFacts]: ...
    def facts(self) -> VenueFacts: ...


class Rate:
    """Messages per second over the last two seconds, from totals."""

    def __init__(self) -> None:
        self._totals: deque[tuple[float, int]] = deque()

    def of(self, total: int) -> float:
        now = time.monotonic()
        self._totals.append((now, total))
        while len(self._totals) > 2 and self._totals[1][0] <= now - RATE_SECONDS:
            self._totals.popleft()
        begin, before = self._totals[0]
        return (total - before) / (now - begin) if now - begin > 0.2 else 0.0


class Scene:
    """All that a view may show: the venues, what happened and who traded (the last of it), pace and time.

    `title` is the command. Where nothing is played there is no `pace`.
    """

    def __init__(self, watched: Sequence[Source], pace: str | None, title: str = "replay") -> None:
        self.watched = watched
        self.pace = pace
        self.title = title
        self.engine = watched[0].engine
        self.happened = 0  # in all
        self.happenings: deque[Happening] = deque(maxlen=REMEMBERED)
        self.tape: deque[Trade] = deque(maxlen=TAPE)
        self.traded: Counter[tuple[str, str]] = Counter()
        for one in watched:
            one.on_happening = self.took_place

    @property
    def at(self) -> float:
        """The place in the recordings, or since the beginning, in seconds."""
        return max(one.at for one in self.watched)

    @property
    def seconds(self) -> float | None:
        """How long the longest recording is."""
        return max((one.seconds for one in self.watched if one.seconds is not None), default=None)

    def since(self, count: int) -> list[Happening]:
        """What happened after the first `count` things, as far as it is remembered."""
        fresh = self.happened - count
        return [*self.happenings][-fresh:] if fresh > 0 else []

    def took_place(self, happening: Happening) -> None:
        self.happened += 1
        self.happenings.append(happening)

    def trade(self, trade: Trade) -> None:
        """Somebody traded."""
        self.tape.append(trade)
        self.traded[trade.venue, trade.symbol] += 1


def symbols_of(watched: Sequence[Source]) -> list[str]:
    """Those of every venue first, then the others."""
    lists = [one.symbols for one in watched]
    every = list(dict.fromkeys(symbol for symbols in lists for symbol in symbols))
    return sorted(every, key=lambda symbol: -sum(symbol in symbols for symbols in lists))


Books = Sequence[BookFacts | None]
"""Of one symbol, by venue."""


def best_across(books: Books) -> tuple[BookFacts | None, BookFacts | None]:
    """The readable books with the highest bid and the lowest ask."""
    readable = [book for book in books if book is not None and book.state.readable]
    bids, asks = [book for book in readable if book.bids], [book for book in readable if book.asks]
    best_bid = max(bids, key=lambda book: book.bids[0].price) if bids else None
    return best_bid, min(asks, key=lambda book: book.asks[0].price) if asks else None


def difference(books: Books) -> str:
    """How far the middle of the others is from the first readable venue's, at most, in percent."""
    middles = [
        (book.bids[0].price + book.asks[0].price) / 2
        for book in books
        if book is not None and book.state.readable and book.bids and book.asks
    ]
    if len(middles) < 2 or not middles[0]:
        return "–"
    return f"{max((one / middles[0] - 1 for one in middles[1:]), key=abs) * 100:+.4f}%"
