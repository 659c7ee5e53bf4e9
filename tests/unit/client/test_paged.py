"""What a venue gives in pages: until an instant alone, or with a word that leads to the next one; over real sockets."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
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
        assert await rates(start=FIRST, limit=10) == [*map(str, range(10))]
        assert await rates(start=FIRST - HOUR, limit=3) == ["0", "1", "2"]
        assert await rates(start=FIRST + 1, end=FIRST + 48 * HOUR) == ["1", "2", "3", "4", "5"]
        assert await rates(start=FIRST + 1, end=FIRST + 48 * HOUR, limit=2) == ["1", "2"]
        before = len(bourse.asked)
        assert await rates(start=FIRST + 72 * HOUR, end=FIRST + 96 * HOUR) == ["9"]
        assert bourse.asked[before:] == ["linear/funding"], "a page that goes back behind the start is the last"
        with pytest.raises(UsageError, match="start is not before end"):
            await rates(start=FIRST, end=FIRST)


@pytest.mark.parametrize(
    ("hours", "limit", "most"),
    [(-1, 1, 2), (-1, 3, 3), (8 * 300 - 1, 2, 3), (8 * 790, 5, 4), (-24 * 365 * 5, 2, 40), (-24 * 365 * 5, 9, 42)],
)
async def test_a_few_from_a_far_start_are_a_few_pages(hours: int, limit: int, most: int) -> None:
    """And not all from there to the present, of which most would be thrown away."""
    async with asyncio.timeout(GENEROUS), running(UNTIL) as (bourse, at), connect("bourse.linear", at=at) as market:
        bourse.charged = [str(Decimal(number) / 10_000) for number in range(800)]
        asked = len(bourse.asked)
        found = await market.fetch_funding(BTC, start=FIRST + hours * HOUR, limit=limit)
        first = max(0, -(-hours // 8))
        assert [plain(one.rate * 10_000) for one in found] == [str(n) for n in range(first, min(first + limit, 800))]
        assert len(bourse.asked) - asked <= most


@pytest.mark.parametrize("limit", [1, 4, 5, 100])
async def test_rows_that_stand_close_are_found_from_a_start(limit: int) -> None:
    """However many there are at once: what is asked for at a time is cut until an answer holds all of it."""
    async with asyncio.timeout(GENEROUS), running(UNTIL) as (bourse, at), connect("bourse.linear", at=at) as market:
        bourse.every = HOUR // 1_000
        bourse.charged = [str(Decimal(number) / 10_000) for number in range(50)]
        for start in (FIRST - 24 * 365 * HOUR, FIRST, FIRST + 10 * bourse.every):
            found = [plain(one.rate * 10_000) for one in await market.fetch_funding(BTC, start=start, limit=limit)]
            first = 10 if start > FIRST else 0
            assert found == [*map(str, range(first, min(first + limit, 50)))]


async def test_a_range_that_is_longer_than_a_venue_gives_is_asked_for_in_parts() -> None:
    """From a start and before an end, with a hole that is no end of it, and a beginning that is one."""
    venue = replace(LINEAR, calls=(*OTHERS, replace(FUNDING, longest=48 * 3_600.0, most=40)))
    async with asyncio.timeout(GENEROUS), running(venue) as (bourse, at), connect("bourse.linear", at=at) as market:
        bourse.longest, bourse.every = 48 * HOUR, 40 * HOUR
        bourse.charged = [str(Decimal(number) / 10_000) for number in range(10)]

        async def rates(**asked: Any) -> list[str]:
            return [plain(one.rate * 10_000) for one in await market.fetch_funding(BTC, **asked)]

        end = FIRST + 9 * bourse.every + HOUR
        assert await rates(start=FIRST, end=end) == [*map(str, range(10))]
        assert await rates(start=FIRST - 100 * HOUR, end=end, limit=3) == ["0", "1", "2"]
        assert await rates(end=end, limit=30) == [*map(str, range(10))]
        assert await rates(end=end, limit=3) == ["7", "8", "9"]
        assert await rates(start=FIRST + 1, end=FIRST + 2 * bourse.every) == ["1"]
        assert await rates(start=FIRST) == [*map(str, range(10))]


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
