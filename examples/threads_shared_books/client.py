"""What both exchanges have in common: a thread each, that keeps a book in a dict which others read under a lock."""

from datetime import UTC, datetime
from signal import SIGINT, getsignal, signal
from threading import Event, Lock, Thread

from tidebook.threads import connect


class Client(Thread):
    def __init__(self, url, exchange, orderbook=None, lock=None):
        super().__init__()
        self.url, self.exchange, self.lock, self.over = url, exchange, lock or Lock(), Event()
        self.shared, self.shows = {} if orderbook is None else orderbook, orderbook is None
        self.orderbook = self.shared.get(exchange, self.shared)  # given is this exchange's dict, or that of all
        before = getsignal(SIGINT)  # Ctrl-C ends this thread too, and then does what it did before
        signal(SIGINT, lambda *about: (self.over.set(), before(*about)))

    def run(self):  # what drops is opened anew by the market; this comes round where no venue answers at all
        while not self.over.wait(0.1):
            try:
                with connect(self.venue) as market:
                    self.on_open(market)
                    self.over.wait()
            except Exception as error:
                self.on_error(error)

    def on_message(self, book):  # after each message that was applied, and when the book is not current any more
        with self.lock:
            self.orderbook.clear()
            if book.state.readable:
                self.orderbook["bids"], self.orderbook["asks"] = book.top(20)
            self.shared["last_update"] = datetime.now(UTC)
        if self.shows and book.state.readable:
            print(f"Updated {self.exchange}")
        elif book.state == "stale":
            self.on_error("Out of sync")

    def on_error(self, error):
        print(f"{self.exchange}: {error}")
