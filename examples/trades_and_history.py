"""The last bars, then live trades. Without a network: tidebook sim -- python examples/trades_and_history.py"""

import tidebook


async def main() -> None:
    async with tidebook.connect("binance") as market:
        bars = await market.fetch_bars("ETH/USDT", "1m", limit=5)
        for bar in bars:
            print(bar)
        async with market.trades("BTC/USDT", "ETH/USDT") as trades:
            count = 0
            async for trade in trades:
                print(trade)
                count += 1
                if count == 10:
                    break


tidebook.run(main())
