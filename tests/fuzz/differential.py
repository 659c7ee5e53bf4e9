"""Feeds the same mutated traffic to the native engine and to its Python twin, and compares all that can be seen.

    python tests/fuzz/differential.py --frames 1000000 --seed 1
    python tests/fuzz/differential.py --frames 1000000 --legal

The second plays the plain shapes alone, on which the fast ways of an engine are tried, and leaves nearly all of their
frames in order: written as venues may write and seldom do. Either
prints what was run, and on a disagreement the shortest sequence of inputs found that still shows it, as data for
`replay`. Deterministic: a seed always makes the same frames.
"""

import argparse
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(root), str(root / "src")]

from tests.fuzz.dialects import DIALECTS, PLAIN, Dialect
from tests.fuzz.legal import vary
from tests.fuzz.mutate import mutate_bytes, mutate_tree
from tests.fuzz.traffic import Fact, Printer, Venue, printed

from tidebook import engine as engines
from tidebook.engine.contract import UNROUTED, Book, Engine, Event, Feed, Other
from tidebook.engine.rule import SyncRule
from tidebook.errors import DecodeError

Input = tuple[Any, ...]
"""(what, …): feed frame at · seed book body at asked · unseed book keep · retain book on · reset · forget topic
· other topic · want topic book role."""
TICK = 5_000_000
MOST = 200  # inputs of one session
NAMES = (
    "seeded", "bridged", "first", "last", "prev", "venue_ns", "heard_ns", "applied_ns", "applied", "bid_count",
    "ask_count", "buffered",
)  # fmt: skip


@dataclass
class Figures:
    frames: int = 0
    mutated: int = 0
    varied: int = 0  # in order, and written unusually
    inputs: int = 0
    sessions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


@dataclass
class Disagreement(Exception):
    dialect: Dialect
    rule: SyncRule
    inputs: list[Input]
    said: tuple[object, object]

    @property
    def kind(self) -> str:
        native, twin = (label(one) for one in self.said)
        return f"native {native}, python {twin}" if native != twin else "another state"

    def __str__(self) -> str:
        lines = [f"{self.dialect.name}: native and twin disagree after {len(self.inputs)} inputs", f"rule {self.rule}"]
        lines += [f"  {one!r}" for one in self.inputs]
        return "\n".join([*lines, f"native: {self.said[0]!r}", f"python: {self.said[1]!r}"])


