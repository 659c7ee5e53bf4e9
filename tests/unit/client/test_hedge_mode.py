"""Accounts in the hedge mode: a contract has two positions, and neither is ever taken for the other."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from tests.unit.client.accounts import account_is, price, unread

import tidebook
from tidebook import Limit, threads
from tidebook.client.account import Account
from tidebook.client.market import Market
from tidebook.client.ordered import Sent
from tidebook.errors import InvalidOrder, OrderRejected, UsageError, VenueError
from tidebook.model.credentials import SIMULATOR
from tidebook.model.facts import Side
from tidebook.model.market import State
from tidebook.model.orders import Leg, MarketOrder, Stop
from tidebook.sim import serve

SYMBOL = "BTC/USDT:USDT"
SIZES = {"binance.usdm": "0.01", "bybit.linear": "0.01", "okx": "1"}
SWITCHED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "binance.usdm": ("/fapi/v1/positionSide/dual", {"dualSidePosition": "true"}, {"dualSidePosition": "false"}),
    "bybit.linear": (
        "/v5/position/switch-mode", {"category": "linear", "coin": "USDT", "mode": 3},
        {"category": "linear", "coin": "USDT", "mode": 0},
    ),
    "okx": ("/api/v5/account/set-position-mode", {"posMode": "long_short_mode"}, {"posMode": "net_mode"}),
}  # fmt: skip
REFUSED = {"binance.usdm": "-4061", "bybit.linear": "10001", "okx": "51000"}
module = pytest.mark.asyncio(loop_scope="module")
venues = pytest.mark.parametrize("venue", SIZES)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sims() -> AsyncIterator[serve]:
    """One exchange for all of these tests; each begins with an account of its own."""
    async with serve(seed=7, venues=[*SIZES]) as running:
        yield running


async def take(market: Market, side: Side, leg: Leg, times: int = 1, **more: Any) -> Sent:
    """At once, at what there is."""
    size = Decimal(SIZES[market._connected[0].declared.name]) * times
    at = await price(market, SYMBOL, "1.05" if side == "buy" else "0.95")
    return await market.submit(Limit(SYMBOL, side, size, at, tif="ioc", leg=leg, **more))


async def legs_are(account: Account, long: int, short: int) -> None:
    """Both, in units of the smallest order."""
    unit = Decimal(SIZES[account.venue])
    await leg_is(account, "long", long * unit)
    await leg_is(account, "short", -short * unit)


async def leg_is(account: Account, leg: Leg, size: Decimal) -> None:
    await account.positions.wait(SYMBOL, leg=leg, until=lambda row: row.size == size)


def switch(sim: serve, venue: str, *, on: bool) -> None:
    """From now on the simulator's key is that of a new account in this mode."""
    sim.open_account(venue, SIMULATOR, {"USDT": "100000", "BTC": "1"}).hedges = on


@venues
@module
async def test_each_leg_is_a_position_of_its_own(sims: serve, venue: str) -> None:
    switch(sims, venue, on=True)
    async with tidebook.connect(venue, at=sims.at) as market:
        async with market.account() as account, account.positions.watch() as changes:
            seen: list[Leg] = []
            changes.on(lambda row: seen.append(row.leg))
            order = await take(market, "buy", "long", 3)
            await take(market, "sell", "short", 2)
            await legs_are(account, 3, 2)
            assert {"long", "short"} <= {*seen} <= {"long", "short", "net"}
            known = await account.orders.wait(order.client_id, open=False)
            assert known.leg == "long"
            assert {row.leg for row in await order.fills()} == {"long"}
            assert {row.leg for row in account.fills.find(order_id=order.id)} == {"long"}
            assert {row.leg for row in account.fills if row.side == "sell"} == {"short"}
            told = {row.leg for row in await market.fetch_fills(SYMBOL)}
            assert told == ({None} if venue == "bybit.linear" else {"long", "short"})  # it says that of orders alone
            assert {row.leg for row in account.positions.find(symbol=SYMBOL) if row.size} == {"long", "short"}
            with pytest.raises(UsageError, match=r"hedge mode.*which of them\? leg="):
                account.positions.get(SYMBOL)
            with pytest.raises(UsageError, match="which of them"):
                await account.positions.wait(SYMBOL)
            table = await market.fetch_positions()
            unit = Decimal(SIZES[venue])
            assert {(row.symbol, row.leg): row.size for row in table} == {
                (SYMBOL, "long"): 3 * unit, (SYMBOL, "short"): -2 * unit,
            }  # fmt: skip
            assert sorted(row["leg"] for row in table.to_dicts()) == ["long", "short"]

            sims.faults.cut(venue, seconds=0.3)
            await account_is(account, State.STALE)
            sims.faults.resume(venue)
            await take(market, "sell", "long", 3)  # what is not in the whole any more is that leg alone
            await account_is(account, State.LIVE)
            await legs_are(account, 0, 2)
            await take(market, "buy", "short", 2, reduce_only=True)
            await legs_are(account, 0, 0)
        assert unread(market) == []


