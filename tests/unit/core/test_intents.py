"""What orders are called: given out once, legal where they go, and read back."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook import venues
from tidebook.core.clock import SECOND
from tidebook.core.intents import BITS, COUNT_BITS, DIGITS, LOWER, SECOND_BITS, TAG_BITS, ClientIds, IntentNumbers
from tidebook.errors import UsageError

EPOCH = 1_767_225_600 * SECOND  # 2026-01-01
NOW = EPOCH + 28_512_000 * SECOND
MILLION = 1_000_000
A_SECOND = 1 << COUNT_BITS

DECLARED = {venue.name: venue.trading.ids for venue in venues.every().values() if venue.trading is not None}
FORMS = sorted({(ids.alphabet, ids.width, ids.prefix) for ids in DECLARED.values()})


@pytest.fixture(scope="module")
def million() -> list[int]:
    numbers = IntentNumbers(tag=0x5A5A5, wall_ns=NOW)
    return [numbers.next() for _ in range(MILLION)]


def test_a_million_numbers_are_all_different_and_rise(million: list[int]) -> None:
    assert len(set(million)) == MILLION
    assert all(one < other for one, other in pairwise(million))
    assert million[-1] < 1 << BITS
    assert BITS == 64


@pytest.mark.parametrize(("alphabet", "width", "prefix"), FORMS)
def test_a_million_ids_are_legal_and_read_back(alphabet: str, width: int, prefix: str, million: list[int]) -> None:
    """In each form that a venue declares: all of one length, of its characters, no two alike, in order."""
    named = [ids for ids in DECLARED.values() if (ids.alphabet, ids.width, ids.prefix) == (alphabet, width, prefix)]
    written = [named[0].write(number) for number in million]
    legal = re.compile(f"{re.escape(prefix)}[{re.escape(alphabet)}]{{{width}}}", re.ASCII)
    assert all(legal.fullmatch(text) for text in written)
    assert len(set(written)) == MILLION
    assert {len(text) for text in written} == {len(prefix) + width}
    assert all(len(written[0]) <= ids.most for ids in named)
    assert [named[0].read(text) for text in written] == million
    order = {digit: place for place, digit in enumerate(alphabet)}
    ranks = [[order[digit] for digit in text[len(prefix) :]] for text in written[:: MILLION // 1000]]
    assert ranks == sorted(ranks)


@given(number=st.integers(0, (1 << BITS) - 1), name=st.sampled_from(sorted(DECLARED)))
def test_every_number_is_read_back(number: int, name: str) -> None:
    ids = DECLARED[name]
    text = ids.write(number)
    assert ids.read(text) == number
    assert len(text) <= ids.most


@given(text=st.text(max_size=40), name=st.sampled_from(sorted(DECLARED)))
def test_what_others_call_their_orders_is_none_of_ours(text: str, name: str) -> None:
    ids = DECLARED[name]
    number = ids.read(text)
    assert number is None or ids.write(number) == text


def test_what_is_nearly_one_of_ours_is_none() -> None:
    ids = ClientIds()
    ours = ids.write(123_456_789)
    assert ids.read(ours) == 123_456_789
    for text in ("", "tb", ours[:-1], f"{ours}0", ours.upper(), f"xx{ours[2:]}", f"{ours[:-1]}-", "tb" + "z" * 13):
        assert ids.read(text) is None, text


def test_two_processes_differ_by_their_tags() -> None:
    """Begun in the same second, with 200,000 orders each: the tags keep them apart."""
    one, other = IntentNumbers(tag=1, wall_ns=NOW), IntentNumbers(tag=2, wall_ns=NOW)
    assert {one.next() for _ in range(200_000)}.isdisjoint({other.next() for _ in range(200_000)})


def test_only_so_much_of_a_tag_is_taken() -> None:
    whole = 1 << TAG_BITS
    assert IntentNumbers(tag=whole + 7, wall_ns=NOW).next() == IntentNumbers(tag=7, wall_ns=NOW).next()


@given(st.integers(0, (1 << TAG_BITS) - 1), st.integers(0, (1 << TAG_BITS) - 1), st.integers(-5, 5))
def test_tags_or_seconds_tell_processes_apart(first: int, second: int, later: int) -> None:
    one = IntentNumbers(first, NOW).next()
    other = IntentNumbers(second, NOW + later * SECOND).next()
    assert (one == other) == (first == second and later == 0)


def test_a_full_counter_takes_the_next_second() -> None:
    """Whether it has come or not; and whoever begins then with the same tag would meet those numbers."""
    numbers = IntentNumbers(tag=3, wall_ns=NOW)
    first = [numbers.next() for _ in range(A_SECOND)]
    assert first[-1] - first[0] == A_SECOND - 1
    borrowed = numbers.next()
    assert borrowed == IntentNumbers(tag=3, wall_ns=NOW + SECOND).next()
    assert borrowed > first[-1]


def test_a_clock_that_is_set_back_makes_no_number_twice() -> None:
    """A process looks at the clock when it begins, and then no more. One that begins earlier by the clock has a tag
    of its own.
    """
    numbers = IntentNumbers(tag=4, wall_ns=NOW)
    before = {numbers.next() for _ in range(1000)}
    again = IntentNumbers(tag=5, wall_ns=NOW - 3600 * SECOND)
    assert before.isdisjoint({again.next() for _ in range(1000)} | {numbers.next() for _ in range(1000)})


@pytest.mark.parametrize("wall_ns", [0, -1, EPOCH - 1, EPOCH])
def test_a_clock_before_the_epoch_counts_from_there(wall_ns: int) -> None:
    assert IntentNumbers(tag=0, wall_ns=wall_ns).next() == 0


def test_the_seconds_begin_anew_and_the_number_still_fits() -> None:
    end = EPOCH + ((1 << SECOND_BITS) - 1) * SECOND
    numbers = IntentNumbers(tag=(1 << TAG_BITS) - 1, wall_ns=end)
    last = [numbers.next() for _ in range(A_SECOND)][-1]
    assert last == (1 << BITS) - 1
    assert numbers.next() < 1 << (TAG_BITS + COUNT_BITS)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"alphabet": "0012", "width": 40, "most": 64}, "each digit once"),
        ({"alphabet": "0"}, "at least two"),
        ({"alphabet": DIGITS, "width": 19}, "do not hold 64 bits"),
        ({"alphabet": LOWER, "width": 12}, "do not hold 64 bits"),
        ({"prefix": "tidebook-", "most": 20}, "the venue takes 20"),
    ],
)
def test_a_form_that_cannot_hold_them_is_not_declared(fields: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        ClientIds(**fields)  # type: ignore[arg-type]


def test_twenty_digits_do() -> None:
    ids = ClientIds(alphabet=DIGITS, width=20, prefix="")
    assert ids.write((1 << BITS) - 1) == "18446744073709551615"
    assert ids.write(7) == "00000000000000000007"
