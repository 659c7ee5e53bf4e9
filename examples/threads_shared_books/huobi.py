"""The book of Huobi, which is called HTX today: every message is a whole book."""

from client import Client


class Huobi(Client):
    venue = "htx.spot"
    symbol, kind = "steembtc", "depth"

    def on_open(self, market):
        book = market.book(self.symbol, kind=self.kind, stale="yield")
        book.on(self.on_message)
        book.start()