@venues
@module
async def test_an_order_of_the_other_mode_is_refused_with_a_way_out(sims: serve, venue: str) -> None:
    async with tidebook.connect(venue, at=sims.at) as market:
        both: list[tuple[bool, Leg]] = [(True, "net"), (False, "long")]
        for on, leg in both:
            switch(sims, venue, on=on)
            with pytest.raises(InvalidOrder, match='leg="long" or "short"') as caught:
                await take(market, "buy", leg)
            assert isinstance(caught.value, OrderRejected)
            assert caught.value.code == REFUSED[venue]


@venues
@module
async def test_a_leg_is_never_closed_by_more_than_it_is(sims: serve, venue: str) -> None:
    switch(sims, venue, on=True)
    async with tidebook.connect(venue, at=sims.at) as market, market.account() as account:
        with pytest.raises(VenueError):
            await take(market, "sell", "long")  # it would be a short one
        await take(market, "buy", "long", 2)
        away = await price(market, SYMBOL, "1.2")
        resting = await market.submit(Limit(SYMBOL, "sell", Decimal(SIZES[venue]) * 2, away, leg="long"))
        with pytest.raises(VenueError):
            await take(market, "sell", "long")  # all of it is for sale already
        await resting.cancel()
        await take(market, "sell", "long", 5)
        await leg_is(account, "long", Decimal(0))
    assert all(one.lots == 0 for one in sims.account(venue).positions.values())


@venues
@module
async def test_the_mode_is_set_by_the_venues_own_call(sims: serve, venue: str) -> None:
    path, on, off = SWITCHED[venue]
    switch(sims, venue, on=False)
    account = sims.account(venue)
    async with tidebook.connect(venue, at=sims.at) as market:
        await market.post(path, on)
        assert account.hedges
        if venue == "binance.usdm":
            assert (await market.get(path)).data == {"dualSidePosition": True}
        await take(market, "buy", "long")
        with pytest.raises(VenueError):
            await market.post(path, off)
        assert account.hedges
        await take(market, "sell", "long")
        await market.post(path, off)
        assert not account.hedges
        await take(market, "buy", "net")
        await take(market, "sell", "net")


@module
async def test_a_thread_reads_both(sims: serve) -> None:
    venue = "binance.usdm"
    switch(sims, venue, on=True)

    def look() -> None:
        with threads.connect(venue, at=sims.at) as market, market.account() as account:
            at = market.fetch_book(SYMBOL).bids[0].price
            both: list[tuple[Side, Leg]] = [("buy", "long"), ("sell", "short")]
            for side, leg in both:
                much = "1.05" if side == "buy" else "0.95"
                rounded = (at * Decimal(much)).quantize(Decimal("0.1"))
                market.submit(Limit(SYMBOL, side, "0.01", rounded, tif="ioc", leg=leg))
                account.positions.wait(SYMBOL, leg=leg, until=lambda row: row.size)
            long, short = account.positions.get(SYMBOL, leg="long"), account.positions.get(SYMBOL, leg="short")
            assert long is not None
            assert short is not None
            assert (long.size, short.size) == (Decimal("0.01"), Decimal("-0.01"))
            with pytest.raises(UsageError, match="which of them"):
                account.positions.get(SYMBOL)
            market.submit(MarketOrder(SYMBOL, "sell", "0.01", leg="long"))
            market.submit(MarketOrder(SYMBOL, "buy", "0.01", leg="short"))

    await asyncio.to_thread(look)


@pytest.mark.parametrize("made", [
    lambda: Limit(SYMBOL, "buy", "1", "1", leg="up"),  # type: ignore[arg-type]
    lambda: Limit(SYMBOL, "buy", "1", "1", reduce_only=True, leg="long"),
    lambda: MarketOrder(SYMBOL, "sell", "1", reduce_only=True, leg="short"),
    lambda: Stop(SYMBOL, "sell", "1", "1", leg=None),  # type: ignore[arg-type]
])  # fmt: skip
def test_what_is_no_order_of_a_leg(made: Any) -> None:
    with pytest.raises(UsageError, match=r"leg=|never closes it"):
        made()


@module
async def test_a_venue_without_legs_sends_none(sims: serve) -> None:
    async with tidebook.connect("okx", at=sims.at) as market:
        with pytest.raises(UsageError, match="legs are of contracts"):
            await market.submit(Limit("BTC/USDT", "buy", "0.01", "100", leg="long"))
    async with serve(seed=7, venues=["binance.spot"]) as sim, tidebook.connect("binance.spot", at=sim.at) as market:
        with pytest.raises(UsageError, match="has no long positions beside the other"):
            await market.submit(Limit("BTC/USDT", "buy", "0.01", "20000", leg="long"))
