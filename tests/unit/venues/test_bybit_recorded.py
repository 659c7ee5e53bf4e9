"""Bybit: what a recording says, and the way from one page of a list to the next."""

import json

import pytest

from tidebook.core.effects import Request
from tidebook.venues import bybit
from tidebook.venues.bybit import recorded, rest

URL = "https://api.bybit.com/v5/market/instruments-info?category="
PAIR = {
    "symbol": "BTCUSDT", "status": "Trading", "baseCoin": "BTC", "quoteCoin": "USDT",
    "lotSizeFilter": {"basePrecision": "0.000001", "maxLimitOrderQty": "83", "minOrderAmt": "5"},
    "priceFilter": {"tickSize": "0.1"},
}  # fmt: skip


def answered(**result: object) -> bytes:
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "time": 1790000000123}).encode()


def test_a_list_of_instruments_is_of_the_market_that_was_asked_for() -> None:
    body = answered(list=[PAIR])
    assert bybit.SPOT.listing is not None
    assert bybit.LINEAR.listing is not None
    assert bybit.SPOT.listing(f"{URL}spot", body) == {"BTCUSDT": "BTC/USDT"}
    assert bybit.SPOT.listing(f"{URL}linear", body) == {}
    assert bybit.LINEAR.listing(f"{URL}spot", body) == {}
    assert bybit.SPOT.listing("https://api.bybit.com/v5/market/tickers?category=spot", body) == {}
    assert bybit.SPOT.listing(f"{URL}spot", body[:-9]) == {}


def test_topics_are_read_from_what_was_sent_and_from_what_came() -> None:
    assert recorded.sent_topics('{"req_id":"1","op":"subscribe","args":["orderbook.50.BTCUSDT","tickers.X"]}') == (
        "orderbook.50.BTCUSDT", "tickers.X",
    )  # fmt: skip
    for other in ('{"op":"unsubscribe","args":["a"]}', '{"op":"ping"}', "no json", '"\udcff"'):
        assert recorded.sent_topics(other) == ()
    assert recorded.data_topic('{"type":"delta","ts":1,"topic":"orderbook.50.BTCUSDT"}') == "orderbook.50.BTCUSDT"
    assert recorded.data_topic('{"success":true}') is None
    assert recorded.data_topic('"\udcff"') is None


@pytest.mark.parametrize("cursor", [None, ""])
def test_the_last_page_leads_nowhere(cursor: str | None) -> None:
    asked = Request("GET", f"{URL}linear&limit=1000")
    assert rest.further(asked, answered(list=[], nextPageCursor=cursor)) is None
    assert rest.further(asked, answered(list=[])) is None


def test_each_page_leads_to_the_next() -> None:
    asked = Request("GET", f"{URL}linear&limit=1000")
    second = rest.further(asked, answered(list=[], nextPageCursor="first%3DA&x=1"))
    assert second is not None
    assert second.url == f"{URL}linear&limit=1000&cursor=first%253DA%26x%3D1"
    third = rest.further(second, answered(list=[], nextPageCursor="b"))
    assert third is not None
    assert third.url == f"{URL}linear&limit=1000&cursor=b"


def test_a_depth_that_is_no_more_is_that_of_a_recording() -> None:
    found = {channel.name for channel in bybit.LINEAR.books if channel.matches("orderbook.500.XRPUSDT") == "XRPUSDT"}
    assert found == {"depth1000"}
    for wrong in ("orderbook.rpi.BTCUSDT", "orderbook.full.BTCUSDT", "orderbook.50.", "orderbook.50", "kline.50.X"):
        assert [one for one in bybit.LINEAR.books if one.matches(wrong) is not None] == []
