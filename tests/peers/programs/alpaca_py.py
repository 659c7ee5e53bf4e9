"""alpaca-py: crypto, over HTTP and by stream, with the key that everybody has at the simulator."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

import calls
import say
from alpaca.data.historical import CryptoHistoricalDataClient
from alpaca.data.live import CryptoDataStream
from alpaca.data.requests import (
    CryptoBarsRequest,
    CryptoLatestBarRequest,
    CryptoLatestOrderbookRequest,
    CryptoLatestQuoteRequest,
    CryptoLatestTradeRequest,
    CryptoQuoteRequest,
    CryptoSnapshotRequest,
    CryptoTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

VENUE = "alpaca"
KEY, SECRET = "simulator-key", "simulator-secret"  # of no account
PAIRS = ["BTC/USDT", "ETH/USDT"]
BOOKS = 40  # of each
EVERY = 4  # of which so many are said
LATEST = 30.0
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def nanoseconds(stamp: str) -> int:
    """Of text as the venue writes it: 2026-11-27T02:48:00.123456789Z."""
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    seconds = (dt.datetime.fromisoformat(f"{whole}+00:00") - EPOCH).total_seconds()
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


class Book:
    """The peer keeps no book: what is told is put together here, as its documents say."""

    def __init__(self) -> None:
        self._sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        self.number = 0

    def apply(self, one: dict[str, Any]) -> None:
        if one.get("r"):
            for side in self._sides:
                side.clear()
        for side, rows in zip(self._sides, (one["b"], one["a"]), strict=True):
            for row in rows:
                if row["s"]:
                    side[row["p"]] = row["s"]
                else:
                    side.pop(row["p"], None)
        self.number += 1

    def rows(self) -> list[list[tuple[float, float]]]:
        bids, asks = self._sides
        return [sorted(bids.items(), reverse=True), sorted(asks.items())]


async def streamed(stream: CryptoDataStream, until: Callable[[], bool], name: str) -> None:
    """Run it until there is enough, and stop it as its documents say."""
    running = asyncio.create_task(stream._run_forever())
    try:
        async with asyncio.timeout(LATEST):
            while not until():  # noqa: ASYNC110 - what hears it is called by the peer
                await asyncio.sleep(0.05)
        say.did(name)
    except TimeoutError:
        say.failed(name, TimeoutError("not enough came"))
    await stream.stop_ws()
    await asyncio.wait([running], timeout=10)


async def books() -> None:
    """Raw messages: their instants have nanoseconds, which its models cut."""
    stream, kept = CryptoDataStream(KEY, SECRET, raw_data=True), {pair: Book() for pair in PAIRS}

    async def heard(one: Any) -> None:
        book = kept[one["S"]]
        book.apply(one)
        n = book.number
        if n <= BOOKS and (n <= 3 or n % EVERY == 0):
            at = one["t"].seconds * 10**9 + one["t"].nanoseconds
            say.book(f"orderbooks book {n}", VENUE, one["S"], at, *book.rows(), by="ns")

    stream.subscribe_orderbooks(heard, *PAIRS)
    await streamed(stream, lambda: all(one.number >= BOOKS for one in kept.values()), "subscribe_orderbooks, raw")


async def models() -> None:
    """Everything as its models."""
    stream, heard = CryptoDataStream(KEY, SECRET), dict.fromkeys(("trades", "quotes", "orderbooks"), 0)
    found: list[tuple[object, object, object]] = []

    def of(name: str) -> Callable[[Any], Awaitable[None]]:
        async def take(one: Any) -> None:
            heard[name] += 1
            if name == "trades":
                found.append((one.id, one.price, one.size))

        return take

    stream.subscribe_trades(of("trades"), PAIRS[0])
    stream.subscribe_quotes(of("quotes"), *PAIRS)
    stream.subscribe_orderbooks(of("orderbooks"), PAIRS[0])
    stream.subscribe_bars(of("bars"), PAIRS[0])
    stream.subscribe_daily_bars(of("bars"), PAIRS[0])
    heard["bars"] = 0
    enough = lambda: heard["trades"] >= 12 and heard["quotes"] >= 20 and heard["orderbooks"] >= 5  # noqa: E731
    await streamed(stream, enough, "subscribe_trades, subscribe_quotes, subscribe_orderbooks")
    say.trades("subscribe_trades", VENUE, PAIRS[0], found)


async def rest() -> None:
    for keys in ((), (KEY, SECRET)):
        client, raw = CryptoHistoricalDataClient(*keys), CryptoHistoricalDataClient(*keys, raw_data=True)
        said = "" if keys else ", without a key"
        day, hour = dt.datetime.now(dt.UTC) - dt.timedelta(days=5), TimeFrame(1, TimeFrameUnit.Hour)
        few = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30)
        asked = [
            ("get_crypto_bars", CryptoBarsRequest(symbol_or_symbols=PAIRS[0], timeframe=TimeFrame.Minute, start=few)),
            ("get_crypto_bars", CryptoBarsRequest(symbol_or_symbols=PAIRS[0], timeframe=hour, start=day, limit=50)),
            ("get_crypto_bars", CryptoBarsRequest(symbol_or_symbols=PAIRS[0], timeframe=TimeFrame.Day, start=day)),
            ("get_crypto_quotes", CryptoQuoteRequest(symbol_or_symbols=PAIRS[0], limit=5)),
            ("get_crypto_latest_trade", CryptoLatestTradeRequest(symbol_or_symbols=PAIRS)),
            ("get_crypto_latest_quote", CryptoLatestQuoteRequest(symbol_or_symbols=PAIRS)),
            ("get_crypto_latest_bar", CryptoLatestBarRequest(symbol_or_symbols=PAIRS)),
            ("get_crypto_latest_orderbook", CryptoLatestOrderbookRequest(symbol_or_symbols=PAIRS)),
            ("get_crypto_snapshot", CryptoSnapshotRequest(symbol_or_symbols=PAIRS)),
        ]
        for name, request in asked:
            answer = await calls.tried(f"{name}{said}", getattr(client, name), request)
            rows = getattr(answer, "data", answer)
            missing = {request.symbol_or_symbols, *()} if isinstance(request.symbol_or_symbols, str) else {*PAIRS}
            if answer is not None and (lost := missing - {*rows}):
                say.failed(f"{name}{said}", ValueError(f"nothing of {sorted(lost)}"))
        both = CryptoBarsRequest(symbol_or_symbols=PAIRS, timeframe=TimeFrame.Minute, start=few)
        bars = await calls.tried(f"get_crypto_bars of two{said}", client.get_crypto_bars, both)
        if bars is not None and {*bars.data} != {*PAIRS}:
            say.failed(f"get_crypto_bars of two{said}", ValueError(f"those of {sorted(bars.data)} alone"))
        trades = client.get_crypto_trades(CryptoTradesRequest(symbol_or_symbols=PAIRS[0], limit=50)).data[PAIRS[0]]
        say.trades("get_crypto_trades", VENUE, PAIRS[0], [(one.id, one.price, one.size) for one in trades])
        asked_books = CryptoLatestOrderbookRequest(symbol_or_symbols=PAIRS)
        for pair, one in raw.get_crypto_latest_orderbook(asked_books).items():
            sides = [[(row["p"], row["s"]) for row in one[side]] for side in "ba"]
            say.book("get_crypto_latest_orderbook", VENUE, pair, nanoseconds(one["t"]), *sides, by="ns")


async def main() -> None:
    await models()
    await books()
    await rest()


say.version(version("alpaca-py"))
asyncio.run(main())
