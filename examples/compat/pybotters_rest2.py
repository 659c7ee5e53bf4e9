import asyncio
from tidebook.compat import pybotters as aiohttp

async def main():
    async with aiohttp.ClientSession() as session:
        resp = await session.get("https://api.bybit.com/v5/market/tickers", params={"category": "inverse", "symbol": "BTCUSD"})
        data = await resp.json()
        print(data["result"])

asyncio.run(main())
