"""An order book as users see it: true, or it says that it is not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

from tidebook.client.calls import About, Calls, Tell
from tidebook.client.levels import CHANGE_BYTES, LEVEL_BYTES, Steps
from tidebook.client.opening import Opening
from tidebook.client.reading import FrozenBook, Known, ProofOf, Reading, best_of
from tidebook.client.subscription import DEFAULTS, Queue
from tidebook.client.waits import within
from tidebook.core import book as core
from tidebook.core.burst import Burst
from tidebook.core.clock import SECOND
from tidebook.core.options import Options
from tidebook.engine import contract
from tidebook.engine.contract import Best, Floats, Look, NotSeeded, RawLevel, Side
from tidebook.engine.rule import Proof, Seed
from tidebook.errors import BookNotLive, SubscriptionFailed, TidebookError, UsageError
from tidebook.io import process
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.model.facts import instant
from tidebook.model.market import Level, State, level
from tidebook.model.number import decimal_of, plain

Stale = Literal["sleep", "raise", "yield"]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class BookChange:
    """What one wake-up of a reader brings: the messages with ids `first` … `last`, `merged` of them.

    `venue_ns` is the venue's stamp of the newest, `received_ns` when it was read from the socket (both ns UTC).
    `bids` and `asks` are there with ``levels=True``: those that are other than before, best first, of size 0 where a
    level is gone.
    """

    symbol: str
    venue: str
    state: State
    first: int | None
    last: int | None
    merged: int
    venue_ns: int | None
    received_ns: int | None
    bids: tuple[Level, ...] = field(default=(), repr=False)
    asks: tuple[Level, ...] = field(default=(), repr=False)


class Book(Reading, Opening):
    """A live order book. Made by `market.book(...)`; readable while `state` is ``live`` or ``unproven``.

    Whatever reads its prices may be called from any thread, and each call sees one instant; two calls may see two.
    `top` and `freeze` are for what belongs together. Iterating, `next` and `close` belong to the loop that opened it.
    """

    def __init__(
        self, symbol: str, venue: str, *, timeout: float, require: State | None, stale: Stale,
        options: Options = DEFAULTS, tell: Tell | None = None, burst: Burst | None = None, levels: bool = False,
    ) -> None:  # fmt: skip
        Opening.__init__(self)
        self.symbol = symbol
        self.venue = venue
        self._engine_name = ""
        self._digits = 0  # of prices, as they are shown
        self._attach: Callable[[Book], core.Book] | None = None
        self._detach: Callable[[Book], None] | None = None
        self._timeout = timeout
        self._require = require
        self._stale: Stale = stale
        self._core: core.Book | None = None
        # With levels each change waits there to be read; without them None does, where there is one.
        self._queue: Queue[BookChange | None] = Queue("conflate", key=lambda change: None)
        self._steps: Steps | None = None
        self._tell = tell
        if levels:
            self._steps = Steps()
            self._queue = Queue(
                "error", most=options.queue_items, most_bytes=options.queue_bytes, size=_size, on_lost=self._lost
            )
        self._merged = 0  # messages of a change, which is put together when somebody reads it
        self._first: int | None = None
        self._newest: tuple[State, int | None, int | None, int | None] | None = None
        self._calls: Calls[Book] = Calls(self._about, options, tell, burst)
        self.watchers: list[Callable[[Book], object]] = []  # our own code, told beside whoever reads it
        self._readable = asyncio.Event()
        self._was_readable = False
        self._fatal: TidebookError | None = None
        self._raised: Exception | None = None  # by a function given to `on`

    def bind(
        self, symbol: str, venue: str, engine_name: str,
        attach: Callable[["Book"], core.Book], detach: Callable[["Book"], None], tick: Decimal | None = None,
    ) -> None:  # fmt: skip
        """Where it comes from, once that is known; and the step of its prices, where that is one."""
        self.symbol, self.venue, self._engine_name = symbol, venue, engine_name
        self._digits = 0 if tick is None else len(plain(tick).partition(".")[2])
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
        if (error := self._fatal or self._raised) is not None:
            raise error
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
        if not source.readable:
            if source.error is not None:
                self.fail(source.error)
                return
            if self._stale == "sleep":
                return
        elif not self._was_readable:
            self._was_readable = True
            self._readable.set()
        if self.watchers:
            for watcher in self.watchers:
                watcher(self)
        if self._queue.ended:
            return
        calls = self._calls
        if not calls.functions:
            self._note(source)
        elif (error := calls.call(self)) is not None:
            self._raised = error
            self._readable.set()
            self._queue.end(error)

    def _about(self) -> About:
        return About(f"book {self.symbol}", self.venue, self.symbol)

    def fail(self, error: TidebookError) -> None:
        """It will never be right (refused, delisted): raised once."""
        self._fatal = error
        self._readable.set()
        self._queue.end(error)
        if self._detach is not None:
            self._detach(self)
        for watcher in self.watchers:
            watcher(self)

    def _note(self, source: core.Book) -> None:
        """For whoever reads next: what it was, no more."""
        engine = source.engine
        self._newest = source.state, engine.last, engine.venue_ns, engine.applied_ns
        self._merged += 1
        if self._merged == 1:
            self._first = engine.first
        if self._steps is not None:
            lost = self._queue.lost
            self._queue.put(self._change(*self._steps.step(source)))
            if self._queue.lost == lost:
                self._steps.given()  # else the next one that is delivered brings that, too
        elif self._merged == 1:
            self._queue.put(None)

    def _lost(self, count: int) -> None:
        if self._tell is not None:
            about = self._about()
            self._tell(health.Overrun(about.venue, about.symbol, now().wall_ns, about.what, count))

    async def _taken(self) -> BookChange:
        """The next change. Raises StopAsyncIteration at the end."""
        change = await self._queue.one()
        return self._change() if change is None else change

    def _change(self, bids: tuple[Level, ...] = (), asks: tuple[Level, ...] = ()) -> BookChange:
        """All that was noted since it was asked last."""
        assert self._newest is not None, "noted before it is read"
        state, last, venue_ns, applied_ns = self._newest
        merged, self._merged = self._merged, 0
        received_ns = self._wall(applied_ns)
        return BookChange(self.symbol, self.venue, state, self._first, last, merged, venue_ns, received_ns, bids, asks)

    # State --------------------------------------------------------------------

    @property
    def state(self) -> State:
        self._check_process()
        if self._closed or self._fatal is not None:
            return State.CLOSED
        return State.SYNCING if self._core is None else self._core.state

    @property
    def seq(self) -> int | None:
        return None if self._core is None else self._source().engine.last

    @property
    def venue_ns(self) -> int | None:
        """The venue's stamp of the last applied message, ns UTC."""
        return None if self._core is None else self._source().engine.venue_ns

    @property
    def received_ns(self) -> int | None:
        """When that message was read from the socket, ns UTC."""
        return None if self._core is None else self._wall(self._source().engine.applied_ns)

    @property
    def time(self) -> datetime | None:
        """The venue's stamp of the last applied message, or where it has none, when it was received; UTC."""
        ns = self.venue_ns if self.venue_ns is not None else self.received_ns
        return None if ns is None else instant(ns)

    @property
    def age(self) -> float:
        """Seconds since the last applied message."""
        return self._since(None if self._core is None else self._source().engine.applied_ns)

    @property
    def proof_age(self) -> float:
        """Seconds since the last proof of life: any message of its topic or its connection."""
        return self._since(None if self._core is None else self._source().alive_ns)

    @property
    def known(self) -> Known:
        source = self._source()
        window = source.plan.shape.window
        return _known(source, source.engine.look(0 if window is None else window.levels))

    @property
    def proof(self) -> ProofOf:
        source = self._source()
        return self._proof(source, source.engine.look(0))

    @property
    def last(self) -> FrozenBook | None:
        """The last proven view, with its age; the present one while the book is readable. None before there is one."""
        if self._core is None or self._source().engine.applied == 0:
            return None
        return self._frozen(self._core, self._core.engine.look())

    # Reading ------------------------------------------------------------------

    def count(self, side: Side) -> int:
        engine = self._readable_source().engine
        return engine.bid_count if side == "bid" else engine.ask_count

    # The three that a function reads at every message: through `_now` each would take nearly twice the time.

    @property
    def best_bid(self) -> Level | None:
        source = self._core
        if source is None or not source.readable or self._closed or self._fatal or self._forks != process.forks:
            source = self._current()
        try:
            return source.engine.best_bid()
        except NotSeeded:
            raise self._not_live(source) from None

    @property
    def best_ask(self) -> Level | None:
        source = self._core
        if source is None or not source.readable or self._closed or self._fatal or self._forks != process.forks:
            source = self._current()
        try:
            return source.engine.best_ask()
        except NotSeeded:
            raise self._not_live(source) from None

    def best_floats(self) -> Best:
        """As `Reading.best_floats`, from any thread. Raises BookNotLive."""
        source = self._core
        if source is None or not source.readable or self._closed or self._fatal or self._forks != process.forks:
            source = self._current()
        try:
            return source.engine.best_floats()
        except NotSeeded:
            raise self._not_live(source) from None

    def read(self, side: Side, n: int | None) -> tuple[Level, ...]:
        look = self._look(n, side)
        return _levels(look.bids if side == "bid" else look.asks)

    def top(self, n: int | None = 10) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `n` bids and asks of one instant. From any thread. Raises BookNotLive."""
        return self._now(lambda engine: engine.top(n))

    def floats(self, n: int | None = 10) -> tuple[Floats, Floats]:
        """As `Reading.floats`, from any thread. Raises BookNotLive."""
        return self._now(lambda engine: engine.top_floats(n))

    def _doubles(self, n: int | None) -> tuple[bytes, bytes]:
        return self._now(lambda engine: engine.top_doubles(n))

    def freeze(self) -> FrozenBook:
        """A copy of this instant: levels, sequence, times, known range, proof. From any thread. Raises BookNotLive."""
        look = self._look(None)
        return self._frozen(self._source(), look)

    def _side(self, side: Side) -> tuple[tuple[Level, ...], Known]:
        source = self._source()
        # Where a window says what is known, that is read off both sides.
        look = self._look(None, side if source.plan.shape.window is None else None)
        return _levels(look.bids if side == "bid" else look.asks), _known(source, look)

    def on(self, function: Callable[["Book"], object]) -> Callable[["Book"], object]:
        """Call a plain function with this book after each applied message, in the receive path; also a decorator.

        An exception of it is logged, told as health, and ends this reader alone: iterating or `next` raises it, and so
        does opening when it is not open yet; the book goes on being kept. Raises UsageError for a function that would
        have to be awaited, and with ``levels=True``.
        """
        if self._steps is not None:
            raise UsageError("levels=True is for iterating: a function given to `on` gets the book")
        self._calls.add(function)
        return function

    async def __aiter__(self) -> AsyncIterator[BookChange]:
        """Changes while the book is readable; through a resync it sleeps (or as `stale` says) and goes on after it."""
        while True:
            self._check_reader()
            try:
                change = await self._taken()
            except StopAsyncIteration:
                return
            self._check_current(change)
            yield change

    async def batches(self) -> AsyncIterator[list[BookChange]]:
        """As iterating; a list of all that one turn of the loop brought. Of a book that is one change, merged."""
        async for change in self:
            yield [change]

    async def next(self, timeout: float | None = 30.0) -> BookChange:
        """The next change.

        Raises Timeout, which is a TimeoutError, after `timeout` seconds (None: never), and BookNotLive when it is
        closed, or not current and ``stale="raise"``. Cancelled, it has taken nothing.
        """
        self._check_reader()
        async with within(timeout, f"book {self.symbol} {self.venue}"):
            try:
                change = await self._taken()
            except StopAsyncIteration:
                raise BookNotLive(f"{self.symbol} {self.venue} is closed", symbol=self.symbol) from None
        self._check_current(change)
        return change

    def _check_current(self, change: BookChange) -> None:
        if not change.state.readable and self._stale == "raise" and not self.state.readable:
            raise self._not_live(self._source())

    def _check_reader(self) -> None:
        self._check_loop()
        if self._calls and not self._queue.ended:
            raise UsageError("this book is read by `on`. Open another one to iterate")

    def _frozen(self, source: core.Book, look: Look) -> FrozenBook:
        return FrozenBook(
            self.symbol, self.venue, _levels(look.bids), _levels(look.asks),
            seq=look.last, venue_ns=look.venue_ns, at_mono_ns=look.applied_ns or now().mono_ns,
            known=_known(source, look), proof=self._proof(source, look),
        )  # fmt: skip

    def _proof(self, source: core.Book, look: Look) -> ProofOf:
        rule, shape = source.plan.rule, source.plan.shape
        depth = shape.checksum.depth if Proof.CHECKSUM in rule.proof and shape.checksum is not None else None
        if Proof.SEQUENCE in rule.proof:
            depth = None
        kinds = tuple(str(kind) for kind in rule.proof)
        return ProofOf(kinds, depth, look.last, self._wall(look.applied_ns))

    def _source(self) -> core.Book:
        if self._core is None:
            raise BookNotLive(f"{self.symbol} {self.venue} is not open", symbol=self.symbol)
        if self._forks != process.forks:
            self._check_process()
        return self._core

    def _readable_source(self) -> core.Book:
        source = self._source()
        if self._closed or self._fatal is not None or not source.readable:
            raise self._not_live(source)
        return source

    def _current(self) -> core.Book:
        """What is read of. Raises BookNotLive where it is not readable, WrongLoop in a fork."""
        source = self._core
        if source is None or not source.readable or self._closed or self._fatal is not None:
            return self._readable_source()  # says what is wrong
        return source if self._forks == process.forks else self._readable_source()

    def _now(self, read: Callable[[contract.Book], R]) -> R:
        """What a readable book says now. Raises as `_current` does, and where the engine is not seeded just now."""
        source = self._current()
        try:
            return read(source.engine)
        except NotSeeded:
            raise self._not_live(source) from None

    def _look(self, n: int | None, side: Side | None = None) -> Look:
        """A readable book at one instant.

        Between a message that shows a gap, or fails its checksum, and the change of state that comes of it another
        thread may look: that instant is not readable either, and the engine says so.
        """
        source = self._current()
        look = source.engine.look(n, side)
        if not look.seeded:
            raise self._not_live(source)
        return look

    @property
    def why(self) -> str:
        """Why it is not live, since when, and what is being done; empty while it is."""
        if self._core is None:
            return f"{self.symbol} {self.venue} is not open"
        source = self._source()
        is_live = source.state is State.LIVE and not self._closed and self._fatal is None
        return "" if is_live else str(self._not_live(source))

    def _not_live(self, source: core.Book) -> BookNotLive:
        exchange = self.venue.partition(".")[0]
        if self._closed or self._fatal is not None:
            why = f": {self._fatal}" if self._fatal is not None else ""
            return BookNotLive(f"{self.symbol} {exchange} is closed{why}", venue=self.venue, symbol=self.symbol)
        since = self._since(source.since_ns)
        text = f"{self.symbol} {exchange} is {source.state} for {since:.2f} s: {source.reason}"
        if source.readable:
            text = f"{self.symbol} {exchange} is not current: what is wrong was found at this instant"
        elif (wait := source.asks_in(now())) is not None and wait > 0.05:
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
        return mono_ns + at.apart_ns

    def _since(self, mono_ns: int | None) -> float:
        return float("inf") if mono_ns is None else (now().mono_ns - mono_ns) / SECOND

    def __repr__(self) -> str:
        try:
            exchange = self.venue.partition(".")[0]
            if self._is_forked:
                return f"<Book {self.symbol} {exchange} {self._condition()}>"
            if self._core is None or self._closed:
                return f"<Book {self.symbol} {exchange} {self.state}>"
            engine = self._core.engine
            seq = f", seq {engine.last}" if engine.last is not None else ""
            shown = best_of(self, self._digits) if self._core.state.readable else self._core.reason
            return (
                f"<Book {self.symbol} {exchange} {self._core.state} {shown}, "
                f"{engine.bid_count}+{engine.ask_count} levels{seq}, age {self.age:.3f} s, {self._engine_name}>"
            )
        except Exception as error:  # a repr never raises
            return f"<Book {self.symbol} ({type(error).__name__})>"


def _size(change: BookChange | None) -> int:
    return CHANGE_BYTES + (0 if change is None else LEVEL_BYTES * (len(change.bids) + len(change.asks)))


def _levels(raw: list[RawLevel]) -> tuple[Level, ...]:
    return tuple(map(level, raw))


def _known(source: core.Book, look: Look) -> Known:
    """`look` holds both sides, as deep as the window of its shape where there is one."""
    window = source.plan.shape.window
    if window is not None:
        worst = [
            level(rows[window.levels - 1]).price if len(rows) >= window.levels else None
            for rows in (look.bids, look.asks)
        ]
        return Known(*worst)
    if source.plan.rule.seed is Seed.REST or look.trimmed:
        low, high = look.reach
        return Known(None if low is None else decimal_of(*low), None if high is None else decimal_of(*high))
    return Known(None, None)
