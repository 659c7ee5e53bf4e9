"""Accounts at all venues that tell of them: the same is done at each, and what is known is what is true."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Literal

import pytest
from tests.unit.client.accounts import account_is, price, same, unread, until

import tidebook
from tidebook import Limit
from tidebook.client.market import Market
from tidebook.core.options import Options
from tidebook.errors import NotPermitted, SignatureRefused
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.model.market import State
from tidebook.model.orders import Fill, Order
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


async def test_a_key_in_an_address_is_kept_and_replaced_when_it_ends() -> None:
    venue = "binance.usdm"
    symbol, size = MARKETS[venue]
    async with serve(seed=7, venues=[venue]) as sim, tidebook.connect(venue, at=sim.at) as market:
        one = market._connected[0]
        stream = one.declared.account
        assert stream is not None
        assert stream.token is not None
        assert stream.token.every < 3600, "a key lives for an hour"
        often = replace(stream, token=replace(stream.token, every=0.2))
        one.declared = replace(one.declared, account=often)
        async with market.account() as account:
            await take(market, symbol, "buy", size)
            await same(sim, account)
            first = account._word
            await until(lambda: sim.tally.made["PUT fapi.binance.com/fapi/v1/listenKey"] >= 3)
            assert account._word == first
            await market.delete("/fapi/v1/listenKey")
            await until(lambda: account._word != first)
            await until(lambda: any("its token has ended" in str(event) for event in market._healths.ring))
            await account_is(account, State.LIVE)
            last = await take(market, symbol, "sell", size)
            assert not (await account.orders.wait(last.client_id, open=False)).open
            await same(sim, account)
            assert first not in repr(account)
            assert all(first not in str(event) for event in market._healths.ring)
            tasks = len(account._tasks)
            sim.faults.order("late", venue, "/fapi/v1/listenKey", n=9, seconds=20)
            for _ in range(5):  # whatever becomes of the connection meanwhile, one question is under way
                account._interrupted()
            assert len(account._tasks) <= tasks + 1


@venues
async def test_whatever_is_cut_nothing_is_lost_or_twice(sim: serve, venue: str) -> None:
    symbol, size = MARKETS[venue]
    drawn = random.Random(7)
    options = Options(backoff_first=0.05, backoff_most=0.3, settle=0.2)
    async with (
        tidebook.connect(venue, at=sim.at, options=options) as market, market.account() as account,
        account.fills.watch() as fills,
    ):  # fmt: skip
        seen: list[Fill] = []
        fills.on(seen.append)

        async def cut() -> None:
            for _ in range(10):
                await asyncio.sleep(drawn.uniform(0.05, 0.3))
                assert account._one is not None
                assert account._raw is not None
                account._one.renew_raw(account._raw, "a test")

        cutting = asyncio.ensure_future(cut())
        resting = []
        for number in range(24):
            side: Literal["buy", "sell"] = drawn.choice(("buy", "sell"))
            if number % 4:
                await take(market, symbol, side, size)
            else:
                resting.append(await market.submit(Limit(symbol, "buy", size, await price(market, symbol, "0.8"))))
        for order in resting[::2]:
            await order.cancel()
        await cutting
        await same(sim, account)
        assert unread(market) == []
        assert len(account.fills) == len(seen) == len({(one.order_id, one.id) for one in seen}) >= 18


@pytest.mark.parametrize(
    ("venue", "path", "asked"),
    [
        ("bybit.spot", "GET api.bybit.com/v5/execution/list", 3),
        ("htx.spot", "GET api.huobi.pro/v1/order/matchresults", 1),
    ],
)
async def test_what_lies_far_back_is_asked_for_as_far_as_it_is_told(
    sim: serve, venue: str, path: str, asked: int
) -> None:
    """Twenty days: Bybit tells of seven at a time, HTX of the last two."""
    symbol, size = MARKETS[venue]
    async with tidebook.connect(venue, at=sim.at) as market, market.account() as account:
        await take(market, symbol, "buy", size)
        await same(sim, account)
        missed = account._missed
        assert missed is not None
        missed.since_ns -= 20 * 86_400 * 10**9
        before = sim.tally.made.get(path, 0)
        await missed.fetch(["fills"])
        assert sim.tally.made[path] - before == asked
        await same(sim, account)
