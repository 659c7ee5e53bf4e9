"""Document 004, depth caches: one test a statement, on real sockets against one embedded exchange."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from tests.served import Exchange, served

from tidebook.compat import binance
from tidebook.compat.binance import (
    AsyncClient,
    BinanceSocketManager,
    DepthCacheManager,
    FuturesDepthCacheManager,
    OptionsDepthCacheManager,
    ThreadedDepthCacheManager,
    ThreadedWebsocketManager,
)
from tidebook.compat.binance._line import Waiting
from tidebook.compat.binance.depthcache import DepthCache
from tidebook.core.options import Options
from tidebook.engine.rule import Pace
from tidebook.errors import UsageError
from tidebook.model.health import Differed, Health
from tidebook.venue import BookChannel

module = pytest.mark.asyncio(loop_scope="module")


class Quick(AsyncClient):
    """It tries again at once, so that nobody has to wait for the end of its patience."""

    OPTIONS = Options(backoff_first=0.02, backoff_factor=1.0)


class Often(DepthCacheManager):
    """Its snapshots may be asked for one after the other, so that nobody has to wait for the next minute."""

    def _channel(self, channel: BookChannel) -> BookChannel:
        found = super()._channel(channel)
        return replace(found, rule=replace(found.rule, pace=Pace(1000, 60, 0.05)))


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with pytest.MonkeyPatch.context() as patch, served("binance", speed=4.0) as running:
        patch.setenv("TIDEBOOK_AT", running.at)
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(exchange: Exchange) -> AsyncIterator[Any]:
    """One for all tests, each of which has symbols of its own: of one symbol three snapshots a minute are asked for."""
    made = await Quick.create()
    yield made
    await made.close_connection()


@pytest.fixture
def threaded(exchange: Exchange) -> Iterator[ThreadedDepthCacheManager]:
    made = ThreadedDepthCacheManager()
    yield made
    made.stop()


def test_S77_the_threaded_manager_takes_what_the_client_takes(exchange: Exchange) -> None:
    made = ThreadedDepthCacheManager(
        api_key="a", api_secret="s", requests_params={"timeout": 3}, tld="us", testnet=True
    )
    assert (made._client.tld, made._client.testnet, made._client._timeout) == ("us", True, 3.0)


def test_S78_start_comes_first(threaded: ThreadedDepthCacheManager) -> None:
    with pytest.raises(UsageError, match=r"Call start\(\) first"):
        threaded.start_depth_cache(print, symbol="BNBBTC")


def test_S76_S79_to_S83_caches_without_asyncio(threaded: ThreadedDepthCacheManager) -> None:
    threaded.start()
    seen: dict[str, int] = {}
    enough: dict[str, int] = {}
    stopped, both = threading.Event(), threading.Event()

    def told(cache: DepthCache) -> None:
        seen[cache.symbol] = seen.get(cache.symbol, 0) + 1
        if len(seen) == 2:
            both.set()
        if stopped.is_set() and seen["ETHBTC"] > enough["ETHBTC"]:
            threaded.stop()  # S83, S96: from inside, at once

    one = threaded.start_depth_cache(told, symbol="BNBBTC", ws_interval=100)
    two = threaded.start_depth_cache(told, symbol="ETHBTC", ws_interval=100)
    assert (one, two) == ("bnbbtc@depth10", "ethbtc@depth10")  # S79
    assert both.wait(20)  # S80
    running = threaded._running[one]
    threaded.stop_socket(one)  # S82
    assert threaded.start_depth_cache(lambda cache: None, symbol="BNBBTC") == one
    assert isinstance(running.exception(20), CancelledError), "it has ended, and not only been forgotten"
    assert one in threaded._running, "its name is another one's now"
    enough = {symbol: count + 5 for symbol, count in seen.items()}
    last = seen["BNBBTC"]
    stopped.set()
    threaded.join(20)  # S81
    assert seen["BNBBTC"] == last, "and the other one went on alone"
    assert not threaded.is_alive()
    with pytest.raises(UsageError, match=r"was stopped"):  # S83
        threaded.start_depth_cache(told, symbol="BNBBTC")


def test_an_async_callback_is_told_why_nothing_can_be_opened(threaded: ThreadedDepthCacheManager) -> None:
    said, told = list[Any](), threading.Event()

    async def callback(item: Any) -> None:
        said.append(item)
        told.set()

    threaded.start()
    threaded.start_depth_cache(callback, symbol="NONESUCH")
    assert told.wait(20)
    assert said[0]["e"] == "error"
    assert "NONESUCH" in said[0]["m"]


def test_the_threaded_streams_call_back_in_order(exchange: Exchange) -> None:
    said: list[Any] = []
    enough = threading.Event()

    def told(message: Any) -> None:
        said.append(message)
        if len(said) == 3:
            enough.set()

    with ThreadedWebsocketManager() as threaded:
        assert threaded.start_depth_socket(told, symbol="BNBBTC", interval=100) == "bnbbtc@depth@100ms"
        assert enough.wait(20)
    assert [one["U"] for one in said[1:3]] == [one["u"] + 1 for one in said[:2]]


@pytest_asyncio.fixture(loop_scope="module")
async def cache(client: Any) -> AsyncIterator[DepthCache]:
    async with DepthCacheManager(client, "BNBBTC", ws_interval=100) as caches:
        while (cache := await caches.recv()).update_time is None:
            pass
        yield cache


@module
async def test_S84_rows_are_sorted_and_cut_like_lists(cache: DepthCache) -> None:
    bids, asks = cache.get_bids(), cache.get_asks()
    assert cache.symbol == "BNBBTC"
    assert len(bids[:5]) == len(asks[:5]) == 5
    assert list(bids) == sorted(bids, reverse=True)
    assert list(asks) == sorted(asks)
    assert bids == list(bids)
    assert bids[0][0] < asks[0][0]
    assert isinstance(cache.update_time, int)
    with pytest.raises(TypeError, match="no hash"):
        hash(bids)


@module
async def test_S85_a_cache_after_each_change(client: Any) -> None:
    async with DepthCacheManager(client, "XRPBTC", ws_interval=100) as caches:
        cache = await caches.recv()
        first = cache.update_time
        assert first is not None, "a snapshot alone is no change"
        while (await caches.recv()).update_time == first:
            pass
        assert caches.get_depth_cache() is cache


@module
async def test_S86_async_for(client: Any) -> None:
    async with DepthCacheManager(client, "LTCUSDT") as caches:
        async for cache in caches:
            assert cache.get_bids()[:5]
            break


@module
async def test_S87_open_and_close_without_async_with(client: Any) -> None:
    caches = DepthCacheManager(client, "ADAUSDT")
    await caches.__aenter__()
    assert (await caches.recv()).get_asks()[:5]
    await caches.__aexit__(None, None, None)
    other = await DepthCacheManager(client, "ADAUSDT").open()
    assert await other.recv()
    await other.close()


@module
async def test_S88_S89_a_refresh_that_finds_nothing_replaces_nothing(client: Any) -> None:
    assert DepthCacheManager(client, "BNBBTC")._every == 1800
    assert DepthCacheManager(client, "BNBBTC", refresh_interval=0)._every is None
    async with Often(client, "LTCBTC", refresh_interval=0.05, ws_interval=100, limit=5000) as caches:
        core = caches._book._core  # type: ignore[union-attr]
        assert core is not None
        cache, told = caches.get_depth_cache(), 0  # a snapshot alone is told to nobody
        while core.engine.stats()["compare_equal"] < 2:
            assert await caches.recv() is cache  # changes go on meanwhile
            told += 1
            assert core.readable
        stats = core.engine.stats()
        assert (stats["snapshots"], stats["compare_different"]) == (1, 0)
        changes = stats["applied"] - stats["snapshots"]
        assert changes == told + len(caches._waiting._items)  # a refresh is told to nobody


@module
async def test_S88_S89_a_refresh_that_finds_a_wrong_level_replaces_the_book_and_tells(
    client: Any, exchange: Exchange
) -> None:
    found: list[Health] = []
    listeners = (await client.market("spot"))._healths.listeners
    listeners.append(found.append)
    async with Often(client, "LTCUSDT", refresh_interval=0.05, ws_interval=100) as caches:
        core = caches._book._core  # type: ignore[union-attr]
        assert core is not None
        while not any(isinstance(one, Differed) for one in found):  # a later message may have put it right by chance
            exchange.do(lambda sim: sim.faults.wrong("binance.spot", "ltcusdt@depth@100ms"))
            for _ in range(5):
                assert isinstance(await caches.recv(), DepthCache)
        stats = core.engine.stats()
        assert sum(isinstance(one, Differed) for one in found) == stats["compare_different"]
        assert stats["snapshots"] > stats["compare_different"]  # one that only knows more takes its place, too
        exchange.do(lambda sim: sim.faults.resume("binance.spot"))
        equal = core.engine.stats()["compare_equal"]
        while core.engine.stats()["compare_equal"] < equal + 2:  # the first may have been asked for before
            assert isinstance(await caches.recv(), DepthCache)
            assert core.readable
    listeners.remove(found.append)


@module
async def test_S90_a_shared_socket_manager_and_decimals(client: Any) -> None:
    shared = BinanceSocketManager(client)
    first = DepthCacheManager(client, "XRPUSDT", bm=shared, conv_type=Decimal)
    second = DepthCacheManager(client, "ETHUSDT", bm=shared, limit=100)
    async with first, second:
        (one, two) = await asyncio.gather(first.recv(), second.recv())
        assert isinstance(one.get_bids()[0][0], Decimal)
        assert len(two.get_bids()) < 500  # began with 100, and has grown by what changed since
        assert (await client.market("spot")).stats.sockets == 1
    with pytest.raises(ValueError, match="Allowed values"):
        DepthCacheManager(client, "XRPUSDT", ws_interval=250)


@module
async def test_S91_a_callback_is_a_choice(client: Any) -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()
    async with DepthCacheManager(client, "BNBUSDT", callback=told.put_nowait):
        assert isinstance(await told.get(), DepthCache)


@module
async def test_S92_S93_S97_a_cut_is_told_and_healed(client: Any, exchange: Exchange) -> None:
    async with DepthCacheManager(client, "BTCUSDT", ws_interval=100, max_reconnects=None) as caches:
        await caches.recv()
        exchange.do(lambda sim: sim.faults.cut("binance"))
        while not isinstance(said := await caches.recv(), dict):
            pass
        assert (said["e"], said["type"]) == ("error", "BinanceWebsocketClosed")
        while isinstance(await caches.recv(), dict):
            pass
        assert caches.get_depth_cache().get_bids()[:5]


@module
async def test_S94_S95_after_five_attempts_the_end_is_told_once(client: Any, exchange: Exchange) -> None:
    async with DepthCacheManager(client, "ETHBTC") as caches:
        exchange.do(lambda sim: sim.faults.cut("binance", seconds=3600))
        try:
            said = [item async for item in caches if isinstance(item, dict)]
        finally:
            exchange.do(lambda sim: sim.faults.resume("binance"))
        assert [one["type"] for one in said] == ["BinanceWebsocketClosed", "BinanceUnableToConnect"]
        with pytest.raises(binance.ReadLoopClosed):
            await caches.recv()
    assert binance.BinanceUnableToConnect is binance.BinanceWebsocketUnableToConnect


@module
async def test_S96_stop_returns_at_once_inside_a_callback(client: Any) -> None:
    over = asyncio.Event()

    def told(cache: Any) -> None:
        caches.stop()
        over.set()

    caches = DepthCacheManager(client, "LTCBTC", callback=told)
    await caches.open()
    await over.wait()
    await caches.close()


@module
async def test_S98_futures_and_options_have_whole_books(client: Any) -> None:
    async with FuturesDepthCacheManager(client, "BTCUSDT", limit=1000) as caches:
        assert len((await caches.recv()).get_bids()) > 10
    info = await client.options_exchange_info()
    symbol = info["optionSymbols"][0]["symbol"]
    async with OptionsDepthCacheManager(client, symbol, limit=100) as caches:
        assert (await caches.recv()).symbol == symbol


def test_S99_older_import_paths() -> None:
    from tidebook.compat.binance.depthcache import DepthCacheManager as Legacy
    from tidebook.compat.binance.websockets import BinanceSocketManager as LegacySockets

    assert (Legacy, LegacySockets) == (DepthCacheManager, BinanceSocketManager)


@module
async def test_what_finds_no_room_is_counted_exactly() -> None:
    waiting = Waiting(3)
    for number in range(10):
        waiting.put(number)
    assert [await waiting.get() for _ in range(3)] == [0, 1, 2]
    assert (await waiting.get())["lost"] == 7
    waiting.put(10)
    assert await waiting.get() == 10