class Side:
    """One engine with its books."""

    def __init__(self, engine: Engine, dialect: Dialect, rule: SyncRule) -> None:
        self.feed: Feed = engine.Feed(counter=dialect.counter, cap=dialect.cap)
        self.books: list[Book] = []
        for at, topic in enumerate(dialect.topics):
            book = engine.Book(
                dialect.shape,
                rule,
                snapshot=dialect.snapshot,
                depth_cap=dialect.depth_cap,
                price_scale=dialect.scales[0],
                size_scale=dialect.scales[1],
            )
            self.books.append(book)
            self.feed.want(" ".join(topic).encode(), book)
            if dialect.sides:
                self.feed.want(" ".join(dialect.sides[at]).encode(), book, "snapshot")
        self.feed.other(b"o O")
        self.feed.other(b"O")

    def act(self, one: Input) -> object:
        """What the engine said."""
        try:
            match one:
                case ("feed", frame, at):
                    return self.word(self.feed.feed(frame, at))
                case ("seed", book, body, at, asked):
                    return self.word(self.books[book].seed(body, at, asked))
                case ("unseed", book, keep):
                    self.books[book].unseed(keep)
                case ("retain", book, on):
                    self.books[book].retain(on)
                case ("reset",):
                    self.feed.reset()
                case ("forget", topic):
                    self.feed.forget(topic)
                case ("other", topic):
                    self.feed.other(topic)
                case ("want", topic, book, role):
                    self.feed.want(topic, self.books[book], role)
                case _:
                    raise AssertionError(one)
        except DecodeError as error:
            return f"fails {error.kind}"
        return None

    def word(self, outcome: object) -> object:
        if outcome is None or outcome is UNROUTED:
            return "nothing" if outcome is None else "unrouted"
        if isinstance(outcome, tuple):
            return tuple(map(self.word, outcome))
        if isinstance(outcome, Event):
            book = None if outcome.book is None else self.index(outcome.book)
            return outcome.what, book, outcome.expected, outcome.got
        if isinstance(outcome, Other):
            return "other", outcome.topic
        return "book", self.index(outcome)

    def index(self, book: object) -> int:
        return next(at for at, one in enumerate(self.books) if one is book)

    def state(self) -> object:
        return [
            (book.seeded, book.bridged, book.first, book.last, book.prev, book.venue_ns, book.heard_ns, book.applied_ns,
             book.applied, book.bid_count, book.ask_count, book.buffered, book.stats())
            for book in self.books
        ]  # fmt: skip

    def levels(self) -> object:
        """All levels as numbers in lowest terms, and their doubles bit by bit."""
        found: list[object] = []
        for book in self.books:
            for side in ("bid", "ask"):
                sides: Any = side
                found.append([(lowest(p, ps), lowest(s, ss)) for p, ps, s, ss in book.levels(sides)])
                found.append([struct.pack("<dd", *pair) for pair in book.floats(sides)])
                found.append(book.floats(sides, 2))
            found.append([None if one is None else struct.pack("<d", one) for one in book.best()])
            found.append([None if raw is None else lowest(*raw) for raw in book.reach])
        return found


def lowest(mantissa: int, scale: int) -> tuple[int, int]:
    if mantissa == 0:
        return 0, 0
    while mantissa % 10 == 0:
        mantissa, scale = mantissa // 10, scale - 1
    return mantissa, scale


