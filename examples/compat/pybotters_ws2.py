import asyncio
from tidebook.compat import pybotters as aiohttp

async def run_forever(session):
    async with session.ws_connect("wss://stream.bybit.com/v5/public/inverse") as ws:
        await ws.send_json({"op": "subscribe", "args": ["tickers.BTCUSD"]})
        async for msg in ws:
            if msg.type == aiohttp.WSMsgType.TEXT:
                data = msg.json()
                print("WebSocket")
                print(data)

async def main():
    async with aiohttp.ClientSession() as session:
        params = {"category": "inverse", "symbol": "BTCUSD"}
        wstask = asyncio.create_task(run_forever(session))
        resp = await session.get("https://api.bybit.com/v5/market/tickers", params=params)
        data = await resp.json()
        print("REST API")
        print(data["result"])
        print("--------")
        await wstask

asyncio.run(main())
