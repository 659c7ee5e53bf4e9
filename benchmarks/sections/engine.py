"""(a) Decode, apply, read: what a book costs without a socket."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks import floor, made, model, shapes
from benchmarks.floor import Floor
from benchmarks.measure import Contender, Work, in_rounds, pinned, results
from benchmarks.record import Bench, Result, Section, Skipped, Wrong
from benchmarks.targets import CALLED, FLOOR, SAME_LEVELS, TRICKS
from benchmarks.traffic import Weight
from tidebook.engine import Choice
from tidebook.engine.contract import Book, Engine, Feed

SHAPES: Final = ("binance", "okx", "kraken", "coinbase")
WEIGHTS: Final[tuple[Weight, ...]] = ("light", "mid", "heavy")
READS: Final = {"no read": 0, "best": 1, "top 20": 20}
SLOW: Final = 25
"""The twin is given one message of so many: the first ones, when the book is not yet at its deepest."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of changes to one book."""

    shape: str
    whole: bytes
    frames: list[bytes]

    def part(self, of: int) -> "Stream":
        return Stream(self.shape, self.whole, self.frames[: max(1, len(self.frames) // of)])


@dataclass(slots=True)
class Ours:
    """One of our engines as `model.verify` looks at it."""

    of_feed: Feed
    of_book: Book

    def feed(self, frame: bytes) -> None:
        self.of_feed.feed(frame, shapes.AT_NS)

    def best(self) -> tuple[float | None, ...]:
        return self.of_book.best()

    def top(self, n: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        return self.of_book.floats("bid", n), self.of_book.floats("ask", n)


def ours(of: Engine, name: str, stream: Stream, read: int) -> Contender:
    """As the receive path does it: one call of `feed` a message, and one or two more that read."""

    def prepare() -> Work:
        feed, book = shapes.fed(of, stream.shape, stream.whole)
        look, take, at, frames = shapes.reading(book, read), feed.feed, shapes.AT_NS, stream.frames

        def work() -> int:
            if look is None:
                for frame in frames:
                    take(frame, at)
            else:
                for frame in frames:
                    take(frame, at)
                    look()
            return len(frames)

        return work

    return Contender(name, prepare)


def looped(of: Floor, name: str, stream: Stream, read: int, tricks: bool = False) -> Contender:
    """The floor from frame to frame without Python."""

    def prepare() -> Work:
        book = of.Book(stream.shape, tricks)
        book.seed(stream.whole)

        def work() -> int:
            of.loop([book], stream.frames, read)
            return len(stream.frames)

        return work

    return Contender(name, prepare)


def called(of: Floor, name: str, stream: Stream, read: int) -> Contender:
    """The floor behind the calls that ours has."""

    def prepare() -> Work:
        book = of.Book(stream.shape)
        book.seed(stream.whole)
        feed, frames = book.feed, stream.frames
        look = book.best if read == 1 else partial(book.top, read)

        def work() -> int:
            if read == 0:
                for frame in frames:
                    feed(frame)
            else:
                for frame in frames:
                    feed(frame)
                    look()
            return len(frames)

        return work

    return Contender(name, prepare)


def verified(stream: Stream, of: Floor | None, engines: dict[Choice, Engine]) -> None:
    """Raises Wrong when one of them does not keep the book that the slow model keeps."""
    expected = model.points(stream.shape, stream.whole, stream.frames)
    if of is not None:
        for tricks in (False, True) if stream.shape == "binance" else (False,):
            book = of.Book(stream.shape, tricks)
            book.seed(stream.whole)
            name = f"{TRICKS if tricks else FLOOR}, {stream.shape}"
            model.verify(name, book, stream.frames, expected)
            if book.gaps:
                raise Wrong(f"{name}: {book.gaps} gaps or checksums that do not fit")
    for choice, engine in engines.items():
        part = stream if choice == "native" else stream.part(SLOW)
        feed, shown = shapes.fed(engine, stream.shape, stream.whole)
        model.verify(f"{choice} engine, {stream.shape}", Ours(feed, shown), part.frames, expected)
        stats = shown.stats()
        if not shown.seeded or stats["gaps"] or stats["checksum_failed"]:
            raise Wrong(f"{choice} engine, {stream.shape}: {stats}")


def contenders(
    stream: Stream, read: int, of: Floor | None, engines: dict[Choice, Engine], same: Stream | None = None
) -> list[Contender]:
    """`same` are the same levels as Binance writes them."""
    out: list[Contender] = []
    if of is not None:
        out += [looped(of, FLOOR, stream, read), called(of, CALLED, stream, read)]
        if stream.shape == "binance":
            out.append(looped(of, TRICKS, stream, read, tricks=True))
        elif same is not None:
            out.append(looped(of, SAME_LEVELS, same, read))
    for choice, engine in engines.items():
        out.append(ours(engine, choice, stream if choice == "native" else stream.part(SLOW), read))
    return out


def available(bench: Bench) -> tuple[Floor | None, dict[Choice, Engine]]:
    """What there is to measure here; what there is not is noted."""
    try:
        of: Floor | None = floor.load()
    except Skipped as reason:
        bench.note(f"no floor: {reason}")
        of = None
    engines: dict[Choice, Engine] = {}
    choices: tuple[Choice, ...] = ("native", "python")
    for choice in choices:
        try:
            engines[choice] = shapes.engine(choice)
        except Skipped as reason:
            bench.note(str(reason))
    return of, engines


def run(bench: Bench) -> Iterator[Result]:
    of, engines = available(bench)
    for shape in SHAPES:
        for weight in WEIGHTS:
            stream = Stream(shape, *made.frames(shape, weight))
            same = Stream("binance", *made.frames("binance", weight))
            verified(stream, of, engines)
            for words, read in READS.items():
                with pinned():
                    rounds = in_rounds(contenders(stream, read, of, engines, same), bench.rounds, bench.seed)
                work = f"{shape} {weight}, {words}"
                yield from results("engine", work, rounds, (FLOOR, TRICKS, SAME_LEVELS), messages=len(stream.frames))


SECTION = Section(
    "engine",
    "The engine",
    "From the bytes of a message to the book, and to what is read of it; one book, one pinned processor, no socket.",
    run,
    order=10,
    seconds=45,
)
