"""ccxt.pro: orders at one venue, which the command line names."""

import asyncio
import contextlib
import sys
from decimal import Decimal
from typing import Any

import ccxt.pro as ccxt
import ccxt_options as options
import say
import trading

_USDT = "BTC/USDT:USDT"
# The peer's name of each venue, the market, what it is opened with, by what a client's id is asked for.
PLANS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "binance.spot": (
        "binance", "BTC/USDT", {"options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}},
        "origClientOrderId",
    ),
    "binance.usdm": ("binanceusdm", _USDT, {"options": {"fetchMarkets": {"types": ["linear"]}}}, "origClientOrderId"),
    "bybit.spot": ("bybit", "BTC/USDT", {"options": {"fetchMarkets": {"types": ["spot"]}}}, "orderLinkId"),
    "bybit.linear": (
        "bybit", _USDT, {"options": {"fetchMarkets": {"types": ["linear"]}, "defaultType": "swap"}}, "orderLinkId",
    ),
    "okx": ("okx", "BTC/USDT", {"options": {"fetchMarkets": {"types": ["spot"]}}}, "clOrdId"),
    "htx.spot": ("htx", "BTC/USDT", options.SETTINGS["htx"], "clientOrderId"),
    "alpaca": ("alpaca", "BTC/USD", {}, ""),
}  # fmt: skip


def number(one: Any) -> str | None:
    return None if one is None else repr(one)


class Ccxt(trading.Desk):
    # What it makes of an exchange's answers; of a time that is out of the window it makes one of the network's.
    errors = (ccxt.ExchangeError, ccxt.InvalidNonce)

    def __init__(self, venue: str) -> None:
        super().__init__()
        self.venue = venue
        name, self._symbol, _, self._client = PLANS[venue]
        self.clock = venue != "alpaca"
        self.by_client_id = bool(self._client)
        self._bybit = name == "bybit"
        if venue in ("bybit.linear", "alpaca"):
            self.nobody = "00000000-0000-4000-8000-00ffffffffff"
        if venue.partition(".")[0] in ("binance", "bybit", "okx"):
            self.by_socket = self._placed_by_socket
        self._x = self._opened()
        self._tasks: list[asyncio.Task[None]] = []

    def _opened(self) -> Any:
        name, _, settings, _ = PLANS[self.venue]
        keys = {"apiKey": trading.KEY, "secret": trading.SECRET, "password": trading.PASSPHRASE}
        trust = {"cafile": options.trusted(), "has": {"fetchCurrencies": False}, "timeout": options.PATIENCE}
        return getattr(ccxt, name)({**settings, **trust, **keys})

    def more(self) -> dict[str, Any]:
        """Its logins. That of Binance's futures is a key in a path: nothing of it is signed."""
        return {} if self.venue == "binance.usdm" else {"login": lambda: self._alone("watch_orders", self._symbol)}

    async def _placed_by_socket(self, price: Decimal, client: str) -> trading.Facts:
        asked = self._symbol, "limit", "buy", float(trading.SIZE), float(price), {"clientOrderId": client}
        return self._facts(await self._alone("create_order_ws", *asked))

    async def _alone(self, call: str, *arguments: Any) -> Any:
        """By connections of its own, which must log in. What is refused is raised, wherever the peer leaves it."""
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[Exception] = loop.create_future()

        def hear(loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
            if isinstance(told.get("exception"), self.errors) and not lost.done():
                lost.set_result(told["exception"])
            else:
                loop.default_exception_handler(told)

        loop.set_exception_handler(hear)
        another = self._opened()
        another.set_markets(self._x.markets)
        task = asyncio.create_task(getattr(another, call)(*arguments))
        try:
            await asyncio.wait((task, lost), timeout=trading.LATEST, return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                say.failed("a refused login", "raised where nobody hears it, and the call waits on")
                raise lost.result()
            if not task.done():
                raise TimeoutError
            return task.result()
        except KeyError as error:
            if isinstance(error.__context__, self.errors):
                say.failed("a refused login", error)
                raise error.__context__ from None
            raise
        finally:
            loop.set_exception_handler(None)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await another.close()

    async def start(self) -> None:
        await self._x.load_markets()
        # That of fills first: what tells of orders is asked for after it.
        for call in ("watch_my_trades", "watch_orders"):
            self._tasks.append(asyncio.create_task(self._watch(call)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._x.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, call: str) -> None:
        try:
            while True:
                for one in await getattr(self._x, call)(self._symbol):
                    if call == "watch_orders":
                        self.hear(str(one["id"]))
                    else:
                        self.hear(str(one["order"]), self._row(one))
        except (ccxt.ExchangeClosedByUser, asyncio.CancelledError):
            return
        except Exception as error:
            say.failed(call, error)

    @staticmethod
    def _row(one: Any) -> trading.Row:
        fee = one.get("fee") or {}
        return one["id"], repr(one["price"]), repr(one["amount"]), number(fee.get("cost")), fee.get("currency")

    @staticmethod
    def _facts(one: Any) -> trading.Facts:
        limit = one.get("type") == "limit"
        return {
            "id": one["id"], "client": one.get("clientOrderId"), "side": one.get("side"),
            "price": number(one["price"]) if limit else None, "size": number(one.get("amount")),
            "filled": number(one.get("filled")), "state": one.get("status"),
        }  # fmt: skip

    async def best(self) -> Decimal:
        book = await self._x.fetch_order_book(self._symbol, *([] if self.venue != "htx.spot" else [20]))
        return Decimal(repr(book["bids"][0][0]))

    async def place(self, side: str, price: Decimal | None, client: str) -> trading.Facts:
        kind, at = ("market", None) if price is None else ("limit", float(price))
        more = {"clientOrderId": client}
        return self._facts(await self._x.create_order(self._symbol, kind, side, float(trading.SIZE), at, more))

    async def by_id(self, id: str) -> trading.Facts:
        return self._facts(await self._x.fetch_order(id, self._symbol, {"acknowledged": True} if self._bybit else {}))

    async def by_client(self, client: str) -> trading.Facts:
        if self._bybit:
            return self._facts((await self._x.fetch_open_orders(self._symbol, None, None, {"orderLinkId": client}))[0])
        return self._facts(await self._x.fetch_order(None, self._symbol, {self._client: client}))

    async def open(self) -> list[str]:
        return [one["id"] for one in await self._x.fetch_open_orders(self._symbol)]

    async def cancel(self, id: str) -> trading.Facts:
        return {**self._facts(await self._x.cancel_order(id, self._symbol)), "client": None}

    async def fills(self, id: str) -> list[trading.Row]:
        return [self._row(one) for one in await self._x.fetch_my_trades(self._symbol) if str(one["order"]) == id]

    async def balances(self) -> dict[str, Any]:
        found = await self._x.fetch_balance()
        wanted = ("USD", "BTC") if self.venue == "alpaca" else ("USDT", "BTC")
        return {name: repr(found["total"][name]) for name in wanted if name in found["total"]}


say.version(ccxt.__version__)
with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(trading.traded(Ccxt(sys.argv[1])))
