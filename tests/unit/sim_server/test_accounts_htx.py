"""Accounts as HTX spot speaks of them, over loopback sockets, by a client that shares nothing with ours."""

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.signed import Htx, hear, htx

from tidebook.model.credentials import Credentials
from tidebook.sim.server import READER

ROOT = "/v1/order/orders"


async def account(client: Htx) -> str:
    return str((await client.ask("GET", "/v1/account/accounts"))["data"][0]["id"])


async def best(client: Htx) -> tuple[Decimal, Decimal]:
    tick = (await client.ask("GET", "/market/detail/merged", symbol="btcusdt"))["tick"]
    return Decimal(str(tick["bid"][0])), Decimal(str(tick["ask"][0]))


async def place(client: Htx, **words: Any) -> dict[str, Any]:
    """An order to buy that rests far away, unless told otherwise."""
    bid, _ = await best(client)
    price = str((bid / 2).quantize(Decimal("0.01")))
    usual = {"account-id": await account(client), "symbol": "btcusdt", "type": "buy-limit", "amount": "0.01"}
    return await client.ask("POST", f"{ROOT}/place", **{**usual, "price": price, **words})


async def balances(client: Htx) -> dict[tuple[str, str], Decimal]:
    found = await client.ask("GET", f"/v1/account/accounts/{await account(client)}/balance")
    return {(one["currency"], one["type"]): Decimal(one["balance"]) for one in found["data"]["list"]}


async def test_an_order_rests_is_found_and_is_cancelled() -> None:
    async with htx() as client:
        placed = await place(client, **{"client-order-id": "mine"})
        assert placed["status"] == "ok"
        id = placed["data"]
        one = (await client.ask("GET", f"{ROOT}/{id}"))["data"]
        assert (str(one["id"]), one["state"], one["type"], one["client-order-id"]) == (
            id, "submitted", "buy-limit", "mine",
        )  # fmt: skip
        held = await balances(client)
        assert held["usdt", "frozen"] == Decimal(one["price"]) * Decimal("0.01")
        rows = (await client.ask("GET", "/v1/order/openOrders", symbol="btcusdt"))["data"]
        assert [str(row["id"]) for row in rows] == [id]
        assert await client.ask("POST", f"{ROOT}/{id}/submitcancel") == {"status": "ok", "data": id}
        again = await client.ask("POST", f"{ROOT}/{id}/submitcancel")
        assert again["err-code"] == "order-orderstate-error"
        one = (await client.ask("GET", f"{ROOT}/getClientOrder", clientOrderId="mine"))["data"]
        assert one["state"] == "canceled"
        assert (await client.ask("GET", f"{ROOT}/77"))["err-code"] == "base-record-invalid"
        await place(client)
        done = await client.ask("POST", f"{ROOT}/batchCancelOpenOrders", symbol="btcusdt")
        assert done["data"]["success-count"] == 1


async def test_market_orders_fill_and_pay() -> None:
    async with htx() as client:
        before = await balances(client)
        bought = (await place(client, type="buy-market", amount="1000"))["data"]
        rows = (await client.ask("GET", f"{ROOT}/{bought}/matchresults"))["data"]
        spent = sum(Decimal(one["price"]) * Decimal(one["filled-amount"]) for one in rows)
        got = sum(Decimal(one["filled-amount"]) - Decimal(one["filled-fees"]) for one in rows)
        assert Decimal(990) < spent <= 1000
        assert {one["fee-currency"] for one in rows} == {"btc"}
        after = await balances(client)
        assert after["usdt", "trade"] == before["usdt", "trade"] - spent
        assert after["btc", "trade"] == before["btc", "trade"] + got
        one = (await client.ask("GET", f"{ROOT}/{bought}"))["data"]
        assert (one["state"], Decimal(one["field-cash-amount"])) == ("filled", spent)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"amount": "100000"}, "account-frozen-balance-insufficient-error"),
        ({"price": "10000.001"}, "order-orderprice-precision-error"),
        ({"amount": "0.0000001"}, "order-orderamount-precision-error"),
        ({"amount": "0.00001"}, "order-value-min-error"),
        ({"symbol": "nosuch"}, "invalid-parameter"),
        ({"type": "buy-never"}, "invalid-parameter"),
        ({"account-id": "99"}, "account-get-accounts-inexistent-error"),
    ],
)
async def test_orders_are_refused_in_the_venues_words(words: dict[str, Any], code: str) -> None:
    async with htx() as client:
        assert (await place(client, **words))["err-code"] == code
        assert client.sim.account("htx.spot").records == {}


async def test_only_who_signs_rightly_is_believed() -> None:
    async with htx() as client:
        path, bad = "/v1/account/accounts", "api-signature-not-valid"
        assert (await client.ask("GET", path, spoilt=True))["err-code"] == bad
        client.late_s = 301
        assert (await client.ask("GET", path))["err-code"] == bad
        client.late_s = 0
        client.key = Credentials.of("nobody", "nothing", source="a test")
        assert (await client.ask("GET", path))["err-code"] == bad
        client.key = READER
        assert (await client.ask("GET", path))["status"] == "ok"
        assert (await place(client))["status"] == "error"
        assert client.sim.account("htx.spot").records == {}


async def test_what_happens_is_told() -> None:
    async with htx() as client:
        ws = await client.connect()
        assert (await hear(ws))["code"] == 200
        channels = ("orders#btcusdt", "trade.clearing#*#0")
        for channel in channels:
            await ws.send_json({"action": "sub", "ch": channel})
            assert (await hear(ws))["ch"] == channel
        bought = (await place(client, type="buy-market", amount="1000"))["data"]
        seen: list[Any] = []
        while not seen or seen[-1]["data"].get("orderStatus") != "filled" or len(seen) < 3:
            seen.append(await hear(ws))
        assert seen[0]["data"]["eventType"] == "creation"
        assert {str(one["data"]["orderId"]) for one in seen} == {bought}
        assert {one["ch"] for one in seen} == {"orders#btcusdt", "trade.clearing#btcusdt#0"}
        await ws.close()
