"""What a served venue says to subscriptions, in the words that its declaration has: invented venues, in `venues/`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from tests.unit.sim_server.rig import GENEROUS

from tidebook import venues
from tidebook.core.clock import Now
from tidebook.core.desk import Desk
from tidebook.core.raw import Raw, RawPlan
from tidebook.core.stream import Flow
from tidebook.engine.contract import Engine
from tidebook.io.driver import Driver
from tidebook.io.place import loopback
from tidebook.sim import serve

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("invented")]


class Talk:
    """A connection of a client that knows nothing of ours. Trades are heard by the way."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self.trades: list[Any] = []

    async def ask(self, message: Any) -> None:
        await self._ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def hear(self) -> Any:
        """The next message that is no trade; a bare word as it is."""
        async with asyncio.timeout(GENEROUS):
            while True:
                text = await self._ws.receive_str()
                if text[:1] not in "[{":
                    return text
                message = json.loads(text)
                if "price" not in text:
                    return message
                self.trades.append(message)

    async def trade(self) -> Any:
        """The next trade."""
        async with asyncio.timeout(GENEROUS):
            while True:
                text = await self._ws.receive_str()
                if "price" in text:
                    return json.loads(text)


@asynccontextmanager
async def talk(name: str) -> AsyncIterator[Talk]:
    headers = {"Host": f"{name}.spoken.invalid"}
    async with (
        serve(3, [f"spoken.{name}"], symbols=["BTC/USDT", "ETH/USDT"]) as sim,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://{sim.at}/ws", headers=headers) as ws,
    ):
        yield Talk(ws)


def arg(id: str, channel: str = "trades") -> dict[str, str]:
    return {"channel": channel, "id": id}


async def test_topics_that_are_objects_are_answered_one_by_one() -> None:
    bad = [arg("NONE"), arg("BTC-USDT", "x"), {"channel": "trades"}, {"channel": "closed", "kind": "spot"}, "trades"]
    async with talk("objects") as one:
        await one.ask({"ref": "7", "op": "subscribe", "args": [arg("BTC-USDT"), *bad, arg("ETH-USDT")]})
        answers = [await one.hear() for _ in range(7)]
        assert answers[0] == {"ref": "7", "event": "subscribe", "arg": arg("BTC-USDT")}
        assert answers[-1] == {"ref": "7", "event": "subscribe", "arg": arg("ETH-USDT")}
        assert [(one["ref"], one["event"], one["code"]) for one in answers[1:-1]] == [("7", "error", "404")] * 5
        assert answers[1]["msg"] == "no trades NONE"
        assert answers[4]["msg"] == "no closed spot"
        seen = {(await one.trade())["data"]["id"] for _ in range(30)}
        assert seen == {"BTC-USDT", "ETH-USDT"}
        await one.ask({"op": "unsubscribe", "args": [arg("BTC-USDT"), arg("ETH-USDT")]})
        assert await one.hear() == {"event": "unsubscribe", "arg": arg("BTC-USDT")}, "no id: none is given back"
        assert await one.hear() == {"event": "unsubscribe", "arg": arg("ETH-USDT")}


async def test_a_venue_that_says_nothing_of_unknown_topics_refuses_what_is_none() -> None:
    async with talk("deaf") as one:
        await one.ask({"ref": 7, "op": "subscribe", "args": [{"channel": "trades"}, arg("NONE")]})
        assert await one.hear() == {"ref": 7, "event": "error", "code": "400", "msg": "not understood"}
        assert await one.hear() == {"ref": 7, "event": "subscribe", "arg": arg("NONE")}


async def test_bytes_are_counted() -> None:
    async with talk("objects") as one:
        await one.ask({"ref": 1, "op": "subscribe", "args": [arg(f"{n}-{'X' * 20}") for n in range(20)]})
        assert (await one.hear())["code"] == "405", "one message"
        await one.ask({"ref": 2, "op": "subscribe", "args": [arg("X" * 40) for _ in range(4)]})
        assert [(await one.hear())["code"] for _ in range(4)] == ["404"] * 4, "one topic is counted once"
        await one.ask({"ref": 3, "op": "subscribe", "args": [arg(f"{n}-{'X' * 40}") for n in range(4)]})
        assert (await one.hear())["code"] == "405", "the connection"
        await one.ask({"ref": 4, "op": "subscribe", "args": [arg("BTC-USDT")]})
        assert (await one.hear())["event"] == "subscribe"


async def test_bare_words() -> None:
    async with talk("objects") as one:
        await one.ask("ping")
        assert await one.hear() == "pong"
        await one.ask("pings")
        assert await one.hear() == {"event": "error", "code": "400", "msg": "not understood"}
    async with talk("lists") as one:
        assert await one.hear() == "there?"
        await one.ask("here")
        assert await one.hear() == "there?"


