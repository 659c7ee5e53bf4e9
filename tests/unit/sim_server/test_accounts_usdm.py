"""Positions and orders as Binance's USD-M speaks of them, by a client that shares nothing with ours."""

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.sim_server.signed import Binance, hear, usdm

ORDER = "/fapi/v1/order"
SYMBOL = "BTCUSDT"


async def best(client: Binance) -> tuple[Decimal, Decimal]:
    _, found = await client.raw("GET", f"/fapi/v1/ticker/bookTicker?symbol={SYMBOL}")
    return Decimal(found["bidPrice"]), Decimal(found["askPrice"])


async def order(client: Binance, side: str = "BUY", quantity: str = "0.5", **words: Any) -> tuple[int, Any]:
    usual = {"symbol": SYMBOL, "side": side, "type": "MARKET", "quantity": quantity}
    return await client.ask("POST", ORDER, **{**usual, **words})


async def limit(client: Binance, **words: Any) -> tuple[int, Any]:
    bid, _ = await best(client)
    price = (bid / 2).quantize(Decimal("0.1"))
    return await order(client, **{"type": "LIMIT", "timeInForce": "GTC", "price": price, **words})


async def wallet(client: Binance) -> dict[str, Decimal]:
    _, rows = await client.ask("GET", "/fapi/v3/balance")
    row = next(one for one in rows if one["asset"] == "USDT")
    return {name: Decimal(row[name]) for name in ("balance", "availableBalance", "crossUnPnl")}


async def test_a_position_opens_and_closes_and_what_it_won_is_in_the_wallet() -> None:
    async with usdm() as client:
        assert (await client.ask("GET", "/fapi/v3/positionRisk")) == (200, [])
        status, placed = await order(client)
        assert (status, placed["status"], placed["cumQty"]) == (200, "FILLED", "0.500")
        assert "avgPrice" not in placed
        _, found = await client.ask("GET", ORDER, symbol=SYMBOL, orderId=placed["orderId"])
        _, (held,) = await client.ask("GET", "/fapi/v3/positionRisk", symbol=SYMBOL)
        assert (held["positionAmt"], held["positionSide"]) == ("0.500", "BOTH")
        assert Decimal(held["entryPrice"]) == Decimal(found["avgPrice"])
        assert abs(Decimal(held["initialMargin"]) * 20 - Decimal(found["cumQuote"])) < Decimal("0.001")
        _, closed = await order(client, "SELL", "3", reduceOnly="true")
        assert (closed["status"], closed["origQty"], closed["reduceOnly"]) == ("FILLED", "0.500", True)
        assert (await client.ask("GET", "/fapi/v3/positionRisk")) == (200, [])
        _, rows = await client.ask("GET", "/fapi/v1/userTrades", symbol=SYMBOL)
        won = sum(Decimal(one["realizedPnl"]) for one in rows)
        assert won == sum(Decimal(one["quoteQty"]) * (-1 if one["buyer"] else 1) for one in rows)
        fees = sum(Decimal(one["commission"]) for one in rows)
        after = await wallet(client)
        assert abs(after["balance"] - (1_000_000 + won - fees)) < Decimal("1e-7")
        assert after["availableBalance"] == after["balance"]
        status, refused = await order(client, "SELL", reduceOnly="true")
        assert (status, refused["code"]) == (400, -2022)


async def test_an_order_is_modified_queried_and_cancelled() -> None:
    async with usdm() as client:
        _, placed = await limit(client, newClientOrderId="mine")
        assert placed["status"] == "NEW"
        price = Decimal(placed["price"]) - 100
        _, changed = await client.ask(
            "PUT", ORDER, symbol=SYMBOL, side="BUY", origClientOrderId="mine", quantity="0.7", price=price
        )  # fmt: skip
        assert (changed["orderId"], changed["origQty"], Decimal(changed["price"])) == (
            placed["orderId"], "0.700", price,
        )  # fmt: skip
        assert [one["orderId"] for one in (await client.ask("GET", "/fapi/v1/openOrders"))[1]] == [placed["orderId"]]
        _, gone = await client.ask("DELETE", ORDER, symbol=SYMBOL, orderId=placed["orderId"])
        assert gone["status"] == "CANCELED"
        assert (await client.ask("GET", "/fapi/v1/openOrders")) == (200, [])
        await limit(client)
        assert (await client.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=SYMBOL))[1]["code"] == 200
        assert (await client.ask("GET", "/fapi/v1/openOrders")) == (200, [])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"quantity": "10000"}, -2019),
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"price": "10000.05"}, -4014),
        ({"type": "STOP"}, -4120),
        ({"timeInForce": "GTX", "price": "90000"}, -5022),
        ({"timeInForce": "FOK", "price": "20000"}, -5021),
        ({"positionSide": "LONG"}, -4061),
        ({"symbol": "NOSUCH"}, -1121),
    ],
)
async def test_orders_are_refused_in_the_venues_words(words: dict[str, Any], code: int) -> None:
    async with usdm() as client:
        status, refused = await limit(client, **words)
        assert (status, refused["code"]) == (400, code)
        assert (await client.ask("GET", "/fapi/v1/openOrders")) == (200, [])


