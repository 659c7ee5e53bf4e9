"""Venues of one exchange at one address, over real sockets: what goes wrong at one of them, and with their clock."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.unit.client.accounts import until

from tidebook import Limit, Options, OutcomeUnknown, connect
from tidebook.client.market import Market
from tidebook.sim.server import serve
from tidebook.sim.server.faults import Point

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK = Options(request_timeout=2.0, resolve_timeout=0.2, backoff_first=0.01, backoff_most=0.02)
SPOT = Limit("BTC/USDT", "buy", size="0.01", price="30000")
LINEAR = Limit("BTC/USDT:USDT", "buy", size="0.01", price="30000")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sim() -> AsyncIterator[serve]:
    async with serve(7, ["bybit"]) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect("bybit.spot", "bybit.linear", at=sim.at, orders="websocket", options=QUICK) as opened:
        yield opened
    sim.faults.resume()


def placed(sim: serve, venue: str) -> int:
    return sum(one.venue == venue for one in sim.account(venue).records.values())


def hits(sim: serve) -> dict[str, int]:
    """How many questions of who has a key failed, at each venue."""
    return {name: front.faults.hits.get("order", 0) for name, front in sim._simulator.fronts.items()}


@pytest.mark.parametrize("ahead", [30.0, -30.0])
@pytest.mark.parametrize("venue", ["bybit.spot", "bybit.linear"])
async def test_a_clock_is_that_of_all_who_share_a_host(sim: serve, venue: str, ahead: float) -> None:
    """Whichever of them answers the question for the time."""
    sim.faults.clock(ahead, venue)
    async with connect("bybit.linear", at=sim.at) as market:
        assert (await market.submit(LINEAR)).open
    sim.faults.resume(venue)
    async with connect("bybit.linear", at=sim.at) as market:
        assert (await market.submit(LINEAR)).open


@pytest.mark.parametrize("point", ["unread", "read"])
async def test_a_message_that_is_not_read_is_no_order(sim: serve, market: Market, point: Point) -> None:
    first = await market.submit(LINEAR)
    before, count = hits(sim), placed(sim, "bybit.linear")
    sim.faults.order(point, "bybit.linear", "order.create")
    assert (await market.submit(SPOT)).open  # it is not about this one
    assert hits(sim) == before
    with pytest.raises(OutcomeUnknown):
        await market.submit(LINEAR)
    assert hits(sim) == {**before, "bybit.linear": before["bybit.linear"] + 1}
    assert placed(sim, "bybit.linear") == count
    await market.cancel(first)


async def test_an_account_s_messages_are_lost_where_that_is_asked_for(sim: serve) -> None:
    async with connect("bybit.spot", "bybit.linear", at=sim.at) as market, market.account() as account:
        faults = {name: front.faults for name, front in sim._simulator.fronts.items()}
        sim.faults.silence("bybit.linear", "account", 3600)
        await market.submit(LINEAR)
        seen = await market.submit(SPOT)
        await account.orders.wait(seen.client_id)
        assert faults["bybit.linear"].hits["silence"]
        assert "silence" not in faults["bybit.spot"].hits
        sim.faults.resume()


async def test_a_cut_of_one_is_a_cut_of_what_they_share(sim: serve, market: Market) -> None:
    counter = sim._simulator.fronts["bybit.linear"].counter
    assert counter is not None
    await market.submit(LINEAR)
    lines = {*counter.lines}
    assert lines
    sim.faults.cut("bybit.linear")
    await until(lambda: not lines & counter.lines)
