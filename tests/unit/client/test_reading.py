"""Books as floats and arrays, live and frozen; changes that are put together late; rows of calls that are measured."""

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.unit.client.stepping import GENEROUS

from tidebook.client.calls import About, Calls
from tidebook.client.market import Market
from tidebook.client.reading import FrozenBook, Known, ProofOf
from tidebook.core.burst import Burst
from tidebook.core.options import Options
from tidebook.errors import BookNotLive, UsageError
from tidebook.io.clock import mono_ns
from tidebook.model import health
from tidebook.model.market import Level

ROWS = (((60000.1, 0.5), (60000.0, 2.0)), ((60000.2, 1.25),))


def frozen(*rows: tuple[tuple[float, float], ...]) -> FrozenBook:
    bids, asks = (tuple(Level(Decimal(repr(p)), Decimal(repr(s))) for p, s in side) for side in rows)
    return FrozenBook(
        "A/B", "v", bids, asks, seq=1, venue_ns=None, at_mono_ns=1, known=Known(None, None),
        proof=ProofOf((), None, 1, None),
    )  # fmt: skip


def test_a_frozen_book_as_floats_and_arrays() -> None:
    book = frozen(*ROWS)
    assert book.floats() == ROWS
    assert book.floats(1) == (ROWS[0][:1], ROWS[1])
    assert book.best_floats() == (60000.1, 0.5, 60000.2, 1.25)
    assert frozen((), ROWS[1]).best_floats() == (None, None, 60000.2, 1.25)
    bids, asks = book.arrays()
    assert (bids.tolist(), asks.tolist()) == ([[*row] for row in ROWS[0]], [[*row] for row in ROWS[1]])
    assert (bids.dtype.name, bids.shape, frozen((), ()).arrays()[0].shape) == ("float64", (2, 2), (0, 2))
    assert book.arrays(1)[0].shape == (1, 2)
    assert not bids.flags.writeable


def test_arrays_without_numpy_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)  # as if it were not there
    with pytest.raises(UsageError, match=r"numpy is not installed\. pip install"):
        frozen(*ROWS).arrays()


async def test_a_live_book_gives_the_same_in_all_ways(market: Market) -> None:
    book = market.book("BTC/USDT", venue="binance")
    with pytest.raises(BookNotLive):
        book.best_floats()
    async with book:
        # Nothing is received between these: the loop does not turn.
        bids, asks = book.top(5)
        floats = tuple(tuple(level.floats for level in side) for side in (bids, asks))
        assert book.floats(5) == floats
        assert [side.tolist() for side in book.arrays(5)] == [[[*row] for row in side] for side in floats]
        assert book.best_floats() == (*floats[0][0], *floats[1][0])
        assert (book.best_bid, book.best_ask) == (bids[0], asks[0])
        assert [len(side) for side in book.top(None)] == [len(book.bids), len(book.asks)]
        assert book.freeze().floats(5) == floats
        assert book.mid == (bids[0].price + asks[0].price) / 2
    for look in (book.best_floats, book.floats, book.arrays, book.top, lambda: book.best_bid, lambda: book.best_ask):
        with pytest.raises(BookNotLive, match="is closed"):
            look()


async def test_a_change_says_of_all_messages_that_it_merges(market: Market) -> None:
    async with (
        market.book("BTC/USDT", venue="binance") as book,
        market.book("BTC/USDT", venue="binance") as beside,
        asyncio.timeout(GENEROUS),
    ):
        await book.next()
        ids: list[tuple[int | None, int | None]] = []
        many = asyncio.Event()

        def seen(other: object) -> None:
            engine = beside._source().engine
            ids.append((engine.first, engine.last))
            if len(ids) == 3:
                many.set()

        beside.on(seen)
        await many.wait()
        change = await book.next()
        assert change.merged >= 3
        assert change.last == book.seq
        assert change.last == ids[change.merged - 1][1]
        assert change.first == ids[0][0]
        assert (change.venue_ns, change.state) == (book.venue_ns, book.state)
        assert (await book.next()).first == ids[change.merged][0]


