from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.errors import UsageError
from tidebook.model.symbol import Words, canonical, words

MARCH = int(datetime(2026, 3, 27, 8, tzinfo=UTC).timestamp()) * 1_000_000_000
CODES = st.text(st.characters(codec="utf-8", exclude_characters="/:-", exclude_categories=("Z", "C")), min_size=1)


@pytest.mark.parametrize(
    ("parts", "symbol"),
    [
        ({}, "BTC/USDT"),
        ({"settle": "USDT"}, "BTC/USDT:USDT"),
        ({"settle": "USDT", "expiry_ns": MARCH}, "BTC/USDT:USDT-260327"),
        (
            {"settle": "USDT", "expiry_ns": MARCH, "strike": Decimal(70000), "right": "call"},
            "BTC/USDT:USDT-260327-70000-C",
        ),
        (
            {"settle": "USDT", "expiry_ns": MARCH, "strike": Decimal("7E+4"), "right": "put"},
            "BTC/USDT:USDT-260327-70000-P",
        ),
        (
            {"settle": "USDT", "expiry_ns": MARCH, "strike": Decimal("0.550"), "right": "put"},
            "BTC/USDT:USDT-260327-0.55-P",
        ),
    ],
)
def test_a_symbol_is_written_in_ccxts_notation(parts: dict[str, Any], symbol: str) -> None:
    assert canonical("BTC", "USDT", **parts) == symbol


def test_an_inverse_one_is_settled_in_its_base_currency() -> None:
    assert canonical("BTC", "USD", settle="BTC") == "BTC/USD:BTC"
    found = words("BTC/USD:BTC-260327")
    assert found is not None
    assert (found.kind, found.shape) == ("inverse", "future")


def test_a_day_is_utc_whatever_the_hour() -> None:
    last = int(datetime(2026, 3, 27, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000_000 + 999_999_999
    assert canonical("BTC", "USDT", settle="USDT", expiry_ns=last) == "BTC/USDT:USDT-260327"
    assert canonical("BTC", "USDT", settle="USDT", expiry_ns=last + 1) == "BTC/USDT:USDT-260328"


@pytest.mark.parametrize(
    "parts",
    [
        {"expiry_ns": MARCH},
        {"strike": Decimal(1), "right": "call"},
        {"settle": "USDT", "strike": Decimal(1), "right": "call"},
        {"settle": "USDT", "expiry_ns": MARCH, "strike": Decimal(1)},
        {"settle": "USDT", "expiry_ns": MARCH, "right": "put"},
    ],
)
def test_half_of_a_market_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="BTC/USDT"):
        canonical("BTC", "USDT", **parts)


@pytest.mark.parametrize(
    "text", ["BTCUSDT", "BTC/USDT:", "BTC/", "/USDT", "*/USDT:", "BTC/USDT:USDT-26032", "BTC/USDT:USDT-260327-1-X", ""]
)
def test_what_is_no_symbol_has_no_parts(text: str) -> None:
    assert words(text) is None


@given(
    base=CODES,
    quote=CODES,
    settle=CODES,
    strike=st.decimals(0, 10**9, places=4),
    day=st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    right=st.sampled_from(["call", "put"]),
    much=st.integers(0, 3),
)
def test_what_is_written_is_read_again(
    base: str, quote: str, settle: str, strike: Decimal, day: datetime, right: Any, much: int
) -> None:
    given: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    if much > 0:
        given["settle"] = expected["settle"] = settle
    if much > 1:
        given["expiry_ns"], expected["day"] = int(day.timestamp()) * 10**9, f"{day:%y%m%d}"
    if much > 2:
        given["strike"], given["right"] = strike, right
        expected["strike"], expected["right"] = strike, right
    found = words(canonical(base, quote, **given))
    assert found == Words(base, quote, **expected)
    assert found is not None
    assert found.shape == ("spot", "perpetual", "future", "option")[much]
