"""What is told of the state of things: to listeners, and to the log where nobody listens."""

import asyncio
import logging
import time

import pytest

from tidebook.client.healths import RING, Healths
from tidebook.client.market import Market, connect
from tidebook.client.subscription import Queue, Subscription
from tidebook.core.clock import Now
from tidebook.core.options import Options
from tidebook.errors import Overrun, UsageError
from tidebook.io.beat import EVERY, Beat
from tidebook.io.clock import now
from tidebook.model import health
from tidebook.sim.server import serve

SECOND = 1_000_000_000


def stale(at: float, venue: str = "v", symbol: str = "A/B") -> health.Stale:
    return health.Stale(venue, symbol, int(at * SECOND), "why")


def test_a_line_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    healths = Healths()
    with caplog.at_level(logging.INFO, "tidebook"):
        healths.emit(stale(0))
        healths.emit(health.Connected("v", None, 0, 1))
        healths.emit(health.LoopBlocked("", None, 0, "f", 0.5))
    assert [(one.name, one.levelname, one.getMessage()) for one in caplog.records] == [
        ("tidebook.v", "WARNING", "v A/B: stale: why"),
        ("tidebook.v", "INFO", "v: connected"),
        ("tidebook", "WARNING", "tidebook: the event loop stood still for 0.50 s: f"),
    ]


def test_not_more_than_a_line_in_ten_seconds(caplog: pytest.LogCaptureFixture) -> None:
    healths = Healths()
    with caplog.at_level(logging.INFO, "tidebook"):
        for at in (0, 1, 2, 9.9, 10, 11, 30):
            healths.emit(stale(at))
        healths.emit(stale(30, venue="w"))
        healths.emit(stale(31))
        healths.close()
    assert [one.getMessage() for one in caplog.records] == [
        "v A/B: stale: why",
        "v A/B: stale: why (and 3 more since the last such line)",
        "v A/B: stale: why (and 1 more since the last such line)",
        "w A/B: stale: why",
        "1 more Stale",
    ]


def test_who_listens_is_told_and_the_log_is_not(caplog: pytest.LogCaptureFixture) -> None:
    healths = Healths()
    told: list[health.Health] = []
    healths.listeners.append(told.append)
    with caplog.at_level(logging.INFO, "tidebook"):
        for number in range(RING + 5):
            healths.emit(stale(number))
    assert len(told) == RING + 5
    assert len(healths.ring) == RING
    assert not caplog.records


async def test_one_place_s_health_is_its_own(sim: serve, caplog: pytest.LogCaptureFixture) -> None:
    """`market["x"].health()` is `market.health(venue="x")`; the log has what neither takes."""
    async with connect("binance.spot", "htx.spot", at=sim.at) as market:
        market._tell(stale(0, "binance.spot"))
        with pytest.raises(UsageError, match="the venue was said before: htx"):
            market["htx"].health(venue="htx.spot")
        with pytest.raises(UsageError, match="alpaca is not connected"):
            await market.health(venue="alpaca")
        async with market["htx"].health() as here, market.health(venue="binance.spot") as there:
            assert (await there.next()).venue == "binance.spot"
            caplog.clear()
            events = [stale(1, "htx.spot"), stale(1, "binance.spot"), health.LoopBlocked("", None, 0, "f", 0.5)]
            for event in events:
                market._tell(event)
            assert [await here.next() for _ in range(2)] == [events[0], events[2]]
            assert [await there.next() for _ in range(2)] == events[1:]
            assert not caplog.records
        async with market["htx"].health():
            market._tell(stale(20, "binance.spot"))
        assert [one.name for one in caplog.records] == ["tidebook.binance.spot"]


async def test_the_first_of_a_loss_is_told_at_once_and_the_sum_is_exact() -> None:
    told: list[int] = []
    queue: Queue[int] = Queue("error", most=3, on_lost=told.append)
    for item in range(10):
        queue.put(item)
    assert told == [1]
    assert await queue.some() == [0, 1, 2]
    with pytest.raises(Overrun, match="7 items were lost"):
        await queue.some()
    assert sum(told) == queue.lost == 7
    for item in range(5):
        queue.put(item)
    queue.end()
    assert sum(told) == queue.lost == 9


