"""alpaca-py: orders of crypto, and the stream of their updates."""

import asyncio
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import say
import trading
from alpaca.common.exceptions import APIError
from alpaca.data.historical import CryptoHistoricalDataClient
from alpaca.data.requests import CryptoLatestQuoteRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest
from alpaca.trading.stream import TradingStream

PAIR = "BTC/USD"


class Alpaca(trading.Desk):
    venue = "alpaca"
    errors = (APIError, trading.Refused)
    clock = False  # key and secret are sent as they are
    nobody = "00000000-0000-4000-8000-00ffffffffff"

    def more(self) -> dict[str, Any]:
        return {"login": self._login}

    async def _login(self) -> None:
        """Another stream. It tells of a refusal in its log, and tries again, until it is stopped."""
        with trading.Logged("alpaca.trading.stream") as logged:
            stream, task = self._streaming()
            try:
                await logged.refused()
            finally:
                await self._stopped(stream, task)

    def _streaming(self) -> tuple[TradingStream, asyncio.Task[None]]:
        stream = TradingStream(trading.KEY, trading.SECRET, paper=True)
        stream.subscribe_trade_updates(self._hear)
        return stream, asyncio.create_task(stream._run_forever())

    @staticmethod
    async def _stopped(stream: TradingStream, task: asyncio.Task[None]) -> None:
        await stream.stop_ws()
        await asyncio.wait([task], timeout=5)
        task.cancel()

    async def start(self) -> None:
        self._client = TradingClient(trading.KEY, trading.SECRET, paper=True)
        self._stream, self._task = self._streaming()

    async def stop(self) -> None:
        await self._stopped(self._stream, self._task)

    async def _hear(self, one: Any) -> None:
        row = None if one.price is None else (one.execution_id, repr(one.price), repr(one.qty), None, None)
        self.hear(str(one.order.id), row)

    async def _ask(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.to_thread(call, *arguments)

    @staticmethod
    def _facts(one: Any) -> trading.Facts:
        return {
            "id": str(one.id), "client": one.client_order_id, "side": one.side.value, "price": one.limit_price,
            "size": one.qty, "filled": one.filled_qty, "state": one.status.value,
        }  # fmt: skip

    async def best(self) -> Decimal:
        client = CryptoHistoricalDataClient()
        found = await self._ask(client.get_crypto_latest_quote, CryptoLatestQuoteRequest(symbol_or_symbols=PAIR))
        return Decimal(repr(found[PAIR].bid_price))

    async def place(self, side: str, price: Decimal | None, client: str) -> trading.Facts:
        how: dict[str, Any] = {
            "symbol": PAIR, "qty": float(trading.SIZE), "side": OrderSide(side), "time_in_force": TimeInForce.GTC,
            "client_order_id": client,
        }  # fmt: skip
        asked = MarketOrderRequest(**how) if price is None else LimitOrderRequest(**how, limit_price=float(price))
        return self._facts(await self._ask(self._client.submit_order, asked))

    async def by_id(self, id: str) -> trading.Facts:
        return self._facts(await self._ask(self._client.get_order_by_id, id))

    async def by_client(self, client: str) -> trading.Facts:
        return self._facts(await self._ask(self._client.get_order_by_client_id, client))

    async def open(self) -> list[str]:
        return [str(one.id) for one in await self._ask(self._client.get_orders)]

    async def cancel(self, id: str) -> trading.Facts:
        await self._ask(self._client.cancel_order_by_id, id)
        return {"id": id}

    async def fills(self, id: str) -> list[trading.Row]:
        """It has no call of its own for these: asked for by its client's `get`."""
        rows = await self._ask(self._client.get, "/account/activities/FILL")
        return [(one["id"], one["price"], one["qty"], None, None) for one in rows if one["order_id"] == id]

    async def balances(self) -> dict[str, Any]:
        cash = (await self._ask(self._client.get_account)).cash
        held = {one.symbol: one.qty for one in await self._ask(self._client.get_all_positions)}
        return {"USD": cash, "BTC": held["BTCUSD"]}


say.version(version("alpaca-py"))
asyncio.run(trading.traded(Alpaca()))
