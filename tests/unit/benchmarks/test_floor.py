"""The floor keeps the right book: compared with the slow model, and with itself where it is built twice."""

from fractions import Fraction

import pytest
from benchmarks import floor, model, shapes, traffic
from benchmarks.floor import Floor, FloorBook
from benchmarks.measure import in_rounds
from benchmarks.record import Bench, Skipped, Wrong
from benchmarks.sections import engine as section
from benchmarks.sections.engine import Stream
from benchmarks.traffic import Market, Weight
from hypothesis import given
from hypothesis import strategies as st

WEIGHTS: tuple[Weight, ...] = ("light", "mid", "heavy")
KINDS = [(shape, False) for shape in traffic.PRINTERS] + [("binance", True)]


@pytest.fixture(scope="module")
def of() -> Floor:
    try:
        return floor.load()
    except Skipped as reason:
        pytest.skip(str(reason))


def fed(of: Floor, shape: str, tricks: bool, whole: bytes) -> FloorBook:
    book = of.Book(shape, tricks)
    book.seed(whole)
    return book


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize(("shape", "tricks"), KINDS)
def test_it_is_equal_to_the_slow_model_at_many_points(of: Floor, shape: str, tricks: bool, weight: Weight) -> None:
    whole, frames = traffic.PRINTERS[shape](Market(seed=5), weight, 300)
    expected = model.points(shape, whole, frames, 100)
    book = fed(of, shape, tricks, whole)
    model.verify(shape, book, frames, expected)
    assert book.gaps == 0
    assert book.absent > 0


@pytest.mark.parametrize(("shape", "tricks"), KINDS)
def test_the_loop_does_what_the_calls_do(of: Floor, shape: str, tricks: bool) -> None:
    whole, frames = traffic.PRINTERS[shape](Market(), "light", 200)
    one, other = fed(of, shape, tricks, whole), fed(of, shape, tricks, whole)
    for frame in frames:
        one.feed(frame)
    read = of.loop([other], frames, 20)
    assert other.top(4000) == one.top(4000)
    assert other.levels == one.levels == tuple(len(side) for side in one.top(4000))
    assert read > 0


def test_both_floors_have_the_same_whole_book(of: Floor) -> None:
    """With the dead rows of the one passed over, after enough changes that it has swept them away more than once."""
    whole, frames = traffic.binance(Market(), "heavy", 400)
    plain, tricks = (fed(of, "binance", one, whole) for one in (False, True))
    for frame in frames:
        plain.feed(frame)
        tricks.feed(frame)
        assert plain.levels == tricks.levels
    assert plain.top(4000) == tricks.top(4000)
    assert plain.absent == tricks.absent


def test_books_take_their_frames_in_turn(of: Floor) -> None:
    whole, frames = traffic.binance(Market(), "light", 20)
    books = [fed(of, "binance", False, whole) for _ in range(2)]
    of.loop(books, [frame for frame in frames for _ in range(2)], 1)
    assert books[0].top(100) == books[1].top(100)
    assert (books[0].gaps, books[1].gaps) == (0, 0)


DIGITS = st.integers(1, 10).flatmap(lambda n: st.integers(10 ** (n - 1) if n > 1 else 0, 10**n - 1))
PARTS = st.text("0123456789", max_size=8)


@given(st.lists(st.tuples(DIGITS, PARTS, st.integers(0, 99_999), PARTS), min_size=1, max_size=12))
def test_numbers_of_any_length_are_read(of: Floor, rows: list[tuple[int, str, int, str]]) -> None:
    """Prices of one to ten digits and no to eight decimals. Shown is the nearest float while 53 bits hold the value."""
    bids: dict[Fraction, Fraction] = {}
    listed: list[str] = []
    for whole, part, size, decimals in rows:
        price, amount = f"{whole}{'.' * bool(part)}{part}", f"{size}{'.' * bool(decimals)}{decimals}"
        listed.append(f'["buy","{price}","{amount}"]')
        bids.pop(Fraction(price), None)
        if Fraction(amount):
            bids[Fraction(price)] = Fraction(amount)
    book = of.Book("coinbase")
    book.seed(b'{"type":"snapshot","product_id":"A-B","asks":[],"bids":[]}')
    stamp = '"time":"2026-01-01T00:00:00.000000Z"'
    book.feed(f'{{"type":"l2update","product_id":"A-B","changes":[{",".join(listed)}],{stamp}}}'.encode())
    expected = tuple((kept_as(price), kept_as(bids[price])) for price in sorted(bids, reverse=True))
    assert book.top(100) == (expected, ())


def kept_as(value: Fraction) -> float:
    """A whole number of 10^-8, as a float."""
    whole = int(value * 10**8)
    if whole < 2**53:
        assert whole / 1e8 == float(value)
    return whole / 1e8


def test_a_change_that_does_not_follow_is_counted(of: Floor) -> None:
    whole, frames = traffic.binance(Market(), "light", 10)
    book = fed(of, "binance", False, whole)
    book.feed(frames[0])
    book.feed(frames[2])
    assert book.gaps == 1


def test_a_wrong_checksum_is_counted(of: Floor) -> None:
    whole, frames = traffic.kraken(Market(), "light", 10)
    book = fed(of, "kraken", False, whole)
    for frame in frames[1:]:
        book.feed(frame)
    assert book.gaps > 0


class Lossy:
    """A contender that loses one change of so many."""

    def __init__(self, book: FloorBook, nth: int) -> None:
        self.book, self.nth, self.count = book, nth, 0

    def feed(self, frame: bytes) -> None:
        self.count += 1
        if self.count != self.nth:
            self.book.feed(frame)

    def best(self) -> tuple[float, ...]:
        return self.book.best()

    def top(self, n: int) -> tuple[tuple[tuple[float, float], ...], ...]:
        return self.book.top(n)


@pytest.mark.parametrize("nth", [1, 40, 100])
def test_a_contender_that_loses_a_change_is_found(of: Floor, nth: int) -> None:
    whole, frames = traffic.coinbase(Market(), "heavy", 100)
    expected = model.points("coinbase", whole, frames, 20)
    with pytest.raises(Wrong, match="lossy: after"):
        model.verify("lossy", Lossy(fed(of, "coinbase", False, whole), nth), frames, expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", tuple(traffic.PRINTERS))
def test_all_contenders_of_the_section_are_verified_and_do_every_message(of: Floor, shape: str) -> None:
    stream = Stream(shape, *traffic.PRINTERS[shape](Market(), "light", 100))
    there, engines = section.available(Bench())
    assert there is of
    section.verified(stream, there, engines)
    for read in section.READS.values():
        (found,) = in_rounds(section.contenders(stream, read, there, engines), 1)
        assert set(found) >= {"floor", "floor, called", *engines}
        assert all(cost > 0 for cost in found.values())


def test_another_format_is_refused(of: Floor) -> None:
    with pytest.raises(ValueError, match="no floor for okx with tricks"):
        of.Book("okx", True)


def test_without_a_compiler_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Skipped, match="no C compiler"):
        floor.compiler()


def test_a_whole_book_that_is_not_taken_is_wrong() -> None:
    of_engine = shapes.engine("python")
    _, frames = traffic.okx(Market(), "light", 1)
    with pytest.raises(Wrong, match="was not taken"):
        shapes.fed(of_engine, "okx", frames[0])