async def test_a_queue_is_bounded_in_bytes_too() -> None:
    told: list[int] = []
    queue: Queue[bytes] = Queue("drop", most=100, most_bytes=100, size=len, on_lost=told.append)
    for number in range(10):
        queue.put(bytes([number]) * 40)
    kept = await queue.some()
    assert [one[0] for one in kept] == [8, 9]
    assert queue.lost == sum(told) == 8
    queue.put(b"x" * 1000)  # one always fits
    assert await queue.one() == b"x" * 1000
    errors: Queue[bytes] = Queue("error", most=100, most_bytes=100, size=len)
    for number in range(10):
        errors.put(bytes([number]) * 40)
    assert len(await errors.some()) + errors.lost == 10


async def test_a_slow_function_is_named() -> None:
    told: list[health.Health] = []

    class Feed(Subscription[int]):
        async def _open(self) -> None: ...

    feed = Feed("trades of A/B", "error", options=Options(slow_call=0.0), tell=told.append)
    feed.on(lambda item: None)
    feed.deliver([1, 2])
    (event,) = told
    assert isinstance(event, health.LoopBlocked)
    assert event.what == "a function given to `on` of trades of A/B"


async def test_a_loop_that_stands_still() -> None:
    """Not how long it took is asserted, only that it is told."""
    told: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def blocked(seconds: float) -> None:
        if not told.done():
            told.set_result(seconds)

    beat = Beat(blocked, lambda seconds: None, late=0.01, jump=1e9)
    await asyncio.sleep(0)
    time.sleep(EVERY + 0.1)  # noqa: ASYNC251 - that is the fault
    assert await asyncio.wait_for(told, 30) > 0.01
    beat.stop()


async def test_a_clock_that_is_set() -> None:
    told: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    hours = [0, 1, 1]

    def clock() -> Now:
        return Now(now().mono_ns, now().wall_ns + hours.pop(0) * 3600 * SECOND)

    beat = Beat(lambda seconds: None, told.set_result, late=1e9, jump=0.5, clock=clock)
    assert 3599 < await asyncio.wait_for(told, 30) < 3601
    beat.stop()


async def test_a_venue_whose_clock_is_wrong(sim: serve) -> None:
    sim.faults.clock(-30.0, "binance")
    async with connect("binance.spot", at=sim.at) as market, market.health() as events:
        async for event in events:
            if isinstance(event, health.ClockSkew):
                assert -31 < event.offset < -29
                assert event.text.startswith("the venue's clock is ")
                assert " behind, ± " in event.text
                break


async def test_a_reader_asleep_is_told_what_it_lost(sim: serve) -> None:
    """Delivered and lost are what was sent; health names the reader."""
    options = Options(queue_items=10)
    async with connect("binance.spot", at=sim.at, options=options) as market, market.health() as events:
        counted: list[object] = []
        asleep, counter = (market.quotes("BTC/USDT", "ETH/USDT") for _ in range(2))
        counter.on(counted.append)
        await asyncio.gather(asleep._enter(), counter._enter())  # in one turn of the loop: both are given the same
        try:
            while asleep.lost < 3:  # noqa: ASYNC110 - nothing tells of it but its count
                await asyncio.sleep(0.01)
            # From here on nothing gives way until it is compared.
            sent = len(counted)
            delivered = len(await asleep._queue.some())
            with pytest.raises(Overrun) as caught:
                await asleep._queue.some()
            assert caught.value.lost + delivered == sent
            lost = asleep.lost
        finally:
            await asyncio.gather(asleep.close(), counter.close())
        told = 0
        async for event in events:
            if isinstance(event, health.Overrun):
                assert event.what.startswith("quotes of BTC/USDT, ETH/USDT")
                assert event.venue == "binance.spot"
                told += event.lost
                if told >= lost:
                    break


async def test_a_venue_that_does_not_answer_is_told(sim: serve) -> None:
    sim.faults.status(503, "htx", n=2)
    async with connect("binance.spot", "htx", at=sim.at) as market, market.health() as events:
        async for event in events:
            if isinstance(event, health.VenueUnavailable):
                assert event.venue == "htx.spot"
                assert event.retry_in == 1.0
                break


async def test_the_ring_is_read_first(market: Market) -> None:
    async with market.book("BTC/USDT", venue="binance"), market.health() as events:
        ring = [*market._healths.ring]
        assert any(isinstance(one, health.Connected) for one in ring)
        assert [await events.next() for _ in ring] == ring
