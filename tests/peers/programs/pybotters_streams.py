"""pybotters: one market, named on the command line: its data store, fed by streams, and its client over HTTP."""

import asyncio
import sys
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import calls
import pybotters
import say

BOOKS = 40  # of each symbol
EVERY = 4  # of which so many are said: each is a whole book
LATEST = 40.0


@dataclass(frozen=True)
class Market:
    """Where a market is, by the addresses that the peer's own documents name, and what is asked of it.

    `symbols` are the exchange's names by the venue's ids, `depth` so many levels as are known of a book, `snapshot`
    where the whole book is that its store wants first. `calls` are paths under `rest`.
    """

    venue: str
    store: Any
    sockets: dict[str, tuple[str, ...]]
    rest: str
    calls: tuple[tuple[str, dict[str, str]], ...]
    symbols: dict[str, str]
    depth: int | None = None
    snapshot: str = ""
    topic: str = "method"
    words: tuple[str, str] = ("SUBSCRIBE", "params")


SPOT = {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}
LINEAR = {id: f"{symbol}:USDT" for id, symbol in SPOT.items()}
_CATEGORY = {"spot": SPOT, "linear": LINEAR}


def binance(name: str) -> Market:
    one = {"symbol": "BTCUSDT"}
    books = tuple(f"{id.lower()}@depth@100ms" for id in SPOT)
    if name == "spot":
        facts = ("btcusdt@trade", "btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@ticker", "btcusdt@bookTicker")
        calls = tuple((f"/api/v3/{path}", one) for path in ("trades", "ticker/24hr"))
        return Market(
            "binance.spot", pybotters.BinanceSpotDataStore, {"wss://stream.binance.com:9443/ws": (*books, *facts)},
            "https://api.binance.com",
            (*calls, ("/api/v3/klines", one | {"interval": "1m"}), ("/api/v3/exchangeInfo", {})),
            SPOT, None, "/api/v3/depth",
        )  # fmt: skip
    facts = ("btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@kline_1m", "btcusdt@ticker", "!markPrice@arr@1s")
    root = "wss://fstream.binance.com"
    calls = tuple((f"/fapi/v1/{path}", one) for path in ("trades", "ticker/24hr", "premiumIndex", "fundingRate"))
    return Market(
        "binance.usdm", pybotters.BinanceUSDSMDataStore,
        {f"{root}/public/ws": (*books, "btcusdt@bookTicker"), f"{root}/market/ws": facts}, "https://fapi.binance.com",
        (*calls, ("/fapi/v1/klines", one | {"interval": "1m"}), ("/fapi/v1/exchangeInfo", {})),
        LINEAR, 500, "/fapi/v1/depth",  # the whole book has 1000 levels at the most, and moves
    )  # fmt: skip


def bybit(name: str) -> Market:
    books = tuple(f"orderbook.50.{id}" for id in SPOT)
    facts = ["publicTrade.BTCUSDT", "tickers.BTCUSDT", "kline.1.BTCUSDT"]
    if name == "linear":
        facts.append("allLiquidation.BTCUSDT")
    of = {"category": name, "symbol": "BTCUSDT"}
    calls = tuple((f"/v5/market/{path}", of) for path in ("orderbook", "recent-trade", "tickers", "instruments-info"))
    return Market(
        f"bybit.{name}", pybotters.BybitDataStore, {f"wss://stream.bybit.com/v5/public/{name}": (*books, *facts)},
        "https://api.bybit.com", (*calls, ("/v5/market/kline", of | {"interval": "1"})),
        _CATEGORY[name], 50, words=("subscribe", "args"), topic="op",
    )  # fmt: skip


MARKETS = {"binance": binance, "bybit": bybit}


def instruments(market: Market, found: Any) -> None:
    """Binance's list is whole; Bybit's is asked for by symbol."""
    rows = {}
    for one in found["symbols"]:
        rules = {rule["filterType"]: rule for rule in one["filters"]}
        name = f"{one['baseAsset']}/{one['quoteAsset']}"
        if market.venue == "binance.usdm":
            name += f":{one['marginAsset']}"
            if one["contractType"] != "PERPETUAL":
                name += f"-{one['symbol'].rpartition('_')[2]}"
        rows[name] = (Decimal(rules["PRICE_FILTER"]["tickSize"]), Decimal(rules["LOT_SIZE"]["stepSize"]))
    say.instruments(market.venue, rows)


