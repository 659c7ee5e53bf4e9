"""Accounts at all venues that tell of them: the same is done at each, and what is known is what is true."""

from collections.abc import AsyncIterator
from typing import Literal

import pytest
from tests.unit.client.accounts import account_is, price, same, unread

import tidebook
from tidebook import Limit
from tidebook.client.market import Market
from tidebook.errors import NotPermitted, SignatureRefused
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.model.market import State
from tidebook.model.orders import Order
from tidebook.sim import serve

MARKETS = {
    "binance.spot": ("BTC/USDT", "0.01"),
    "binance.usdm": ("BTC/USDT:USDT", "0.01"),
    "okx": ("BTC/USDT", "0.01"),
    "htx.spot": ("BTC/USDT", "0.01"),
    "alpaca": ("BTC/USD", "0.01"),
    "bybit.spot": ("BTC/USDT", "0.01"),
    "bybit.linear": ("BTC/USDT:USDT", "0.01"),
}
venues = pytest.mark.parametrize("venue", MARKETS)


@pytest.fixture
async def sim(venue: str) -> AsyncIterator[serve]:
    async with serve(seed=7, venues=[venue]) as running:
        yield running


async def take(market: Market, symbol: str, side: Literal["buy", "sell"], size: str) -> Order:
    """At once, at what there is."""
    factor = "1.05" if side == "buy" else "0.95"
    return await market.submit(Limit(symbol, side, size, await price(market, symbol, factor), tif="ioc"))


@venues
async def test_what_happens_and_what_is_missed_are_known(sim: serve, venue: str) -> None:
    symbol, size = MARKETS[venue]
    async with tidebook.connect(venue, at=sim.at) as market:
        before = await market.submit(Limit(symbol, "buy", size, await price(market, symbol, "0.7")))
        async with market.account() as account:
            assert account.state is State.LIVE
            assert account.orders.get(before.client_id) is not None
            resting = await market.submit(Limit(symbol, "buy", size, await price(market, symbol, "0.8")))
            await take(market, symbol, "buy", size)
            await before.cancel()
            await same(sim, account)
            assert unread(market) == []
            sim.faults.cut(venue, seconds=0.5)
            await account_is(account, State.STALE)
            sim.faults.resume(venue)
            await take(market, symbol, "sell", size)
            await take(market, symbol, "sell", size)
            await resting.cancel()
            await account_is(account, State.LIVE)
            await same(sim, account)
            last = await take(market, symbol, "buy", size)
            done = await account.orders.wait(last.client_id, open=False)
            assert done.filled == done.size
            await same(sim, account)
        assert unread(market) == []


@venues
@pytest.mark.parametrize("wrong", ["key", "secret"])
async def test_a_refused_login_raises(sim: serve, venue: str, wrong: str) -> None:
    async with tidebook.connect(venue, at=sim.at) as market:
        key, secret = SIMULATOR.key.reveal(), SIMULATOR.secret.reveal()
        given = ("nobody", secret) if wrong == "key" else (key, "no-such-secret")
        credentials = Credentials.of(*given, "simulator-passphrase", source="a test")
        market._connected[0].desk._credentials = credentials
        market._connected[0]._keys.credentials = credentials
        with pytest.raises((NotPermitted, SignatureRefused)) as refused:
            await market.account()
        assert secret not in str(refused.value)
        assert "no-such-secret" not in str(refused.value)
