"""Document 001, a stream beside history: one test a statement, on real sockets against one embedded exchange.

Its program is examples/compat/alpaca_live.py, whose lines are compared with the document's.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.checklist.documents import document
from tests.served import beside, served

from tidebook.compat.alpaca.common.exceptions import APIError, LoginRefused
from tidebook.compat.alpaca.data.historical.crypto import AsyncCryptoHistoricalDataClient, CryptoHistoricalDataClient
from tidebook.compat.alpaca.data.live.crypto import CryptoDataStream
from tidebook.compat.alpaca.data.models import BarSet, Quote
from tidebook.compat.alpaca.data.requests import CryptoBarsRequest, CryptoLatestQuoteRequest
from tidebook.compat.alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from tidebook.io.serve import Answer, Asked, Served, Server

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "compat" / "alpaca_live.py"
BOTH = ("BTC/USD", "ETH/USD")
MINUTE = TimeFrame(amount=1, unit=TimeFrameUnit.Minute)
LATEST = 30.0


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    """Where the exchange is."""
    with served("alpaca", seed=3) as exchange:
        yield exchange.at


@pytest.fixture(autouse=True)
def everything_goes_there(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", at)


@pytest.fixture
def client() -> Iterator[CryptoHistoricalDataClient]:
    with CryptoHistoricalDataClient() as one:
        yield one


def day(*symbols: str, **more: Any) -> CryptoBarsRequest:
    start = datetime.now(ZoneInfo("America/New_York")) - timedelta(days=1)
    return CryptoBarsRequest(symbol_or_symbols=list(symbols), timeframe=MINUTE, start=start, **more)


class Taken:
    """A handler that keeps what it gets, and stops its stream after so many."""

    def __init__(self, stream: CryptoDataStream, many: int) -> None:
        self.stream = stream
        self.many = many
        self.items: list[Any] = []

    async def __call__(self, item: Any) -> None:
        self.items.append(item)
        if len(self.items) >= self.many:
            await self.stream.stop_ws()


async def taken(many: int, *symbols: str, channel: str = "quotes", raw: bool = False) -> list[Any]:
    stream = CryptoDataStream("key", "secret", raw_data=raw)
    handler = Taken(stream, many)
    getattr(stream, f"subscribe_{channel}")(handler, *symbols)
    async with asyncio.timeout(LATEST):
        await stream.run_async()
    return handler.items


def test_S19_no_key_is_needed(client: CryptoHistoricalDataClient) -> None:
    (quote,) = client.get_crypto_latest_quote(CryptoLatestQuoteRequest(symbol_or_symbols="BTC/USD")).values()
    assert isinstance(quote, Quote)
    assert quote.bid_price == float(quote.exact["bid_price"]) > 0


def test_S20_a_typed_request() -> None:
    request = CryptoBarsRequest(
        symbol_or_symbols=["BTC/USD"], timeframe=MINUTE, start=datetime(2026, 1, 2, tzinfo=UTC), limit=5
    )
    sent = {"symbols": "BTC/USD", "timeframe": "1Min", "start": "2026-01-02T00:00:00+00:00", "limit": 5}
    assert request.to_request_fields() == sent
    wrong: dict[str, Any] = {"timeframe": "1Min", "symbol_or_symbols": [], "start": 5, "limit": 0}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=name):
            CryptoBarsRequest(**{"symbol_or_symbols": "BTC/USD", "timeframe": MINUTE, name: value})
    with pytest.warns(UserWarning, match="CryptoBarsRequest has no adjustment"):
        CryptoBarsRequest(symbol_or_symbols="BTC/USD", timeframe=MINUTE, adjustment="raw")
    with pytest.raises(ValueError, match="1 to 59, not 60"):
        TimeFrame(60, TimeFrameUnit.Minute)


def test_S21_one_symbol_or_several(client: CryptoHistoricalDataClient) -> None:
    one = client.get_crypto_bars(CryptoBarsRequest(symbol_or_symbols="BTC/USD", timeframe=TimeFrame.Hour, limit=3))
    assert set(one.data) == {"BTC/USD"}
    both = client.get_crypto_bars(day(*BOTH, end=datetime.now(UTC) - timedelta(hours=23)))
    assert set(both.data) == set(BOTH)
    assert [both[symbol][0].symbol for symbol in BOTH] == list(BOTH)
    with pytest.raises(KeyError):
        _ = both["DOGE/USD"]
    with pytest.raises(APIError) as refused:
        client.get_crypto_bars(day("btcusd"))
    assert (refused.value.status_code, refused.value.code) == (400, 400)
    assert "Invalid symbol" in refused.value.message


def test_S22_zones_are_converted(client: CryptoHistoricalDataClient) -> None:
    start = (datetime.now(UTC) - timedelta(hours=5)).replace(second=0, microsecond=0)
    found = []
    for one in (start.astimezone(ZoneInfo("America/New_York")), start, start.replace(tzinfo=None)):
        bars = client.get_crypto_bars(
            CryptoBarsRequest(symbol_or_symbols="BTC/USD", timeframe=MINUTE, start=one, end=one + timedelta(hours=1))
        )
        found.append([(bar.timestamp, bar.close) for bar in bars["BTC/USD"]])
    assert found[0] == found[1] == found[2]
    assert found[0][0][0] == start
    assert found[0][-1][0] == start + timedelta(hours=1)
    open_ended = client.get_crypto_bars(
        CryptoBarsRequest(symbol_or_symbols="BTC/USD", timeframe=MINUTE, start=datetime.now(UTC) - timedelta(minutes=9))
    )
    assert len(open_ended["BTC/USD"]) >= 8  # up to now


def test_S23_a_day_of_minutes_as_a_table(client: CryptoHistoricalDataClient) -> None:
    bars = client.get_crypto_bars(day("BTC/USD"))
    assert isinstance(bars, BarSet)
    table = bars.df
    assert 1439 <= len(table) <= 1441
    assert table.index.names == ["symbol", "timestamp"]
    assert [*table.columns] == ["open", "high", "low", "close", "volume", "trade_count", "vwap"]
    assert str(table.index.get_level_values("timestamp").dtype) == "datetime64[ns, UTC]"
    assert {str(one) for one in table.dtypes} == {"float64"}
    stamps = table.loc["BTC/USD"].index
    assert stamps.is_monotonic_increasing
    assert stamps.is_unique


def test_S24_again_and_again(client: CryptoHistoricalDataClient) -> None:
    async def main() -> list[int]:
        counts: list[int] = []
        while len(counts) < 3:
            counts.append(len(client.get_crypto_bars(day("BTC/USD")).df))
            await asyncio.sleep(0)
        return counts

    assert min(asyncio.run(main())) >= 1439
    assert [one.name for one in threading.enumerate()].count("alpaca history") == 1


class Refusing:
    """A server that lets nobody in."""

    async def http(self, request: Asked) -> Answer:
        return Answer(200, b"[]")

    async def websocket(self, request: Asked, socket: Served) -> None:
        await socket.send('[{"T":"success","msg":"connected"}]')
        await socket.receive()
        await socket.send('[{"T":"error","code":402,"msg":"auth failed"}]')
        await socket.receive()


class Holding:
    """A server that answers a question about history not before something has happened; meanwhile it sends quotes."""

    def __init__(self, happened: Callable[[], bool]) -> None:
        self.happened = happened

    async def http(self, request: Asked) -> Answer:
        if request.path != "/v1beta3/crypto/us/bars":
            return Answer(200, b"[]")
        while not self.happened():  # noqa: ASYNC110 - of another thread's
            await asyncio.sleep(0.001)
        return Answer(200, b'{"bars":{"BTC/USD":[]},"next_page_token":null}')

    async def websocket(self, request: Asked, socket: Served) -> None:
        await socket.send('[{"T":"success","msg":"connected"}]')
        await socket.receive()
        await socket.send('[{"T":"success","msg":"authenticated"}]')
        asked = json.loads(await socket.receive() or "")
        await socket.send(json.dumps([{"T": "subscription", "quotes": asked["quotes"]}]))
        at = datetime(2026, 1, 2, tzinfo=UTC)
        for number in range(100_000):
            stamp = (at + timedelta(microseconds=number)).isoformat(timespec="microseconds").replace("+00:00", "Z")
            await socket.send(f'[{{"T":"q","S":"BTC/USD","bp":1.5,"bs":1,"ap":2.5,"as":1,"t":"{stamp}"}}]')
            await asyncio.sleep(0.001)


async def test_S25_the_key_is_taken_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance((await taken(1, "BTC/USD"))[0], Quote)
    with pytest.raises(ValueError, match="needs api_key and secret_key"):
        CryptoDataStream("", "")
    with pytest.raises(ValueError, match="belong together"):
        CryptoDataStream("key", "")
    async with Server(Refusing()) as server:
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        with pytest.raises(LoginRefused, match="auth failed") as refused:
            await taken(1, "BTC/USD")
        assert isinstance(refused.value, ValueError)


async def test_S26_handlers_are_coroutines_and_symbols_many(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = CryptoDataStream("key", "secret")
    with pytest.raises(ValueError, match="handler must be a coroutine function"):
        stream.subscribe_quotes(print, *BOTH)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="symbols are texts"):
        stream.subscribe_quotes(Taken(stream, 1))
    seen = {one.symbol for one in await taken(40, *BOTH)}
    assert seen == set(BOTH)
    with beside(Server(Holding(lambda: True))) as (_, server):
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        assert {one.symbol for one in await taken(2, "*")} == {"BTC/USD"}


async def test_S27_each_quote_and_how_it_prints() -> None:
    first, *_ = await taken(3, "BTC/USD")
    assert first.bid_price < first.ask_price
    assert min(first.bid_size, first.ask_size) > 0
    assert first.timestamp.tzinfo is UTC
    assert str(first).startswith("symbol='BTC/USD' timestamp=datetime.datetime(")
    assert f"bid_price={first.bid_price}" in str(first)
    raw, *_ = await taken(1, "BTC/USD", raw=True)
    assert set(raw) == {"T", "S", "bp", "bs", "ap", "as", "t"}
    book, *_ = await taken(2, "BTC/USD", channel="orderbooks")
    assert book.reset
    assert book.bids[0].price < book.asks[0].price


async def test_S28_it_is_awaited_in_the_users_own_loop() -> None:
    for name in ("run_async", "_run_forever"):
        stream = CryptoDataStream("key", "secret")
        loops: list[Any] = []

        async def handler(quote: Quote, stream: CryptoDataStream = stream, loops: list[Any] = loops) -> None:
            loops.append((asyncio.get_running_loop(), threading.current_thread()))
            stream.stop()

        stream.subscribe_quotes(handler, "BTC/USD")
        async with asyncio.timeout(LATEST):
            await getattr(stream, name)()
        assert loops == [(asyncio.get_running_loop(), threading.current_thread())]


async def test_S29_neither_stalls_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain calls in the stream's own loop, whose answers come only when the stream has gone on meanwhile."""
    stream, order, wanted = CryptoDataStream("key", "secret"), list[datetime](), 0

    async def handler(quote: Quote) -> None:
        assert asyncio.current_task() is not history
        order.append(quote.timestamp)

    async def fetch(client: CryptoHistoricalDataClient) -> None:
        nonlocal wanted
        while not order:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for _ in range(3):
            wanted = len(order) + 50
            client.get_crypto_bars(day("BTC/USD"))
            assert len(order) >= wanted
            await asyncio.sleep(0)
        stream.stop()

    stream.subscribe_quotes(handler, "BTC/USD")
    with beside(Server(Holding(lambda: len(order) >= wanted))) as (_, server), CryptoHistoricalDataClient() as client:
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        history = asyncio.create_task(fetch(client))
        async with asyncio.timeout(LATEST):
            await asyncio.gather(history, stream.run_async())
    assert order == [order[0] + timedelta(microseconds=number) for number in range(len(order))]


