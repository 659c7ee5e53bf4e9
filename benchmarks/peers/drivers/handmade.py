"""The best that was written by hand in Python alone: typed decoding straight to floats, sides that stay sorted."""

from typing import Any, Self

import aiohttp
import msgspec
import orjson
import picows
from sortedcontainers import SortedDict

from benchmarks.peers.receive import Session

PACKAGES = ("msgspec", "sortedcontainers", "picows", "orjson")
NOTES: tuple[str, ...] = ()
FORM = "combined"
TEXT = False

Row = tuple[float, float]


class Whole(msgspec.Struct):
    """The whole book of REST. Sizes and prices are texts that hold numbers: `strict=False` reads them."""

    bids: list[Row]
    asks: list[Row]


class Changed(msgspec.Struct):
    b: list[Row]
    a: list[Row]


class Frame(msgspec.Struct):
    data: Changed


class Book:
    """Bids have negated prices, so that both sides begin with the best."""

    def __init__(self) -> None:
        self._bids: Any = SortedDict()
        self._asks: Any = SortedDict()
        self._decode = msgspec.json.Decoder(Frame, strict=False).decode

    @classmethod
    async def opened(cls, whole: bytes, symbol: str = "BTCUSDT", beside: Self | None = None) -> Self:
        book = cls()
        body = msgspec.json.decode(whole, type=Whole, strict=False)
        book._put(body.bids, body.asks)
        return book

    def feed(self, frame: bytes) -> None:
        data = self._decode(frame).data
        self._put(data.b, data.a)

    def _put(self, bids: list[Row], asks: list[Row]) -> None:
        side = self._bids
        for price, size in bids:
            if size:
                side[-price] = size
            else:
                side.pop(-price, None)
        side = self._asks
        for price, size in asks:
            if size:
                side[price] = size
            else:
                side.pop(price, None)

    def best(self) -> tuple[float, ...]:
        (bid, bid_size), (ask, ask_size) = self._bids.peekitem(0), self._asks.peekitem(0)
        return -bid, bid_size, ask, ask_size

    def top(self, n: int) -> tuple[list[Row], list[Row]]:
        bids, asks = self._bids, self._asks
        return (
            [(-price, bids[price]) for price in bids.islice(0, n)],
            [(price, asks[price]) for price in asks.islice(0, n)],
        )

    async def close(self) -> None:
        pass


async def receive(meter: Any, port: int, kind: str, stream: str, session: Session) -> None:
    """picows, then the book above; quotes and trades are the dicts of orjson."""
    newest: Any = None
    book: Any = None
    if kind == "depth":
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/api/v3/depth") as reply:
            book = await Book.opened(await reply.read())

    class Listener(picows.WSListener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            nonlocal newest
            if frame.msg_type != picows.WSMsgType.TEXT:
                return
            if book is None:
                newest = orjson.loads(frame.get_payload_as_memoryview())["data"]
            else:
                book.feed(frame.get_payload_as_bytes())
                newest = book.best()
            meter.left -= 1
            if not meter.left:
                meter.stop()

    def state() -> tuple[Any, tuple[Any, ...]]:
        if kind == "depth":
            return meter.last, newest
        if kind == "quotes":
            return newest["u"], (newest["b"], newest["B"], newest["a"], newest["A"])
        return newest["t"], (newest["p"], newest["q"])

    transport, _ = await picows.ws_connect(Listener, f"ws://127.0.0.1:{port}/stream?streams={stream}")
    await session(state)
    transport.disconnect()
