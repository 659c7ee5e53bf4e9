"""What a client of the embedded exchange may write where a number is wanted."""

import pytest

from tidebook.core.dialect import MOST, Refusal, Said, whole

NO = Said("no", {})


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("1000", 1000)])
def test_whole_numbers(text: str, number: int) -> None:
    assert whole(text, NO, 1, 1000) == number
    assert whole("0", NO) == 0
    assert whole(str(MOST), NO) == MOST


@pytest.mark.parametrize(
    "text",
    ["", "0", "1001", "-1", "+1", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "²", "١", "NaN", "9" * 5_000, "0" * 5_000],
)
def test_what_is_none_is_refused_as_the_venue_does(text: str) -> None:
    """Of any length: Python refuses to read 5,000 digits with an error of its own, which would be a broken server."""
    with pytest.raises(Refusal) as refused:
        whole(text, NO, 1, 1000)
    assert refused.value.said is NO


def test_a_long_one_costs_nothing() -> None:
    with pytest.raises(Refusal):
        whole("9" * (1 << 20), NO)