async def test_S29_a_handler_that_waits_goes_on_behind_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is begun by the call, finished by the loop, and the next message waits for it."""
    stream, begun, done, wanted = CryptoDataStream("key", "secret"), list[datetime](), list[datetime](), 0

    async def handler(quote: Quote) -> None:
        begun.append(quote.timestamp)
        async with asyncio.timeout(LATEST):  # of the handler's own task, not of the caller's
            await asyncio.sleep(0)
        done.append(quote.timestamp)

    async def fetch(client: CryptoHistoricalDataClient) -> None:
        nonlocal wanted
        while len(begun) != len(done) or not done:  # noqa: ASYNC110
            await asyncio.sleep(0)
        before, wanted = len(begun), len(begun) + 1
        client.get_crypto_bars(day("BTC/USD"))
        assert (len(begun), len(done)) == (before + 1, before)
        while len(done) < before + 5:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stream.stop()

    stream.subscribe_quotes(handler, "BTC/USD")
    with beside(Server(Holding(lambda: len(begun) >= wanted))) as (_, server), CryptoHistoricalDataClient() as client:
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        async with asyncio.timeout(LATEST):
            await asyncio.gather(fetch(client), stream.run_async())
    assert done == begun == [done[0] + timedelta(microseconds=number) for number in range(len(done))]


async def test_S29_awaited_history_keeps_nobody() -> None:
    async with AsyncCryptoHistoricalDataClient() as client:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        assert len((await client.get_crypto_bars(day("BTC/USD")))["BTC/USD"]) >= 1439
        beside.cancel()
        with suppress(asyncio.CancelledError):
            await beside
        assert turns > 1


async def test_S26_subscribing_inside_of_a_handler() -> None:
    stream, later = CryptoDataStream("key", "secret"), list[str]()

    async def other(quote: Quote) -> None:
        later.append(quote.symbol)
        stream.unsubscribe_quotes("ETH/USD")
        await stream.close()

    async def first(quote: Quote) -> None:
        stream.subscribe_quotes(other, "ETH/USD")

    stream.subscribe_quotes(first, "BTC/USD")
    async with asyncio.timeout(LATEST):
        await stream.run_async()
    assert later == ["ETH/USD"]


async def test_S28_it_is_stopped_soon_from_anywhere() -> None:
    stream, told = CryptoDataStream("key", "secret"), asyncio.Event()

    async def never(quote: Quote) -> None:
        told.set()
        await asyncio.Event().wait()

    stream.subscribe_quotes(never, "BTC/USD")
    for stop in (stream.close, lambda: asyncio.to_thread(stream.stop)):
        told.clear()
        running = asyncio.create_task(stream.run_async())
        async with asyncio.timeout(LATEST):
            await told.wait()
            await stop()
            await running
        assert not [one for one in threading.enumerate() if one.name == "alpaca stream"]
    quiet = CryptoDataStream("key", "secret")  # subscribed to nothing: nothing is opened
    running = asyncio.create_task(quiet.run_async())
    await asyncio.sleep(0)
    await quiet.close()
    await running


async def test_S28_a_handler_that_raises_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    stream, seen = CryptoDataStream("key", "secret"), list[Quote]()

    async def handler(quote: Quote) -> None:
        seen.append(quote)
        if len(seen) == 3:
            await stream.stop_ws()
        raise LookupError("a handler's own")

    stream.subscribe_quotes(handler, "BTC/USD")
    async with asyncio.timeout(LATEST):
        await stream.run_async()
    assert len(seen) == 3
    assert caplog.text.count("error in the handler of quotes BTC/USD") == 3


def lines(text: str) -> list[str]:
    """Without indentation, which the document's text has lost, and empty lines."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_S30_S31_the_documents_program() -> None:
    """Line by line it is the document's, but for whose modules are imported; its keys are a module of the user's."""
    text = document("001")
    begin = text.index("import asyncio\nfrom alpaca.data.historical.crypto")
    whole = text[begin : text.index("asyncio.run(main())", begin) + len("asyncio.run(main())")]
    ours = PROGRAM.read_text()
    assert lines(ours.replace("from tidebook.compat.alpaca.", "from alpaca.")) == lines(whole)


