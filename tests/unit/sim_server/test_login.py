"""Logging in at the served exchange, as another library's client does it; and frames of several messages."""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest
from tests.unit.sim_server.rig import GENEROUS, Client, Sides, Socket, change, clients, of

from tidebook.client.market import connect
from tidebook.model.credentials import SIMULATOR
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio

PATH = "/v1beta3/crypto/us"
AUTH = {"action": "auth", "key": SIMULATOR.key.reveal(), "secret": SIMULATOR.secret.reveal()}
MINUTE_NS = 60 * 10**9
HEADERS = {"APCA-API-KEY-ID": AUTH["key"], "APCA-API-SECRET-KEY": AUTH["secret"]}


def error(code: int, text: str) -> list[dict[str, Any]]:
    return [{"T": "error", "code": code, "msg": text}]


async def hear(socket: Socket) -> Any:
    """The next frame: a list, which the rig's `hear` looks into for pings."""
    return await socket.hear()


async def greeted(socket: Socket) -> None:
    assert await hear(socket) == [{"T": "success", "msg": "connected"}]


async def entered(socket: Socket) -> None:
    await greeted(socket)
    await socket.say(**AUTH)
    assert await hear(socket) == [{"T": "success", "msg": "authenticated"}]


async def test_nothing_before_the_login_and_no_wrong_key() -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        async with client.socket(PATH) as socket:
            await greeted(socket)
            await socket.say(action="subscribe", trades=["BTC/USD"])
            assert await hear(socket) == error(401, "not authenticated")
            await socket.ws.send_str("no JSON")
            assert await hear(socket) == error(401, "not authenticated")
            await socket.say(**{**AUTH, "secret": "wrong"})
            assert await hear(socket) == error(402, "auth failed")
            assert await hear(socket) is None
        async with client.socket(PATH) as socket:
            await entered(socket)


async def test_one_connection_at_a_time() -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client], client.socket(PATH) as socket:
        await entered(socket)
        async with client.socket(PATH) as other:
            await greeted(other)
            await other.say(**AUTH)
            assert await hear(other) == error(406, "connection limit exceeded")
            assert await hear(other) is None
        await socket.say(action="subscribe", quotes=["BTC/USD"])
        assert (await hear(socket))[0]["quotes"] == ["BTC/USD"]


async def test_books_in_frames_of_several_messages_are_the_exchanges() -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client], client.socket(PATH) as socket:
        await entered(socket)
        await socket.say(action="subscribe", orderbooks=["BTC/USD", "ETH/USD"], trades=["BTC/USD"], bars=["BTC/USD"])
        answer = await hear(socket)
        assert [one["T"] for one in answer] == ["subscription"], "answers come alone"
        assert (answer[0]["orderbooks"], answer[0]["trades"]) == (["BTC/USD", "ETH/USD"], ["BTC/USD"])
        books: dict[str, Sides] = {}
        kinds: set[tuple[str, ...]] = set()
        changes = 0

        def take(frame: list[Any]) -> None:
            nonlocal changes
            kinds.add(tuple(sorted({one["T"] for one in frame})))
            for one in frame:
                if one["T"] != "o":
                    assert one["T"] == "t"
                    assert isinstance(one["p"], (Decimal, int))
                    continue
                if one.get("r"):
                    books[one["S"]] = ({}, {})
                else:
                    changes += 1
                change(books[one["S"]], *([(row["p"], row["s"]) for row in one[side]] for side in "ba"))

        async with asyncio.timeout(GENEROUS):
            while changes < 20 or not any(len(kind) > 1 for kind in kinds):
                take(await hear(socket))
            sim.rest()

            def same() -> bool:
                last = {name: sim.exchange.book("alpaca", name).update_id for name in books}
                return {name: of(sim.book_at("alpaca", name, last[name])) for name in books} == books

            while not same():
                take(await hear(socket))


