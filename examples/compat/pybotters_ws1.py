import asyncio
from tidebook.compat import pybotters as aiohttp

async def main():
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect("wss://stream.bybit.com/v5/public/inverse") as ws:
            await ws.send_json({"op": "subscribe", "args": ["tickers.BTCUSD"]})
            async for msg in ws:
                if msg.type == aiohttp.WSMsgType.TEXT:
                    data = msg.json()
                    print(data)

asyncio.run(main())
