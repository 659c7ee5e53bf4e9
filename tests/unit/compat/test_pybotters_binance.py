"""pybotters' stores for Binance, on real sockets against one embedded exchange."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout
from tests.served import Exchange, served

from tidebook.compat import pybotters
from tidebook.compat.pybotters.binance import BinanceDataStore
from tidebook.compat.pybotters.moved import moved
from tidebook.errors import NoCredentials, TidebookError, UnknownSymbol, UsageError

APIS = {"binance": ["a-key", "a-secret"]}
SPOT, USDM, COINM = "https://api.binance.com", "https://fapi.binance.com", "https://dapi.binance.com"
STREAM = "wss://stream.binance.com:9443/ws"
ACCOUNT = "wss://ws-api.binance.com/ws-api/v3"
LATEST = 30.0


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with served("binance", seed=3, speed=10.0) as one:
        yield one


@pytest.fixture
async def client(running: Exchange, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[pybotters.Client]:
    monkeypatch.setenv("TIDEBOOK_AT", running.at)
    async with asyncio.timeout(LATEST), pybotters.Client(apis=APIS) as opened:
        yield opened


def wanted(*topics: str) -> dict[str, Any]:
    return {"method": "SUBSCRIBE", "params": [*topics], "id": 1}


async def filled(collection: BinanceDataStore, *names: str) -> None:
    """Wait until each of these has rows."""
    while not all(len(collection[name]) for name in names):
        await collection.wait()


def best(store: BinanceDataStore, symbol: str, depth: int = 200) -> dict[str, list[dict[str, Any]]]:
    return store.orderbook.sorted({"s": symbol}, limit=depth)


async def test_spot_has_what_its_streams_say(client: pybotters.Client) -> None:
    store = pybotters.BinanceSpotDataStore()
    names = ("trade", "kline", "ticker", "bookticker")
    await client.ws_connect(
        STREAM, hdlr_json=store.onmessage,
        send_json=wanted("btcusdt@trade", "btcusdt@kline_1m", "btcusdt@ticker", "btcusdt@bookTicker"),
    )  # fmt: skip
    await filled(store, *names)
    (kline,) = store.kline.find({"s": "BTCUSDT", "i": "1m"})
    assert store.kline.get({"t": kline["t"], "s": "BTCUSDT", "i": "1m"}) is kline
    ticker, quote = store.ticker.get({"s": "BTCUSDT"}), store.bookticker.get({"s": "BTCUSDT"})
    assert ticker is not None
    assert quote is not None
    assert (ticker["e"], float(quote["b"]) < float(quote["a"])) == ("24hrTicker", True)
    assert store.ticker.get({"s": "ETHUSDT"}) is None
    assert {row["e"] for row in store.trade} == {"trade"}
    await store.initialize(client.get(f"{SPOT}/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1h"}))
    old = store.kline.find({"i": "1h"})
    assert len(old) == 500
    assert old[0].keys() == kline.keys()
    closed = [row["x"] for row in old]
    assert closed[0], "it has ended"
    assert not closed[-1], "it is under way"
    assert closed == sorted(closed, reverse=True)


@pytest.mark.parametrize(
    ("kind", "url", "path", "symbol", "venue"),
    [
        (pybotters.BinanceSpotDataStore, STREAM, f"{SPOT}/api/v3/depth", "BTCUSDT", "binance.spot"),
        (
            pybotters.BinanceUSDSMDataStore, "wss://fstream.binance.com/public/ws", f"{USDM}/fapi/v1/depth", "BTCUSDT",
            "binance.usdm",
        ),
        (
            pybotters.BinanceCOINMDataStore, "wss://dstream.binance.com/ws", f"{COINM}/dapi/v1/depth", "BTCUSD_PERP",
            "binance.coinm",
        ),
    ],
)  # fmt: skip
async def test_a_book_is_whole_and_after_a_gap_again(
    running: Exchange, client: pybotters.Client, caplog: pytest.LogCaptureFixture, kind: type[BinanceDataStore],
    url: str, path: str, symbol: str, venue: str,
) -> None:  # fmt: skip
    """The one that has followed all changes is equal to one that begins now, as far down as that is known."""
    topic = f"{symbol.lower()}@depth@100ms"
    old, young = kind(), kind()
    await client.ws_connect(url, send_json=wanted(topic), hdlr_json=[old.onmessage, young.onmessage])
    await old.wait()  # the stream runs: now the whole book
    assert not old.orderbook.find()

    async def whole(store: BinanceDataStore) -> None:
        await store.initialize(client.get(path, params={"symbol": symbol, "limit": "1000"}))
        while not store.orderbook.initialized[symbol]:
            await store.wait()

    await whole(old)
    running.do(lambda sim: sim.faults.drop(venue, topic, 1))
    while old.orderbook.initialized[symbol]:
        await old.wait()
    assert old.orderbook.find() == []
    assert "a gap: expected" in caplog.text
    while not old.orderbook.initialized[symbol]:
        await old.wait()
    for _ in range(3):
        await old.wait()
    await whole(young)
    for _ in range(2):
        await young.wait()
    both = best(old, symbol), best(young, symbol)
    assert both[0] == both[1]
    assert float(both[0]["b"][0]["p"]) < float(both[0]["a"][0]["p"])
    assert both[0]["a"][0].keys() == {"s", "S", "p", "q"}
    assert len(both[0]["a"]) == 200


async def test_a_book_is_asked_for_until_there_is_an_answer(
    running: Exchange, client: pybotters.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """A gap comes with a bad line, over which the first question may have no answer either."""
    store, topic = pybotters.BinanceSpotDataStore(), "ethusdt@depth@100ms"
    await client.ws_connect(STREAM, send_json=wanted(topic), hdlr_json=store.onmessage)
    await store.wait()
    await store.initialize(client.get(f"{SPOT}/api/v3/depth", params={"symbol": "ETHUSDT", "limit": "1000"}))
    while not store.orderbook.initialized["ETHUSDT"]:
        await store.wait()
    client._timeout = 0.5
    running.do(lambda sim: sim.faults.late_snapshot(60.0, "binance.spot"))
    running.do(lambda sim: sim.faults.drop("binance.spot", topic, 1))
    while store.orderbook.initialized["ETHUSDT"]:
        await store.wait()
    while not store.orderbook.initialized["ETHUSDT"]:
        await store.wait()
    assert "the book of ETHUSDT is asked for again" in caplog.text
    assert store.orderbook.find({"s": "ETHUSDT"})


async def order(client: pybotters.Client, url: str, price: str, **more: str) -> int:
    data = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
    answer = await client.fetch("POST", url, data={**data, "price": price, **more})
    assert answer.response.status == 200, answer.text
    return int(answer.data["orderId"])


async def test_spot_has_orders_and_the_account(client: pybotters.Client) -> None:
    store, url = pybotters.BinanceSpotDataStore(), f"{SPOT}/api/v3/order"
    await client.ws_connect(ACCOUNT, hdlr_json=store.onmessage)  # logs in, and asks for the account, by itself
    with store.order.watch() as changes:
        id = await order(client, url, "50000")
        made = await changes.get()
        assert (made.operation, made.data["i"], made.data["X"]) == ("update", id, "NEW")
        row = store.order.get({"s": "BTCUSDT", "i": id})
        assert row is not None
        while store.account.get({"a": "USDT"}) is None:
            await store.account.wait()
        again = pybotters.BinanceSpotDataStore()
        await again.initialize(
            client.get(f"{SPOT}/api/v3/openOrders", params={"symbol": "BTCUSDT"}), client.get(f"{SPOT}/api/v3/account")
        )
        asked = again.order.get({"s": "BTCUSDT", "i": id})
        assert asked is not None
        shared = asked.keys() & row.keys() - {"E"}  # here the order's, there the message's
        assert {name: asked[name] for name in shared} == {name: row[name] for name in shared}
        assert {"p", "q", "z", "S", "o", "X"} <= shared
        assert again.account.get({"a": "USDT"}) == store.account.get({"a": "USDT"})
        answer = await client.fetch("DELETE", url, data={"symbol": "BTCUSDT", "orderId": id})
        assert answer.data["status"] == "CANCELED"
        gone = await changes.get()
        assert gone.operation == "delete"
        assert gone.data["i"] == id
    assert store.order.find() == []
    refused = await client.fetch("DELETE", url, data={"symbol": "BTCUSDT", "orderId": id})
    assert (refused.response.status, refused.data["code"]) == (400, -2011)


async def test_usdm_has_orders_positions_and_balances(client: pybotters.Client) -> None:
    store, url = pybotters.BinanceUSDSMDataStore(), f"{USDM}/fapi/v1/order"
    await store.initialize(
        client.post(f"{USDM}/fapi/v1/listenKey"), client.get(f"{USDM}/fapi/v2/balance"),
        client.get(f"{USDM}/fapi/v2/positionRisk"), client.get(f"{USDM}/fapi/v1/openOrders"),
    )  # fmt: skip
    assert store.listenkey
    usdt = store.balance.get({"a": "USDT"})
    assert usdt is not None
    before = usdt["wb"]
    await client.ws_connect(
        f"wss://fstream.binance.com/private/ws?listenKey={store.listenkey}", hdlr_json=store.onmessage
    )
    with store.order.watch() as changes:
        id = await order(client, url, "50000")
        while (change := await changes.get()).data["i"] != id:
            pass
        assert store.order.find({"i": id})[0]["S"] == "BUY"
        await client.fetch("DELETE", url, data={"symbol": "BTCUSDT", "orderId": id})
        while (change := await changes.get()).operation != "delete":
            pass
        assert change.data["i"] == id
    answer = await client.fetch(
        "POST", url, data={"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    )
    assert answer.response.status == 200
    while not float((store.position.get({"s": "BTCUSDT", "ps": "BOTH"}) or {"pa": 0})["pa"]):
        await store.position.wait()
    usdt = store.balance.get({"a": "USDT"})
    assert usdt is not None
    assert float(usdt["wb"]) < float(before)  # the fee
    again = pybotters.BinanceUSDSMDataStore()
    await again.initialize(client.get(f"{USDM}/fapi/v3/positionRisk"))
    mine, told = (one.position.get({"s": "BTCUSDT", "ps": "BOTH"}) for one in (again, store))
    assert mine is not None
    assert told is not None
    assert (float(mine["pa"]), float(mine["ep"])) == (float(told["pa"]), float(told["ep"]))


async def test_futures_have_marks_and_continuous_klines(client: pybotters.Client) -> None:
    store = pybotters.BinanceUSDSMDataStore()
    topics = ("!markPrice@arr@1s", "btcusdt_perpetual@continuousKline_1m", "btcusdt@aggTrade", "btcusdt@miniTicker")
    await client.ws_connect("wss://fstream.binance.com/market/ws", send_json=wanted(*topics), hdlr_json=store.onmessage)
    await filled(store, "markprice", "continuouskline", "trade", "ticker")
    assert {"BTCUSDT", "ETHUSDT"} <= {row["s"] for row in store.markprice}
    (bar,) = store.continuouskline
    assert (bar["ps"], bar["ct"], bar["i"]) == ("BTCUSDT", "PERPETUAL", "1m")


async def test_streams_of_usdm_by_their_old_addresses_are_opened_where_they_are_now(client: pybotters.Client) -> None:
    store = pybotters.BinanceUSDSMDataStore()
    old = "wss://fstream.binance.com"
    await client.ws_connect(f"{old}/stream", send_json=wanted("btcusdt@depth@100ms"), hdlr_json=store.onmessage)
    await client.ws_connect(f"{old}/ws/btcusdt@aggTrade", hdlr_json=store.onmessage)
    await store.initialize(
        client.post(f"{USDM}/fapi/v1/listenKey"), client.get(f"{USDM}/fapi/v1/depth", params={"symbol": "BTCUSDT"})
    )
    await client.ws_connect(f"{old}/ws/{store.listenkey}", hdlr_json=store.onmessage)
    id = await order(client, f"{USDM}/fapi/v1/order", "50000")
    while not (store.order.find({"i": id}) and store.orderbook.find() and store.trade.find()):
        await store.wait()
    await client.fetch("DELETE", f"{USDM}/fapi/v1/order", data={"symbol": "BTCUSDT", "orderId": id})


@pytest.mark.parametrize(
    ("old", "said", "now"),
    [
        ("/ws/btcusdt@bookTicker", b"", "/public/ws/btcusdt@bookTicker"),
        ("/stream?streams=btcusdt@depth5@100ms/!bookTicker", b"",
         "/public/stream?streams=btcusdt@depth5@100ms/!bookTicker"),
        ("/ws", b'{"method": "SUBSCRIBE", "params": ["!markPrice@arr@1s"]}', "/market/ws"),
        ("/market/ws", b"", "/market/ws"),
        ("/pm/ws/a-key", b"", "/pm/ws/a-key"),
    ],
)  # fmt: skip
def test_the_old_addresses_of_usdm(old: str, said: bytes, now: str) -> None:
    host = "wss://fstream.binance.com"
    assert moved(host + old, [said, b"no JSON"]) == host + now
    assert moved("wss://dstream.binance.com" + old, [said]) == "wss://dstream.binance.com" + old


async def test_what_one_connection_cannot_have_any_more_is_said(client: pybotters.Client) -> None:
    both = wanted("btcusdt@depth", "btcusdt@aggTrade")
    with pytest.raises(UsageError, match="one of btcusdt@depth, one of btcusdt@aggTrade"):
        client.ws_connect("wss://fstream.binance.com/ws", send_json=both)
    with pytest.raises(UsageError, match="Give what is wanted as send_json="):
        client.ws_connect("wss://fstream.binance.com/ws")


def test_stores_that_are_not_here_say_what_is() -> None:
    with pytest.raises(AttributeError, match=r"'bitFlyerDataStore'\. There are the stores of Binance and Bybit"):
        pybotters.bitFlyerDataStore  # type: ignore[attr-defined]  # noqa: B018


async def test_what_is_refused_is_told(client: pybotters.Client, caplog: pytest.LogCaptureFixture) -> None:
    """What HTTP refuses raises by what it means, also where its answer is no JSON; a message is logged."""
    store = pybotters.BinanceSpotDataStore()
    with pytest.raises(TidebookError, match="410"):  # listen keys are gone since 2026-02-20
        await store.initialize(client.post(f"{SPOT}/api/v3/userDataStream"))
    assert store.listenkey is None
    with pytest.raises(UnknownSymbol, match="Invalid symbol"):
        await store.initialize(client.get(f"{SPOT}/api/v3/depth", params={"symbol": "NOPE"}))
    with caplog.at_level(logging.WARNING, "tidebook.compat"):
        store.onmessage({"error": {"code": 2, "msg": "Invalid request"}, "id": 1})
    assert "refused: {'error': {'code': 2" in caplog.text


async def test_keys_from_the_file_that_the_environment_names(
    running: Exchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", running.at)
    monkeypatch.chdir(tmp_path)
    async with asyncio.timeout(LATEST), pybotters.Client() as nobody:
        with pytest.raises(NoCredentials, match=r"apis\['binance'\].*Nothing was sent"):
            await nobody.get(f"{SPOT}/api/v3/account")
    (tmp_path / "mine.json").write_text(json.dumps(APIS))
    monkeypatch.setenv("PYBOTTERS_APIS", "mine.json")
    async with asyncio.timeout(LATEST), pybotters.Client() as client:
        assert (await client.get(f"{SPOT}/api/v3/account")).status == 200
    (tmp_path / "apis.json").write_text("{}")  # the one here goes before
    async with asyncio.timeout(LATEST), pybotters.Client() as other:
        with pytest.raises(NoCredentials):
            await other.get(f"{SPOT}/api/v3/account")


async def test_what_a_venue_lists_is_not_asked_for(running: Exchange, client: pybotters.Client) -> None:
    """URLs need no instruments, and no socket does: what was asked for is asked, and the venue's time."""
    before = running.do(lambda sim: dict(sim.tally.made))
    response = await client.get(f"{USDM}/fapi/v1/ticker/price", params={"symbol": "BTCUSDT"})
    assert (await response.json())["symbol"] == "BTCUSDT"
    await client.ws_connect("wss://fstream.binance.com/market/ws", send_json=wanted("btcusdt@aggTrade"))
    after = running.do(lambda sim: dict(sim.tally.made))
    asked = {name for name in after if after[name] > before.get(name, 0) and "fapi.binance.com" in name}
    assert asked == {"GET fapi.binance.com/fapi/v1/time", "GET fapi.binance.com/fapi/v1/ticker/price"}


async def test_what_programs_hand_to_aiohttp_is_taken(running: Exchange, client: pybotters.Client) -> None:
    asked: dict[str, Any] = {"params": {"symbol": "BTCUSDT"}, "timeout": ClientTimeout(total=20.0)}
    response = await client.get(f"{USDM}/fapi/v1/ticker/price", **asked)
    assert isinstance((await response.json(loads=partial(json.loads, parse_float=Decimal)))["time"], int)
    with pytest.raises(TimeoutError):
        await client.get(
            f"{USDM}/fapi/v1/ticker/price", params={"symbol": "BTCUSDT"}, timeout=ClientTimeout(total=1e-9)
        )
    topics = wanted("btcusdt@aggTrade")
    await client.ws_connect("wss://fstream.binance.com/market/ws", send_json=topics, backoff=(1.92, 60.0, 1.618, 5.0))
    with pytest.raises(UsageError, match="send_bytes"):
        client.ws_connect("wss://fstream.binance.com/market/ws", send_bytes=b"{}")
    async with pybotters.Client(timeout=ClientTimeout(total=20.0)) as other:
        assert (await other.get(f"{USDM}/fapi/v1/ping")).ok