class Session:
    """What one connection hears, as inputs; some of it damaged."""

    def __init__(
        self, dialect: Dialect, rule: SyncRule, how: random.Random, figures: Figures, legal: bool = False
    ) -> None:
        self.dialect, self.rule, self.how, self.figures = dialect, rule, how, figures
        self.venues = [Venue(dialect, topic, how) for topic in dialect.topics]
        self.printer = Printer(dialect.shape, how)
        self.body = Printer(dialect.snapshot or dialect.shape, how)
        self.heard: list[bytes] = []
        self.at = 10**18
        self.count = 0
        # How much of this session is damaged, and how much of the rest is unusual.
        self.spoiled = how.choice((0.0, 0.05)) if legal else how.choice((0.3, 0.6, 0.9))
        self.varied = how.choice((0.5, 0.9)) if legal else 0.3

    def inputs(self) -> Iterator[Input]:
        how = self.how
        outside = self.rule.bridge is not None
        for number in range(MOST):
            self.at += how.choice((0, TICK, TICK, 4 * TICK))
            book = how.randrange(len(self.venues))
            venue = self.venues[book]
            chance = how.random()
            if chance < 0.02:
                yield self.odd(book)
            elif outside and (chance < 0.1 or number == 3):
                yield "seed", book, self.made(self.body, [self.snapshot(venue)], False), self.at, self.asked()
            elif outside and self.dialect.sides and chance < 0.2:
                fact = self.snapshot(venue)[1]
                yield "feed", self.made(self.body, [(self.dialect.sides[book], fact)], True), self.at
            elif chance < 0.23 and self.heard:
                yield "feed", how.choice(self.heard), self.at
            elif chance < 0.26:
                self.venue_moves(venue)
            else:
                yield "feed", self.frame(venue, number), self.at

    def asked(self) -> int:
        return self.at - self.how.choice((0, 1, TICK, 3 * TICK, 20 * TICK))

    def venue_moves(self, venue: Venue) -> None:
        """Something that is never sent."""
        venue.change()
        self.count += 1

    def snapshot(self, venue: Venue) -> tuple[tuple[str, ...], Fact]:
        fact = self.how.choice(venue.past) if venue.past and self.how.random() < 0.3 else venue.whole()
        return venue.topic, fact

    def frame(self, venue: Venue, number: int) -> bytes:
        how = self.how
        messages = []
        many = how.choice((1, 1, 2, 3)) if self.dialect.shape.each is not None else 1
        for _ in range(many):
            one = venue if how.random() < 0.7 else how.choice(self.venues)
            streams = self.rule.seed in ("stream", "every")
            whole = self.rule.seed == "every" or (streams and (number < 3 or how.random() < 0.12))
            messages.append((one.topic, one.whole() if whole else one.change()))
        if how.random() < 0.03:
            other = ("o", "O") if len(self.dialect.shape.route) == 2 else ("O",)
            messages[how.randrange(many)] = (other, messages[0][1])
        if self.dialect.shape.each is not None and "#" not in self.dialect.shape.route and how.random() < 0.08:
            messages.insert(how.randrange(many + 1), ((), messages[0][1]))  # one without a topic
        return self.made(self.printer, messages, True)

    def made(self, printer: Printer, messages: list[tuple[tuple[str, ...], Fact]], counted: bool) -> bytes:
        how, counter = self.how, self.dialect.counter
        self.count += counted and how.random() < 0.995
        tree = printer.frame(messages, (counter, self.count) if counter is not None and counted else None)
        spec = self.dialect.shape.checksum
        if spec is not None and spec.when == "alone" and counted and how.random() < 0.15:
            fact = messages[0][1]
            tree = [messages[0][0][0], '"cs"', str(fact.sum if fact.sum is not None else 7), str(self.count)]
        spoil = how.random() < self.spoiled
        self.figures.frames += 1
        self.figures.mutated += spoil
        by_tree = spoil and how.random() < 0.65
        if by_tree:
            tree = mutate_tree(tree, how)
        varied = not spoil and how.random() < self.varied
        self.figures.varied += varied
        if varied:
            tree = vary(tree, how)
        frame = printed(tree, how if how.random() < (0.4 if varied else 0.2) else None).encode()
        self.heard.append(frame)
        del self.heard[:-6]
        if spoil and (not by_tree or how.random() < 0.1):
            frame = mutate_bytes(frame, how, self.heard)
        return frame

    def odd(self, book: int) -> Input:
        how = self.how
        topic = " ".join(self.dialect.topics[book]).encode()
        match how.randrange(7):
            case 0 | 1:
                return "unseed", book, how.random() < 0.5
            case 2 | 3:
                return "retain", book, how.random() < 0.5
            case 4:
                return ("reset",)
            case 5:
                return how.choice((("forget", topic), ("other", topic)))
        return "want", topic, book, "stream"


def disagreement(dialect: Dialect, rule: SyncRule, inputs: list[Input]) -> tuple[object, object] | None:
    """Play from the start, looking at everything after each input; what the two said first differently."""
    native, twin = (Side(engines.load(name), dialect, rule) for name in ("native", "python"))
    for one in inputs:
        said = act(native, one), act(twin, one)
        for ours, theirs in (said, (native.state(), twin.state()), (native.levels(), twin.levels())):
            if ours != theirs:
                return ours, theirs
    return None


def act(side: Side, one: Input) -> object:
    """Whatever else is raised is a finding too."""
    try:
        return side.act(one)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic in native code is no Exception
        return f"raised {type(error).__name__}: {error}"


