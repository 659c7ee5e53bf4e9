"""Two exchanges' books in one dict, shown when they change. No network: tidebook sim -- python main.py"""

import threading

from binance import Binance
from huobi import Huobi

Huobi.symbol = "btcusdt"  # its address does not say which
lock = threading.Lock()
orderbooks = {"Binance": {}, "Huobi": {}, "last_update": None}
clients = [
    Binance("wss://stream.binance.com:9443/ws/btcusdt@depth", "Binance", orderbooks, lock),
    Huobi("wss://api.huobi.pro/ws", "Huobi", orderbooks, lock),
]


def show():
    best = {client.exchange: (client.orderbook["bids"][0], client.orderbook["asks"][0]) for client in clients}
    for name, (bid, ask) in best.items():
        print(f"{name:8} {bid.price} {ask.price}")
    (one, (bid, ask)), (other, (other_bid, other_ask)) = best.items()
    print(f"{one} to {other}: bid {other_bid.price / bid.price - 1:+.3%}, ask {other_ask.price / ask.price - 1:+.3%}")


for client in clients:
    client.start()
seen = None
try:
    while not clients[0].over.wait(0.1):
        with lock:
            if orderbooks["last_update"] != seen and all(client.orderbook for client in clients):
                seen = orderbooks["last_update"]
                show()
except KeyboardInterrupt:
    print("Ctrl-C: both are closed")