async def test_a_listen_key_opens_the_stream_of_its_account() -> None:
    async with usdm() as client:
        _, found = await client.ask("POST", "/fapi/v1/listenKey")
        key = found["listenKey"]
        assert (await client.ask("POST", "/fapi/v1/listenKey"))[1] == found
        assert (await client.ask("PUT", "/fapi/v1/listenKey"))[0] == 200
        url = f"http://{client.sim.at}/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE"
        ws = await client.session.ws_connect(url, headers={"Host": "fstream.binance.com"})
        await order(client, "SELL", "0.1")
        seen: list[Any] = []
        while not seen or seen[-1].get("o", {}).get("X") != "FILLED":
            seen.append(await hear(ws))
        assert (seen[0]["e"], seen[0]["o"]["x"]) == ("ORDER_TRADE_UPDATE", "NEW")
        money = next(one for one in seen if one["e"] == "ACCOUNT_UPDATE")
        assert money["a"]["B"][0]["a"] == "USDT"
        assert Decimal(money["a"]["P"][0]["pa"]) < 0
        await client.ask("DELETE", "/fapi/v1/listenKey")
        assert (await client.ask("PUT", "/fapi/v1/listenKey"))[1]["code"] == -1125
        await ws.close()


async def test_the_older_paths_and_messages_have_the_older_forms() -> None:
    async with usdm() as client, client.session.ws_connect(
        f"http://{client.sim.at}/ws-fapi/v1", headers={"Host": "ws-fapi.binance.com"}
    ) as ws:  # fmt: skip
        await order(client)

        async def say(method: str, **words: Any) -> Any:
            await ws.send_json(client.message(method, **words))
            answer = await hear(ws)
            assert answer["status"] == 200, answer
            return answer["result"]

        _, (held,) = await client.ask("GET", "/fapi/v2/positionRisk", symbol=SYMBOL)
        _, (newer,) = await client.ask("GET", "/fapi/v3/positionRisk", symbol=SYMBOL)
        assert (held["marginType"], held["leverage"], held["isAutoAddMargin"]) == ("cross", "20", "false")
        assert "marginType" not in newer
        for name in ("positionAmt", "entryPrice", "positionSide", "isolatedWallet"):
            assert held[name] == newer[name]
        _, whole = await client.ask("GET", "/fapi/v2/account")
        (row,) = whole["positions"]
        assert (row["symbol"], row["positionAmt"], row["isolated"]) == (SYMBOL, "0.500", False)
        assert row["entryPrice"] == held["entryPrice"]
        assert (await say("account.position", symbol=SYMBOL))[0].keys() == held.keys()
        assert (await say("v2/account.position"))[0].keys() == newer.keys()
        assert (await say("account.status")).keys() == whole.keys()
        assert "canTrade" not in await say("v2/account.status")
        for version in ("", "v2/"):
            rows = {one["asset"]: Decimal(one["balance"]) for one in await say(f"{version}account.balance")}
            assert rows["USDT"] == (await wallet(client))["balance"]
        await order(client, "SELL", reduceOnly="true")
        assert [one["positionAmt"] for one in await say("account.position")] == ["0.000"]
        assert await say("v2/account.position") == []
        await ws.send_json({"id": "2", "method": "ticker.book", "params": {"symbol": SYMBOL}})  # which needs no key
        best_of = (await hear(ws))["result"]
        assert Decimal(best_of["bidPrice"]) < Decimal(best_of["askPrice"])
        await ws.send_json({"id": "3", "method": "v2/account.balance", "params": {}})
        assert (await hear(ws))["error"]["code"] == -2014
