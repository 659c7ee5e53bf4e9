"""python-binance's Client: public calls of spot over HTTP."""

import time
from decimal import Decimal
from importlib.metadata import version

import say
from binance.client import Client

SPOT = "binance.spot"


def main() -> None:
    client = Client(requests_params={"timeout": 40})  # a busy machine is no fault of anybody's
    say.did("Client()")
    # Before anybody asks there is no market, and no trade in it: it takes a moment.
    for _ in range(50):
        if client.get_recent_trades(symbol="BTCUSDT", limit=1):
            break
        time.sleep(0.1)
    info = client.get_exchange_info()
    rows = {}
    for one in info["symbols"]:
        filters = {rule["filterType"]: rule for rule in one["filters"]}
        tick, step = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
        rows[f"{one['baseAsset']}/{one['quoteAsset']}"] = (Decimal(tick), Decimal(step))
    say.instruments(SPOT, rows)
    calls = {
        "get_symbol_info": {"symbol": "BTCUSDT"},
        "get_server_time": {},
        "get_recent_trades": {"symbol": "BTCUSDT"},
        "get_historical_trades": {"symbol": "BTCUSDT"},
        "get_aggregate_trades": {"symbol": "BTCUSDT"},
        "get_klines": {"symbol": "BTCUSDT", "interval": "1m"},
        "get_ui_klines": {"symbol": "BTCUSDT", "interval": "1h"},
        "get_historical_klines": {"symbol": "BTCUSDT", "interval": "1h", "start_str": "2 days ago UTC"},
        "get_avg_price": {"symbol": "BTCUSDT"},
        "get_ticker": {"symbol": "BTCUSDT"},
        "get_symbol_ticker": {"symbol": "BTCUSDT"},
        "get_symbol_ticker_window": {"symbol": "BTCUSDT", "windowSize": "1h"},
        "get_orderbook_ticker": {"symbol": "BTCUSDT"},
        "get_orderbook_tickers": {},
        "get_all_tickers": {},
    }
    for name, arguments in calls.items():
        try:
            answer = getattr(client, name)(**arguments)
        except Exception as error:
            say.failed(name, error)
        else:
            if answer:
                say.did(name)
            else:
                say.failed(name, ValueError("an empty answer"))
    for limit, symbol in ((5000, "BTC/USDT"), (100, "BTC/USDT"), (5000, "ETH/USDT")):
        one = client.get_order_book(symbol=symbol.replace("/", ""), limit=limit)
        depth = None if limit == 5000 else limit
        say.book("get_order_book", SPOT, symbol, one["lastUpdateId"], one["bids"], one["asks"], depth=depth)
    found = client.get_recent_trades(symbol="BTCUSDT", limit=50)
    say.trades("get_recent_trades", SPOT, "BTC/USDT", [(one["id"], one["price"], one["qty"]) for one in found])
    client.close_connection()


say.version(version("python-binance"))
main()
