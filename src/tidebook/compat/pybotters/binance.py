"""pybotters' stores for Binance: spot, USD-M and COIN-M. Facts: binance-spot-api-docs and the futures' of 2026.

A row has the letters of the stream; what `initialize` brings over HTTP is written in the same letters.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

from tidebook.compat.pybotters.answers import Response
from tidebook.compat.pybotters.books import Judge, Kept, OrderBook, channel_of
from tidebook.compat.pybotters.store import DataStore, DataStoreCollection, Item, each_answer
from tidebook.core.redact import excerpt
from tidebook.errors import TidebookError

logger = logging.getLogger("tidebook.compat")
_ENDED: Final = ("FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED")
_IDS: Final = ("e", "E", "T", "s", "U", "u", "pu")
_SIDES: Final = (("a", "asks"), ("b", "bids"))
LISTEN_EVERY: Final = 1800.0  # seconds; a listen key lives for an hour

_SPOT_ORDER: Final = {
    "s": "symbol", "i": "orderId", "c": "clientOrderId", "p": "price", "q": "origQty", "z": "executedQty",
    "Z": "cummulativeQuoteQty", "f": "timeInForce", "o": "type", "S": "side", "P": "stopPrice", "F": "icebergQty",
    "E": "time", "T": "updateTime", "w": "isWorking", "Q": "origQuoteOrderQty", "X": "status",
}  # fmt: skip
_FUTURES_ORDER: Final = {
    "s": "symbol", "c": "clientOrderId", "S": "side", "o": "type", "f": "timeInForce", "q": "origQty", "p": "price",
    "ap": "avgPrice", "sp": "stopPrice", "X": "status", "i": "orderId", "z": "executedQty", "T": "updateTime",
    "R": "reduceOnly", "wt": "workingType", "ot": "origType", "ps": "positionSide", "cp": "closePosition",
    "pP": "priceProtect",
}  # fmt: skip
_POSITION: Final = {
    "s": "symbol", "pa": "positionAmt", "ep": "entryPrice", "up": "unRealizedProfit", "mt": "marginType",
    "iw": "isolatedWallet", "ps": "positionSide",
}  # fmt: skip
_HTTP_KLINE: Final = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")


def _in_letters(names: Mapping[str, str], row: Item) -> Item:
    """What HTTP says, in the letters of the stream."""
    return {letter: row[name] for letter, name in names.items() if name in row}


class Trade(DataStore):
    _MAXLEN: ClassVar[int] = 99_999


class BySymbol(DataStore):
    _KEYS: ClassVar[list[str]] = ["s"]


class IndexPrice(DataStore):
    _KEYS: ClassVar[list[str]] = ["i"]


class Kline(DataStore):
    _KEYS: ClassVar[list[str]] = ["t", "s", "i"]


class ContinuousKline(DataStore):
    _KEYS: ClassVar[list[str]] = ["ps", "ct", "t", "i"]


class Asset(DataStore):
    _KEYS: ClassVar[list[str]] = ["a"]


class Position(DataStore):
    _KEYS: ClassVar[list[str]] = ["s", "ps"]


class Order(DataStore):
    """Open orders; what has ended is no row any more."""

    _KEYS: ClassVar[list[str]] = ["s", "i"]

    def take(self, row: Item) -> None:
        """What the stream says of one."""
        (self._delete if row["X"] in _ENDED else self._update)([row])

    def replace(self, symbol: str | None, rows: list[Item]) -> None:
        """All that are open, of a symbol or of all."""
        self._find_and_delete(None if symbol is None else {"s": symbol})
        self._insert(rows)


class OCOOrder(DataStore):
    _KEYS: ClassVar[list[str]] = ["s", "g"]


class Liquidation(DataStore):
    """Each that is told."""


class BinanceOrderBook(OrderBook):
    """Books by the diff stream and a whole one over HTTP, which `initialize` brings and a gap asks for again."""

    venue: str = ""

    def take(self, item: Item) -> None:
        """A change. Where it does not follow, the symbol is emptied and asked for anew."""
        symbol = item["s"]
        kept = self._of(symbol)
        if not self.initialized[symbol]:
            kept.waiting.append(item)
            return
        self._apply(kept, item)

    def whole(self, response: Response, body: Item) -> None:
        """A whole book, and the changes since."""
        symbol, client = response.url.query["symbol"], response.client
        kept = self._of(symbol)

        async def again() -> None:
            await asyncio.sleep(channel_of(self.venue, "depth").rule.pace.spacing)
            while not client.closed and not self.initialized[symbol]:
                try:
                    answer = await client.get(str(response.url))
                    answer.raise_for_status()
                    self.whole(answer, await answer.json())
                except (TidebookError, TimeoutError) as error:
                    logger.warning("the book of %s is asked for again: %s", symbol, error)
                else:
                    return
                await asyncio.sleep(channel_of(self.venue, "depth").rule.pace.spacing)

        kept.refetch = again
        kept.judge.seed({"lastUpdateId": body["lastUpdateId"], "E": body.get("E"), "T": body.get("T", 0), **_NO_LEVELS})
        self._whole(symbol, ((letter, body[name]) for letter, name in _SIDES))
        waiting = [*kept.waiting]
        kept.waiting.clear()
        for at, item in enumerate(waiting):
            if not self._apply(kept, item):
                kept.waiting.extend(waiting[at + 1 :])
                return

    def _of(self, symbol: str) -> Kept:
        if symbol not in self._kept:
            self._kept[symbol] = Kept(Judge(channel_of(self.venue, "depth"), _topic(symbol)))
        return self._kept[symbol]

    def _apply(self, kept: Kept, item: Item) -> bool:
        """Whether it is no gap."""
        symbol = item["s"]
        ids = {name: item[name] for name in _IDS if name in item}
        takes = kept.judge.takes({"stream": _topic(symbol), "data": {**ids, "a": [], "b": []}})
        if takes:
            self._levels(symbol, ((letter, item[letter]) for letter in "ab"))
        if takes is not None:
            return True
        self._lose(symbol)
        kept.waiting.append(item)
        if kept.refetch is not None:
            self._begin(kept.refetch())
        return False


_NO_LEVELS: Final[Item] = {"bids": [], "asks": []}


def _topic(symbol: str) -> str:
    return f"{symbol.lower()}@depth@100ms"


class _SpotBook(BinanceOrderBook):
    venue = "binance.spot"


class _UsdBook(BinanceOrderBook):
    venue = "binance.usdm"


class _CoinBook(BinanceOrderBook):
    venue = "binance.coinm"


class BinanceDataStore(DataStoreCollection):
    """What the three have in common. `listenkey` is what `initialize` was given, kept alive every half hour."""

    _BOOK: ClassVar[type[BinanceOrderBook]]
    _ROOT: ClassVar[str]

    def _init(self) -> None:
        self.listenkey: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reads: dict[str, Callable[[Response, Any], None]] = {}
        self._events: dict[str, Callable[[Any], None]] = {}
        for name, kind in (
            ("trade", Trade), ("kline", Kline), ("ticker", BySymbol), ("bookticker", BySymbol),
            ("orderbook", self._BOOK), ("order", Order),
        ):  # fmt: skip
            self._create(name, datastore_class=kind)
        self._events.update(
            trade=lambda row: self.trade._insert([row]),
            aggTrade=lambda row: self.trade._insert([row]),
            kline=lambda row: self.kline._update([row["k"]]),
            bookTicker=lambda row: self.bookticker._update([row]),
            depthUpdate=self.orderbook.take,
        )
        self._events["24hrTicker"] = self._events["24hrMiniTicker"] = lambda row: self.ticker._update([row])
        self._reads |= {
            f"{self._ROOT}/depth": self.orderbook.whole,
            f"{self._ROOT}/openOrders": self._open_orders,
            f"{self._ROOT}/klines": lambda response, body: self._bars(self.kline, response, body),
        }

    async def initialize(self, *aws: Awaitable[Response]) -> None:
        """What the answers of these requests say; of paths that no store is of, nothing.

        Depth (after its stream is open), open orders, klines, listen keys, and accounts, balances and positions.
        Raises what an answer means where its status is no success.
        """
        await each_answer(aws, self._answered)

    def _answered(self, response: Response, body: Any) -> None:
        if (reads := self._reads.get(response.url.path)) is not None:
            reads(response, body)

    def _open_orders(self, response: Response, body: Any) -> None:
        rows = [_in_letters(_FUTURES_ORDER if "positionSide" in row else _SPOT_ORDER, row) for row in body]
        self.order.replace(response.url.query.get("symbol"), rows)

    @staticmethod
    def _bars(store: DataStore, response: Response, body: Any) -> None:
        """Over HTTP nothing says whether one is closed: it is when its end has passed."""
        query, clock_ms = response.url.query, response.clock_ns // 1_000_000
        about = {"s": query.get("symbol", query.get("pair")), "i": query["interval"], "f": None, "L": None}
        store._update({**dict(zip(_HTTP_KLINE, row, strict=False)), **about, "x": row[6] < clock_ms} for row in body)

    def _listens(self, response: Response, body: Any) -> None:
        self.listenkey = body["listenKey"]
        task = asyncio.ensure_future(self._keep(response))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, response: Response) -> None:
        """While its client is open, every half hour; one that fails is no reason not to try the next."""
        client = response.client
        while not client.closed:
            await asyncio.sleep(LISTEN_EVERY)
            params = {"listenKey": self.listenkey} if self._ROOT == "/api/v3" else None
            try:
                (await client.request("PUT", str(response.url), params=params)).raise_for_status()
            except (TidebookError, TimeoutError) as error:
                if not client.closed:
                    logger.warning("the listen key was not kept alive: %s", error)

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if isinstance(msg, dict) and "error" in msg:
            logger.warning("refused: %s", excerpt(str(msg).encode()))
        data = msg.get("data", msg) if isinstance(msg, dict) else msg
        for row in data if isinstance(data, list) else [data]:
            event = str(row.get("e") or ("bookTicker" if {"u", "b", "B", "a", "A"} <= row.keys() else ""))
            if (takes := self._events.get(event)) is not None:
                takes(row)

    @property
    def trade(self) -> Trade:
        return self._get("trade", Trade)

    @property
    def kline(self) -> Kline:
        return self._get("kline", Kline)

    @property
    def ticker(self) -> BySymbol:
        return self._get("ticker", BySymbol)

    @property
    def bookticker(self) -> BySymbol:
        return self._get("bookticker", BySymbol)

    @property
    def orderbook(self) -> BinanceOrderBook:
        return self._get("orderbook", BinanceOrderBook)

    @property
    def order(self) -> Order:
        return self._get("order", Order)


class BinanceSpotDataStore(BinanceDataStore):
    """Spot, with `account` and `ocoorder`."""

    _BOOK = _SpotBook
    _ROOT = "/api/v3"

    def _init(self) -> None:
        super()._init()
        self._create("account", datastore_class=Asset)
        self._create("ocoorder", datastore_class=OCOOrder)
        names = {"a": "asset", "f": "free", "l": "locked"}
        self._reads |= {
            "/api/v3/account": lambda _, body: self.account._update(
                _in_letters(names, row) for row in body["balances"]
            ),
            "/api/v3/openOrderList": lambda _, body: self.ocoorder._update(_list_of_orders(row) for row in body),
            "/api/v3/userDataStream": self._listens,
        }
        self._events |= {
            "executionReport": self._reported,
            "outboundAccountPosition": lambda row: self.account._update(row["B"]),
            "listStatus": lambda row: (self.ocoorder._delete if row["l"] == "ALL_DONE" else self.ocoorder._update)(
                [row]
            ),
        }

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        # The WebSocket API, where accounts are told of today, wraps each in an event.
        super()._onmessage(msg["event"] if isinstance(msg, dict) and isinstance(msg.get("event"), dict) else msg, ws)

    def _reported(self, row: Item) -> None:
        self.order.take(row)

    @property
    def account(self) -> Asset:
        return self._get("account", Asset)

    @property
    def ocoorder(self) -> OCOOrder:
        return self._get("ocoorder", OCOOrder)


def _list_of_orders(row: Item) -> Item:
    orders = [_in_letters({"s": "symbol", "i": "orderId", "c": "clientOrderId"}, one) for one in row["orders"]]
    names = {
        "s": "symbol", "g": "orderListId", "c": "contingencyType", "l": "listStatusType", "L": "listOrderStatus",
        "C": "listClientOrderId", "T": "transactionTime",
    }  # fmt: skip
    return {"e": "listStatus", "E": None, "r": "NONE", **_in_letters(names, row), "O": orders}


class BinanceFuturesDataStore(BinanceDataStore):
    """What USD-M and COIN-M have besides."""

    _BALANCE: ClassVar[str]
    _POSITION: ClassVar[str]

    def _init(self) -> None:
        super()._init()
        for name, kind in (
            ("markprice", BySymbol), ("continuouskline", ContinuousKline), ("liquidation", Liquidation),
            ("balance", Asset), ("position", Position),
        ):  # fmt: skip
            self._create(name, datastore_class=kind)
        names = {"a": "asset", "wb": "balance", "cw": "crossWalletBalance"}
        self._reads |= {
            self._BALANCE: lambda _, body: self.balance._update(_in_letters(names, row) for row in body),
            self._POSITION: lambda _, body: self.position._update(_in_letters(_POSITION, row) for row in body),
            f"{self._ROOT}/listenKey": self._listens,
        }
        self._events |= {
            "markPriceUpdate": lambda row: self.markprice._update([row]),
            "continuous_kline": lambda row: self.continuouskline._update(
                [{"ps": row["ps"], "ct": row["ct"], **row["k"]}]
            ),
            "forceOrder": lambda row: self.liquidation._insert([row["o"]]),
            "ORDER_TRADE_UPDATE": lambda row: self.order.take(row["o"]),
            "ACCOUNT_UPDATE": self._told,
        }

    def _told(self, row: Item) -> None:
        self.balance._update(row["a"].get("B", ()))
        self.position._update(row["a"].get("P", ()))

    @property
    def markprice(self) -> BySymbol:
        return self._get("markprice", BySymbol)

    @property
    def continuouskline(self) -> ContinuousKline:
        return self._get("continuouskline", ContinuousKline)

    @property
    def liquidation(self) -> Liquidation:
        return self._get("liquidation", Liquidation)

    @property
    def balance(self) -> Asset:
        return self._get("balance", Asset)

    @property
    def position(self) -> Position:
        return self._get("position", Position)


class BinanceUSDSMDataStore(BinanceFuturesDataStore):
    """USD-M, with `compositeindex`."""

    _BOOK = _UsdBook
    _ROOT = "/fapi/v1"
    _BALANCE = "/fapi/v2/balance"
    _POSITION = "/fapi/v2/positionRisk"

    def _init(self) -> None:
        super()._init()
        self._create("compositeindex", datastore_class=BySymbol)
        for name in ("balance", "positionRisk"):  # the same at the venue's newer paths
            self._reads[f"/fapi/v3/{name}"] = self._reads[f"/fapi/v2/{name}"]
        self._reads["/fapi/v1/indexInfo"] = lambda _, body: self.compositeindex._update(_composite(row) for row in body)
        self._events["compositeIndex"] = lambda row: self.compositeindex._update(
            [{name: row[name] for name in ("s", "p", "E", "c")}]
        )

    @property
    def compositeindex(self) -> BySymbol:
        return self._get("compositeindex", BySymbol)


def _composite(row: Item) -> Item:
    names = {"b": "baseAsset", "q": "quoteAsset", "w": "weightInQuantity", "W": "weightInPercentage"}
    parts = [{**_in_letters(names, one), "i": None} for one in row["baseAssetList"]]
    return {"s": row["symbol"], "p": None, "E": row["time"], "c": parts}


class BinanceCOINMDataStore(BinanceFuturesDataStore):
    """COIN-M, with `indexprice`, `indexpricekline` and `markpricekline`."""

    _BOOK = _CoinBook
    _ROOT = "/dapi/v1"
    _BALANCE = "/dapi/v1/balance"
    _POSITION = "/dapi/v1/positionRisk"

    def _init(self) -> None:
        super()._init()
        self._create("indexprice", datastore_class=IndexPrice)
        for name, path in (("indexpricekline", "indexPriceKlines"), ("markpricekline", "markPriceKlines")):
            self._create(name, datastore_class=Kline)
            self._reads[f"/dapi/v1/{path}"] = lambda answer, body, name=name: self._bars(self[name], answer, body)  # type: ignore[misc]
        self._events |= {
            "indexPriceUpdate": lambda row: self.indexprice._update([row]),
            "indexPrice_kline": lambda row: self.indexpricekline._update([{**row["k"], "s": row["ps"]}]),
            "markPrice_kline": lambda row: self.markpricekline._update([row["k"]]),
        }

    @property
    def indexprice(self) -> IndexPrice:
        return self._get("indexprice", IndexPrice)

    @property
    def indexpricekline(self) -> Kline:
        return self._get("indexpricekline", Kline)

    @property
    def markpricekline(self) -> Kline:
        return self._get("markpricekline", Kline)
