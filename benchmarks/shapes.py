"""The four shapes that are measured, with their declarations, and how our engines are driven with them.

The declarations are those that the package and the tests' eras have; nothing is declared for the benchmarks.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.eras import coinbase as coinbase_era
from tests.eras import kraken as kraken_era

from benchmarks.record import Skipped, Wrong
from tidebook import engine as engines
from tidebook.engine.contract import Book, Engine, Feed
from tidebook.venue import BookChannel
from tidebook.venues import okx
from tidebook.venues.binance import SPOT

CHANNELS: Final[dict[str, BookChannel]] = {
    "binance": next(one for one in SPOT.books if one.name == "depth"),
    "okx": okx.BOOKS,
    "kraken": kraken_era.BOOK,
    "coinbase": coinbase_era.LEVEL2,
}
TOPICS: Final = {
    "binance": b"btcusdt@depth@100ms",
    "okx": b"books BTC-USDT",
    "kraken": b"book BTC/USD",
    "coinbase": b"l2update BTC-USD",
}
AT_NS: Final = 1_000_000_000  # when all of it was received; the engines do not look at it here


def engine(name: engines.Choice) -> Engine:
    """Raises Skipped where this engine was not built."""
    if name not in engines.available():
        raise Skipped(f"the {name} engine was not built")
    return engines.load(name)


def new_book(of: Engine, shape: str) -> Book:
    channel = CHANNELS[shape]
    return of.Book(channel.shape, channel.rule, snapshot=channel.snapshot)


def fed(of: Engine, shape: str, whole: bytes, topic: bytes | None = None) -> tuple[Feed, Book]:
    """A feed with one book that has its whole book. Raises Wrong when it does not take it."""
    feed, book = of.Feed(), new_book(of, shape)
    feed.want(topic or TOPICS[shape], book)
    if shape == "binance":
        book.seed(whole, AT_NS, AT_NS)
    else:
        if shape == "coinbase":
            feed.want(b"snapshot BTC-USD", book, "snapshot")
        feed.feed(whole, AT_NS)
    if not book.seeded:
        raise Wrong(f"{of.name} engine: the whole book of {shape} was not taken")
    return feed, book


def reading(book: Book, read: int) -> Callable[[], object] | None:
    """What reads nothing (0), the best (1) or the best `read` levels of both sides as floats after a message."""
    if read == 0:
        return None
    return book.best_floats if read == 1 else partial(book.top_floats, read)
