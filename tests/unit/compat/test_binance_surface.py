"""What programs for python-binance use besides the documents: messages, accounts, names, against one exchange."""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from tests.served import Exchange, served

from tidebook.compat import binance
from tidebook.compat.binance import AsyncClient, BinanceSocketManager, DepthCache, helpers
from tidebook.compat.binance._table import messages, methods
from tidebook.compat.binance._token import Kept
from tidebook.errors import UsageError

module = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with pytest.MonkeyPatch.context() as patch, served("binance") as running:
        patch.setenv("TIDEBOOK_AT", running.at)
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def client(exchange: Exchange) -> AsyncIterator[Any]:
    async with AsyncClient() as made:
        yield made


@module
async def test_what_is_asked_by_message_is_answered_as_over_http(client: Any, exchange: Exchange) -> None:
    limit = {"symbol": "BNBBTC", "limit": 5}
    said, asked = await client.ws_get_order_book(**limit), await client.get_order_book(**limit)
    assert said.keys() == asked.keys()
    assert len(said["bids"]) == 5
    assert await client.ws_ping() == {}
    order = await client.ws_order_limit_buy(symbol="BTCUSDT", quantity=0.001, price=50_000.0)
    assert order["status"] == "NEW"
    known = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert await client.ws_get_order(**known) == await client.get_order(**known)
    assert (await client.ws_cancel_order(**known))["status"] == "CANCELED"
    with pytest.raises(binance.BinanceAPIException, match="Invalid symbol") as refused:
        await client.ws_get_order_book(symbol="NOPE")
    assert (refused.value.code, refused.value.status_code) == (-1121, 400)
    made = exchange.do(lambda sim: dict(sim.tally.made))
    assert made["message order.place"] == made["message order.status"] == made["message order.cancel"] == 1
    assert not any("POST" in name and "order" in name for name in made)  # over HTTP nothing was placed


@module
async def test_a_futures_order_goes_by_message_and_its_account_tells_of_it_also_after_a_cut(
    client: Any, exchange: Exchange
) -> None:
    async with BinanceSocketManager(client).futures_user_socket() as stream:
        for _ in range(2):
            order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": 0.01}
            placed = await client.ws_futures_create_order(**order)
            while (event := await stream.recv())["e"] != "ORDER_TRADE_UPDATE":
                pass
            assert event["o"]["i"] == placed["orderId"]
            exchange.do(lambda sim: sim.faults.cut("binance.usdm"))
            while (event := await stream.recv())["e"] != "error":
                pass
            raw = stream._raw
            assert raw is not None
            assert event["type"] == "BinanceWebsocketClosed"
            while not raw.is_open:  # noqa: ASYNC110 - of our own connection
                await asyncio.sleep(0)


