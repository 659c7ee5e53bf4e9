"""Accounts as Binance spot speaks of them, over loopback sockets, by a client that shares nothing with ours."""

import asyncio
import base64
import time
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.unit.sim_server.signed import Binance, binance, hear

from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials
from tidebook.sim.server import READER
from tidebook.sim.wallet import atoms, summed

SYMBOL = "BTCUSDT"
ORDER = "/api/v3/order"


async def best(client: Binance) -> tuple[Decimal, Decimal]:
    _, found = await client.raw("GET", f"/api/v3/ticker/bookTicker?symbol={SYMBOL}")
    return Decimal(found["bidPrice"]), Decimal(found["askPrice"])


async def limit(client: Binance, **words: Any) -> tuple[int, Any]:
    """An order to buy that rests far away, unless told otherwise."""
    bid, _ = await best(client)
    price = (bid * Decimal("0.5")).quantize(Decimal("0.01"))
    usual = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
    return await client.ask("POST", ORDER, **{**usual, "price": price, **words})


async def balance(client: Binance, asset: str) -> tuple[Decimal, Decimal]:
    _, found = await client.ask("GET", "/api/v3/account")
    row = next(one for one in found["balances"] if one["asset"] == asset)
    return Decimal(row["free"]), Decimal(row["locked"])


async def test_an_order_rests_is_found_and_is_cancelled() -> None:
    async with binance() as client:
        free, _ = await balance(client, "USDT")
        status, placed = await limit(client, newClientOrderId="mine")
        assert (status, placed["status"], placed["clientOrderId"], placed["fills"]) == (200, "NEW", "mine", [])
        cost = Decimal(placed["price"]) * Decimal("0.001")
        assert await balance(client, "USDT") == (free - cost, cost)
        _, found = await client.ask("GET", ORDER, symbol=SYMBOL, origClientOrderId="mine")
        assert (found["orderId"], found["status"]) == (placed["orderId"], "NEW")
        _, rows = await client.ask("GET", "/api/v3/openOrders", symbol=SYMBOL)
        assert [one["orderId"] for one in rows] == [placed["orderId"]]
        status, gone = await client.ask("DELETE", ORDER, symbol=SYMBOL, orderId=placed["orderId"])
        assert (status, gone["status"], gone["origClientOrderId"]) == (200, "CANCELED", "mine")
        assert await balance(client, "USDT") == (free, Decimal(0))
        assert await client.ask("GET", "/api/v3/openOrders") == (200, [])
        _, rows = await client.ask("GET", "/api/v3/allOrders", symbol=SYMBOL)
        assert [(one["orderId"], one["status"]) for one in rows] == [(placed["orderId"], "CANCELED")]


async def test_a_market_order_is_filled_and_pays_its_fee_in_what_it_buys() -> None:
    async with binance() as client:
        usdt, btc = (await balance(client, "USDT"))[0], (await balance(client, "BTC"))[0]
        status, done = await client.ask("POST", ORDER, symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.5")
        assert (status, done["status"], done["executedQty"]) == (200, "FILLED", "0.50000000")
        fills = done["fills"]
        assert sum(Decimal(one["qty"]) for one in fills) == Decimal("0.5")
        spent = sum(Decimal(one["qty"]) * Decimal(one["price"]) for one in fills)
        assert spent == Decimal(done["cummulativeQuoteQty"])
        fees = sum(Decimal(one["commission"]) for one in fills)
        assert {one["commissionAsset"] for one in fills} == {"BTC"}
        assert fees == sum((Decimal(one["qty"]) / 1000).quantize(Decimal("1e-8")) for one in fills)
        assert (await balance(client, "USDT"))[0] == usdt - spent
        assert (await balance(client, "BTC"))[0] == btc + Decimal("0.5") - fees
        _, rows = await client.ask("GET", "/api/v3/myTrades", symbol=SYMBOL)
        assert [one["id"] for one in rows] == [one["tradeId"] for one in fills]
        assert all(one["isBuyer"] and not one["isMaker"] for one in rows)
        account = client.sim.account("binance.spot")
        assert summed(account.wallet.ledger) == account.wallet.totals


async def test_an_amount_is_spent() -> None:
    async with binance() as client:
        _, done = await client.ask("POST", ORDER, symbol=SYMBOL, side="BUY", type="MARKET", quoteOrderQty="1000")
        assert done["status"] == "FILLED"
        assert Decimal(990) < Decimal(done["cummulativeQuoteQty"]) <= 1000
        _, done = await client.ask("POST", ORDER, symbol=SYMBOL, side="SELL", type="MARKET", quoteOrderQty="1000")
        assert done["status"] == "FILLED"


@pytest.mark.parametrize(
    ("words", "status", "code", "text"),
    [
        ({"quantity": "100000"}, 400, -2010, "Account has insufficient balance for requested action."),
        ({"price": "0"}, 400, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "10000.005"}, 400, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.000001"}, 400, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00001"}, 400, -1013, "Filter failure: NOTIONAL"),
        ({"symbol": "NOSUCH"}, 400, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, 400, -1117, "Invalid side."),
        ({"type": "STOP"}, 400, -1116, "Invalid orderType."),
        ({"timeInForce": "DAY"}, 400, -1115, "Invalid timeInForce."),
        ({"timeInForce": None}, 400, -1102, "Mandatory parameter 'timeInForce' was not sent"),
        ({"price": None}, 400, -1102, "Mandatory parameter 'price' was not sent"),
        ({"newClientOrderId": "ä"}, 400, -1100, "Illegal characters found in parameter 'newClientOrderId'"),
    ],
)
async def test_orders_are_refused_in_the_venues_words(words: dict[str, Any], status: int, code: int, text: str) -> None:
    async with binance() as client:
        got, refused = await limit(client, **words)
        assert (got, refused["code"]) == (status, code)
        assert refused["msg"].startswith(text)
        assert client.sim.account("binance.spot").records == {}


