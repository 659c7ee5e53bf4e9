"""Four secrets go through everything that can go wrong, and are seen nowhere."""

import asyncio
import io
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from tidebook import Limit, MarketOrder, Options, OutcomeUnknown, TidebookError, connect
from tidebook.client.market import Market
from tidebook.io.serve import Answer, Asked, Served
from tidebook.model.credentials import Credentials, Secret
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio

CANARIES = ["canary-key-4b1d", "canary-secret-77ae", "canary-passphrase-e01c", "canary-listen-93f0"]
LISTEN = CANARIES[3]
KEY = Credentials.of(CANARIES[0], CANARIES[1], CANARIES[2], source="the canaries")
PATHS = {"binance.spot": "/api/v3/*", "bybit.spot": "/v5/*"}
FAR = Limit("BTC/USDT", "buy", size="0.001", price="30000")


def seen_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def all_of(error: BaseException) -> str:
    """Everything that a program may write down of an error: the locals of all frames too, and what it was caused by."""
    told = [f"{error!r} {error} {vars(error)}"]
    for shows in (True, False):
        found = traceback.TracebackException.from_exception(error, capture_locals=shows, compact=False)
        told.append("".join(found.format(chain=True)))
    if isinstance(error, TidebookError):
        told.append(repr(pickle.dumps(error)))
    return "\n".join(told)


