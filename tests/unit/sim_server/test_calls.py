"""The calls of both venues over HTTP: shapes, refusals, limits."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.unit.sim_server.rig import Client, clients

from tidebook import venues
from tidebook.core.effects import Reply
from tidebook.errors import Banned, RateLimited, UnknownSymbol
from tidebook.sim.server import serve
from tidebook.venue import Question, Seen

pytestmark = pytest.mark.asyncio

IDS = {"binance.spot": "BTCUSDT", "htx.spot": "btcusdt"}
NAMES = [
    (venue, call.name) for venue in IDS for call in venues.named(venue).calls
]  # every call that the venue declares


@pytest.mark.parametrize(("venue", "name"), NAMES)
async def test_every_call_can_be_read(venue: str, name: str) -> None:
    declared = venues.named(venue)
    call = declared.call(name)
    assert call is not None
    question = Question(IDS[venue], limit=20 if call.most else None, interval="1m" if name == "bars" else None)
    async with serve(3, [venue]) as sim, clients(sim.at, venue) as [client], client.socket("/ws") as socket:
        if name.endswith("trades"):  # there are none before the clock begins
            if venue == "htx.spot":
                await socket.say(sub="market.btcusdt.trade.detail", id="1")
            else:
                await socket.say(method="SUBSCRIBE", params=["btcusdt@trade"], id=1)
            await socket.some(3)
        url = call.request(question).url
        path, _, query = url.removeprefix("https://").partition("?")
        host, slash, rest = path.partition("/")
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{sim.at}{slash}{rest}?{query}", headers={"Host": host}) as reply,
        ):
            assert reply.status == 200
            body = await reply.read()
        read = call.read(body, Seen(venue, lambda id: "BTC/USDT" if id == IDS[venue] else id, 1), question)
        if name == "book":
            channel = next(one for one in declared.books if one.snapshot is not None)
            assert channel.snapshot is not None
            assert b"bids" in read
        elif name == "time":
            assert read > 0
        elif isinstance(read, list):
            assert read
            assert all(one.venue == venue for one in read)
        else:
            assert read.symbol == "BTC/USDT"


async def test_what_is_listed() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        _, body, _ = await binance.get("/api/v3/exchangeInfo", symbols='["BTCUSDT","ETHBTC"]')
        assert [one["symbol"] for one in body["symbols"]] == ["BTCUSDT", "ETHBTC"]
        assert {one["filterType"] for one in body["symbols"][0]["filters"]} >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}
        _, body, _ = await binance.get("/api/v3/exchangeInfo")
        spot = {one.symbol for one in sim.exchange.instruments.values() if one.kind == "spot"}
        assert {f"{one['baseAsset']}/{one['quoteAsset']}" for one in body["symbols"]} == spot
        _, body, _ = await htx.get("/v1/common/symbols")
        assert {f"{one['base-currency']}/{one['quote-currency']}".upper() for one in body["data"]} == spot


async def windows(binance: Client) -> None:
    one: dict[str, Any] = {}
    for size, minutes in (("1m", 1), ("59m", 59), ("23h", 1380), ("7d", 10080)):
        _, one, _ = await binance.get("/api/v3/ticker", symbol="BTCUSDT", windowSize=size)
        assert one["openTime"] % 60_000 == 0
        assert 0 <= one["closeTime"] - one["openTime"] - minutes * 60_000 < 60_000
        assert Decimal(one["lowPrice"]) <= Decimal(one["lastPrice"]) <= Decimal(one["highPrice"])
    query = {"symbol": "BTCUSDT", "interval": "1m", "startTime": one["openTime"], "limit": 1}
    _, bars, _ = await binance.get("/api/v3/klines", **query)
    assert (bars[0][0], bars[0][1]) == (one["openTime"], one["openPrice"])
    _, rows, _ = await binance.get("/api/v3/ticker", symbols='["BTCUSDT","ETHUSDT"]')
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT"]
    for bad in ({}, {"symbol": "BTCUSDT", "windowSize": "60m"}, {"symbol": "BTCUSDT", "windowSize": "1w"}):
        assert (await binance.get("/api/v3/ticker", **bad))[0] == 400


async def test_further_calls() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        assert (await binance.get("/api/v3/ping"))[:2] == (200, {})
        for path in ("avgPrice", "ticker/price", "ticker/bookTicker"):
            assert (await binance.get(f"/api/v3/{path}", symbol="BTCUSDT"))[0] == 200
        _, body, _ = await binance.get("/api/v3/ticker/price", symbols='["BTCUSDT","ETHUSDT"]')
        assert [one["symbol"] for one in body] == ["BTCUSDT", "ETHUSDT"]
        _, body, _ = await binance.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", limit=3)
        assert [row[0] % 3_600_000 for row in body] == [0, 0, 0]
        assert [later[0] - row[0] for row, later in pairwise(body)] == [3_600_000] * 2
        start = body[0][0]
        _, pages, _ = await binance.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", limit=2, startTime=start)
        assert pages == body[:2]
        for interval in ("1m", "1h", "1w"):  # so a client asks since when there are any
            _, first, _ = await binance.get("/api/v3/klines", symbol="BTCUSDT", interval=interval, limit=2, startTime=0)
            assert len(first) == 2
        await windows(binance)
        _, body, _ = await htx.get("/market/trade", symbol="btcusdt")
        assert body["status"] == "ok"
        _, body, _ = await htx.get("/market/history/kline", symbol="btcusdt", period="1day", size=2)
        assert [row["id"] % 86_400 for row in body["data"]] == [57_600] * 2  # midnight in UTC+8
        assert (await binance.get("/api/v3/nothing"))[0] == 404


async def test_lists_of_all_markets_let_none_begin() -> None:
    """Those that did are told of by what they are."""
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        spot = sum(one.kind == "spot" for one in sim.exchange.instruments.values())
        for path in ("24hr", "bookTicker"):
            _, rows, _ = await binance.get(f"/api/v3/ticker/{path}")
            assert len(rows) == spot
            assert all(Decimal(value) > 0 for row in rows for name, value in row.items() if name.endswith("Price"))
        _, body, _ = await htx.get("/market/tickers")
        assert len(body["data"]) == spot
        assert all(row["bid"] < row["ask"] for row in body["data"])
        assert sim.exchange.next_ns is None
        async with binance.socket("/ws/btcusdt@trade") as socket:
            await socket.some(20)
        _, rows, _ = await binance.get("/api/v3/ticker/24hr")
        row = next(row for row in rows if row["symbol"] == "BTCUSDT")
        _, one, _ = await binance.get("/api/v3/ticker/24hr", symbol="BTCUSDT")
        assert abs(Decimal(row["lastPrice"]) / Decimal(one["lastPrice"]) - 1) < Decimal("0.01")
        assert Decimal(row["lastQty"]) > 0
        assert row["lastId"] > 0


@pytest.mark.parametrize(
    ("venue", "path", "query"),
    [
        ("binance.spot", "/api/v3/depth", {"symbol": "NOSUCH"}),
        ("binance.spot", "/api/v3/exchangeInfo", {"symbol": "NOSUCH"}),
        ("binance.spot", "/api/v3/ticker/24hr", {"symbol": "NOSUCH"}),
        ("htx.spot", "/market/depth", {"symbol": "nosuch", "type": "step0"}),
        ("htx.spot", "/market/history/kline", {"symbol": "nosuch", "period": "1min"}),
    ],
)
async def test_an_unknown_symbol(venue: str, path: str, query: dict[str, str]) -> None:
    async with serve(3) as sim, clients(sim.at, venue) as [client]:
        status, body, _ = await client.get(path, **query)
        answers = venues.named(venue).answers
        assert answers is not None
        error = answers.error(Reply(status, {}, msgspec.json.encode(body)), venue, 0)
        assert isinstance(error, UnknownSymbol)


async def test_weight_is_counted_refused_and_banned() -> None:
    async with serve(3, ["binance"]) as sim, clients(sim.at, "binance.spot") as [client]:
        _, _, before = await client.get("/api/v3/time")
        _, _, headers = await client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
        used = int(headers["X-MBX-USED-WEIGHT-1M"])
        assert used in (250, int(before["X-MBX-USED-WEIGHT-1M"]) + 250)
        statuses: list[int] = []
        # The window is a minute of the clock: where one ends in between, the count begins anew.
        while len(statuses) < 300 and 418 not in statuses:
            status, body, headers = await client.get("/api/v3/depth", symbol="STEEMBTC", limit=5000)
            statuses.append(status)
            if status != 200:
                assert body["code"] == -1003
                assert int(headers["Retry-After"]) > 0
                declared = venues.named("binance.spot").answers
                assert declared is not None
                told = {"retry-after": headers["Retry-After"]}
                error = declared.error(Reply(status, told, b'{"code":-1003}'), "binance.spot", 0)
                assert isinstance(error, Banned if status == 418 else RateLimited)
        assert [status for status in statuses if status != 200][:3] == [429, 429, 429]
        assert statuses[-1] == 418


async def test_requests_are_counted_by_the_second() -> None:
    async with serve(3, ["htx"]) as sim, clients(sim.at, "htx.spot") as [client]:
        body: dict[str, str] = {}
        for _ in range(1000):
            status, body, headers = await client.get("/v1/common/timestamp")
            assert status == 200
            if body["status"] != "ok":
                break
            assert int(headers["X-HB-RateLimit-Requests-Remain"]) >= 0
        assert body["err-code"] == "rate-too-many-requests"


async def test_a_path_alone_tells_whose_it_is() -> None:
    async with serve(3, ["binance.spot", "htx"]) as sim, aiohttp.ClientSession() as session:
        for path, status in (
            ("/api/v3/time", 200), ("/v1/common/timestamp", 200), ("/nowhere", 404),
        ):  # fmt: skip
            async with session.get(f"http://{sim.at}{path}") as reply:
                assert reply.status == status
        async with session.ws_connect(f"ws://{sim.at}/stream?streams=btcusdt@trade") as ws:
            assert Decimal((await ws.receive_json())["data"]["p"]) > 0
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:  # both venues have one
            await session.ws_connect(f"ws://{sim.at}/ws")
        assert refused.value.status == 404
        async with session.get(f"http://{sim.at}/api/v3/time", headers={"Host": "example.com"}) as reply:
            assert reply.status == 404
