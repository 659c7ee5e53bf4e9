"""Sums of what an account has are exact, however many digits that takes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.model.number import compared, exact, plus
from tidebook.model.orders import Balance, Order, amount

EXACT = st.tuples(st.integers(-(10**38), 10**38), st.integers(0, 30))


def test_what_is_free_and_held_is_the_total_to_the_last_digit() -> None:
    one = Balance(
        venue="x", currency="USDT", exact_free=exact("999993.2424234109523809523810"),
        exact_held=exact("0.000000000000000000000000000956"), received_ns=1,
    )  # fmt: skip
    assert str(one.total) == "999993.242423410952380952381000000956"
    assert one.exact_free[1] < one.exact_held[1]


def test_what_is_left_is_exact() -> None:
    one = Order(
        venue="x", symbol="S", venue_ns=None, received_ns=1, id="1", side="buy", kind="limit", status="open",
        exact_size=exact("12345678901234567890123456789012"), exact_filled=exact("0.000001"),
    )  # fmt: skip
    assert str(one.left) == "12345678901234567890123456789011.999999"


@given(EXACT, EXACT)
def test_sums_are_those_of_whole_numbers(one: tuple[int, int], other: tuple[int, int]) -> None:
    found = plus(one, other)
    assert found[0] * 10 ** (60 - found[1]) == one[0] * 10 ** (60 - one[1]) + other[0] * 10 ** (60 - other[1])
    assert (compared(one, other) > 0) == (one[0] * 10 ** (60 - one[1]) > other[0] * 10 ** (60 - other[1]))
    assert compared(one, one) == 0
    assert Decimal(compared((1, 0), (100, 2))) == 0


class _Money(Decimal):
    """It is written as money, which is another number."""

    def __str__(self) -> str:
        return "5"


class _Lots(int):
    def __str__(self) -> str:
        return "9"


class _Words(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "7"


@pytest.mark.parametrize(
    ("written", "worth"), [(_Money("0.25"), "0.25"), (_Lots(3), "3"), (_Words("0.5"), "0.5")]
)  # fmt: skip
def test_a_number_is_what_it_is_however_its_class_writes_it(written: Decimal | int | str, worth: str) -> None:
    assert amount("size", written) == Decimal(worth)
