"""pybotters: orders over its client, and its data stores of the account; it has no exceptions of what venues refuse."""

import asyncio
import sys
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import pybotters
import say
import trading

KEYS = [trading.KEY, trading.SECRET, *filter(None, [trading.PASSPHRASE])]


class Peer(trading.Desk):
    errors = (trading.Refused,)
    root = ""
    stream: Mapping[str, Any] = MappingProxyType({})  # its address and what is asked for, where it logs in

    def __init__(self, venue: str) -> None:
        super().__init__()
        self.venue = venue
        self._client: Any = None
        self._store: Any = None

    def more(self) -> dict[str, Any]:
        return {"login": self._login} if self.stream else {}

    async def _login(self) -> None:
        """By another client. It tells of a refusal in its log alone."""
        with trading.Logged("pybotters.ws") as logged:
            async with self._opened() as another:
                await another.ws_connect(**self.stream)
                await logged.refused()

    def _opened(self) -> Any:
        return pybotters.Client(apis={self.venue.partition(".")[0]: KEYS})

    async def start(self) -> None:
        self._client = self._opened()
        await self._stream()

    async def _stream(self) -> None:
        await self._client.ws_connect(**self.stream, hdlr_json=[self._store.onmessage, self._hear])

    async def stop(self) -> None:
        await self._client.close()

    def _bad(self, answer: Any) -> bool:
        return bool(answer.response.status >= 400)

    def _hear(self, message: Any, socket: object = None) -> None: ...

    async def _ask(self, method: str, path: str, data: Any = None, **params: Any) -> Any:
        more = {"data": data} if data is not None else {}
        answer = await self._client.fetch(method, f"{self.root}{path}", params=params or None, **more)
        if self._bad(answer):
            raise trading.Refused(answer.text)
        return answer.data


class Binance(Peer):
    nobody = "99999999"

    def __init__(self, venue: str) -> None:
        super().__init__(venue)
        self._spot = venue == "binance.spot"
        self.root = "https://api.binance.com/api/v3" if self._spot else "https://fapi.binance.com/fapi/v1"
        self._store = pybotters.BinanceSpotDataStore() if self._spot else pybotters.BinanceUSDSMDataStore()

    async def _stream(self) -> None:
        path = "/userDataStream" if self._spot else "/listenKey"
        await self._store.initialize(self._client.post(f"{self.root}{path}"))
        root = "wss://stream.binance.com:9443/ws/" if self._spot else "wss://fstream.binance.com/private/ws?listenKey="
        await self._client.ws_connect(
            f"{root}{self._store.listenkey}", hdlr_json=[self._store.onmessage, self._hear],
        )  # fmt: skip

    def _hear(self, message: Any, socket: object = None) -> None:
        del socket
        if message.get("e") == "ORDER_TRADE_UPDATE":
            one = message["o"]
            row = (one["t"], one["L"], one["l"], one.get("n"), one.get("N"))
            self.hear(str(one["i"]), row if one["x"] == "TRADE" else None)

    @staticmethod
    def _facts(one: Any) -> trading.Facts:
        return {
            "id": one["orderId"], "client": one.get("origClientOrderId", one.get("clientOrderId")), "side": one["side"],
            "price": one["price"] if one["type"] == "LIMIT" else None, "size": one["origQty"],
            "filled": one["executedQty"], "state": one["status"],
        }  # fmt: skip

    async def best(self) -> Decimal:
        return Decimal((await self._ask("GET", "/ticker/bookTicker", symbol="BTCUSDT"))["bidPrice"])

    async def place(self, side: str, price: Decimal | None, client: str) -> trading.Facts:
        how = {"type": "MARKET"} if price is None else {"type": "LIMIT", "timeInForce": "GTC", "price": str(price)}
        data = {
            "symbol": "BTCUSDT", "side": side.upper(), "quantity": str(trading.SIZE), "newClientOrderId": client, **how,
        }  # fmt: skip
        return self._facts(await self._ask("POST", "/order", data))

    async def by_id(self, id: str) -> trading.Facts:
        return self._facts(await self._ask("GET", "/order", symbol="BTCUSDT", orderId=id))

    async def by_client(self, client: str) -> trading.Facts:
        return self._facts(await self._ask("GET", "/order", symbol="BTCUSDT", origClientOrderId=client))

    async def open(self) -> list[str]:
        return [str(one["orderId"]) for one in await self._ask("GET", "/openOrders", symbol="BTCUSDT")]

    async def cancel(self, id: str) -> trading.Facts:
        return self._facts(await self._ask("DELETE", "/order", symbol="BTCUSDT", orderId=id))

    async def fills(self, id: str) -> list[trading.Row]:
        path = "/myTrades" if self._spot else "/userTrades"
        rows = await self._ask("GET", path, symbol="BTCUSDT", orderId=id)
        return [(one["id"], one["price"], one["qty"], one["commission"], one["commissionAsset"]) for one in rows]

    async def balances(self) -> dict[str, Any]:
        if self._spot:
            rows = (await self._ask("GET", "/account"))["balances"]
            return {one["asset"]: Decimal(one["free"]) + Decimal(one["locked"]) for one in rows}
        answer = await self._client.fetch("GET", "https://fapi.binance.com/fapi/v2/balance")
        if self._bad(answer):
            raise trading.Refused(answer.text)
        # Its store wants what the older path alone tells of a position.
        await self._store.initialize(self._client.get("https://fapi.binance.com/fapi/v2/positionRisk"))
        return {one["asset"]: one["balance"] for one in answer.data}


