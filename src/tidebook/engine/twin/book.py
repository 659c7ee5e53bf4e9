"""One book: sequence, buffer, levels (README §6)."""

from collections import deque
from collections.abc import Iterable
from typing import Literal

from tidebook.engine.contract import Event, What
from tidebook.engine.rule import Bridge, Chain, Proof, Scope, Seed, SyncRule
from tidebook.engine.shape import BookShape, Checksum
from tidebook.engine.twin.checksum import crc
from tidebook.engine.twin.ids import Ids
from tidebook.engine.twin.levels import Change, Levels, put_rows, raw_price
from tidebook.engine.twin.looking import Looking
from tidebook.engine.twin.messages import Message, Reader, each_of, members
from tidebook.engine.twin.numbers import MAX_DIGITS
from tidebook.engine.twin.reading import read
from tidebook.errors import DecodeError

_NEXT, _PREV, _RISING = Chain.NEXT, Chain.PREV, Chain.RISING  # an enum's member takes a while to be found
Verdict = tuple[Literal["apply", "old", "gap"], int | None, int | None]
"""Whether a change is applied, and if it shows a gap: what was expected, and what came."""

_APPLY: Verdict = ("apply", None, None)
_OLD: Verdict = ("old", None, None)
_OUTSIDE = frozenset({Seed.REST, Seed.REQUEST, Seed.SIDE})

# What a snapshot from outside puts another object in place of: all that an audit which finds nothing has to put back.
_REPLACED = (
    "_bids", "_asks", "_ids", "_bounds", "_bounds_at_most", "_reach", "_raw_reach", "_buffer", "_buffered_rows",
    "_snapshot_id", "_asked_ns", "_stamped", "_said_unchecked", "seeded", "bridged", "first", "last", "prev",
    "venue_ns", "applied_ns",
)  # fmt: skip


