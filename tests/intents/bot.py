"""`python -m tests.intents.bot --seconds 600`: the example that trades a spread, while its exchanges fail at random."""

import argparse
import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Final

from tidebook.sim.server import Fault, serve
from tidebook.sim.server.faults import POINTS

BOT: Final = Path(__file__).parents[2] / "examples" / "spread.py"
VENUES: Final = ("binance.spot", "bybit.spot")
QUIET: Final = 3.0  # seconds at the end in which nothing fails: it looks at its balances then


def fault(draw: random.Random) -> Fault:
    """One of what goes wrong: an order's request cut at a point, all connections cut, an answer of 503, a clock set."""
    venue = draw.choice(VENUES)
    point = draw.choice(POINTS)
    return draw.choice((
        Fault("order", venue, count=2, seconds=0.5, status=503, point=point),
        Fault("order", venue, count=1, seconds=0.5, status=503, point=point),
        Fault("cut", venue),
        Fault("cut", venue, seconds=1.0),
        Fault("status", venue, count=1, status=503),
        Fault("clock", venue, seconds=draw.choice((-20.0, 0.0, 20.0))),
    ))  # fmt: skip


async def run(seconds: float, seed: int, apart: float) -> tuple[int, int, list[str]]:
    """Its exit status, how many faults there were, and what it printed."""
    draw = random.Random(seed)
    async with serve(seed, VENUES, symbols=["BTC/USDT"]) as sim:
        bot = await asyncio.create_subprocess_exec(
            sys.executable, str(BOT), str(int(seconds)), env={**os.environ, "TIDEBOOK_AT": sim.at},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert bot.stdout is not None
        said = [await bot.stdout.readline()]  # its first order: from there on everything may fail
        reading = asyncio.ensure_future(bot.stdout.read())
        faults = 0
        for _ in range(int(max(seconds - QUIET, 1) / apart)):
            await asyncio.wait([reading], timeout=apart)
            sim.faults(fault(draw))
            faults += 1
        for venue in VENUES:
            sim.faults.resume(venue)
        async with asyncio.timeout(seconds + 120):  # a round of the bot's takes a second, and longer where much fails
            said.append(await reading)
            status = await bot.wait()
    return status, faults, b"".join(said).decode().splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description="A bot between two exchanges that fail at random")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--apart", type=float, default=1.0, help="seconds between two faults")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    status, faults, said = asyncio.run(run(wanted.seconds, wanted.seed, wanted.apart))
    orders = sum(line.startswith("<Order") for line in said)
    refused = sum(line.startswith("not done") for line in said)
    print(f"{orders} orders, {refused} times not done, {faults} faults, exit status {status}: {said[-1:]}")
    print(*(line for line in said if not line.startswith(("<Order", "not done"))), sep="\n")
    return 0 if status == 0 and "balanced" in said else 1


if __name__ == "__main__":
    sys.exit(main())