class Reader:
    """What is said of a store after messages: it is called after the store was, with the same message."""

    def __init__(self, market: Market, store: Any) -> None:
        self._market = market
        self._store = store
        self._books: dict[str, int] = dict.fromkeys(market.symbols, 0)
        self._trades = 0
        self.done = asyncio.Event()

    def hear(self, message: Any, socket: object = None) -> None:
        del socket
        if message.get("success") is False or "error" in message:
            say.failed("subscribe", RuntimeError(message))
        book = message.get("data", {}) if message.get("topic", "").startswith("orderbook.") else message
        if message.get("topic", "").startswith("orderbook.") or message.get("e") == "depthUpdate":
            self._book(book["s"], book["seq"] if "seq" in book else book["u"])
        if len(self._store["publicTrade" if "topic" in message else "trade"] or ()) >= 20:
            self._trades = 20
        if self._trades and min(self._books.values()) >= BOOKS:
            self.done.set()

    def _book(self, id: str, number: int) -> None:
        one = self._store.orderbook
        if self._market.snapshot and not (one.initialized[id] and number == one._last_update_id[id]):
            return  # it waits for its whole book, or has a newer one
        self._books[id] += 1
        n = self._books[id]
        if n > BOOKS or (n > 3 and n % EVERY):
            return
        sides = one.sorted({"s": id})
        best = (sides[side][: self._market.depth] for side in "ba")
        bids, asks = ([(row["p"], row["q" if "q" in row else "v"]) for row in rows] for rows in best)
        name = f"{type(self._store).__name__} book {n}"
        say.book(name, self._market.venue, self._market.symbols[id], number, bids, asks, depth=self._market.depth)


def trades(market: Market, store: Any) -> None:
    """Single ones: what is added up has a first and a last."""
    found = store.trade.find()
    if market.venue.startswith("bybit."):
        rows = [(one["i"], one["p"], one["v"]) for one in found]
    else:
        rows = [(one["t"], one["p"], one["q"]) for one in found if one["e"] == "trade"]
        rows += [(one["f"], one["p"], one["q"]) for one in found if one["e"] == "aggTrade" and one["f"] == one["l"]]
    say.trades(f"{type(store).__name__}.trade", market.venue, market.symbols["BTCUSDT"], rows)


async def rest(market: Market, client: pybotters.Client) -> None:
    for path, params in market.calls:
        answer = await client.fetch("GET", f"{market.rest}{path}", params=params)
        if answer.response.status != 200 or not answer.data:
            say.failed(path, RuntimeError(answer.text))
            continue
        say.did(path)
        if path.endswith("exchangeInfo"):
            instruments(market, answer.data)
        if path.endswith("/v5/market/orderbook"):
            one = answer.data["result"]
            say.book(path, market.venue, market.symbols[one["s"]], one["seq"], one["b"], one["a"], depth=len(one["b"]))


async def main(exchange: str, name: str) -> None:
    market = MARKETS[exchange](name)
    async with pybotters.Client() as client:
        store = market.store()
        reader = Reader(market, store)
        verb, many = market.words
        for url, topics in market.sockets.items():
            await client.ws_connect(
                url, send_json={market.topic: verb, many: [*topics], **({"id": 1} if verb == "SUBSCRIBE" else {})},
                hdlr_json=[store.onmessage, reader.hear],
            )  # fmt: skip
        if market.snapshot:
            # As its documents say: first the streams, then the whole book.
            await asyncio.sleep(1)
            limit = "5000" if exchange == "binance" and name == "spot" else "1000"
            for id in market.symbols:
                asked = {"symbol": id, "limit": limit}
                await store.initialize(client.get(f"{market.rest}{market.snapshot}", params=asked))
        async with asyncio.timeout(LATEST):
            await reader.done.wait()
        say.did("the streams")
        for word in ("trade", "kline", "ticker"):
            calls.told(f"{market.store.__name__}.{word}", len(getattr(store, word)))
        trades(market, store)
        await rest(market, client)


say.version(version("pybotters"))
asyncio.run(main(*sys.argv[1:]))