class Book(Looking):
    """See `engine.contract.Book`."""

    def __init__(
        self,
        shape: BookShape,
        rule: SyncRule,
        *,
        snapshot: BookShape | None = None,
        depth_cap: int = 20_000,
        price_scale: int = 0,
        size_scale: int = 0,
    ) -> None:
        self.shape = shape
        self.rule = rule
        self.snapshot_shape = snapshot
        texts = shape.checksum is not None or (snapshot is not None and snapshot.checksum is not None)
        self.reader = Reader(shape, price_scale, size_scale, texts)
        self.snapshot_reader = Reader(snapshot or shape, price_scale, size_scale, texts)
        self._by_id = any(one is not None and one.row.id is not None for one in (shape, snapshot))
        self.seeds_outside = rule.seed in _OUTSIDE
        self._counted = rule.scope is Scope.CONNECTION
        super().__init__()
        self.bridged = False
        self.first: int | None = None
        self.prev: int | None = None
        self.heard_ns: int | None = None
        self._reach: dict[bool, int | None] = {True: None, False: None}  # of bids, of asks: keys
        self._ids = Ids()
        self._buffered_rows = 0
        self._retain = rule.seed is Seed.SIDE
        self._depth_cap = depth_cap
        self._room = depth_cap if shape.window is None else min(depth_cap, shape.window.levels)  # a side that is longer
        self._bounds_at_most = (0, 0)  # the same, never less, over everything ever kept or applied
        self._snapshot_id: int | None = None
        self._asked_ns = 0
        self._stamped: Message | None = None  # the last applied one
        self._said_unchecked = False

    # Inputs -------------------------------------------------------------------

    def seed(self, body: bytes, received_ns: int, asked_ns: int, *, cap: int = 8 << 20, audit: bool = False) -> Event:
        root = read(body, cap)
        found = members(root, *each_of(self.snapshot_reader.shape.each))
        if not found:
            raise DecodeError("missing", "no message in the body")
        message = self.snapshot_reader.read(found[0], received_ns, snapshot=True)
        assert message is not None  # a forced snapshot has a kind
        if message.kind == "check":
            raise DecodeError("missing", "a snapshot that is only a checksum")
        self.fits(message, [], outside=True, asked_ns=asked_ns)
        said = self._said_unchecked
        adopt = self._audit if audit and self.seeded else self._replace_from_outside
        outcome = self._steady.change(adopt, message, asked_ns, asked_ns)[0]
        self._said_unchecked = said  # there is room for one outcome: `unchecked` is said another time
        return outcome

    def unseed(self, keep_buffer: bool = False) -> None:
        self.seeded = self.bridged = False
        if not keep_buffer:
            self._refill()

    def retain(self, on: bool) -> None:
        self._retain = on or self.rule.seed is Seed.SIDE
        if not self._retain and self.seeded:
            self._refill()

    def unseed_by_counter(self) -> None:
        """The connection's counter jumped: some frame is missing, perhaps one of this book."""
        self._counts["gaps"] += 1
        self.unseed()

    # Bounds (§5) --------------------------------------------------------------

    def fits(self, message: Message, earlier: list[Message], *, outside: bool = False, asked_ns: int = 0) -> None:
        """Raises when the book's prices with this message are more than a price can hold.

        `earlier` are this book's messages before it in the same frame.
        """
        if message.kind == "check":
            return
        scale, digits = self._bounds_at_most
        if earlier or message.scale > scale or message.digits > digits:
            scale, digits = _widest((message, *earlier), self._bounds_at_most)
        if scale + digits <= MAX_DIGITS:
            return  # far from the bound, as nearly always; what follows is exact
        bounds, adds = (self._bounds, True) if self.seeded else (_widest(self._buffer), self.seeds_outside)
        together = bounds
        for at, one in enumerate((*earlier, message)):
            if one.kind == "delta":
                together = _widest((one,), bounds)
                bounds = together if adds else bounds
            elif one.kind == "snapshot" and outside:
                before = [*self._buffer, *(m for m in earlier[:at] if m.kind == "delta")]
                together = _widest((one, *(m for m in before if not self._is_old(m, one.last, asked_ns))))
                bounds, adds = (
                    (max(bounds[0], together[0]), max(bounds[1], together[1])),
                    True,
                )  # it may turn out to be too old
            elif one.kind == "snapshot":
                bounds, adds = _widest((one,)), True
                together = bounds
        if sum(together) > MAX_DIGITS:
            raise DecodeError("number", "prices too far apart for one book")

    # Messages -----------------------------------------------------------------

    def take(self, message: Message, role: str, counter: int | None) -> list[Event | None]:
        """What one message does. In the list None stands for "this book changed"."""
        if message.kind == "delta" and not self._counted:
            return self._steady.change(self._change, message)  # as `_take` would: what nearly every message is
        return self._steady.change(self._take, message, role, counter)

    def _take(self, message: Message, role: str, counter: int | None) -> list[Event | None]:
        if message.kind == "check":
            spec, theirs = message.shape.checksum, message.checksum
            return (
                self._verify(message, theirs, spec) if self.seeded and spec is not None and theirs is not None else []
            )
        if message.kind == "snapshot":
            if role == "snapshot" and self.seeds_outside:
                return list(self._replace_from_outside(message, message.received_ns, message.received_ns + 1))
            outcome = self._replace(message)
        else:
            outcome = self._change(message)
        if self._counted and counter is not None and self._stamped is message:
            self.last = counter
        return outcome

    def _replace(self, message: Message) -> list[Event | None]:
        """A snapshot in the stream."""
        was_seeded = self.seeded
        changes = self._changes(message) if self._by_id else message.changes
        if isinstance(changes, Event):
            return [changes]
        self._refill()
        self._set(message, changes)
        self.bridged = True
        outcome: list[Event | None] = [None if was_seeded else self._event("seeded")]
        return self._finish(message, outcome)

    def _replace_from_outside(self, message: Message, asked_ns: int, old_ns: int) -> tuple[Event, ...]:
        """Where ids do not tell, buffered changes received before `old_ns` are old, later ones before `asked_ns`."""
        s = message.last
        survivors = [m for m in self._buffer if not self._is_old(m, s, old_ns)]
        if survivors and not self._bridges(survivors[0], s):
            self._counts["too_old"] += 1
            return (self._event("too_old", s, self._link(survivors[0])),)
        changes = self._changes(message) if self._by_id else message.changes
        if isinstance(changes, Event):
            return (changes,)
        self._set(message, changes)
        self._snapshot_id, self._asked_ns = s, asked_ns
        self.bridged = self.rule.bridge is None  # then the chain alone judges
        self._refill()
        extra = [e for e in self._finish(message, []) if e is not None]
        if not self.seeded:
            return tuple(extra)
        for at, change in enumerate(survivors):
            for event in self._change(change):
                if event is not None and not self.seeded:
                    if event.what == "gap":
                        self._refill(survivors[at:])
                    return (event,)
                if event is not None:
                    extra.append(event)
        self._refill(survivors if self._retain else ())
        return (self._event("seeded"), *extra)

    def _audit(self, message: Message, asked_ns: int, old_ns: int) -> tuple[Event, ...]:
        """The same, but that nothing is replaced where both agree as far as the snapshot reaches."""
        if message.last is not None and self.last is not None:
            if message.last > self.last:
                return (self._event("ahead", message.last, self.last),)
            if message.last < self.last and all(self._is_old(m, message.last, old_ns) for m in self._buffer):
                # Of what came since then nothing was retained: both cannot be compared at one sequence.
                self._counts["too_old"] += 1
                return (self._event("too_old", message.last, self.last),)
        before = {name: getattr(self, name) for name in _REPLACED}
        counts = dict(self._counts)
        outcome = self._replace_from_outside(message, asked_ns, old_ns)
        if outcome[0].what != "seeded":
            return outcome
        sides = [(before["_bids"], self._bids), (before["_asks"], self._asks)]
        # Behind its own reach the book never claimed to know: a snapshot that knows more shows no fault of it.
        both = {bid: _nearer(before["_reach"][bid], self._reach[bid]) for bid in (True, False)}
        right = all(_known(old, both) == _known(new, both) for old, new in sides)
        if right and all(_known(old, self._reach) == _known(new, self._reach) for old, new in sides):
            for name, value in before.items():
                setattr(self, name, value)
            self._counts.update(counts)
            outcome = (self._event("equal"),)
        # It was compared once, as a whole, whatever else the rule compares.
        for word, one in (("compare_equal", right), ("compare_different", not right)):
            self._counts[word] = counts[word] + one
        return outcome

    def _change(self, message: Message) -> list[Event | None]:
        if not self.seeded:
            if not self.seeds_outside:
                self._counts["ignored"] += 1
                return []
            fresh = not self._buffer
            self._keep(message)
            return [self._event("waiting")] if fresh else []
        verdict, expected, got = self._judge(message)
        if verdict == "old":
            self._counts["ignored"] += 1
            return []
        if verdict == "gap":
            return [self._gap(message, "gap", expected, got)]
        changes = self._changes(message) if self._by_id else message.changes
        if isinstance(changes, Event):
            return [changes]
        self._apply(message, changes)
        outcome = self._finish(message, [None])
        if self._retain and self.seeded:
            self._keep(message)
        return outcome

    def _judge(self, message: Message) -> Verdict:
        """What a change is to a seeded book."""
        if self._counted:
            return _APPLY
        if not self.bridged:
            s = self._snapshot_id
            if self._is_old(message, s, self._asked_ns):
                return _OLD
            if self._bridges(message, s):
                return _APPLY
            return "gap", s, self._link(message)
        chain, last = self.rule.chain, self.last
        if chain is _PREV:
            if message.prev is not None and message.prev == last:
                return _APPLY
            return "gap", last, message.prev
        if chain is _RISING:
            return _APPLY if message.last is not None and (last is None or message.last > last) else _OLD
        if chain is not _NEXT:
            return _APPLY
        expected = None if last is None else last + 1
        if message.first is None or message.last is None:
            return "gap", expected, None
        if last is not None and message.last <= last:
            return _OLD
        if expected is None or message.first > expected:
            return "gap", expected, message.first
        return _APPLY

    def _link(self, message: Message) -> int | None:
        """The id that a bridge looks at."""
        return message.prev if self.rule.bridge in (Bridge.PREV, Bridge.PREV_RANGE) else message.first

    def _is_old(self, message: Message, s: int | None, asked_ns: int) -> bool:
        if s is not None and s == self.rule.empty_id:
            return False
        if s is None or message.last is None:
            return message.received_ns < asked_ns
        if self.rule.bridge is Bridge.COVERS:
            return message.last < s
        return message.last <= s

    def _bridges(self, message: Message, s: int | None) -> bool:
        bridge = self.rule.bridge
        if bridge is None or bridge is Bridge.AFTER or (s is not None and s == self.rule.empty_id):
            return True
        if s is None:
            return False
        first, last, prev = message.first, message.last, message.prev
        if bridge is Bridge.PREV:
            return prev == s
        if bridge is Bridge.PREV_RANGE:
            return prev is not None and last is not None and prev <= s < last
        if bridge is Bridge.SAME:
            return first == s + 1
        if bridge is Bridge.COVERS and prev == s:
            return True
        if first is None or last is None:
            return False
        return first <= s <= last if bridge is Bridge.COVERS else first <= s + 1 <= last

    def _gap(self, message: Message, what: What, expected: int | None, got: int | None) -> Event:
        self._counts["gaps"] += 1
        self.unseed()
        if self.seeds_outside:
            self._keep(message)
        return self._event(what, expected, got)

    def _refill(self, messages: Iterable[Message] = ()) -> None:
        """The buffer becomes these."""
        self._buffer = deque(messages)
        self._buffered_rows = sum(len(message.changes) for message in self._buffer)

    def _keep(self, message: Message) -> None:
        self._buffer.append(message)
        self._buffered_rows += len(message.changes)
        self._bounds_at_most = _widest((message,), self._bounds_at_most)
        rule, oldest = self.rule, message.received_ns - round(self.rule.buffer_seconds * 1e9)
        while self._buffer and (
            len(self._buffer) > rule.buffer_changes
            or self._buffer[0].received_ns < oldest
            or (self._buffered_rows > rule.buffer_rows and len(self._buffer) > 1)
        ):
            self._buffered_rows -= len(self._buffer.popleft().changes)
            self._counts["buffer_dropped"] += 1

    # Applying -----------------------------------------------------------------

    def _set(self, message: Message, changes: list[Change]) -> None:
        before = self._bids, self._asks
        self._bids, self._asks = Levels(True), Levels(False)
        self._bounds = (message.scale, message.digits)
        put_rows(self._bids, self._asks, changes)
        nothing_newer = message.last is None or self.last is None or message.last == self.last
        if Proof.COMPARE in self.rule.proof and self.seeded and nothing_newer:
            after = self._bids, self._asks
            equal = all(old.numbers() == new.numbers() for old, new in zip(before, after, strict=True))
            self._counts["compare_equal" if equal else "compare_different"] += 1
        self._reach_to(self._bids.worst(), self._asks.worst())
        self._bounds_at_most = _widest((message,), self._bounds_at_most)
        self.seeded = True
        self._counts["snapshots"] += 1
        self._counts["applied"] += 1
        self._stamp(message)

    def _apply(self, message: Message, changes: list[Change]) -> None:
        absent = put_rows(self._bids, self._asks, changes)
        if absent:
            self._counts["absent_removals"] += absent
        if message.scale > self._bounds[0] or message.digits > self._bounds[1]:
            self._bounds = _widest((message,), self._bounds)
            self._bounds_at_most = _widest((message,), self._bounds_at_most)
        self.bridged = True
        self._counts["applied"] += 1
        self._stamp(message)

    def _changes(self, message: Message) -> list[Change] | Event:
        """The rows, their prices looked up where known by id, the ids learned; the outcome when one is not known.

        Then the book is unseeded, and what its ids are is no matter until a snapshot starts them anew.
        """
        if message.kind == "snapshot":
            self._ids = Ids()
        changes: list[Change] = []
        for bid, price, size, level, texts in message.changes:
            key = price
            if key is None and level is not None:
                key = self._ids.key(level, bid)
                if key is None:
                    self.unseed()
                    return self._event("unknown_id", None, level)
            assert key is not None  # a row has one or the other
            changes.append((bid, key, size, level, texts))
            if size is None:
                self._ids.removed(level, bid, key)
            elif level is not None:
                self._ids.put(level, bid, key)
        return changes

    def _stamp(self, message: Message) -> None:
        self.first, self.last, self.prev = message.first, message.last, message.prev
        if message.venue_ns is not None:
            self.venue_ns = message.venue_ns
        self.applied_ns = message.received_ns
        self._stamped = message

    def _finish(self, message: Message, outcome: list[Event | None]) -> list[Event | None]:
        """What follows each applied message: cutting, then the checksum."""
        if len(self._bids.keys) > self._room or len(self._asks.keys) > self._room:
            self._cut()
        spec = message.shape.checksum
        if spec is None or spec.when == "alone":
            return outcome
        if message.checksum is not None:
            return self._verify(message, message.checksum, spec) or outcome
        if message.kind == "snapshot":
            return outcome
        self._counts["unchecked"] += 1
        if self._said_unchecked:
            return outcome
        self._said_unchecked = True
        return [*outcome, self._event("unchecked")]

    def _cut(self) -> None:
        """What is more than the window, or the cap, takes."""
        window = self.shape.window
        for levels in (self._bids, self._asks):
            cut = levels.cut(window.levels) if window is not None and window.cut == "client" else []
            trimmed = levels.cut(self._depth_cap)
            self._counts["cut"] += len(cut)
            self._counts["trimmed"] += len(trimmed)
            if self._ids:
                for key in (*cut, *trimmed):
                    self._ids.removed(None, levels.bid, key)
            if trimmed:
                self._draw_in(levels)
            if window is not None and window.cut == "venue" and len(levels) > window.levels:
                self._counts["over_window"] += 1

    def _draw_in(self, levels: Levels) -> None:
        """Behind the worst level that was kept nothing is known any more."""
        worst, reach = levels.worst(), self._reach[levels.bid]
        if worst is not None and (reach is None or worst > reach):
            self._reach[levels.bid] = worst
            self._reach_to(self._reach[True], self._reach[False])

    def _reach_to(self, bid: int | None, ask: int | None) -> None:
        self._reach, scale = {True: bid, False: ask}, self._bounds[0]
        self._raw_reach = (
            None if bid is None else raw_price(bid, True, scale),
            None if ask is None else raw_price(ask, False, scale),
        )

    def _verify(self, message: Message, theirs: int, spec: Checksum) -> list[Event | None]:
        """Compare the venue's checksum with ours; the outcome where they differ."""
        bids, asks = ([side.texts[key] for key in side.best(spec.depth)] for side in (self._bids, self._asks))
        ours = crc(spec, bids, asks, message.shape.signed)
        if ours == theirs:
            self._counts["checksum_passed"] += 1
            return []
        self._counts["checksum_failed"] += 1
        self.unseed()
        return [self._event("checksum", theirs, ours)]

    def _event(self, what: What, expected: int | None = None, got: int | None = None) -> Event:
        return Event(self, what, expected, got)

    def __repr__(self) -> str:
        state = "seeded" if self.seeded else "unseeded"
        return f"<Book python {state}, {self.bid_count}+{self.ask_count} levels, seq {self.last}>"


def _nearer(one: int | None, other: int | None) -> int | None:
    """The better of two worst keys; None reaches to the end."""
    return max((key for key in (one, other) if key is not None), default=None)


def _known(levels: Levels, reach: dict[bool, int | None]) -> dict[int, tuple[int, int]]:
    """The levels up to a worst one; all where there is none."""
    worst = reach[levels.bid]
    return {key: size for key, size in levels.numbers().items() if worst is None or key >= worst}


def _widest(messages: Iterable[Message], start: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    scale, digits = start
    for message in messages:
        if message.scale > scale:
            scale = message.scale
        if message.digits > digits:
            digits = message.digits
    return scale, digits
