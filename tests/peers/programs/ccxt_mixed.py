"""ccxt.pro: a venue whose markets of all kinds are in one space of ids, named on the command line."""

import asyncio
import sys
from typing import Any

import ccxt.pro as ccxt
import ccxt_options as options
import say

BOOKS = 40  # of each
EVERY = 4  # of which so many are said
LATEST = 40.0
SPOT, SWAP, DOLLARS = "BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"


async def books(exchange: Any, venue: str, symbol: str, depth: int) -> None:
    try:
        async with asyncio.timeout(LATEST):
            for n in range(BOOKS):
                one = await exchange.watch_order_book(symbol)
                if n < 3 or n % EVERY == 0:
                    options.book(f"watch_order_book book {n + 1}", venue, symbol, one, depth)
        say.did(f"watch_order_book {symbol}")
    except Exception as error:
        say.failed(f"watch_order_book {symbol}", error)


async def watched(exchange: Any, venue: str, call: str, *arguments: Any) -> None:
    """Trades are those of one fill: what is added up is no single one."""
    try:
        async with asyncio.timeout(LATEST):
            for _ in range(4):
                answer = await getattr(exchange, call)(*arguments)
                if not answer:
                    raise ValueError("an empty answer")
                if call == "watch_trades":
                    options.trades(call, venue, arguments[0], [one for one in answer if one["info"]["count"] == "1"])
        say.did(call)
    except Exception as error:
        say.failed(f"{call} {arguments[:1]}", error)


async def asked(exchange: Any, call: str, *arguments: Any) -> Any:
    try:
        answer = await getattr(exchange, call)(*arguments)
        if not answer:
            raise ValueError("an empty answer")
        say.did(call)
        return answer
    except Exception as error:
        say.failed(f"{call} {arguments[:1]}", error)
        return []


async def main(name: str) -> None:
    exchange, venue = options.opened(ccxt, name), options.SPOT[name]
    try:
        options.instruments(venue, await exchange.load_markets())
        await asyncio.gather(
            *(books(exchange, venue, symbol, 400) for symbol in (SPOT, SWAP, DOLLARS)),
            watched(exchange, venue, "watch_trades", SPOT),
            watched(exchange, venue, "watch_trades", SWAP),
            watched(exchange, venue, "watch_ticker", SWAP),
            watched(exchange, venue, "watch_ohlcv", SWAP, "1m"),
            watched(exchange, venue, "watch_mark_price", SWAP),
            watched(exchange, venue, "watch_funding_rate", SWAP),
        )
        options.trades("fetch_trades", venue, SPOT, await asked(exchange, "fetch_trades", SPOT))
        calls = (
            ("fetch_time",), ("fetch_order_book", SWAP), ("fetch_ticker", DOLLARS), ("fetch_tickers",),
            ("fetch_ohlcv", SWAP, "1h"), ("fetch_ohlcv", SWAP, "1h", exchange.milliseconds() - 360_000_000, 50),
            ("fetch_funding_rate", SWAP), ("fetch_funding_rate_history", SWAP), ("fetch_mark_price", SWAP),
            ("fetch_open_interest", SWAP),
        )  # fmt: skip
        for call in calls:
            await asked(exchange, *call)
    finally:
        await exchange.close()


say.version(ccxt.__version__)
asyncio.run(main(sys.argv[1]))
