"""The day whose protocol the venues speak: what was retired, before and after."""

import datetime as dt

import aiohttp
import pytest
from tests.unit.sim_server.rig import clients

from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.io.clock import now
from tidebook.sim.server import serve
from tidebook.sim.server.spoken import spoken
from tidebook.sim.server.tally import LONGEST, NAMES, OTHERS, Tally
from tidebook.venues import every

RETIRED = [
    (route.method, route.path, route.until)
    for venue in every().values()
    if venue.name in ("binance.spot", "htx.spot")
    for route in spoken(venue).dialect.routes
    if route.until is not None
]


async def asked(date: dt.date, method: str, path: str) -> tuple[int, bytes, bool]:
    """The status, the body, and whether the question counts as one for something retired."""
    query = {"symbol": "BTCUSDT", "interval": "1m"}
    async with (
        serve(3, ["binance"], date=date) as sim,
        aiohttp.ClientSession() as session,
        session.request(
            method, f"http://{sim.at}{path}", params=query, headers={"Host": "api.binance.com", "X-MBX-APIKEY": "k"}
        ) as reply,
    ):
        body = await reply.read()
        assert not sim.tally.unanswered
        return reply.status, body, bool(sim.tally.retired)


def test_something_was_retired() -> None:
    assert {path for _, path, _ in RETIRED} >= {"/api/v3/userDataStream", "/api/v1/depth", "/api/v1/klines"}


@pytest.mark.parametrize(("method", "path", "until"), RETIRED)
async def test_a_call_that_was_retired(method: str, path: str, until: dt.date) -> None:
    status, body, retired = await asked(until - dt.timedelta(days=1), method, path)
    if path.endswith("userDataStream"):
        assert (status, body) == (401, b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}')
    else:
        assert status == 200
    assert not retired
    status, body, retired = await asked(until, method, path)
    assert (status, len(body)) == (410, 136)
    assert b"<h1>410 Gone</h1>" in body
    assert retired


async def test_an_older_version_says_the_same() -> None:
    async with serve(3, ["binance"], date="2026-03-24") as sim, clients(sim.at, "binance.spot") as [client]:
        _, old, _ = await client.get("/api/v1/klines", symbol="BTCUSDT", interval="1d", limit=3)
        _, new, _ = await client.get("/api/v3/klines", symbol="BTCUSDT", interval="1d", limit=3)
        assert old[:2] == new[:2]


async def test_the_tickers_of_all_markets() -> None:
    names = ["!ticker@arr", "!miniTicker@arr", "btcusdt@ticker", "btcusdt@miniTicker", "ethusdt@trade"]
    async with (
        serve(3, ["binance"], date="2026-03-25") as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/ws/0") as socket,
    ):
        await socket.say(method="SUBSCRIBE", params=names, id=1)
        arrays: dict[str, list[dict[str, object]]] = {}
        alone: dict[str, dict[str, object]] = {}
        while len(arrays) < 2 or len(alone) < 2:
            message = await socket.hear()
            if isinstance(message, list) and len(message) == 2:  # those markets that somebody asked for
                arrays[message[0]["e"]] = message
            elif isinstance(message, dict) and message.get("e") in ("24hrTicker", "24hrMiniTicker"):
                alone[message["e"]] = message
        for kind, rows in arrays.items():
            assert {row["s"] for row in rows} == {"BTCUSDT", "ETHUSDT"}
            assert [row["e"] for row in rows] == [kind] * 2
            assert [*rows[0]] == [*rows[1]] == [*alone[kind]]
        assert not sim.tally.retired


async def test_what_is_not_listed_has_no_ticker() -> None:
    async with (
        serve(3, ["binance"]) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/ws") as socket,
    ):
        await socket.say(method="SUBSCRIBE", params=["!miniTicker@arr", "btcusdt@trade", "ethusdt@trade"], id=1)
        await socket.until(lambda one: isinstance(one, list) and len(one) == 2)
        sim.delist("ETH/USDT")
        rows = await socket.some(2, lambda one: isinstance(one, list))
        assert {row["s"] for row in rows[-1]} == {"BTCUSDT"}


