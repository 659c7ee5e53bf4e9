"""python-binance: the futures of one kind, named on the command line: usdm or coinm."""

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import calls
import say
from binance import AsyncClient, BinanceSocketManager
from binance.enums import ContractType, FuturesType
from binance.ws.depthcache import FuturesDepthCacheManager

LATEST = 15.0
BOOKS = 12
KINDS = {
    "usdm": ("binance.usdm", "futures_", FuturesType.USD_M, {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT:USDT"}),
    "coinm": (
        "binance.coinm", "futures_coin_", FuturesType.COIN_M,
        {"BTCUSD_PERP": "BTC/USD:BTC", "ETHUSD_PERP": "ETH/USD:ETH"},
    ),
}  # fmt: skip


def canonical(one: dict[str, Any]) -> str:
    """What the venue's contract is called by the exchange: by its own fields alone."""
    name = f"{one['baseAsset']}/{one['quoteAsset']}:{one['marginAsset']}"
    return name if one["contractType"] == "PERPETUAL" else f"{name}-{one['symbol'].rpartition('_')[2]}"


def instruments(venue: str, info: dict[str, Any]) -> None:
    rows = {}
    for one in info["symbols"]:
        rules = {rule["filterType"]: rule for rule in one["filters"]}
        tick, step = rules["PRICE_FILTER"]["tickSize"], rules["LOT_SIZE"]["stepSize"]
        rows[canonical(one)] = (Decimal(tick), Decimal(step))
    say.instruments(venue, rows)


async def some(socket: Any, name: str, few: Callable[[list[Any]], bool]) -> list[Any]:
    """Messages of a stream, until there are enough; what is around them is taken off."""
    heard: list[Any] = []
    try:
        async with asyncio.timeout(LATEST), socket as stream:
            while not few(heard):
                message = await stream.recv()
                if isinstance(message, dict) and message.get("e") == "error":
                    raise RuntimeError(message)
                heard.append(message)
        say.did(name)
    except Exception as error:
        say.failed(name, error)
    return heard


async def cache(client: AsyncClient, kind: str, venue: str, id: str, symbol: str) -> None:
    """Books of ten levels, each whole in a message; of it the manager keeps the time, and no number.

    For COIN-M it has no word: it opens the other futures' stream whatever it is given.
    """
    if kind == "coinm":
        return
    try:
        async with (
            asyncio.timeout(LATEST),
            FuturesDepthCacheManager(client, id, conv_type=Decimal, bm=BinanceSocketManager(client)) as manager,
        ):
            for n in range(BOOKS):
                one = await manager.recv()
                name = f"FuturesDepthCacheManager book {n + 1}"
                say.book(name, venue, symbol, one.update_time, one.get_bids(), one.get_asks(), depth=10, by="ms")
        say.did("FuturesDepthCacheManager")
    except Exception as error:
        say.failed("FuturesDepthCacheManager", error)


async def partial(manager: BinanceSocketManager, kind: FuturesType, venue: str, id: str, symbol: str) -> None:
    socket = manager.futures_depth_socket(id, depth="20", futures_type=kind)
    for one in await some(socket, "futures_depth_socket", lambda n: len(n) >= 8):
        data = one["data"]
        say.book("futures_depth_socket", venue, symbol, data["u"], data["b"], data["a"], depth=20)


async def trades(manager: BinanceSocketManager, kind: FuturesType, venue: str, id: str, symbol: str) -> None:
    """Those of one fill are single trades."""
    heard = await some(manager.aggtrade_futures_socket(id, kind), "aggtrade_futures_socket", lambda n: len(n) >= 12)
    rows = [one["data"] for one in heard]
    say.trades("aggTrade", venue, symbol, [(one["f"], one["p"], one["q"]) for one in rows if one["f"] == one["l"]])


async def streams(client: AsyncClient, name: str) -> None:
    venue, _, kind, ids = KINDS[name]
    manager, one = BinanceSocketManager(client, max_queue_size=1000), next(iter(ids))
    low = one.lower()
    many = [f"{low}@markPrice@1s", f"{low}@aggTrade", f"{low}@kline_1m"]
    waited = [
        *(cache(client, name, venue, id, symbol) for id, symbol in ids.items()),
        *(partial(manager, kind, venue, id, symbol) for id, symbol in ids.items()),
        trades(manager, kind, venue, one, ids[one]),
        some(manager.symbol_mark_price_socket(one, futures_type=kind), "symbol_mark_price_socket", bool),
        some(manager.symbol_ticker_futures_socket(one, kind), "symbol_ticker_futures_socket", bool),
        some(
            manager.individual_symbol_ticker_futures_socket(one, kind), "individual_symbol_ticker_futures_socket",
            bool,
        ),
        some(
            manager.futures_multiplex_socket(many, kind), "futures_multiplex_socket",
            lambda n: {message["stream"] for message in n} == set(many),
        ),
    ]  # fmt: skip
    if name == "usdm":
        waited += [
            some(manager.all_mark_price_socket(), "all_mark_price_socket", bool),
            some(manager.futures_ticker_socket(), "futures_ticker_socket", bool),
            some(manager.futures_rpi_depth_socket(one), "futures_rpi_depth_socket", bool),
            some(
                manager.futures_multiplex_socket([f"{low}@bookTicker", f"{low}@depth@100ms"], kind, "public"),
                "futures_multiplex_socket public", lambda n: len(n) >= 20,
            ),
            some(
                manager.kline_futures_socket(one, futures_type=kind, contract_type=ContractType.PERPETUAL),
                "kline_futures_socket", bool,
            ),
        ]  # fmt: skip
    else:
        waited.append(some(manager.futures_coin_ticker_socket(), "futures_coin_ticker_socket", bool))
        waited.append(some(manager.index_price_socket("BTCUSD"), "index_price_socket", bool))
    await asyncio.gather(*waited)


async def rest(client: AsyncClient, name: str) -> None:
    venue, before, _, ids = KINDS[name]
    id, of = next(iter(ids)), {"symbol": next(iter(ids))}
    pair = {"pair": "BTCUSDT" if name == "usdm" else "BTCUSD"}
    answers: list[tuple[Any, ...]] = [
        ("time",), ("aggregate_trades", of), ("mark_price", of), ("funding_rate", of), ("ticker", of),
        ("symbol_ticker", of), ("orderbook_ticker", of), ("open_interest", of), ("klines", of | {"interval": "1h"}),
        ("mark_price_klines", of | {"interval": "1h"}), ("index_price_klines", pair | {"interval": "1h"}),
        ("premium_index_klines", of | {"interval": "1h"}),
        ("continous_klines" if name == "coinm" else "continuous_klines",
         pair | {"interval": "1h", "contractType": "PERPETUAL"}),
        ("index_price_constituents", {"symbol": pair["pair"]}),
    ]  # fmt: skip
    await getattr(client, before + "ping")()  # whose answer is empty
    await calls.all_tried(client, [(before + call, *arguments) for call, *arguments in answers])
    if name == "usdm":
        of_hour = {"interval": "1h", "start_str": "2 days ago UTC"}
        await calls.all_tried(client, [
            ("futures_historical_klines", of | of_hour),
            ("futures_rpi_depth", of), ("futures_ticker",), ("futures_mark_price",), ("futures_index_info",),
        ])  # fmt: skip
    for one, symbol in ids.items():
        book = await getattr(client, f"{before}order_book")(symbol=one, limit=1000)
        number, sides = book["lastUpdateId"], (book["bids"], book["asks"])
        say.book(f"{before}order_book", venue, symbol, number, *sides, depth=1000)
    found = await getattr(client, f"{before}recent_trades")(symbol=id, limit=50)
    say.trades(f"{before}recent_trades", venue, ids[id], [(one["id"], one["price"], one["qty"]) for one in found])


async def main(name: str) -> None:
    client = await AsyncClient.create()
    try:
        instruments(KINDS[name][0], await getattr(client, f"{KINDS[name][1]}exchange_info")())
        await streams(client, name)
        await rest(client, name)
    finally:
        await client.close_connection()


if __name__ == "__main__":
    say.version(version("python-binance"))
    asyncio.run(main(sys.argv[1]))