async def test_rest_takes_no_key_or_the_right_one() -> None:
    async with serve(1, ["alpaca"]) as sim, clients(sim.at, "alpaca") as [client]:
        bars = f"{PATH}/bars"
        asked = {"symbols": "BTC/USD", "timeframe": "1Min", "limit": "2", "sort": "desc"}
        status, body, headers = await client.get(bars, **asked)
        assert (status, len(body["bars"]["BTC/USD"])) == (200, 2)
        assert headers["X-RateLimit-Remaining"] == "199"
        token = body["next_page_token"]
        _, more, _ = await client.get(bars, **asked, page_token=token)
        first, second = ([row["t"] for row in page["bars"]["BTC/USD"]] for page in (body, more))
        assert [*first, *second] == sorted({*first, *second}, reverse=True)
        assert await status_of(client, bars, {**HEADERS, "APCA-API-SECRET-KEY": "wrong"}, asked) == 403
        assert await status_of(client, bars, HEADERS, asked) == 200
        assert await status_of(client, "/v2/assets", {}, {}) == 403
        assert await status_of(client, "/v2/assets", HEADERS, {}) == 200
        status, body, _ = await client.get(bars, **{**asked, "symbols": "BTCUSD"})
        assert (status, body) == (400, {"message": "Invalid symbol(s): BTCUSD does not match ^[A-Z]+/[A-Z]+$"})


async def status_of(client: Client, path: str, headers: dict[str, str], query: dict[str, str]) -> int:
    given = {"Host": "api.alpaca.markets" if path.startswith("/v2") else "data.alpaca.markets", **headers}
    async with client._session.get(f"http://{client._at}{path}", params=query, headers=given) as reply:
        return reply.status


async def test_a_packed_book_is_the_exchanges() -> None:
    """Ours; and what it is sent, read by msgspec alone."""
    async with serve(1, ["alpaca"]) as sim:
        headers = {"Host": "stream.data.alpaca.markets", "Content-Type": "application/msgpack"}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://{sim.at}{PATH}", headers=headers) as ws,
        ):
            first = await ws.receive(GENEROUS)
            assert first.type is aiohttp.WSMsgType.BINARY
            assert msgspec.msgpack.decode(first.data) == [{"T": "success", "msg": "connected"}]
            await ws.send_bytes(msgspec.msgpack.encode(AUTH))
            assert msgspec.msgpack.decode((await ws.receive(GENEROUS)).data)[0]["msg"] == "authenticated"
            await ws.send_bytes(msgspec.msgpack.encode({"action": "subscribe", "orderbooks": ["BTC/USD"]}))
            assert msgspec.msgpack.decode((await ws.receive(GENEROUS)).data)[0]["orderbooks"] == ["BTC/USD"]
            (whole,) = msgspec.msgpack.decode((await ws.receive(GENEROUS)).data)
            assert whole["r"] is True
            assert isinstance(whole["t"], datetime)
            assert all(isinstance(row["p"], (int, float)) for row in whole["b"])
        async with (
            asyncio.timeout(GENEROUS),
            connect("alpaca", at=sim.at) as market,
            market.book("BTC/USD", kind="packed") as book,
        ):
            for _ in range(10):
                await book.next()
            sim.rest()
            true = sim.book_at("alpaca", "BTC/USD", sim.exchange.book("alpaca", "BTC/USD").update_id)
            while tuple({row.price: row.size for row in side} for side in book.top(None)) != of(true):
                await book.next()


async def test_history_in_short_pages_is_whole_both_ways() -> None:
    async with (
        asyncio.timeout(GENEROUS),
        serve(1, ["alpaca"]) as sim,
        connect("alpaca", at=sim.at) as market,
    ):
        newest = [bar.start_ns for bar in await market.fetch_bars("BTC/USD", limit=2_500)]
        assert newest == [*range(newest[0], newest[-1] + 1, MINUTE_NS)]
        assert len(newest) == 2_500
        asked = sim.tally.made["GET data.alpaca.markets/v1beta3/crypto/us/bars"]
        assert asked == 3
        again = [bar.start_ns for bar in await market.fetch_bars("BTC/USD", start=newest[0], end=newest[-1] + 1)]
        assert again == newest
        some = await market.fetch_bars("BTC/USD", start=newest[0], limit=1_001)
        assert [bar.start_ns for bar in some] == newest[:1_001]
