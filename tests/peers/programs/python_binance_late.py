"""python-binance's DepthCacheManager in a program that has other things to do between opening a book and reading it."""

import asyncio
from decimal import Decimal
from importlib.metadata import version

import say
from binance import AsyncClient
from binance.ws.depthcache import DepthCacheManager


async def main() -> None:
    client = await AsyncClient.create()
    # A market begins when it is first asked for: let there be something before.
    await client.get_avg_price(symbol="BTCUSDT")
    await asyncio.sleep(1)
    manager = DepthCacheManager(client, "BTCUSDT", limit=5000, conv_type=Decimal, ws_interval=100)
    try:
        async with asyncio.timeout(40), manager:
            await asyncio.sleep(0.6)
            for n in range(20):
                cache = await manager.recv()
                # It has no public word for the number of its last update.
                name, number = f"DepthCacheManager book {n + 1}", manager._last_update_id
                say.book(name, "binance.spot", "BTC/USDT", number, cache.get_bids(), cache.get_asks())
        say.did("DepthCacheManager")
    finally:
        await client.close_connection()


say.version(version("python-binance"))
asyncio.run(main())
