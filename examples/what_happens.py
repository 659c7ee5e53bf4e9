"""Every loss is an event with a count. Without a network: tidebook sim -- python examples/what_happens.py"""

import asyncio

import tidebook


async def watch(market: tidebook.Market) -> None:
    async with market.health() as events:
        async for event in events:
            print(f"{type(event).__name__:12} {event}")


async def main() -> None:
    async with tidebook.connect("binance") as market:
        watching = asyncio.create_task(watch(market))
        async with market.book("BTC/USDT", stale="yield") as book, market.quotes("ETH/USDT", slow="drop") as quotes:
            for _ in range(5):
                change = await book.next()
                print(change.state, change.last, "merged", change.merged, "quotes lost", quotes.lost)
        watching.cancel()


tidebook.run(main())
