"""Which frames of a recording are a book's, which numbers stand in them, and one digit of one of them changed.

Nothing of the engines' reading is used here but to see whether a book heard a frame: this is the second opinion.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from gzip import compress
from typing import Any

from tidebook.core.codec import inflate
from tidebook.engine.contract import Book, Engine, Event
from tidebook.engine.rule import Scope, Seed
from tidebook.engine.shape import BookShape, Codec, Id, Path, Row
from tidebook.errors import DecodeError
from tidebook.record.capture import Record
from tidebook.record.connections import WantedBook

from .sets import Recording

Steps = tuple[str | int, ...]
AGAINST = frozenset({"gap", "checksum", "unknown_id"})
"""What engines tell of a frame that does not fit its book."""


@dataclass(frozen=True, slots=True)
class Ids:
    """Of one message. `whole`: it is a whole book."""

    first: int | None
    last: int | None
    prev: int | None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class BookFrame:
    """A frame that a book heard. `at` is its place among the records; `text` what it says."""

    at: int
    text: str
    ids: tuple[Ids, ...]
    applied: bool

    @property
    def whole(self) -> bool:
        return all(one.whole for one in self.ids)


def text_of(record: Record, codec: Codec, cap: int) -> str:
    """What a frame says."""
    message = record.message
    if isinstance(message, str):
        return message
    return (inflate(message, codec, cap) if codec is not Codec.TEXT else message).decode()


def saying(record: Record, text: str, codec: Codec) -> Record:
    """The same record with another text, packed as it was."""
    if isinstance(record.message, str):
        return replace(record, message=text)
    assert codec is not Codec.DEFLATE
    return replace(record, message=compress(text.encode()) if codec is Codec.GZIP else text.encode())


def parse(text: str) -> Any:
    """JSON with its numbers as they were sent."""
    return json.loads(text, parse_int=str, parse_float=str)


def at(value: Any, steps: Steps) -> Any:
    """What stands there; None where nothing does."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


def steps_of(message: Steps, path: str) -> Steps:
    """Where a path leads that begins at a message, or at the frame's root."""
    parsed = Path.of(path)
    return parsed.steps if parsed.root else (*message, *parsed.steps)


def messages(shape: BookShape, root: Any, key: str) -> list[Steps]:
    """Where the messages of the topic with this key stand in a frame."""
    places: list[tuple[Steps, str | None]] = [((), None)]
    if shape.each is not None:
        star = shape.each == "*" or shape.each.endswith(".*")
        path = Path.of(shape.each.removesuffix("*").removesuffix(".")).steps
        there = at(root, path)
        if isinstance(there, list):
            places = [((*path, index), None) for index in range(len(there))]
        else:
            places = [((*path, name), name) for name in there] if star and isinstance(there, dict) else []
    found: list[Steps] = []
    for place, name in places:
        parts = [name if route == "#" else at(root, steps_of(place, route)) for route in shape.route]
        if all(isinstance(part, str) for part in parts) and " ".join(map(str, parts)) == key:
            found.append(place)
    return found


def ids_of(shape: BookShape, root: Any, message: Steps, whole: bool) -> Ids:
    def read(where: Id | None) -> int | None:
        value = None if where is None else at(root, steps_of(message, where.path))
        number = None if value is None else int(value)
        return None if where is None or number == where.none else number

    last = read(shape.last)
    return Ids(last if shape.first is None else read(shape.first), last, read(shape.prev), whole)


def numbers(shape: BookShape, root: Any, message: Steps) -> Iterator[tuple[str, Steps]]:
    """(what it is, where it stands) of every number that matters: price size id."""
    for where in (shape.first, shape.last, shape.prev):
        if where is not None:
            yield "id", steps_of(message, where.path)
    lists: list[tuple[Steps, bool]] = [(steps_of(message, rows.path), rows.single) for rows in shape.rows]
    for alternatives in (shape.bids, shape.asks):
        lists += [(steps_of(message, path), False) for path in alternatives]
    for path, single in lists:
        there = at(root, path)
        if single or (isinstance(there, list) and there and not isinstance(there[0], (list, dict))):
            rows = [path]
        else:
            rows = [(*path, index) for index in range(len(there))] if isinstance(there, list) else []
        for row in rows:
            yield from _of_row(shape.row, row)
            if shape.both is not None:
                yield from _of_row(shape.both, row)


def _of_row(row: Row, place: Steps) -> Iterator[tuple[str, Steps]]:
    yield "price", steps_of(place, row.price)
    yield "size", steps_of(place, row.size)


