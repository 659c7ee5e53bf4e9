"""An order as it stands in a journal, and what the next process makes of it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.unit.client.test_orders import BTC, PATH, far, ledger, until

from tidebook import Order, connect
from tidebook.client.journaled import entry_of, wish_of
from tidebook.core.intents import BITS
from tidebook.core.rules import Wish
from tidebook.io.journal import Entry
from tidebook.model.facts import Instrument
from tidebook.sim.server import serve

ONE = Instrument(
    venue="x.linear", symbol="A/B:B", id="AB", kind="linear", base="A", quote="B", settle="B", active=True,
    tick=Decimal("0.1"), step=Decimal(1),
)  # fmt: skip
WISHES = [
    Wish(ONE, "buy", "limit", "tb1", Decimal("1.50"), price=Decimal(2), post_only=True),
    Wish(ONE, "sell", "stop_limit", "tb2", Decimal(1), None, Decimal(2), Decimal(3), "ioc", leg="short", account="7"),
    Wish(ONE, "sell", "market", "tb3", Decimal("1E+3"), reduce_only=True, leg="long"),
    Wish(ONE, "buy", "market", "tb4", None, Decimal("10.00")),
]


@pytest.mark.parametrize("wish", WISHES, ids=[wish.client_id for wish in WISHES])
def test_it_is_the_same_order_after_a_crash(wish: Wish) -> None:
    entry = entry_of(wish, (1 << BITS) - 1, "x", 5)
    line = msgspec.json.encode(entry)
    assert msgspec.json.decode(line, type=Entry) == entry
    assert wish_of(msgspec.json.decode(line, type=Entry), ONE) == wish


def test_a_journal_of_before_there_were_legs_is_read() -> None:
    entry = entry_of(WISHES[0], 1, "x", 5)
    del entry.wish["leg"]
    assert wish_of(entry, ONE) == WISHES[0]


# ------------------------------------------------------------------------------------------------ who was told

PROGRAM = """
import asyncio, sys
from tidebook import Limit, connect

async def main():
    async with connect("binance.spot", at=sys.argv[1], journal=sys.argv[2]) as market:
        two = [Limit("BTC/USDT", "buy", size=size, price="30000") for size in ("0.001", "0.002")]
        sending = asyncio.ensure_future(market.submit_many(two))
        await asyncio.to_thread(sys.stdin.readline)
        await market.fetch_open_orders("BTC/USDT")
        print("on", flush=True)
        await sending

asyncio.run(main())
"""


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with serve(seed=7, venues=["binance.spot"], symbols=[BTC]) as running:
        yield running


async def test_after_a_kill_what_was_accepted_and_not_handed_over_is_told(sim: serve, tmp_path: Path) -> None:
    """Of two at once one was answered: the other's answer was still waited for, and nobody had either of them."""
    path = tmp_path / "journal"
    sim.faults.order("late", "binance.spot", PATH, seconds=3600)
    command = [sys.executable, "-c", PROGRAM, sim.at, str(path)]
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert running.stdin is not None
    assert running.stdout is not None
    await until(lambda: len(ledger(sim)) == 2)
    running.stdin.write(b"on\n")
    assert await running.stdout.readline() == b"on\n"
    running.send_signal(signal.SIGKILL)
    await running.wait()
    sim.faults.resume("binance.spot")
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        await until(lambda: len(market.recovered) == 2)
        assert all(isinstance(found, Order) for found in market.recovered.values())
        assert market.recovered.keys() == ledger(sim).keys()
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        assert {**market.recovered, **market.unresolved} == {}


@pytest.mark.parametrize("asks", [False, True])
async def test_an_order_that_nobody_waited_for_is_told_of_until_somebody_asks(
    sim: serve, tmp_path: Path, asks: bool
) -> None:
    path = tmp_path / "journal"
    sim.faults.order("late", "binance.spot", PATH, seconds=0.5)
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        sending = asyncio.ensure_future(market.submit(far()))
        await until(lambda: len(ledger(sim)) == 1)
        assert sending.cancel()
        (client_id,) = ledger(sim)
        with pytest.raises(asyncio.CancelledError):
            await sending
        await until(lambda: not market.unresolved)
        if asks:
            assert (await market.resolve(client_id)).open
    async with connect("binance.spot", at=sim.at, journal=path) as market:
        if not asks:
            await until(lambda: market.recovered)
        assert [*market.recovered] == ([] if asks else [client_id])
        assert market.unresolved == {}
