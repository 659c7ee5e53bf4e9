"""Numbers and checksums (sections 5 and 7) against a second, independent reading of the contract."""

import json
import struct
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.engine import model

from tidebook.engine.contract import Book, Engine, Event, RawLevel
from tidebook.engine.rule import Bridge, Proof, Seed, SyncRule
from tidebook.engine.shape import BookShape, Checksum, Digits, Kind, Number, Order
from tidebook.errors import DecodeError

EVERY = SyncRule(Seed.EVERY, proof=(Proof.WHOLE,))
STREAM = SyncRule(Seed.STREAM)
REST = SyncRule(Seed.REST, bridge=Bridge.AFTER)
PLAIN = BookShape(bids=("b",), asks=("a",))
CHANGES = BookShape(bids=("b",), asks=("a",), kind=Kind(snapshot_keys=("s",), default="delta"))

DIGITS = st.text("0123456789", min_size=1, max_size=8) | st.text("0123456789", min_size=1, max_size=45)
POWERS = st.integers(-45, 45).map(str) | st.sampled_from(
    ["+3", "-0", "+00", "007", "999999999999", "-99999999", "", "+"]
)
NUMBERS = st.builds(
    lambda sign, whole, point, power: sign + whole + ("" if point is None else f".{point}") + power,
    st.sampled_from(["", "", "", "-"]),
    DIGITS,
    st.none() | DIGITS,
    st.just("") | st.builds(lambda e, power: e + power, st.sampled_from("eE"), POWERS),
)
NEARLY = st.text("0123456789.-+eE _xNaI\u0663", max_size=12)


def feed(engine: Engine, book: Book, message: object) -> object:
    one = engine.Feed()
    one.want(b"", book)
    return one.feed(message if isinstance(message, bytes) else json.dumps(message).encode(), 1)


def value(mantissa: int, scale: int) -> Fraction:
    return mantissa * Fraction(10) ** -scale


def level(raw: RawLevel) -> tuple[Fraction, Fraction]:
    return value(raw[0], raw[1]), value(raw[2], raw[3])


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


@given(NUMBERS | NEARLY)
@settings(max_examples=400)
@example("1" * 38)
@example("1" * 39)
@example("0" * 400 + "1")
@example("1" + "0" * 38)
@example("0e-38")
@example("0e-39")
@example("1e38")
@example("1e39")
@example("0.0e38")
@example("-0")
@example("-0.0e5")
@example("\u0661")
@example("1\n")
def test_grammar(engine: Engine, text: str) -> None:
    """As a price and as a size: legal or `number`, and then exact."""
    expected = model.number(text)
    for row in ([text, "1"], ["1", text]):
        book = engine.Book(PLAIN, EVERY)
        fits = expected is not None and (row[0] != text or max(expected[1], 0) + expected[2] <= 38)
        if not fits or expected is None or (row[1] == text and expected[0] < 0):
            with pytest.raises(DecodeError) as error:
                feed(engine, book, {"b": [row], "a": []})
            assert error.value.kind == "number"
            assert (book.applied, book.bid_count) == (0, 0)
            continue
        feed(engine, book, {"b": [row], "a": []})
        if row[1] == text and expected[0] == 0:
            assert book.levels("bid") == []
            continue
        exact = (expected[0], Fraction(1)) if row[0] == text else (Fraction(1), expected[0])
        assert [level(raw) for raw in book.levels("bid")] == [exact]
        ((price, size),) = book.floats("bid")
        assert (bits(price), bits(size)) == (bits(float(exact[0])), bits(float(exact[1])))
        best = book.best()
        assert (best[0], best[1], best[2:]) == (price, size, (None, None))


@given(NUMBERS | NEARLY.filter(lambda text: text == text.strip() and text != ""))
@settings(max_examples=400)
def test_json_numbers(engine: Engine, text: str) -> None:
    """A bare number is what JSON allows, and then as its text; a text is `malformed` where numbers were promised."""
    shape = BookShape(bids=("b",), asks=("a",), number=Number.JSON)
    expected = model.number(text)
    digits = text.removeprefix("-")
    is_json = text.isascii() and (digits[:1] != "0" or digits[1:2] in ("", ".", "e", "E"))
    try:
        is_json = is_json and isinstance(json.loads(text, parse_constant=str), int | float)
    except ValueError:
        is_json = False
    frame = f'{{"b":[],"a":[[1,{text}]]}}'.encode()
    book = engine.Book(shape, EVERY)
    if is_json and expected is not None and expected[0] >= 0:
        feed(engine, book, frame)
        assert [level(raw)[1] for raw in book.levels("ask")] == ([expected[0]] if expected[0] else [])
    else:
        with pytest.raises(DecodeError) as error:
            feed(engine, book, frame)
        assert error.value.kind == ("number" if is_json else "malformed")
    with pytest.raises(DecodeError) as error:
        feed(engine, engine.Book(shape, EVERY), {"b": [[1, text]], "a": []})
    assert error.value.kind == "malformed"
    feed(engine, engine.Book(BookShape(bids=("b",), asks=("a",), number=Number.EITHER), EVERY), {"b": [["1", 2]]})