@module
async def test_a_token_that_could_not_be_kept_alive_is_kept_soon_and_not_half_an_hour_later(
    client: Any, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidebook.compat.binance._token.AGAIN", 0.0)
    one = await client.venue_at("usdm")
    kept = Kept(one, replace(one.declared.account.token, every=0.0), lambda: None)
    await kept.ask()

    def asked() -> int:
        return exchange.do(lambda sim: sim.tally.made["PUT fapi.binance.com/fapi/v1/listenKey"])

    before = asked()
    exchange.do(lambda sim: sim.faults.status(503, "binance.usdm"))
    keeping = asyncio.ensure_future(kept.keep())
    try:
        await asyncio.sleep(0)  # it is asked for by now, in vain; from here on it is every hour
        kept._token = replace(kept._token, every=3_600.0)
        async with asyncio.timeout(20):
            while asked() == before:  # noqa: ASYNC110 - of the exchange in its own thread
                await asyncio.sleep(0.005)
    finally:
        keeping.cancel()


def test_accounts_that_have_no_stream_here_say_so_at_once() -> None:
    manager = BinanceSocketManager(AsyncClient())
    for name in ("coin_futures_user_socket", "coin_futures_socket", "margin_socket", "portfolio_margin_socket"):
        with pytest.raises(
            binance.NotImplementedException, match=r"account stream.* user_socket.* futures_user_socket"
        ):
            getattr(manager, name)()
    with pytest.raises(binance.NotImplementedException, match="BTCUSDT"):
        manager.isolated_margin_socket("BTCUSDT")


@module
async def test_candles_one_after_the_other_with_an_await_and_without(client: Any) -> None:
    about = ("BNBBTC", binance.KLINE_INTERVAL_1MINUTE, "5 minutes ago UTC")
    older = [row[0] async for row in await client.get_historical_klines_generator(*about)]
    assert older == [row[0] async for row in client.get_historical_klines_generator(*about)] != []


@module
async def test_candles_are_all_there_however_many_are_asked_for(client: Any) -> None:
    """The exchange gives 1,000 at once, whatever the limit; the last may open at the very end."""
    minute = 60_000
    last = (await client.get_klines(symbol="BNBBTC", interval="1m", limit=1))[0][0] - 10 * minute
    for count in (999, 1_000, 1_001, 2_000):
        about = ("BNBBTC", binance.KLINE_INTERVAL_1MINUTE, last - (count - 1) * minute, last)
        opened = [last - n * minute for n in reversed(range(count))]
        assert [row[0] for row in await client.get_historical_klines(*about)] == opened
        assert [row[0] for row in await client.get_historical_klines(*about, limit=1_500)] == opened[:1_500]


@module
async def test_portfolio_margin_is_asked_at_its_own_host(client: Any, exchange: Exchange) -> None:
    with pytest.raises(binance.BinanceAPIException) as refused:
        await client.papi_get_um_account_v2()
    assert refused.value.request == "GET /papi/v2/um/account"
    made = exchange.do(lambda sim: dict(sim.tally.unanswered))
    assert made == {"GET papi.binance.com/papi/v2/um/account": 1}  # which the simulator has not


def test_no_name_is_in_the_tables_twice() -> None:
    names = [one.name for one in (*methods(), *messages())]
    assert len(names) == len({*names})
    assert all(callable(getattr(AsyncClient, name)) and callable(getattr(binance.Client, name)) for name in names)


def test_a_cache_without_a_book_has_the_levels_that_it_is_given() -> None:
    cache = DepthCache("BNBBTC", Decimal)
    for bid in (["0.1", "4"], ["0.3", "1"], ["0.2", "2"], ["0.3", "0"]):
        cache.add_bid(bid)
    cache.add_ask(["0.5", "1"])
    assert cache.get_bids() == [[Decimal("0.2"), Decimal(2)], [Decimal("0.1"), Decimal(4)]]
    assert (len(cache.get_bids()), cache.get_asks()[0]) == (2, [Decimal("0.5"), Decimal(1)])


@module
async def test_a_cache_that_shows_the_exchanges_book_takes_none(client: Any) -> None:
    async with binance.DepthCacheManager(client, "BNBBTC") as caches:
        with pytest.raises(UsageError, match="nothing is added"):
            (await caches.recv()).add_bid(["1", "1"])


def test_dates_with_ordinals() -> None:
    assert helpers.date_to_milliseconds("1st March 2018") == helpers.date_to_milliseconds("2018-03-01")
    assert helpers.date_to_milliseconds("22nd March 2018") == helpers.date_to_milliseconds("22 March 2018")


def test_verbose_logs_and_quiet_leaves_the_level_alone() -> None:
    quiet = binance.Client(ping=False)
    before = quiet.logger.level
    with binance.Client(verbose=True, ping=False) as loud:
        assert (quiet.verbose, loud.verbose, loud.logger.level) == (False, True, logging.DEBUG)
    quiet.logger.setLevel(before)
    quiet.close_connection()


def test_a_plain_client_that_is_forgotten_is_closed_and_says_so_once(exchange: Exchange) -> None:
    forgotten = binance.Client()
    thread, (market,) = forgotten._thread, forgotten._async._markets.values()
    with pytest.warns(ResourceWarning, match=r"was not closed: client\.close_connection\(\)") as said:  # noqa: PT031
        del forgotten
        gc.collect()
    assert len(said) == 1
    assert thread.join(20)
    assert market._closed


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_plain_client_that_is_closed_or_has_opened_nothing_is_forgotten_in_silence(exchange: Exchange) -> None:
    closed = binance.Client()
    closed.close_connection()
    unused = binance.Client(ping=False)
    thread = unused._thread
    del closed, unused
    gc.collect()
    assert thread.join(20)


@module
async def test_tokens_are_texts_and_given_by_place(client: Any, exchange: Exchange) -> None:
    token = await client.futures_stream_get_listen_key()
    assert isinstance(token, str)
    assert await client.futures_stream_keepalive(token) == {"listenKey": token}
    assert await client.futures_stream_close(listenKey=token) == {}
    with pytest.raises(binance.BinanceAPIException, match="does not exist"):
        await client.futures_stream_keepalive(token)
    before = exchange.do(lambda sim: dict(sim.tally.unanswered))
    with pytest.raises(binance.BinanceAPIException):
        await client.isolated_margin_stream_keepalive("BNBBTC", "token")
    after = exchange.do(lambda sim: dict(sim.tally.unanswered))
    assert [*after.keys() - before.keys()] == ["PUT api.binance.com/sapi/v1/userDataStream/isolated"]


def test_names_that_programs_read() -> None:
    assert binance.BinanceSocketManager.WEBSOCKET_DEPTH_5 == "5"
    client: Any = binance.Client
    assert client.SPOT_TO_USDT_FUTURE == "MAIN_UMFUTURE"
    missing = [name for name in ("futures_basis", "futures_coin_modify_order", "futures_historical_mark_price_klines",
                                 "options_open_interest") if not hasattr(client, name)]  # fmt: skip
    assert not missing
    streams: Any = binance.ThreadedWebsocketManager
    assert callable(streams.start_kline_socket)  # what inherits from it calls these


def test_older_programs_find_their_names() -> None:
    from tidebook.compat.binance.streams import ThreadedWebsocketManager

    assert ThreadedWebsocketManager is binance.ThreadedWebsocketManager
    assert callable(binance.ThreadedDepthCacheManager.start_options_depth_cache)
    with pytest.raises(ImportError, match="NoSocketManager"):
        from tidebook.compat.binance.streams import NoSocketManager  # type: ignore[attr-defined]  # noqa: F401


_LEFT = """
import sys
from tidebook.compat.binance import ThreadedWebsocketManager
def hear(message):
    if not raising:
        print(message["e"], flush=True)
        streams.stop()
raising = len(sys.argv) > 1
streams = ThreadedWebsocketManager()
streams.start()
streams.start_depth_socket(hear, symbol="BTCUSDT", interval=100)
if raising:
    raise KeyboardInterrupt
"""


def test_streams_go_on_when_a_program_reaches_its_last_line_and_end_when_it_fails(exchange: Exchange) -> None:
    def run(*args: str) -> tuple[str, str]:
        program = [sys.executable, "-c", _LEFT, *args]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout, done.stderr

    assert run()[0].startswith("depthUpdate\n")
    out, said = run("raising")
    assert out == ""
    assert "KeyboardInterrupt" in said
    assert said.count("was not closed before the program ended") == 1


def test_arguments_by_place_are_where_the_original_has_them(exchange: Exchange) -> None:
    streams = binance.ThreadedWebsocketManager("key", "secret", None, "com", True)
    assert (streams._client.testnet, streams._client.tld) == (True, "com")
    client = binance.Client("key", "secret", None, "com", "", False, True, None, None, False)
    assert (client._async.demo, client._async._markets) == (True, {})
    client.close_connection()


def test_a_threaded_stream_takes_its_arguments_by_place(exchange: Exchange) -> None:
    heard, some = list[Any](), threading.Event()

    def hear(message: Any) -> None:
        heard.append(message)
        some.set()

    with binance.ThreadedWebsocketManager() as streams:
        name = streams.start_depth_socket(hear, "BNBBTC", binance.BinanceSocketManager.WEBSOCKET_DEPTH_5)
        assert name == "bnbbtc@depth5"
        assert some.wait(20)
        with pytest.raises(TypeError, match="interva"):
            streams.start_kline_socket(hear, "BNBBTC", interva="1m")
        with pytest.raises(AttributeError, match="start_no_socket"):
            streams.start_no_socket(hear)
    assert len(heard[0]["bids"]) == 5


@module
async def test_a_walk_whose_limit_is_none_has_pages_of_the_usual_size(client: Any) -> None:
    about = ("BNBBTC", binance.KLINE_INTERVAL_1MINUTE, "5 minutes ago UTC")
    assert [row[0] async for row in client.get_historical_klines_generator(*about, limit=None)]
    with pytest.raises(binance.BinanceAPIException) as asked:  # which the simulator has not
        await client.futures_historical_mark_price_klines("BTCUSDT", "1m", "5 minutes ago UTC")
    assert asked.value.request == "GET /fapi/v1/markPriceKlines"
    assert "HTTP 404 and no word. A simulator does not have every call" in str(asked.value)


@module
async def test_several_futures_streams_are_asked_for_where_they_are(client: Any) -> None:
    manager = BinanceSocketManager(client)
    async with manager.futures_multiplex_socket(["btcusdt@bookTicker", "ethusdt@depth5@100ms"]) as stream:
        heard = set[str]()
        async with asyncio.timeout(20):
            while len(heard) < 2:
                heard.add((await stream.recv())["stream"])
    with pytest.raises(ValueError, match="of its own for btcusdt@bookTicker"):
        manager.futures_multiplex_socket(["btcusdt@bookTicker", "btcusdt@aggTrade"])