def shortest(found: Disagreement) -> Disagreement:
    """Fewer inputs, then fewer bytes in the last one."""
    dialect, rule, inputs = found.dialect, found.rule, found.inputs
    size = len(inputs)
    while size >= 1:
        at = 0
        while at < len(inputs):
            fewer = inputs[:at] + inputs[at + size :]
            if fewer and disagreement(dialect, rule, fewer) is not None:
                inputs = fewer
            else:
                at += size
        size //= 2
    for place in range(len(inputs)):
        one = inputs[place]
        where = {"feed": 1, "seed": 2}.get(one[0])
        size = len(one[where]) // 2 if where is not None else 0
        while where is not None and size >= 1:
            at = 0
            while at < len(one[where]):
                shorter = (*one[:where], one[where][:at] + one[where][at + size :], *one[where + 1 :])
                if disagreement(dialect, rule, [*inputs[:place], shorter, *inputs[place + 1 :]]) is not None:
                    one = shorter
                    inputs[place] = one
                else:
                    at += size
            size //= 2
    said = disagreement(dialect, rule, inputs)
    return Disagreement(dialect, rule, inputs, found.said if said is None else said)


def play(how: random.Random, figures: Figures, legal: bool = False) -> None:
    """One session on both engines; `legal`: of the plain shapes, in order but for a few frames. Raises Disagreement."""
    dialect = how.choice(PLAIN if legal else DIALECTS)
    rule = how.choice(dialect.rules)
    native, twin = (Side(engines.load(name), dialect, rule) for name in ("native", "python"))
    done: list[Input] = []
    figures.sessions += 1
    for one in Session(dialect, rule, how, figures, legal).inputs():
        done.append(one)
        said = act(native, one), act(twin, one)
        figures.inputs += 1
        figures.outcomes[label(said[0])] += 1
        same = said[0] == said[1] and native.state() == twin.state()
        if same and (len(done) % 40 == 0 or len(done) == MOST):
            same = native.levels() == twin.levels()
        if not same:
            raise Disagreement(dialect, rule, done, said)
    if native.levels() != twin.levels():
        raise Disagreement(dialect, rule, done, (native.levels(), twin.levels()))


def label(said: object) -> str:
    if isinstance(said, tuple):
        return str(said[0]) if isinstance(said[0], str) else "several"
    return "act" if said is None else str(said)


def run(frames: int, seed: int, legal: bool = False) -> Iterator[tuple[Figures, Disagreement | None]]:
    """Sessions until so many mutated frames were fed, or unusual ones with `legal`; after each the figures, and the
    disagreement if there was one.
    """
    figures = Figures()
    session = 0
    while (figures.varied if legal else figures.mutated) < frames:
        try:
            play(random.Random(f"{seed} {session}"), figures, legal)
        except Disagreement as found:
            yield figures, found
        else:
            yield figures, None
        session += 1


def main() -> int:
    parser = argparse.ArgumentParser(description="Native engine against its Python twin")
    parser.add_argument(
        "--frames", type=int, default=100_000, help="how many mutated frames, with --legal unusual ones"
    )
    parser.add_argument("--legal", action="store_true", help="unusual frames of the plain shapes, in order")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=5, help="make short and print so many kinds of disagreement")
    wanted = parser.parse_args()
    if "native" not in engines.available():
        print("the native engine was not built: there is nothing to compare")
        return 2
    kinds: Counter[str] = Counter()
    figures, start = Figures(), time.perf_counter()
    for figures, found in run(wanted.frames, wanted.seed, wanted.legal):  # noqa: B007 - the last ones are printed
        if found is not None:
            kinds[found.kind] += 1
            if kinds[found.kind] == 1 and len(kinds) <= wanted.show:
                print(shortest(found), "\n", flush=True)
    took = time.perf_counter() - start
    print(
        f"{figures.inputs} executions, {figures.frames} frames, {figures.mutated} of them mutated, "
        f"{figures.varied} unusual, "
        f"{figures.sessions} sessions, {figures.frames / took:.0f} frames/s, {kinds.total()} disagreements"
    )
    print(", ".join(f"{word} {count}" for word, count in figures.outcomes.most_common()))
    for kind, count in kinds.most_common():
        print(f"{count} × {kind}")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