@given(DIGITS, st.none() | DIGITS, st.integers(-12, 50), st.integers(-12, 50))
@settings(max_examples=200)
def test_scaled(engine: Engine, whole: str, point: str | None, price_scale: int, size_scale: int) -> None:
    """With `scaled` the book's scales are added, and the bound is on the sum."""
    text = whole if point is None else f"{whole}.{point}"
    digits, behind = (whole + (point or "")).lstrip("0"), len(point or "")
    book = engine.Book(
        BookShape(bids=("b",), asks=("a",), scaled=True), EVERY, price_scale=price_scale, size_scale=size_scale
    )
    scales = behind + price_scale, behind + size_scale
    before = max(0, len(digits) - scales[0]) if digits else 0
    legal = len(digits) <= 38 and all(-38 <= scale <= 38 for scale in scales) and max(scales[0], 0) + before <= 38
    if not legal:
        with pytest.raises(DecodeError) as error:
            feed(engine, book, {"b": [[text, text]], "a": []})
        assert error.value.kind == "number"
        return
    feed(engine, book, {"b": [[text, text]], "a": []})
    mantissa = int(digits or "0")
    shown = [level(raw) for raw in book.levels("bid")]
    assert shown == ([(value(mantissa, scales[0]), value(mantissa, scales[1]))] if mantissa else [])


SPANS = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(
    lambda pair: "1" + "0" * pair[0] + "." + "0" * pair[1] + "1"
)
PRICES = SPANS | st.sampled_from(["0.05", "0", "1e37", "1e38", "1e-38", "0e38", "0e-38", "1", "12.5"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["whole", "change", "change", "change", "unseed", "seed"]), PRICES), max_size=12
    ),
    st.booleans(),
)
@settings(max_examples=200)
def test_prices_fit_together(engine: Engine, steps: list[tuple[str, str]], outside: bool) -> None:
    """The largest scale and the most digits since the last snapshot; a rejected message leaves nothing."""
    book = engine.Book(CHANGES, REST if outside else STREAM)
    held: list[str] = []
    kinds: set[str] = set()
    seeded = old = False
    for what, price in steps:
        if what == "unseed":
            book.unseed()
            held, seeded, old = [], False, False
            continue
        if what == "seed" and not outside:
            continue
        # The outside snapshot below was asked for at 5 and everything was received at 1: no change survives it, and
        # those that come behind it are old: tested, but they leave nothing.
        prices = [price] if what != "change" else [*held, price]
        numbers = [number for number in map(model.number, prices) if number is not None]
        legal = len(numbers) == len(prices) and (
            max(max(number[1], 0) for number in numbers) + max(number[2] for number in numbers) <= 38
        )
        message = {"b": [[price, "1"]]} | ({} if what == "change" else {"s": 1})
        try:
            if what == "seed":
                book.seed(json.dumps(message).encode(), 1, 5)
            else:
                feed(engine, book, message)
            passed = True
        except DecodeError as error:
            kinds.add(error.kind)
            passed = False
        assert passed == legal
        assert book.seeded == (seeded or (passed and what != "change"))
        if passed and (what != "change" or (seeded and not old) or (outside and not seeded)):
            held, seeded = prices, book.seeded
        if passed and what != "change":
            old = what == "seed"
    assert kinds <= {"number"}


# ---- checksums

TEXTS = st.tuples(st.integers(1, 99), st.integers(0, 999), st.integers(0, 3)).map(
    lambda parts: f"{'0' * (parts[2] == 3)}{parts[0] % 40}.{parts[1]:03}{'0' * parts[2]}"
)
SIZES = (
    st.sampled_from(["1", "0.50", "1e3", "123456789012345678901234567890", "0.0000001", "1.10", "2E-9", "100"]) | TEXTS
)
LEVELS = st.lists(st.tuples(TEXTS.filter(lambda text: float(text) > 0), SIZES), max_size=14)

