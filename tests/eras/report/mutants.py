"""One book frame of a recording lost, doubled, swapped with the next one, or with one digit changed; then played.

What the book's rule can notice is worked out here a second time, from the ids of the frames and from the levels
without any proof, so that the verdict does not come from what is judged.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, cast

from tidebook import engine as engines
from tidebook.core.book import Book as Kept
from tidebook.engine import Choice
from tidebook.engine.contract import Book
from tidebook.engine.rule import Chain, Proof, Scope, SyncRule
from tidebook.model import health
from tidebook.model.market import State, level
from tidebook.model.number import plain
from tidebook.record import oracle
from tidebook.record.capture import Record
from tidebook.record.check import UNHURRIED, names
from tidebook.record.connections import WantedBook
from tidebook.record.replay import Replay

from .frames import (
    BookFrame,
    Direct,
    Ids,
    at,
    corrupted,
    frames,
    ids_of,
    key_of,
    messages,
    numbers,
    parse,
    saying,
    steps_of,
    text_of,
)
from .sets import Recording

Kind = Literal["dropped", "doubled", "swapped", "price", "size", "id"]
KINDS: Final[tuple[Kind, ...]] = ("dropped", "doubled", "swapped", "price", "size", "id")
TOLD = (health.Gap, health.Mismatch, health.Undecodable, health.Stale, health.SubscriptionFailed)
LOCKSTEP = 20.0  # seconds
Sides = tuple[list[list[str]], list[list[str]]]
"""Bids and asks: price and size as plain text, best first."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed recording. `watch` is the line of the book's next frame behind the change."""

    kind: Kind
    key: str
    wanted: WantedBook
    line: int
    watch: int
    records: list[Record]
    by_ids: bool  # the rule's chain can notice it by then
    by_checksum: bool  # and its checksum
    right: Sides  # the unchanged book at `watch`
    whole: bool  # what was changed is a whole book


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a mutant."""

    mutant: Mutant
    noticed: str  # the event's name; empty where there was none
    state: State
    equal: bool  # the book at `watch` is as if nothing had happened
    oracle: bool | None  # and at the next checkpoint; None where it was not reached

    @property
    def could(self) -> bool:
        return self.mutant.by_ids or self.mutant.by_checksum

    @property
    def frozen(self) -> bool:
        """A wrong number stands in the place of the newest: what follows counts as old."""
        return self.mutant.kind == "id" and not self.noticed and not self.equal

    @property
    def fault(self) -> str:
        """What is against the rule; empty where all is as it must be."""
        if self.could and not self.noticed:
            return "not noticed"
        if self.noticed and not self.could and self.noticed != "Undecodable":
            return f"{self.noticed} where the rule sees nothing"
        if self.noticed and self.noticed != "Undecodable" and self.state.readable:
            return f"noticed, and {self.state} all the same"
        proof = set(self.mutant.wanted.plan.rule.proof)
        silent = self.mutant.kind in ("dropped", "doubled", "swapped") and not self.mutant.whole
        if silent and not self.noticed and not self.equal and self.state is State.LIVE and Proof.CHECKSUM not in proof:
            return "wrong, and claimed live"
        return ""


def make(recording: Recording, kind: Kind, seed: int, *, until: int | None = None) -> Mutant | None:
    """One mutant within the lines up to `until`; None where this recording has none of that kind."""
    rng = random.Random(f"{recording.name} {kind} {seed}")
    engine = engines.load()
    books = names(recording.connections, recording.oracle.keys)
    order = sorted(books)
    rng.shuffle(order)
    until = until or recording.records[-1].number
    stops = recording.oracle.places
    for key in order:
        heard = recording.heard.get((key, until))
        if heard is None:
            heard = recording.heard[key, until] = frames(recording, books[key], engine, until)
        # Not before it is seeded, and with two frames behind it.
        places = [
            index
            for index in range(len(heard) - 2)
            if all(one.applied and recording.records[one.at].number not in stops for one in heard[index : index + 2])
        ]
        rng.shuffle(places)
        for index in places[:50]:
            mutant = mutant_of(recording, books[key], key, kind, heard[index : index + 3], rng)
            if mutant is not None:
                return mutant
    return None


def mutant_of(
    recording: Recording, wanted: WantedBook, key: str, kind: Kind, heard: list[BookFrame], rng: random.Random
) -> Mutant | None:
    """The first of these frames changed; None where that cannot be. Three are needed to swap, else two will do."""
    if len(heard) < (3 if kind == "swapped" else 2):
        return None
    frame, following, watch = heard[0], heard[1], heard[-1]
    right_key = key_of(recording, wanted)
    records = list(recording.records)
    origin: dict[int, int] = {}
    if kind == "swapped":
        one, other = records[frame.at], records[following.at]
        codec = wanted.plan.endpoint.codec
        records[frame.at], records[following.at] = saying(one, following.text, codec), saying(other, frame.text, codec)
        origin = {one.number: other.number, other.number: one.number}
        after = [*following.ids, *frame.ids, *watch.ids]
    else:
        watch = following
        after = [*following.ids]
    if kind == "dropped":
        del records[frame.at]
    elif kind == "doubled":
        records.insert(frame.at + 1, records[frame.at])
        after = [*frame.ids, *frame.ids, *after]
    elif kind != "swapped":
        changed = _changed(wanted, right_key, frame, kind, rng)
        if changed is None:
            return None
        records[frame.at] = saying(records[frame.at], changed[0], wanted.plan.endpoint.codec)
        after = [*changed[1], *after]
    line = recording.records[watch.at].number
    right = _course(recording, wanted, recording.records, line)
    wrong = _course(recording, wanted, records, line)
    if wanted.plan.rule.scope is Scope.CONNECTION:
        by_ids = _counter_breaks(wanted, records, line)
    else:
        by_ids = breaks(wanted.plan.rule, _last_before(recording, wanted, frame.at), after)
    if wanted.plan.shape.row.id is not None:
        by_ids = by_ids or _unknown(wanted, right_key, records, line)
    return Mutant(
        kind, key, wanted, recording.records[frame.at].number, line, records,
        by_ids=by_ids,
        by_checksum=any(right.tops[origin.get(at_line, at_line)] != top for at_line, top in wrong.checked),
        right=right.end,
        whole=frame.whole,
    )  # fmt: skip


def _changed(
    wanted: WantedBook, key: str, frame: BookFrame, kind: Kind, rng: random.Random
) -> tuple[str, list[Ids]] | None:
    """The frame with one digit changed, and the ids that it then has."""
    shape, counter = wanted.plan.shape, wanted.plan.endpoint.counter
    root = parse(frame.text)
    all_numbers = [one for message in messages(shape, root, key) for one in numbers(shape, root, message)]
    places = [place for what, place in all_numbers if what == kind]
    if kind == "id" and counter is not None:
        places.append(steps_of((), counter.path))
    rng.shuffle(places)
    for place in places[:20]:
        text = corrupted(frame.text, place, rng)
        if text is not None:
            read = parse(text)
            return text, [ids_of(shape, read, message, frame.whole) for message in messages(shape, read, key)]
    return None


def breaks(rule: SyncRule, last: int | None, following: list[Ids]) -> bool:
    """Whether a chain of these messages, behind one with the id `last`, shows a hole."""
    for one in following:
        if one.whole or rule.chain in (Chain.NONE, Chain.RISING):
            last = one.last
        elif rule.chain is Chain.PREV:
            if one.prev != last:
                return True
            last = one.last
        else:
            if one.last is None or one.first is None or last is None:
                return True
            if one.last <= last:
                continue
            if one.first > last + 1:
                return True
            last = one.last
    return False


def _counter_breaks(wanted: WantedBook, records: list[Record], until: int) -> bool:
    """Whether the counter of a book's connection shows a hole up to this line."""
    endpoint = wanted.plan.endpoint
    assert endpoint.counter is not None
    last: int | None = None
    for record in records:
        if record.number > until:
            break
        if record.dir == "recv" and record.conn == wanted.conn:
            root = parse(text_of(record, endpoint.codec, endpoint.cap))
            value = at(root, steps_of((), endpoint.counter.path))
            if value is not None:
                if last is not None and int(value) != last + 1:
                    return True
                last = int(value)
    return False


