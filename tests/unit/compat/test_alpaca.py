"""What of alpaca-py's names needs no exchange: requests, models, tables, errors, parts of a range, messages lost."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

import pytest

from tidebook.compat.alpaca.common.exceptions import APIError, ConnectionFailed, LoginRefused, api_error
from tidebook.compat.alpaca.data.historical.crypto import AsyncCryptoHistoricalDataClient, CryptoHistoricalDataClient
from tidebook.compat.alpaca.data.live.crypto import CryptoDataStream
from tidebook.compat.alpaca.data.models import Bar, BarSet, Orderbook, OrderbookQuote, Snapshot, Trade, TradeSet
from tidebook.compat.alpaca.data.requests import CryptoBarsRequest, CryptoTradesRequest
from tidebook.compat.alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from tidebook.compat.alpaca.turns import MOST, Inbox
from tidebook.errors import NetworkError, NotPermitted, UnknownSymbol
from tidebook.io.serve import Answer, Asked, Served, Server

BAR = {"t": "2026-01-02T03:04:00Z", "o": 1.5, "h": 2, "l": 1, "c": Decimal("1.1"), "v": 0, "n": 3, "vw": 1.25}
TRADE = {"t": "2026-01-02T03:04:05.123456789Z", "p": Decimal("0.1"), "s": 2, "i": 3447222699101865076, "tks": "S"}


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("data", "StockHistoricalDataClient", "CryptoHistoricalDataClient and CryptoDataStream"),
        ("data.historical", "NewsClient", "CryptoHistoricalDataClient and CryptoDataStream"),
        ("data.live", "StockDataStream", "CryptoHistoricalDataClient and CryptoDataStream"),
        ("data.requests", "StockBarsRequest", "CryptoHistoricalDataClient and CryptoDataStream"),
        ("trading.client", "TradingClient", r"tidebook\.connect\('alpaca:paper'\)"),
        ("broker", "BrokerClient", r"tidebook\.connect\('alpaca:paper'\)"),
    ],
)
def test_what_is_not_here_says_what_is(module: str, name: str, told: str) -> None:
    with pytest.raises(ImportError, match=f"'{name}' is not in .*{told}"):
        exec(f"from tidebook.compat.alpaca.{module} import {name}")
    assert not hasattr(import_module(f"tidebook.compat.alpaca.{module}"), "__no_such__")


def test_a_bar_has_floats_and_what_was_sent() -> None:
    bar = Bar("BTC/USD", BAR)
    assert (bar.close, type(bar.high), bar.trade_count) == (1.1, float, 3.0)
    assert bar.timestamp == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert bar.exact["close"] == Decimal("1.1")
    assert bar == Bar("BTC/USD", BAR) != Bar("ETH/USD", BAR)
    assert bar.model_dump()["vwap"] == 1.25
    for wrong in ({**BAR, "o": "x"}, {**BAR, "t": 5}, {"t": BAR["t"]}):
        with pytest.raises(ValueError, match=r"Bar of BTC/USD: (open|timestamp|no open)"):
            Bar("BTC/USD", wrong)


def test_a_trade_keeps_its_id_and_nanoseconds() -> None:
    trade = Trade("BTC/USD", TRADE)
    assert (trade.id, trade.taker_side, trade.exact["price"]) == (3447222699101865076, "S", Decimal("0.1"))
    assert trade.timestamp_ns % 1_000_000_000 == 123456789
    table = TradeSet({"BTC/USD": [TRADE, None]}).df
    assert [*table.columns] == ["price", "size", "id"]  # without those that have no value
    assert table["id"].iloc[0] == 3447222699101865076
    assert table.index[0][1].nanosecond == 789


def test_an_empty_table_has_its_columns() -> None:
    empty: tuple[dict[str, list[Any]] | None, ...] = (None, {}, {"BTC/USD": []})
    for rows in empty:
        table = BarSet(rows).df
        assert len(table) == 0
        assert [*table.columns][:2] == ["open", "high"]
        assert table.index.names == ["symbol", "timestamp"]


def test_a_book_and_a_snapshot() -> None:
    book = Orderbook("BTC/USD", {"t": BAR["t"], "b": [{"p": Decimal("1.10"), "s": 2}], "a": []})
    assert book.bids == [OrderbookQuote(p=1.1, s=2.0)]
    assert book.bids[0].exact == (Decimal("1.10"), Decimal(2))
    assert (book.reset, book.model_dump()["bids"]) == (False, [{"price": 1.1, "size": 2.0}])
    snapshot = Snapshot("BTC/USD", {"latestTrade": TRADE, "dailyBar": BAR})
    assert snapshot.latest_trade == Trade("BTC/USD", TRADE)
    assert snapshot.minute_bar is None
    assert snapshot.model_dump()["daily_bar"]["close"] == 1.1


def test_instants_are_utc() -> None:
    for given in (datetime(2026, 1, 2), date(2026, 1, 2), "2026-01-02", "2026-01-01T19:00:00-05:00"):  # noqa: DTZ001
        request = CryptoTradesRequest(symbol_or_symbols=["A/B", "C/D"], start=given, sort="desc")
        assert request.to_request_fields() == {
            "start": "2026-01-02T00:00:00+00:00", "symbols": "A/B,C/D", "sort": "desc",
        }  # fmt: skip


class Long:
    """A server that gives 40 rows at once, four of each instant, and waits until so many pages are asked for."""

    def __init__(self, together: int) -> None:
        self.barrier = asyncio.Barrier(together)
        self.first = True
        self.rows = {
            symbol: [(START + timedelta(seconds=number // 4), {"i": number}) for number in range(count)]
            for symbol, count in (("A/B", 400), ("C/D", 30))
        }

    async def http(self, request: Asked) -> Answer:
        asked = {name: one for name, (one,) in parse_qs(request.query).items()}
        if "start" not in asked:  # the market's own
            return Answer(200, b"[]")
        if self.first:
            self.first = False
        elif not self.barrier.broken:
            with suppress(asyncio.BrokenBarrierError):
                await self.barrier.wait()
                await self.barrier.abort()
        begin, end = (datetime.fromisoformat(asked[name]) for name in ("start", "end"))
        fit = [
            (symbol, {"t": at.isoformat().replace("+00:00", "Z"), "p": 1, "s": 1, "tks": "B", **row})
            for symbol in asked["symbols"].split(",") for at, row in self.rows[symbol] if begin <= at <= end
        ]  # fmt: skip
        page: dict[str, list[Any]] = {}
        for symbol, row in fit[:40]:
            page.setdefault(symbol, []).append(row)
        return Answer(200, json.dumps({"trades": page, "next_page_token": "more" if fit[40:] else None}).encode())

    async def websocket(self, request: Asked, socket: Served) -> None:
        raise AssertionError(request)


START = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("symbols", [["A/B"], ["A/B", "C/D"]])
async def test_a_long_range_is_asked_for_some_pages_at_once_and_has_each_row_once(symbols: list[str]) -> None:
    site = Long(5)
    async with (
        Server(site) as server,
        asyncio.timeout(30),
        AsyncCryptoHistoricalDataClient(url_override=server.at) as client,
    ):
        asked = CryptoTradesRequest(symbol_or_symbols=symbols, start=START, end=START + timedelta(seconds=99))
        trades = await client.get_crypto_trades(asked)
        assert server.error is None
    assert {symbol: [row.id for row in rows] for symbol, rows in trades.data.items()} == {
        symbol: [*range(len(site.rows[symbol]))] for symbol in symbols
    }
    assert site.barrier.broken  # five were under way


def test_errors_are_those_that_programs_know() -> None:
    refused = api_error(NotPermitted("v: forbidden. (40310000)", venue="v", code="40310000"))
    assert (refused.status_code, refused.code, refused.message) == (403, 40310000, "forbidden.")
    assert str(refused) == '{"code": 40310000, "message": "forbidden."}'
    plain = api_error(UnknownSymbol("v: Invalid (400)", venue="v", code="400"))
    assert (plain.status_code, plain.code, plain.message) == (400, 400, "Invalid")
    lost = api_error(NetworkError("v: gone", venue="v"))
    assert isinstance(lost, ConnectionFailed)
    assert isinstance(lost, OSError)
    assert (lost.status_code, lost.code) == (None, None)
    assert APIError('{"code":40010001,"message":"x"}').status_code == 400


@pytest.mark.parametrize(
    "given", [{"oauth_token": "x"}, {"sandbox": True}, {"api_key": "x"}, {"url_override": "https://evil.example"}]
)
def test_what_is_not_covered_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each in its own words
        CryptoHistoricalDataClient(**given)


def test_a_closed_client_says_so() -> None:
    client = CryptoHistoricalDataClient()
    client.close()
    client.close()
    with pytest.raises(ValueError, match="is closed"):
        client.get_crypto_bars(CryptoBarsRequest(symbol_or_symbols="A/B", timeframe=TimeFrame(5, TimeFrameUnit.Minute)))


async def test_messages_without_room_are_told_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    async def handle(item: int) -> None:
        seen.append(item)
        if item == 9:
            inbox.end()

    inbox = Inbox(handle, most=3)
    inbox.put([1, 2])
    inbox.put([3, 4, 5])
    assert inbox.lost == 2
    assert caplog.text.count("messages are being lost") == 1  # at once: nobody knows when it will be over
    running = asyncio.create_task(inbox.run())
    while len(seen) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)
    inbox.put([9])
    await running
    inbox.close()
    assert seen == [3, 4, 5, 9]
    assert "2 messages were lost, the oldest" in caplog.text


async def greeted(socket: Served) -> None:
    """Let whoever it is in, and say that the quotes are subscribed."""
    for answer in ('"success","msg":"connected"', '"success","msg":"authenticated"'):
        await socket.send(f'[{{"T":{answer}}}]')
        await socket.receive()
    await socket.send('[{"T":"subscription","quotes":["A/B"]}]')


class Flood:
    """A server that sends quotes, numbered by their size, as fast as they go."""

    ROW = 500
    MANY = MOST + 6 * ROW

    def __init__(self) -> None:
        self.taken = asyncio.Event()

    async def http(self, request: Asked) -> Answer:
        return Answer(200, b"[]")

    async def websocket(self, request: Asked, socket: Served) -> None:
        await greeted(socket)
        for begin in range(0, self.MANY, self.ROW):
            quotes = (f'{{"T":"q","S":"A/B","bp":1,"bs":{n},"ap":2,"as":1,"t":"2026-01-02T00:00:00Z"}}'
                      for n in range(begin, begin + self.ROW))  # fmt: skip
            await socket.send(f"[{','.join(quotes)}]")
            await self.taken.wait()  # the first of them is with its handler
        await socket.receive()


async def test_a_handler_that_sleeps_is_told_exactly_what_it_missed(caplog: pytest.LogCaptureFixture) -> None:
    """Each of the numbered quotes has been handed over, in order, or is counted."""
    site = Flood()
    async with Server(site) as server, asyncio.timeout(30):
        stream, seen = CryptoDataStream("key", "secret", url_override=server.at), list[int]()

        async def handler(quote: Any) -> None:
            site.taken.set()
            while not seen and stream.lost < Flood.MANY - MOST - 1:  # asleep until all have come  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            seen.append(int(quote.bid_size))
            if seen[-1] == Flood.MANY - 1:
                await stream.stop_ws()

        stream.subscribe_quotes(handler, "A/B")
        await stream.run_async()
    assert seen == [0, *range(Flood.MANY - MOST, Flood.MANY)]
    assert stream.lost == Flood.MANY - len(seen) == 2999
    assert caplog.text.count("messages are being lost") == caplog.text.count("2999 messages were lost") == 1


class Counting:
    """A server that counts its connections, and lists nothing."""

    def __init__(self) -> None:
        self.connections = 0

    async def http(self, request: Asked) -> Answer:
        return Answer(200, b"[]")


class Mute(Counting):
    """A server whose first connection never says anything but that one is subscribed; the next one has a quote."""

    async def websocket(self, request: Asked, socket: Served) -> None:
        self.connections += 1
        await greeted(socket)
        if self.connections > 1:
            await socket.send('[{"T":"q","S":"A/B","bp":1,"bs":1,"ap":2,"as":1,"t":"2026-01-02T00:00:00Z"}]')
        await socket.receive()


async def test_a_mute_connection_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    site = Mute()
    async with Server(site) as server, asyncio.timeout(30):
        stream = CryptoDataStream("key", "secret", url_override=server.at, data_timeout=0.2)

        async def handler(quote: Any) -> None:
            await stream.stop_ws()

        stream.subscribe_quotes(handler, "A/B")
        await stream.run_async()
    assert site.connections > 1
    assert "no data received on data stream for 0.2s, reconnecting" in caplog.text
    with pytest.raises(ValueError, match="data_timeout must be a positive"):
        CryptoDataStream("key", "secret", data_timeout=0)


class Revoking(Counting):
    """A server that lets its first guest in, sends a quote and leaves; the key of the next one is no key any more."""

    async def websocket(self, request: Asked, socket: Served) -> None:
        self.connections += 1
        if self.connections > 1:
            await socket.send('[{"T":"success","msg":"connected"}]')
            await socket.receive()
            await socket.send('[{"T":"error","code":402,"msg":"auth failed"}]')
            await socket.receive()
            return
        await greeted(socket)
        await socket.send('[{"T":"q","S":"A/B","bp":1,"bs":1,"ap":2,"as":1,"t":"2026-01-02T00:00:00Z"}]')


@pytest.mark.parametrize("timeout", [None, 60.0])
async def test_a_key_that_is_refused_later_on_ends_the_stream(timeout: float | None) -> None:
    site, seen = Revoking(), list[Any]()

    async def handler(quote: Any) -> None:
        seen.append(quote)

    async with Server(site) as server, asyncio.timeout(30):
        stream = CryptoDataStream("key", "secret", url_override=server.at, data_timeout=timeout)
        stream.subscribe_quotes(handler, "A/B")
        with pytest.raises(LoginRefused, match="auth failed") as refused:
            await stream.run_async()
    assert (len(seen), site.connections, refused.value.code) == (1, 2, "402")