# Rows of calls -------------------------------------------------------------------------------------------------------


class Told:
    """What was told, and a clock of which somebody says how late it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, slow: float = 1.0) -> None:
        self.events: list[health.Health] = []
        self.at = 0
        self.readings = 0
        self.burst = Burst()
        self._options = Options(slow_call=slow)
        monkeypatch.setattr("tidebook.client.calls.mono_ns", self._read)

    def _read(self) -> int:
        self.readings += 1
        return self.at

    def calls(self, name: str, function: Callable[[float], object]) -> Calls[float]:
        made: Calls[float] = Calls(lambda: About(name, "v"), self._options, self.events.append, self.burst)
        made.add(function)
        return made

    def takes(self, seconds: float) -> None:
        self.at += int(seconds * 1e9)

    @property
    def blocked(self) -> list[tuple[str, float]]:
        return [(one.what[-1], one.seconds) for one in self.events if isinstance(one, health.LoopBlocked)]


def test_a_call_by_itself_is_measured_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    calls = told.calls("a", told.takes)
    for seconds in (0.9, 2.0, 0.9, 1.5):
        calls.call(seconds)
        told.takes(5.0)  # between calls nobody is measured
    assert told.blocked == [("a", 2.0), ("a", 1.5)]


def test_a_row_is_measured_once_and_each_reader_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    one, two = told.calls("a", told.takes), told.calls("b", told.takes)
    told.burst.is_on = True
    for _ in range(50):
        one.call(0.01)
    assert told.readings == 1
    two.call(3.0)
    one.call(0.1)
    one.call(2.5)
    told.burst.hand(None)
    one.call(0.2)
    told.burst.is_on = False
    told.burst.hand(None)
    told.takes(9.0)
    one.call(0.3)
    assert told.blocked == [("b", 3.0), ("a", 2.6)]


def test_who_raises_is_measured_too_and_what_is_told_may_call_others(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)

    def bad(seconds: float) -> None:
        told.takes(seconds)
        raise ValueError("mine")

    listener = told.calls("h", lambda _: told.takes(4.0))
    calls = told.calls("a", bad)

    def tell(event: health.Health) -> None:
        told.events.append(event)
        listener.call(1.0)

    calls._tell = tell
    assert isinstance(calls.call(2.0), ValueError)
    assert told.blocked == [("a", 2.0), ("h", 4.0), ("h", 4.0)]
    assert told.burst.caller is None


async def test_a_slow_function_among_many_messages_is_told(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the real path: one call of many is slow, by the clock that measures calls."""
    count = late_ns = 0
    monkeypatch.setattr("tidebook.client.calls.mono_ns", lambda: mono_ns() + late_ns)

    def function(item: object) -> None:
        nonlocal count, late_ns
        count += 1
        if count == 5:
            late_ns += 60_000_000

    book = market.book("BTC/USDT", venue="binance")
    book.on(function)
    async with market.health() as events, book, asyncio.timeout(GENEROUS):
        async for event in events:
            if isinstance(event, health.LoopBlocked) and event.venue:
                assert event.symbol == "BTC/USDT"
                assert event.seconds >= 0.06
                break


async def test_a_book_that_was_given_up_is_not_read_while_another_reader_keeps_it(market: Market) -> None:
    async with market.book("BTC/USDT", venue="binance") as kept, market.book("BTC/USDT", venue="binance") as given_up:
        given_up.fail(BookNotLive("refused"))
        reads: tuple[Callable[[], object], ...] = (
            lambda: given_up.best_bid, lambda: given_up.best_ask, given_up.best_floats, given_up.top, given_up.floats,
        )  # fmt: skip
        for read in reads:
            with pytest.raises(BookNotLive, match="is closed: refused"):
                read()
        while not kept.state.readable:  # its first whole book may have been too old
            await kept.next()