def corrupted(text: str, place: Steps, rng: random.Random) -> str | None:
    """The text with one digit of the number at `place` changed, and nothing else; None where that cannot be."""
    root = parse(text)
    number = at(root, place)
    if not isinstance(number, str) or not re.fullmatch(r"-?[0-9.eE+-]+", number):
        return None
    digits = [index for index, char in enumerate(number) if char.isdigit()]
    index = rng.choice(digits)
    digit = rng.choice([other for other in "123456789" if other != number[index]])
    wrong = number[:index] + digit + number[index + 1 :]
    wanted = parse(text)
    inner = at(wanted, place[:-1])
    inner[place[-1]] = wrong
    for found in re.finditer(re.escape(number), text):
        candidate = text[: found.start()] + wrong + text[found.end() :]
        try:
            if parse(candidate) == wanted:
                return candidate
        except ValueError:
            continue
    return None


def key_of(recording: Recording, wanted: WantedBook) -> str:
    """By what a book's messages are known: as declared, or as the recorded answer to its subscription says."""
    plan = wanted.plan
    ack = None if plan.endpoint.subscribing is None else plan.endpoint.subscribing.ack
    if ack is not None and '"#key"' in ack.text:
        for record in recording.records:
            if record.dir == "recv" and record.conn == wanted.conn:
                slots = ack.match(json.loads(text_of(record, plan.endpoint.codec, plan.endpoint.cap)))
                if slots is not None and slots["topic"] == plan.topic:
                    return str(slots["key"])
    return plan.key_or_topic().decode()


# Without sockets ------------------------------------------------------------------


class Direct:
    """One book of a recording, kept without sockets: what it hears, and what it holds after each frame."""

    def __init__(
        self, recording: Recording, wanted: WantedBook, engine: Engine, shape: BookShape | None = None
    ) -> None:
        plan = wanted.plan
        self.wanted = wanted
        self.key = key_of(recording, wanted)
        self.codec, self.cap = plan.endpoint.codec, plan.endpoint.cap
        snapshot = plan.snapshot
        if shape is not None and snapshot is not None:
            snapshot = replace(snapshot, checksum=shape.checksum)
        self.book: Book = engine.Book(
            shape or plan.shape, plan.rule, snapshot=snapshot,
            price_scale=plan.price_scale, size_scale=plan.size_scale,
        )  # fmt: skip
        scope = plan.rule.scope
        self._feed = engine.Feed(counter=plan.endpoint.counter if scope is Scope.CONNECTION else None, cap=self.cap)
        self._feed.want(self.key.encode(), self.book, "stream")
        if plan.snapshot_key is not None:
            self._feed.want(plan.snapshot_key, self.book, "snapshot")
        self.text = ""  # of the last frame
        self.told: list[str] = []  # what the engine said against frames
        self._clock = 0

    def take(self, record: Record) -> bool:
        """Whether the book heard it. A snapshot over HTTP is taken, too, and not heard."""
        self._clock += 1
        wanted = self.wanted
        if record.dir == "recv" and record.conn == wanted.conn:
            self.text = text_of(record, self.codec, self.cap)
            try:
                outcome = self._feed.feed(self.text.encode(), self._clock)
            except DecodeError as error:
                self.told.append(error.kind)
                return False  # an answer that is found where books are, or what was damaged
            found = outcome if isinstance(outcome, tuple) else (outcome,)
            self.told += [one.what for one in found if isinstance(one, Event) and one.what in AGAINST]
            return self.book.heard_ns == self._clock
        of = wanted.channel.snapshot_of
        if record.dir == "http" and of is not None and wanted.plan.rule.seed is Seed.REST and not self.book.seeded:
            if of(record.url) == wanted.instrument:
                body = record.message.encode() if isinstance(record.message, str) else record.message
                self.book.seed(body, self._clock, 0)
        return False


def frames(recording: Recording, wanted: WantedBook, engine: Engine, until: int) -> list[BookFrame]:
    """The frames that a book hears up to the line `until`, in order."""
    direct = Direct(recording, wanted, engine)
    shape = wanted.plan.shape
    found: list[BookFrame] = []
    for index, record in enumerate(recording.records):
        if record.number > until:
            break
        was, wholes = direct.book.applied, direct.book.stats()["snapshots"]
        # What follows a snapshot from outside is judged in another way.
        ready = direct.book.seeded and direct.book.bridged
        if not direct.take(record):
            continue
        text = direct.text
        root = parse(text)
        whole = direct.book.stats()["snapshots"] > wholes
        ids = tuple(ids_of(shape, root, place, whole) for place in messages(shape, root, direct.key))
        found.append(BookFrame(index, text, ids, applied=ready and bool(ids) and direct.book.applied > was))
    return found
