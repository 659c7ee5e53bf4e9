"""Binance's book. Its address says which: wss://stream.binance.com:9443/ws/steembtc@depth"""

from client import Client


class Binance(Client):
    venue = "binance.spot"

    def on_open(self, market):
        symbol = self.url.rsplit("/", 1)[1].partition("@")[0].upper()
        book = market.book(symbol, stale="yield")
        book.on(self.on_message)
        book.start()