def _unknown(wanted: WantedBook, key: str, records: list[Record], until: int) -> bool:
    """Where rows may name a level by its id alone: whether some row up to this line names one that is not there."""
    shape, endpoint = wanted.plan.shape, wanted.plan.endpoint
    row_id, kind = shape.row.id, shape.kind
    assert row_id is not None
    assert kind.path is not None
    known: set[str] | None = None
    for record in records:
        if record.number > until:
            break
        if record.dir != "recv" or record.conn != wanted.conn:
            continue
        root = parse(text_of(record, endpoint.codec, endpoint.cap))
        for message in messages(shape, root, key):
            if at(root, steps_of(message, kind.path)) in kind.snapshot:
                known = set()
            for rows in shape.rows if known is not None else ():
                place = steps_of(message, rows.path)
                for index in range(len(at(root, place) or ())):
                    one = at(root, steps_of((*place, index), row_id))
                    named = at(root, steps_of((*place, index), shape.row.price)) is not None
                    action = None if shape.row.action is None else at(root, steps_of((*place, index), shape.row.action))
                    assert known is not None
                    if not named and one not in known:
                        return True
                    if action in shape.remove_words:
                        known.discard(one)
                    else:
                        known.add(one)
    return False


def _last_before(recording: Recording, wanted: WantedBook, index: int) -> int | None:
    """The id of the book in front of a frame: that of the frame before, or of its snapshot."""
    direct = Direct(recording, wanted, engines.load())
    for record in recording.records[:index]:
        direct.take(record)
    return direct.book.last


