"""pybotters' store for Bybit. Facts: bybit-exchange/docs v5 as of 2026-07-24."""

import logging
from collections.abc import Awaitable
from typing import Any, ClassVar, Final

from tidebook.compat.pybotters.answers import Response
from tidebook.compat.pybotters.books import Judge, Kept, OrderBook, channel_of
from tidebook.compat.pybotters.store import DataStore, DataStoreCollection, Item, each_answer
from tidebook.core.redact import excerpt

logger = logging.getLogger("tidebook.compat")
_OPEN: Final = ("Created", "New", "PartiallyFilled", "Untriggered", "Active")
_ASKED: Final = ("symbol", "baseCoin", "settleCoin")
_CHANNELS: Final = {"200": "depth", "50": "depth50", "1000": "depth1000", "1": "best"}
_OPTIONS: Final = {"100": "depth", "25": "depth25"}


class Logged(DataStore):
    """All that is told, the newest of it."""

    _MAXLEN: ClassVar[int] = 99_999


class BySymbol(DataStore):
    _KEYS: ClassVar[list[str]] = ["symbol"]


class Kline(DataStore):
    _KEYS: ClassVar[list[str]] = ["symbol", "start", "end"]


class Position(DataStore):
    _KEYS: ClassVar[list[str]] = ["symbol", "positionIdx"]


class Order(DataStore):
    """Open orders; what has ended is no row any more."""

    _KEYS: ClassVar[list[str]] = ["orderId"]

    def take(self, rows: list[Item]) -> None:
        """What the stream says. A spot order that waited for its trigger ends under another id."""
        for row in rows:
            if row["orderStatus"] in _OPEN:
                self._update([row])
                continue
            self._delete([row])
            if row.get("orderLinkId"):
                self._find_and_delete({"orderLinkId": row["orderLinkId"]})

    def replace(self, query: Any, rows: list[Item]) -> None:
        """All that are open, of what was asked for."""
        category = query["category"]
        asked = next((name for name in _ASKED if name in query), None)
        if asked is not None:
            begin, end = ("", query[asked]) if asked == "settleCoin" else (query[asked], "")
            found = self.find({"category": category} if asked != "symbol" else {"category": category, "symbol": begin})
            self._delete([row for row in found if row["symbol"].startswith(begin) and row["symbol"].endswith(end)])
        self._update([{**row, "category": category} for row in rows])


class Wallet(DataStore):
    """One row an account, whose coins are those of all messages."""

    _KEYS: ClassVar[list[str]] = ["accountType"]

    def take(self, rows: list[Item]) -> None:
        for row in rows:
            before = self.get(row)
            told = {coin["coin"] for coin in row["coin"]}
            rest = [] if before is None else [coin for coin in before["coin"] if coin["coin"] not in told]
            self._update([{**row, "coin": [*row["coin"], *rest]}])


class Greek(DataStore):
    _KEYS: ClassVar[list[str]] = ["baseCoin"]


class BybitOrderBook(OrderBook):
    """Books by their own topics. After a gap the topic is subscribed anew, which brings a whole book."""

    _SIZE: ClassVar[str] = "v"

    def take(self, msg: Item, depth: str, ws: Any) -> None:
        data = msg["data"]
        symbol, topic = data["s"], msg["topic"]
        kept = self._kept.get(topic) or self._kept.setdefault(topic, Kept(_judge(topic, depth, symbol)))
        ids = {name: data[name] for name in ("s", "u", "seq") if name in data}
        takes = kept.judge.takes({**msg, "data": {**ids, "a": [], "b": []}})
        sides = ((side, data[side]) for side in "ab")
        if takes is None:
            self._lose(symbol)
            if ws is not None:
                self._begin(_again(ws, topic))
        elif takes and (msg["type"] == "snapshot" or data.get("u") == 1):
            self._whole(symbol, sides)
        elif takes:
            self._levels(symbol, sides)