async def test_what_would_take_what_is_there_twice_and_what_is_unknown() -> None:
    async with binance() as client:
        _, ask = await best(client)
        price = ask + 100
        status, refused = await limit(client, type="LIMIT_MAKER", timeInForce=None, price=price)
        assert (status, refused["code"], refused["msg"]) == (400, -2010, "Order would immediately match and take.")
        _, placed = await limit(client, newClientOrderId="twice")
        status, refused = await limit(client, newClientOrderId="twice")
        assert (status, refused["code"], refused["msg"]) == (400, -2010, "Duplicate order sent.")
        await client.ask("DELETE", ORDER, symbol=SYMBOL, origClientOrderId="twice")
        status, again = await limit(client, newClientOrderId="twice")
        assert status == 200
        assert again["orderId"] != placed["orderId"]
        status, refused = await client.ask("DELETE", ORDER, symbol=SYMBOL, orderId=placed["orderId"])
        assert (status, refused["code"]) == (400, -2011)
        status, refused = await client.ask("GET", ORDER, symbol=SYMBOL, orderId=5)
        assert (status, refused["code"]) == (400, -2013)
        _, done = await limit(client, timeInForce="FOK", quantity="0.01")
        assert (done["status"], done["executedQty"]) == ("EXPIRED", "0.00000000")
        _, gone = await client.ask("DELETE", "/api/v3/openOrders", symbol=SYMBOL)
        assert [one["orderId"] for one in gone] == [again["orderId"]]
        status, refused = await client.ask("DELETE", "/api/v3/openOrders", symbol=SYMBOL)
        assert (status, refused["code"]) == (400, -2011)


async def test_only_who_signs_rightly_is_believed() -> None:
    async with binance() as client:
        text = client.signed(symbol=SYMBOL)
        head, digit = text[:-1], text[-1]
        status, refused = await client.raw("GET", f"/api/v3/openOrders?{head}{'0' if digit != '0' else '1'}")
        assert (status, refused["code"]) == (400, -1022)
        client.ahead_ms = 2_000
        assert (await limit(client))[1]["code"] == -1021
        client.ahead_ms = -6_000
        assert (await limit(client))[1]["code"] == -1021
        assert (await client.ask("GET", "/api/v3/account", recvWindow=10_000))[0] == 200
        client.ahead_ms = 0
        client.key = Credentials.of("nobody", "nothing", source="a test")
        assert (await client.ask("GET", "/api/v3/account"))[1]["code"] == -2015
        client.key = READER
        assert (await client.ask("GET", "/api/v3/account"))[1]["canTrade"] is False
        status, refused = await limit(client)
        assert (status, refused["code"]) == (401, -2015)