class Bybit(Peer):
    root = "https://api.bybit.com/v5"
    stream = MappingProxyType({
        "url": "wss://stream.bybit.com/v5/private", "send_json": {"op": "subscribe", "args": ["execution", "order"]},
    })  # fmt: skip

    def __init__(self, venue: str) -> None:
        super().__init__(venue)
        self._of = {"category": venue.rpartition(".")[2], "symbol": "BTCUSDT"}
        if venue == "bybit.linear":
            self.nobody = "00000000-0000-4000-8000-00ffffffffff"
        self._store = pybotters.BybitDataStore()

    def _bad(self, answer: Any) -> bool:
        return bool(answer.response.status >= 400 or answer.data["retCode"] != 0)

    def _hear(self, message: Any, socket: object = None) -> None:
        """The store has it already: its rows are what is told."""
        del socket
        if message.get("topic") == "order":
            for one in message["data"]:
                self.hear(one["orderId"])
        for one in self._store.execution.find() if message.get("topic") == "execution" else ():
            row = (one["execId"], one["execPrice"], one["execQty"], one["execFee"], one["feeCurrency"] or None)
            self.hear(one["orderId"], row)

    @staticmethod
    def _facts(one: Any) -> trading.Facts:
        return {
            "id": one["orderId"], "client": one["orderLinkId"], "side": one["side"],
            "price": one["price"] if one["orderType"] == "Limit" else None, "size": one["qty"],
            "filled": one["cumExecQty"], "state": one["orderStatus"],
        }  # fmt: skip

    @staticmethod
    def _done(one: Any) -> trading.Facts:
        return {"id": one["result"]["orderId"], "client": one["result"]["orderLinkId"]}

    async def best(self) -> Decimal:
        return Decimal((await self._ask("GET", "/market/orderbook", **self._of))["result"]["b"][0][0])

    async def place(self, side: str, price: Decimal | None, client: str) -> trading.Facts:
        how = {"orderType": "Market"} if price is None else {"orderType": "Limit", "price": str(price)}
        data = {**self._of, "side": side.capitalize(), "qty": str(trading.SIZE), "orderLinkId": client, **how}
        return self._done(await self._ask("POST", "/order/create", data))

    async def _one(self, **named: str) -> trading.Facts:
        rows = (await self._ask("GET", "/order/realtime", **self._of, **named))["result"]["list"]
        if not rows:
            raise trading.Refused("170213: there is none in the list")
        return self._facts(rows[0])

    async def by_id(self, id: str) -> trading.Facts:
        return await self._one(orderId=id)

    async def by_client(self, client: str) -> trading.Facts:
        return await self._one(orderLinkId=client)

    async def open(self) -> list[str]:
        return [one["orderId"] for one in (await self._ask("GET", "/order/realtime", **self._of))["result"]["list"]]

    async def cancel(self, id: str) -> trading.Facts:
        return self._done(await self._ask("POST", "/order/cancel", {**self._of, "orderId": id}))

    async def fills(self, id: str) -> list[trading.Row]:
        rows = (await self._ask("GET", "/execution/list", **self._of, orderId=id))["result"]["list"]
        return [
            (one["execId"], one["execPrice"], one["execQty"], one["execFee"], one["feeCurrency"] or None)
            for one in rows
        ]

    async def balances(self) -> dict[str, Any]:
        found = await self._ask("GET", "/account/wallet-balance", accountType="UNIFIED", coin="USDT,BTC")
        return {one["coin"]: one["walletBalance"] for one in found["result"]["list"][0]["coin"]}


