"""python-binance's AsyncClient and its account's streams: orders of spot, or of USD-M futures."""

import asyncio
import sys
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import say
import trading
from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

SYMBOL = "BTCUSDT"


class Binance(trading.Desk):
    errors = (BinanceAPIException,)
    nobody = "99999999"

    def __init__(self, venue: str) -> None:
        super().__init__()
        self.venue = venue
        self._spot = venue == "binance.spot"
        self._task: asyncio.Task[None] | None = None
        self.by_socket = self._placed_by_socket

    def _call(self, spot: str, futures: str) -> Any:
        return getattr(self._client, spot if self._spot else futures)

    async def start(self) -> None:
        pem = trading.SECRET.startswith("-----BEGIN")
        keys = {"private_key": trading.SECRET} if pem else {"api_secret": trading.SECRET}
        self._client = await AsyncClient.create(api_key=trading.KEY, **keys)
        manager = BinanceSocketManager(self._client)
        socket = manager.user_socket() if self._spot else manager.futures_user_socket()
        self._task = asyncio.create_task(self._watch(socket))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close_connection()

    async def _watch(self, socket: Any) -> None:
        try:
            async with socket as stream:
                while True:
                    one = await stream.recv()
                    one = one.get("event", one)
                    one = one.get("o", {}) if one.get("e") == "ORDER_TRADE_UPDATE" else one
                    if one.get("x"):
                        row = (one["t"], one["L"], one["l"], one.get("n"), one.get("N"))
                        self.hear(str(one["i"]), row if one["x"] == "TRADE" else None)
        except Exception as error:
            say.failed("user_socket", error)

    def more(self) -> dict[str, Any]:
        return {"account by socket": self._client.ws_get_account} if self._spot else {}

    async def _placed_by_socket(self, price: Decimal, client: str) -> trading.Facts:
        how = {"type": "LIMIT", "timeInForce": "GTC", "price": str(price), "quantity": str(trading.SIZE)}
        call = self._call("ws_create_order", "ws_futures_create_order")
        return self._facts(await call(symbol=SYMBOL, side="BUY", newClientOrderId=client, **how))

    @staticmethod
    def _facts(one: Any) -> trading.Facts:
        return {
            "id": one["orderId"], "client": one.get("origClientOrderId", one.get("clientOrderId")), "side": one["side"],
            "price": one["price"] if one["type"] == "LIMIT" else None, "size": one["origQty"],
            "filled": one["executedQty"], "state": one["status"],
        }  # fmt: skip

    async def best(self) -> Decimal:
        one = await self._call("get_orderbook_ticker", "futures_orderbook_ticker")(symbol=SYMBOL)
        return Decimal(one["bidPrice"])

    async def place(self, side: str, price: Decimal | None, client: str) -> trading.Facts:
        how = {"type": "MARKET"} if price is None else {"type": "LIMIT", "timeInForce": "GTC", "price": str(price)}
        call = self._call("create_order", "futures_create_order")
        quantity = str(trading.SIZE)
        return self._facts(
            await call(symbol=SYMBOL, side=side.upper(), quantity=quantity, newClientOrderId=client, **how)
        )

    async def by_id(self, id: str) -> trading.Facts:
        return self._facts(await self._call("get_order", "futures_get_order")(symbol=SYMBOL, orderId=id))

    async def by_client(self, client: str) -> trading.Facts:
        call = self._call("get_order", "futures_get_order")
        return self._facts(await call(symbol=SYMBOL, origClientOrderId=client))

    async def open(self) -> list[str]:
        rows = await self._call("get_open_orders", "futures_get_open_orders")(symbol=SYMBOL)
        return [str(one["orderId"]) for one in rows]

    async def cancel(self, id: str) -> trading.Facts:
        return self._facts(await self._call("cancel_order", "futures_cancel_order")(symbol=SYMBOL, orderId=id))

    async def fills(self, id: str) -> list[trading.Row]:
        rows = await self._call("get_my_trades", "futures_account_trades")(symbol=SYMBOL, orderId=id)
        return [(one["id"], one["price"], one["qty"], one["commission"], one["commissionAsset"]) for one in rows]

    async def balances(self) -> dict[str, Any]:
        if self._spot:
            rows = (await self._client.get_account())["balances"]
            return {one["asset"]: Decimal(one["free"]) + Decimal(one["locked"]) for one in rows}
        return {one["asset"]: one["balance"] for one in await self._client.futures_account_balance()}


say.version(version("python-binance"))
asyncio.run(trading.traded(Binance(sys.argv[1])))