async def test_a_stream_that_was_retired_is_silent() -> None:
    async with (
        serve(3, ["binance"], date="2026-03-26") as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/stream") as socket,
    ):
        await socket.say(method="SUBSCRIBE", params=["!ticker@arr", "!miniTicker@arr", "btcusdt@trade"], id=1)
        assert await socket.hear() == {"result": None, "id": 1}
        heard = [one["stream"] for one in await socket.some(200, lambda one: "stream" in one)]
        assert "!miniTicker@arr" in heard
        assert "!ticker@arr" not in heard
        assert sim.tally.retired == {"topic !ticker@arr": 1}
        assert not sim.tally.unanswered


async def test_the_clocks_show_this_machines_time() -> None:
    async with serve(3, date="2020-02-29") as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        assert sim.date == dt.date(2020, 2, 29)
        wall = now().wall_ns // 1_000_000
        _, body, _ = await binance.get("/api/v3/time")
        assert abs(body["serverTime"] - wall) < 60_000
        _, body, _ = await htx.get("/v1/common/timestamp")
        assert abs(body["data"] - wall) < 60_000


async def test_without_a_date_it_is_today() -> None:
    before = now().wall_ns // (86400 * SECOND)
    async with serve(3) as sim:
        days = sim.date.toordinal() - dt.date(1970, 1, 1).toordinal()
        assert before <= days <= now().wall_ns // (86400 * SECOND)


@pytest.mark.parametrize("date", ["", "today", "2026-2-1", "2026-02-30", "20260219", "2026-W08-4", "२०२६-०२-१९"])
async def test_a_date_that_is_none(date: str) -> None:
    with pytest.raises(UsageError, match="is no date"):
        serve(3, date=date)


async def test_what_has_no_answer_is_counted() -> None:
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        for path in ("/api/v3/ping", "/api/v3/nothing", "/fapi/v1/time"):
            await binance.get(path)
        async with binance.socket("/ws") as socket:
            await socket.say(method="SUBSCRIBE", params=["btcusdt@nothing", "nosuch@trade", "btcusdt@trade"], id=1)
            await socket.hear()
            await socket.say(method="NOTHING", id=2)
            await socket.until(lambda one: "code" in one)
        async with htx.socket("/feed") as socket:
            await socket.say(sub="market.btcusdt.depth.step0", id="1")  # not there, but on /ws
            await socket.hear()
            await socket.say(req="market.btcusdt.mbp.150", id="2")
            await socket.until(lambda one: "rep" in one)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with htx.socket("/nowhere"):
                pass
        assert sim.tally.unanswered == {
            "GET api.binance.com/api/v3/nothing": 1,
            "GET api.binance.com/fapi/v1/time": 1,
            "topic btcusdt@nothing": 1,
            "topic nosuch@trade": 1,
            "message NOTHING": 1,
            "topic market.btcusdt.depth.step0": 1,
            "WS api.huobi.pro/nowhere": 1,
        }
        assert set(sim.tally.made) - set(sim.tally.unanswered) == {
            "GET api.binance.com/api/v3/ping",
            "WS stream.binance.com/ws",
            "topic btcusdt@trade",
            "WS api.huobi.pro/feed",
            "message market.btcusdt.mbp.150",
        }


def test_what_is_counted_has_an_end() -> None:
    tally = Tally()
    for n in range(NAMES + 100):
        tally.ask(f"topic {n} {'x' * 1000}", answered=n % 2 == 0)
    assert (tally.made.total(), tally.unanswered.total()) == (NAMES + 100, NAMES // 2 + 50)
    assert len(tally.made) == NAMES + 1
    assert tally.made[OTHERS] == 100
    assert max(map(len, tally.made)) == LONGEST
