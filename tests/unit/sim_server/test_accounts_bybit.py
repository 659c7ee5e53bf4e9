"""The unified account as Bybit speaks of it, over loopback sockets, by a client that shares nothing with ours."""

import time
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.signed import Bybit, bybit, digest, hear

from tidebook.model.credentials import Credentials
from tidebook.sim.server import READER

CATEGORIES = ("spot", "linear")


async def best(client: Bybit, category: str) -> tuple[Decimal, Decimal]:
    found = await client.ask("GET", "/v5/market/tickers", category=category, symbol="BTCUSDT")
    row = found["result"]["list"][0]
    return Decimal(row["bid1Price"]), Decimal(row["ask1Price"])


async def create(client: Bybit, category: str, **words: Any) -> dict[str, Any]:
    """An order to buy that rests far away, unless told otherwise."""
    bid, _ = await best(client, category)
    price = str((bid / 2).quantize(Decimal("0.1")))
    usual = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": price}
    return await client.ask("POST", "/v5/order/create", category=category, **{**usual, **words})


async def row(client: Bybit, category: str, **words: Any) -> dict[str, Any]:
    found = await client.ask("GET", "/v5/order/realtime", category=category, symbol="BTCUSDT", **words)
    one: dict[str, Any] = found["result"]["list"][0]
    return one


@pytest.mark.parametrize("category", CATEGORIES)
async def test_an_order_rests_is_amended_and_cancelled(category: str) -> None:
    async with bybit() as client:
        placed = await create(client, category, orderLinkId="mine")
        assert (placed["retCode"], placed["result"]["orderLinkId"]) == (0, "mine")
        id = placed["result"]["orderId"]
        one = await row(client, category)
        assert (one["orderId"], one["orderStatus"], Decimal(one["leavesQty"])) == (id, "New", Decimal("0.01"))
        done = await client.ask(
            "POST", "/v5/order/amend", category=category, symbol="BTCUSDT", orderLinkId="mine", qty="0.02"
        )  # fmt: skip
        assert (done["retCode"], done["result"]["orderId"]) == (0, id)
        assert Decimal((await row(client, category))["qty"]) == Decimal("0.02")
        gone = await client.ask("POST", "/v5/order/cancel", category=category, symbol="BTCUSDT", orderId=id)
        assert gone["retCode"] == 0
        assert (await row(client, category, orderId=id))["orderStatus"] == "Cancelled"
        gone = await client.ask("POST", "/v5/order/cancel", category=category, symbol="BTCUSDT", orderId=id)
        assert gone["retCode"] == (170142 if category == "spot" else 110008)
        gone = await client.ask("POST", "/v5/order/cancel", category=category, symbol="BTCUSDT", orderId="77")
        assert gone["retCode"] == (170213 if category == "spot" else 110001)
        again = await create(client, category, orderLinkId="mine")
        assert again["retCode"] == (170141 if category == "spot" else 110072)


async def test_one_wallet_for_spot_and_contracts() -> None:
    async with bybit() as client:
        await create(client, "spot", orderType="Market", side="Buy", qty="1000")
        await create(client, "linear", orderType="Market", side="Sell", qty="0.5")
        found = await client.ask("GET", "/v5/position/list", category="linear", symbol="BTCUSDT")
        (held,) = found["result"]["list"]
        assert (held["side"], Decimal(held["size"])) == ("Sell", Decimal("0.5"))
        average = Decimal(held["avgPrice"])
        assert abs(Decimal(held["unrealisedPnl"]) + Decimal("0.5") * (Decimal(held["markPrice"]) - average)) < 1
        (only,) = (await client.ask("GET", "/v5/position/list", category="linear"))["result"]["list"]
        assert (only["size"], only["avgPrice"]) == (held["size"], held["avgPrice"])
        closed = await create(client, "linear", orderType="Market", side="Buy", qty="5", reduceOnly=True)
        assert closed["retCode"] == 0
        assert (await client.ask("GET", "/v5/position/list", category="linear"))["result"]["list"] == []
        again = await create(client, "linear", orderType="Market", side="Buy", qty="5", reduceOnly=True)
        assert again["retCode"] == 110017
        fills = (await client.ask("GET", "/v5/execution/list", category="linear", limit=100))["result"]["list"]
        assert sum(Decimal(one["execQty"]) * (1 if one["side"] == "Buy" else -1) for one in fills) == 0
        cost = sum(Decimal(one["execValue"]) * (-1 if one["side"] == "Buy" else 1) for one in fills)
        fees = sum(Decimal(one["execFee"]) for one in fills)
        spot = (await client.ask("GET", "/v5/execution/list", category="spot"))["result"]["list"]
        spent = sum(Decimal(one["execValue"]) for one in spot)
        assert Decimal(990) < spent <= 1000
        assert {one["feeCurrency"] for one in spot} == {"BTC"}
        wallet = await client.ask("GET", "/v5/account/wallet-balance", accountType="UNIFIED", coin="USDT")
        (coin,) = wallet["result"]["list"][0]["coin"]
        assert Decimal(coin["walletBalance"]) == 1_000_000 + cost - fees - spent
        assert Decimal(coin["locked"]) == 0


