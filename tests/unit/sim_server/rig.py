"""A client of the served exchange that shares nothing with ours: aiohttp, json, gzip and dictionaries."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp

from tidebook.core.dialect import Levels

GENEROUS = 30.0  # seconds that nothing here takes
HOSTS = {
    "alpaca": ("data.alpaca.markets", "stream.data.alpaca.markets"),
    "binance.spot": ("api.binance.com", "stream.binance.com:9443"),
    "htx.spot": ("api.huobi.pro", "api.huobi.pro"),
}


def check_answer(found: Any, call: str, venue: str, symbol: str, *, may_be_empty: bool = False) -> None:
    """That what a call brought is of this venue, and where it is about one instrument, of that one."""
    if isinstance(found, list):
        assert found or may_be_empty, call
        assert all(each.venue == venue for each in found)
    else:
        assert found.symbol == symbol, call


Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


class Socket:
    """One WebSocket connection. `seen` are all messages but pings, which are answered."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.seen: list[Any] = []

    async def say(self, **message: Any) -> None:
        await self.ws.send_str(json.dumps(message))

    async def hear(self) -> Any:
        """The next message; None: it is over."""
        async with asyncio.timeout(GENEROUS):
            while True:
                got = await self.ws.receive()
                if got.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    return None
                data = gzip.decompress(got.data) if isinstance(got.data, bytes) else got.data
                message = json.loads(data, parse_float=Decimal)
                if "ping" in message:
                    await self.say(pong=message["ping"])
                    continue
                self.seen.append(message)
                return message

    async def until(self, true: Callable[[Any], Any]) -> Any:
        """The first message from here on of which something is true."""
        while (message := await self.hear()) is not None:
            if true(message):
                return message
        raise AssertionError("the connection ended")

    async def some(self, n: int, true: Callable[[Any], Any] = bool) -> list[Any]:
        return [await self.until(true) for _ in range(n)]


class Client:
    """Speaks to one venue at an address, naming the venue's own host."""

    def __init__(self, session: aiohttp.ClientSession, at: str, venue: str) -> None:
        self._session = session
        self._at = at
        self._rest, self._stream = HOSTS[venue]

    async def get(self, path: str, **query: Any) -> tuple[int, Any, Any]:
        """Status, body, headers."""
        url = f"http://{self._at}{path}"
        async with self._session.get(url, params=query, headers={"Host": self._rest}) as reply:
            text = await reply.text()
            return reply.status, json.loads(text, parse_float=Decimal) if text else None, reply.headers

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator[Socket]:
        url = f"ws://{self._at}{path}"
        async with self._session.ws_connect(url, headers={"Host": self._stream}, max_msg_size=0) as ws:
            yield Socket(ws)


@asynccontextmanager
async def clients(at: str, *venues: str) -> AsyncIterator[list[Client]]:
    async with aiohttp.ClientSession() as session:
        yield [Client(session, at, venue) for venue in venues]


def change(sides: Sides, bids: Any, asks: Any) -> None:
    """Set levels; size 0 takes one out."""
    for side, rows in zip(sides, (bids, asks), strict=True):
        for price, size in rows:
            if Decimal(size):
                side[Decimal(price)] = Decimal(size)
            else:
                side.pop(Decimal(price), None)


def of(levels: Levels) -> Sides:
    sides: Sides = ({}, {})
    change(sides, levels.bids, levels.asks)
    return sides


def best(sides: Sides, n: int) -> Sides:
    bids, asks = sides
    return dict(sorted(bids.items(), reverse=True)[:n]), dict(sorted(asks.items())[:n])
