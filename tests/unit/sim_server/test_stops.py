"""Stops in each dialect's own words, over loopback sockets; where a dialect has none it refuses, and nothing trades."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.signed import Bybit, alpaca, binance, bybit, hear, htx, okx, usdm

from tidebook import Limit, MarketOrder, Stop, connect
from tidebook.sim import serve
from tidebook.sim.exchange import Intent
from tidebook.sim.matching import ASK, BID


def push(sim: serve, venue: str, symbol: str, ticks: int) -> None:
    """Let somebody trade at a price above all others."""
    sim.exchange.submit(venue, symbol, Intent(BID, ticks, 10**9, tif="ioc"))
    sim.exchange.submit(venue, symbol, Intent(ASK, ticks, 5_000))
    sim.exchange.submit(venue, symbol, Intent(BID, ticks, 5_000, tif="ioc"))


def above(sim: serve, venue: str, symbol: str, parts: int = 100) -> tuple[int, str]:
    """A price that much above the market, in ticks and as text."""
    whole = sim.exchange.book(venue, symbol, 1)
    ticks = whole.asks[0][0] * (parts + 1) // parts
    return ticks, sim.exchange.instrument(venue, symbol).price_text(ticks)


async def test_binance_rests_tells_and_goes_off() -> None:
    async with binance() as client:
        ws = await client.session.ws_connect(
            f"http://{client.sim.at}/ws-api/v3", headers={"Host": "ws-api.binance.com"}
        )
        await ws.send_json(client.message("userDataStream.subscribe.signature"))
        await hear(ws)
        ticks, price = above(client.sim, "binance.spot", "BTC/USDT")
        words = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01", "newOrderRespType": "RESULT"}
        status, made = await client.ask("POST", "/api/v3/order", type="STOP_LOSS", stopPrice=price, **words)
        assert (status, made["status"], made["type"], Decimal(made["stopPrice"])) == (
            200, "NEW", "STOP_LOSS", Decimal(price),
        )  # fmt: skip
        _, (open_,) = await client.ask("GET", "/api/v3/openOrders", symbol="BTCUSDT")
        assert (open_["isWorking"], open_["executedQty"]) == (False, "0.00000000")
        status, bad = await client.ask("POST", "/api/v3/order", type="TAKE_PROFIT", stopPrice=price, **words)
        assert (status, bad["code"], bad["msg"]) == (400, -2010, "Stop price would trigger immediately.")
        told = [await hear(ws), await hear(ws)]
        assert (told[0]["event"]["x"], told[0]["event"]["w"], told[0]["event"]["o"]) == ("NEW", False, "STOP_LOSS")
        assert Decimal(told[0]["event"]["P"]) == Decimal(price)
        assert Decimal(next(row for row in told[1]["event"]["B"] if row["a"] == "USDT")["l"]) > 0
        push(client.sim, "binance.spot", "BTC/USDT", ticks)
        seen = ""
        while seen != "FILLED":
            event = (await hear(ws))["event"]
            seen = event["X"] if event["e"] == "executionReport" else seen
        _, (gone,) = await client.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT")
        assert (gone["status"], gone["type"], Decimal(gone["executedQty"])) == ("FILLED", "STOP_LOSS", Decimal("0.01"))


async def bybit_row(client: Bybit, category: str, id: str) -> dict[str, Any]:
    found = await client.ask("GET", "/v5/order/realtime", category=category, symbol="BTCUSDT", orderId=id)
    row: dict[str, Any] = found["result"]["list"][0]
    return row


@pytest.mark.parametrize("category", ["spot", "linear"])
async def test_bybit_rests_untriggered_and_goes_off(category: str) -> None:
    venue, symbol = f"bybit.{category}", "BTC/USDT" if category == "spot" else "BTC/USDT:USDT"
    async with bybit() as client:
        ws = await client.connect("/v5/private")
        await hear(ws)
        await ws.send_json({"op": "subscribe", "args": ["order"]})
        await hear(ws)
        ticks, price = above(client.sim, venue, symbol)
        words = {"category": category, "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "triggerPrice": price}
        words |= {"qty": "0.01", "marketUnit": "baseCoin"} if category == "spot" else {"qty": "0.01"}
        if category == "linear":
            wrong = await client.ask("POST", "/v5/order/create", triggerDirection=2, **words)
            assert wrong["retCode"] == 110093
            assert (await client.ask("POST", "/v5/order/create", **words))["retCode"] == 10001
        more = {"orderFilter": "StopOrder"} if category == "spot" else {"triggerDirection": 1}
        ids = []
        for _ in range(2):
            made = await client.ask("POST", "/v5/order/create", **words, **more)
            ids.append(made["result"]["orderId"])
        one = await bybit_row(client, category, ids[0])
        assert (one["orderStatus"], Decimal(one["triggerPrice"]), one["cumExecQty"].strip("0.")) == (
            "Untriggered", Decimal(price), "",
        )  # fmt: skip
        listed = await client.ask("GET", "/v5/order/realtime", category=category, symbol="BTCUSDT")
        assert {row["orderId"] for row in listed["result"]["list"]} == {*ids}
        gone = await client.ask("POST", "/v5/order/cancel", category=category, symbol="BTCUSDT", orderId=ids[1])
        assert gone["retCode"] == 0
        assert (await bybit_row(client, category, ids[1]))["orderStatus"] == "Deactivated"
        push(client.sim, venue, symbol, ticks)
        states: list[str] = []
        while "Filled" not in states:
            message = await hear(ws)
            states += [row["orderStatus"] for row in message["data"] if row["orderId"] == ids[0]]
        assert states[:2] == ["Untriggered", "Triggered"]


async def test_bybit_cancels_conditional_orders_of_spot_by_another_request() -> None:
    async with bybit() as client:
        _, price = above(client.sim, "bybit.spot", "BTC/USDT")
        words = {
            "category": "spot",
            "symbol": "BTCUSDT",
            "side": "Buy",
            "orderType": "Market",
            "marketUnit": "quoteCoin",
        }
        await client.ask("POST", "/v5/order/create", **words, qty="100", triggerPrice=price, orderFilter="StopOrder")
        for filter, left in (({}, 1), ({"orderFilter": "StopOrder"}, 0)):
            await client.ask("POST", "/v5/order/cancel-all", category="spot", symbol="BTCUSDT", **filter)
            found = await client.ask("GET", "/v5/order/realtime", category="spot", symbol="BTCUSDT")
            assert len(found["result"]["list"]) == left


async def test_alpaca_rests_and_becomes_a_limit_order() -> None:
    async with alpaca() as client:
        ticks, price = above(client.sim, "alpaca", "BTC/USD")
        words = {"symbol": "BTC/USD", "qty": "0.01", "side": "buy", "time_in_force": "gtc", "stop_price": price}
        status, made = await client.ask("POST", "/v2/orders", {**words, "type": "stop_limit", "limit_price": price})
        assert (status, made["status"], made["type"], Decimal(made["stop_price"])) == (
            200, "new", "stop_limit", Decimal(price),
        )  # fmt: skip
        status, _ = await client.ask("POST", "/v2/orders", {**words, "type": "stop"})
        assert status == 422
        push(client.sim, "alpaca", "BTC/USD", ticks)
        (record,) = client.sim.account("alpaca").records.values()
        async with asyncio.timeout(20):
            while record.waits:  # noqa: ASYNC110 - the exchange has no event for it
                await asyncio.sleep(0.01)
        _, found = await client.ask("GET", f"/v2/orders/{made['id']}")
        assert (found["type"], record.inner > 0) == ("stop_limit", True)


async def test_who_has_no_stops_refuses_them() -> None:
    async with usdm() as client:
        words = {"symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01", "stopPrice": "1000000"}
        for kind in ("STOP_MARKET", "STOP", "TAKE_PROFIT"):
            status, bad = await client.ask("POST", "/fapi/v1/order", type=kind, **words)
            assert (status, bad["code"]) == (400, -4120)
        assert not client.sim.account("binance.usdm").records
    async with okx() as other:
        body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "sz": "0.01", "triggerPx": "1000000"}
        for kind in ("trigger", "conditional"):
            (row,) = (await other.ask("POST", "/api/v5/trade/order", {**body, "ordType": kind}))["data"]
            assert row["sCode"] == "51000"
        assert not other.sim.account("okx").records
    async with htx() as third:
        number = str(third.sim.account("htx.spot").number)
        asked: dict[str, Any] = {
            "account-id": number, "symbol": "btcusdt", "type": "buy-stop-limit", "amount": "1", "price": "1000000",
            "stop-price": "1000000", "operator": "gte",
        }  # fmt: skip
        bad = await third.ask("POST", "/v1/order/orders/place", **asked)
        assert bad["err-code"] == "invalid-parameter"
        assert not third.sim.account("htx.spot").records


@pytest.mark.parametrize(("venue", "symbol"), [("binance.spot", "BTC/USDT"), ("bybit.linear", "BTC/USDT:USDT")])
async def test_our_client_sees_a_stop_wait_and_fill(venue: str, symbol: str) -> None:
    async with serve(seed=7, venues=[venue]) as sim, connect(venue, at=sim.at) as market:
        ticks, price = above(sim, venue, symbol)
        order = await market.submit(Stop(symbol, "buy", size="0.01", trigger=price))
        assert order.open
        assert (order.kind == "stop", order.trigger, order.filled) == (True, Decimal(price), Decimal(0))
        assert [one.id for one in await market.fetch_open_orders(symbol)] == [order.id]
        other = await market.submit(Stop(symbol, "buy", size="0.01", trigger=price))
        assert (await market.cancel(other)).status == "cancelled"
        push(sim, venue, symbol, ticks)
        async with asyncio.timeout(20):
            while (found := await market.fetch_order(order)).open:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (found.status, found.filled) == ("filled", Decimal("0.01"))


@pytest.mark.parametrize("venue", ["binance.spot", "bybit.spot", "okx", "htx.spot"])
async def test_an_order_by_cost_has_no_size(venue: str) -> None:
    async with serve(seed=7, venues=[venue]) as sim, connect(venue, at=sim.at) as market:
        order = await market.submit(MarketOrder("BTC/USDT", "buy", cost="500"))
        found = await market.fetch_order(order)
        assert (found.size, found.status) == (None, "filled")
        assert found.cost is not None
        assert 400 < found.cost <= 500
        rests = await market.submit(Limit("BTC/USDT", "buy", size="0.1", price="1000"))
        assert rests.size == Decimal("0.1")