def _judge(topic: str, depth: str, symbol: str) -> Judge:
    option = symbol.count("-") >= 3
    return Judge(channel_of("bybit.option" if option else "bybit.linear", _names(option)[depth]), topic)


def _names(option: bool) -> dict[str, str]:
    return _OPTIONS if option else _CHANNELS


async def _again(ws: Any, topic: str) -> None:
    for op in ("unsubscribe", "subscribe"):
        await ws.send_json({"op": op, "args": [topic]})


class BybitDataStore(DataStoreCollection):
    """Bybit v5. The stores are named by the topics."""

    def _init(self) -> None:
        for name, kind in (
            ("orderbook", BybitOrderBook), ("publicTrade", Logged), ("tickers", BySymbol), ("kline", Kline),
            ("allLiquidation", Logged), ("kline_lt", Kline), ("tickers_lt", BySymbol), ("lt", BySymbol),
            ("liquidation", Logged), ("position", Position), ("execution", Logged), ("order", Order),
            ("wallet", Wallet), ("greeks", Greek),
        ):  # fmt: skip
            self._create(name, datastore_class=kind)

    async def initialize(self, *aws: Awaitable[Response]) -> None:
        """What the answers of these requests say: positions, open orders, wallets; of other paths nothing.

        Raises ValueError where an answer is an error, and what it means where its status is no success.
        """
        await each_answer(aws, self._answered)

    def _answered(self, response: Response, body: Any) -> None:
        if not isinstance(body, dict) or body.get("retCode") != 0:
            raise ValueError(f"{response.url.path} was answered with an error: {excerpt(str(body).encode())}")
        rows = body["result"].get("list", [])
        match response.url.path:
            case "/v5/position/list":
                self.position._update(rows)
            case "/v5/order/realtime":
                self.order.replace(response.url.query, rows)
            case "/v5/account/wallet-balance":
                self.wallet.take(rows)
            case _:
                pass

    def _onmessage(self, msg: Any, ws: Any = None) -> None:
        if msg.get("success") is False:
            logger.warning("refused: %s", excerpt(str(msg).encode()))
        if "topic" not in msg:
            return
        topic, *rest = msg["topic"].split(".")
        data = msg["data"]
        rows = data if isinstance(data, list) else [data]
        match topic:
            case "orderbook":
                self.orderbook.take(msg, rest[0], ws)
            case "order":
                self.order.take(rows)
            case "wallet":
                self.wallet.take(rows)
            case "kline" | "kline_lt":
                self[topic]._update([{"symbol": rest[-1], **row} for row in rows])
            case "publicTrade" | "allLiquidation" | "liquidation" | "execution":
                self[topic]._insert(rows)
            case _ if topic in self:
                self[topic]._update(rows)

    @property
    def orderbook(self) -> BybitOrderBook:
        return self._get("orderbook", BybitOrderBook)

    @property
    def trade(self) -> Logged:
        return self._get("publicTrade", Logged)

    @property
    def ticker(self) -> BySymbol:
        return self._get("tickers", BySymbol)

    @property
    def kline(self) -> Kline:
        return self._get("kline", Kline)

    @property
    def all_liquidation(self) -> Logged:
        return self._get("allLiquidation", Logged)

    @property
    def lt_kline(self) -> Kline:
        return self._get("kline_lt", Kline)

    @property
    def lt_ticker(self) -> BySymbol:
        return self._get("tickers_lt", BySymbol)

    @property
    def lt_nav(self) -> BySymbol:
        return self._get("lt", BySymbol)

    @property
    def liquidation(self) -> Logged:
        return self._get("liquidation", Logged)

    @property
    def position(self) -> Position:
        return self._get("position", Position)

    @property
    def execution(self) -> Logged:
        return self._get("execution", Logged)

    @property
    def order(self) -> Order:
        return self._get("order", Order)

    @property
    def wallet(self) -> Wallet:
        return self._get("wallet", Wallet)

    @property
    def greek(self) -> Greek:
        return self._get("greeks", Greek)
