"""Random traffic against the slow, obvious book of `model.py`, for every combination of a sync rule that venues use."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.model import Fact, Level, ModelBook, ModelOfIds, Result

from tidebook.engine.contract import Book, Engine, Event
from tidebook.engine.rule import Bridge, Chain, Proof, Scope, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind, Number, Remove, Row, Rows, Window

SHAPE = BookShape(
    kind=Kind(path="k", snapshot=("whole",), delta=("change",)),
    bids=("b",),
    asks=("a",),
    first=Id("U", optional=True),
    last=Id("u", optional=True),
    prev=Id("p", optional=True),
)
PROVEN, COMPARED = (Proof.SEQUENCE,), (Proof.COMPARE,)
RULES = {
    "rest next covers_next": SyncRule(Seed.REST, Chain.NEXT, Bridge.COVERS_NEXT, proof=PROVEN),
    "rest next covers_next, empty 3": SyncRule(Seed.REST, Chain.NEXT, Bridge.COVERS_NEXT, proof=PROVEN, empty_id=3),
    "rest prev covers": SyncRule(Seed.REST, Chain.PREV, Bridge.COVERS, proof=PROVEN),
    "rest prev covers, by time": SyncRule(Seed.REST, Chain.PREV, Bridge.COVERS, proof=PROVEN, buffer_seconds=3),
    "rest next same": SyncRule(Seed.REST, Chain.NEXT, Bridge.SAME, proof=PROVEN),
    "rest prev prev_range": SyncRule(Seed.REST, Chain.PREV, Bridge.PREV_RANGE, proof=PROVEN),
    "rest none after": SyncRule(Seed.REST, Chain.NONE, Bridge.AFTER),
    "rest rising after": SyncRule(Seed.REST, Chain.RISING, Bridge.AFTER, proof=COMPARED, buffer_changes=4),
    "rest next covers_next, few rows": SyncRule(Seed.REST, Chain.NEXT, Bridge.COVERS_NEXT, proof=PROVEN, buffer_rows=5),
    "request prev prev": SyncRule(Seed.REQUEST, Chain.PREV, Bridge.PREV, proof=PROVEN),
    "request next covers_next, few": SyncRule(Seed.REQUEST, Chain.NEXT, Bridge.COVERS_NEXT, buffer_changes=3),
    "side rising after": SyncRule(Seed.SIDE, Chain.RISING, Bridge.AFTER, proof=COMPARED),
    "side rising after, few": SyncRule(Seed.SIDE, Chain.RISING, Bridge.AFTER, proof=COMPARED, buffer_changes=3),
    "side rising after, few rows": SyncRule(Seed.SIDE, Chain.RISING, Bridge.AFTER, proof=COMPARED, buffer_rows=3),
    "side none after": SyncRule(Seed.SIDE, Chain.NONE, Bridge.AFTER, proof=(Proof.MID,)),
    "side next covers_next": SyncRule(Seed.SIDE, Chain.NEXT, Bridge.COVERS_NEXT, proof=COMPARED, buffer_seconds=4),
    "stream next": SyncRule(Seed.STREAM, Chain.NEXT, proof=PROVEN),
    "stream prev": SyncRule(Seed.STREAM, Chain.PREV, proof=PROVEN),
    "stream rising": SyncRule(Seed.STREAM, Chain.RISING, proof=COMPARED),
    "stream none": SyncRule(Seed.STREAM, Chain.NONE),
    "every": SyncRule(Seed.EVERY, proof=(Proof.WHOLE,)),
}
OUTSIDE = (Seed.REST, Seed.REQUEST, Seed.SIDE)
COUNTED = (
    "snapshots", "applied", "ignored", "gaps", "too_old", "buffer_dropped", "absent_removals", "cut", "trimmed",
    "compare_equal", "compare_different",
)  # fmt: skip
SECOND = 10**9
ROWS = st.lists(st.tuples(st.booleans(), st.integers(1, 8), st.integers(0, 3)), max_size=4)
# What happens, and two small numbers that say how much.
STEP = st.tuples(
    st.sampled_from(
        ["change"] * 14
        + ["lost", "twice", "later", "later", "jump", "overlap", "odd", "nameless", "whole", "side", "side"]
        + ["body", "body", "body", "old body", "unseed", "unseed all", "retain", "release", "wait", "reseed"]
    ),
    st.integers(0, 3),
    ROWS,
)
STEPS = st.lists(STEP, max_size=8) | st.lists(STEP, min_size=25, max_size=50)
Step = tuple[str, int, list[tuple[bool, int, int]]]


def written(value: Decimal, how: random.Random) -> str:
    """One of the ways to write the same number."""
    text = f"{value:f}"
    match how.randrange(4):
        case 0:
            return text + (".000" if "." not in text else "00")
        case 1:
            return f"00{text}"
        case 2:
            return f"{value * 1000:f}e-3"
    return text


@dataclass
class Venue:
    """The other side: its true book, its ids, and a network that loses, repeats and swaps."""

    seq: int = 2
    at: int = 100 * SECOND
    sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(default_factory=lambda: ({}, {}))
    late: list[Fact] = field(default_factory=list)
    past: list[Fact] = field(default_factory=list)

    def whole(self) -> Fact:
        bids, asks = (tuple(side.items()) for side in self.sides)
        return Fact(True, self.at, bids, asks, self.seq, self.seq, self.seq)

    def change(self, rows: list[tuple[bool, int, int]], span: int) -> Fact:
        """The next change. Bids and asks share prices: the book crosses now and then."""
        self.past.append(self.whole())
        prev, self.seq = self.seq, self.seq + max(span, 1)
        split: tuple[list[Level], list[Level]] = ([], [])
        for bid, price, size in rows:
            level = (Decimal(price) / 4, Decimal(size) / 2)
            split[not bid].append(level)
            if level[1]:
                self.sides[not bid][level[0]] = level[1]
            else:
                self.sides[not bid].pop(level[0], None)
        return Fact(False, self.at, tuple(split[0]), tuple(split[1]), prev + 1, self.seq, prev)

    def play(self, steps: list[Step]) -> Iterator[tuple[str, Fact | None, int]]:
        """(what is done, with which fact, when it was asked for)."""
        for what, n, rows in steps:
            self.at += SECOND // 2
            if what in ("change", "lost", "twice", "later", "overlap", "odd", "nameless"):
                fact = self.change(rows, n)
                if what == "overlap" and fact.first is not None:
                    fact = replace(fact, first=fact.first - n)
                elif what == "odd":
                    fact = replace(fact, prev=self.seq - n, first=self.seq - 2 * n)
                elif what == "nameless":
                    kept = [None if n == at else one for at, one in enumerate((fact.first, fact.last, fact.prev))]
                    fact = replace(fact, first=kept[0], last=kept[1], prev=kept[2])
                if what == "later":
                    self.late.append(fact)
                    continue
                for _ in range(1 + (what == "twice")):
                    if what != "lost":
                        yield "feed", fact, 0
                if n == 0:
                    for one in self.late:
                        yield "feed", replace(one, at=self.at), 0
                    self.late.clear()
            elif what in ("whole", "side"):
                yield ("feed" if what == "whole" else "side"), self.whole(), 0
            elif what in ("body", "old body", "reseed"):
                fact = self.whole() if what == "body" or not self.past else self.past[-1 - n % len(self.past)]
                yield "body", replace(fact, at=self.at), self.at - n * SECOND
            elif what == "jump":
                self.seq += n
            elif what == "wait":
                self.at += n * SECOND
            else:
                yield what, None, 0


def frame(fact: Fact, how: random.Random) -> bytes:
    def rows(levels: tuple[Level, ...]) -> list[list[str]]:
        return [[written(price, how), written(size, how)] for price, size in levels]

    message: dict[str, Any] = {"k": "whole" if fact.whole else "change", "b": rows(fact.bids), "a": rows(fact.asks)}
    message |= {key: how.choice([value, str(value)]) for key, value in ids(fact).items()}
    if not fact.whole:
        message = {key: value for key, value in message.items() if value != []}  # an absent side is unchanged
    keys = list(message)
    how.shuffle(keys)
    return json.dumps({key: message[key] for key in keys}).encode()


def ids(fact: Fact) -> dict[str, int]:
    named = {"U": fact.first, "u": fact.last, "p": fact.prev}
    return {key: value for key, value in named.items() if value is not None}


def words(outcome: Any, book: Book) -> list[Result]:
    items = outcome if isinstance(outcome, tuple) else () if outcome is None else (outcome,)
    found = []
    for item in items:
        if isinstance(item, Event):
            assert item.book is book
            found.append(Result(item.what, item.expected, item.got))
        else:
            assert item is book
            found.append(Result("book"))
    return found


def shown(book: Book) -> tuple[list[Level], list[Level]]:
    bids, asks = (
        [(Decimal(pm).scaleb(-ps), Decimal(sm).scaleb(-ss)) for pm, ps, sm, ss in levels]
        for levels in (book.levels("bid"), book.levels("ask"))
    )
    return bids, asks


def check(book: Book, model: ModelBook, outcome: list[Result], expected: list[Result]) -> None:
    assert [result.what for result in outcome] == [result.what for result in expected]
    for ours, theirs in zip(outcome, expected, strict=True):
        if theirs.expected is not None:
            assert ours == theirs
    assert (book.seeded, book.bridged, book.buffered) == (model.seeded, model.bridged, len(model.buffer))
    assert shown(book) == model.levels()
    assert [None if raw is None else Decimal(raw[0]).scaleb(-raw[1]) for raw in book.reach] == model.reach
    assert book.applied == model.counts.get("applied", 0)
    if model.seeded:
        assert book.last == model.last
    stats = book.stats()
    assert {word: stats[word] for word in COUNTED} == {word: model.counts.get(word, 0) for word in COUNTED}


def run(engine: Engine, rule: SyncRule, steps: list[Step], ids_sent: bool, window: int | None, cap: int) -> None:
    shape = replace(SHAPE, window=None if window is None else Window(window, "client"))
    book = engine.Book(shape, rule, depth_cap=cap)
    feed, side = engine.Feed(), engine.Feed()
    feed.want(b"", book)
    side.want(b"", book, "snapshot")
    model = ModelBook(rule, cap, window)
    how = random.Random(len(steps))
    for what, sent, asked in Venue().play(steps):
        fact = sent if sent is None or ids_sent else replace(sent, first=None, last=None, prev=None)
        if fact is None:
            if what.startswith("unseed"):
                book.unseed(keep_buffer=what == "unseed")
                model.unseed(keep_buffer=what == "unseed")
            else:
                book.retain(what == "retain")
                model.retain(what == "retain")
            check(book, model, [], [])
            continue
        if what == "feed":
            expected = model.snapshot_in_stream(fact) if fact.whole else model.change(fact)
            outcome = words(feed.feed(frame(fact, how), fact.at), book)
        elif rule.seed not in OUTSIDE:
            continue
        elif what == "side":
            expected = model.snapshot_from_outside(fact, fact.at)
            outcome = words(side.feed(frame(fact, how), fact.at), book)
        else:
            expected = model.snapshot_from_outside(fact, asked)
            outcome = words(book.seed(frame(fact, how), fact.at, asked), book)
        check(book, model, outcome, expected)


@pytest.mark.parametrize("name", RULES)
def test_any_traffic(engine: Engine, name: str) -> None:
    @settings(max_examples=30)
    @given(STEPS, st.sampled_from([None, 2, 5]), st.sampled_from([3, 20_000]))
    def any_traffic(steps: list[Step], window: int | None, cap: int) -> None:
        run(engine, RULES[name], steps, True, window, cap)

    any_traffic()


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.chain in (Chain.NONE, Chain.RISING)])
def test_any_traffic_without_ids(engine: Engine, name: str) -> None:
    @settings(max_examples=30)
    @given(STEPS)
    def any_traffic(steps: list[Step]) -> None:
        run(engine, RULES[name], steps, False, None, 20_000)

    any_traffic()


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([1, 1, 1, 1, 1, 0, 2]), st.booleans()), max_size=40))
def test_one_counter_for_a_connection(engine: Engine, steps: list[tuple[str, int, bool]]) -> None:
    """Every frame is counted, of whatever topic; a jump makes all books with that scope stale, and no others."""
    rule = SyncRule(Seed.STREAM, Chain.NEXT, scope=Scope.CONNECTION, proof=PROVEN)
    shape = replace(SHAPE, route=("t",), first=None, last=None, prev=None)
    books = {"x": engine.Book(shape, rule), "y": engine.Book(shape, rule), "w": engine.Book(shape, RULES["every"])}
    feed = engine.Feed(counter=Id("n"))
    for topic, book in books.items():
        feed.want(topic.encode(), book)
    whole = json.dumps({"k": "whole", "t": "w", "b": [["1", "1"]], "a": [], "n": 10})
    feed.feed(whole.encode(), 1)
    counter, seeded, gaps, last = 10, set[str](), 0, dict[str, int]()
    for topic, by, is_whole in steps:
        counter += by
        message = {"t": topic, "n": counter, "k": "whole" if is_whole else "change", "b": [["1", str(by + 1)]]}
        outcome = feed.feed(json.dumps(message).encode(), 1)
        items = outcome if isinstance(outcome, tuple) else (outcome,)
        if by != 1:
            assert isinstance(items[0], Event)
            assert (items[0].what, items[0].book) == ("gap", None)
            assert (items[0].expected, items[0].got) == (counter - by + 1, counter)
            gaps += 1
            seeded.clear()
        if topic in books and (is_whole or topic in seeded):
            seeded.add(topic)
            last[topic] = counter
        for name in "xy":
            assert books[name].seeded == (name in seeded)
            assert books[name].stats()["gaps"] == gaps
            if name in last:
                assert books[name].last == last[name]
        assert books["w"].seeded


BY_ID = BookShape(
    kind=Kind(snapshot_keys=("whole",), default="delta"), rows=(Rows("rows"),), row=Row("p", "s", "side", "do", id="i"),
    bid_words=("b",), ask_words=("a",), remove=Remove.ACTION, remove_words=("delete",), number=Number.JSON,
)  # fmt: skip
BY_ID_ROW = st.tuples(st.integers(1, 6), st.booleans(), st.none() | st.integers(1, 6), st.integers(0, 3))


@given(
    st.lists(st.tuples(st.booleans(), st.lists(BY_ID_ROW, max_size=4)), max_size=30), st.sampled_from([1, 3, 20_000])
)
@settings(max_examples=150)
def test_ids_stand_for_levels(
    engine: Engine, steps: list[tuple[bool, list[tuple[int, bool, int | None, int]]]], cap: int
) -> None:
    """One id for a level and one level for an id, whoever moves, takes over or is trimmed."""
    book = engine.Book(BY_ID, SyncRule(Seed.STREAM), depth_cap=cap)
    feed = engine.Feed()
    feed.want(b"", book)
    model = ModelOfIds(cap)
    known = False
    for number, (whole, rows) in enumerate(steps):
        is_whole = not known or (whole and number % 5 == 0)
        sent = [row for row in rows if row[2] is not None] if is_whole else rows
        said: list[dict[str, object]] = []
        for level, bid, price, size in sent:
            row: dict[str, object] = {"i": level, "side": "b" if bid else "a"}
            row |= ({} if price is None else {"p": price}) | ({"s": size} if size else {"do": "delete"})
            said.append(row)
        if is_whole:
            model.levels = []
        unknown = model.message(sent)
        outcome = feed.feed(json.dumps({"rows": said} | ({"whole": 1} if is_whole else {})).encode(), number)
        if unknown is None:
            assert outcome is book or (isinstance(outcome, Event) and outcome.what == "seeded")
        else:
            assert isinstance(outcome, Event)
            assert (outcome.what, outcome.got) == ("unknown_id", unknown)
        known = unknown is None
        assert book.seeded is known
        assert book.floats("bid") == model.side(True)
        assert book.floats("ask") == model.side(False)
