"""ccxt without asyncio: public calls over HTTP of the venue that the command line names."""

import sys

import ccxt
import ccxt_options as options
import say

BOOKS = {"binance": ((5000, None), (100, 100)), "htx": ((150, 150), (20, 20))}
# By default it asks the first venue for trades that are added up, which are no single ones.
PLAIN = {"binance": {"fetchTradesMethod": "publicGetTrades"}}


def main(name: str) -> None:
    venue = options.SPOT[name]
    exchange = options.opened(ccxt, name)
    options.instruments(venue, exchange.load_markets())
    for limit, depth in BOOKS[name]:
        for symbol in ("BTC/USDT", "ETH/USDT"):
            options.book("fetch_order_book", venue, symbol, exchange.fetch_order_book(symbol, limit), depth)
    # Before anybody asks there is no market, and no trade in it: it takes a moment.
    rows: list[object] = []
    for _ in range(50):
        rows = exchange.fetch_trades("BTC/USDT", limit=50, params=PLAIN.get(name, {}))
        if len(rows) >= 5:
            break
    options.trades("fetch_trades", venue, "BTC/USDT", rows)
    calls = {
        "fetch_time": (),
        "fetch_trades": ("BTC/USDT",),
        "fetch_ticker": ("BTC/USDT",),
        "fetch_tickers": (),
        "fetch_ohlcv": ("BTC/USDT", "1m"),
    }
    if name == "binance":
        calls |= {"fetch_bids_asks": (), "fetch_last_prices": ()}
    for call, arguments in calls.items():
        try:
            answer = getattr(exchange, call)(*arguments)
        except Exception as error:
            say.failed(call, error)
        else:
            if answer:
                say.did(call)
            else:
                say.failed(call, ValueError("an empty answer"))


say.version(ccxt.__version__)
main(sys.argv[1])
