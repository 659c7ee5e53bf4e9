"""A venue that repeats our key, in whatever it says: it is shown in no error, event or line of the log."""

import asyncio
import logging
import traceback
from dataclasses import replace

import pytest
from tests.unit.client.bourse import GENEROUS, LINEAR, running

from tidebook.client.market import connect
from tidebook.core.channel import Answers
from tidebook.core.effects import Reply
from tidebook.core.rest import refusal
from tidebook.errors import DecodeError, SubscriptionFailed, TidebookError, VenueError
from tidebook.model import health
from tidebook.model.credentials import SIMULATOR

BTC = "BTC/USDT:USDT"
KEY = SIMULATOR.secret.reveal()


def no(reply: Reply, venue: str, now_ns: int) -> TidebookError | None:
    return None if reply.status == 200 else refusal(VenueError, reply.body.decode(), venue, f"E{KEY}")


VENUE = replace(LINEAR, answers=Answers(no), key_headers={"x-key": "$secret"})


def all_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error)


async def test_what_a_venue_repeats_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    async with (
        asyncio.timeout(GENEROUS),
        running(VENUE) as (bourse, at),
        connect("bourse.linear", at=at) as market,
        market.trades(BTC) as trades,
    ):
        bourse.refused["trades.LTCUSDT"] = f"not with {KEY}"
        with pytest.raises(SubscriptionFailed, match=r"not with \*\*\*") as refused:
            await market.trades("LTC/USDT:USDT")
        shown.append(all_of(refused.value))
        bourse.refused["linear/mark_price"] = f"not with {KEY}"
        with pytest.raises(VenueError, match=r"not with \*\*\* \(E\*\*\*\)") as denied:
            await market.fetch_mark_price(BTC)
        shown.append(all_of(denied.value))
        await bourse.push(
            "trades.BTCUSDT", {"noun": "trades", "id": "BTCUSDT", "trade": "1", "side": KEY, "price": KEY}
        )
        await bourse.push("trades.BTCUSDT", note="x" * (100 - len(KEY)) + KEY)
        await bourse.bid_farewell(f"who is {KEY}?")
        told: list[health.Health] = []
        async with market.health() as events:
            while not any(isinstance(one, health.Disconnected) for one in told):
                told.append(await events.next())
        assert any(isinstance(one, health.Disconnected) and "who is ***?" in one.reason for one in told)
        assert any(isinstance(one, health.Undecodable) for one in told)
        shown += [*map(repr, told), *map(str, told), repr(trades), repr(market)]
    assert [one for one in shown if KEY in one or KEY[:6] in one] == []
    assert KEY not in caplog.text


async def test_an_answer_that_cannot_be_read() -> None:
    async with asyncio.timeout(GENEROUS), running(VENUE) as (bourse, at), connect("bourse.linear", at=at) as market:
        bourse.charged = [KEY]
        with pytest.raises(DecodeError, match=r"not a number: '\*\*\*") as caught:
            await market.fetch_funding(BTC)
        assert KEY not in all_of(caught.value)
