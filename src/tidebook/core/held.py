"""What a new connection sends while the old one still carries its topics: held back until it is clear where it joins.

No sync rule is written here: a book that goes on where the held messages lead is judged by its own chain, as ever.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import msgspec

from tidebook.core.book import Book, Carrier
from tidebook.core.clock import Now
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.timers import Timers
from tidebook.engine import contract
from tidebook.engine.rule import Bridge, Chain, Proof, Scope, Seed, SyncRule
from tidebook.engine.shape import BookShape
from tidebook.errors import DecodeError
from tidebook.model.facts import Bar, Fact, Liquidation, Quote, Trade
from tidebook.model.health import Health

TIDY: Final = 64  # messages after which those that the book has already are thrown out
PASSED: Final = 1_000  # ids of a book that are remembered


class Join(Enum):
    """How what is held stands to what was handed over."""

    APART = "apart"  # it is not shown that nothing is missing between
    NEAR = "near"  # it is, and the new connection is not as far yet as the old one
    JOINED = "joined"


@dataclass(slots=True)
class Room:
    """Bytes that one connection may have held back."""

    left: int


@dataclass(slots=True)
class _Entry:
    """A message. `first last prev` as the engine reads them; `alone`: no other of its book is in the same frame."""

    frame: bytes
    at_ns: int
    first: int | None
    last: int | None
    prev: int | None
    venue_ns: int | None
    whole: bool
    alone: bool


class Probe:
    """Reads what a message says of its place. It is a book of the engine to which everything fits."""

    _ANY: Final = SyncRule(Seed.REST, Chain.NONE, Bridge.AFTER, proof=(Proof.NONE,))
    _EMPTY: Final = BookShape(bids=("b",), asks=("a",))

    def __init__(self, plan: BookPlan, engine: contract.Engine) -> None:
        shape = replace(plan.shape, checksum=None)
        self._book = engine.Book(
            shape, self._ANY, snapshot=self._EMPTY, price_scale=plan.price_scale, size_scale=plan.size_scale
        )
        self._feed = engine.Feed(cap=plan.endpoint.cap)
        self._feed.want(plan.key_or_topic(), self._book)
        self._empty()

    def _empty(self) -> None:
        self._book.seed(b'{"b":[],"a":[]}', 0, 0)

    def read(self, frame: bytes, at_ns: int) -> _Entry | None:
        """None where it cannot be read; who feeds it to the book itself will be told what is missing."""
        book = self._book
        applied, wholes = book.applied, book.stats()["snapshots"]
        try:
            self._feed.feed(frame, at_ns)
        except DecodeError:
            return None
        if not book.seeded:  # a row's id that it does not know
            self._empty()
            return _Entry(frame, at_ns, None, None, None, None, False, False)
        count = book.applied - applied
        if not count:
            return _Entry(frame, at_ns, None, None, None, None, False, False)
        whole = book.stats()["snapshots"] > wholes
        prev = book.prev if count == 1 else None
        return _Entry(frame, at_ns, book.first, book.last, prev, book.venue_ns, whole, count == 1)


class HeldBook:
    """The messages of one book on the new connection; the book itself is carried by the old one meanwhile.

    With `by_ids` the venue's ids mean the same on both connections. Otherwise only a whole book can take the place.
    """

    def __init__(self, book: Book, engine: contract.Engine, options: Options, room: Room, by_ids: bool) -> None:
        self.book = book
        self.confirmed_ns: int | None = None
        self.carrier: Carrier | None = None
        self.since_ns: int | None = None  # when the first one came
        self.is_over = False  # more came than may be held: nothing is
        self.is_late = False  # the old connection is gone, and the book waits for the new one to come as far
        rule = book.plan.rule
        self.chain = rule.chain if by_ids and rule.scope is Scope.TOPIC else Chain.NONE
        self.is_hopeless = self.chain is Chain.NONE and rule.seed not in (Seed.EVERY, Seed.STREAM)
        self._every = rule.seed is Seed.EVERY
        self._engine = engine
        self._probe = Probe(book.plan, engine)
        self._entries: deque[_Entry] = deque()
        self._upto: int | None = None  # the last id that was thrown out, since the book had it
        self._passed: deque[int] = deque(maxlen=PASSED)
        self._most = options.held_messages
        self._room = room
        self._bytes = 0

    @property
    def plan(self) -> BookPlan:
        return self.book.plan

    @property
    def is_silent(self) -> bool:
        """Whether nothing has come yet."""
        return self.since_ns is None

    @property
    def heard_ns(self) -> int | None:
        """When the old connection last brought a message."""
        return self.book.engine.heard_ns

    @property
    def lacks_whole(self) -> bool:
        """Whether a book that begins anew would wait in vain for the one that comes with a subscription."""
        if self.book.plan.rule.seed is Seed.SIDE:
            return True  # it was passed over
        has_one = any(entry.whole for entry in self._entries)
        return self.book.plan.rule.seed is Seed.STREAM and not self.is_silent and not has_one

    # From the session ---------------------------------------------------------

    def confirmed(self, now: Now) -> None:
        if self.confirmed_ns is None:
            self.confirmed_ns = now.mono_ns

    def refused(self, reason: str) -> None:
        """The book is as good as before; the session asks again."""

    def lost(self, reason: str, now: Now) -> None:
        """The new connection is. That is the book's matter only where the old one is gone already."""
        self._clear()
        if self.is_late:
            self.book.lost(reason, now)

    def frames(self, frames: list[bytes], now: Now) -> None:
        """Hold these."""
        if self.since_ns is None:
            self.since_ns = now.mono_ns
        if self.is_over:
            return
        self._pass()
        for frame in frames:
            entry = self._probe.read(frame, now.mono_ns)
            if entry is None:
                continue
            if entry.last is None and self._entries:  # a checksum by itself goes with the change before
                entry.first = entry.last = self._entries[-1].last
            if self._every:
                self._clear()
            self._entries.append(entry)
            self._bytes += len(frame)
            self._room.left -= len(frame)
        if len(self._entries) >= TIDY:
            self.look()
        if len(self._entries) > self._most or self._room.left < 0:
            self.is_over = True
            self._clear()

    # From the handover --------------------------------------------------------

    def look(self) -> Join:
        """How it stands now. What the book has already is thrown out."""
        engine = self.book.engine
        last = engine.last if engine.seeded else None
        self._pass()
        if self.is_over or self.is_hopeless:
            return Join.APART
        if (found := self._whole()) is not None:
            return found
        if last is None:
            return Join.APART
        match self.chain:
            case Chain.NEXT | Chain.RISING:
                return self._rising(last)
            case Chain.PREV:
                return self._linked(last)
            case _:
                return Join.APART

    def taken(self) -> list[tuple[bytes, int]]:
        """All that is held, each with when it was received; nothing is held any more."""
        taken = [(entry.frame, entry.at_ns) for entry in self._entries]
        self._clear()
        return taken

    def feed(self) -> contract.Feed:
        """One that knows this book alone: frames of several topics must reach no other one twice."""
        plan = self.plan
        feed = self._engine.Feed(cap=plan.endpoint.cap)
        feed.want(plan.key_or_topic(), self.book.engine)
        return feed

    # Inside -------------------------------------------------------------------

    def _pass(self) -> None:
        engine = self.book.engine
        last = engine.last if engine.seeded else None
        if last is not None and not self.is_late and (not self._passed or self._passed[-1] != last):
            self._passed.append(last)

    def _clear(self) -> None:
        self._entries.clear()
        self._room.left += self._bytes
        self._bytes = 0

    def _drop(self, count: int) -> None:
        """The first ones are of no use any more."""
        for _ in range(count):
            entry = self._entries.popleft()
            self._bytes -= len(entry.frame)
            self._room.left += len(entry.frame)
            self._upto = entry.last if entry.last is not None else self._upto

    def _whole(self) -> Join | None:
        """Whether a whole book is held that can take the place of ours; None: none is."""
        entries = self._entries
        for at in range(len(entries) - 1, -1, -1):
            if not entries[at].whole:
                continue
            # By a chain older ones are led on to where the book is; without one all that is held must be.
            is_led = self.chain is not Chain.NONE
            is_older = self._is_older(entries[at if is_led else -1])
            if is_older and is_led:
                return None
            self._drop(at)
            return Join.NEAR if is_older else Join.JOINED
        return None

    def _is_older(self, entry: _Entry) -> bool:
        """Whether the book is further already."""
        engine = self.book.engine
        if not engine.seeded:
            return False
        by_id = self.chain in (Chain.NEXT, Chain.RISING) or entry.venue_ns is None
        if by_id and entry.last is not None and engine.last is not None:
            return entry.last < engine.last
        return entry.venue_ns is not None and engine.venue_ns is not None and entry.venue_ns < engine.venue_ns

    def _rising(self, last: int) -> Join:
        entries = self._entries
        while entries and (of := entries[0].last) is not None and of <= last:
            self._drop(1)
        had = self._upto is not None and self._upto <= last
        if not entries or self.chain is Chain.RISING:
            return Join.JOINED if had else Join.APART
        first = entries[0].first
        return Join.JOINED if first is not None and first <= last + 1 else Join.APART

    def _linked(self, last: int) -> Join:
        entries = self._entries
        here = [at for at, entry in enumerate(entries) if last in (entry.prev, entry.last)]
        if here and here[-1] - here[0] >= len(here):
            return Join.APART  # the id came again: it says nothing of where we are
        for at in here:
            if entries[at].alone and entries[at].prev == last:
                self._drop(at)
                return Join.JOINED
        if here:
            self._drop(here[-1] + 1)
            return Join.JOINED
        if not entries and self._upto == last:
            return Join.JOINED
        passed = set(self._passed)
        self._drop(max((at + 1 for at, entry in enumerate(entries) if entry.last in passed), default=0))
        link = entries[0].prev if entries and entries[0].alone else self._upto
        return Join.NEAR if link in passed or self._upto in passed else Join.APART


