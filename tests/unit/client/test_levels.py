"""Books with `levels=True`: put together, what the changes bring is the book."""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.served import served
from tests.unit.client.bourse import GENEROUS

from tidebook import threads
from tidebook.client.book import Book, BookChange
from tidebook.client.levels import _changed
from tidebook.client.market import Market, connect
from tidebook.core.options import Options
from tidebook.engine.contract import RawLevel
from tidebook.errors import Overrun, UsageError
from tidebook.sim.server import serve

Sums = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


def apply(sums: Sums, change: BookChange) -> None:
    for side, levels in zip(sums, (change.bids, change.asks), strict=True):
        for one in levels:
            side[one.price] = one.size
            if not one.size:
                del side[one.price]


def agrees(sums: Sums, book: Book, change: BookChange) -> bool:
    """Whether they could be compared: nothing came since. Fails where they are not equal."""
    if not change.state.readable or not book.state.readable or change.last != book.seq:
        return False
    bids, asks = book.top(None)
    assert sorted(sums[0].items(), reverse=True) == [(one.price, one.size) for one in bids]
    assert sorted(sums[1].items()) == [(one.price, one.size) for one in asks]
    return True


async def test_the_changes_put_together_are_the_book(market: Market, sim: serve) -> None:
    sums: Sums = ({}, {})
    compared, resynced, ids = 0, False, []
    async with asyncio.timeout(GENEROUS), market.book("BTC/USDT", venue="binance", levels=True, stale="yield") as book:
        with pytest.raises(UsageError, match="levels=True is for iterating"):
            book.on(print)
        async for change in book:
            assert change.merged == 1
            apply(sums, change)
            ids.append((change.first or 0, change.last or 0))
            compared += agrees(sums, book, change)
            resynced |= not change.state.readable
            if compared == 5 and not resynced:
                assert all(later[0] == one[1] + 1 for one, later in pairwise(ids[1:]))  # none was left out
                sim.faults.drop("binance.spot", topic="btcusdt@depth@100ms")
            if resynced and compared > 12:
                break


async def test_who_was_too_slow_is_told_how_many_and_has_the_whole_book_after_that(sim: serve) -> None:
    sums: Sums = ({}, {})
    lost, compared, had = 0, 0, 0
    async with (
        asyncio.timeout(GENEROUS),
        connect("binance.spot", at=sim.at, options=Options(queue_items=3)) as market,
        market.book("BTC/USDT", levels=True) as book,
    ):
        while book._queue.lost < 4:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        while compared < 3:
            try:
                change = await book.next()
            except Overrun as error:
                assert lost or had == 3  # another may follow on a busy machine
                lost += error.lost
                continue
            had += 1
            apply(sums, change)
            compared += bool(lost) and agrees(sums, book, change)
        assert lost == book._queue.lost


def test_without_asyncio() -> None:
    """The same changes, and their levels."""
    with (
        served("binance") as sim,
        threads.connect("binance.spot", at=sim.at) as market,
        market.book("BTC/USDT", levels=True) as book,
    ):
        first = book.next()
        assert min(len(first.bids), len(first.asks)) > 100
        assert first.bids[0].price > first.bids[-1].price
        assert first.asks[0].price < first.asks[-1].price


rows = st.dictionaries(st.integers(1, 30), st.integers(1, 3), max_size=8)


@settings(max_examples=60)
@given(rows, rows, st.integers(0, 2), st.integers(0, 2))
def test_a_finer_scale_alone_is_no_change(old: dict[int, int], new: dict[int, int], one: int, other: int) -> None:
    def raw(prices: dict[int, int], scale: int) -> list[RawLevel]:
        return [(price * 10**scale, scale, size, 0) for price, size in prices.items()]

    found = {int(each.price): int(each.size) for each in _changed(raw(old, one), raw(new, other))}
    assert found == {price: new.get(price, 0) for price in old.keys() | new.keys() if old.get(price) != new.get(price)}
