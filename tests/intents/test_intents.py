"""A short run with `make test`; the long one is `python -m tests.intents`."""

import pytest
from tests.intents import bot
from tests.intents.run import PATHS, run


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
