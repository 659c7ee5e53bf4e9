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

        data1 = await fetch(url, {"category": "inverse", "symbol": "BTCUSD"})
        data2 = await fetch(url, {"category": "inverse", "symbol": "ETHUSD"})
        data3 = await fetch(url, {"category": "inverse", "symbol": "EOSUSD"})
        data4 = await fetch(url, {"category": "inverse", "symbol": "XRPUSD"})
        results = [data1, data2, data3, data4]
        print(results)
        print(f"{time.time() - start:.3f} sec")

asyncio.run(main())
