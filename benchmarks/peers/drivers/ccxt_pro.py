"""ccxt.pro: the exchange's order book, as its client hands it what the socket gave."""

import asyncio
from typing import Any, Self

import ccxt.pro as ccxt
import orjson

from benchmarks.peers.receive import Session

PACKAGES = ("ccxt", "aiohttp", "orjson")
NOTES = (
    "books: the whole book comes from memory in place of REST",
    "path: it hands on the newest state once for all messages of one read, not once a message",
    "path: its address has /stream in it, by which it tells spot from other markets",
)
FORM = "raw"
TEXT = True
SYMBOL = "BTC/USDT"

MARKET = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "permissions": ["SPOT"],
    "orderTypes": ["LIMIT", "MARKET"],
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
    ],
}


def opened() -> Any:
    """An exchange with one market and no network."""
    exchange = ccxt.binance()
    exchange.options.update(crossMarginPairsData=[], isolatedMarginPairsData=[])  # what it asks for beside markets
    exchange.set_markets([exchange.parse_market(MARKET)])
    exchange.open()
    return exchange


class Book:
    def __init__(self) -> None:
        self._exchange: Any = None
        self._client: Any = None
        self._book: Any = None

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        exchange = book._exchange = beside._exchange if beside else opened()
        book._client = exchange.client(exchange.urls["api"]["ws"]["spot"] + "/0")
        name = SYMBOL if symbol == MARKET["symbol"] else symbol
        order_book = book._book = exchange.orderbooks[name] = exchange.order_book({}, 1000)
        body = orjson.loads(whole)
        parsed = exchange.parse_order_book(body, name)
        parsed["nonce"] = body["lastUpdateId"]
        order_book.reset(parsed)
        return book

    async def close(self) -> None:
        await self._exchange.close()

    def feed(self, frame: str) -> None:
        self._client.handle_text_or_binary_message(frame)

    def best(self) -> Any:
        book = self._book
        return *book["bids"][0], *book["asks"][0]

    def top(self, n: int) -> Any:
        book = self._book
        return book["bids"][:n], book["asks"][:n]


async def receive(meter: Any, port: int, kind: str, stream: str, session: Session) -> None:
    """Its `watch_…` in a loop of the user's, until it shows the last id."""
    exchange = opened()
    exchange.urls["api"]["public"] = f"http://127.0.0.1:{port}/api/v3"
    exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/ws/stream"
    newest: Any = None

    async def books() -> None:
        nonlocal newest
        while True:
            book = await exchange.watch_order_book(SYMBOL, 1000)
            newest = book["nonce"], (*book["bids"][0], *book["asks"][0])
            meter.calls += 1
            if newest[0] == meter.last:
                meter.stop()

    async def quotes() -> None:
        nonlocal newest
        while True:
            one = (await exchange.watch_bids_asks([SYMBOL]))[SYMBOL]
            newest = one["info"]["u"], (one["bid"], one["bidVolume"], one["ask"], one["askVolume"])
            meter.calls += 1
            if newest[0] == meter.last:
                meter.stop()

    async def trades() -> None:
        nonlocal newest
        while True:
            one = (await exchange.watch_trades(SYMBOL))[-1]
            newest = int(one["id"]), (one["price"], one["amount"])
            meter.calls += 1
            if newest[0] == meter.last:
                meter.stop()

    task = asyncio.create_task({"depth": books, "quotes": quotes, "trades": trades}[kind]())
    try:
        await subscribed(exchange, task, whole=kind == "depth")
        await session(lambda: newest)
    finally:
        task.cancel()
        await exchange.close()


async def subscribed(exchange: Any, task: "asyncio.Task[None]", whole: bool) -> None:
    """Until its subscription is answered; of a book, until it has the whole one too."""
    async with asyncio.timeout(20):
        while True:
            if task.done():
                task.result()
            # The first that it hears is the answer to its subscription.
            if any(client.last_message_at is not None for client in exchange.clients.values()):
                book = exchange.orderbooks.get(SYMBOL, {})
                if not whole or book.get("nonce") is not None:
                    return
            await asyncio.sleep(0.01)
