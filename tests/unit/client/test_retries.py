"""What an error says of a retry: what may have been done is never called safe to send again."""

import json

import pytest
from tests.unit.client.test_acts import Site, no_error

from tidebook import Limit, NetworkError, OrderNotFound, VenueError, connect
from tidebook.core.effects import Reply
from tidebook.io.serve import Answer, Asked, Server
from tidebook.sim.server import serve
from tidebook.venues import every

pytestmark = pytest.mark.asyncio


class Broken(Site):
    """A gateway that has lost what is behind it; or, of a path that is known, an answer."""

    async def http(self, request: Asked) -> Answer:
        known = await super().http(request)
        return known if known.status == 200 else Answer(502, b"<html>Bad Gateway</html>")


@pytest.mark.parametrize(("act", "retry"), [("post", "ask first"), ("get", "safe")])
async def test_nobody_knows_what_became_of_a_post_behind_a_gateway(act: str, retry: str) -> None:
    """Of a venue that has declared no errors."""
    async with Server(Broken({})) as server, connect("gate", at=server.at) as market:
        with no_error(server), pytest.raises(NetworkError, match="HTTP 502") as told:
            await getattr(market, act)("/api/v4/spot/orders", {"currency_pair": "BTC_USDT"})
        assert told.value.retry == retry


@pytest.mark.parametrize(("act", "retry"), [("post", "ask first"), ("get", "safe")])
async def test_a_code_that_leaves_an_order_open_leaves_a_raw_one_open_too(act: str, retry: str) -> None:
    busy = json.dumps({"code": "50013", "msg": "Systems are busy. Please try again later.", "data": []})
    site = Broken(
        {
            "/api/v5/public/time": [json.dumps({"code": "0", "data": [{"ts": "1700000000000"}]})],
            "/api/v5/public/instruments": [json.dumps({"code": "0", "data": []})],
            "/api/v5/trade/order": [busy],
        }
    )
    async with Server(site) as server, connect("okx", at=server.at) as market:
        with no_error(server), pytest.raises(VenueError, match="busy") as told:
            await getattr(market, act)("/api/v5/trade/order", {"instId": "BTC-USDT"})
        assert (told.value.code, told.value.retry) == ("50013", retry)


@pytest.mark.parametrize(
    ("text", "is_gone"), [("record invalid", True), ("Failed to get data, please try again later", False)]
)
async def test_that_data_could_not_be_had_is_not_that_there_is_no_order(text: str, is_gone: bool) -> None:
    """HTX has one code for both: an order that is there would be said never to have arrived."""
    body = json.dumps({"status": "error", "err-code": "base-record-invalid", "err-msg": text, "data": None})
    answers = every()["htx.spot"].answers
    assert answers is not None
    error = answers.error(Reply(200, {}, body.encode()), "htx.spot", 0)
    assert isinstance(error, VenueError)
    assert isinstance(error, OrderNotFound) is is_gone


async def test_a_clock_whose_refusal_stands_under_another_code() -> None:
    """HTX has one code for all that is wrong with a signature."""
    async with (
        serve(venues=["htx.spot"], symbols=["BTC/USDT"]) as sim,
        connect("htx.spot", at=sim.at) as market,
    ):
        sim.faults.clock(3600)
        assert (await market.submit(Limit("BTC/USDT", "buy", size="0.001", price="30000"))).open
