"""Accounts as Alpaca speaks of them, over loopback sockets, by a client that shares nothing with ours."""

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.signed import Alpaca, alpaca, hear

from tidebook.sim.server import READER

SYMBOL = "BTC/USD"


async def order(client: Alpaca, **words: Any) -> tuple[int, Any]:
    """One to buy that rests far away, unless told otherwise."""
    usual = {"symbol": SYMBOL, "qty": "0.01", "side": "buy", "type": "limit", "time_in_force": "gtc"}
    given = {**usual, "limit_price": "20000", **words}
    return await client.ask("POST", "/v2/orders", {name: one for name, one in given.items() if one is not None})


async def cash(client: Alpaca) -> Decimal:
    _, found = await client.ask("GET", "/v2/account")
    return Decimal(found["cash"])


async def test_an_order_rests_is_found_and_is_cancelled() -> None:
    async with alpaca() as client:
        before = await cash(client)
        status, placed = await order(client, client_order_id="mine")
        assert (status, placed["status"], placed["client_order_id"], placed["qty"]) == (200, "new", "mine", "0.01")
        assert await cash(client) == before - 200
        _, found = await client.ask("GET", "/v2/orders:by_client_order_id?client_order_id=mine")
        assert found["id"] == placed["id"]
        _, rows = await client.ask("GET", "/v2/orders?symbols=BTCUSD")
        assert [one["id"] for one in rows] == [placed["id"]]
        assert await client.ask("DELETE", f"/v2/orders/{placed['id']}") == (204, None)
        status, refused = await client.ask("DELETE", f"/v2/orders/{placed['id']}")
        assert (status, refused["code"]) == (422, 42210000)
        _, found = await client.ask("GET", f"/v2/orders/{placed['id']}")
        assert found["status"] == "canceled"
        assert (await client.ask("GET", "/v2/orders/nothing"))[0] == 404
        await order(client)
        status, rows = await client.ask("DELETE", "/v2/orders")
        assert (status, len(rows)) == (207, 1)
        assert await cash(client) == before


