"""Acts that take more than one request, over real sockets: bodies are those of tests/venues/."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.conformance.data import cases

from tidebook import Limit, OrderNotFound, connect
from tidebook.io.serve import Answer, Asked, Served, Server

pytestmark = pytest.mark.asyncio

BTC = "BTC/USDT"


def body(venue: str, subject: str, about: str = "") -> str:
    """What a venue answers, by its evidence."""
    kinds = ("calls", "acts", "errors")
    found: str = next(
        case.data["body"] for kind in kinds for case in cases(kind)
        if case.venue.name == venue and case.subject == subject and "body" in case.data
        and case.data["about"].startswith(about)
    )  # fmt: skip
    return found


class Site:
    """Answers each path with what is there for it, the last one again and again; keeps what was asked."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self._answers = {path: deque(bodies) for path, bodies in answers.items()}
        self.asked: list[Asked] = []

    async def http(self, request: Asked) -> Answer:
        self.asked.append(request)
        bodies = self._answers.get(request.path)
        if bodies is None:
            return Answer(404, b"{}")
        return Answer(200, (bodies.popleft() if len(bodies) > 1 else bodies[0]).encode())

    async def websocket(self, request: Asked, socket: Served) -> None:
        socket.refuse(Answer(404))

    def of(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path == path]


@contextmanager
def no_error(server: Server) -> Iterator[None]:
    yield
    assert server.error is None


HTX = {
    "/v1/common/symbols": [body("htx.spot", "instruments")],
    "/v1/common/timestamp": [body("htx.spot", "time")],
    "/v1/account/accounts": [body("htx.spot", "account")],
    "/v1/order/orders/place": [body("htx.spot", "submit")],
    "/v1/order/openOrders": [body("htx.spot", "open_orders")],
    "/v1/account/accounts/100009/balance": [body("htx.spot", "balances")],
    "/v1/order/orders/batchCancelOpenOrders": [
        body("htx.spot", "cancel_all", "all there are"), body("htx.spot", "cancel_all", "all of a symbol"),
    ],
}  # fmt: skip


async def test_an_account_is_asked_for_once_and_named_in_all_else() -> None:
    site = Site(HTX)
    async with Server(site) as server, connect("htx.spot", at=server.at) as market:
        with no_error(server):
            order = await market.submit(Limit(BTC, "buy", size="0.5", price="60000.1"))
            again = await market.submit(Limit(BTC, "sell", size="0.5", price="60000.1"))
            assert (order.status, again.id) == ("open", "59378")
            assert len(await market.fetch_open_orders(BTC)) == 1
            assert {row.currency: row.free for row in await market.fetch_balances()}["BTC"] == Decimal("0.5")
    assert len(site.of("/v1/account/accounts")) == 1
    placed = [json.loads(one.body) for one in site.of("/v1/order/orders/place")]
    assert [one["account-id"] for one in placed] == ["100009", "100009"]
    assert [one["client-order-id"] for one in placed] == [order.client_id, again.client_id]
    assert "account-id=100009" in site.of("/v1/order/openOrders")[0].query


async def test_without_an_account_nothing_is_sent() -> None:
    site = Site({**HTX, "/v1/account/accounts": ['{"status":"ok","data":[]}']})
    async with Server(site) as server, connect("htx.spot", at=server.at) as market:
        with pytest.raises(Exception, match="no account of spot"):
            await market.submit(Limit(BTC, "buy", size="0.5", price="60000.1"))
        assert not market.unresolved
    assert not site.of("/v1/order/orders/place")


async def test_what_is_cancelled_a_hundred_at_a_time_is_cancelled_until_nothing_is_left() -> None:
    site = Site(HTX)
    async with Server(site) as server, connect("htx.spot", at=server.at) as market:
        await market.cancel_all()
    asked = [json.loads(one.body) for one in site.of("/v1/order/orders/batchCancelOpenOrders")]
    assert asked == [{"account-id": "100009"}] * 2


NO_MORE = (
    '{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[],"nextPageCursor":""},"time":1790000000000}'
)
BYBIT = {
    "/v5/market/instruments-info": [
        body("bybit.linear", "instruments", "of USDT"),
        NO_MORE,
    ],
    "/v5/market/time": [body("bybit.linear", "time")],
    "/v5/order/cancel": [body("bybit.linear", "cancel")],
    "/v5/order/realtime": [body("bybit.linear", "order", "it is not there")],
    "/v5/order/history": [body("bybit.linear", "order", "by the venue's number")],
}


