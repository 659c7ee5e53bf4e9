"""python-binance's AsyncClient, BinanceSocketManager and DepthCacheManager."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import say
from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import DepthCacheManager

SPOT = "binance.spot"
BOOKS = 40  # of each symbol
EVERY = 4  # of which so many are said: each is a whole book
LATEST = 40.0


async def some(socket: Any, name: str, few: Callable[[Any], bool]) -> list[Any]:
    """Messages of a stream, until there are enough."""
    heard: list[Any] = []
    try:
        async with asyncio.timeout(LATEST), socket as stream:
            while not few(heard):
                message = await stream.recv()
                if isinstance(message, dict) and message.get("e") == "error":
                    say.failed(name, RuntimeError(message))
                    return heard
                heard.append(message)
        say.did(name)
    except Exception as error:
        say.failed(name, error)
    return heard


async def depth_cache(client: AsyncClient, symbol: str) -> None:
    """The whole book: a snapshot of 5000 levels covers all that there is."""
    pair = symbol.replace("/", "")
    async with (
        asyncio.timeout(LATEST),
        DepthCacheManager(
            client, pair, limit=5000, conv_type=Decimal, ws_interval=100, bm=BinanceSocketManager(client)
        ) as manager,
    ):
        for n in range(BOOKS):
            cache = await manager.recv()
            if n < 3 or n % EVERY == 0:
                # It has no public word for the number of its last update.
                name, number = f"DepthCacheManager book {n + 1}", manager._last_update_id
                say.book(name, SPOT, symbol, number, cache.get_bids(), cache.get_asks())
    say.did("DepthCacheManager")


async def partial(manager: BinanceSocketManager, symbol: str) -> None:
    """Books of 20 levels, whole in each message."""
    pair = symbol.replace("/", "")
    for one in await some(manager.depth_socket(pair, depth="20", interval=100), "depth_socket", lambda n: len(n) >= 10):
        say.book("depth_socket", SPOT, symbol, one["lastUpdateId"], one["bids"], one["asks"], depth=20)


async def trades(manager: BinanceSocketManager) -> None:
    heard = await some(manager.trade_socket("BTCUSDT"), "trade_socket", lambda n: len(n) >= 20)
    say.trades("trade_socket", SPOT, "BTC/USDT", [(one["t"], one["p"], one["q"]) for one in heard])


async def main() -> None:
    client = await AsyncClient.create()
    say.did("AsyncClient.create")
    manager = BinanceSocketManager(client, max_queue_size=1000)
    try:
        one = await client.get_order_book(symbol="BTCUSDT", limit=5000)
        say.book("get_order_book", SPOT, "BTC/USDT", one["lastUpdateId"], one["bids"], one["asks"])
        streams = ["btcusdt@bookTicker", "ethusdt@aggTrade", "ethusdt@depth@100ms"]
        await asyncio.gather(
            depth_cache(client, "BTC/USDT"),
            depth_cache(client, "ETH/USDT"),
            partial(manager, "BTC/USDT"),
            trades(manager),
            some(manager.aggtrade_socket("BTCUSDT"), "aggtrade_socket", lambda n: len(n) >= 5),
            some(manager.kline_socket("BTCUSDT", interval="1m"), "kline_socket", lambda n: len(n) >= 2),
            some(manager.symbol_ticker_socket("BTCUSDT"), "symbol_ticker_socket", lambda n: len(n) >= 2),
            some(manager.symbol_miniticker_socket("BTCUSDT"), "symbol_miniticker_socket", lambda n: len(n) >= 2),
            some(manager.symbol_book_ticker_socket("BTCUSDT"), "symbol_book_ticker_socket", lambda n: len(n) >= 5),
            some(manager.miniticker_socket(), "miniticker_socket", lambda n: len(n) >= 2),
            some(
                manager.multiplex_socket(streams),
                "multiplex_socket",
                lambda n: {message["stream"] for message in n} == set(streams),
            ),
        )
    finally:
        await client.close_connection()


say.version(version("python-binance"))
asyncio.run(main())
