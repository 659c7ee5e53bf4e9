"""What a venue gives in pages: until an instant alone, or with a word that leads to the next one; over real sockets."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.client.bourse import FIRST, GENEROUS, HOUR, LINEAR, running
from tests.unit.client.test_loading import why_not

from tidebook.client.market import connect
from tidebook.core.effects import Request
from tidebook.errors import UsageError
from tidebook.model.number import plain

BTC = "BTC/USDT:USDT"
FUNDING = next(one for one in LINEAR.calls if one.name == "funding")
OTHERS = tuple(one for one in LINEAR.calls if one.name not in ("funding", "funding_now"))
UNTIL = replace(LINEAR, calls=(*OTHERS, replace(FUNDING, ranges="until")))


async def test_a_start_is_reached_backwards_where_only_an_end_can_be_asked_for() -> None:
    async with asyncio.timeout(GENEROUS), running(UNTIL) as (bourse, at), connect("bourse.linear", at=at) as market:

        async def rates(**asked: Any) -> list[str]:
            return [plain(one.rate * 10_000) for one in await market.fetch_funding(BTC, **asked)]

        assert await rates() == ["6", "7", "8", "9"]
        assert await rates(limit=6) == ["4", "5", "6", "7", "8", "9"]
        assert await rates(start=FIRST) == [*map(str, range(10))]
        assert await rates(start=FIRST - HOUR, limit=3) == ["0", "1", "2"]
        assert await rates(start=FIRST + 1, end=FIRST + 48 * HOUR) == ["1", "2", "3", "4", "5"]
        assert await rates(start=FIRST + 1, end=FIRST + 48 * HOUR, limit=2) == ["1", "2"]
        before = len(bourse.asked)
        assert await rates(start=FIRST + 72 * HOUR) == ["9"]
        assert bourse.asked[before:] == ["linear/funding"], "a page that goes back behind the start is the last"
        with pytest.raises(UsageError, match="start is not before end"):
            await rates(start=FIRST, end=FIRST)


def further(*words: str) -> Any:
    """Each page's request is the last one's with the next word behind it."""

    def more(request: Request, body: bytes) -> Request | None:
        assert json.loads(body)
        url, _, word = request.url.partition("&page=")
        at = words.index(word) + 1 if word else 0
        return None if at == len(words) else replace(request, url=f"{url}&page={words[at]}")

    return more


async def listed(*words: str) -> list[str]:
    calls = [replace(one, more=further(*words)) if one.name == "instruments" else one for one in LINEAR.calls]
    venue = replace(LINEAR, calls=tuple(calls))
    async with asyncio.timeout(GENEROUS), running(venue) as (bourse, at), connect("bourse.linear", at=at) as market:
        rows = [str(row["symbol"]) for row in (await market.fetch_instruments()).to_dicts()]
        assert bourse.asked.count("linear/instruments") == len(words) + 1
        return rows


async def test_all_pages_are_one_list() -> None:
    assert sorted(await listed("b", "c")) == sorted(await listed())


async def test_pages_that_lead_in_a_circle_are_refused() -> None:
    def circle(request: Request, body: bytes) -> Request | None:
        return request

    calls = [replace(one, more=circle) if one.name == "instruments" else one for one in LINEAR.calls]
    venue = replace(LINEAR, calls=tuple(calls))
    async with asyncio.timeout(GENEROUS), running(venue) as (_, at):
        assert "the pages of instruments lead in a circle" in await why_not(connect("bourse.linear", at=at))
