"""Waiting until an order has ended: by what an open account is told, else by asking."""

import asyncio
import inspect
from collections.abc import AsyncIterator

import pytest
from tests.unit.client.accounts import account_is
from tests.unit.client.test_orders import BTC, GENEROUS, far, until

from tidebook import Timeout, connect
from tidebook.client.market import Market
from tidebook.client.ordered import Sent
from tidebook.model.market import State
from tidebook.sim.server import serve
from tidebook.threads import Sent as Plain

pytestmark = pytest.mark.asyncio
VENUE = "binance.spot"
LOOK, CANCEL = "GET api.binance.com/api/v3/order", "/api/v3/order"


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=[VENUE], symbols=[BTC]) as running:
        yield running


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect(VENUE, at=sim.at) as opened:
        yield opened


async def behind_our_back(market: Market, order: Sent) -> None:
    """Cancelled in the venue's own words, of which nothing else here learns."""
    await market.delete(CANCEL, {"symbol": "BTCUSDT", "orderId": order.id})


async def test_an_open_account_is_asked_and_nobody_else(sim: serve, market: Market) -> None:
    async with market.account():
        order = await market.submit(far())
        going = asyncio.ensure_future(order.done())
        with pytest.raises(Timeout, match=r"has not ended: nothing within 0\.3 s"):
            await order.done(timeout=0.3)  # longer than it takes until the venue would be asked
        await behind_our_back(market, order)
        assert (await going).status == "cancelled"
        assert (await order.done()).status == "cancelled"
        assert sim.tally.made[LOOK] == 0


async def test_what_ended_while_the_connection_was_away_is_known_when_it_is_back(sim: serve, market: Market) -> None:
    async with market.account() as account:
        order = await market.submit(far())
        going = asyncio.ensure_future(order.done(timeout=GENEROUS))
        sim.faults.cut(VENUE)
        await account_is(account, State.STALE)
        await behind_our_back(market, order)
        assert (await going).status == "cancelled"


async def test_without_an_account_or_when_it_is_closed_meanwhile_the_venue_is_asked(sim: serve, market: Market) -> None:
    account = await market.account()
    order = await market.submit(far())
    going = asyncio.ensure_future(order.done(timeout=GENEROUS))
    await asyncio.sleep(0)
    await account.close()
    await until(lambda: sim.tally.made[LOOK])
    await behind_our_back(market, order)
    assert (await going).status == "cancelled"


@pytest.mark.parametrize("with_account", [True, False])
async def test_it_can_be_cancelled_and_the_order_stands(market: Market, with_account: bool) -> None:
    account = market.account()
    if with_account:
        await account
    order = await market.submit(far())
    going = asyncio.ensure_future(order.done(timeout=None))
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert (await order.refresh()).open
    await account.close()


async def test_it_does_not_wait_for_ever_by_itself() -> None:
    for kind in (Sent, Plain):
        assert inspect.signature(kind.done).parameters["timeout"].default == 30.0
