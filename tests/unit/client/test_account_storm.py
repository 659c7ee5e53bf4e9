"""Many orders, and connections that are cut all the time: nothing is lost, nothing is there twice."""

import asyncio
import random
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.unit.client.accounts import same, unread
from tests.unit.sim_server.signed import Binance

import tidebook
from tidebook.client.account import Account
from tidebook.core.options import Options
from tidebook.model.orders import Fill
from tidebook.sim import serve

VENUE = "binance.spot"
BTC = "BTC/USDT"
ORDERS = 200


async def trade(writer: Binance, drawn: random.Random, bid: Decimal, name: str) -> bool:
    """One order of any kind, sent by a client that ours knows nothing of; whether it was taken."""

    def near(factor: str) -> str:
        return str((bid * Decimal(factor)).quantize(Decimal("0.01")))

    side = drawn.choice(("BUY", "SELL"))
    words: dict[str, Any] = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC"}
    words["newClientOrderId"] = name
    kind = drawn.randrange(4)
    match kind:
        case 0:
            words |= {"type": "MARKET", "timeInForce": None, "quantity": f"0.0{drawn.randint(10, 99)}"}
        case 1:  # through the book, so that it fills in parts
            words |= {"quantity": f"0.{drawn.randint(1, 9)}", "price": near("1.002" if side == "BUY" else "0.998")}
        case 2:
            words |= {"quantity": "0.002", "price": near("0.6" if side == "BUY" else "1.4")}
        case _:  # others take it later
            words |= {"quantity": "0.01", "price": near("0.9999" if side == "BUY" else "1.0001")}
    status, placed = await writer.ask("POST", "/api/v3/order", **words)
    if kind == 2 and status == 200 and drawn.random() < 0.6:
        await writer.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"])
    return status == 200


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_fill_is_lost_or_twice_whatever_is_cut(seed: int) -> None:
    drawn = random.Random(seed)
    options = Options(backoff_first=0.05, backoff_most=0.3, settle=0.2)
    async with (
        serve(seed=seed, venues=[VENUE]) as sim, aiohttp.ClientSession() as session,
        tidebook.connect(VENUE, at=sim.at, options=options) as market, market.account() as account,
        account.fills.watch() as fills,
    ):  # fmt: skip
        seen: list[Fill] = []
        fills.on(seen.append)
        bid = (await market.fetch_book(BTC)).bids[0].price
        cutting = asyncio.ensure_future(cut(account, drawn))
        writer = Binance(session, sim)
        taken = sum([await trade(writer, drawn, bid, f"w{number}") for number in range(ORDERS)])
        cutting.cancel()
        sim.rest()
        await same(sim, account)
        names = [type(event).__name__ for event in market._healths.ring]
        assert names.count("Disconnected") > 3
        assert unread(market) == []
        assert taken > ORDERS // 2
        assert len(seen) == len({(one.id, one.order_id) for one in seen}) == len(account.fills)
        assert len(seen) > ORDERS // 4


async def cut(account: Account, drawn: random.Random) -> None:
    """The account's connection is lost again and again, also while what was missed is being fetched."""
    assert account._one is not None
    assert account._raw is not None
    for _ in range(20):
        await asyncio.sleep(drawn.uniform(0.05, 0.6))
        account._one.renew_raw(account._raw, "a test")