async def bybit(answers: dict[str, list[str]], **wanted: Any) -> tuple[Site, Any]:
    site = Site({**BYBIT, **answers})
    async with Server(site) as server, connect("bybit.linear", at=server.at) as market:
        with no_error(server):
            return site, await market.cancel("fd4300ae-7847-404e-b947-b46980a4d140", symbol="BTC/USDT:USDT")


async def test_what_became_of_a_cancelled_order_is_asked_then() -> None:
    """The answer to cancelling says only that it will be seen to: here the order is filled in part, and open still."""
    site, order = await bybit({"/v5/order/realtime": [body("bybit.linear", "order", "by its name")]})
    assert (order.status, order.filled, order.side) == ("open", Decimal("0.2"), "buy")
    assert [one.path for one in site.asked[-2:]] == ["/v5/order/cancel", "/v5/order/realtime"]


async def test_an_order_that_left_the_list_is_found_in_the_history() -> None:
    site, order = await bybit({})
    assert order.status == "cancelled"
    assert [one.path for one in site.asked[-3:]] == ["/v5/order/cancel", "/v5/order/realtime", "/v5/order/history"]


async def test_an_order_that_is_in_neither_is_not_there() -> None:
    with pytest.raises(OrderNotFound):
        await bybit({"/v5/order/history": BYBIT["/v5/order/realtime"]})


OKX = {
    "/api/v5/public/instruments": [body("okx", "instruments", "spot"), '{"code":"0","msg":"","data":[]}'],
    "/api/v5/public/time": [body("okx", "time")],
    "/api/v5/trade/orders-pending": [body("okx", "open_orders")],
    "/api/v5/trade/cancel-order": [body("okx", "cancel")],
    "/api/v5/trade/order": [body("okx", "order", "by the venue's number")],
    "/api/v5/trade/fills": [body("okx", "fills")],
}


async def test_where_nothing_cancels_all_it_is_done_one_by_one() -> None:
    site = Site(OKX)
    async with Server(site) as server, connect("okx", at=server.at) as market:
        await market.cancel_all(BTC)
        await market.cancel_all()
    asked = [json.loads(one.body) for one in site.of("/api/v5/trade/cancel-order")]
    assert asked == [{"instId": "BTC-USDT", "ordId": "2510789768709120000"}] * 2


async def test_pages_that_come_newest_first_are_put_in_order() -> None:
    """A hundred fills, and before them two more: oldest first in the end."""
    newest = json.loads(body("okx", "fills"))
    row = newest["data"][0]
    full = [
        {**row, "tradeId": str(9000 - n), "billId": str(9000 - n), "ts": str(1790000100000 - n)} for n in range(100)
    ]
    site = Site({**OKX, "/api/v5/trade/fills": [json.dumps({**newest, "data": full}), body("okx", "fills")]})
    async with Server(site) as server, connect("okx", at=server.at) as market:
        fills = await market.fetch_fills(BTC, start="2026-09-21T00:00:00")
    assert len(fills) == 102
    times = [one.venue_ns or 0 for one in fills]
    assert times == sorted(times)
    assert "after=8901" in site.of("/api/v5/trade/fills")[1].query


async def test_fills_begin_where_they_were_asked_for_and_are_no_more_than_that() -> None:
    """Of a venue that looks at neither."""
    told = json.loads(body("okx", "fills"))
    rows = [
        {**told["data"][0], "tradeId": str(9000 - n), "billId": str(9000 - n), "ts": str(1790000000009 - n)}
        for n in range(10)
    ]
    site = Site({**OKX, "/api/v5/trade/fills": [json.dumps({**told, "data": rows})]})
    begins = datetime.fromtimestamp(1790000000, UTC) + timedelta(milliseconds=4)
    async with Server(site) as server, connect("okx", at=server.at) as market:
        later = await market.fetch_fills(BTC, start=begins)
        assert [fill.id for fill in later] == [str(n) for n in range(8995, 9001)]
        assert [fill.id for fill in await market.fetch_fills(BTC, start=begins, limit=2)] == ["8995", "8996"]
        assert [fill.id for fill in await market.fetch_fills(BTC, limit=2)] == ["8999", "9000"]