WRITTEN = {
    Digits.AS_SENT: lambda text: text,
    Digits.BARE: lambda text: text.replace(".", "").lstrip("0"),
    Digits.PYTHON: lambda text: repr(float(text)),
    Digits.JAVASCRIPT: model.javascript,
}


def best(rows: Sequence[tuple[str, str]], sign: int) -> list[tuple[str, str]]:
    """The levels that these rows (none of size zero) leave, best first, as the last row wrote each."""
    left = {Fraction(price): (price, size) for price, size in rows}
    return [left[price] for price in sorted(left, key=lambda price: price * sign)]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("digits", Digits)
def test_checksum(engine: Engine, digits: Digits, order: Order) -> None:
    @settings(max_examples=40)
    @given(LEVELS, LEVELS, st.sampled_from([":", "", ","]), st.sampled_from([1, 3, 10]), st.booleans(), st.booleans())
    def agrees(
        bids: list[tuple[str, str]], asks: list[tuple[str, str]], joiner: str, depth: int, below: bool, off: bool
    ) -> None:
        rule = Checksum("c", depth, order, digits, joiner, when="present")
        book = engine.Book(BookShape(bids=("b",), asks=("a",), checksum=rule, number=Number.TEXT), STREAM)
        bids, asks = ([row for row in rows if Fraction(row[1])] for rows in (bids, asks))
        sides = best(bids, -1), best(asks, 1)
        sent = [[tuple(map(WRITTEN[digits], row)) for row in side] for side in sides]
        pairs = [[(price, size) for price, size in side] for side in sent]
        crc = model.checksum(order, joiner, depth, pairs[0], pairs[1])
        shown = (crc ^ off) - (2**32 if below and crc ^ off >= 2**31 else 0)
        outcome = feed(engine, book, {"b": bids, "a": asks, "c": shown})
        assert isinstance(outcome, Event)
        if off:
            assert (outcome.what, outcome.expected, outcome.got) == ("checksum", crc ^ 1, crc)
        assert (outcome.what == "seeded", book.seeded) == (not off, not off)
        assert (book.stats()["checksum_passed"], book.stats()["checksum_failed"]) == (not off, off)

    agrees()


# What String(Number(text)) gives, by ECMA-262.
JAVASCRIPT = {
    "1": "1", "1.0": "1", "1.50": "1.5", "0.1": "0.1", "100": "100", "1e3": "1000",
    "0.30000000000000004": "0.30000000000000004",
    "0.000001": "0.000001", "0.0000001": "1e-7", "0.00000012": "1.2e-7", "1.5e-9": "1.5e-9", "123e-20": "1.23e-18",
    "1e20": "100000000000000000000", "1e21": "1e+21", "123456789012345680000": "123456789012345680000",
    "1234567890123456789012": "1.2345678901234568e+21", "9007199254740993": "9007199254740992",
    "12345678901234567890": "12345678901234567000", "0.1000000000000000055511151231257827": "0.1",
    "5e-38": "5e-38", "4.35": "4.35", "2.5e25": "2.5e+25", "1e-6": "0.000001", "9.5e-7": "9.5e-7", "8123.10": "8123.1",
    "5.960464477539063e-08": "5.960464477539063e-8",  # lies between two of 16 digits
}  # fmt: skip


@pytest.mark.parametrize("text", JAVASCRIPT)
def test_javascript_digits(engine: Engine, text: str) -> None:
    expected = JAVASCRIPT[text]
    shape = BookShape(bids=("b",), asks=("a",), checksum=Checksum("c", 1, digits=Digits.JAVASCRIPT))
    assert model.javascript(text) == expected
    book = engine.Book(shape, EVERY)
    feed(engine, book, {"b": [["1", text]], "a": [], "c": model.checksum("interleaved", ":", 1, [("1", expected)], [])})
    assert book.stats()["checksum_passed"] == 1


@given(st.floats(1e-20, 1e30) | st.integers(1, 10**37).map(float) | st.integers(1, 10**9).map(lambda n: n / 1e8))
@settings(max_examples=200)
def test_javascript_digits_of_any_double(engine: Engine, number: float) -> None:
    shape = BookShape(bids=("b",), asks=("a",), checksum=Checksum("c", 1, digits=Digits.JAVASCRIPT))
    book = engine.Book(shape, EVERY)
    crc = model.checksum("interleaved", ":", 1, [("1", model.javascript(repr(number)))], [])
    feed(engine, book, {"b": [["1", repr(number)]], "a": [], "c": crc or None})
    assert book.stats()["checksum_failed"] == 0
