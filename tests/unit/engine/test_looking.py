"""What a reader is given of a book that is current: levels, floats, packed doubles, on both engines alike."""

import copy
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.engine.test_numbers import NEARLY, NUMBERS
from tests.unit.engine.test_threads import FRAMES, fed, frame, hasty

from tidebook.engine import available, exact, exact_raw, load
from tidebook.engine.contract import Book, Engine, NotSeeded
from tidebook.engine.rule import Chain, Proof, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind
from tidebook.errors import DecodeError
from tidebook.model import number
from tidebook.model.market import Level, level
from tidebook.model.number import decimal_of, exact_of

__all__ = ["hasty"]

SHAPE = BookShape(
    route=("t",), kind=Kind(path="k", snapshot=("s",), delta=("d",)), bids=("b",), asks=("a",), last=Id("u")
)
RULE = SyncRule(Seed.STREAM, Chain.RISING, proof=(Proof.NONE,))
WHOLE = b'{"t":"x","k":"s","u":1,"b":[["60000.10","0.500"],["60000","1e3"]],"a":[["60000.20","7"]]}'
BID, ASK = (Decimal("60000.10"), Decimal("0.500")), (Decimal("60000.20"), Decimal(7))


def made(engine: Engine, whole: bytes = WHOLE) -> tuple[Book, object]:
    book, feed = engine.Book(SHAPE, RULE), engine.Feed()
    feed.want(b"x", book)
    feed.feed(whole, 1)
    return book, feed


def test_a_level_is_read_as_the_pair_that_it_is(engine: Engine) -> None:
    one = made(engine)[0].best_bid()
    assert one is not None
    assert (one.index(BID[1]), one.count(BID[0]), one.count(5)) == (1, 1, 0)
    assert (f"{one:>20}", f"{one}") == ("         60000.1×0.5", "60000.1×0.5")
    assert one is not None
    assert (str(one.price), str(one.size)) == ("60000.10", "0.500")
    price, size = one
    assert (price, size) == BID == (one[0], one[1]) == one[:] == (one[-2], one[-1]) == tuple(one)
    assert len(one) == 2
    assert BID[0] in one
    assert 5 not in one
    with pytest.raises(IndexError):
        one[2]
    assert decimal_of(*one.exact_price) == BID[0]
    assert decimal_of(*one.exact_size) == BID[1]
    assert one.floats == (60000.1, 0.5)
    assert repr(one) == "Level(price=Decimal('60000.10'), size=Decimal('0.500'))"
    assert str(one) == "60000.1×0.5"
    match one:
        case (first, second):
            assert (first, second) == BID
        case _:
            pytest.fail("a level is no sequence")
    match one:
        case Level(first, second):
            assert (first, second) == BID


def test_it_is_a_level_frozen_and_a_value(engine: Engine) -> None:
    one = made(engine)[0].best_bid()
    assert one is not None
    assert isinstance(one, Level)
    assert isinstance(one, Sequence)
    same = Level(*BID)
    for other in (same, BID, level((600001, 1, 5, 1)), pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert one == other
        assert other == one
        assert hash(one) == hash(other)
        assert (one != other) is False
        assert one <= other
        assert one >= other
        assert not one < other
    for greater in (Level(BID[0], Decimal(1)), (BID[0], Decimal(1)), Level(*ASK)):
        assert one < greater
        assert greater > one
        assert one != greater
    assert one != "text"
    assert one != [*BID]
    with pytest.raises(TypeError):
        one < 5  # noqa: B015
    for name in ("price", "size", "other", "_raw"):
        with pytest.raises(AttributeError):
            setattr(one, name, Decimal(1))
    assert type(pickle.loads(pickle.dumps(one))) is Level


def test_a_level_is_made_of_numbers_only() -> None:
    with pytest.raises(ValueError, match="NaN is no number"):
        Level(Decimal("NaN"), Decimal(1))
    with pytest.raises(ValueError, match="no number"):
        Level(Decimal(1), Decimal("Infinity"))


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(-38, 38))
def test_a_decimal_is_exact(mantissa: int, scale: int) -> None:
    value = decimal_of(mantissa, scale)
    assert Fraction(value) == mantissa * Fraction(10) ** -scale
    assert value.as_tuple().exponent == -scale
    assert exact_of(value) == (mantissa, scale)


