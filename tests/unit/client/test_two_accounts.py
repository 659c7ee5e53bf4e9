"""Two accounts of one venue in one program: what is done with an order is done in the account that it is of."""

from collections.abc import AsyncIterator

import pytest
from tests.unit.client.accounts import until

from tidebook import Limit, Order, UsageError, connect
from tidebook.client.market import Market
from tidebook.client.ordered import bare
from tidebook.client.trader import Trader
from tidebook.model.credentials import Credentials
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio
MAIN, HEDGE = "binance.spot", "binance.spot@hedge"
KEY = Credentials.of("hedge-key", "hedge-secret", source="a test")


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=["binance.spot", "binance.usdm"], symbols=["BTC/USDT", "BTC/USDT:USDT"]) as running:
        running.open_account(MAIN, KEY, {"USDT": "5000"})
        yield running


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect(MAIN, HEDGE, at=sim.at) as opened:
        (hedge,) = opened._venues(HEDGE)
        hedge._keys.credentials = hedge.desk._credentials = KEY
        yield opened
        await opened.cancel_all()
        assert not sim.account(MAIN).open
        assert not sim.account(MAIN, KEY).open


async def resting(trader: Trader, symbol: str = "BTC/USDT") -> Order:
    return await trader.submit(Limit(symbol, "buy", "0.002", "30000"))


async def test_an_order_is_asked_after_and_cancelled_in_its_own_account(sim: serve, market: Market) -> None:
    mine, other = await resting(market[MAIN]), await resting(market[HEDGE])
    for order in (mine, other):
        assert (await market.fetch_order(order)).id == order.id
    with pytest.raises(UsageError, match=rf"is of {HEDGE}, and {MAIN} would be asked. Nothing was sent"):
        await market[MAIN].cancel(other)
    with pytest.raises(UsageError, match=f"is of {HEDGE}, and {MAIN} would be asked"):
        await market.fetch_order(other, venue=MAIN)
    assert (await market.cancel(other)).status == "cancelled"
    assert len(sim.account(MAIN).open) == 1


async def test_a_row_that_does_not_say_of_which_account_it_is_is_not_guessed(market: Market) -> None:
    async with market[MAIN].account() as one, market[HEDGE].account() as two:
        order = await resting(market[HEDGE])
        await until(lambda: two.orders.get(order.client_id) is not None)
        assert one.orders.get(order.client_id) is None
        row = two.orders.get(order.client_id)
        assert row is not None
        for doing in (market.cancel(row), market.fetch_order(bare(order))):
            with pytest.raises(
                UsageError, match=f"of which account\\? venue= one of {MAIN}, {HEDGE}. Nothing was sent"
            ):
                await doing
        assert (await market[HEDGE].cancel(row)).status == "cancelled"


async def test_a_place_of_several_venues_knows_which_of_them_an_order_is_of(sim: serve) -> None:
    """The venue was said before, and is not said again."""
    async with connect("binance.spot", "binance.usdm", at=sim.at) as opened:
        place = opened["binance"]
        for symbol in ("BTC/USDT", "BTC/USDT:USDT"):
            order = await resting(place, symbol)
            assert (await place.fetch_order(order)).open
            assert (await place.cancel(bare(order))).status == "cancelled"
            await resting(place, symbol)
        await place.cancel_all()
        assert not sim.account("binance.spot").open
        assert not sim.account("binance.usdm").open
