"""Sells where it is dearer, buys where it is cheaper. Offline: tidebook sim -- python examples/spread.py 60"""

import asyncio
import sys
from collections import Counter
from typing import Any

import tidebook

SYMBOL, ROUNDS = "BTC/USDT", int(sys.argv[1] if len(sys.argv) > 1 else 5)


async def trade(side: Any, book: tidebook.Book, market: tidebook.Market, own: Counter[Any]) -> None:
    asked: Any = market.submit(tidebook.MarketOrder(SYMBOL, side, size="0.001"), guard=book, venue=book.venue)
    while asked:
        try:
            order, asked = await asked, None
        except tidebook.OutcomeUnknown as error:  # after a 503 that may take a minute: nobody trades on blindly here
            asked = error.resolve()
        except tidebook.TidebookError as error:
            return print(f"not done: {error}")
    print(await order.done())
    for fill in await order.fills():
        own.update({"BTC": (size := fill.size if side == "buy" else -fill.size), "USDT": -size * fill.price})
        own.subtract({fill.fee_currency: fill.fee})


async def main() -> None:
    async with tidebook.connect("binance.spot", "bybit.spot") as market:
        async with market.book(SYMBOL, venue="binance.spot") as here, market.book(SYMBOL, venue="bybit.spot") as there:
            before, own = await market.fetch_balances(), Counter[Any]()
            for _ in range(ROUNDS):
                one, two = ("sell", "buy") if here.last.mid > there.last.mid else ("buy", "sell")
                await asyncio.gather(trade(one, here, market, own), trade(two, there, market, own), asyncio.sleep(1))
            for row, was in zip(await market.fetch_balances(), before, strict=True):
                own[row.currency] -= row.total - was.total
        print("balanced" if not any(own.values()) else f"the exchanges have {dict(own)} less")


tidebook.run(main())
