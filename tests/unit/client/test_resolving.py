"""Who was told that nobody knows may ask when he likes: what has become known meanwhile, by whatever way, is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.client.test_orders import BTC, GENEROUS, PATH, far, ledger, until

from tidebook import NetworkError, Options, Order, OutcomeUnknown, UsageError, WrongLoop, connect
from tidebook.client.market import Market
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio
VENUE = "binance.spot"
QUICK = Options(resolve_timeout=0.2)


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=[VENUE], symbols=[BTC]) as running:
        yield running


def silenced(sim: serve, point: str = "accepted") -> None:
    """The next order's answer is lost, and no question about orders is answered any more."""
    sim.faults.order(point, VENUE, PATH)  # type: ignore[arg-type]
    sim.faults.order("status", VENUE, PATH, n=10_000, status=503)


async def unknown(sim: serve, market: Market, point: str = "accepted") -> OutcomeUnknown:
    silenced(sim, point)
    with pytest.raises(OutcomeUnknown) as told:
        await market.submit(far())
    sim.faults.resume(VENUE)
    return told.value


async def test_what_another_question_has_found_is_told_as_often_as_one_asks(sim: serve) -> None:
    async with connect(VENUE, at=sim.at, options=QUICK) as market:
        error = await unknown(sim, market)
        seen = await market.fetch_order("", client_id=error.client_id, symbol=BTC)
        assert market.unresolved == {}
        asked = sim.tally.made["GET api.binance.com/api/v3/order"]
        orders = await asyncio.gather(error.resolve(), error.resolve(timeout=1), market.resolve(error.client_id))
        assert {order.id for order in orders} == {seen.id}
        assert sim.tally.made["GET api.binance.com/api/v3/order"] == asked
        assert (await orders[0].cancel()).client_id == error.client_id
        with pytest.raises(UsageError, match="timeout="):
            await error.resolve(timeout=-1)
    assert (await error.resolve()).id == seen.id  # also when it is closed


async def test_the_accounts_stream_says_what_no_answer_says(sim: serve) -> None:
    async with connect(VENUE, at=sim.at, options=QUICK) as market, market.account() as account:
        silenced(sim)
        order = await market.submit(far())
        assert ledger(sim) == {order.client_id: "open"}
        assert account.orders.get(order.client_id) is not None
        assert market.unresolved == account.unresolved == {}


async def test_a_stream_that_begins_later_resolves_it(sim: serve) -> None:
    """What is open is fetched then: that it stands there is known, and who waits learns of it."""
    async with connect(VENUE, at=sim.at, options=QUICK) as market:
        error = await unknown(sim, market)
        sim.faults.order("status", VENUE, PATH, n=10_000, status=503)
        waiting = asyncio.ensure_future(error.resolve(timeout=GENEROUS))
        async with market.account():
            order = await waiting
        assert order.client_id == error.client_id
        assert (await error.resolve()).id == order.id


@pytest.mark.parametrize("point", ["accepted", "read"])
async def test_of_what_a_human_has_settled_the_truth_is_told(sim: serve, point: str) -> None:
    async with connect(VENUE, at=sim.at, options=QUICK) as market:
        error = await unknown(sim, market, point)
        market.settle(error.client_id, arrived=point == "accepted")
        for _ in range(2):
            if point == "accepted":
                order = await error.resolve()
                assert isinstance(order, Order)
                assert ledger(sim) == {order.client_id: "open"}
            else:
                with pytest.raises(NetworkError, match="as somebody said"):
                    await error.resolve()


async def test_the_next_start_of_its_journal_says_it_by_its_name(sim: serve, tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with connect(VENUE, at=sim.at, options=QUICK, journal=path) as market:
        error = await unknown(sim, market)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="Its market is closed") as told:
            await error.resolve()
        error = told.value
    async with connect(VENUE, at=sim.at, options=QUICK, journal=path) as market:
        await until(lambda: market.recovered)
        order = await market.resolve(error.client_id)
        assert order.id == (await market.resolve(error.client_id)).id
        assert (await order.cancel()).status == "cancelled"


async def test_in_another_loop_it_is_told_once_it_is_known(sim: serve) -> None:
    async with connect(VENUE, at=sim.at, options=QUICK) as market:
        error = await unknown(sim, market)
        with pytest.raises(WrongLoop):
            await asyncio.to_thread(lambda: asyncio.run(error.resolve()))
        order = await error.resolve(timeout=GENEROUS)
        assert (await asyncio.to_thread(lambda: asyncio.run(error.resolve()))).id == order.id


async def test_who_asks_is_not_put_off_however_long_nobody_has_answered(sim: serve) -> None:
    async with connect(VENUE, at=sim.at, options=QUICK) as market:
        silenced(sim)
        with pytest.raises(OutcomeUnknown) as told:
            await market.submit(far())
        (intention,) = market._venues(None)[0].private.intents.unresolved.values()
        assert intention.next_ns is not None
        intention.next_ns += 3_600_000_000_000  # as after many questions in vain
        sim.faults.resume(VENUE)
        async with asyncio.timeout(GENEROUS):
            assert (await told.value.resolve(timeout=5)).open
