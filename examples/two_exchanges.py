"""One symbol on two exchanges, side by side. Without a network: tidebook sim -- python examples/two_exchanges.py"""

import tidebook


async def main() -> None:
    async with tidebook.connect("binance", "htx") as market, market.consolidated("BTC/USDT") as both:
        seen = 0
        async for view in both:
            for one in view.venues:
                print(f"{one.venue:14} {one.state:8} {one.bid} {one.ask}")
            for difference in view.differences:
                print(f"buy on {difference.buy}, sell on {difference.sell}: {difference.percent:.4f} %")
            seen += 1
            if seen == 5:
                break


tidebook.run(main())