# ---- facts


def _mark(fact: Fact) -> Hashable | None:
    """What tells a fact that happens once from all others; None: it is a state, of which the newest counts."""
    if isinstance(fact, Trade):
        return (fact.symbol, fact.id) if fact.id else _content(fact)
    if isinstance(fact, Liquidation):
        return (fact.symbol, fact.id) if fact.id is not None else _content(fact)
    if isinstance(fact, Quote) and fact.seq is not None:
        return fact.symbol, fact.seq
    return None


def _content(fact: Fact) -> Hashable:
    return msgspec.structs.astuple(msgspec.structs.replace(fact, received_ns=0))


def _of(fact: Fact) -> Hashable:
    """Of what it is the state."""
    return type(fact), fact.symbol, fact.interval if isinstance(fact, Bar) else None


def _stamp(fact: Fact) -> tuple[int, int, bool]:
    """What is older has the lesser one. Not every bar says when it was so: one that is finished was so last."""
    start_ns, finished = (fact.start_ns, fact.finished) if isinstance(fact, Bar) else (0, False)
    return start_ns, fact.venue_ns or 0, finished


class Told:
    """What was handed over lately: of facts that happen once the last `most`, of states the last one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._marks: dict[Hashable, None] = {}
        self._states: dict[Hashable, Fact] = {}

    def add(self, facts: Sequence[Fact]) -> None:
        marks = self._marks
        for fact in facts:
            if (mark := _mark(fact)) is None:
                self._states[_of(fact)] = fact
            else:
                marks[mark] = None
                if len(marks) > self._most:
                    del marks[next(iter(marks))]

    def has(self, fact: Fact) -> bool:
        """Whether it was, or something newer that takes its place."""
        if (mark := _mark(fact)) is not None:
            return mark in self._marks
        state = self._states.get(_of(fact))
        if state is None:
            return False
        return _stamp(fact) < _stamp(state) or _content(fact) == _content(state)

    def fresh(self, facts: Sequence[Fact]) -> list[Fact]:
        """Those of them that were not. What stands before a state that was handed over is older than that one."""
        known: dict[Hashable, int] = {}
        for at, fact in enumerate(facts):
            state = None if _mark(fact) is not None else self._states.get(_of(fact))
            if state is not None and _content(fact) == _content(state):
                known[_of(fact)] = at
        return [
            fact
            for at, fact in enumerate(facts)
            if not self.has(fact) and (_mark(fact) is not None or at > known.get(_of(fact), -1))
        ]


class HeldStream:
    """The facts of one topic on the new connection, read by a reader of its own."""

    is_hopeless = False
    is_late = False

    def __init__(self, stream: Stream, timers: Timers, options: Options) -> None:
        self.stream = stream
        self.shadow = Stream(stream.plan, _unheard, timers, options)
        self.shadow.deliver = self._hold
        self.told = Told(options.held_messages)
        self.end = stream.overheard(self.told.add)
        self.since_ns: int | None = None
        self.is_over = False
        self._most = options.held_messages
        self._facts: list[Fact] = []
        self._met = False

    @property
    def plan(self) -> StreamPlan:
        return self.stream.plan

    @property
    def confirmed_ns(self) -> int | None:
        return self.shadow.confirmed_ns

    @property
    def is_silent(self) -> bool:
        return self.since_ns is None

    @property
    def heard_ns(self) -> int | None:
        return self.stream.heard_ns

    def look(self) -> Join:
        """How it stands now. What was handed over already is thrown out."""
        if self.is_over:
            return Join.APART
        facts, told = self._facts, self.told
        once = [at for at, fact in enumerate(facts) if _mark(fact) is not None]
        # What is before a fact that was handed over is older than that.
        met = next((at for at in reversed(once) if told.has(facts[at])), None)
        if met is not None:
            self._met = True
            facts[: met + 1] = [fact for fact in facts[: met + 1] if _mark(fact) is None]
        return Join.JOINED if self._met or (self.since_ns is not None and not once) else Join.APART

    def taken(self) -> list[Fact]:
        """What is held and was not handed over; nothing is held any more."""
        taken, self._facts = self.told.fresh(self._facts), []
        return taken

    def _hold(self, facts: Sequence[Fact]) -> None:
        if self.since_ns is None:
            self.since_ns = self.shadow.heard_ns
        if self.is_over:
            return
        self._facts += facts
        if len(self._facts) > self._most:
            self.look()
        if len(self._facts) > self._most and all(_mark(fact) is None for fact in self._facts):
            self._facts = [*{_of(fact): fact for fact in self._facts}.values()]  # of states the newest is enough
        if len(self._facts) > self._most:
            self.is_over, self._facts = True, []


def _unheard(event: Health) -> None:
    """What cannot be read is told of on the connection that is still there."""


Held = HeldBook | HeldStream
