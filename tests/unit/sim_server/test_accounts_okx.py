"""Accounts as OKX speaks of them, over loopback sockets, by a client that shares nothing with ours."""

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.signed import Okx, hear, okx

from tidebook.sim.server import READER

ORDER = "/api/v5/trade/order"
SPOT, SWAP = "BTC-USDT", "BTC-USDT-SWAP"


async def best(client: Okx, id: str) -> tuple[Decimal, Decimal]:
    (row,) = (await client.ask("GET", "/api/v5/market/ticker", instId=id))["data"]
    return Decimal(row["bidPx"]), Decimal(row["askPx"])


async def order(client: Okx, id: str = SPOT, **words: Any) -> dict[str, Any]:
    """The row of an order's answer: one to buy that rests far away, unless told otherwise."""
    bid, _ = await best(client, id)
    usual = {
        "instId": id, "tdMode": "cash" if id == SPOT else "cross", "side": "buy", "ordType": "limit", "sz": "1",
        "px": str((bid / 2).quantize(Decimal("0.1"))),
    }  # fmt: skip
    row: dict[str, Any] = (await client.ask("POST", ORDER, {**usual, **words}))["data"][0]
    return row


async def test_an_order_rests_is_amended_and_cancelled() -> None:
    async with okx() as client:
        placed = await order(client, clOrdId="mine", sz="0.5")
        assert (placed["sCode"], placed["clOrdId"]) == ("0", "mine")
        (one,) = (await client.ask("GET", ORDER, instId=SPOT, clOrdId="mine"))["data"]
        assert (one["ordId"], one["state"], one["ordType"]) == (placed["ordId"], "live", "limit")
        body = {"instId": SPOT, "clOrdId": "mine", "newSz": "0.25"}
        assert (await client.ask("POST", "/api/v5/trade/amend-order", body))["code"] == "0"
        (one,) = (await client.ask("GET", "/api/v5/trade/orders-pending"))["data"]
        assert Decimal(one["sz"]) == Decimal("0.25")
        body = {"instId": SPOT, "ordId": placed["ordId"]}
        assert (await client.ask("POST", "/api/v5/trade/cancel-order", body))["data"][0]["sCode"] == "0"
        again = await client.ask("POST", "/api/v5/trade/cancel-order", body)
        assert (again["code"], again["data"][0]["sCode"]) == ("1", "51400")
        (one,) = (await client.ask("GET", "/api/v5/trade/orders-history", instType="SPOT"))["data"]
        assert (one["state"], one["cancelSource"]) == ("canceled", "1")
        assert (await order(client, clOrdId="mine"))["sCode"] == "51016"
        assert (await client.ask("GET", ORDER, instId=SPOT, ordId="77"))["code"] == "51603"


async def test_spot_and_contracts_of_one_balance() -> None:
    async with okx() as client:
        await order(client, ordType="market", sz="1000")  # of quote currency
        fills = (await client.ask("GET", "/api/v5/trade/fills", instType="SPOT"))["data"]
        spent = sum(Decimal(one["fillPx"]) * Decimal(one["fillSz"]) for one in fills)
        assert Decimal(990) < spent <= 1000
        assert all(one["feeCcy"] == "BTC" and Decimal(one["fee"]) < 0 for one in fills)
        await order(client, SWAP, ordType="market", side="sell", sz="20")
        (held,) = (await client.ask("GET", "/api/v5/account/positions"))["data"]
        assert (held["pos"].rstrip("0").rstrip("."), held["instId"]) == ("-20", SWAP)
        assert (await order(client, SWAP, ordType="market", sz="50", reduceOnly=True))["sCode"] == "0"
        assert (await client.ask("GET", "/api/v5/account/positions"))["data"] == []
        rows = (await client.ask("GET", "/api/v5/trade/fills", instType="SWAP"))["data"]
        won = sum(Decimal(one["fillPnl"]) for one in rows)
        paid = sum(Decimal(one["fee"]) for one in rows)
        (detail,) = (await client.ask("GET", "/api/v5/account/balance", ccy="USDT"))["data"][0]["details"]
        assert Decimal(detail["cashBal"]) == 1_000_000 - spent + won + paid


@pytest.mark.parametrize(
    ("id", "words", "code"),
    [
        (SPOT, {"sz": "100000"}, "51008"),
        (SWAP, {"sz": "10000000"}, "51008"),
        (SPOT, {"sz": "0.000000001"}, "51121"),
        (SPOT, {"px": "10000.001"}, "51000"),
        (SPOT, {"tdMode": "none"}, "51000"),
        (SPOT, {"clOrdId": "no-dash"}, "51000"),
        (SPOT, {"ordType": ""}, "50014"),
        (SPOT, {"instId": "NO-SUCH"}, "51001"),
        (SWAP, {"reduceOnly": True}, "51169"),
    ],
)
async def test_orders_are_refused_in_the_venues_words(id: str, words: dict[str, Any], code: str) -> None:
    async with okx() as client:
        assert (await order(client, id, **words))["sCode"] == code
        assert client.sim.account("okx").records == {}


