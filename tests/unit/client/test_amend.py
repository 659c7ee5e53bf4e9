"""Orders that are changed, at every market that the embedded exchange has accounts for, over real sockets."""

import asyncio
import pickle
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from tests.unit.client.accounts import until

from tidebook import Limit, UsageError, connect, threads
from tidebook.client.market import Market
from tidebook.model.health import Undecodable
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

HIGHER = Decimal(31000)
CHANGE = ("alpaca", "binance.usdm", "bybit.linear", "bybit.spot", "okx")
STAND = ("binance.spot", "htx.spot")
SYMBOL = {"alpaca": "BTC/USD", "binance.usdm": "BTC/USDT:USDT", "bybit.linear": "BTC/USDT:USDT"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sim() -> AsyncIterator[serve]:
    """Nothing happens there by itself: what is filled is what the tests take."""
    async with serve(3, ["alpaca", "binance.spot", "binance.usdm", "bybit", "okx", "htx.spot"]) as running:
        running.rest()
        yield running


@pytest.fixture(params=CHANGE)
def venue(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def symbol_of(venue: str) -> str:
    return SYMBOL.get(venue, "BTC/USDT")


def open_at(sim: serve, venue: str) -> list[tuple[Decimal, Decimal]]:
    """Price and what is left to trade of all that the exchange has open there."""
    return [
        (Decimal(one.instrument.price_text(one.price or 0)), Decimal(one.instrument.size_text(one.left)))
        for one in sim.account(venue).open.values() if one.venue == venue
    ]  # fmt: skip


async def part_filled(market: Market, symbol: str, more: Decimal) -> tuple[Limit, Decimal]:
    """An order that takes all of the best ask, and of which so much is left."""
    best = (await market.fetch_book(symbol)).asks[0]
    return Limit(symbol, "buy", best.size + more, best.price), best.size


async def test_an_open_order_is_changed(sim: serve, venue: str) -> None:
    symbol = symbol_of(venue)
    async with connect(venue, at=sim.at) as market, market.account() as account:
        order = await market.submit(Limit(symbol, "buy", size="0.01", price="30000"))
        changed = await order.amend(price="31000")
        assert (changed.price, changed.size, changed.status) == (HIGHER, Decimal("0.01"), "open")
        assert open_at(sim, venue) == [(HIGHER, Decimal("0.01"))]
        changed = await market.amend(changed, size="0.02")
        assert (changed.price, changed.size) == (HIGHER, Decimal("0.02"))
        assert open_at(sim, venue) == [(HIGHER, Decimal("0.02"))]
        row = await account.orders.wait(changed.client_id, until=lambda row: row.size == changed.size)
        assert (row.id, row.price, row.open) == (changed.id, HIGHER, True)
        await until(lambda: len(account.orders.find(open=True)) == 1)
        assert not [event for event in market._healths.ring if isinstance(event, Undecodable)]
        await changed.cancel()


async def test_what_was_filled_before_is_not_traded_twice(sim: serve, venue: str) -> None:
    symbol = symbol_of(venue)
    async with connect(venue, at=sim.at) as market:
        wanted, filled = await part_filled(market, symbol, Decimal("0.5"))
        order = await market.submit(wanted)
        assert (await order.refresh()).filled == filled
        changed = await order.amend(price="31000")
        assert changed.left == Decimal("0.5")
        assert open_at(sim, venue) == [(HIGHER, Decimal("0.5"))]
        await changed.cancel()


async def test_an_order_cannot_be_made_smaller_than_what_is_filled(sim: serve, venue: str) -> None:
    symbol = symbol_of(venue)
    async with connect(venue, at=sim.at) as market:
        wanted, filled = await part_filled(market, symbol, Decimal("0.5"))
        order = await market.submit(wanted)
        asked = sum(sim._simulator.tally.made.values())
        step = (await market.fetch_instruments(symbol))[0].step
        assert step is not None
        for size in (filled, step):  # be it less than the venue takes
            with pytest.raises(UsageError, match=r"is filled already\. Nothing was sent"):
                await order.amend(size=size)
        assert sum(sim._simulator.tally.made.values()) == asked + 2  # it was looked at
        await market.cancel(order)


@pytest.mark.parametrize("venue", STAND)
async def test_where_nothing_is_changed_that_is_said(sim: serve, venue: str) -> None:
    async with connect(venue, at=sim.at) as market:
        order = await market.submit(Limit("BTC/USDT", "buy", size="0.01", price="30000"))
        with pytest.raises(UsageError, match=r"Nothing was sent\. Cancel it"):
            await order.amend(price="31000")
        await order.cancel()


async def test_what_is_changed_or_asked_for_can_be_changed_again_and_cancelled(sim: serve, venue: str) -> None:
    """As a program does that keeps one quote: whatever it was told last, it goes on from."""
    symbol = symbol_of(venue)
    async with connect(venue, at=sim.at) as market:
        order = await market.submit(Limit(symbol, "buy", size="0.01", price="30000"))
        order = await (await order.amend(price="31000")).amend(price="32000")
        (row,) = await market.fetch_open_orders(symbol)
        assert row.id == order.id == (await market.fetch_order(order)).id
        alone = pickle.loads(pickle.dumps(row))  # elsewhere nothing can be done with it
        assert alone == row
        assert len({alone, row}) == 1
        assert alone != await row.refresh()  # heard later
        row = await row.amend(size="0.02")
        ended = await row.cancel()
        assert not ended.open
        assert (await ended.done()).status == ended.status
        assert len(await ended.fills()) == 0
        assert open_at(sim, venue) == []


async def test_without_asyncio_too(sim: serve) -> None:
    def trades() -> None:
        with threads.connect("okx", at=sim.at) as market:
            order = market.submit(Limit("BTC/USDT", "buy", size="0.01", price="30000"))
            order = order.amend(price="31000").amend(price="32000")
            (row,) = market.fetch_open_orders()
            assert row.id == market.fetch_order(order).id == row.refresh().id
            assert not row.cancel().done().open
            assert len(market.fetch_open_orders()) == 0

    await asyncio.to_thread(trades)
