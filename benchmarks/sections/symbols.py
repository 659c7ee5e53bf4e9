"""(e) What a message costs when there are many books, each another one, and messages come to them in turn."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks import made, model, shapes
from benchmarks.floor import Floor, FloorBook
from benchmarks.measure import pinned, timed
from benchmarks.record import Bench, Result, Section, Wrong
from benchmarks.sections.engine import Ours, available
from benchmarks.targets import CALLED, FLOOR
from tidebook.engine.contract import Book, Engine, Feed

SYMBOLS: Final = (1, 10, 100, 1000)
ROUND: Final = 5_000
"""Messages a round, whatever the number of symbols."""


@dataclass(frozen=True, slots=True)
class One:
    """A symbol's traffic: the stream from a place of its own, under a name of its own."""

    topic: bytes
    whole: bytes
    frames: list[bytes]


def _whole(last: int, bids: dict[str, str], asks: dict[str, str]) -> bytes:
    sides = [
        [[price, side[price]] for price in sorted(side, key=float, reverse=bid)]
        for bid, side in ((True, bids), (False, asks))
    ]
    return json.dumps({"lastUpdateId": last, "bids": sides[0], "asks": sides[1]}, separators=(",", ":")).encode()


def _applied(side: dict[str, str], rows: list[list[str]]) -> None:
    for price, size in rows:
        if float(size):
            side[price] = size
        else:
            side.pop(price, None)


