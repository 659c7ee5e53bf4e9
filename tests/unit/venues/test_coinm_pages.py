"""Bars of a venue that gives the newest rows of a range, and 200 days at most: never a part that looks like all."""

import json
import re

import pytest

from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.model.facts import Bar
from tidebook.venue import Question, Seen
from tidebook.venues import named

HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
NOW = 1_790_000_000 * SECOND // DAY * DAY + 5 * HOUR
CALL = named("binance.coinm").call("bars")


def body(first_ns: int, step_ns: int, count: int) -> bytes:
    opens = [(first_ns + n * step_ns) // 1_000_000 for n in range(count)]
    return json.dumps([[at, "1", "2", "1", "2", "3", at + step_ns // 1_000_000 - 1, "0", 1] for at in opens]).encode()


def read(rows: bytes, **question: int | str) -> list[Bar]:
    assert CALL is not None
    asked = Question("BTCUSD_PERP", **question)  # type: ignore[arg-type]
    found: list[Bar] = CALL.read(rows, Seen("binance.coinm", str, NOW), asked)
    return found


def test_a_full_page_is_taken() -> None:
    start = NOW - 90 * DAY
    assert len(read(body(start, HOUR, 24), interval="1h", limit=24, start_ns=start)) == 24


def test_a_short_page_that_reaches_the_present_is_the_end() -> None:
    start = NOW - 3 * HOUR
    assert len(read(body(start, HOUR, 3), interval="1h", limit=24, start_ns=start)) == 3


def test_a_short_page_that_reaches_the_end_asked_for_is_the_end() -> None:
    start = NOW - 90 * DAY
    rows = body(start, HOUR, 3)
    assert len(read(rows, interval="1h", limit=24, start_ns=start, end_ns=start + 3 * HOUR)) == 3


@pytest.mark.parametrize("count", [0, 1, 23])
def test_a_hole_or_a_start_before_the_market_is_refused(count: int) -> None:
    start = NOW - 90 * DAY
    with pytest.raises(UsageError, match=re.escape("or it has none so early")):
        read(body(start + DAY, HOUR, count), interval="1h", limit=24, start_ns=start)


def test_a_part_that_is_asked_for_as_such_is_taken() -> None:
    start = NOW // DAY * DAY - 400 * DAY
    rows = body(start, DAY, 200)
    assert len(read(rows, interval="1d", limit=1000, start_ns=start, end_ns=start + 200 * DAY)) == 200


def test_days_that_cut_a_page_from_a_start_are_told() -> None:
    start = NOW // DAY * DAY - 400 * DAY
    with pytest.raises(UsageError, match="200 bars of 1d in 200 days"):
        read(body(start, DAY, 200), interval="1d", limit=1000, start_ns=start)
    assert len(read(body(start, DAY, 200), interval="1d", limit=200, start_ns=start)) == 200


def test_days_that_cut_a_page_before_an_end_are_declared() -> None:
    """So that older ones are asked for in a page of their own."""
    assert CALL is not None
    assert CALL.longest == 200 * 86_400
    today = NOW // DAY * DAY
    assert len(read(body(today - 199 * DAY, DAY, 200), interval="1d", limit=501)) == 200
    assert len(read(body(today - 199 * DAY, DAY, 200), interval="1d", limit=200)) == 200


def test_a_young_market_is_whole() -> None:
    today = NOW // DAY * DAY
    assert len(read(body(today - 30 * DAY, DAY, 31), interval="1d", limit=501)) == 31
    assert read(b"[]", interval="1d", limit=501) == []


def test_the_funding_of_a_contract_that_is_delivered_is_refused() -> None:
    call = named("binance.coinm").call("funding_now")
    assert call is not None
    row = {
        "symbol": "BTCUSD_261225", "markPrice": "1", "indexPrice": "1", "estimatedSettlePrice": "1",
        "lastFundingRate": "", "nextFundingTime": 0, "time": 1,
    }  # fmt: skip
    with pytest.raises(UsageError, match="BTCUSD_261225 is delivered on a day"):
        call.read(json.dumps([row]).encode(), Seen("binance.coinm", str, NOW), Question("BTCUSD_261225"))
