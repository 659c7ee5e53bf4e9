"""Bybit's tickers come in parts: what could not be read may have said anything."""

import json

import pytest

from tidebook.errors import DecodeError
from tidebook.model.facts import Ticker
from tidebook.venue import Seen
from tidebook.venues.bybit.wire import Remembered

SEEN = Seen("bybit.linear", str, 7)


def push(kind: str, **said: str) -> bytes:
    data = {"symbol": "BTCUSDT", **said}
    return json.dumps({"topic": "tickers.BTCUSDT", "type": kind, "data": data, "cs": 1, "ts": 1790000000000}).encode()


def test_after_a_part_that_could_not_be_read_nothing_old_is_told_as_current() -> None:
    read = Remembered(whole=False)
    found = read(push("snapshot", lastPrice="100", fundingRate="0.0001", nextFundingTime="1790028800000"), SEEN)
    assert any(isinstance(fact, Ticker) for fact in found)
    assert any(isinstance(fact, Ticker) for fact in read(push("delta", openInterest="5"), SEEN)), "all that is known"
    with pytest.raises(DecodeError):
        read(push("delta", lastPrice="ninety"), SEEN)
    assert not any(isinstance(fact, Ticker) for fact in read(push("delta", openInterest="6"), SEEN))
    again = read(push("delta", lastPrice="90"), SEEN)
    assert [fact.exact_last for fact in again if isinstance(fact, Ticker)] == [(90, 0)]
