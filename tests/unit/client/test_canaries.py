"""Four secrets go through everything that can go wrong, and are seen nowhere."""

import asyncio
import io
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tidebook import Limit, MarketOrder, Options, TidebookError, connect
from tidebook.client.market import Market
from tidebook.model.credentials import Credentials, Secret
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio

CANARIES = ("canary-key-4b1d", "canary-secret-77ae", "canary-passphrase-e01c", "canary-listen-93f0")
KEY = Credentials.of(CANARIES[0], CANARIES[1], CANARIES[2], source="the canaries")
PATHS = {"binance.spot": "/api/v3/*", "bybit.spot": "/v5/*"}
FAR = Limit("BTC/USDT", "buy", size="0.001", price="30000")


def seen_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def all_of(error: BaseException) -> str:
    """Everything that a program may write down of an error: the locals of all frames too, and what it was caused by."""
    told = [f"{error!r} {error} {vars(error)}"]
    for shows in (True, False):
        found = traceback.TracebackException.from_exception(error, capture_locals=shows, compact=False)
        told.append("".join(found.format(chain=True)))
    if isinstance(error, TidebookError):
        told.append(repr(pickle.dumps(error)))
    return "\n".join(told)


@pytest.fixture(params=PATHS)
async def rig(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[serve, Market, str, io.StringIO]]:
    venue: str = request.param
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", KEY)
    async with serve(seed=3, venues=[venue], symbols=["BTC/USDT"]) as sim:
        sim.open_account(venue, KEY, {"USDT": "100000", "BTC": "2"})
        options = Options(resolve_timeout=0.4, request_timeout=2.0)
        async with connect(venue, at=sim.at, options=options) as market:
            yield sim, market, PATHS[venue], heard
    asyncio.get_running_loop().set_debug(False)
    root.removeHandler(handler)
    root.setLevel(level)


async def test_whatever_fails_no_secret_is_told(rig: tuple[serve, Market, str, io.StringIO]) -> None:
    sim, market, path, heard = rig
    venue = path and sim.venues[0]
    told = io.StringIO()  # not a list: it stands among the locals of frames whose locals are told
    failed = 0

    async def tried(doing: Callable[[], Awaitable[Any]]) -> None:
        nonlocal failed
        try:
            told.write(repr(await doing()))
        except TidebookError as error:
            failed += 1
            told.write(all_of(error))

    await tried(lambda: market.submit(FAR))
    await tried(lambda: market.submit(Limit("BTC/USDT", "buy", size="50", price="60000")))
    await tried(lambda: market.get("https://elsewhere.example/x"))
    await tried(lambda: market.cancel("no-such-order", symbol="BTC/USDT"))
    for point in ("unread", "read", "accepted", "answer", "late", "status"):
        sim.faults.order(point, venue, path, n=4, seconds=3.0)
        await tried(lambda: market.submit(MarketOrder("BTC/USDT", "sell", size="0.001")))
        await tried(market.fetch_balances)
        sim.faults.resume(venue)
    sim.faults.cut(venue, seconds=3600)
    await tried(market.fetch_balances)
    await tried(lambda: market.submit(FAR))
    sim.faults.resume(venue)
    sim.faults.status(429, venue, n=3)
    await tried(market.fetch_balances)
    things: list[object] = [market, market.stats, vars(market), market.unresolved]
    for one in market._venues(None):
        things += [one, vars(one.private), vars(one.desk.requests), one._keys]
    for thing in things:
        told.write(repr(thing))
    assert failed >= 12
    assert seen_in(told.getvalue()) == []
    assert heard.getvalue()
    assert seen_in(heard.getvalue()) == []


async def test_this_test_would_see_one() -> None:
    def leaks(secret: str) -> None:
        raise TidebookError("something else")

    with pytest.raises(TidebookError) as told:
        leaks(CANARIES[1])
    assert seen_in(all_of(told.value)) == [CANARIES[1]]
    assert seen_in(f"{KEY!r} {KEY} {[KEY]} {KEY.key:>30}") == []
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARIES[0]))
