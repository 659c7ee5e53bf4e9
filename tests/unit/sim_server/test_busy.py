"""A loop that stood still: the venues' clocks did not, whatever the exchange has yet to catch up with."""

import time
from typing import Any

from tests.unit.sim_server.signed import binance, bybit, hear

from tidebook.core.clock import SECOND
from tidebook.sim.server.site import Simulator

API = {"Host": "ws-api.binance.com"}


def block(seconds: float) -> None:
    """Compute, in the loop's own thread, until so much time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1_000))


async def test_a_stamp_of_after_it_is_not_ahead() -> None:
    """What was written before the venue has had its turn is judged by what the time is, a second and more later."""
    async with binance() as client:
        ws = await client.session.ws_connect(f"http://{client.sim.at}/ws-api/v3", headers=API)
        await ws.send_json(client.message("account.status"))
        assert (await hear(ws))["status"] == 200
        block(1.5)
        await ws.send_json(client.message("account.status"))
        answer = await hear(ws)
        assert answer["status"] == 200, answer
        await ws.close()


async def test_an_order_s_header_of_after_it_is_in_time() -> None:
    async with bybit() as client:
        await client.ask("GET", "/v5/account/info")
        ws = await client.connect("/v5/trade")
        await hear(ws)
        block(1.5)
        await ws.send_json(_order_of_now())
        answer = await hear(ws)
        assert answer["retCode"] != 10002, answer
        await ws.close()


def _order_of_now() -> dict[str, Any]:
    header = {"X-BAPI-TIMESTAMP": str(int(time.time() * 1000))}
    order = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "1"}
    return {"reqId": "1", "op": "order.create", "header": header, "args": [order]}


def test_the_clock_goes_on_while_nobody_looks() -> None:
    simulator = Simulator(1, ["binance.spot"], speed=3.0)
    front = simulator.fronts["binance.spot"]
    assert front.stamp_ns == front.now_ns, "it has not begun"
    simulator.begin()
    began_ns, stood_ns = front.stamp_ns, front.now_ns
    block(0.02)
    assert front.stamp_ns >= began_ns + 0.06 * SECOND
    assert front.now_ns == stood_ns
    simulator.skip(3600.0)
    assert front.stamp_ns >= began_ns + 3600 * SECOND


async def test_the_time_that_is_told_is_that_by_which_stamps_are_judged() -> None:
    async with binance() as client:
        await client.raw("GET", "/api/v3/time")
        client.sim.skip(86_400.0)  # more than it catches up with in one turn
        _, told = await client.raw("GET", "/api/v3/time")
        client.ahead_ms = told["serverTime"] - int(time.time() * 1000)
        status, answer = await client.ask("GET", "/api/v3/account")
        assert status == 200, answer
