"""Faults on request, each as a client sees it."""

from typing import Any

import aiohttp
import pytest
from tests.unit.sim_server.rig import clients

from tidebook.errors import UsageError
from tidebook.sim import Fault, serve

pytestmark = pytest.mark.asyncio

TRADES = "/ws/btcusdt@trade"
DEPTH = "/ws/btcusdt@depth@100ms"


def ids(messages: list[Any]) -> list[int]:
    return [message["t"] for message in messages]


async def test_cut() -> None:
    async with serve(1) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        async with binance.socket(TRADES) as cut, htx.socket("/ws") as kept:
            sim.faults.cut("binance")
            while await cut.hear() is not None:
                pass
            await kept.say(sub="market.btcusdt.bbo", id="1")
            assert (await kept.hear())["status"] == "ok"
        async with binance.socket(TRADES) as again:
            await again.some(1)
        sim.faults.cut("binance", seconds=1000)
        with pytest.raises(aiohttp.ClientError):
            async with binance.socket(TRADES):
                pass
        with pytest.raises(aiohttp.ClientError):
            await binance.get("/api/v3/ping")
        sim.faults.resume()
        assert (await binance.get("/api/v3/ping"))[0] == 200


async def test_shutdown() -> None:
    async with serve(1) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        async with binance.socket(TRADES) as raw, binance.socket("/stream?streams=btcusdt@trade") as wrapped:
            sim.faults.shutdown("binance", 0.5)
            assert await raw.until(lambda m: m.get("e") == "serverShutdown")
            assert (await wrapped.until(lambda m: m["stream"] == "!serverShutdown"))["data"]["e"] == "serverShutdown"
            assert await wrapped.some(1)  # it goes on until it is closed
            for socket in (raw, wrapped):
                while await socket.hear() is not None:
                    pass
                assert socket.ws.close_code == 1001
        async with htx.socket("/ws") as silent, binance.socket(TRADES) as again:
            sim.faults.shutdown("htx", 0.0)
            assert await silent.hear() is None  # this venue has no word for it
            await again.some(1)


async def test_a_connection_has_its_life() -> None:
    async with serve(1, ["binance"], lives=1.0 / 24 / 3600) as sim, clients(sim.at, "binance.spot") as [client]:
        async with client.socket(TRADES) as socket:
            while await socket.hear() is not None:
                pass
            assert socket.ws.close_code == 1001
        async with client.socket(TRADES) as socket:
            await socket.some(1)


async def test_drop_and_duplicate() -> None:
    async with (
        serve(1, ["binance"]) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket(TRADES) as socket,
    ):
        await socket.some(2)
        sim.faults.drop("binance.spot", "btcusdt@trade", 2)
        # What was under way already comes first.
        await socket.until(lambda m: len(socket.seen) > 1 and m["t"] - socket.seen[-2]["t"] == 3)
        sim.faults.duplicate("binance.spot", "btcusdt@*", 2)
        await socket.until(lambda m: m["t"] == socket.seen[-2]["t"])
        seen = ids([*socket.seen, *await socket.some(10)])
        assert len(seen[-12:]) - len(set(seen[-12:])) == 2


async def test_silence_ends_by_itself() -> None:
    async with (
        serve(1, ["binance"]) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket(DEPTH) as socket,
    ):
        before = (await socket.some(3))[-1]
        sim.faults.silence(None, "*@depth*", 1.0)
        after = (await socket.some(1))[0]
        # What was under way already comes first.
        while after["U"] <= before["u"] + 1:
            before, after = after, (await socket.some(1))[0]
        assert after["E"] - before["E"] >= 1000


async def test_a_gap_at_second_two_is_always_the_same() -> None:
    async def gap() -> tuple[int, int]:
        async with serve(1, ["binance"]) as sim, clients(sim.at, "binance.spot") as [client]:
            sim.faults.drop("binance", "btcusdt@depth@100ms", at=2.0)
            async with client.socket(DEPTH) as socket:
                before = await socket.hear()
                while (after := await socket.hear())["U"] == before["u"] + 1:
                    before = after
                return before["u"], after["U"]

    assert await gap() == await gap()