@dataclass(slots=True)
class _Course:
    """A book without its checksum: its top after each line, where messages had a checksum, and what it is at last."""

    tops: dict[int, Sides]
    checked: list[tuple[int, Sides]]
    end: Sides


def _course(recording: Recording, wanted: WantedBook, records: list[Record], until: int) -> _Course:
    shape = wanted.plan.shape
    direct = Direct(recording, wanted, engines.load(), replace(shape, checksum=None))
    checksum = shape.checksum  # looked at wherever one is sent, proof or not
    course = _Course({}, [], ([], []))
    for record in records:
        if record.number > until:
            break
        if direct.take(record) and checksum is not None:
            top = (texts(direct.book, "bid", checksum.depth), texts(direct.book, "ask", checksum.depth))
            course.tops[record.number] = top
            root = parse(direct.text)
            places: Any = checksum.path  # or several
            paths = (places,) if isinstance(places, str) else tuple(places)
            values = (at(root, steps_of(one, path)) for one in messages(shape, root, direct.key) for path in paths)
            if any(one is not None and not (one == "0" and checksum.when == "nonzero") for one in values):
                course.checked.append((record.number, top))
    course.end = texts(direct.book, "bid"), texts(direct.book, "ask")
    return course


def texts(book: Book, side: Literal["bid", "ask"], n: int | None = None) -> list[list[str]]:
    return [[plain(price), plain(size)] for price, size in (level(raw) for raw in book.levels(side, n))]


# Played -----------------------------------------------------------------------


async def play(recording: Recording, mutant: Mutant, engine: Choice | None = None) -> Found:
    """Play a mutant through the client, over sockets, as far as the verdict needs it."""
    told: list[health.Health] = []
    later = [line for line in recording.oracle.places if line >= mutant.watch]
    stops = frozenset([mutant.watch, *later[:1]])
    async with Replay(recording.connections, mutant.records, engine=engine, options=UNHURRIED) as replay:
        replay.on_event = told.append
        book = replay.desk.books[mutant.wanted.plan.name]
        found: Found | None = None
        async with aclosing(cast("AsyncGenerator[int, None]", replay.player.play(stops=stops))) as lines:
            async for line in lines:
                await _level(replay)
                if line and line == mutant.watch:
                    found = _look(mutant, book, told)
                    if found.noticed:
                        return found
                if found is not None and line in recording.oracle.places:
                    wrong = oracle.differences(book, recording.oracle.places[line][mutant.key])
                    return Found(mutant, found.noticed, found.state, found.equal, not wrong)
        await _level(replay)
        found = found or _look(mutant, book, told)
        wrong = oracle.differences(book, recording.oracle.end[mutant.key])
        return found if found.noticed else Found(mutant, "", found.state, found.equal, not wrong)


def _look(mutant: Mutant, book: Kept, told: list[health.Health]) -> Found:
    symbol = mutant.wanted.plan.symbol
    names_told = [type(one).__name__ for one in told if isinstance(one, TOLD) and one.symbol in (None, symbol)]
    noticed = names_told[0] if names_told else ""
    bids, asks = oracle.text_of(book, "bid"), oracle.text_of(book, "ask")
    return Found(mutant, noticed, book.state, (bids, asks) == mutant.right, None)


async def _level(replay: Replay) -> None:
    """Wait until the client has taken what was sent, or its connection has gone. Raises TimeoutError."""
    deadline = asyncio.get_running_loop().time() + LOCKSTEP
    while not replay.caught_up():
        if replay.lost():
            return
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"sent {replay.player.sent}, processed {replay.processed()}")
        await asyncio.sleep(0.001)
