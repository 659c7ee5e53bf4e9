"""Orders of which asking by name proves nothing: asked on, found by other evidence, or settled by a human."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.client.test_orders import BTC, GENEROUS, PATH, far, ledger, until

from tidebook import Limit, MarketOrder, NetworkError, Options, OutcomeUnknown, PostOnlyWouldTake, UsageError, connect
from tidebook.client.market import Market
from tidebook.core.trading import Trading
from tidebook.errors import OrderNotFound
from tidebook.model.orders import Order
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio
QUICK = Options(resolve_timeout=0.7, request_timeout=2.0)


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=["binance.spot"], symbols=[BTC]) as running:
        yield running


def without_window(market: Market, *, forgets: bool = False) -> None:
    """Let its venue be one whose "not found" proves nothing; where it `forgets`, it knows no order by our name."""
    intents = market._connected[0].private.intents
    given = intents.trading
    order = given.act("order")
    assert order is not None

    def nothing(body: bytes, seen: object, about: object) -> object:
        if getattr(about, "client_id", ""):
            raise OrderNotFound("no such name")
        return order.read(body, seen, about)  # type: ignore[arg-type]

    acts = tuple(replace(act, read=nothing) if act.name == "order" and forgets else act for act in given.acts)
    intents.trading = Trading(acts, given.ids, "by_id", window=None, unsure=given.unsure, cost=given.cost)


async def unknown(sim: serve, market: Market, point: str, order: object = None) -> OutcomeUnknown:
    """An order of which nobody knows what became of it."""
    sim.faults.order(point, "binance.spot", PATH)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown) as told:
        await market.submit(far() if order is None else order)  # type: ignore[arg-type]
    sim.faults.resume("binance.spot")
    return told.value


@pytest.mark.parametrize("order", [None, MarketOrder(BTC, "buy", size="0.001")])
async def test_it_is_found_among_open_orders_or_by_its_fills(sim: serve, order: MarketOrder | None) -> None:
    async with connect("binance.spot", at=sim.at, options=QUICK) as market:
        without_window(market, forgets=True)
        sim.faults.order("accepted", "binance.spot", PATH)
        found = await market.submit(far() if order is None else order)
        assert found.client_id in ledger(sim)
        assert found.status == ("open" if order is None else "filled")
        assert market.unresolved == {}


async def test_resolve_asks_as_long_as_it_is_told_and_says_never_without_a_proof(sim: serve) -> None:
    async with connect("binance.spot", at=sim.at, options=QUICK) as market:
        without_window(market)
        error = await unknown(sim, market, "read")
        asked = sim.tally.made["GET api.binance.com/api/v3/order"]
        with pytest.raises(OutcomeUnknown):
            await error.resolve(timeout=0.1)
        going = asyncio.ensure_future(error.resolve(timeout=GENEROUS))
        await until(lambda: sim.tally.made["GET api.binance.com/api/v3/order"] >= asked + 2)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        assert sim.tally.made["GET api.binance.com/api/v3/openOrders"]
        assert sim.tally.made["GET api.binance.com/api/v3/myTrades"]
        for wrong in (0, -1, "5", True, float("nan")):
            with pytest.raises(UsageError, match="timeout="):
                await error.resolve(timeout=wrong)  # type: ignore[arg-type]


async def test_resolve_with_a_long_timeout_outlasts_the_window(sim: serve) -> None:
    async with connect("binance.spot", at=sim.at, options=QUICK) as market:
        intents = market._connected[0].private.intents
        intents.trading = replace(intents.trading, window=0.1)
        error = await unknown(sim, market, "read")
        with pytest.raises(NetworkError, match="never arrived"):
            await error.resolve(timeout=GENEROUS)
        assert market.unresolved == {}


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_human_settles_it_and_no_later_start_asks_again(sim: serve, tmp_path: Path, arrived: bool) -> None:
    path = tmp_path / "journal"
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        without_window(market)
        error = await unknown(sim, market, "read")
        with pytest.raises(UsageError, match="True or False"):
            market.settle(error.client_id, arrived=None)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="nothing unresolved is called 'x'"):
            market.settle("x", arrived=False)
        assert list(market.unresolved) == [error.client_id]
        market["binance"].settle(error.client_id, arrived=arrived)
        assert market.unresolved == {}
        for _ in range(2):
            with pytest.raises(OrderNotFound if arrived else NetworkError, match="as somebody said"):
                await error.resolve()
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        assert market.unresolved == {} == market.recovered


async def test_one_of_an_earlier_process_is_settled(sim: serve, tmp_path: Path) -> None:
    """Of the venue that is asked, and of a place that is not connected."""
    path = tmp_path / "journal"
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        without_window(market)
        one, other = [await unknown(sim, market, "read") for _ in range(2)]
    path.write_text(path.read_text().replace(f'"{other.client_id}","number"', f'"{other.client_id}x","number"'))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line.replace("binance.spot", "kraken") if 'x",' in line else line for line in lines))
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        without_window(market)
        await until(lambda: set(market.unresolved) == {one.client_id, f"{other.client_id}x"})
        market.settle(one.client_id, arrived=False)
        market.settle(f"{other.client_id}x", arrived=True)
        await until(lambda: len(market.recovered) == 2)
        assert isinstance(market.recovered[one.client_id], NetworkError)
        assert isinstance(market.recovered[f"{other.client_id}x"], OutcomeUnknown)
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        assert market.unresolved == {} == market.recovered


async def test_what_a_user_has_found_out_is_what_became_of_it(sim: serve, tmp_path: Path) -> None:
    """Of an order in the journal, which is asked after by itself too, now and then: it is known at once."""
    path = tmp_path / "journal"
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        sim.faults.order("accepted", "binance.spot", PATH)
        sim.faults.order("read", "binance.spot", PATH, n=1000)
        with pytest.raises(OutcomeUnknown) as told:
            await market.submit(far())
    name = told.value.client_id
    async with connect("binance.spot", at=sim.at, options=QUICK, journal=path) as market:
        intents = market._connected[0].private.intents
        await until(lambda: name in intents._endings)  # it was asked after in vain, and is again in a moment
        assert (list(market.unresolved), market.recovered) == ([name], {})
        sim.faults.resume("binance.spot")
        found = await market.resolve(name, timeout=GENEROUS)
        await until(lambda: market.recovered)
        outcome = market.recovered[name]
        assert isinstance(outcome, Order)
        assert (outcome.id, outcome.client_id) == (found.id, name)


async def test_what_htx_cancels_because_it_would_take_is_an_error() -> None:
    """It gives no reason there: the order is taken, and cancelled."""
    async with serve(seed=7, venues=["htx.spot"], symbols=[BTC]) as there, connect("htx.spot", at=there.at) as market:
        with pytest.raises(PostOnlyWouldTake, match="would have taken"):
            await market.submit(Limit(BTC, "buy", size="0.01", price="100000", post_only=True))
        stays = await market.submit(Limit(BTC, "buy", size="0.01", price="30000", post_only=True))
        assert stays.open


async def test_what_fails_before_the_order_is_not_taken_for_it() -> None:
    """The venue's name of the account is asked for first: where that is cut no order has left."""
    venue, ask = "htx.spot", "/v1/account/accounts"
    async with serve(7, [venue], symbols=[BTC]) as sim, connect(venue, at=sim.at, options=QUICK) as market:
        sim.faults.order("read", venue, ask)
        with pytest.raises(NetworkError, match=f"{ask}.*of which nothing was sent") as cut:
            await market.submit(far())
        assert cut.value.retry == "safe"
        assert market.unresolved == {}
        assert not sim.account(venue).records
        assert (await market.submit(far())).open
