"""Books read from several threads while messages are applied: every view is what the exchange had at that sequence."""

import threading
from contextlib import suppress

import pytest
from tests.served import GENEROUS, Exchange

from tidebook import engine as engines
from tidebook.errors import BookNotLive
from tidebook.model.market import Level
from tidebook.threads import Book, connect

View = tuple[tuple[Level, ...], tuple[Level, ...]]
VIEWS, SEQUENCES, MOST = 200, 15, 20_000


def look(book: Book, mine: dict[int | None, View]) -> None:
    """One view in each way."""
    bids, asks = book.top(5)
    assert bids[0].price < asks[0].price
    best, frozen = book.best_floats(), book.freeze()
    assert best[0] is not None
    assert best[2] is not None
    assert best[0] < best[2]
    mine[frozen.seq] = frozen.top(None)


@pytest.mark.parametrize("engine", engines.available())
def test_every_view_is_of_one_instant(running: Exchange, engine: engines.Choice) -> None:
    truth: dict[int | None, View] = {}
    seen: list[tuple[int | None, View]] = []
    wrong: list[Exception] = []
    enough = threading.Event()

    def applied(book: Book) -> None:
        """In the thread that applies: nothing can change meanwhile."""
        truth[book.seq] = book.top(None)

    def reads(book: Book) -> None:
        mine: dict[int | None, View] = {}
        try:
            for number in range(MOST):
                with suppress(BookNotLive):  # it says so, on a machine that is too busy for it to be current
                    look(book, mine)
                if number >= VIEWS and len(mine) >= SEQUENCES:
                    break
        except Exception as error:
            wrong.append(error)
        seen.extend(mine.items())

    with connect("binance.spot", at=running.at, engine=engine) as market:
        book = market.book("BTC/USDT", limit=100)
        book.on(applied)
        with book:
            readers = [threading.Thread(target=reads, args=(book,)) for _ in range(2)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join(GENEROUS)
            last = max((seq or 0 for seq, _ in seen), default=0)
            book.on(lambda book: enough.set() if (book.seq or 0) >= last else None)
            assert enough.wait(GENEROUS)  # the truth of the last one is told after it could be read
    assert wrong == []
    assert len(seen) >= 2 * SEQUENCES
    assert [seq for seq, view in seen if truth[seq] != view] == []
