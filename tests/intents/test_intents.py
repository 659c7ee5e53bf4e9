"""A short run with `make test`; the long one is `python -m tests.intents`."""

import runpy
import sys
from collections import Counter
from decimal import Decimal

import pytest
from tests.intents import bot
from tests.intents.run import PATHS, SYMBOL, run

import tidebook
from tidebook.core.options import Options
from tidebook.sim.server import serve


@pytest.mark.parametrize("venue", PATHS)
async def test_no_order_is_there_twice_or_otherwise_than_told(venue: str) -> None:
    found = await run(venue, 40, 3)
    assert found.wrong == []
    assert found.sent == 40
    assert found.hits > 12


async def test_nor_over_a_websocket() -> None:
    found = await run("bybit.linear", 40, 3, over="websocket", cuts=0.4)
    assert found.wrong == []
    assert found.sent == 40
    assert found.hits > 3
    assert found.over_rest < 34


async def test_the_bot_that_trades_a_spread_is_balanced_whatever_fails() -> None:
    status, faults, said = await bot.run(6, 5, 0.5)
    assert status == 0, said
    assert "balanced" in said, said
    assert faults >= 5
    assert any(line.startswith("<Order") for line in said)


async def test_the_bot_asks_until_it_is_known_what_became_of_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is done, and 503 the answer: to it, and to the first two questions after it."""
    monkeypatch.setattr(sys, "argv", [str(bot.BOT)])
    monkeypatch.setattr(tidebook, "run", lambda main: main.close())
    trade, own = runpy.run_path(str(bot.BOT))["trade"], Counter[str]()
    venue = "binance.spot"
    async with (
        serve(5, [venue], symbols=[SYMBOL]) as sim,
        tidebook.connect(venue, at=sim.at, options=Options(resolve_timeout=0.1)) as market,
        market.book(SYMBOL) as book,
    ):
        sim.faults.order("status", venue, PATHS[venue], n=3, status=503)
        await trade("buy", book, market, own)
        (record,) = sim.account(venue).records.values()
        assert record.state == "filled"
        assert sim._simulator.fronts[venue].faults.hits["order"] == 3
    assert Decimal("0.00099") < own["BTC"] <= Decimal("0.001")
