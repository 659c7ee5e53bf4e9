import asyncio
from tidebook.compat import pybotters

async def main():
    async with pybotters.Client() as client:
        await client.ws_connect(
            "wss://stream.bybit.com/v5/public/inverse",
            send_json={"op": "subscribe", "args": ["tickers.BTCUSD"]},
            hdlr_json=lambda msg, ws: print(msg),
        )
        while True:
            await asyncio.sleep(1)

asyncio.run(main())
