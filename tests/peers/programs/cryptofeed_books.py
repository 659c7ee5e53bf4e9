"""cryptofeed: books and trades of one exchange, named on the command line, as its FeedHandler calls back with them."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import certifi
import say
from cryptofeed import FeedHandler, exchanges
from cryptofeed.defines import L2_BOOK, TRADES

BOOKS = 40  # of each symbol
EVERY = 4  # of which so many are said: each is a whole book
MANY = 20  # trades
LATEST = 60.0
SYMBOLS = {"BTC-USDT": "BTC/USDT", "ETH-USDT": "ETH/USDT"}
QUIET = {"uvloop": False, "log": {"disabled": True}}


@dataclass(frozen=True)
class Exchange:
    """Its class, how many levels of a book are known, and where the message of a book has its number.

    `single` says whether a trade, which may be added up, is of one fill.
    """

    name: str
    venue: str
    depth: int
    number: Callable[[Any], int]
    single: Callable[[Any], bool]


EXCHANGES = {
    "binance": Exchange(
        "Binance", "binance.spot", 500,  # the whole book has 1000 levels at the most, and moves
        lambda one: one.sequence_number, lambda raw: raw["f"] == raw["l"],
    ),
    "okx": Exchange("OKX", "okx", 400, lambda one: one.raw["data"][-1]["seqId"], lambda raw: raw["count"] == "1"),
}  # fmt: skip


class Reader:
    """What is said of the books that a callback was called with: at once, since the next message changes them."""

    def __init__(self, about: Exchange) -> None:
        self._about = about
        self._books = dict.fromkeys(SYMBOLS, 0)
        self._trades: dict[str, tuple[object, object, object]] = {}
        self.done = asyncio.Event()

    async def book(self, one: Any, received: float) -> None:
        del received
        self._books[one.symbol] += 1
        n = self._books[one.symbol]
        if n <= BOOKS and (n <= 3 or n % EVERY == 0):
            sides = ([*side.to_dict().items()][: self._about.depth] for side in (one.book.bids, one.book.asks))
            say.book(
                f"L2_BOOK book {n}", self._about.venue, SYMBOLS[one.symbol], self._about.number(one), *sides,
                depth=self._about.depth,
            )  # fmt: skip
        self._enough()

    async def trade(self, one: Any, received: float) -> None:
        del received
        if one.symbol == "BTC-USDT" and self._about.single(one.raw):
            id = one.raw.get("f", one.id)
            self._trades[str(id)] = id, one.price, one.amount
        self._enough()

    def trades(self) -> list[tuple[object, object, object]]:
        return [*self._trades.values()]

    def _enough(self) -> None:
        if min(self._books.values()) >= BOOKS and len(self._trades) >= MANY:
            self.done.set()


async def main(about: Exchange) -> None:
    reader, handler = Reader(about), FeedHandler(config=QUIET)
    handler.add_feed(getattr(exchanges, about.name)(
        symbols=[*SYMBOLS], channels=[L2_BOOK, TRADES], callbacks={L2_BOOK: reader.book, TRADES: reader.trade},
        config=QUIET,
    ))  # fmt: skip
    handler.run(start_loop=False, install_signal_handlers=False)
    async with asyncio.timeout(LATEST):
        await reader.done.wait()
    say.did("L2_BOOK")
    say.did("TRADES")
    say.trades("TRADES", about.venue, SYMBOLS["BTC-USDT"], reader.trades())
    with suppress(asyncio.CancelledError):
        await handler.stop_async(loop=asyncio.get_running_loop())


# It takes its authorities from certifi alone.
certifi.where = lambda: os.environ["SSL_CERT_FILE"]
say.version(version("cryptofeed"))
asyncio.run(main(EXCHANGES[sys.argv[1]]))