class Okx(Peer):
    root = "https://www.okx.com/api/v5"
    stream = MappingProxyType({
        "url": "wss://ws.okx.com:8443/ws/v5/private",
        "send_json": {"op": "subscribe", "args": [{"channel": "orders", "instType": "SPOT"}]},
    })  # fmt: skip

    def __init__(self, venue: str) -> None:
        super().__init__(venue)
        self._store = pybotters.OKXDataStore()

    def _bad(self, answer: Any) -> bool:
        return bool(answer.response.status >= 400 or answer.data["code"] != "0")

    def _hear(self, message: Any, socket: object = None) -> None:
        del socket
        for one in message.get("data", ()) if message.get("arg", {}).get("channel") == "orders" else ():
            row = (
                one.get("tradeId"), one.get("fillPx"), one.get("fillSz"), str(-Decimal(one.get("fillFee") or 0)),
                one.get("fillFeeCcy") or None,
            )  # fmt: skip
            self.hear(one["ordId"], row if one.get("tradeId") else None)

    @staticmethod
    def _facts(one: Any) -> trading.Facts:
        return {
            "id": one["ordId"], "client": one["clOrdId"], "side": one["side"],
            "price": one["px"] if one["ordType"] == "limit" else None, "size": one["sz"], "filled": one["accFillSz"],
            "state": one["state"],
        }  # fmt: skip

    async def best(self) -> Decimal:
        return Decimal((await self._ask("GET", "/market/books", instId="BTC-USDT", sz="1"))["data"][0]["bids"][0][0])

    async def place(self, side: str, price: Decimal | None, client: str) -> trading.Facts:
        how = {"ordType": "market"} if price is None else {"ordType": "limit", "px": str(price)}
        data = {"instId": "BTC-USDT", "tdMode": "cash", "side": side, "sz": str(trading.SIZE), "clOrdId": client, **how}
        one = (await self._ask("POST", "/trade/order", data))["data"][0]
        return {"id": one["ordId"], "client": one["clOrdId"]}

    async def by_id(self, id: str) -> trading.Facts:
        return self._facts((await self._ask("GET", "/trade/order", instId="BTC-USDT", ordId=id))["data"][0])

    async def by_client(self, client: str) -> trading.Facts:
        return self._facts((await self._ask("GET", "/trade/order", instId="BTC-USDT", clOrdId=client))["data"][0])

    async def open(self) -> list[str]:
        return [one["ordId"] for one in (await self._ask("GET", "/trade/orders-pending", instType="SPOT"))["data"]]

    async def cancel(self, id: str) -> trading.Facts:
        one = (await self._ask("POST", "/trade/cancel-order", {"instId": "BTC-USDT", "ordId": id}))["data"][0]
        return {"id": one["ordId"]}

    async def fills(self, id: str) -> list[trading.Row]:
        rows = (await self._ask("GET", "/trade/fills", instType="SPOT", ordId=id))["data"]
        return [
            (one["tradeId"], one["fillPx"], one["fillSz"], str(-Decimal(one["fee"])), one["feeCcy"]) for one in rows
        ]

    async def balances(self) -> dict[str, Any]:
        found = await self._ask("GET", "/account/balance", ccy="USDT,BTC")
        return {one["ccy"]: one["cashBal"] for one in found["data"][0]["details"]}


OF = {"binance": Binance, "bybit": Bybit, "okx": Okx}
say.version(version("pybotters"))
asyncio.run(trading.traded(OF[sys.argv[1].partition(".")[0]](sys.argv[1])))