async def test_an_account_of_ones_own() -> None:
    async with binance() as client:
        client.key = Credentials.of("my-key", "my-secret", source="a test")
        truth = client.sim.open_account("binance.spot", client.key, {"USDT": "100", "BTC": "0.5"})
        _, found = await client.ask("GET", "/api/v3/account")
        assert {one["asset"]: one["free"] for one in found["balances"]} == {
            "USDT": "100.00000000", "BTC": "0.50000000",
        }  # fmt: skip
        _, done = await client.ask("POST", ORDER, symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.5")
        assert done["status"] == "FILLED"
        assert truth.wallet.totals["BTC"] == 0
        assert [one.kind for one in truth.wallet.ledger[:2]] == ["deposit", "deposit"]
        assert truth.wallet.totals["USDT"] > atoms("1000")


async def test_test_orders_are_checked_and_not_placed() -> None:
    async with binance() as client:
        words = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET"}
        assert await client.ask("POST", ORDER + "/test", **words, quantity="0.1") == (200, {})
        assert (await client.ask("POST", ORDER + "/test", **words, quantity="500"))[1]["code"] == -2010
        assert client.sim.account("binance.spot").records == {}


# ---- the WebSocket API


async def told(client: Binance, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    """A connection that is told what happens to the account."""
    ws = await session.ws_connect(f"http://{client.sim.at}/ws-api/v3", headers={"Host": "ws-api.binance.com"})
    await ws.send_json(client.message("userDataStream.subscribe.signature"))
    assert (await hear(ws))["result"] == {"subscriptionId": 0}
    return ws


async def test_the_account_is_told_of_as_it_happens() -> None:
    async with binance() as client:
        ws = await told(client, client.session)
        _, placed = await limit(client, newClientOrderId="mine")
        new, moved = await hear(ws), await hear(ws)
        assert (new["event"]["e"], new["event"]["x"], new["event"]["i"]) == (
            "executionReport", "NEW", placed["orderId"],
        )  # fmt: skip
        assert moved["event"]["B"][0]["a"] == "USDT"
        assert Decimal(moved["event"]["B"][0]["l"]) == Decimal(placed["price"]) * Decimal("0.001")
        await client.ask("DELETE", ORDER, symbol=SYMBOL, origClientOrderId="mine")
        gone = await hear(ws)
        assert (gone["event"]["x"], gone["event"]["X"], gone["event"]["C"]) == ("CANCELED", "CANCELED", "mine")
        assert Decimal((await hear(ws))["event"]["B"][0]["l"]) == 0
        _, done = await client.ask("POST", ORDER, symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.3")
        assert (await hear(ws))["event"]["x"] == "NEW"
        fills: list[Any] = []
        while not fills or fills[-1]["X"] != "FILLED":
            event = (await hear(ws))["event"]
            if event["e"] == "executionReport":
                fills.append(event)
        assert [one["t"] for one in fills] == [one["tradeId"] for one in done["fills"]]
        assert {one["x"] for one in fills} == {"TRADE"}
        await ws.close()


async def test_orders_by_message() -> None:
    async with binance() as client:
        ws = await told(client, client.session)
        bid, _ = await best(client)
        words = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
        await ws.send_json(client.message("order.place", **words, price=str((bid / 2).quantize(Decimal("0.01")))))
        seen = [await hear(ws) for _ in range(3)]
        placed = next(one for one in seen if "result" in one)
        assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
        await ws.send_json(client.message("order.cancel", symbol=SYMBOL, orderId=placed["result"]["orderId"]))
        seen = [await hear(ws) for _ in range(3)]
        assert next(one for one in seen if "result" in one)["result"]["status"] == "CANCELED"
        await ws.send_json(client.message("order.cancel", symbol=SYMBOL, orderId=placed["result"]["orderId"]))
        refused = await hear(ws)
        assert (refused["status"], refused["error"]["code"]) == (400, -2011)
        bad = client.message("order.status", symbol=SYMBOL, orderId=1)
        bad["params"]["signature"] = "0" * 64
        await ws.send_json(bad)
        assert (await hear(ws))["error"]["code"] == -1022
        await ws.close()


# ---- what goes wrong


@pytest.mark.parametrize(("point", "placed"), [("unread", 0), ("read", 0), ("accepted", 1), ("answer", 1)])
async def test_a_cut_connection_leaves_the_order_where_the_fault_says(point: Any, placed: int) -> None:
    async with binance() as client:
        await best(client)
        client.sim.faults.order(point, "binance.spot", ORDER)
        with pytest.raises(aiohttp.ClientError):
            await limit(client, newClientOrderId="mine")
        records = client.sim.account("binance.spot").records
        assert [one.ask.client_id for one in records.values()] == ["mine"] * placed
        status, _ = await limit(client, newClientOrderId="next")  # it was one fault
        assert status == 200


async def test_an_answer_is_unknown_or_late_and_the_order_is_there() -> None:
    async with binance() as client:
        client.sim.faults.order("status", "binance.spot", ORDER, status=504)
        status, unsure = await limit(client, newClientOrderId="unsure")
        assert (status, unsure["code"]) == (504, -1007)
        _, found = await client.ask("GET", ORDER, symbol=SYMBOL, origClientOrderId="unsure")
        assert found["status"] == "NEW"
        client.sim.faults.order("late", "binance.spot", ORDER, seconds=300.0)
        placed = asyncio.Event()
        client.sim.account("binance.spot").listeners.append(lambda *_: placed.set())
        waits = asyncio.create_task(limit(client, newClientOrderId="late"))
        await placed.wait()
        assert not waits.done()
        waits.cancel()


async def test_a_cut_after_a_fill() -> None:
    async with binance() as client:
        _, ask = await best(client)
        client.sim.faults.order("filled", "binance.spot", ORDER)
        with pytest.raises(aiohttp.ClientError):
            await limit(client, price=ask + 1000)
        (record,) = client.sim.account("binance.spot").records.values()
        assert record.fills


async def test_the_same_seed_and_commands_give_the_same_ledger() -> None:
    """Also the same as the market: what is in the book does not depend on when it was asked."""
    numbers = []
    for _ in range(2):
        async with binance(speed=0.001) as client:
            await limit(client)
            await client.ask("POST", ORDER, symbol=SYMBOL, side="SELL", type="MARKET", quantity="0.25")
            account = client.sim.account("binance.spot")
            numbers.append([(one.kind, one.currency, one.amount, one.order) for one in account.wallet.ledger])
    assert numbers[0] == numbers[1]


async def test_a_pair_of_keys_signs_and_logs_in() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    async with binance() as client:
        key = Credentials.of("pair", "unused", source="a test")
        client.sim.open_account("binance.spot", key, {"USDT": "100"}, public=public)
        ws = await client.session.ws_connect(
            f"http://{client.sim.at}/ws-api/v3", headers={"Host": "ws-api.binance.com"}
        )  # fmt: skip
        await ws.send_json(client.message("session.logon"))
        assert (await hear(ws))["error"]["code"] == -4056
        params: dict[str, Any] = {"apiKey": "pair", "timestamp": int(time.time() * 1000)}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        signature = base64.b64encode(private.sign(text.encode())).decode()
        wrong = "A" + signature[1:] if signature[0] != "A" else "B" + signature[1:]
        await ws.send_json({"id": "1", "method": "session.logon", "params": {**params, "signature": wrong}})
        assert (await hear(ws))["error"]["code"] == -1022
        unsigned = {"id": "2", "method": "account.status", "params": {"timestamp": params["timestamp"]}}
        await ws.send_json(unsigned)
        assert (await hear(ws))["error"]["code"] == -2014
        await ws.send_json({"id": "1", "method": "session.logon", "params": {**params, "signature": signature}})
        assert (await hear(ws))["result"]["apiKey"] == "pair"
        await ws.send_json(unsigned)
        assert [one["asset"] for one in (await hear(ws))["result"]["balances"]] == ["USDT"]
        await ws.send_json({"id": "3", "method": "userDataStream.subscribe"})
        assert (await hear(ws))["result"] == {"subscriptionId": 0}
        await ws.close()


async def test_an_order_by_message_is_cut_too() -> None:
    async with binance() as client:
        ws = await told(client, client.session)
        words = {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        client.sim.faults.order("accepted", "binance.spot", "order.place")
        await ws.send_json(client.message("order.place", **words))
        heard = [one async for one in ws if one.type == aiohttp.WSMsgType.TEXT]
        assert not any('"result"' in one.data for one in heard)
        assert len(client.sim.account("binance.spot").records) == 1


async def test_what_happens_is_lost_and_doubled_where_a_fault_says() -> None:
    async with binance() as client:
        ws = await told(client, client.session)
        client.sim.faults.drop("binance.spot", "account")
        _, lost = await limit(client)
        client.sim.faults.duplicate("binance.spot", "account")
        _, twice = await limit(client)
        seen = [(await hear(ws))["event"] for _ in range(4)]
        assert [one["i"] for one in seen if one["e"] == "executionReport"] == [twice["orderId"]] * 2
        assert lost["orderId"] != twice["orderId"]
        await ws.close()


async def test_the_clock_that_is_wrong_is_the_one_that_judges() -> None:
    async with binance() as client:
        await best(client)
        client.sim.faults.clock(30.0, "binance.spot")
        assert (await client.ask("GET", "/api/v3/account"))[1]["code"] == -1021
        client.ahead_ms = 30_000
        assert (await client.ask("GET", "/api/v3/account"))[0] == 200


async def test_a_point_that_is_none_is_refused() -> None:
    async with binance() as client:
        with pytest.raises(UsageError, match="no point of a call is called 'never'"):
            client.sim.faults.order("never", "binance.spot")  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="has no accounts here"):
            client.sim.account("kraken")
        with pytest.raises(UsageError, match="has this key"):
            client.sim.account("binance.spot", Credentials.of("nobody", "nothing", source="a test"))