def test_S30_it_runs_until_ctrl_c(at: str, tmp_path: Path) -> None:
    (tmp_path / "credentials.py").write_text('api_key, secret_key = "key", "secret"\n')
    environment = {**os.environ, "TIDEBOOK_AT": at, "PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            seen = set[str]()
            for line in child.stdout:
                seen.update(name for name, words in SHOWN.items() if re.search(words, line))
                if len(seen) == len(SHOWN):
                    break
            child.send_signal(signal.SIGINT)
            child.stdout.read()
            errors = child.stderr.read()
            assert child.wait(LATEST) != 0
        finally:
            child.kill()
    assert seen == set(SHOWN), errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "was not closed" not in errors


SHOWN = {
    "a table": r"\[14\d\d rows x 7 columns\]",
    "bitcoin": r"symbol='BTC/USD' timestamp=",
    "ether": r"symbol='ETH/USD' timestamp=",
}


def test_S30_nothing_of_it_sleeps_in_a_loop() -> None:
    """They wait on what they wait for, everywhere."""
    for path in (ROOT / "src" / "tidebook").rglob("*.py"):
        assert not re.search(r"\btime\.sleep\(|from time import .*\bsleep", path.read_text()), path


def test_S31_no_keys_in_it() -> None:
    text = PROGRAM.read_text()
    assert "from credentials import api_key, secret_key" in text
    assert not re.search(r"(api|secret)_key\s*=", text)
