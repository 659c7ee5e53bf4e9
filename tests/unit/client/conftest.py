"""The embedded exchange and a client of it, on real sockets."""

from collections.abc import AsyncIterator

import pytest

from tidebook import engine as engines
from tidebook.client.market import Market, connect
from tidebook.sim.server import serve


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=1, venues=("binance", "htx")) as running:
        yield running


@pytest.fixture(params=engines.available())
async def market(request: pytest.FixtureRequest, sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", "htx", at=sim.at, engine=request.param) as opened:
        yield opened
