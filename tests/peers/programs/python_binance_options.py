"""python-binance: European options."""

import asyncio
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import calls
import say
from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import OptionsDepthCacheManager
from python_binance_futures import some

VENUE = "binance.options"
LATEST = 15.0
BOOKS = 5


def canonical(id: str) -> str:
    base, day, strike, right = id.split("-")
    return f"{base}/USDT:USDT-{day}-{strike}-{right}"


def instruments(info: dict[str, Any]) -> None:
    rows = {}
    for one in info["optionSymbols"]:
        rules = {rule["filterType"]: rule for rule in one["filters"]}
        rows[canonical(one["symbol"])] = (
            Decimal(rules["PRICE_FILTER"]["tickSize"]), Decimal(rules["LOT_SIZE"]["stepSize"])
        )  # fmt: skip
    say.instruments(VENUE, rows)


async def cache(client: AsyncClient, id: str) -> None:
    """Books of ten levels, whole in each message: it puts one over the other."""
    try:
        async with (
            asyncio.timeout(LATEST),
            OptionsDepthCacheManager(client, id, conv_type=Decimal, bm=BinanceSocketManager(client)) as manager,
        ):
            for n in range(BOOKS):
                one = await manager.recv()
                name = f"OptionsDepthCacheManager book {n + 1}"
                say.book(name, VENUE, canonical(id), one.update_time, one.get_bids(), one.get_asks(), depth=10, by="ms")
        say.did("OptionsDepthCacheManager")
    except Exception as error:
        say.failed("OptionsDepthCacheManager", error)


async def partial(manager: BinanceSocketManager, id: str) -> None:
    heard = await some(manager.options_depth_socket(id, depth="20"), "options_depth_socket", lambda n: len(n) >= 4)
    for one in heard:
        say.book("options_depth_socket", VENUE, canonical(id), one["u"], one["b"], one["a"], depth=20)


async def main() -> None:
    client = await AsyncClient.create()
    try:
        info = await client.options_exchange_info()
        instruments(info)
        one = info["optionSymbols"][0]
        id, underlying = one["symbol"], one["underlying"]
        manager, low = BinanceSocketManager(client, max_queue_size=1000), id.lower()
        many = [f"{underlying.lower()}@optionMarkPrice", f"{low}@kline_1m"]
        await asyncio.gather(
            cache(client, id),
            partial(manager, id),
            some(manager.options_ticker_socket(id), "options_ticker_socket", bool),
            some(manager.options_book_ticker_socket(id), "options_book_ticker_socket", bool),
            some(manager.options_kline_socket(id), "options_kline_socket", bool),
            some(manager.options_mark_price_socket(underlying), "options_mark_price_socket", bool),
            some(manager.options_index_price_socket(), "options_index_price_socket", bool),
            some(
                manager.options_multiplex_socket(many), "options_multiplex_socket",
                lambda n: {message["stream"] for message in n} == set(many),
            ),
        )  # fmt: skip
        await client.options_ping()
        await calls.all_tried(client, [
            ("options_time",), ("options_info",), ("options_index_price", {"underlying": underlying}),
            ("options_price", {"symbol": id}), ("options_mark_price", {"symbol": id}), ("options_mark_price",),
            ("options_klines", {"symbol": id, "interval": "1h"}),
        ])  # fmt: skip
        book = await client.options_order_book(symbol=id, limit=1000)
        number, sides = book["lastUpdateId"], (book["bids"], book["asks"])
        say.book("options_order_book", VENUE, canonical(id), number, *sides, depth=1000)
        found = await client.options_recent_trades(symbol=id, limit=50)
        say.trades("options_recent_trades", VENUE, canonical(id), [(n["tradeId"], n["price"], n["qty"]) for n in found])
        await calls.all_tried(client, [("options_historical_trades", {"symbol": id})])
    finally:
        await client.close_connection()


say.version(version("python-binance"))
asyncio.run(main())