async def test_only_who_signs_rightly_is_believed() -> None:
    async with okx() as client:
        path = "/api/v5/account/balance"
        client.spoilt = True
        assert (await client.ask("GET", path))["code"] == "50113"
        client.spoilt = False
        client.late_s = 31
        assert (await client.ask("GET", path))["code"] == "50102"
        client.late_s = 0
        client.passphrase = "another"
        assert (await client.ask("GET", path))["code"] == "50105"
        client.passphrase = "simulator-passphrase"
        client.key = READER
        assert (await client.ask("GET", path))["code"] == "0"
        assert (await client.ask("POST", ORDER, {"instId": SPOT}))["code"] == "50120"


async def test_what_happens_is_told_and_orders_go_by_message() -> None:
    async with okx() as client:
        ws = await client.connect()
        assert (await hear(ws))["event"] == "login"
        await ws.send_str("ping")
        assert (await ws.receive(timeout=30)).data == "pong"
        args = [{"channel": "orders", "instType": "ANY"}, {"channel": "account"}]
        await ws.send_json({"op": "subscribe", "args": [*args, {"channel": "positions", "instType": "SWAP"}]})
        seen = [await hear(ws) for _ in range(5)]
        assert [one.get("event") for one in seen] == ["subscribe", "subscribe", None, "subscribe", None]
        assert {one["ccy"] for one in seen[2]["data"][0]["details"]} >= {"USDT", "BTC"}
        assert seen[4]["data"] == []
        instruments = (await client.ask("GET", "/api/v5/public/instruments", instType="SWAP"))["data"]
        code = next(one["instIdCode"] for one in instruments if one["instId"] == SWAP)
        words = {"instIdCode": code, "tdMode": "cross", "side": "sell", "ordType": "market", "sz": "1"}
        await ws.send_json({"id": "7", "op": "order", "args": [words]})
        told: list[Any] = []
        while not told or told[-1].get("id") != "7":
            told.append(await hear(ws))
        assert told[-1]["code"] == "0"
        orders = [one["data"][0] for one in told if one.get("arg", {}).get("channel") == "orders"]
        assert [one["state"] for one in orders] == ["live", *["partially_filled"] * (len(orders) - 2), "filled"]
        assert all(Decimal(one["fee"]) < 0 for one in orders[1:])
        held = [one["data"][0] for one in told if one.get("arg", {}).get("channel") == "positions"]
        assert Decimal(held[-1]["pos"]) == -1
        await ws.close()


@pytest.mark.parametrize(
    ("op", "words", "more", "code"),
    [
        ("order", {"instId": SPOT}, {}, "50014"),
        ("order", {"instIdCode": 1}, {}, "51001"),
        ("order", {"instIdCode": 10_000}, {"expTime": "1"}, "50036"),
        ("amend-order", {"instIdCode": 10_000}, {"expTime": "1"}, "50036"),
        ("cancel-order", {"instIdCode": 10_000, "ordId": "999999"}, {"expTime": "1"}, "51400"),
        ("order", {"instIdCode": 10_000}, {"expTime": "soon"}, "51000"),
    ],
)
async def test_messages_are_refused_in_the_venues_words(
    op: str, words: dict[str, object], more: dict[str, str], code: str
) -> None:
    async with okx() as client:
        ws = await client.connect()
        assert (await hear(ws))["event"] == "login"
        whole = {"tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "30000", **words}
        await ws.send_json({"id": "7", "op": op, "args": [whole], **more})
        (row,) = (answer := await hear(ws))["data"]
        assert (answer["id"], answer["op"], answer["code"], row["sCode"]) == ("7", op, "1", code)
        await ws.send_json({"id": "8", "op": op, "args": [whole, whole]})
        answer = await hear(ws)
        assert (answer["id"], answer["code"], answer["data"]) == ("8", "60013", [])
        await ws.close()


async def test_a_post_only_order_that_would_take_is_accepted_and_cancelled() -> None:
    async with okx() as client:
        _, ask = await best(client, SPOT)
        placed = await order(client, ordType="post_only", px=str(ask + 100), sz="0.01")
        assert placed["sCode"] == "0"
        (one,) = (await client.ask("GET", ORDER, instId=SPOT, ordId=placed["ordId"]))["data"]
        assert (one["state"], one["cancelSource"]) == ("canceled", "31")


async def test_many_orders_go_by_one_message() -> None:
    async with okx() as client:
        ws = await client.connect()
        assert (await hear(ws))["event"] == "login"
        words = {"instIdCode": 10_000, "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": "30000"}

        async def say(op: str, *args: dict[str, object]) -> tuple[str, list[Any]]:
            await ws.send_json({"id": "7", "op": op, "args": [*args]})
            answer = await hear(ws)
            assert (answer["id"], answer["op"]) == ("7", op)
            return answer["code"], answer["data"]

        code, rows = await say("batch-orders", words, {**words, "px": "0"}, words)
        assert (code, [one["sCode"] == "0" for one in rows]) == ("2", [True, False, True])
        placed = [{"instIdCode": 10_000, "ordId": one["ordId"]} for one in rows if one["sCode"] == "0"]
        code, rows = await say("batch-amend-orders", *({**one, "newSz": "0.02"} for one in placed))
        assert (code, [one["ordId"] for one in rows]) == ("0", [one["ordId"] for one in placed])
        assert [one[0] for one in [await say("batch-cancel-orders", *placed) for _ in range(2)]] == ["0", "1"]
        assert await say("batch-orders", *[words] * 21) == ("60013", [])
        await ws.close()
