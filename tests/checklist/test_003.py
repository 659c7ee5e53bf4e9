"""Document 003, asyncio for bots: one test a statement, on real sockets against one embedded exchange.

The document is of 2021; its programs are restated for Bybit v5 in examples/compat and run here.
"""

import asyncio
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.served import Exchange, served

from tidebook.compat import pybotters
from tidebook.compat.pybotters.apis import where
from tidebook.core.effects import Request
from tidebook.core.sign import Stamp
from tidebook.errors import NetworkError, NoCredentials, NotPermitted, UsageError, VenueClosed
from tidebook.io.serve import Answer, Asked, Served, Server
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.venues import named

PROGRAMS = Path(__file__).parents[2] / "examples" / "compat"
HOST = "https://api.bybit.com"
TICKERS = f"{HOST}/v5/market/tickers"
STREAM = "wss://stream.bybit.com/v5/public/inverse"
PRIVATE = "wss://stream.bybit.com/v5/private"
SYMBOLS = ("BTCUSD", "ETHUSD", "EOSUSD", "XRPUSD")
APIS = {"bybit": ["a-key", "a-secret"], "bybit_testnet": ["another", "its-secret"]}
SUBSCRIBE = {"op": "subscribe", "args": ["tickers.BTCUSD"]}
LATEST = 30.0


def asked(symbol: str = "BTCUSD") -> dict[str, str]:
    return {"category": "inverse", "symbol": symbol}


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with served("bybit", seed=3) as one:
        yield one