async def test_market_orders_fill_and_pay_of_what_they_get() -> None:
    async with alpaca() as client:
        _, done = await order(client, type="market", limit_price=None, qty="0.5")
        assert (done["status"], done["filled_qty"]) == ("filled", "0.5")
        _, rows = await client.ask("GET", "/v2/account/activities/FILL")
        assert sum(Decimal(one["qty"]) for one in rows) == Decimal("0.5")
        spent = sum(Decimal(one["qty"]) * Decimal(one["price"]) for one in rows)
        assert abs(await cash(client) - (1_000_000 - spent)) < Decimal("0.01")
        _, held = await client.ask("GET", "/v2/positions/BTCUSD")
        assert Decimal(held["qty"]) == 10 + Decimal("0.5") * (1 - Decimal("0.0025"))
        _, done = await order(client, type="market", limit_price=None, qty=None, notional="100", side="sell")
        assert done["status"] == "filled"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ({"qty": "1000"}, 40310000, "insufficient balance for USD (requested: 20000000, available: 1000000)"),
        ({"time_in_force": "fok"}, 42210000, "invalid crypto time_in_force"),
        ({"type": "stop"}, 42210000, "invalid order type for crypto order"),
        ({"qty": "0.0001", "limit_price": "100"}, 40310000, "cost basis must be >= minimal amount of order 10"),
        ({"symbol": "NO/SUCH"}, None, "asset not found"),
    ],
)
async def test_orders_are_refused_in_the_venues_words(words: dict[str, Any], code: int | None, text: str) -> None:
    async with alpaca() as client:
        status, refused = await order(client, **words)
        assert (refused.get("code"), refused["message"]) == (code, text)
        assert status == (404 if code is None else code // 100_000)


async def test_only_who_has_the_key_is_let_in() -> None:
    async with alpaca() as client:
        client.secret = "another"
        assert (await client.ask("GET", "/v2/account"))[0] == 403
        client.key, client.secret = READER, READER.secret.reveal()
        assert (await client.ask("GET", "/v2/account"))[1]["trading_blocked"] is True
        assert (await order(client))[0] == 403


async def test_what_happens_is_told() -> None:
    async with alpaca() as client:
        ws = await client.session.ws_connect(
            f"http://{client.sim.at}/stream", headers={"Host": "paper-api.alpaca.markets"}
        )  # fmt: skip
        data = {"key_id": client.key.key.reveal(), "secret_key": client.secret}
        await ws.send_json({"action": "authenticate", "data": data})
        assert (await hear(ws))["data"]["status"] == "authorized"
        await ws.send_json({"action": "listen", "data": {"streams": ["trade_updates"]}})
        assert (await hear(ws))["stream"] == "listening"
        await order(client, type="market", limit_price=None)
        seen: list[Any] = []
        while not seen or seen[-1]["data"]["event"] != "fill":
            seen.append(await hear(ws))
        assert seen[0]["data"]["event"] == "new"
        assert seen[-1]["data"]["order"]["filled_qty"] == "0.01"
        assert Decimal(seen[-1]["data"]["position_qty"]) > 10
        await ws.close()


async def test_the_account_s_worth_is_its_cash_and_what_its_coins_are_worth() -> None:
    """A client that takes the coins off the worth has the dollars, those held for orders too."""
    async with alpaca() as client:
        dollars = await cash(client)
        await order(client)
        _, found = await client.ask("GET", "/v2/account")
        assert Decimal(found["position_market_value"]) > 0
        assert Decimal(found["equity"]) - Decimal(found["position_market_value"]) == dollars


async def test_another_order_comes_in_the_place_of_one_that_is_changed() -> None:
    async with alpaca() as client:
        before = await cash(client)
        ws = await client.session.ws_connect(
            f"http://{client.sim.at}/stream", headers={"Host": "paper-api.alpaca.markets"}
        )  # fmt: skip
        data = {"key_id": client.key.key.reveal(), "secret_key": client.secret}
        await ws.send_json({"action": "authenticate", "data": data})
        await hear(ws)
        await ws.send_json({"action": "listen", "data": {"streams": ["trade_updates"]}})
        await hear(ws)
        _, old = await order(client, client_order_id="mine")
        status, new = await client.ask("PATCH", f"/v2/orders/{old['id']}", {"limit_price": "21000"})
        assert (status, new["status"], new["qty"], Decimal(new["limit_price"])) == (200, "new", "0.01", Decimal(21000))
        assert new["id"] != old["id"]
        assert new["client_order_id"] != "mine"
        assert new["replaces"] == old["id"]
        assert await cash(client) == before - 210
        told = [(await hear(ws))["data"] for _ in range(3)]
        assert [(one["event"], one["order"]["id"]) for one in told] == [
            ("new", old["id"]), ("replaced", old["id"]), ("new", new["id"]),
        ]  # fmt: skip
        await ws.close()
        _, found = await client.ask("GET", f"/v2/orders/{old['id']}")
        assert (found["status"], found["replaced_by"], found["canceled_at"]) == ("replaced", new["id"], None)
        _, rows = await client.ask("GET", "/v2/orders")
        assert [one["id"] for one in rows] == [new["id"]]
        words = {"qty": "0.02", "client_order_id": "other"}
        _, third = await client.ask("PATCH", f"/v2/orders/{new['id']}", words)
        assert (third["qty"], Decimal(third["limit_price"]), third["client_order_id"]) == (
            "0.02",
            Decimal(21000),
            "other",
        )


async def test_what_cannot_be_changed_stays_as_it_is() -> None:
    async with alpaca() as client:
        _, rests = await order(client)
        _, ended = await order(client)
        await client.ask("DELETE", f"/v2/orders/{ended['id']}")
        refusals = [
            (rests, {}, 40310000),
            (rests, {"limit_price": "20000.00"}, 40310000),
            (rests, {"qty": "much"}, 42210000),
            (rests, {"qty": "1000"}, 40310000),
            (rests, {"time_in_force": "day"}, 42210000),
            (ended, {"limit_price": "21000"}, 42210000),
        ]
        for one, words, code in refusals:
            status, answer = await client.ask("PATCH", f"/v2/orders/{one['id']}", words)
            assert (status, answer["code"]) == (code // 100_000, code)
        assert (await client.ask("PATCH", "/v2/orders/nothing", {"qty": "1"}))[0] == 404
        _, rows = await client.ask("GET", "/v2/orders")
        assert [(one["id"], Decimal(one["limit_price"])) for one in rows] == [(rests["id"], Decimal(20000))]
        # what the old one holds is the new one's
        _, account = await client.ask("GET", "/v2/account")
        most = Decimal(account["cash"]) + 200
        status, _ = await client.ask("PATCH", f"/v2/orders/{rests['id']}", {"qty": f"{most / 20000:.4f}"})
        assert status == 200
