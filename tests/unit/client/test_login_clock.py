"""Logins by a clock that is wrong: it is looked at once, and the login said once more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from tidebook import ClockRefused, Limit, Options, TidebookError, connect
from tidebook.core.clock import SECOND
from tidebook.errors import NotPermitted
from tidebook.model.market import State
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio

OFF = 400 * SECOND  # more than any venue's window
LOGINS = {
    "okx": "login", "bybit.linear": "auth", "htx.spot": "req", "binance.spot": "userDataStream.subscribe.signature",
}  # fmt: skip
REFUSES = {"okx": ClockRefused, "bybit.linear": NotPermitted, "htx.spot": NotPermitted, "binance.spot": ClockRefused}


@pytest.fixture(scope="module", params=LOGINS)
def venue(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


QUICK = Options(backoff_first=0.01, backoff_most=0.02, reopen_apart=0.01)


def symbol_of(venue: str) -> str:
    return "BTC/USDT:USDT" if venue.endswith("linear") else "BTC/USDT"


@pytest.fixture
async def sim(venue: str) -> AsyncIterator[serve]:
    async with serve(7, [venue], symbols=[symbol_of(venue)]) as running:
        yield running


def logins(sim: serve, venue: str) -> int:
    return sim._simulator.fronts[venue].tally.made[f"message {LOGINS[venue]}"]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - what it waits for happens at the exchange
            await asyncio.sleep(0.005)


async def test_a_login_that_is_refused_for_its_time_is_said_once_more(sim: serve, venue: str) -> None:
    async with connect(venue, at=sim.at) as market:
        sim._simulator.fronts[venue].shift_ns += OFF
        async with market.account() as account:
            assert account.state is State.LIVE
            assert logins(sim, venue) == 2


async def test_so_is_one_after_a_reconnect_however_often(sim: serve, venue: str) -> None:
    """Each time once: one that is let in counts anew."""
    async with connect(venue, at=sim.at, options=QUICK) as market, market.account() as account:
        for already in (1, 3):
            assert logins(sim, venue) == already
            sim._simulator.fronts[venue].shift_ns += OFF
            sim.faults.cut(venue)
            sim.faults.resume(venue)
            await until(lambda already=already: logins(sim, venue) == already + 2)  # type: ignore[misc]
            await until(lambda: account.state is State.LIVE)


async def test_one_that_is_refused_twice_raises(sim: serve, venue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the venue does not tell its time."""
    async with connect(venue, at=sim.at) as market:
        (one,) = market._venues(None)
        calls = tuple(call for call in one.declared.calls if call.name != "time")
        monkeypatch.setattr(one, "declared", replace(one.declared, calls=calls))
        sim._simulator.fronts[venue].shift_ns += OFF
        with pytest.raises(TidebookError, match="login refused") as caught:
            await market.account()
        assert type(caught.value) is REFUSES[venue]
        assert logins(sim, venue) == 2


@pytest.mark.parametrize(("venue", "place"), [("okx", "order"), ("bybit.linear", "order.create")], indirect=["venue"])
async def test_the_connection_for_orders_is_let_in_too(sim: serve, venue: str, place: str) -> None:
    """Until then they go over REST."""
    async with connect(venue, at=sim.at, orders="websocket", options=QUICK) as market:
        sim._simulator.fronts[venue].shift_ns += OFF
        order = Limit("BTC/USDT:USDT", "buy", size="0.01", price="30000")
        await market.submit(order)
        (one,) = market._venues(None)
        socket = one.private.order_socket
        assert socket is not None
        await until(lambda: one.talk(socket).is_open)
        await market.submit(order)
        made = sim._simulator.fronts[venue].tally.made
        assert logins(sim, venue) == 2
        assert made[f"message {place}"] == 1
