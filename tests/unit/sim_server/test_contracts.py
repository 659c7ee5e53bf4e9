"""Contracts as an invented exchange serves them: venues that share an address, marks, funding, liquidations."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.unit.sim_server.rig import Client, Sides, Socket, best, change, of

from tidebook import venues
from tidebook.errors import UsageError
from tidebook.sim.derived import next_funding_ns
from tidebook.sim.server import serve, spoken
from tidebook.sim.server.samples import samples

HOUR_MS = 3_600_000
STREAM, REST = "stream.acme.invalid", "api.acme.invalid"

pytestmark = pytest.mark.usefixtures("invented")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Acme(Client):
    """Names the invented hosts."""

    def __init__(self, session: aiohttp.ClientSession, at: str, rest: str = REST, stream: str = STREAM) -> None:
        self._session, self._at, self._rest, self._stream = session, at, rest, stream

    async def rows(self, path: str, category: str, **query: Any) -> Any:
        status, body, _ = await self.get(path, category=category, **query)
        assert status == 200
        return body["rows"]


async def subscribed(socket: Socket, *topics: str) -> Any:
    await socket.say(op="sub", args=[*topics], id=1)
    return await socket.until(lambda m: "ok" in m or "no" in m)


def of_topic(topic: str) -> Any:
    return lambda message: message.get("topic") == topic


# ------------------------------------------------------------------------------------------------ who is asked


async def test_venues_of_one_exchange_list_what_is_theirs(session: aiohttp.ClientSession) -> None:
    async with serve(3, ["acme", "acme_west"]) as sim:
        assert sim.venues == ("acme.perps", "acme.options", "acme.inverse", "acme_west")
        client = Acme(session, sim.at)
        now_ns = (await client.get("/time"))[1]["now"] * 1_000_000
        perps, options, inverse = [await client.rows("/rules", one) for one in ("perps", "options", "inverse")]
        assert {row["kind"] for row in perps} == {"linear"}
        assert "BTCUSDT" in {row["id"] for row in perps}
        assert not [row for row in perps if "USDC" in row["id"]], "that settles in another currency"
        assert {row["contract"] for row in inverse} == {"1"}
        assert not [row for row in inverse if "EOS" in row["id"]]
        assert {row["kind"] for row in options} == {"option"}
        assert {(row["contract"], row["step"]) for row in options} == {("1", "0.01"), ("0.1", "1")}
        for rows in (perps, options, inverse):
            assert len({row["id"] for row in rows}) == len(rows)
            dated = [row for row in rows if row["ends"] is not None]
            assert dated
            for row in dated:
                assert row["ends"] > now_ns
                assert f"{datetime.fromtimestamp(row['ends'] / 1e9, UTC):%y%m%d}" in row["id"]
        west = Acme(session, sim.at, "api.west.invalid")
        assert {row["id"] for row in await west.rows("/rules", "spot")} == {"BTCUSD", "ETHUSD"}


async def test_a_call_of_several_venues_is_told_apart_by_what_it_asks(session: aiohttp.ClientSession) -> None:
    async with serve(3, ["acme"]) as sim:
        client = Acme(session, sim.at)
        assert (await client.get("/mark", category="perps", id="BTCUSDT"))[0] == 200
        assert (await client.get("/mark", category="inverse", id="BTCUSDT"))[0] == 400, "that is another venue's"
        assert (await client.get("/mark", category="inverse", id="BTCUSD"))[0] == 200
        assert (await client.get("/mark", category="nothing", id="BTCUSD"))[0] == 404
        assert (await client.get("/nothing"))[0] == 404
        assert sim.tally.unanswered.total() == 2
        plain = Acme(session, sim.at, "127.0.0.1")
        assert (await plain.get("/mark", category="inverse", id="BTCUSD"))[0] == 200
    async with serve(3, ["acme", "acme_west"]) as sim, session.get(f"http://{sim.at}/time") as reply:
        assert (reply.status, "or several are" in await reply.text()) == (404, True)


async def test_one_connection_has_topics_of_both_venues_at_its_address(session: aiohttp.ClientSession) -> None:
    async with serve(3, ["acme"]) as sim:
        client = Acme(session, sim.at)
        option = next(row["id"] for row in await client.rows("/rules", "options"))
        async with client.socket("/public") as socket:
            assert await subscribed(socket, "BTCUSDT@mark", f"{option}@mark") == {"ok": True, "id": 1}
            perp = await socket.until(of_topic("BTCUSDT@mark"))
            other = await socket.until(of_topic(f"{option}@mark"))
            assert (perp["mark_iv"], other["rate"]) == ("", "")
            assert perp["rate"]
            assert other["mark_iv"]
            assert (await subscribed(socket, "BTCUSD@mark"))["no"] == "1", "that is served at another path"
            await socket.say(op="unsub", args=["BTCUSDT@mark"], id=2)
            await socket.until(lambda m: m.get("id") == 2)
            count = len(socket.seen)
            await socket.some(3, of_topic(f"{option}@mark"))
            assert not [m for m in socket.seen[count:] if m.get("topic") == "BTCUSDT@mark"]
            sim.faults.cut("acme.options")
            while await socket.hear() is not None:
                pass
        async with client.socket("/inverse") as socket:
            assert (await subscribed(socket, "BTCUSD@mark"))["ok"]
            assert (await subscribed(socket, "BTCUSDT@mark"))["no"] == "1"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with client.socket("/nowhere"):
                pass


async def test_dialects_are_found_by_folder() -> None:
    package = "tidebook.venues.acme"
    for name in ("acme.perps", "acme.options", "acme.inverse", "acme_west"):
        assert spoken.spoken(venues.named(name)).package == package
    assert [one.name for one in spoken.named("acme_west")] == ["acme_west"]
    assert [one.name for one in spoken.named("acme.options")] == ["acme.options"]
    assert {"acme.perps", "acme_west", "binance.spot", "htx.spot"} <= {one.name for one in spoken.every()}
    assert {"rules", "time", "no"} == samples(package, "samples_west").keys()
    with pytest.raises(UsageError, match="no venue is called"):
        serve(3, ["acme.nothing"])
    with pytest.raises(UsageError, match="BTC/JPY is listed by none of acme"):
        serve(3, ["acme"], symbols=["BTC/JPY"])


async def test_an_exchange_of_which_one_venue_is_not_spoken() -> None:
    silent = replace(venues.named("acme.perps"), name="acme.spot", kind="spot")
    venues.register(silent)
    try:
        assert serve(3, ["acme"]).venues == ("acme.perps", "acme.options", "acme.inverse")
        with pytest.raises(UsageError, match="no dialect"):
            serve(3, ["acme.spot"])
    finally:
        venues._further.remove(silent)
        venues.every.cache_clear()


# ------------------------------------------------------------------------------------------------ what is told


async def test_marks_come_at_their_interval_and_as_calls(session: aiohttp.ClientSession) -> None:
    async with serve(3, ["acme"], speed=5) as sim:
        client = Acme(session, sim.at)
        async with client.socket("/public") as socket:
            await subscribed(socket, "BTCUSDT@mark", "all@marks")
            some = await socket.some(4, of_topic("BTCUSDT@mark"))
            assert [later["at"] - one["at"] for one, later in itertools.pairwise(some)] == [1000, 1000, 1000]
            for one in some:
                assert float(one["price"]) == pytest.approx(float(one["index"]), rel=10e-4)
                assert 0 < one["next"] - one["at"] <= 8 * HOUR_MS
                assert one["next"] % (8 * HOUR_MS) == 0
                assert Decimal(one["open"]) > 0
            told = await socket.until(of_topic("all@marks"))
            listed = {row["id"] for row in await client.rows("/rules", "perps") if row["ends"] is None}
            assert {row["id"] for row in told["rows"]} == listed, "of all, whether their markets have begun or not"
            _, mark, _ = await client.get("/mark", category="perps", id="BTCUSDT")
            assert float(mark["price"]) == pytest.approx(float(some[-1]["price"]), rel=20e-4)


async def test_a_mark_lets_no_market_begin(session: aiohttp.ClientSession) -> None:
    async with serve(3, ["acme"]) as sim:
        client = Acme(session, sim.at)
        for category in ("perps", "inverse", "options"):
            for row in await client.rows("/rules", category):
                status, mark, _ = await client.get("/mark", category=category, id=row["id"])
                assert status == 200
                assert float(mark["price"]) > 0
                assert (mark["rate"] != "") == (category != "options" and row["ends"] is None)
                if category == "options":
                    assert float(mark["bid_iv"]) < float(mark["mark_iv"]) < float(mark["ask_iv"])
        assert sim.exchange.next_ns is None


async def test_funding_history_is_what_streams_have_said(session: aiohttp.ClientSession) -> None:
    """Through a settlement: the last rate that was told of a period is the one that is charged."""
    async with serve(3, ["acme"], speed=20) as sim:
        client = Acme(session, sim.at)
        await client.get("/time")  # the clocks begin; the next settlement is put near
        front = sim._simulator.fronts["acme.perps"]
        front.shift_ns += next_funding_ns(front.clock_ns) - front.clock_ns - 30_000_000_000
        before = await client.rows("/funding", "perps", id="BTCUSDT")
        assert 89 <= len(before) <= 91, "thirty days, three a day"
        async with client.socket("/public") as socket:
            await subscribed(socket, "BTCUSDT@mark")
            first = await socket.until(of_topic("BTCUSDT@mark"))
            await socket.until(lambda m: m.get("topic") == "BTCUSDT@mark" and m["next"] > first["next"])
        told = [m for m in socket.seen if m.get("topic") == "BTCUSDT@mark" and m["next"] == first["next"]]
        [settled] = await client.rows("/funding", "perps", id="BTCUSDT", start=first["next"], end=first["next"])
        assert settled["at"] == first["next"]
        assert told[-1]["next"] - told[-1]["at"] <= 1_000
        assert settled["rate"] == told[-1]["rate"]
        assert float(settled["mark"]) == pytest.approx(float(told[-1]["price"]), rel=0.02)
        after = await client.rows("/funding", "perps", id="BTCUSDT", most=3)
        assert after[-1] == settled
        assert after[:2] == before[-2:]
        one = before[10]
        assert await client.rows("/funding", "perps", id="BTCUSDT", start=one["at"] - 1, most=2) == before[10:12]
        assert await client.rows("/funding", "perps", id="BTCUSDT", end=one["at"], most=2) == before[9:11]
        dated = next(row["id"] for row in await client.rows("/rules", "perps") if row["ends"] is not None)
        assert await client.rows("/funding", "perps", id=dated) == []


async def test_liquidations_are_trades(session: aiohttp.ClientSession) -> None:
    async with serve(3, ["acme"], speed=20) as sim:
        client = Acme(session, sim.at)
        async with client.socket("/public") as socket:
            await subscribed(socket, "all@forced", "BTCUSDT@forced")
            one = await socket.until(of_topic("BTCUSDT@forced"))
            assert one["id"] == "BTCUSDT"
            repeated = await socket.until(lambda m: m.get("topic") == "all@forced" and m["id"] == "BTCUSDT")
            assert {**repeated, "topic": ""} == {**one, "topic": ""}
            await socket.until(lambda m: m.get("topic") == "all@forced" and m["id"] != "BTCUSDT")
            kept = await client.rows("/forced", "perps", id="BTCUSDT")
            trades = {trade.trade_id: trade for trade in sim.exchange.trades("acme.perps", "BTC/USDT:USDT", 2_000)}
            assert kept
            for row in kept:
                assert row["price"] == sim.exchange.instrument("acme.perps", "BTC/USDT:USDT").price_text(
                    trades[row["trade"]].price
                )
                assert row["taker"] == ("sell" if trades[row["trade"]].taker_side else "buy")


@pytest.mark.parametrize("name", ["book", "top"])
async def test_a_book_may_begin_with_a_whole_one(session: aiohttp.ClientSession, name: str) -> None:
    """Also on the second connection, while the topic is under way."""
    topic, symbol = f"BTCUSDT@{name}", "BTC/USDT:USDT"
    async with serve(3, ["acme"]) as sim:
        client = Acme(session, sim.at)
        async with client.socket("/public") as one, client.socket("/public") as two:
            for socket in (one, two):
                await subscribed(socket, topic)
                whole = await socket.until(of_topic(topic))
                assert whole["whole"] is True
                book: Sides = ({}, {})
                change(book, whole["bids"], whole["asks"])
                last = whole["last"]
                for _ in range(10):
                    message = await socket.until(of_topic(topic))
                    assert (message["whole"], message["prev"]) == (False, last)
                    last = message["last"]
                    change(book, message["bids"], message["asks"])
                depth = 5 if name == "top" else 1000
                assert best(book, depth) == best(of(sim.book_at("acme.perps", symbol, last)), depth)


async def test_partial_tickers_are_whole_first_and_then_what_changed(session: aiohttp.ClientSession) -> None:
    """Also for a connection that comes later, and what one keeps is what the next is told first."""
    topic = "BTCUSDT@part"
    async with serve(3, ["acme"]) as sim:
        client = Acme(session, sim.at)
        async with client.socket("/public") as one, client.socket("/public") as two:
            await subscribed(one, topic)
            first = await one.until(of_topic(topic))
            assert first["whole"] is True
            assert first["data"].keys() == {"last", "mark", "rate", "next"}
            kept = dict(first["data"])
            for message in await one.some(20, of_topic(topic)):
                assert message["whole"] is False
                assert all(kept[name] != value for name, value in message["data"].items())
                kept.update(message["data"])
            assert "rate" not in {name for m in one.seen[2:4] for name in m["data"]}, "it changes by the minute"
            await subscribed(two, topic)
            whole = await two.until(of_topic(topic))
            assert whole["whole"] is True
            states = [kept]
            while states[-1] != whole["data"]:
                message = await one.until(of_topic(topic))
                states.append({**states[-1], **message["data"]})


async def test_what_expires_is_not_listed_any_more(session: aiohttp.ClientSession) -> None:
    """The clock is set forward by a fault in the simulator's own words: the shift of its fronts."""
    async with serve(3, ["acme"]) as sim:
        client = Acme(session, sim.at)
        before = await client.rows("/rules", "perps")
        dated = [row for row in before if row["ends"] is not None]
        first = min(row["ends"] for row in dated)
        front = sim._simulator.fronts["acme.perps"]
        async with client.socket("/public") as socket:
            [expiring] = [row["id"] for row in dated if row["ends"] == first and row["id"].startswith("BTC")]
            await subscribed(socket, f"{expiring}@mark", "BTCUSDT@mark")
            await socket.until(of_topic(f"{expiring}@mark"))
            front.shift_ns += first - front.clock_ns
            await socket.until(of_topic("BTCUSDT@mark"))
            count = len(socket.seen)
            await socket.some(3, of_topic("BTCUSDT@mark"))
            assert not [m for m in socket.seen[count:] if m.get("topic") == f"{expiring}@mark"]
        after = await client.rows("/rules", "perps")
        assert {row["id"] for row in before} - {row["id"] for row in after} == {
            row["id"] for row in dated if row["ends"] == first
        }
        assert (await client.get("/mark", category="perps", id=expiring))[0] == 400


async def test_with_one_seed_every_run_says_the_same(session: aiohttp.ClientSession) -> None:
    runs: list[list[float]] = []
    for _ in range(2):
        async with serve(3, ["acme"], symbols=["BTC/USDT:USDT", "BTC/USD:BTC"]) as sim:
            await Acme(session, sim.at).get("/time")
            exchange = sim.exchange
            runs.append([
                exchange.derived(venue, symbol).mark(exchange.start_ns)
                for venue, symbol in (("acme.perps", "BTC/USDT:USDT"), ("acme.inverse", "BTC/USD:BTC"))
            ])  # fmt: skip
            await asyncio.sleep(0)
    assert runs[0] == runs[1]