async def test_snapshots_late_and_old() -> None:
    async with serve(1) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        async with binance.socket(DEPTH) as socket:
            await socket.some(15)
            _, fresh, _ = await binance.get("/api/v3/depth", symbol="BTCUSDT")
            sim.faults.old_snapshot(1.0, "binance")
            _, old, _ = await binance.get("/api/v3/depth", symbol="BTCUSDT")
            assert socket.seen[0]["U"] < old["lastUpdateId"] < fresh["lastUpdateId"]
            truth = sim.book_at("binance.spot", "BTC/USDT", old["lastUpdateId"], 100)
            assert [f"{price}000000" for price, _ in truth.bids] == [price for price, _ in old["bids"]]
            sim.faults.late_snapshot(0.5, "binance")
            _, late, _ = await binance.get("/api/v3/depth", symbol="BTCUSDT")
            await socket.until(lambda m: m["U"] > late["lastUpdateId"])  # messages that came before it was there
            _, after, _ = await binance.get("/api/v3/depth", symbol="BTCUSDT")
            assert after["lastUpdateId"] > late["lastUpdateId"] > old["lastUpdateId"]
        topic = "market.btcusdt.mbp.150"
        async with htx.socket("/feed") as socket:
            await socket.say(sub=topic, id="1")
            await socket.until(lambda m: "ch" in m)
            sim.faults.late_snapshot(0.5, "htx")
            await socket.say(req=topic, id="2")
            reply = await socket.until(lambda m: "rep" in m)
            assert [m for m in socket.seen if "ch" in m and m["tick"]["prevSeqNum"] > reply["data"]["seqNum"]]


async def test_status() -> None:
    async with serve(1) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        sim.faults.status(429, "binance", retry_after=7)
        status, body, headers = await binance.get("/api/v3/time")
        assert (status, body["code"], headers["Retry-After"]) == (429, -1003, "7")
        sim.faults.status(418, "binance", retry_after=90)
        status, _, headers = await binance.get("/api/v3/time")
        assert (status, headers["Retry-After"]) == (418, "90")
        sim.faults.status(503, "htx", n=2)
        assert [(await htx.get("/v1/common/timestamp"))[0] for _ in range(3)] == [503, 503, 200]


async def test_chance_is_of_the_seed() -> None:
    async def seen() -> list[int]:
        async with serve(4, ["binance"]) as sim, clients(sim.at, "binance.spot") as [client]:
            sim.faults(Fault("drop", "binance", "btcusdt@trade", count=1000, chance=0.5))
            async with client.socket(TRADES) as socket:
                return ids(await socket.some(20))

    first = await seen()
    assert first == await seen()
    assert first[-1] - first[0] > 20


async def test_over_http() -> None:
    async with serve(1, ["binance"]) as sim, clients(sim.at, "binance.spot") as [client]:
        async with aiohttp.ClientSession() as session:
            for body, status in (
                (b'{"kind":"status","venue":"binance","status":429}', 204),
                (b'[{"kind":"drop","topic":"x"},{"kind":"resume","at":60}]', 204),
                (b'{"kind":"earthquake"}', 400),
                (b'{"kind":"cut","venue":"okx"}', 400),
                (b'{"kind":"status","status":200}', 400),
                (b'{"kind":"silence","seconds":1e308}', 400),
                (b'{"kind":"silence","at":1e308}', 400),
                (b'{"kind":"clock","seconds":-1e12}', 400),
                (b"nothing", 400),
            ):
                async with session.post(f"http://{sim.at}/_sim/faults", data=body) as reply:
                    assert reply.status == status, await reply.text()
        assert (await client.get("/api/v3/time"))[0] == 429
        with pytest.raises(UsageError):
            sim.faults.cut("okx")


@pytest.mark.parametrize("seconds", [1e308, float("inf"), float("nan"), 366 * 86_400.1])
async def test_what_no_clock_can_count(seconds: float) -> None:
    for facts in ({"seconds": seconds}, {"at": seconds}):
        for kind in ("silence", "clock"):
            with pytest.raises(UsageError, match="a fault of impossible size"):
                Fault(kind, **facts)  # type: ignore[arg-type]
