"""Reads and plays one conformance case: a book's shape and rule, frames, and what must come of each.

A case is an object:

- `about`: the sentence of the contract that it shows
- `shape`, `rule`, `snapshot` (a shape), `book` (other arguments of Book), `topic`, `role`: the book named `book`;
  or `books`: an object of such objects by name, wanted in that order. `topics` may give a book more topics:
  [[topic, role], …]. `others`: topics of other frames
- `counter`, `cap`: arguments of Feed
- `steps`: each has one of `feed`, `seed`, `audit` (a frame), `truncate` (a frame: each proper beginning must fail
  `malformed`, then the whole is fed), `unseed` (true, or "keep"), `retain`, `reset`, `forget`, `other`, `want`
  [topic, role].
  `at` and `asked` are times in ns (by default as in the step before). A step acts on the book `on`, else on the first

A frame is text, {"b64": …}, {"hex": …}, or a list of parts: text, or [text, times].

What a step expects: `gives`: null, "unrouted", "other TOPIC", a book's name for a change, an event as [book or null,
what] or [book, what, expected, got], or {"all": [these]}; `fails`: a kind of error, after which nothing may have
changed; then any attribute of the book, with `bids` and `asks` as [[price, size], …] texts compared numerically,
`stats` as the counters to be looked at, and `floats`, `best` as they are. Other books are looked at in `also`.
A case `rejects`: {kind of error: [frames]} feeds each frame after the steps; `accepts`: [frames] likewise.
"""

import base64
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from typing import Any, get_type_hints

from tidebook.engine.contract import UNROUTED, Book, Engine, Event, Feed, Other
from tidebook.engine.rule import Bridge, Proof, SyncRule
from tidebook.engine.shape import BookShape, Checksum, Id, Kind, Row, Rows, Time, Window
from tidebook.errors import DecodeError

Json = Any
NESTED: dict[str, Callable[..., Any]] = {
    "kind": Kind, "row": Row, "both": Row, "first": Id, "last": Id, "prev": Id, "time": Time, "checksum": Checksum,
    "window": Window,
}  # fmt: skip
LOOKS = ("bids", "asks", "stats", "floats", "best", "reach")
ATTRIBUTES = (
    "seeded", "bridged", "first", "last", "prev", "venue_ns", "heard_ns", "applied_ns", "applied", "bid_count",
    "ask_count", "buffered",
)  # fmt: skip


def made(kind: Callable[..., Any], data: dict[str, Json]) -> Any:
    """A frozen dataclass from data; lists become tuples, words their enumerations."""
    assert isinstance(kind, type)
    hints = get_type_hints(kind)
    made_of = {}
    for field in fields(kind):
        if field.name not in data:
            continue
        value = data[field.name]
        if kind is BookShape and field.name in NESTED and value is not None:
            value = made(NESTED[field.name], value)
        elif kind is BookShape and field.name == "rows":
            value = tuple(made(Rows, rows) for rows in value)
        elif isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, str) and isinstance(hints[field.name], type):
            value = hints[field.name](value)
        made_of[field.name] = value
    assert data.keys() <= made_of.keys(), sorted(data.keys() - made_of.keys())
    return kind(**made_of)


def shape_of(data: dict[str, Json]) -> BookShape:
    shape = made(BookShape, data)
    assert isinstance(shape, BookShape)
    return shape


def rule_of(data: dict[str, Json]) -> SyncRule:
    data = dict(data)
    if data.get("bridge") is not None:
        data["bridge"] = Bridge(data["bridge"])
    data["proof"] = [Proof(word) for word in data.get("proof", ["none"])]
    rule = made(SyncRule, data)
    assert isinstance(rule, SyncRule)
    return rule


def bytes_of(frame: Json) -> bytes:
    if isinstance(frame, str):
        return frame.encode()
    if isinstance(frame, dict):
        return base64.b64decode(frame["b64"]) if "b64" in frame else bytes.fromhex(frame["hex"])
    return b"".join(bytes_of(part) if isinstance(part, str) else bytes_of(part[0]) * part[1] for part in frame)


