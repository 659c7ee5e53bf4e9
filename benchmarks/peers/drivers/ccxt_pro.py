"""ccxt.pro: the exchange's order book, as its client hands it what the socket gave."""

from typing import Any, Self

import ccxt.pro as ccxt
import orjson

PACKAGES = ("ccxt", "aiohttp", "orjson")
NOTES = (
    "books: the whole book comes from memory in place of REST",
    "path: it hands on the newest state once for all messages of one read, not once a message",
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
        return book["bids"][:1], book["asks"][:1]

    def top(self, n: int) -> Any:
        book = self._book
        return book["bids"][:n], book["asks"][:n]
