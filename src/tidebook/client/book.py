"""An order book as users see it: true, or it says that it is not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal

from tidebook.client.opening import Opening
from tidebook.client.reading import FrozenBook, Known, ProofOf, Reading, best_of
from tidebook.client.subscription import Queue
from tidebook.core import book as core
from tidebook.core.clock import SECOND
from tidebook.engine.contract import Side
from tidebook.engine.rule import Proof, Seed
from tidebook.errors import BookNotLive, SubscriptionFailed, TidebookError
from tidebook.io.clock import now
from tidebook.model.market import Level, State, level
from tidebook.model.number import decimal_of

Stale = Literal["sleep", "raise", "yield"]


@dataclass(frozen=True, slots=True)
class BookChange:
    """What one wake-up of a reader brings: the messages with ids `first` … `last`, `merged` of them.

    `venue_ns` is the venue's stamp of the newest, `received_ns` when it was read from the socket (both ns UTC).
    """

    symbol: str
    venue: str
    state: State
    first: int | None
    last: int | None
    merged: int
    venue_ns: int | None
    received_ns: int | None


class Book(Reading, Opening):
    """A live order book. Made by `market.book(...)`; readable while `state` is ``live`` or ``unproven``."""

    def __init__(self, symbol: str, venue: str, *, timeout: float, require: State | None, stale: Stale) -> None:
        Opening.__init__(self)
        self.symbol = symbol
        self.venue = venue
        self._engine_name = ""
        self._attach: Callable[[Book], core.Book] | None = None
        self._detach: Callable[[Book], None] | None = None
        self._timeout = timeout
        self._require = require
        self._stale: Stale = stale
        self._core: core.Book | None = None
        self._queue: Queue[BookChange] = Queue("conflate", key=lambda change: None, merge=_merge)
        self._calls: list[Callable[[Book], object]] = []
        self.watchers: list[Callable[[Book], object]] = []  # our own code, told beside whoever reads it
        self._readable = asyncio.Event()
        self._fatal: TidebookError | None = None

    def bind(
        self, symbol: str, venue: str, engine_name: str,
        attach: Callable[["Book"], core.Book], detach: Callable[["Book"], None],
    ) -> None:  # fmt: skip
        """Where it comes from, once that is known."""
        self.symbol, self.venue, self._engine_name = symbol, venue, engine_name
        self._attach, self._detach = attach, detach

    # Opening ------------------------------------------------------------------

    async def _open(self) -> None:
        assert self._attach is not None, "bound before it is opened"
        self._core = self._attach(self)
        self.changed(self._core)
        try:
            async with asyncio.timeout(self._timeout):
                await self._readable.wait()
        except TimeoutError:
            reason = f"{self.symbol} {self.venue} is not readable after {self._timeout:g} s: {self._core.reason}"
            raise SubscriptionFailed(reason, venue=self.venue, symbol=self.symbol) from None
        if self._fatal is not None:
            raise self._fatal
        if self._require is State.LIVE and self.state is State.UNPROVEN:
            raise BookNotLive(
                f"{self.symbol} {self.venue} can only be unproven: the venue proves nothing", symbol=self.symbol
            )

    async def _close(self) -> None:
        self._queue.end()
        if self._detach is not None:
            self._detach(self)

    # From the receive path ----------------------------------------------------

    def changed(self, source: core.Book) -> None:
        """A message was applied, or the state changed."""
        if source.state.readable:
            self._readable.set()
        elif self._stale == "sleep":
            return
        for watcher in self.watchers:
            watcher(self)
        for call in self._calls:
            call(self)
        if not self._calls:
            self._queue.put(self._change(source))

    def fail(self, error: TidebookError) -> None:
        """It will never be right (refused, delisted): raised once."""
        self._fatal = error
        self._readable.set()
        self._queue.end(error)
        if self._detach is not None:
            self._detach(self)

    def _change(self, source: core.Book) -> BookChange:
        engine = source.engine
        return BookChange(
            self.symbol,
            self.venue,
            source.state,
            engine.first,
            engine.last,
            1,
            engine.venue_ns,
            self._wall(engine.applied_ns),
        )

    # State --------------------------------------------------------------------

    @property
    def state(self) -> State:
        if self._closed or self._fatal is not None:
            return State.CLOSED
        return State.SYNCING if self._core is None else self._core.state

    @property
    def seq(self) -> int | None:
        return None if self._core is None else self._core.engine.last

    @property
    def venue_ns(self) -> int | None:
        """The venue's stamp of the last applied message, ns UTC."""
        return None if self._core is None else self._core.engine.venue_ns

    @property
    def received_ns(self) -> int | None:
        """When that message was read from the socket, ns UTC."""
        return None if self._core is None else self._wall(self._core.engine.applied_ns)

    @property
    def age(self) -> float:
        """Seconds since the last applied message."""
        return self._since(None if self._core is None else self._core.engine.applied_ns)

    @property
    def proof_age(self) -> float:
        """Seconds since the last proof of life: any message of its topic or its connection."""
        return self._since(None if self._core is None else self._core.alive_ns)

    @property
    def known(self) -> Known:
        source = self._source()
        window = source.plan.shape.window
        if window is not None:
            low, high = (
                rows[-1].price if len(rows) >= window.levels else None
                for rows in (self._raw_read("bid", window.levels), self._raw_read("ask", window.levels))
            )
            return Known(low, high)
        if source.plan.rule.seed is Seed.REST or source.engine.stats()["trimmed"]:
            low_raw, high_raw = source.engine.reach
            return Known(
                None if low_raw is None else decimal_of(*low_raw), None if high_raw is None else decimal_of(*high_raw)
            )
        return Known(None, None)

    @property
    def proof(self) -> ProofOf:
        source = self._source()
        rule, shape = source.plan.rule, source.plan.shape
        depth = shape.checksum.depth if Proof.CHECKSUM in rule.proof and shape.checksum is not None else None
        if Proof.SEQUENCE in rule.proof:
            depth = None
        kinds = tuple(str(kind) for kind in rule.proof)
        return ProofOf(kinds, depth, source.engine.last, self._wall(source.engine.applied_ns))

    @property
    def last(self) -> FrozenBook | None:
        """The last proven view, with its age; the present one while the book is readable. None before there is one."""
        if self._core is None or self._core.engine.applied == 0:
            return None
        return self._freeze(self._core)

    # Reading ------------------------------------------------------------------

    def count(self, side: Side) -> int:
        engine = self._readable_source().engine
        return engine.bid_count if side == "bid" else engine.ask_count

    def read(self, side: Side, n: int | None) -> tuple[Level, ...]:
        self._readable_source()
        return self._raw_read(side, n)

    def freeze(self) -> FrozenBook:
        """A copy of this instant."""
        return self._freeze(self._readable_source())

    def on(self, function: Callable[["Book"], object]) -> Callable[["Book"], object]:
        """Call a plain function with this book after each applied message, in the receive path."""
        self._calls.append(function)
        return function

    async def __aiter__(self) -> AsyncIterator[BookChange]:
        """Changes while the book is readable; through a resync it sleeps (or as `stale` says) and goes on after it."""
        self._check_loop()
        while True:
            changes = await self._queue.some()
            if not changes:
                return
            for change in changes:
                if not change.state.readable and self._stale == "raise" and not self.state.readable:
                    raise self._not_live(self._source())
                yield change

    async def next(self, timeout: float | None = 30.0) -> BookChange:
        """The next change. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            changes = await self._queue.some()
        if not changes:
            raise BookNotLive(f"{self.symbol} {self.venue} is closed", symbol=self.symbol)
        return changes[0]

    def _freeze(self, source: core.Book) -> FrozenBook:
        return FrozenBook(
            self.symbol, self.venue, self._raw_read("bid", None), self._raw_read("ask", None),
            seq=source.engine.last, venue_ns=source.engine.venue_ns,
            at_mono_ns=source.engine.applied_ns or now().mono_ns,
            known=self.known, proof=self.proof,
        )  # fmt: skip

    def _raw_read(self, side: Side, n: int | None) -> tuple[Level, ...]:
        return tuple(map(level, self._source().engine.levels(side, n)))

    def _source(self) -> core.Book:
        if self._core is None:
            raise BookNotLive(f"{self.symbol} {self.venue} is not open", symbol=self.symbol)
        return self._core

    def _readable_source(self) -> core.Book:
        source = self._source()
        if self._closed or self._fatal is not None or not source.state.readable:
            raise self._not_live(source)
        return source

    def _not_live(self, source: core.Book) -> BookNotLive:
        exchange = self.venue.partition(".")[0]
        if self._closed or self._fatal is not None:
            why = f": {self._fatal}" if self._fatal is not None else ""
            return BookNotLive(f"{self.symbol} {exchange} is closed{why}", venue=self.venue, symbol=self.symbol)
        since = self._since(source.since_ns)
        text = f"{self.symbol} {exchange} is {source.state} for {since:.2f} s: {source.reason}"
        if (wait := source.asks_in(now())) is not None and wait > 0.05:
            text += f". The next snapshot is asked for in {wait:.1f} s"
        elif source.asked_ns is not None or source.queued:
            text += f". Snapshot {source.asks} of {source.plan.rule.pace.count} asked for"
        if source.engine.applied:
            text += ". Last proven view: book.last"
        return BookNotLive(text, venue=self.venue, symbol=self.symbol)

    def _wall(self, mono_ns: int | None) -> int | None:
        if mono_ns is None:
            return None
        at = now()
        return mono_ns + at.wall_ns - at.mono_ns

    def _since(self, mono_ns: int | None) -> float:
        return float("inf") if mono_ns is None else (now().mono_ns - mono_ns) / SECOND

    def __repr__(self) -> str:
        try:
            exchange = self.venue.partition(".")[0]
            if self._core is None or self._closed:
                return f"<Book {self.symbol} {exchange} {self.state}>"
            engine = self._core.engine
            seq = f", seq {engine.last}" if engine.last is not None else ""
            shown = best_of(self) if self._core.state.readable else self._core.reason
            return (
                f"<Book {self.symbol} {exchange} {self._core.state} {shown}, "
                f"{engine.bid_count}+{engine.ask_count} levels{seq}, age {self.age:.3f} s, {self._engine_name}>"
            )
        except Exception as error:  # a repr never raises
            return f"<Book {self.symbol} ({type(error).__name__})>"


def _merge(old: BookChange, new: BookChange) -> BookChange:
    return BookChange(
        new.symbol, new.venue, new.state, old.first, new.last, old.merged + new.merged, new.venue_ns, new.received_ns
    )
