"""Keys that are none, or half of one: what wants them is refused, before anything is sent, and all else goes on."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from tidebook import Limit, NotPermitted, UsageError, connect
from tidebook.client.market import Market
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.sim.server import READER, serve

pytestmark = pytest.mark.asyncio

CANARY = "Y2FuYXJ5LWluLWEta2V5"
BROKEN = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"
ORDER = Limit("BTC/USDT", "buy", size="0.01", price="30000")


async def opened(market: Market) -> None:
    async with market.account():
        pass


WANTS: tuple[Callable[[Market], Awaitable[object]], ...] = (
    opened, lambda market: market.submit(ORDER), lambda market: market.fetch_balances(),
    lambda market: market.cancel_all(),
)  # fmt: skip


@pytest.mark.parametrize("orders", ["rest", "websocket"])
@pytest.mark.parametrize(
    ("venue", "key", "why"),
    [
        ("okx", Credentials.of(SIMULATOR.key.reveal(), SIMULATOR.secret.reveal(), source="a test"), "a passphrase"),
        ("binance.spot", Credentials.of("a-key", BROKEN, source="a test"), "no private key in PEM"),
    ],
)
async def test_half_a_key_ends_what_wants_it_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, venue: str, key: Credentials, why: str,
    orders: Literal["rest", "websocket"],
) -> None:  # fmt: skip
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", key)
    async with (
        serve(1, [venue]) as sim,
        connect(venue, at=sim.at, orders=orders) as market,
        market.book("BTC/USDT") as book,
    ):
        for wants in WANTS:
            with pytest.raises(UsageError, match=why) as told:
                await asyncio.wait_for(wants(market), 20)
            assert re.search(r"othing was (sent|opened)|No login was sent", str(told.value))
            assert CANARY not in f"{told.value!r} {vars(told.value)}"
        assert book.state == "live"
        await book.next(timeout=20)
        assert not sim.account(venue, SIMULATOR).records
    assert "bug" not in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize("venue", ["binance.spot", "bybit.spot", "okx"])
async def test_a_key_that_may_only_look_is_told_so(monkeypatch: pytest.MonkeyPatch, venue: str) -> None:
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", READER)
    async with serve(1, [venue]) as sim, connect(venue, at=sim.at) as market, market.account() as account:
        assert account.balances.get("USDT") is not None
        with pytest.raises(NotPermitted) as told:
            await market.submit(ORDER)
        assert told.value.retry == "never"
        assert market.unresolved == {}
