"""ccxt.pro: the streams of one venue, named on the command line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro as ccxt
import ccxt_options as options
import say

BOOKS = 40  # of each
EVERY = 4  # of which so many are said
LATEST = 40.0

# The depths that are watched, and what then is known: None is the whole book.
DEPTHS: dict[str, dict[int, int | None]] = {"binance": {5000: None}, "htx": {150: 150, 20: 20, 5: 5, 400: 400}}


async def books(exchange: Any, name: str, symbol: str, limit: int, depth: int | None) -> None:
    said = f"watch_order_book({limit})"
    try:
        async with asyncio.timeout(LATEST):
            for n in range(BOOKS):
                one = await exchange.watch_order_book(symbol, limit)
                if n < 3 or n % EVERY == 0:
                    options.book(f"{said} book {n + 1}", options.SPOT[name], symbol, one, depth)
        say.did(said)
    except Exception as error:
        say.failed(f"{said} {symbol}", error)


async def facts(exchange: Any, call: str, *arguments: Any, read: Callable[[Any], None] | None = None) -> None:
    watch: Callable[..., Awaitable[Any]] = getattr(exchange, call)
    try:
        async with asyncio.timeout(LATEST):
            for _ in range(4):
                answer = await watch(*arguments)
                if not answer:
                    raise ValueError("an empty answer")
                if read is not None:
                    read(answer)
        say.did(call)
    except Exception as error:
        say.failed(call, error)


async def main(name: str) -> None:
    exchange = options.opened(ccxt, name)
    venue = options.SPOT[name]
    try:
        options.instruments(venue, await exchange.load_markets())
        read = lambda rows: options.trades("watch_trades", venue, "BTC/USDT", rows)  # noqa: E731
        watched = [
            facts(exchange, "watch_trades", "BTC/USDT", read=read),
            facts(exchange, "watch_ticker", "BTC/USDT"),
            facts(exchange, "watch_ohlcv", "BTC/USDT", "1m"),
        ]
        if name == "binance":
            watched.append(facts(exchange, "watch_tickers"))
            watched.append(facts(exchange, "watch_bids_asks", ["BTC/USDT", "ETH/USDT"]))
        first, *rest = DEPTHS[name].items()
        watched += [books(exchange, name, "BTC/USDT", *first), books(exchange, name, "ETH/USDT", *first)]
        await asyncio.gather(*watched)
        # It keeps one book a symbol, whatever the depth: the others are watched after each other, by a new client each.
        for limit, depth in rest:
            another = options.opened(ccxt, name)
            try:
                await another.load_markets()
                await books(another, name, "BTC/USDT", limit, depth)
            finally:
                await another.close()
    finally:
        await exchange.close()


say.version(ccxt.__version__)
asyncio.run(main(sys.argv[1]))