def outcome(read: Callable[[Any], object], text: object) -> object:
    try:
        return read(text)
    except DecodeError as error:
        return error.kind, str(error)


@given(NUMBERS | NEARLY | st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True))
@example("")
@example("5.")
@example(".5")
@example("1.2.3")
@example("999999999999999999")
@example("9999999999999999.99")
@example("9999999999999999999")
def test_a_text_is_read_as_the_model_reads_it(text: str) -> None:
    assert outcome(exact, text) == outcome(number.exact, text)
    for raw in (text.encode(), b'"%s"' % text.encode(), b'"' + text.encode(), memoryview(text.encode())):
        assert outcome(exact_raw, raw) == outcome(number.exact_raw, raw)


def test_a_price_that_comes_again_is_the_same_number(engine: Engine) -> None:
    """Many that are written with the same digits, and many others, each twice."""
    numbers = [f"{at}.{places}" for at in range(1, 400) for places in ("5", "50", "500")]
    numbers += [str(10**power) for power in range(18)] + [f"1e-{power}" for power in range(18)]
    for text in numbers * 2:
        book, _ = made(engine, f'{{"t":"x","k":"s","u":1,"b":[["{text}","1"]],"a":[]}}'.encode())
        best = book.best_bid()
        assert best is not None
        assert best.price == Decimal(text)
        assert best.exact_price == exact_of(best.price)


@pytest.mark.parametrize(
    ("price", "size"),
    [
        ("0.1", "3"),
        ("1e-30", "1E+20"),
        ("12345678901234567890123456789012345678", "0.1"),
        ("5E3", "2e-38"),
        ("0.30", "9"),
    ],
)
def test_engines_give_the_same(price: str, size: str) -> None:
    whole = f'{{"t":"x","k":"s","u":1,"b":[["{price}","{size}"]],"a":[]}}'.encode()
    seen = set[object]()
    for name in available():
        book, _ = made(load(name), whole)
        one = book.best_bid()
        assert one is not None
        assert one == (Decimal(price), Decimal(size))
        assert book.best_ask() is None
        assert book.top() == ((one,), ())
        doubles = float(Decimal(price)), float(Decimal(size))
        assert one.floats == doubles
        assert book.best_floats() == (*doubles, None, None)
        assert book.top_floats() == ((doubles,), ())
        assert book.top_doubles() == (struct.pack("=dd", *doubles), b"")
        seen.add(hash(one))
    assert len(seen) == 1


def test_how_many(engine: Engine) -> None:
    book, _ = made(engine)
    for n, bids, asks in ((0, 0, 0), (1, 1, 1), (2, 2, 1), (9, 2, 1), (None, 2, 1)):
        top, floats, doubles = book.top(n), book.top_floats(n), book.top_doubles(n)
        assert tuple(map(len, top)) == tuple(map(len, floats)) == (bids, asks)
        assert tuple(map(len, doubles)) == (16 * bids, 16 * asks)
        assert tuple(tuple(one.floats for one in side) for side in top) == floats
    for look in (book.top, book.top_floats, book.top_doubles):
        with pytest.raises(ValueError, match="not negative"):
            look(-1)


