"""The real machines against the served exchange: plumbing, no evidence for a venue."""

import asyncio
from decimal import Decimal

import pytest
from tests.unit.sim_server.rig import GENEROUS

from tidebook import venues
from tidebook.core.book import Book
from tidebook.core.desk import Desk
from tidebook.engine.contract import Engine
from tidebook.io.driver import Driver
from tidebook.io.place import loopback
from tidebook.model.health import Health
from tidebook.sim import serve

pytestmark = pytest.mark.asyncio

WANTED = (("binance.spot", "depth", "BTCUSDT"), ("htx.spot", "mbp", "btcusdt"))
DEPTH = 150
SECONDS = 5


async def test_books_of_both_venues_stay_true(engine: Engine) -> None:
    async with serve(2, symbols=["BTC/USDT"]) as sim:
        remap, events, drivers = loopback(sim.at), list[Health](), list[Driver]()
        books: dict[str, Book] = {}
        try:
            for name, channel, id in WANTED:
                venue = venues.named(name)
                desk = Desk(name, engine, pools=venue.pools)
                driver = Driver(desk, on_event=events.append, remap=remap)
                drivers.append(driver)
                plan = venue.book_plan(next(one for one in venue.books if one.name == channel), id)
                driver.tell(lambda now, desk=desk, plan=plan: desk.wanted(now, [plan]))
                books[name] = desk.books[plan.name]
            async with asyncio.timeout(GENEROUS):
                # Joined to its stream as well: of a snapshot that lags, the first change shows a gap.
                joined = [(book, book.engine) for book in books.values()]
                while not all(b.state.readable and e.bridged for b, e in joined):  # noqa: ASYNC110 - polled on purpose
                    await asyncio.sleep(0.01)
            checked = {name: set[int]() for name in books}
            for _ in range(SECONDS * 20):
                await asyncio.sleep(0.05)
                for name, book in books.items():
                    assert book.state.readable, (name, book.reason, events)
                    compare(book, sim, name)
                    assert book.engine.last is not None
                    checked[name].add(book.engine.last)
            assert all(len(ids) > SECONDS for ids in checked.values())
        finally:
            for driver in drivers:
                await driver.close()


def compare(book: Book, sim: serve, venue: str) -> None:
    """The best levels are those that the exchange had at the book's last update."""
    last = book.engine.last
    assert last is not None
    truth = sim.book_at(venue, "BTC/USDT", last, DEPTH)
    for side, rows in (("bid", truth.bids), ("ask", truth.asks)):
        assert side in ("bid", "ask")
        levels = book.engine.levels("bid" if side == "bid" else "ask", DEPTH)
        ours = [(Decimal(price).scaleb(-scale), Decimal(size).scaleb(-places)) for price, scale, size, places in levels]
        assert ours == [(Decimal(price), Decimal(size)) for price, size in rows]
