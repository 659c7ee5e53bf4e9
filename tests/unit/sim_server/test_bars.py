"""Every interval that a client declares is spoken, over HTTP and as a stream, on the venue's own calendar."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.sim_server.rig import clients

from tidebook import venues
from tidebook.sim.bars import DAY, HOUR, MINUTE
from tidebook.sim.exchange import Exchange
from tidebook.sim.server import serve
from tidebook.sim.server.market import Past
from tidebook.venue import Question
from tidebook.venues.binance.wire import INTERVALS
from tidebook.venues.htx.wire import PERIODS

pytestmark = pytest.mark.asyncio

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
EAST = timezone(timedelta(hours=8))


def opens(opening: int, interval: str, zone: timezone) -> bool:
    """Whether a bar may open at this second."""
    at = datetime.fromtimestamp(opening, zone)
    day = (at.hour, at.minute, at.second) == (0, 0, 0)
    if interval[-1] in "My":
        return day and at.day == 1 and (interval[-1] == "M" or at.month == 1)
    if interval[-1] == "w":
        return day and at.weekday() == 0
    return (at.timestamp() + zone.utcoffset(None).total_seconds()) % (int(interval[:-1]) * UNITS[interval[-1]]) == 0


def steps(opening: int, later: int, interval: str) -> bool:
    """Whether one bar follows another."""
    days = (later - opening) / 86_400
    if interval[-1] in "My":
        return days in ((28, 29, 30, 31) if interval[-1] == "M" else (365, 366))
    return later - opening == int(interval[:-1]) * UNITS[interval[-1]]


def declared(venue: str) -> tuple[str, ...]:
    channel = venues.named(venue).channel("bars")
    assert channel is not None
    return channel.options


async def test_the_intervals_are_the_declared_ones() -> None:
    assert declared("binance.spot") == tuple(INTERVALS)
    assert declared("htx.spot") == tuple(PERIODS)


@pytest.mark.parametrize("interval", INTERVALS)
async def test_binance_over_http(interval: str) -> None:
    async with serve(3, ["binance"]) as sim, clients(sim.at, "binance.spot") as [client]:
        status, rows, _ = await client.get("/api/v3/klines", symbol="ETHBTC", interval=interval, limit=4)
        assert status == 200
        assert len(rows) == 4 if interval != "1s" else rows
        assert all(opens(row[0] // 1000, interval, UTC) for row in rows)
        assert all(steps(row[0] // 1000, later[0] // 1000, interval) for row, later in pairwise(rows))
        assert all(row[6] + 1 == later[0] for row, later in pairwise(rows))
        assert all(row[1] and row[3] <= row[2] for row in rows)


@pytest.mark.parametrize("interval", PERIODS)
async def test_htx_over_http(interval: str) -> None:
    call = venues.named("htx.spot").call("bars")
    assert call is not None
    assert f"period={PERIODS[interval]}" in call.request(Question("ethbtc", interval=interval)).url
    async with serve(3, ["htx"]) as sim, clients(sim.at, "htx.spot") as [client]:
        _, body, _ = await client.get("/market/history/kline", symbol="ethbtc", period=PERIODS[interval], size=4)
        rows = body["data"][::-1]
        assert len(rows) == 4
        assert all(opens(row["id"], interval, EAST) for row in rows)
        assert all(steps(row["id"], later["id"], interval) for row, later in pairwise(rows))
        _, body, _ = await client.get("/market/history/kline", symbol="ethbtc", period=PERIODS[interval] + "s")
        assert (body["err-code"], body["err-msg"]) == ("invalid-parameter", "invalid period")


@pytest.mark.parametrize(("venue", "zone"), [("binance.spot", UTC), ("htx.spot", EAST)])
async def test_every_interval_is_a_stream(venue: str, zone: timezone) -> None:
    channel = venues.named(venue).channel("bars")
    assert channel is not None
    topics = {channel.topic("ethbtc", interval): interval for interval in channel.options}
    async with serve(3, [venue]) as sim, clients(sim.at, venue) as [client]:
        door = "/ws" if venue == "htx.spot" else "/stream?streams=" + "/".join(topics)
        async with client.socket(door) as socket:
            if venue == "htx.spot":
                for topic in topics:
                    await socket.say(sub=topic, id=topic)
            told: dict[str, Any] = {}
            while topics.keys() != told.keys():
                message = await socket.until(lambda m: "ch" in m or "stream" in m)
                told[message.get("ch") or message["stream"]] = message
    for topic, interval in topics.items():
        message = told[topic]
        opening = message["tick"]["id"] if "tick" in message else message["data"]["k"]["t"] // 1000
        assert opens(opening, interval, zone)
        if "data" in message:
            bar = message["data"]["k"]
            assert bar["i"] == interval
            assert steps(opening, (bar["T"] + 1) // 1000, interval)


async def test_a_bar_that_has_ended_is_told_as_closed_and_the_next_one_begins() -> None:
    async with (
        serve(3, ["binance"], speed=30.0) as sim,
        clients(sim.at, "binance.spot") as [client],
        client.socket("/ws/ethbtc@kline_1m") as socket,
    ):
        closed = (await socket.until(lambda m: m["k"]["x"]))["k"]
        after = (await socket.until(lambda m: not m["k"]["x"]))["k"]
        assert after["t"] == closed["T"] + 1


async def test_the_bars_of_all_times() -> None:
    """From when the symbol was listed, whatever is asked for; a month is as much as its days."""
    async with serve(3) as sim, clients(sim.at, "binance.spot", "htx.spot") as [binance, htx]:
        _, body, _ = await htx.get("/market/history/kline", symbol="ethbtc", period="1year")
        years = [datetime.fromtimestamp(row["id"], EAST).year for row in body["data"]][::-1]
        assert years == list(range(2019, datetime.now(EAST).year + 1))
        _, months, _ = await binance.get("/api/v3/klines", symbol="ETHBTC", interval="1M", startTime=0, limit=3)
        assert [datetime.fromtimestamp(row[0] // 1000, UTC).month for row in months] == [1, 2, 3]
        assert all(row[4] == later[1] for row, later in pairwise(months))
        _, months, _ = await binance.get("/api/v3/klines", symbol="ETHBTC", interval="1M", limit=3)
        month = months[1]
        _, days, _ = await binance.get(
            "/api/v3/klines", symbol="ETHBTC", interval="1d", startTime=month[0], endTime=month[6]
        )
        assert len(days) in (28, 29, 30, 31)
        assert (days[0][1], days[-1][4]) == (month[1], month[4])
        assert sum(Decimal(day[5]) for day in days) == Decimal(month[5])
        assert max(Decimal(day[2]) for day in days) == Decimal(month[2])


@pytest.mark.parametrize("minutes", [0, 1, 17, 59])
async def test_an_hour_of_the_past_begins_and_ends_as_its_minutes_do(minutes: int) -> None:
    """However far the venue's clock is ahead of the exchange's: an hour that comes at once is in the same place."""
    exchange = Exchange(3, ["binance.spot"])
    past = Past(exchange, "binance.spot", "BTC/USDT", 500 * DAY + minutes * MINUTE)
    open_ns = exchange.start_ns // HOUR * HOUR + 493 * DAY + 4 * HOUR
    whole = past.whole(open_ns, HOUR)
    assert (whole.open_ns, whole.open) == (open_ns, past.minute(open_ns).open)
    assert whole.close == past.minute(open_ns + HOUR).open


async def test_bars_are_the_same_whatever_was_asked_for_before() -> None:
    """A page begins with what is known from pages before it, and ends with what is not."""
    start = int(datetime(2026, 1, 5, 4, 30, 30, tzinfo=UTC).timestamp() * 1000)
    whole = {"symbol": "ETHBTC", "interval": "1m", "startTime": start, "endTime": start + 200 * 60_000, "limit": 1000}
    async with serve(3, ["binance"], date="2026-01-06") as sim, clients(sim.at, "binance.spot") as [client]:
        _, wanted, _ = await client.get("/api/v3/klines", **whole)
        assert len(wanted) == 200
    async with serve(3, ["binance"], date="2026-01-06") as sim, clients(sim.at, "binance.spot") as [client]:
        for first, last in ((50, 60), (40, 55), (60, 90), (0, 70), (58, 200)):
            asked = {"startTime": start + first * 60_000, "endTime": start + last * 60_000}
            _, some, _ = await client.get("/api/v3/klines", **whole | asked)
            assert some == wanted[first:last], (first, last)
            _, some, _ = await client.get("/api/v3/klines", **whole | asked | {"limit": 7})
            assert some == wanted[first:last][:7], (first, last)
        assert (await client.get("/api/v3/klines", **whole))[1] == wanted
