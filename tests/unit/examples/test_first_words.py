"""The program by which the whole shape of the client was fixed, as it stands, against the embedded exchange."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from tests.served import served
from tests.unit.client.accounts import until

from tidebook.errors import PostOnlyWouldTake
from tidebook.sim import serve

SHAPE = Path(os.environ.get("TIDEBOOK_SHARED", Path(__file__).parents[4] / "shared")) / "API.md"
PROGRAM = """\
import tidebook

async def main():
    async with tidebook.connect("binance", "bybit:testnet") as market:
        bybit = market["bybit:testnet"]
        async with market.book("BTC/USDT", venue="binance") as book, bybit.account() as account:
            async for change in book:
                if book.imbalance(5) < 0.6 or account.orders.find(symbol="BTC/USDT", open=True):
                    continue
                try:
                    order = await bybit.submit(tidebook.Limit("BTC/USDT", "buy", size="0.001", price=book.best_bid.price, post_only=True), guard=book)
                except tidebook.OutcomeUnknown as error:
                    order = await error.resolve()

tidebook.run(main())
"""  # noqa: E501


@pytest.mark.skipif(not SHAPE.exists(), reason="the page that fixes the shape is not beside the repository")
def test_it_is_the_same_program() -> None:
    assert SHAPE.read_text().split("```python\n")[1].split("```")[0] == PROGRAM


async def test_it_trades_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its order rests, or is filled; only then another one may come."""
    given: list[Any] = []
    monkeypatch.setattr("tidebook.run", given.append)
    with served("binance", "bybit") as exchange:
        monkeypatch.setenv("TIDEBOOK_AT", exchange.at)
        exec(PROGRAM, {})
        program = asyncio.ensure_future(given[0])

        def orders(sim: serve) -> list[str]:
            return [one.venue for one in sim.account("bybit.spot").records.values()]

        await until(lambda: program.done() or bool(exchange.do(orders)))
        assert set(exchange.do(orders)) == {"bybit.spot"}
        program.cancel()
        # It may have been told that its order would take; the program does not catch that.
        with pytest.raises((asyncio.CancelledError, PostOnlyWouldTake)):
            await program
