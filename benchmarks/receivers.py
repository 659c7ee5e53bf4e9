"""One client in a process of its own: `python -m benchmarks.receivers NAME PORT EPOCH_NS BASE KIND STREAM RATE:COUNT…`.

It speaks as `native/receive.c` does: for each RATE:COUNT it says go, receives COUNT messages, and at the end writes one
line of JSON. Ours come through the public interface alone; the bare ones take bytes from picows. All look at the same:
the best bid and ask of a book, price and size of a quote or a trade.
"""

import asyncio
import json
import sys
import time
from array import array
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.loopback import ask, go

SYMBOL: Final = "BTC/USDT"
BUFFER: Final = 1 << 16  # as ours reads
PATIENCE: Final = 60.0

State = tuple[int, list[int]]
"""What a client holds in the end: the last id, and the numbers in 10^-8; none where it does not read them."""


class Meter:
    """Counts down the messages of a part; the last stops the clocks. Read in the receive path, so it is plain."""

    def __init__(self) -> None:
        self.left = 0
        self.timed = False
        self.seen: array[int] = array("q")  # of every look, when it was and the thirteen digits
        self._cpu_ns = self._end_ns = 0
        self._done = asyncio.Event()

    def stop(self) -> None:
        self._end_ns = time.monotonic_ns()
        self._cpu_ns = time.process_time_ns() - self._cpu_ns
        self._done.set()

    async def part(self, port: int, rate: int, count: int, intended: Callable[[int], int]) -> dict[str, int]:
        self.left, self.timed, self.seen = count, rate > 0, array("q")
        self._done.clear()
        start_ns = go(port, rate, count)
        self._cpu_ns = time.process_time_ns()
        async with asyncio.timeout(PATIENCE):
            await self._done.wait()
        found = {"rate": rate, "messages": count, "cpu_ns": self._cpu_ns, "wall_ns": self._end_ns - start_ns}
        if rate:
            waits = sorted(at - intended(digits) for at, digits in zip(self.seen[::2], self.seen[1::2], strict=True))
            found |= {"p50_ns": waits[len(waits) // 2], "p99_ns": waits[len(waits) * 99 // 100]}
        return found


Play = Callable[[], Awaitable[None]]
"""All parts, once the client is ready."""

Hook = Callable[[Meter], Callable[[Any], None]]
"""Makes what the user's function does. Each is written out: a call more would be measured too."""


# ---- what the user's function does


def of_book(meter: Meter) -> Callable[[Any], None]:
    now = time.monotonic_ns

    def look(book: Any) -> None:
        bid, ask = book.best_bid, book.best_ask
        if bid.price < ask.price and meter.timed:
            meter.seen.append(now())
            meter.seen.append(book.venue_ns // 1_000_000)
        meter.left -= 1
        if not meter.left:
            meter.stop()

    return look


def of_floats(meter: Meter) -> Callable[[Any], None]:
    """The same look at the nearest doubles."""
    now = time.monotonic_ns

    def look(book: Any) -> None:
        bid, _, ask, _ = book.best_floats()
        if bid < ask and meter.timed:
            meter.seen.append(now())
            meter.seen.append(book.venue_ns // 1_000_000)
        meter.left -= 1
        if not meter.left:
            meter.stop()

    return look


def of_quote(meter: Meter) -> Callable[[Any], None]:
    now = time.monotonic_ns

    def look(quote: Any) -> None:
        if quote.bid and quote.bid_size and meter.timed:
            meter.seen.append(now())
            meter.seen.append(quote.seq)
        meter.left -= 1
        if not meter.left:
            meter.stop()

    return look


def of_trade(meter: Meter) -> Callable[[Any], None]:
    now = time.monotonic_ns

    def look(trade: Any) -> None:
        if trade.price and trade.size and meter.timed:
            meter.seen.append(now())
            meter.seen.append(trade.venue_ns // 1_000_000)
        meter.left -= 1
        if not meter.left:
            meter.stop()

    return look


# ---- ours


def exact(last: int, *numbers: Decimal) -> State:
    return last, [int(number.scaleb(8)) for number in numbers]


def opened(market: Any, kind: str) -> tuple[Any, Hook]:
    if kind == "depth":
        return market.book(SYMBOL), of_book
    return (market.quotes(SYMBOL), of_quote) if kind == "quotes" else (market.trades(SYMBOL), of_trade)


def held(kind: str, item: Any) -> State:
    if kind == "depth":
        bid, ask = item.best_bid, item.best_ask
        return exact(item.seq, bid.price, bid.size, ask.price, ask.size)
    if kind == "quotes":
        return exact(item.seq, item.bid, item.bid_size, item.ask, item.ask_size)
    return exact(int(item.id), item.price, item.size)


async def tidebook_on(meter: Meter, port: int, kind: str, stream: str, play: Play, hook: Hook | None = None) -> State:
    import tidebook

    async with tidebook.connect("binance.spot", at=f"127.0.0.1:{port}") as market:
        subscription, usual = opened(market, kind)
        subscription.on((hook or usual)(meter))
        async with subscription:
            await play()
            return held(kind, _newest(subscription, kind))


async def tidebook_recorded(meter: Meter, port: int, kind: str, stream: str, play: Play) -> State:
    """As `tidebook_on`, while everything goes into a file too; the file is closed after what is measured."""
    import tidebook

    with TemporaryDirectory() as folder:
        async with tidebook.connect("binance.spot", at=f"127.0.0.1:{port}") as market:
            recording = await market.record(Path(folder) / "run.jsonl.gz")
            subscription, usual = opened(market, kind)
            subscription.on(usual(meter))
            async with subscription:
                await play()
                state = held(kind, _newest(subscription, kind))
            await recording.close()
            if recording.lost:
                raise RuntimeError(f"{recording.lost} records were lost")
            return state


async def tidebook_for(meter: Meter, port: int, kind: str, stream: str, play: Play) -> State:
    """A book's reader is woken with several changes merged into one, and looks once."""
    import tidebook

    async with tidebook.connect("binance.spot", at=f"127.0.0.1:{port}") as market:
        subscription, hook = opened(market, kind)
        look = hook(meter)

        async def read() -> None:
            if kind == "depth":
                async for change in subscription:
                    meter.left -= change.merged - 1
                    look(subscription)
            else:
                async for item in subscription:
                    look(item)

        async with subscription:
            return await _beside(read(), play, lambda: held(kind, _newest(subscription, kind)))


async def tidebook_batches(meter: Meter, port: int, kind: str, stream: str, play: Play) -> State:
    import tidebook

    async with tidebook.connect("binance.spot", at=f"127.0.0.1:{port}") as market:
        subscription, hook = opened(market, kind)
        look = hook(meter)

        async def read() -> None:
            async for batch in subscription.batches():
                if kind == "depth":
                    meter.left -= sum(change.merged for change in batch) - 1
                    look(subscription)
                else:
                    for item in batch:
                        look(item)

        async with subscription:
            return await _beside(read(), play, lambda: held(kind, _newest(subscription, kind)))


def _newest(subscription: Any, kind: str) -> Any:
    return subscription if kind == "depth" else subscription.latest(SYMBOL)


async def _beside(reading: Any, play: Play, state: Callable[[], State]) -> State:
    """Play while somebody reads. What is read before the first part, of the book as it was opened, is not counted."""
    reader = asyncio.ensure_future(reading)
    await asyncio.sleep(0.05)
    try:
        await play()
        return state()
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


# ---- bare


async def picows_bytes(meter: Meter, port: int, kind: str, stream: str, play: Play) -> State:
    """The payload as bytes, and nothing read but the digits of the time where that is measured."""
    now = time.monotonic_ns
    head = f'{{"stream":"{stream}","data":' + ('{"u":' if kind == "quotes" else '{"e":"trade","E":')
    head = head.replace("trade", "depthUpdate") if kind == "depth" else head
    start, end = len(head), len(head) + 13
    newest = b""

    def take(payload: bytes) -> None:
        nonlocal newest
        if meter.timed:
            meter.seen.append(now())
            meter.seen.append(int(payload[start:end]))
        meter.left -= 1
        if not meter.left:
            newest = payload
            meter.stop()

    await _picows(port, stream, take, play)
    data = json.loads(newest)["data"]
    return data["t" if kind == "trades" else "u"], []


async def picows_floor(meter: Meter, port: int, kind: str, stream: str, play: Play) -> State:
    """The book in C behind one call; best bid and ask as floats."""
    from benchmarks.floor import load

    now = time.monotonic_ns
    start = len(f'{{"stream":"{stream}","data":{{"e":"depthUpdate","E":')
    end = start + 13
    book = load().Book("binance")
    book.seed(json.dumps(ask(port, "/api/v3/depth?symbol=BTCUSDT&limit=1000"), separators=(",", ":")).encode())
    newest = b""

    def take(payload: bytes) -> None:
        nonlocal newest
        book.feed(payload)
        bid, _, ask, _ = book.best()
        if bid < ask and meter.timed:
            meter.seen.append(now())
            meter.seen.append(int(payload[start:end]))
        meter.left -= 1
        if not meter.left:
            newest = payload
            meter.stop()

    await _picows(port, stream, take, play)
    if book.gaps:
        raise SystemExit(f"{book.gaps} gaps")
    return json.loads(newest)["data"]["u"], [round(number * 10**8) for number in book.best()]


async def _picows(port: int, stream: str, take: Callable[[bytes], None], play: Play) -> None:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    acked = asyncio.Event()

    class Listener(WSListener):
        def on_ws_connected(self, transport: WSTransport) -> None:
            command = {"method": "SUBSCRIBE", "params": [stream], "id": 1}
            transport.send(WSMsgType.TEXT, json.dumps(command).encode())

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type != WSMsgType.TEXT:
                return
            if not acked.is_set():
                acked.set()  # the server's first word
                return
            take(frame.get_payload_as_bytes())

    transport, _ = await ws_connect(Listener, f"ws://127.0.0.1:{port}/stream", read_buffer_init_size=BUFFER)
    await asyncio.wait_for(acked.wait(), PATIENCE)
    await asyncio.sleep(0.02)  # a book's first message, which its whole book knows, comes with the ack
    await play()
    transport.disconnect()
    await transport.wait_disconnected()


RECEIVERS: Final[dict[str, Callable[[Meter, int, str, str, Play], Awaitable[State]]]] = {
    "tidebook on": tidebook_on,
    "tidebook on, floats": partial(tidebook_on, hook=of_floats),
    "tidebook recorded": tidebook_recorded,
    "tidebook async for": tidebook_for,
    "tidebook batches": tidebook_batches,
    "picows": picows_bytes,
    "picows + floor": picows_floor,
}


async def main(name: str, port: int, epoch_ns: int, base: int, kind: str, stream: str, parts: list[str]) -> None:
    meter = Meter()
    found: list[dict[str, int]] = []

    async def play() -> None:
        for part in parts:
            rate, count = map(int, part.split(":"))
            found.append(await meter.part(port, rate, count, lambda digits: (digits - base) * 1000 + epoch_ns))

    last, best = await RECEIVERS[name](meter, port, kind, stream, play)
    print(json.dumps({"parts": found, "last": last, "best": best, "gaps": 0}))


if __name__ == "__main__":
    _, called, where, epoch, zero, what, topic, *rest = sys.argv
    asyncio.run(main(called, int(where), int(epoch), int(zero), what, topic, rest))
