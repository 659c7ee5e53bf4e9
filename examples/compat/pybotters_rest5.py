import asyncio
import time
from tidebook.compat import pybotters as aiohttp

async def fetch(url, params):
    resp = await session.get(url, params=params)
    data = await resp.json()
    return data

async def main():
    global session
    async with aiohttp.ClientSession() as session:
        url = "https://api.bybit.com/v5/market/tickers"
        start = time.time()

        results = await asyncio.gather(
            fetch(url, {"category": "inverse", "symbol": "BTCUSD"}),
            fetch(url, {"category": "inverse", "symbol": "ETHUSD"}),
            fetch(url, {"category": "inverse", "symbol": "EOSUSD"}),
            fetch(url, {"category": "inverse", "symbol": "XRPUSD"}),
        )
        print(results)
        print(f"{time.time() - start:.3f} sec")

asyncio.run(main())
