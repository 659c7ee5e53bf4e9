"""One venue seen through a client's market: what happened to its books, and how things stand, as plain facts."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median

from tidebook.client.book import Book
from tidebook.client.market import Market
from tidebook.model import health
from tidebook.model.facts import Fact, Trade
from tidebook.model.market import Level, State
from tidebook.ui.facts import BookFacts, Happening, Rate, VenueFacts
from tidebook.ui.words import Tone, tell

FOR_EVER = 365 * 86400.0  # seconds: whoever watches decides when it was long enough
DELAYS = 500  # messages of which the median delay is taken


@dataclass(slots=True)
class _Seen:
    """A book and what is remembered of it."""

    book: Book
    state: State = State.SYNCING
    since: float = 0.0
    reason: str = "waiting for its first message"
    was_live: bool = False
    gaps: int = 0
    resyncs: int = 0


class Connected:
    """See the module. `place` is where, as `market.book(venue=…)` takes it; `kind` which of its books.

    The latency that it tells is the median of (when a message was read here − the venue's stamp), by two clocks.
    """

    def __init__(
        self, market: Market, place: str, venue: str, symbols: Sequence[str], engine: str, kind: str | None = None
    ) -> None:
        self.venue = venue
        self.on_happening: Callable[[Happening], None] | None = None
        self._market = market
        self._place = place
        self._engine = engine
        self._began = time.monotonic()
        self._seen = {
            symbol: _Seen(market.book(symbol, venue=place, kind=kind, timeout=FOR_EVER, stale="yield"))
            for symbol in symbols
        }
        self._delays: deque[int] = deque(maxlen=DELAYS)
        self._rate = Rate()
        self._messages = 0
        self._received: dict[int, tuple[object, int]] = {}  # by line: its session, and what that had received

    @property
    def name(self) -> str:
        return self.venue

    @property
    def column(self) -> str:
        return "latency"

    @property
    def engine(self) -> str:
        return self._engine

    @property
    def at(self) -> float:
        return time.monotonic() - self._began

    @property
    def seconds(self) -> None:
        return None

    @property
    def symbols(self) -> list[str]:
        return list(self._seen)

    # Opening ------------------------------------------------------------------

    async def open_book(self, symbol: str, stack: AsyncExitStack) -> None:
        """Open a book and stay; what it says comes to the views by itself."""
        seen = self._seen[symbol]
        seen.since = time.monotonic()
        seen.book.on(lambda book: self._changed(seen, book))
        await stack.enter_async_context(seen.book)

    async def open_trades(self, symbol: str, told: Callable[[Trade], None], stack: AsyncExitStack) -> None:
        """Open its trades; each is told."""
        trades = self._market.trades(symbol, venue=self._place)

        def take(trade: Trade) -> None:
            self._delayed(trade)
            told(trade)

        trades.on(take)
        await stack.enter_async_context(trades)

    # Listening ----------------------------------------------------------------

    def happened(self, event: health.Health) -> None:
        """An event of this venue."""
        text, tone = tell(event)
        about = [self._seen[event.symbol]] if event.symbol in self._seen else []
        for seen in about:
            seen.gaps += isinstance(event, health.Gap)
            seen.resyncs += isinstance(event, health.Resynced)
        if isinstance(event, health.Stale | health.Disconnected | health.SnapshotFailed | health.SubscriptionFailed):
            for seen in about or self._seen.values():
                seen.reason = event.reason
        if text:
            self.note(text, tone, event.symbol)

    def note(self, text: str, tone: Tone = "plain", symbol: str | None = None) -> None:
        """Something happened, in words."""
        if self.on_happening is not None:
            self.on_happening(Happening(self.at, self.venue, symbol, text, tone))

    def _changed(self, seen: _Seen, book: Book) -> None:
        """A message was applied, or the state changed."""
        state = book.state
        if state is not seen.state:
            seen.state, seen.since = state, time.monotonic()
        if not state.readable:
            return
        if not seen.was_live:
            seen.was_live = True
            text = f"{state}, {book.count('bid')}+{book.count('ask')} levels, seq {book.seq}"
            self.note(text, "good", book.symbol)
        received_ns, venue_ns = book.received_ns, book.venue_ns
        if received_ns is not None and venue_ns is not None:
            self._delays.append(received_ns - venue_ns)

    def _delayed(self, fact: Fact) -> None:
        if fact.venue_ns is not None:
            self._delays.append(fact.received_ns - fact.venue_ns)

    # Looking ------------------------------------------------------------------

    def book(self, symbol: str, depth: int) -> BookFacts | None:
        seen = self._seen.get(symbol)
        return None if seen is None else self._facts(symbol, seen, depth)

    def books(self, depth: int) -> list[BookFacts]:
        return [self._facts(symbol, seen, depth) for symbol, seen in self._seen.items()]

    def facts(self) -> VenueFacts:
        """How the connections and all books stand."""
        count = self._count()
        return VenueFacts(
            self.venue,
            self._connection(),
            count,
            self._rate.of(count),
            sum(seen.book.state.readable for seen in self._seen.values()),
            len(self._seen),
            sum(seen.gaps for seen in self._seen.values()),
            sum(seen.resyncs for seen in self._seen.values()),
            f"{median(self._delays) / 1e6:.1f} ms" if self._delays else "–",
        )

    def _facts(self, symbol: str, seen: _Seen, depth: int) -> BookFacts:
        book, state = seen.book, seen.book.state
        bids: tuple[Level, ...] = ()
        asks: tuple[Level, ...] = ()
        bid_count = ask_count = 0
        if state.readable:
            bids, asks = book.top(depth)
            bid_count, ask_count = book.count("bid"), book.count("ask")
        elif (last := book.last) is not None:
            bids, asks = last.top(depth)
            bid_count, ask_count = last.count("bid"), last.count("ask")
        return BookFacts(
            venue=self.venue,
            symbol=symbol,
            state=state,
            reason=seen.reason,
            since=time.monotonic() - (seen.since or self._began),
            bids=bids,
            asks=asks,
            bid_count=bid_count,
            ask_count=ask_count,
            seq=book.seq,
            gaps=seen.gaps,
            resyncs=seen.resyncs,
        )

    def _connection(self) -> str:
        lines = [line for one in self._market._venues(self._place) for line in one.desk.lines]
        is_open = sum(line.session is not None and line.session.is_open for line in lines)
        if not lines:
            return "opening"
        if len(lines) == 1:
            return "open" if is_open else "lost"
        return f"{is_open}/{len(lines)} open"

    def _count(self) -> int:
        """Messages received, across all the sessions that a line ever had."""
        for one in self._market._venues(self._place):
            for line in one.desk.lines:
                if line.session is None:
                    continue
                session, before = self._received.get(id(line), (None, 0))
                now = line.session.received
                self._messages += now - before if session is line.session else now
                self._received[id(line)] = (line.session, now)
        return self._messages
