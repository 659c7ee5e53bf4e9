"""A list that cannot be read is told of and asked for again, whatever it was that could not be read."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.client.bourse import GENEROUS, LINEAR, running
from tests.unit.client.stepping import until

from tidebook.client import place
from tidebook.client.market import Market, connect
from tidebook.core.channel import Question, Seen
from tidebook.core.options import Options
from tidebook.core.rest import Instruments, Odd
from tidebook.errors import DecodeError, UsageError, VenueUnavailable
from tidebook.model import health
from tidebook.venue import Venue

BTC = "BTC/USDT:USDT"
ODD = [ValueError("no such day"), KeyError("right"), RecursionError(), UsageError("no expiry in 'BTC/USDT'")]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "RETRY_FIRST", 0.001)


def listing(name: str, read: Callable[[Any], Callable[[bytes, Seen, Question], Any]]) -> Venue:
    """The exchange's contracts, where one call is read another way: of how it is read to how."""
    return replace(
        LINEAR, calls=tuple(replace(one, read=read(one.read)) if one.name == name else one for one in LINEAR.calls)
    )


def failing(error: Exception, times: range) -> Callable[[Any], Callable[[bytes, Seen, Question], Any]]:
    """Reads that fail so: of all that are read, those of these numbers."""

    def of(usual: Any) -> Callable[[bytes, Seen, Question], Any]:
        count = 0

        def read(body: bytes, seen: Seen, question: Question) -> Any:
            nonlocal count
            count += 1
            if count - 1 in times:
                raise error
            return usual(body, seen, question)

        return read

    return of


async def why_not(market: Market) -> str:
    """What whoever waits for a market's only venue is told, once it could not be loaded."""
    opening = asyncio.ensure_future(market._enter())
    await until(lambda: market._connected and market._connected[0].error is not None)
    with pytest.raises(VenueUnavailable, match=r"has not answered for 0 s: ") as told:
        await market._connected[0].usable(0.0)
    opening.cancel()
    await asyncio.wait([opening])
    return str(told.value)


@pytest.mark.parametrize("name", ["instruments", "time"])
@pytest.mark.parametrize("error", ODD, ids=repr)
async def test_what_cannot_be_read_is_told_and_asked_for_again(
    error: Exception, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        asyncio.timeout(GENEROUS),
        running(listing(name, failing(error, range(2)))) as (bourse, at),
        connect("bourse.linear", at=at) as market,
        market.trades(BTC),
    ):
        assert bourse.asked.count(f"linear/{name}") == 3
        told = [event for event in market._healths.ring if isinstance(event, health.VenueUnavailable)]
        assert len(told) == 2
        assert all(event.retry_in is not None for event in told)
        kind = type(error).__name__
        if isinstance(error, UsageError):
            assert f"{name}: {error}" in told[0].reason
        else:
            assert kind in told[0].reason
            assert any(record.exc_info is not None and kind in str(record.exc_info[0]) for record in caplog.records)


async def test_a_venue_whose_list_is_never_readable_says_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    venue = listing("instruments", failing(ValueError("no such day"), range(1 << 30)))
    async with asyncio.timeout(GENEROUS), running(venue) as (_, at):
        assert "bourse.linear: ValueError: no such day" in await why_not(connect("bourse.linear", at=at))


async def test_a_question_that_cannot_be_answered_stays_the_users() -> None:
    venue = listing("open_interest", failing(UsageError("BTC/USDT has none"), range(1)))
    async with asyncio.timeout(GENEROUS), running(venue) as (_, at), connect("bourse.linear", at=at) as market:
        with pytest.raises(UsageError, match="BTC/USDT has none"):
            await market.fetch_open_interest(BTC)


def odd_rows(usual: Any) -> Callable[[bytes, Seen, Question], Any]:
    """Each with its id alone, which says nothing of it."""

    def read(body: bytes, seen: Seen, question: Question) -> Instruments:
        rows = json.loads(body)
        good = usual(json.dumps([row for row in rows if len(row) > 1]).encode(), seen, question)
        return [*(Odd(row["id"], DecodeError("missing", "no kind")) for row in rows if len(row) == 1), *good]

    return read


async def test_odd_rows_are_counted_and_hide_no_other() -> None:
    async with asyncio.timeout(GENEROUS), running(listing("instruments", odd_rows)) as (bourse, at):
        bourse.listing["linear"] += [{"id": "ODD1"}, {"id": "ODD2"}]
        async with (
            connect("bourse.linear", at=at, options=Options(listing_every=0.01)) as market,
            market.trades("*"),
            market.health() as events,
        ):
            assert len(await market.fetch_instruments()) == 4

            async def told() -> health.PassedOver:
                while not isinstance(event := await events.next(), health.PassedOver):
                    pass
                return event

            assert str(await told()) == "bourse.linear: 2 of what it lists passed over: missing: no kind, in ODD1"
            asked = len(bourse.asked)
            await until(lambda: bourse.asked[asked:].count("linear/instruments") > 2)
            bourse.listing["linear"].append({"id": "ODD3"})
            assert (await told()).count == 3, "what stays the same is told once"


async def test_a_list_of_nothing_but_odd_rows_is_none() -> None:
    async with asyncio.timeout(GENEROUS), running(listing("instruments", odd_rows)) as (bourse, at):
        bourse.listing["linear"] = [{"id": "ODD1"}, {"id": "ODD2"}]
        why = await why_not(connect("bourse.linear", at=at))
        assert "bourse.linear lists 2 instruments, none of which can be read: no kind" in why


@pytest.mark.parametrize("error", ODD, ids=repr)
async def test_a_list_that_is_odd_later_ends_no_asking(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    async with (
        asyncio.timeout(GENEROUS),
        running(listing("instruments", failing(error, range(1, 3)))) as (bourse, at),
        connect("bourse.linear", at=at, options=Options(listing_every=0.01)) as market,
        market.trades("*"),
        market.health() as events,
    ):
        while not isinstance(await events.next(), health.VenueUnavailable):
            pass
        bourse.listing["linear"].append(
            {"symbol": "NEW/USDT:USDT", "id": "NEWUSDT", "kind": "linear", "settle": "USDT"}
        )
        await until(lambda: ("linear", "trades.NEWUSDT") in bourse.subscribed)
