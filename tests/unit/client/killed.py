"""A program with a dead man's switch and an order that rests: `python killed.py ADDRESS VENUE SYMBOL SECONDS`.

It prints the order's client id once both are there, and waits to be killed.
"""

import asyncio
import sys

from tidebook import Limit, connect


async def main(at: str, venue: str, symbol: str, seconds: float) -> None:
    async with connect(venue, at=at) as market, market.dead_man(seconds, symbol if venue == "binance.usdm" else None):
        order = await market.submit(Limit(symbol, "buy", size="0.01", price="30000"))
        print(order.client_id, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    at, venue, symbol, seconds = sys.argv[1:]
    asyncio.run(main(at, venue, symbol, float(seconds)))