@pytest.fixture
async def heard() -> AsyncIterator[io.StringIO]:
    """All that is logged meanwhile, of anybody, at DEBUG."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    yield said
    asyncio.get_running_loop().set_debug(False)
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(params=PATHS)
async def rig(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, heard: io.StringIO
) -> AsyncIterator[tuple[serve, Market, str, io.StringIO]]:
    venue: str = request.param
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", KEY)
    async with serve(seed=3, venues=[venue], symbols=["BTC/USDT"]) as sim:
        sim.open_account(venue, KEY, {"USDT": "100000", "BTC": "2"})
        options = Options(resolve_timeout=0.4, request_timeout=2.0)
        async with connect(venue, at=sim.at, options=options) as market:
            yield sim, market, PATHS[venue], heard


async def test_whatever_fails_no_secret_is_told(rig: tuple[serve, Market, str, io.StringIO]) -> None:
    sim, market, path, heard = rig
    venue = path and sim.venues[0]
    told = io.StringIO()  # not a list: it stands among the locals of frames whose locals are told
    failed = 0

    async def tried(doing: Callable[[], Awaitable[Any]]) -> None:
        nonlocal failed
        try:
            told.write(repr(await doing()))
        except TidebookError as error:
            failed += 1
            told.write(all_of(error))

    await tried(lambda: market.submit(FAR))
    await tried(lambda: market.submit(Limit("BTC/USDT", "buy", size="50", price="60000")))
    await tried(lambda: market.get("https://elsewhere.example/x"))
    await tried(lambda: market.cancel("no-such-order", symbol="BTC/USDT"))
    for point in ("unread", "read", "accepted", "answer", "late", "status"):
        sim.faults.order(point, venue, path, n=4, seconds=3.0)
        await tried(lambda: market.submit(MarketOrder("BTC/USDT", "sell", size="0.001")))
        await tried(market.fetch_balances)
        sim.faults.resume(venue)
    sim.faults.cut(venue, seconds=3600)
    await tried(market.fetch_balances)
    await tried(lambda: market.submit(FAR))
    sim.faults.resume(venue)
    sim.faults.status(429, venue, n=3)
    await tried(market.fetch_balances)
    things: list[object] = [market, market.stats, vars(market), market.unresolved]
    for one in market._venues(None):
        things += [one, vars(one.private), vars(one.desk.requests), one._keys]
    for thing in things:
        told.write(repr(thing))
    assert failed >= 12
    assert seen_in(told.getvalue()) == []
    assert heard.getvalue()
    assert seen_in(heard.getvalue()) == []


class Between:
    """Stands before a simulator: its listen key is the canary, and what it was sent it says back as `mode` says.

    ``echo``: HTTP is answered with a refusal that repeats it, an upgrade is refused, a login is, or the connection is
    closed with it. ``moved``: all is redirected to `other`, ``stream moved``: streams alone.
    """

    def __init__(self, site: Any) -> None:
        self.site = site
        self.mode = ""
        self.status = 301
        self.other = ""
        self.moved = 0
        self.signatures: list[str] = []  # of logins, as they came

    async def http(self, request: Asked) -> Answer:
        if self.mode == "moved":
            return self._moved(request)
        if "listenKey" in request.path:
            if self.mode == "echo":
                text = f'{{"code":-1125,"msg":"This {LISTEN} is not {request.query}{request.body.decode()}"}}'
                return Answer(400, text.encode())
            return Answer(200, f'{{"listenKey":"{LISTEN}"}}'.encode())
        found: Answer = await self.site.http(request)
        return found

    async def websocket(self, request: Asked, socket: Served) -> None:
        if self.mode in ("moved", "stream moved"):
            socket.refuse(self._moved(request))
        elif self.mode == "refuse":
            socket.refuse(Answer(403, f"no {request.path} {request.query}".encode(), {"X-Why": request.path}))
        else:
            message = await socket.receive() if "bybit" in request.host else LISTEN
            if "bybit" in request.host:
                signature = msgspec.json.decode(message or b"{}")["args"][2]
                self.signatures.append(signature)
                said = {"op": "auth", "success": False, "ret_msg": f"odd {signature}", "conn_id": "1", "code": "9"}
                await socket.send(msgspec.json.encode(said).decode())
                message = signature
            await socket.send(f'{{"e":"ORDER_TRADE_UPDATE","x":"{message!s}')  # no JSON, and says it all the same
            await socket.close(4000, f"gone: {str(message)[:100]}")

    def _moved(self, request: Asked) -> Answer:
        self.moved += 1
        query = f"?{request.query}" if request.query else ""
        return Answer(self.status, b"", {"Location": f"http://{self.other}{request.path}{query}"})


@pytest.mark.parametrize("venue", ["binance.usdm", "bybit.linear"])
async def test_no_listen_key_and_no_signature_of_a_login_is_told(
    venue: str, heard: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.StringIO()
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", KEY)
    async with serve(seed=3, venues=[venue], symbols=["BTC/USDT:USDT"]) as sim:
        sim.open_account(venue, KEY, {"USDT": "100000"})
        between = sim._server._site = Between(sim._simulator)
        for mode in ("", "refuse", "echo"):
            options = Options(backoff_first=0.02, backoff_most=0.05)
            async with connect(venue, at=sim.at, options=options, timeout=20) as market:
                for between.mode in (mode,) if "bybit" in venue else ("", mode):  # it refuses for good
                    failing = market.account(timeout=0.5)
                    with pytest.raises(TidebookError) as error:
                        await failing
                    told.write(all_of(error.value))
                    told.write("\n".join(map(repr, [failing, market, *market._healths.ring])))
                one = market._connected[0]
                told.write(f"{vars(one.desk)} {one.desk.lines} {[vars(line.raw) for line in one.desk.lines]}")
    assert (between.signatures != []) == (venue == "bybit.linear")
    CANARIES.extend(between.signatures)
    try:
        assert len(told.getvalue()) > 1000
        assert seen_in(told.getvalue()) == []
        assert heard.getvalue()
        assert seen_in(heard.getvalue()) == []
    finally:
        del CANARIES[4:]


async def test_redirects_carry_nothing_of_them(heard: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked, signed or not, over HTTP or for a stream: where it is sent to nobody calls."""
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", KEY)
    calls, got = 0, bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        got.extend(await reader.read(1 << 16))
        writer.close()

    venue = "binance.usdm"
    other = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with other, serve(seed=3, venues=[venue], symbols=["BTC/USDT:USDT"]) as sim:
        sim.open_account(venue, KEY, {"USDT": "100000"})
        between = sim._server._site = Between(sim._simulator)
        host, port = other.sockets[0].getsockname()
        between.other = f"{host}:{port}"
        options = Options(backoff_first=0.02, backoff_most=0.05, resolve_timeout=0.1)
        async with connect(venue, at=sim.at, options=options, timeout=20) as market:
            for between.status in (301, 302, 303, 307, 308):
                between.mode, between.moved = "moved", 0
                asked: list[Callable[[], Awaitable[Any]]] = [
                    lambda: market.get("/fapi/v1/depth", {"symbol": "BTCUSDT"}),
                    market.fetch_balances,
                    lambda: market.post("/fapi/v1/order", {"symbol": "BTCUSDT"}),
                    lambda: market.submit(Limit("BTC/USDT:USDT", "buy", size="0.01", price="30000")),
                ]
                for doing in asked:
                    with pytest.raises(TidebookError) as error:
                        await doing()
                    assert str(between.status) in str(error.value) or isinstance(error.value, OutcomeUnknown)
                    assert seen_in(all_of(error.value)) == []
                assert between.moved >= 4
                between.mode, between.moved = "stream moved", 0
                with pytest.raises(TidebookError):
                    await market.account(timeout=0.3)
                assert between.moved
        reader, writer = await asyncio.open_connection(host, port)  # it does hear what comes
        writer.write(b"canary")
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
    assert (calls, bytes(got)) == (1, b"canary")
    assert seen_in(heard.getvalue()) == []


async def test_this_test_would_see_one() -> None:
    def leaks(secret: str) -> None:
        raise TidebookError("something else")

    with pytest.raises(TidebookError) as told:
        leaks(CANARIES[1])
    assert seen_in(all_of(told.value)) == [CANARIES[1]]
    assert seen_in(f"{KEY!r} {KEY} {[KEY]} {KEY.key:>30}") == []
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARIES[0]))