@pytest.fixture
async def client(running: Exchange, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[pybotters.Client]:
    monkeypatch.setenv("TIDEBOOK_AT", running.at)
    async with asyncio.timeout(LATEST), pybotters.Client(apis=APIS) as opened:
        yield opened


@asynccontextmanager
async def program(running: Exchange, name: str, *, loop: str = "asyncio") -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of the document, run as it stands; with `loop` another's `run` in its last line."""
    text = (PROGRAMS / f"pybotters_{name}.py").read_text()
    if loop != "asyncio":
        text = f"import {loop}\n" + text.replace("asyncio.run(main())", f"{loop}.run(main())")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", text, env={**os.environ, "TIDEBOOK_AT": running.at},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LATEST):
            yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


ENDING = ("rest1", "rest2", "rest3", "rest4", "rest5", "rest6", "order2")
_ALL = """
import runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="__main__")
    print("----- end")
"""


@pytest.fixture(scope="module")
def printed(running: Exchange) -> dict[str, str]:
    """What each program prints that ends by itself; one after the other in a process of their own."""
    paths = [str(PROGRAMS / f"pybotters_{name}.py") for name in ENDING]
    done = subprocess.run(
        [sys.executable, "-c", _ALL, *paths], env={**os.environ, "TIDEBOOK_AT": running.at},
        capture_output=True, text=True, timeout=LATEST, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return dict(zip(ENDING, done.stdout.split("----- end\n"), strict=False))


async def test_S52_a_ticker_by_an_asynchronous_session(printed: dict[str, str], client: pybotters.Client) -> None:
    async with client.get(f"{TICKERS}?category=inverse&symbol=BTCUSD") as response:
        assert (response.status, response.reason, response.host) == (200, "OK", "api.bybit.com")
        assert json.loads(await response.text()) == await response.json()
    text = printed["rest1"]
    assert json.loads(text)["result"]["list"][0]["symbol"] == "BTCUSD"


async def test_S53_parameters_are_a_mapping_and_the_body_is_read_by_key(
    printed: dict[str, str], client: pybotters.Client
) -> None:
    response = await client.get(TICKERS, params=asked("ETHUSD"))
    assert response.url.query["symbol"] == "ETHUSD"
    assert (await response.json())["result"]["list"][0]["symbol"] == "ETHUSD"
    assert "'symbol': 'BTCUSD'" in printed["rest2"]


async def test_S54_leaving_the_session_closes_all_of_it(running: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", running.at)
    before = asyncio.all_tasks()
    async with pybotters.Client() as client:
        for _ in range(5):
            await client.get(TICKERS, params=asked())  # nothing is released by hand
        await client.ws_connect(STREAM, send_json=SUBSCRIBE)
    assert asyncio.all_tasks() == before
    with pytest.raises(UsageError):
        await client.get(TICKERS, params=asked())


class Slow:
    """Answers all that is asked for together once so many are there, or each by itself."""

    def __init__(self, together: int) -> None:
        self._barrier = asyncio.Barrier(together)
        self.most = self._now = 0

    async def http(self, request: Asked) -> Answer:
        if request.query.endswith("=never"):
            await asyncio.Event().wait()
        self._now += 1
        self.most = max(self.most, self._now)
        await self._barrier.wait()
        self._now -= 1
        return Answer(200, json.dumps({"asked": request.query}).encode())

    async def websocket(self, request: Asked, socket: Served) -> None:
        raise AssertionError(request)


@asynccontextmanager
async def slow(together: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Slow, pybotters.Client]]:
    """A venue of which hosts and signatures alone are declared: it is asked for nothing else."""
    site = Slow(together)
    async with Server(site) as server, asyncio.timeout(LATEST):
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        async with pybotters.Client() as client:
            yield site, client
        assert server.error is None


BOARD = "https://api.bitflyer.com/v1/getboard"


async def test_S55_one_after_the_other_or_all_at_once(printed: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    async with slow(1, monkeypatch) as (site, client):
        for symbol in SYMBOLS:
            await client.get(BOARD, params={"product_code": symbol})
        assert site.most == 1
    async with slow(4, monkeypatch) as (site, client):  # it answers none before all four are there
        tasks = [asyncio.create_task(client.get(BOARD, params={"product_code": symbol})) for symbol in SYMBOLS]
        await asyncio.gather(*tasks)
        assert site.most == 4
    text = printed["rest3"]
    assert [text.count(f"'symbol': '{symbol}'") for symbol in SYMBOLS] == [1, 1, 1, 1]


async def test_S56_tasks_give_their_values(printed: dict[str, str], client: pybotters.Client) -> None:
    tasks = [asyncio.create_task(client.fetch("GET", TICKERS, params=asked(symbol))) for symbol in SYMBOLS]
    found = [(await task).data["result"]["list"][0]["symbol"] for task in tasks]
    assert found == [*SYMBOLS]
    text = printed["rest4"]
    assert [text.count(f"'symbol': '{symbol}'") for symbol in SYMBOLS] == [1, 1, 1, 1]


async def test_S57_gather_takes_them_bare_and_keeps_the_order(
    printed: dict[str, str], client: pybotters.Client
) -> None:
    responses = await asyncio.gather(*(client.get(TICKERS, params=asked(symbol)) for symbol in SYMBOLS))
    assert [response.url.query["symbol"] for response in responses] == [*SYMBOLS]
    text = printed["rest5"]
    places = [text.index(f"'symbol': '{symbol}'") for symbol in SYMBOLS]
    assert places == sorted(places)


async def test_S58_as_completed_gives_each_when_it_is_there(printed: dict[str, str], client: pybotters.Client) -> None:
    coros = [client.get(TICKERS, params=asked(symbol)) for symbol in SYMBOLS]
    found = [(await one).url.query["symbol"] for one in asyncio.as_completed(coros)]
    assert sorted(found) == sorted(SYMBOLS)
    text = printed["rest6"]
    assert [text.count(f"'symbol': '{symbol}'") for symbol in SYMBOLS] == [1, 1, 1, 1]


async def test_S59_a_timeout_ends_a_call_and_leaves_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    async with slow(2, monkeypatch) as (_, client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get(BOARD, params={"product_code": "never"}), timeout=0.05)
        with pytest.raises(TimeoutError):
            await client.get(BOARD, params={"product_code": "never"}, timeout=0.05)
        _, waiting = await asyncio.wait([asyncio.create_task(client.get(BOARD))], timeout=0)
        responses = await asyncio.gather(*waiting, client.get(BOARD))
        assert [response.status for response in responses] == [200, 200]


async def test_S60_what_is_read_may_go_to_a_thread(client: pybotters.Client) -> None:
    store = pybotters.BybitDataStore()
    await client.ws_connect(STREAM, send_json={"op": "subscribe", "args": ["orderbook.50.BTCUSD"]},
                            hdlr_json=store.onmessage)  # fmt: skip
    while not store.orderbook.find():
        await store.wait()
    sides = store.orderbook.sorted({"s": "BTCUSD"})

    def mean() -> float:
        prices = [float(row["p"]) for rows in sides.values() for row in rows]
        return sum(prices) / len(prices)

    middle = await asyncio.to_thread(mean)
    assert float(sides["b"][-1]["p"]) < middle < float(sides["a"][-1]["p"])


async def test_S61_a_socket_is_subscribed_and_iterated(client: pybotters.Client) -> None:
    async with client.ws_connect(STREAM) as ws:
        await ws.send_json(SUBSCRIBE)
        async for message in ws:
            assert message.type == pybotters.WSMsgType.TEXT
            if message.json().get("topic") == "tickers.BTCUSD":  # at once, nothing is awaited
                break


async def test_S62_iterating_ends_when_it_is_closed_and_goes_on_after_a_loss(
    running: Exchange, client: pybotters.Client
) -> None:
    ws = await client.ws_connect(STREAM, send_json=SUBSCRIBE)
    first = ws.current_ws
    answers = 0
    async for message in ws:
        if message.json().get("op") == "subscribe":
            answers += 1
            if answers == 1:
                running.do(lambda sim: sim.faults.cut("bybit.inverse"))
            if answers == 2:
                await ws.close()
    assert answers == 2
    assert first is not None
    assert first.closed
    with pytest.raises(UsageError):
        await ws


async def test_S62_what_was_said_by_hand_ends_with_its_connection(running: Exchange, client: pybotters.Client) -> None:
    """As with aiohttp. To go on without it would be to wait in silence for ever: it is not said again."""
    async with client.ws_connect(STREAM) as ws:
        await ws.send_json(SUBSCRIBE)
        while (await ws.receive()).json().get("op") != "subscribe":
            pass
        running.do(lambda sim: sim.faults.cut("bybit.inverse"))
        with pytest.raises(NetworkError, match="send_json="):
            [message async for message in ws]
        assert ws.closed


async def test_S63_ctrl_c_leaves_quietly(running: Exchange) -> None:
    async with program(running, "ws1", loop="tidebook") as child:
        assert child.stdout is not None
        while b"tickers.BTCUSD" not in await child.stdout.readline():
            pass
        child.send_signal(signal.SIGINT)
        _, err = await child.communicate()
    assert (child.returncode, err) == (130, b"")


async def test_S64_a_receiver_in_the_background(running: Exchange) -> None:
    async with program(running, "ws2") as child:
        assert child.stdout is not None
        seen: set[bytes] = set()
        while not {b"WebSocket\n", b"REST API\n", b"--------\n"} <= seen:
            seen.add(await child.stdout.readline())
        child.send_signal(signal.SIGINT)
        await child.communicate()


async def test_S65_a_signed_order_is_sent_and_confirmed(printed: dict[str, str], client: pybotters.Client) -> None:
    about = {"category": "linear", "symbol": "BTCUSDT"}
    text = printed["order2"]
    assert "'retMsg': 'OK'" in text
    there = (await client.fetch("GET", f"{HOST}/v5/order/realtime", params=about)).data["result"]["list"]
    (new,) = [order for order in there if order["orderId"] in text]
    assert (new["side"], new["orderType"], new["qty"]) == ("Buy", "Limit", "0.001")
    assert (await client.fetch("POST", f"{HOST}/v5/order/cancel", data={**about, "orderId": new["orderId"]})).data[
        "retCode"
    ] == 0


async def test_S66_get_post_and_socket_are_signed_each_in_its_way(client: pybotters.Client) -> None:
    """As the document does by hand (order1), so it does by itself; what is signed wrongly is refused."""
    key, secret = SIMULATOR.key.reveal(), SIMULATOR.secret.reveal()
    at = str(int(time.time() * 1000))

    def by_hand(said: str, secret: str = secret) -> dict[str, str]:
        signature = hmac.new(secret.encode(), f"{at}{key}5000{said}".encode(), hashlib.sha256).hexdigest()
        names = ("X-BAPI-API-KEY", "X-BAPI-TIMESTAMP", "X-BAPI-RECV-WINDOW", "X-BAPI-SIGN")
        return dict(zip(names, (key, at, "5000", signature), strict=True))

    url = f"{HOST}/v5/account/wallet-balance"
    query = "accountType=UNIFIED"
    hand = await client.get(f"{url}?{query}", headers=by_hand(query), auth=None)
    own = await client.get(url, params={"accountType": "UNIFIED"})
    assert (await hand.json())["retCode"] == (await own.json())["retCode"] == 0
    wrong = await client.get(f"{url}?{query}", headers=by_hand(query, "wrong"), auth=None)
    assert (await wrong.json())["retCode"] == 10004
    order = {"category": "linear", "symbol": "BTCUSDT", "orderId": "none"}
    body = json.dumps(order)
    cancel = f"{HOST}/v5/order/cancel"
    hand = await client.post(cancel, data=body, headers=by_hand(body), auth=None)
    own = await client.post(cancel, data=order)
    assert (await hand.json())["retCode"] == (await own.json())["retCode"] == 110001  # there is no such order
    assert (await client.ws_connect(PRIVATE)).current_ws is not None  # it is let in, else it would raise


async def test_S67_the_host_says_whose_key_it_is(client: pybotters.Client, tmp_path: Path) -> None:
    hosts = {
        "https://api.bybit.com/v5/order/create": "bybit",
        "https://api-testnet.bybit.com/v5/order/create": "bybit_testnet",
        "https://api-demo.bybit.com/v5/order/create": "bybit_demo",
        "wss://stream-testnet.bybit.com/v5/private": "bybit_testnet",
        "https://testnet.binance.vision/api/v3/account": "binancespot_testnet",
        "https://testnet.binancefuture.com/dapi/v1/account": "binancefuture_testnet",
        "https://testnet-api.phemex.com/accounts": "phemex_testnet",
        "https://api.bitflyer.com/v1/me/getbalance": "bitflyer",
        "https://api-futures.kucoin.com/api/v1/orders": "kucoin",
    }
    assert {url: where(url).names[0] for url in hosts} == hosts
    assert where("https://www.okx.com/api/v5/account/balance", {"x-simulated-trading": "1"}).names == ("okx_demo",)
    assert where("https://testnet.binancefuture.com/dapi/v1/account").venue.name == "binance.coinm"
    testnet = await client.get("https://api-testnet.bybit.com/v5/account/wallet-balance?accountType=UNIFIED")
    assert (await testnet.json())["retCode"] == 0
    assert "bybit.spot:testnet" in repr(client)
    (path := tmp_path / "apis.json").write_text(json.dumps({"bybit_testnet": ["a", "b"]}))
    async with pybotters.Client(apis=path) as other:
        with pytest.raises(NoCredentials, match=r"apis\['bybit'\].*Nothing was sent"):
            await other.post(f"{HOST}/v5/order/create", data={})
        with pytest.raises(NoCredentials, match="Nothing was opened"):
            other.ws_connect(PRIVATE)
        with pytest.raises(UsageError, match="no host of a venue"):
            await other.get("https://example.com/")


SIGNED = {
    "bybit": "https://api.bybit.com/v5/account/info", "binance": "https://api.binance.com/api/v3/account",
    "phemex": "https://api.phemex.com/accounts/accountPositions", "bitflyer": "https://api.bitflyer.com/v1/me/getbalance",
    "gmocoin": "https://api.coin.z.com/private/v1/account/margin", "bitbank": "https://api.bitbank.cc/v1/user/assets",
    "coincheck": "https://coincheck.com/api/accounts/balance",
}  # fmt: skip
CLOSED = {"ftx": "ftx.com", "liquid": "api.liquid.com", "bitmex": "www.bitmex.com"}


async def test_S68_public_and_signing_half() -> None:
    """Of each the host finds the signer, which signs; of those that have closed nothing is sent."""
    stamp = Stamp(1_700_000_000_000_000_000, 1_700_000_000_000, bytes(16))
    for name, url in SIGNED.items():
        place = where(url)
        assert place.names == (name,)
        assert place.venue.sign is not None
        assert not place.venue.public("GET", url.partition("/")[2].partition("/")[2].partition("?")[0])
        made = {
            str(place.venue.sign.sign(Request("GET", url), Credentials.of("key", secret, source="a test"), stamp))
            + repr([one.reveal() for one in _secrets(place.venue.sign.sign(
                Request("GET", url), Credentials.of("key", secret, source="a test"), stamp
            ))])
            for secret in ("a-secret", "another")
        }  # fmt: skip
        assert len(made) == 2, f"{name}: the secret changes nothing"
    async with pybotters.Client(apis=dict.fromkeys(CLOSED, ("a", "b"))) as client:
        for host in CLOSED.values():
            with pytest.raises(VenueClosed):
                await client.get(f"https://{host}/api/v1/anything")


def _secrets(request: Request) -> list[Any]:
    return [*request.secrets.values(), *([] if request.signed is None else [request.signed])]


async def test_S69_endpoints_by_path_and_parameters(client: pybotters.Client) -> None:
    found = await client.fetch("GET", f"{HOST}/v5/market/time")
    assert found.response.status == 200
    assert found.data["result"].keys() == {"timeSecond", "timeNano"}
    missing = await client.fetch("GET", f"{HOST}/v5/market/no-such-path")
    assert missing.response.status == 404
    assert not missing.data


async def test_S70_a_base_url_is_said_once(running: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", running.at)
    async with pybotters.Client(base_url=HOST) as client:
        response = await client.get("/v5/market/tickers", params=asked())
        assert str(response.url).startswith(f"{HOST}/v5/market/tickers?")
    async with pybotters.Client() as client:
        with pytest.raises(UsageError, match="no base_url"):
            await client.get("/v5/market/tickers")


async def test_S71_sockets_are_tasks_that_come_back(running: Exchange, client: pybotters.Client) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    app = client.ws_connect(STREAM, send_json=SUBSCRIBE, hdlr_json=lambda message, ws: heard.put_nowait((message, ws)))
    sockets: set[object] = set()
    while len(sockets) < 2:
        message, socket = await heard.get()
        if message.get("op") == "subscribe":
            sockets.add(socket)
            if len(sockets) == 1:
                running.do(lambda sim: sim.faults.cut("bybit.inverse"))
    assert (await app).current_ws in sockets
    async with program(running, "ws3") as child:
        assert child.stdout is not None
        while b"tickers.BTCUSD" not in await child.stdout.readline():
            pass
        child.send_signal(signal.SIGINT)
        await child.communicate()


async def test_S72_stores_are_kept_right_and_can_be_waited_for(running: Exchange, client: pybotters.Client) -> None:
    store = pybotters.BybitDataStore()
    topics = ["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT", "tickers.BTCUSDT"]
    await client.ws_connect("wss://stream.bybit.com/v5/public/linear", send_json={"op": "subscribe", "args": topics},
                            hdlr_json=store.onmessage)  # fmt: skip
    await client.ws_connect(PRIVATE, send_json={"op": "subscribe", "args": ["order", "wallet", "position"]},
                            hdlr_json=store.onmessage)  # fmt: skip
    while not (store.orderbook.find() and store.trade.find() and store.ticker.find()):
        await store.wait()
    best = store.orderbook.sorted({"s": "BTCUSDT"}, limit=1)
    with store.order.watch() as changes:
        order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001",
                 "price": str(round(float(best["b"][0]["p"]) - 300))}  # fmt: skip
        id = (await client.fetch("POST", f"{HOST}/v5/order/create", data=order)).data["result"]["orderId"]
        async for change in changes:
            if change.data["orderId"] == id:
                break
        assert store.order.get({"orderId": id}) is not None
        await client.post(f"{HOST}/v5/order/cancel", data={"category": "linear", "symbol": "BTCUSDT", "orderId": id})
        while (change := await changes.get()).operation != "delete":
            pass
    await store.initialize(
        client.get(f"{HOST}/v5/order/realtime", params={"category": "linear", "symbol": "BTCUSDT"}),
        client.get(f"{HOST}/v5/account/wallet-balance", params={"accountType": "UNIFIED"}),
    )
    assert store.order.get({"orderId": id}) is None
    assert store.wallet.find({"accountType": "UNIFIED"})
    # A gap: it is empty rather than wrong, and whole again by itself.
    running.do(lambda sim: sim.faults.drop("bybit.linear", topics[0], 1))
    while store.orderbook.initialized["BTCUSDT"]:
        await store.wait()
    assert store.orderbook.find() == []
    while not store.orderbook.initialized["BTCUSDT"]:
        await store.wait()
    sides = store.orderbook.sorted({"s": "BTCUSDT"})
    assert float(sides["b"][0]["p"]) < float(sides["a"][0]["p"])


def test_S73_types_are_there_and_sockets_are_free() -> None:
    assert files("tidebook").joinpath("py.typed").is_file()
    assert not [name for name in pybotters.__all__ if not hasattr(pybotters, name)]


async def test_S75_messages_print_readably_and_hold_no_secret(client: pybotters.Client) -> None:
    response = await client.get(f"{HOST}/v5/account/wallet-balance", params={"accountType": "UNIFIED"})
    app = await client.ws_connect(PRIVATE)
    shown = f"{response!r} {app!r} {app.current_ws!r} {client!r}"
    assert "\n" not in shown
    assert " 200 " in shown
    for secret in (SIMULATOR.key.reveal(), SIMULATOR.secret.reveal(), *APIS["bybit"]):
        assert secret not in shown


class Refusing:
    """A venue that lets nobody in."""

    async def http(self, request: Asked) -> Answer:
        return Answer(200, b'{"retCode":0,"result":{"timeNano":"1700000000000000000","list":[]},"time":1700000000000}')

    async def websocket(self, request: Asked, socket: Served) -> None:
        await socket.receive()
        await socket.send('{"success":false,"ret_msg":"error:request expired","op":"auth","conn_id":"1"}')
        await socket.receive()


async def test_a_refused_login_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server(Refusing()) as server, asyncio.timeout(LATEST):
        monkeypatch.setenv("TIDEBOOK_AT", server.at)
        async with pybotters.Client(apis=APIS) as client:
            app = client.ws_connect(PRIVATE, hdlr_json=lambda message, ws: None)
            with pytest.raises(NotPermitted, match="request expired"):
                await app
            with pytest.raises(NotPermitted):
                await app.wait()
    assert named("bybit.spot").sign is not None