def symbols(whole: bytes, frames: Sequence[bytes], many: int, each: int) -> list[One]:
    """Of one stream, `many` parts of `each` changes, evenly spread, with the book as it is where each begins."""
    start = json.loads(whole)
    last: int = start["lastUpdateId"]
    bids, asks = dict(start["bids"]), dict(start["asks"])
    starts = [at * (len(frames) - each) // many for at in range(many)]
    out: list[One] = []
    for at in range(starts[-1] + 1):
        while len(out) < many and starts[len(out)] == at:
            name = f"s{len(out):03d}usd"
            renamed = [
                frame.replace(b"btcusdt", name.encode()).replace(b"BTCUSDT", name.upper().encode())
                for frame in frames[at : at + each]
            ]
            out.append(One(f"{name}@depth@100ms".encode(), _whole(last, bids, asks), renamed))
        change: dict[str, Any] = json.loads(frames[at])["data"]
        _applied(bids, change["b"])
        _applied(asks, change["a"])
        last = change["u"]
    return out


Turn = Callable[[list[bytes]], int]
"""All books get their part of these messages, which come in turn."""


def looped(of: Floor, books: list[FloorBook]) -> Turn:
    def turn(frames: list[bytes]) -> int:
        of.loop(books, frames, 1)
        return len(frames)

    return turn


def called(books: list[FloorBook]) -> Turn:
    """The book is known here; ours looks it up by what the message says."""
    many = len(books)
    feeds, bests = [book.feed for book in books], [book.best for book in books]

    def turn(frames: list[bytes]) -> int:
        at = 0
        for frame in frames:
            feeds[at](frame)
            bests[at]()
            at = at + 1 if at + 1 < many else 0
        return len(frames)

    return turn


def ours(feed: Feed) -> Turn:
    """As a connection with many symbols does it: the engine says which book has changed."""
    take, at = feed.feed, shapes.AT_NS

    def turn(frames: list[bytes]) -> int:
        for frame in frames:
            take(frame, at).best()  # type: ignore[union-attr] # each of these changes one book
        return len(frames)

    return turn


@dataclass(slots=True)
class Field:
    """All contenders with `many` symbols, and what they are given."""

    ones: list[One]
    turns: dict[str, Turn]
    books: dict[str, Sequence[FloorBook | Book]]
    done: int = 0

    def messages(self) -> list[bytes]:
        """The next round's, in turn."""
        each = ROUND // len(self.ones)
        part = range(self.done, self.done + each)
        self.done += each
        return [one.frames[at] for at in part for one in self.ones]


def field(ones: list[One], of: Floor | None, engine: Engine | None) -> Field:
    out = Field(ones, {}, {})
    if of is not None:
        for name in (FLOOR, CALLED):
            books = [of.Book("binance") for _ in ones]
            for book, one in zip(books, ones, strict=True):
                book.seed(one.whole)
            out.books[name] = books
            out.turns[name] = looped(of, books) if name == FLOOR else called(books)
    if engine is not None:
        feed, mine = engine.Feed(), [shapes.new_book(engine, "binance") for _ in ones]
        for ours_, one in zip(mine, ones, strict=True):
            feed.want(one.topic, ours_)
            ours_.seed(one.whole, shapes.AT_NS, shapes.AT_NS)
        out.books["native"], out.turns["native"] = mine, ours(feed)
    return out


def checked(ones: list[One], of: Floor | None, engine: Engine | None) -> None:
    """Before anything is timed: a few of the symbols against the slow model. Behind it, `alike` looks at all."""
    few = ones[:: max(1, len(ones) // 3)]
    for one in few:
        expected = model.points("binance", one.whole, one.frames, 5)
        if of is not None:
            book = of.Book("binance")
            book.seed(one.whole)
            model.verify(f"floor, {one.topic.decode()}", book, one.frames, expected)
        if engine is not None:
            feed, mine = shapes.fed(engine, "binance", one.whole, one.topic)
            model.verify(f"native, {one.topic.decode()}", Ours(feed, mine), one.frames, expected)


def alike(of: Field) -> None:
    """Behind the rounds: all contenders have the same book of every symbol."""
    first, *others = of.books.items()
    for name, books in others:
        for one, book, other in zip(of.ones, books, first[1], strict=True):
            if book.best() != other.best():
                raise Wrong(f"{name}: the book of {one.topic.decode()} is not as {first[0]} has it")


def run(bench: Bench) -> Iterator[Result]:
    of, engines = available(bench)
    native = engines.get("native")
    whole, frames = made.frames("binance", "light", ROUND * bench.rounds)
    fields: dict[int, Field] = {}
    for many in SYMBOLS:
        ones = symbols(whole, frames, many, ROUND * bench.rounds // many)
        checked(ones, of, native)
        fields[many] = field(ones, of, native)
    order = random.Random(bench.seed)
    rounds: list[dict[tuple[str, int], float]] = []
    with pinned():
        for _ in range(bench.rounds):
            given = {many: one.messages() for many, one in fields.items()}
            drawn = [(name, many) for many, one in fields.items() for name in one.turns]
            order.shuffle(drawn)
            rounds.append({(name, many): _timed(fields[many].turns[name], given[many]) for name, many in drawn})
    for one in fields.values():
        alike(one)
    for many in SYMBOLS:
        yield from _told(rounds, many, list(fields[many].turns))


def _timed(turn: Turn, frames: list[bytes]) -> float:
    return timed(lambda: turn(frames))


def _told(rounds: list[dict[tuple[str, int], float]], many: int, names: list[str]) -> Iterator[Result]:
    for name in names:
        values = [one[name, many] for one in rounds]
        ratios: dict[str, float] = {}
        if many != 1:
            ratios["1 symbol"] = median(one[name, many] / one[name, 1] for one in rounds)
        if name != FLOOR and FLOOR in names:
            ratios[FLOOR] = median(one[name, many] / one[FLOOR, many] for one in rounds)
        work = f"{many} symbol{'s' if many > 1 else ''}, best"
        yield Result(
            "symbols", work, name, median(values), ratios=ratios, low=min(values), high=max(values),
            rounds=len(values), messages=ROUND,
        )  # fmt: skip


SECTION = Section(
    "symbols",
    "Many symbols",
    "Light changes to so many different books in turn, the best prices read after each; the floor is told which book.",
    run,
    order=30,
    seconds=12,
)