class Player:
    """One case on one engine."""

    def __init__(self, engine: Engine, case: dict[str, Json]) -> None:
        self.case = case
        counter = case.get("counter")
        caps = {"cap": case["cap"]} if "cap" in case else {}
        self.feed: Feed = engine.Feed(counter=None if counter is None else made(Id, counter), **caps)
        self.books: dict[str, Book] = {}
        self.others: dict[bytes, Other] = {}
        for name, data in case.get("books", {"book": case}).items():
            snapshot = data.get("snapshot")
            book = engine.Book(
                shape_of(data["shape"]),
                rule_of(data.get("rule", {"seed": "stream"})),
                snapshot=None if snapshot is None else shape_of(snapshot),
                **data.get("book", {}),
            )
            self.books[name] = book
            for topic, role in data.get("topics", [[data.get("topic", ""), data.get("role", "stream")]]):
                self.feed.want(topic.encode(), book, role)
        for topic in case.get("others", ()):
            self.feed.other(topic.encode())
        self.at = self.asked = 0

    def play(self) -> None:
        for number, step in enumerate(self.case.get("steps", ())):
            try:
                self.step(step)
            except AssertionError as error:
                raise AssertionError(f"step {number}, {str(step)[:300]}: {error}") from error
        for kind, frames in self.case.get("rejects", {}).items():
            for frame in frames:
                self.must_fail(bytes_of(frame), kind)
        for frame in self.case.get("accepts", ()):
            try:
                self.feed.feed(bytes_of(frame), self.at)
            except DecodeError as error:
                raise AssertionError(f"{bytes_of(frame)[:200]!r} was refused: {error}") from error

    def must_fail(self, frame: bytes, kind: str) -> None:
        before = {name: state(book) for name, book in self.books.items()}
        outcome, error = tried(lambda: self.feed.feed(frame, self.at + 1))
        assert error is not None, f"{frame[:200]!r} gave {outcome!r} instead of failing {kind}"
        assert error.kind == kind, f"{frame[:200]!r}: {error}, not {kind}"
        assert {name: state(book) for name, book in self.books.items()} == before, f"{frame[:200]!r} left a trace"

    def step(self, step: dict[str, Json]) -> None:
        self.at, self.asked = step.get("at", self.at), step.get("asked", self.asked)
        name = step.get("on", next(iter(self.books)))
        before = {other: state(book) for other, book in self.books.items()}
        outcome, error = tried(lambda: self.act(step, self.books[name]))
        assert (error and error.kind) == step.get("fails"), error or f"gave {outcome!r} instead of failing"
        if error is not None:
            assert {other: state(book) for other, book in self.books.items()} == before, "a rejected frame left a trace"
        elif "gives" in step:
            self.compare(outcome, step["gives"])
        self.look(name, {key: value for key, value in step.items() if key in ATTRIBUTES or key in LOOKS})
        for other, looks in step.get("also", {}).items():
            self.look(other, looks)

    def act(self, step: dict[str, Json], book: Book) -> object:
        match step:
            case {"feed": frame}:
                return self.feed.feed(bytes_of(frame), self.at)
            case {"seed": body, **rest}:
                caps = {"cap": rest["cap"]} if "cap" in rest else {}
                return book.seed(bytes_of(body), self.at, self.asked, **caps)
            case {"audit": body}:
                return book.seed(bytes_of(body), self.at, self.asked, audit=True)
            case {"truncate": frame}:
                whole = bytes_of(frame)
                for length in range(len(whole)):
                    self.must_fail(whole[:length], "malformed")
                return self.feed.feed(whole, self.at)
            case {"unseed": how}:
                book.unseed(keep_buffer=how == "keep")
            case {"retain": on}:
                book.retain(on)
            case {"reset": _}:
                self.feed.reset()
            case {"forget": topic}:
                self.feed.forget(topic.encode())
            case {"other": topic}:
                self.feed.other(topic.encode())
            case {"want": [topic, role]}:
                self.feed.want(topic.encode(), book, role)
            case _:
                raise AssertionError("the step does nothing")
        return None

    def compare(self, outcome: object, expected: Json) -> None:
        if isinstance(expected, dict):
            assert isinstance(outcome, tuple), outcome
            assert len(outcome) == len(expected["all"]), outcome
            for one, what in zip(outcome, expected["all"], strict=True):
                self.compare(one, what)
        elif expected is None or expected == "unrouted":
            assert outcome is (None if expected is None else UNROUTED), outcome
        elif isinstance(expected, str) and expected.startswith("other "):
            topic = expected.removeprefix("other ").encode()
            assert isinstance(outcome, Other), outcome
            assert outcome.topic == topic
            assert outcome is self.others.setdefault(topic, outcome), "another Other"
        elif isinstance(expected, str):
            assert outcome is self.books[expected], outcome
        else:
            assert isinstance(outcome, Event), outcome
            assert outcome.book is (None if expected[0] is None else self.books[expected[0]])
            assert outcome.what == expected[1], outcome
            assert expected[2:] in ([], [outcome.expected, outcome.got]), outcome

    def look(self, name: str, looks: dict[str, Json]) -> None:
        book = self.books[name]
        for what, expected in looks.items():
            if what in ("bids", "asks"):
                found = levels(book)[what == "asks"]
                assert found == [(Fraction(price), Fraction(size)) for price, size in expected], (what, found)
            elif what == "stats":
                stats = book.stats()
                found_stats = {word: stats[word] for word in expected}
                assert found_stats == expected, found_stats
            elif what == "floats":
                floats = [list(map(list, book.floats("bid"))), list(map(list, book.floats("ask")))]
                assert floats == expected, floats
            elif what == "best":
                assert list(book.best()) == expected, book.best()
            elif what == "reach":
                reach = [None if raw is None else exact(*raw) for raw in book.reach]
                assert reach == [None if text is None else Fraction(text) for text in expected], reach
            else:
                value = getattr(book, what)
                assert value == expected, (what, value)
                assert type(value) is type(expected), (what, value)


def tried(call: Callable[[], object]) -> tuple[object, DecodeError | None]:
    try:
        return call(), None
    except DecodeError as error:
        return None, error


def exact(mantissa: int, scale: int) -> Fraction:
    return mantissa * Fraction(10) ** -scale


def levels(book: Book) -> tuple[list[tuple[Fraction, Fraction]], list[tuple[Fraction, Fraction]]]:
    bids, asks = (
        [(exact(price, price_scale), exact(size, size_scale)) for price, price_scale, size, size_scale in side]
        for side in (book.levels("bid"), book.levels("ask"))
    )
    return bids, asks


def state(book: Book) -> object:
    """All that can be seen of a book."""
    return [getattr(book, name) for name in ATTRIBUTES], book.stats(), levels(book), book.best(), book.reach
