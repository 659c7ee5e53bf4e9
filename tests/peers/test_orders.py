"""What stands between changes one byte and nothing else, and the judge of orders finds what is wrong."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from tests.peers.between import Between, changed
from tests.peers.judge import Judge
from tests.peers.keys import pair
from tests.peers.orders import COUNTED, NAMELESS, TURNED, UNTOLD, Orders
from tests.peers.runner import between
from tests.unit.sim_server.signed import Binance, binance

from tidebook.sim.server import serve

SPOT = "binance.spot"


@pytest.mark.parametrize("at", [0, 7, 31, 32, 100])
@pytest.mark.parametrize("text", ["00ff" * 16, base64.b64encode(bytes(range(32))).decode(), "a-secret-of-words"])
def test_one_byte_is_changed(text: str, at: int) -> None:
    other = changed(text, at)
    assert other != text
    assert len(other) == len(text)
    assert changed(other, at) == text
    if text.startswith("00ff"):
        assert sum(one != each for one, each in zip(bytes.fromhex(text), bytes.fromhex(other), strict=True)) == 1


def stands(at: int | None) -> Between:
    found = Between(0, None)
    found.at = at
    return found


def test_signatures_are_found_where_the_venues_have_them() -> None:
    one = stands(3)
    form = b"symbol=X&signature=" + b"00" * 32
    head = b"POST /a?signature=%s&b=1 HTTP/1.1\r\nHost: h\r\nX-BAPI-SIGN: %s\r\nContent-Length: %d\r\n\r\n"
    told, body = one.request(head % (b"00" * 32, b"ff" * 32, len(form)), form)
    assert one.changes == 3
    assert body == b"symbol=X&signature=" + b"00" * 3 + b"01" + b"00" * 28
    assert told == head % (b"00" * 3 + b"01" + b"00" * 28, b"ff" * 3 + b"fe" + b"ff" * 28, len(form))
    base = base64.b64encode(bytes(32)).decode().replace("=", "%3D")
    told, _ = one.request(f"GET /a?Signature={base} HTTP/1.1\r\n\r\n".encode(), b"")
    assert base.encode() not in told
    for message in (
        {"op": "auth", "args": ["key", 1, "00" * 32]}, {"op": "login", "args": [{"sign": "AAAA", "apiKey": "k"}]},
        {"params": {"signature": "AAAA", "accessKey": "k"}}, {"data": {"secret_key": "words"}},
    ):  # fmt: skip
        before = one.changes
        assert json.loads(one.message(json.dumps(message))) != message
        assert one.changes == before + 1


def test_all_else_is_passed_on_as_it_is() -> None:
    quiet, loud = stands(None), stands(0)
    head = b"POST /a?signature=00 HTTP/1.1\r\n\r\n"
    assert quiet.request(head, b"signature=00") == (head, b"signature=00")
    assert quiet.message('{"sign":"AAAA"}') == '{"sign":"AAAA"}'
    assert loud.message('{"op": "subscribe",  "args": []}') == '{"op": "subscribe",  "args": []}'
    assert loud.message("ping") == "ping"
    plain = b"GET /a?sign=x HTTP/1.1\r\nHost: h\r\n\r\n"
    assert loud.request(plain, b"") == (plain, b"")
    assert (quiet.changes, loud.changes) == (0, 0)


async def test_a_socket_and_a_request_pass_through() -> None:
    async with serve(3, ["binance"]) as sim, between(sim, None) as one, aiohttp.ClientSession() as session:
        there = {"Host": "ws-api.binance.com"}
        async with session.ws_connect(f"http://127.0.0.1:{one.port}/ws-api/v3", headers=there) as socket:
            signed = {"apiKey": "simulator-key", "timestamp": 1, "signature": "00" * 32}
            for at in (None, 2):
                one.at = at
                await socket.send_json({"id": "x" * 300, "method": "account.status", "params": signed})
                assert (await socket.receive_json())["error"]["code"] == -1021
            assert one.changes == 1
        one.at = None
        url, host = f"http://127.0.0.1:{one.port}/api/v3/time", {"Host": "api.binance.com"}
        async with session.get(url, headers=host) as reply:
            assert "serverTime" in await reply.json()


# ---- the judge


def counted(orders: Orders) -> dict[str, str]:
    return {name: str(one) for name, one in orders.counts.items() if one.made}


async def placed(client: Binance, **more: Any) -> Mapping[str, Any]:
    usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    status, found = await client.ask("POST", "/api/v3/order", **{**usual, "price": "30000", **more})
    assert status == 200
    facts: Mapping[str, Any] = found
    return facts


def told(kind: str, **facts: Any) -> dict[str, Any]:
    return {"kind": kind, "venue": SPOT, "name": kind, **facts}


async def test_orders_are_compared_with_the_exchange_s() -> None:
    async with binance() as client:
        orders = Orders(client.sim)
        one = await placed(client, newClientOrderId="mine")
        right = {
            "id": one["orderId"], "client": "mine", "side": "BUY", "price": "30000", "size": "0.01", "filled": "0",
            "state": "NEW", "what": "placed",
        }  # fmt: skip
        orders.hear(told("order", **right))
        orders.hear(told("open", ids=[one["orderId"]]))
        assert (counted(orders), orders.differs) == ({"placed": "1/1", "queried": "1/1"}, [])
        wrong = {"id": "7", "client": "x", "side": "sell", "price": "1", "size": "1", "filled": "1", "state": "FILLED"}
        for name, said in wrong.items():
            orders.hear(told("order", **{**right, name: said}))
        orders.hear(told("open", ids=[]))
        assert counted(orders) == {"placed": "1/8", "queried": "1/2"}


async def test_fills_are_all_told_once() -> None:
    async with binance() as client:
        orders = Orders(client.sim)
        one = await placed(client, price="900000")
        fills = client.sim.account(SPOT).records[one["orderId"]].fills
        rows = [
            [str(each["tradeId"]), each["price"], each["qty"], each["commission"], each["commissionAsset"]]
            for each in one["fills"]
        ]
        assert len(rows) == len(fills) >= 1
        orders.hear(told("fills", id=one["orderId"], rows=rows))
        orders.hear(told("streamed", id=one["orderId"], rows=rows))
        assert counted(orders) == dict.fromkeys(("fills", "streamed"), f"{len(rows)}/{len(rows)}")
        for bad in ([], [*rows, rows[0]], [[*row[:3], "1", row[4]] for row in rows]):
            before = len(orders.differs)
            orders.hear(told("fills", id=one["orderId"], rows=bad))
            assert len(orders.differs) > before
        before = len(orders.differs)
        orders.hear(told("fills", id="7", rows=[]))
        assert len(orders.differs) == before + 1


async def test_what_is_wrong_with_a_fill_is_in_its_name() -> None:
    """So that a known fault of a peer explains that one alone."""
    async with binance() as client:
        one = await placed(client, price="900000")
        (trade, *_), fee = one["fills"], one["fills"][0]["commission"]
        row = [str(trade["tradeId"]), trade["price"], trade["qty"], f"-{fee}", trade["commissionAsset"]]

        def names(*rows: list[Any]) -> set[str]:
            orders = Orders(client.sim)
            orders.hear(told("fills", id=one["orderId"], rows=rows))
            return {name for name, _ in orders.differs if name != f"fills{UNTOLD}"}

        assert names(row) == {f"fills{TURNED}"}
        assert names([*row[:2], "7", *row[3:]]) == {"fills"}
        assert names([None, *row[1:]]) == {f"fills{NAMELESS}"}
        orders = Orders(client.sim)
        orders.hear(told("fills", id=one["orderId"], rows=[]))
        assert {name for name, _ in orders.differs} == {f"fills{UNTOLD}"}


async def test_balances_are_the_ledger_s_sums() -> None:
    async with binance() as client:
        orders = Orders(client.sim)
        orders.hear(told("balances", rows={"USDT": "1000000", "BTC": "10.00000000"}))
        assert orders.differs == []
        orders.hear(told("balances", rows={"USDT": "1000000.00000001"}))
        orders.hear(told("balances", rows={}))
        assert counted(orders)["balances"] == "2/4"


async def test_a_refusal_is_one_of_what_was_spoilt_and_leaves_nothing() -> None:
    async with binance() as client, between(client.sim, None) as one:
        orders = Orders(client.sim, one)

        def refused(why: str, *, changes: int = 1) -> str:
            one.changes += changes
            before = len(orders.differs)
            orders.hear(told("refused", why=why))
            return orders.differs[-1][1] if len(orders.differs) > before else ""

        assert refused("APIError(code=-1022)") == "nothing was to be refused"
        orders.hear(told("spoil", what="signature", at=3))
        assert one.at == 3
        assert refused("APIError(code=-1022)") == ""
        assert refused("APIError(code=-1022)", changes=0) == "no signature was changed"
        assert "without any of" in refused("APIError(code=-1021)")
        await placed(client)
        assert refused("APIError(code=-1022)") == "and yet the account is another one"
        orders.hear(told("spoil", what="clock", at=0))
        assert one.at is None
        assert refused("APIError(code=-1021)", changes=0) == ""
        orders.hear(told("spoil", what="", at=0))
        assert refused("APIError(code=-1021)") == "nothing was to be refused"
        orders.hear(told("unknown", why="-2013"))
        orders.hear(told("unknown", why="-2014"))
        assert counted(orders)["unknown"] == "1/2"


async def test_who_has_no_account_tells_of_no_order() -> None:
    async with serve(3, ["binance"]) as sim:
        with pytest.raises(ValueError, match="a program says"):
            Judge(sim).hear(told("open", ids=[]))
        with pytest.raises(KeyError):
            Orders(sim).hear(told("what"))
        assert [name for name in COUNTED if Judge(sim, orders=Orders(sim)).count(name).made] == []


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_pair_is_one(kind: str) -> None:
    key, public = pair(kind)
    assert key.secret.reveal().startswith("-----BEGIN PRIVATE KEY-----")
    assert public.startswith("-----BEGIN PUBLIC KEY-----")
