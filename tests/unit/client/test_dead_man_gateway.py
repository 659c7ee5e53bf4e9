"""A dead man's switch of which a gateway has not said whether it was set: it is taken to be armed, and disarmed."""

import pytest
from tests.unit.client.test_acts import Site, body

from tidebook import VenueError, connect
from tidebook.io.serve import Answer, Asked, Server

pytestmark = pytest.mark.asyncio
PATH = "/fapi/v1/countdownCancelAll"


class Gateway(Site):
    async def http(self, request: Asked) -> Answer:
        known = await super().http(request)
        return Answer(502, b"<html>Bad Gateway</html>") if request.path == PATH else known


async def test_what_a_gateway_has_swallowed_is_disarmed_on_leaving() -> None:
    site = Gateway(
        {
            "/fapi/v1/exchangeInfo": [body("binance.usdm", "instruments")],
            "/fapi/v1/time": [body("binance.usdm", "time")],
        }
    )
    async with Server(site) as server, connect("binance.usdm", at=server.at) as market:
        with pytest.raises(VenueError, match="502"):
            async with market.dead_man(30, "BTC/USDT:USDT"):
                raise AssertionError
        said = [one.body.decode() for one in site.of(PATH)]
        assert ["countdownTime=30000" in one for one in said] == [True, False]
        assert "countdownTime=0&" in said[-1]
        assert server.error is None
