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

        coro1 = fetch(url, {"category": "inverse", "symbol": "BTCUSD"})
        coro2 = fetch(url, {"category": "inverse", "symbol": "ETHUSD"})
        coro3 = fetch(url, {"category": "inverse", "symbol": "EOSUSD"})
        coro4 = fetch(url, {"category": "inverse", "symbol": "XRPUSD"})
        task1 = asyncio.create_task(coro1)
        task2 = asyncio.create_task(coro2)
        task3 = asyncio.create_task(coro3)
        task4 = asyncio.create_task(coro4)
        await task1
        await task2
        await task3
        await task4
        data1 = task1.result()
        data2 = task2.result()
        data3 = task3.result()
        data4 = task4.result()
        results = [data1, data2, data3, data4]
        print(results)
        print(f"{time.time() - start:.3f} sec")

asyncio.run(main())
