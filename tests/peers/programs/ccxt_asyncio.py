"""ccxt with asyncio: public calls over HTTP, at once, of the venue that the command line names."""

import asyncio
import sys
from typing import Any

import ccxt.async_support as ccxt
import ccxt_options as options
import say

BOOKS = {"binance": ((5000, None), (500, 500)), "htx": ((150, 150), (5, 5))}


async def tried(name: str, call: Any) -> None:
    try:
        answer = await call
    except Exception as error:
        say.failed(name, error)
    else:
        if answer:
            say.did(name)
        else:
            say.failed(name, ValueError("an empty answer"))


async def main(name: str) -> None:
    venue, exchange = options.SPOT[name], options.opened(ccxt, name)
    try:
        options.instruments(venue, await exchange.load_markets())
        await asyncio.gather(
            tried("fetch_time", exchange.fetch_time()),
            tried("fetch_ticker", exchange.fetch_ticker("BTC/USDT")),
            tried("fetch_tickers", exchange.fetch_tickers()),
            tried("fetch_ohlcv", exchange.fetch_ohlcv("BTC/USDT", "1h", limit=24)),
        )
        for limit, depth in BOOKS[name]:
            for symbol in ("BTC/USDT", "ETH/USDT"):
                options.book("fetch_order_book", venue, symbol, await exchange.fetch_order_book(symbol, limit), depth)
    finally:
        await exchange.close()


say.version(ccxt.__version__)
asyncio.run(main(sys.argv[1]))