@pytest.mark.parametrize(
    ("category", "words", "code"),
    [
        ("spot", {"qty": "100000"}, 170131),
        ("linear", {"qty": "100000"}, 110007),
        ("spot", {"qty": "0.0000001"}, 170137),
        ("spot", {"price": "10000.001"}, 170134),
        ("spot", {"qty": "0.00001"}, 170140),
        ("linear", {"symbol": "NOSUCH"}, 10001),
        ("linear", {"side": "Hold"}, 10001),
        ("linear", {"orderLinkId": "no spaces"}, 10001),
    ],
)
async def test_orders_are_refused_in_the_venues_words(category: str, words: dict[str, Any], code: int) -> None:
    async with bybit() as client:
        assert (await create(client, category, **words))["retCode"] == code
        assert client.sim.account("bybit.spot").records == {}


async def test_only_who_signs_rightly_is_believed() -> None:
    async with bybit() as client:
        client.spoilt = True
        assert (await create(client, "spot"))["retCode"] == 10004
        client.spoilt = False
        client.ahead_ms = -6_000
        assert (await create(client, "spot"))["retCode"] == 10002
        client.ahead_ms = 0
        client.key = READER
        assert (await create(client, "spot"))["retCode"] == 10005
        assert (await client.ask("GET", "/v5/user/query-api"))["result"]["readOnly"] == 1
        client.key = Credentials.of("nobody", "nothing", source="a test")
        assert (await create(client, "spot"))["retCode"] == 10003
        ws = await client.connect("/v5/private")
        assert (await hear(ws))["success"] is False
        assert await hear(ws) is None


async def test_what_happens_is_told() -> None:
    async with bybit() as client:
        ws = await client.connect("/v5/private")
        assert (await hear(ws))["success"] is True
        await ws.send_json({"op": "subscribe", "args": ["order", "execution", "position", "wallet"], "req_id": "7"})
        assert (await hear(ws))["req_id"] == "7"
        placed = await create(client, "linear", orderType="Market", side="Sell", qty="0.1")
        seen: list[Any] = []
        while not seen or seen[-1]["topic"] != "wallet":
            seen.append(await hear(ws))
        states = [one["data"][0]["orderStatus"] for one in seen if one["topic"] == "order"]
        assert states[0] == "New"
        executions = [one["data"][0] for one in seen if one["topic"] == "execution"]
        assert executions[0]["orderId"] == placed["result"]["orderId"]
        assert executions[0]["category"] == "linear"
        position = next(one["data"][0] for one in seen if one["topic"] == "position")
        assert (position["side"], Decimal(position["size"])) == ("Sell", Decimal(executions[0]["execQty"]))
        await ws.close()


async def test_a_post_only_order_that_would_take_is_acknowledged_and_cancelled() -> None:
    async with bybit() as client:
        ws = await client.connect("/v5/private")
        await hear(ws)
        await ws.send_json({"op": "subscribe", "args": ["order.linear"]})
        await hear(ws)
        _, ask = await best(client, "linear")
        placed = await create(client, "linear", timeInForce="PostOnly", price=str(ask + 100))
        assert placed["retCode"] == 0
        told = (await hear(ws))["data"][0]
        assert (told["orderStatus"], told["rejectReason"]) == ("Cancelled", "EC_PostOnlyWillTakeLiquidity")
        await ws.close()


async def test_orders_by_message() -> None:
    async with bybit() as client:
        ws = await client.connect("/v5/trade")
        assert (await hear(ws))["retCode"] == 0
        words = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.01"}
        head = {"X-BAPI-TIMESTAMP": str(time.time_ns() // 1_000_000)}
        make = {"reqId": "1", "op": "order.create", "args": [{**words, "price": "20000"}]}
        await ws.send_json(make)
        assert (await hear(ws))["retCode"] == 10002
        await ws.send_json({**make, "header": head})
        placed = await hear(ws)
        assert (placed["reqId"], placed["retCode"]) == ("1", 0)
        assert (await row(client, "linear"))["orderId"] == placed["data"]["orderId"]
        cancel = {"category": "linear", "symbol": "BTCUSDT", "orderId": placed["data"]["orderId"]}
        for code in (0, 110008):
            await ws.send_json({"reqId": "2", "op": "order.cancel", "header": head, "args": [cancel]})
            assert (await hear(ws))["retCode"] == code
        await ws.close()


async def test_a_login_for_orders_is_refused_by_the_code_of_its_reason() -> None:
    """Websocket Trade Guideline: 10004 for a wrong signature, 20001 for one who is logged in already."""
    async with bybit() as client:
        ws = await client.connect("/v5/trade")
        assert (await hear(ws))["retCode"] == 0
        key, expires = client.key.key.reveal(), int(time.time() * 1000) + 10_000
        for at_ms, text, code in ((expires, "right", 20001), (expires, "wrong", 10004), (1, "right", 10002)):
            signature = digest(client.key, f"GET/realtime{at_ms}" if text == "right" else text)
            await ws.send_json({"op": "auth", "args": [key, at_ms, signature]})
            assert (await hear(ws))["retCode"] == code
        await ws.close()
