import asyncio
from tidebook.compat import pybotters as aiohttp

async def main():
    async with aiohttp.ClientSession() as session:
        async with session.get("https://api.bybit.com/v5/market/tickers?category=inverse&symbol=BTCUSD") as resp:
            data = await resp.text()
            print(data)

asyncio.run(main())
