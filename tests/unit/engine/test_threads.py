"""A book is looked at from another thread while messages are applied: what is seen is of one instant."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tidebook.engine.contract import Book, Engine, Look, RawLevel
from tidebook.engine.rule import Bridge, Chain, Proof, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind, Row, Time, TimeUnit
from tidebook.engine.twin import steady

SHAPE = BookShape(
    route=("t",),
    kind=Kind(path="k", snapshot=("s",), delta=("d",)),
    bids=("b",),
    asks=("a",),
    row=Row("0", "1"),
    last=Id("u"),
    time=Time("ms", TimeUnit.MS),
)
RULE = SyncRule(Seed.STREAM, Chain.NEXT, proof=(Proof.SEQUENCE,))
DEPTH = 20  # levels of a side
FRAMES = 4_000


def frame(seq: int) -> bytes:
    """Nothing stays as it was: with each `seq` all prices move up by one, and every size is `seq`."""
    kind, (bids, asks) = "s" if seq == 1 else "d", [",".join(rows(seq, sign)) for sign in (-1, 1)]
    return f'{{"t":"x","k":"{kind}","u":{seq},"ms":{seq},"b":[{bids}],"a":[{asks}]}}'.encode()


def rows(seq: int, sign: int) -> Iterator[str]:
    """The levels of before go, the new ones come."""
    for moved, size in ((seq - 1, 0), (seq, seq)):
        for at in range(DEPTH):
            yield f'["{1_000_000 + sign * (1 + at) + moved}","{size}"]'


def numbers(side: list[RawLevel]) -> list[tuple[float, float]]:
    return [(price * 10.0**-scale, size * 10.0**-size_scale) for price, scale, size, size_scale in side]


def expected(seq: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    return (
        [(1_000_000 - 1 - at + seq, seq) for at in range(DEPTH)],
        [(1_000_000 + 1 + at + seq, seq) for at in range(DEPTH)],
    )


@contextmanager
def fed(engine: Engine) -> Iterator[tuple[Book, threading.Event, threading.Event]]:
    """A book that another thread feeds; the first event is set when it has had all frames.

    Now and then it waits until somebody sets the second one, having looked: an engine may be quick.
    """
    book, feed = engine.Book(SHAPE, RULE), engine.Feed()
    feed.want(b"x", book)
    feed.feed(frame(1), 1)
    frames = [frame(seq) for seq in range(2, FRAMES)]
    over, looked, failed = threading.Event(), threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            for seq, one in enumerate(frames, 2):
                if seq % 500 == 0:
                    looked.clear()
                    assert looked.wait(60)
                feed.feed(one, seq)
        except BaseException as error:
            failed.append(error)
        finally:
            over.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield book, over, looked
    finally:
        thread.join()
    assert not failed
    assert book.last == FRAMES - 1


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns after microseconds instead of milliseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def whole(look: Look) -> None:
    assert look.last is not None
    assert look.seeded
    assert (look.venue_ns, look.applied_ns) == (look.last * 1_000_000, look.last)
    assert (numbers(look.bids), numbers(look.asks)) == expected(look.last)


@pytest.mark.usefixtures("hasty")
def test_both_sides_are_of_one_instant(engine: Engine) -> None:
    seen: set[int | None] = set()
    with fed(engine) as (book, over, looked):
        while not over.is_set():
            look = book.look()
            whole(look)
            seen.add(look.last)
            looked.set()
    whole(book.look())
    assert len(seen) > 2


@pytest.mark.usefixtures("hasty")
def test_one_side_and_doubles_too(engine: Engine) -> None:
    with fed(engine) as (book, over, looked):
        while not over.is_set():
            looked.set()
            ((price, size), *_) = numbers(book.levels("bid", 3))
            assert price - 999_999 == size
            ((price, size), *_) = book.floats("ask", 3)
            assert price - 1_000_001 == size
            bid, bid_size, ask, ask_size = book.best()
            assert bid is not None
            assert (bid + 2, bid_size) == (ask, ask_size)
            (low, high) = book.reach
            assert low is not None
            assert high is not None


def test_what_look_gives_is_what_the_others_give(engine: Engine) -> None:
    book, feed = engine.Book(SHAPE, RULE, depth_cap=8), engine.Feed()
    assert book.look() == ([], [], False, None, None, None, (None, None), 0)
    feed.want(b"x", book)
    feed.feed(frame(1), 7)
    for n in (0, 1, 5, None):
        look = book.look(n)
        assert look[:2] == (book.levels("bid", n), book.levels("ask", n))
        assert look[2:6] == (book.seeded, book.last, book.venue_ns, book.applied_ns)
        assert look[6:] == (book.reach, book.stats()["trimmed"])
        assert book.look(n, "bid") == look._replace(asks=[])
        assert book.look(n, side="ask") == look._replace(bids=[])
    book.unseed()
    assert not book.look(1).seeded
    with pytest.raises(ValueError, match="not negative"):
        book.look(-1)
    assert isinstance(book.look(), Look)


def test_a_snapshot_from_outside_is_seen_whole_or_not_at_all(engine: Engine) -> None:
    """Levels go from all of one snapshot to all of the next one."""
    rule = SyncRule(Seed.REST, Chain.NEXT, bridge=Bridge.COVERS_NEXT, proof=(Proof.SEQUENCE,))
    book = engine.Book(SHAPE, rule)
    bodies = [frame(1).replace(b'"1"', f'"{seq}"'.encode()).replace(b'"u":1', f'"u":{seq}'.encode())
              for seq in range(1, 1_500)]  # fmt: skip
    book.seed(bodies[0], 1, 1)
    over = threading.Event()

    def run() -> None:
        for at, body in enumerate(bodies, 1):
            book.seed(body, at, at)
        over.set()

    thread = threading.Thread(target=run)
    thread.start()
    while not over.is_set():
        look = book.look()
        assert {size for _, size in numbers(look.bids + look.asks)} == {look.last}
        assert (len(look.bids), len(look.asks)) == (DEPTH, DEPTH)
    thread.join()


def test_the_twin_says_when_it_would_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady, "TRIES", 1_000)
    one = steady.Steady()
    with pytest.raises(RuntimeError, match="inside of its own change"):
        one.change(lambda: one.look(lambda: 1))
    assert one.look(lambda: 1) == 1
    with pytest.raises(KeyError):  # of the reading itself, when nothing changes meanwhile
        one.look({}.popitem)