def test_what_was_made_is_kept_until_a_message_is_applied(engine: Engine) -> None:
    book, feed = made(engine)
    kept = book.best_bid(), book.best_ask(), book.top(2)
    assert (book.best_bid(), book.best_ask(), book.top(2)) == kept
    assert book.best_bid() is kept[0]
    assert book.best_ask() is kept[1]
    assert book.top(2) is kept[2]
    assert book.top(1) == ((kept[0],), (kept[1],))
    for frame_, applied in (
        (b'{"t":"x","k":"d","u":1}', False),
        (b'{"t":"x","k":"d","u":2,"b":[["60000.10","2"]]}', True),
    ):
        before = book.best_bid(), book.top(2), book.best_ask()
        feed.feed(frame_, 2)  # type: ignore[attr-defined]
        assert (book.best_bid() is before[0], book.top(2) is before[1]) == (not applied, not applied)
        assert book.best_ask() == before[2]
    assert book.best_bid() == (BID[0], 2)
    assert kept[0] == BID  # what was given away stays what it was
    book.unseed()
    for look in (book.best_bid, book.best_ask, book.best_floats, book.top, book.top_floats, book.top_doubles):
        with pytest.raises(NotSeeded):
            look()


@pytest.mark.usefixtures("hasty")
def test_all_of_it_is_of_one_instant_from_any_thread(engine: Engine) -> None:
    with fed(engine) as (book, over, looked):
        is_over = False
        while not is_over:
            is_over = over.is_set()
            looked.set()
            bids, asks = book.top(3)
            seq = bids[0].size
            assert [one.size for one in (*bids, *asks)] == [seq] * 6
            assert asks[0].price - bids[0].price == 2
            assert bids[0].price == 999_999 + seq
            floats = book.top_floats(3)
            assert len({size for side in floats for _, size in side}) == 1
            packed = struct.unpack("=12d", b"".join(book.top_doubles(3)))
            assert len(set(packed[1::2])) == 1
            one = book.best_ask()
            assert one is not None
            assert one.price - 1_000_001 == one.size
            bid, bid_size, ask, ask_size = book.best_floats()
            assert bid is not None
            assert (bid + 2, bid_size) == (ask, ask_size)
    assert book.top(1)[0][0].size == FRAMES - 1


def test_nothing_is_left_over(engine: Engine) -> None:
    """Levels, and what is kept of them, go when nobody has them any more."""
    book, feed = made(engine)
    for seq in range(2, 50):
        feed.feed(frame(seq).replace(b'"ms"', b'"x"'), seq)  # type: ignore[attr-defined]
        book.top(), book.best_bid()
    one, two = book.best_bid(), book.best_ask()
    assert sys.getrefcount(one) == sys.getrefcount(two)
    feed.feed(frame(50), 50)  # type: ignore[attr-defined]
    book.best_bid()
    assert sys.getrefcount(one) == 2


FRAME = b'{"t":"x","k":"s","u":1,"ms":1,"b":[["1","10000000000000000000e38"]],"a":[["2","36028797018963968"]]}'


def test_sizes_of_many_digits_are_read(engine: Engine) -> None:
    """Zeros at the end of a size are of its scale, as far as there are such scales."""
    book, feed = engine.Book(SHAPE, RULE), engine.Feed()
    feed.want(b"x", book)
    feed.feed(FRAME, 1)
    bid, ask = book.best_bid(), book.best_ask()
    assert bid is not None
    assert ask is not None
    assert (bid.size, ask.size) == (Decimal("10000000000000000000e38"), Decimal(36028797018963968))
    assert bid == (Decimal(1), Decimal("1e57"))


LOCKED = """
import gc
from tidebook import engine
from tidebook.engine.contract import NotSeeded
from tidebook.engine.rule import Chain, Seed, SyncRule
from tidebook.engine.shape import BookShape, Kind
book = engine.load({name!r}).Book(
    BookShape(route=("t",), kind=Kind(default="delta"), bids=("b",), asks=("a",)), SyncRule(Seed.STREAM))

class Looks:
    def __del__(self) -> None:
        assert book.seeded is False

gc.set_threshold(1)
for _ in range(300):
    one = Looks()
    one.itself = one
    del one
    try:
        book.best_bid()
    except NotSeeded:
        pass
"""


def test_what_the_collector_runs_may_look_too(engine: Engine) -> None:
    """Saying that a book is not current makes an object, and with it the collector may run anything."""
    done = subprocess.run(
        [sys.executable, "-c", LOCKED.format(name=engine.name)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