async def test_a_ping_of_the_client_by_message() -> None:
    async with talk("part") as one:
        await one.ask({"req_id": "x", "op": "ping"})
        answer = await one.hear()
        assert (answer["req_id"], answer["op"]) == ("x", "pong")
        assert isinstance(answer["at"], int)
        await one.ask({"op": "ping"})
        assert (await one.hear()).keys() == {"op", "at"}


async def test_some_are_refused_where_others_are_acknowledged() -> None:
    async with talk("part") as one:
        await one.ask({"op": "subscribe", "args": ["trades.BTC-USDT", "trades.NONE", "x"]})
        some = {"bad": ["trades.NONE", "x"], "good": ["trades.BTC-USDT"]}
        assert await one.hear() == {"data": some, "type": "response"}
        assert (await one.trade())["data"]["id"] == "BTC-USDT"
        await one.ask({"req_id": "a", "op": "unsubscribe", "args": ["trades.BTC-USDT"]})
        assert await one.hear() == {"data": {"bad": [], "good": ["trades.BTC-USDT"]}, "type": "response"}


async def test_lists_are_complete_after_each_change() -> None:
    def all_of(*ids: str) -> list[Any]:
        return [{"T": "subscription", "trades": [*ids], "quotes": []}]

    async def answer(one: Talk) -> Any:
        while (said := await one.hear()) == "there?":
            await one.ask("here")
        return said

    async with talk("lists") as one:
        await one.ask({"action": "subscribe", "trades": ["BTC-USDT"]})
        assert await answer(one) == all_of("BTC-USDT")
        await one.ask({"action": "subscribe", "trades": ["ETH-USDT"], "quotes": []})
        assert await answer(one) == all_of("BTC-USDT", "ETH-USDT")
        assert (await one.trade())[0]["T"] == "t"
        await one.ask({"action": "subscribe", "trades": ["NONE"]})
        assert await answer(one) == [{"T": "error", "code": 404, "msg": "no trades NONE"}]
        await one.ask({"action": "unsubscribe", "trades": ["BTC-USDT"]})
        assert await answer(one) == all_of("ETH-USDT")
        await one.ask({"action": "subscribe", "trades": ["a", "b", "c"]})
        assert await answer(one) == [{"T": "error", "code": 405, "msg": "too many topics"}]
        await one.ask({"action": "unsubscribe"})
        assert await answer(one) == all_of("ETH-USDT")


WANTED = {
    "objects": ("trades BTC-USDT", "trades NONE", "trades ETH-USDT"),
    "part": ("trades.BTC-USDT", "trades.NONE", "trades.ETH-USDT"),
    "lists": ("trades BTC-USDT", "trades ETH-USDT"),
}


@pytest.mark.parametrize("name", WANTED)
async def test_our_side_and_the_servers_speak_the_same(name: str, engine: Engine) -> None:
    """Each topic is acknowledged or refused for itself, data comes, and pings keep the connection alive."""
    venue = venues.named(f"spoken.{name}")
    topics = WANTED[name]
    async with serve(3, [venue.name], symbols=["BTC/USDT", "ETH/USDT"]) as sim:
        desk = Desk(venue.name, engine)
        driver = Driver(desk, on_event=lambda event: None, remap=loopback(sim.at))
        seen: set[str] = set()
        closed: list[Flow] = []
        raws: list[Raw] = []

        def hear(frame: bytes, now: Now) -> None:
            said = json.loads(frame)
            seen.add((said[0] if isinstance(said, list) else said["data"])["id"])

        def want(now: Now) -> None:
            plan = RawPlan(venue.name, "r", venue.endpoints[0], topics)
            raw = desk.want_raw(plan, now)
            raw.deliver = hear
            raw.changed_to = lambda raw: closed.append(raw.flow)
            raws.append(raw)

        try:
            driver.tell(want)
            async with asyncio.timeout(GENEROUS):
                while len(seen) < 2 or raws[0].flow is Flow.OPENING:  # noqa: ASYNC110 - polled on purpose
                    await asyncio.sleep(0.01)
                heard = desk.received
                while desk.received < heard + 20:  # noqa: ASYNC110 - polled on purpose
                    await asyncio.sleep(0.01)
        finally:
            await driver.close()
    assert seen == {"BTC-USDT", "ETH-USDT"}
    if "NONE" in str(topics):
        assert "NONE" in str(raws[0].error)
        assert closed == [Flow.FAILED]
    else:
        assert raws[0].error is None
        assert closed == [Flow.OPEN]
