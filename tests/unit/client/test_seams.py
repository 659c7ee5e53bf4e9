"""Rows that share an instant, where a page's limit cuts between them: none is lost, none is there twice.

Pages are compared with a slow and obvious model: all the rows there are, sorted, and cut.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.client.bourse import REST

from tidebook import venues
from tidebook.client.ahead import Ahead, Stretch
from tidebook.client.pages import Pages
from tidebook.client.place import VenueAt
from tidebook.client.ticks import quote_pages
from tidebook.core.channel import Call, Question, Seen
from tidebook.core.clock import SECOND
from tidebook.core.effects import Request, Urgency
from tidebook.errors import DecodeError, TidebookError, UsageError
from tidebook.model.facts import Instrument, Quote

MS = 1_000_000
BEGINS = 1_767_225_600_000 * MS
Ranges = Literal["from", "until", "newest"]


@dataclass(frozen=True)
class Row:
    at_ns: int
    id: int


class Given:
    """A venue of so many rows a page: the oldest from a start, else the newest before an end; its instants are ms."""

    def __init__(self, rows: list[Row], ranges: Ranges, most: int) -> None:
        def request(question: Question) -> Request:
            return Request("GET", "https://given.invalid/")

        self._rows = rows
        self._ranges = ranges
        said: Any = {"from": True, "until": "until", "newest": False}[ranges]
        self.call = Call("trades", request, lambda *_: [], REST.name, lambda _: 1, most=most, ranges=said)
        self.declared = SimpleNamespace(name="given", pools=())
        self.asked = 0

    async def fetch(self, name: str, question: Question, urgency: Urgency) -> list[Row]:
        self.asked += 1
        assert self.asked < 2_000, "for ever"
        assert self._ranges == "from" or question.start_ns is None
        limit = question.limit
        assert limit is not None
        if question.start_ns is not None:
            return model(self._rows, -(-question.start_ns // MS) * MS, question.end_ns)[:limit]
        return model(self._rows, None, question.end_ns)[-limit:]


def model(rows: list[Row], start_ns: int | None, end_ns: int | None) -> list[Row]:
    return [row for row in rows if (start_ns or 0) <= row.at_ns and (end_ns is None or row.at_ns < end_ns)]


def pages_of(venue: Given, every: int = MS) -> Pages[Row]:
    return Pages(
        cast(VenueAt, venue), venue.call, "ID", at=lambda row: row.at_ns, every=every,
        same=lambda row: (row.at_ns, row.id),
    )  # fmt: skip


async def at_once(pages: Pages[Row], start_ns: int, end_ns: int | None, workers: int) -> list[Row]:
    return [row async for *_, rows in Ahead([Stretch(pages, start_ns, end_ns)], workers).parts() for row in rows]


def outcome(asked: Callable[[], Coroutine[Any, Any, list[Row]]]) -> list[Row] | TidebookError:
    try:
        return asyncio.run(asked())
    except TidebookError as error:
        return error


@st.composite
def crowded(draw: st.DrawFn) -> tuple[list[Row], int]:
    """Rows of which many share an instant, and how many a page holds."""
    counts = draw(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 9)), max_size=12))
    rows, at = list[Row](), BEGINS
    for count, ms in counts:
        rows += [Row(at, len(rows) + n) for n in range(count)]
        at += ms * MS
    return rows, draw(st.integers(2, 9))


def fullest(rows: list[Row]) -> int:
    """How many share an instant, at the most."""
    instants = [row.at_ns for row in rows]
    return max(map(instants.count, instants), default=0)


@settings(max_examples=80, deadline=None)
@given(
    crowded(), st.sampled_from(["from", "until"]), st.integers(-3, 40), st.integers(1, 60),
    st.sampled_from([0, 1]), st.sampled_from([1, 3]),
)  # fmt: skip
def test_a_range_is_all_its_rows_or_an_error(
    given_rows: tuple[list[Row], int], ranges: Ranges, first: int, length: int, odd: int, workers: int
) -> None:
    rows, most = given_rows
    start_ns, end_ns = BEGINS + first * MS + odd, BEGINS + (first + length) * MS + odd
    wanted = model(rows, start_ns, end_ns)
    for ask in (
        lambda pages: pages.rows(start_ns, end_ns, None),
        lambda pages: at_once(pages, start_ns, end_ns, workers),
    ):
        found = outcome(lambda ask=ask: ask(pages_of(Given(rows, ranges, most))))  # type: ignore[misc]
        if isinstance(found, DecodeError):
            assert fullest(rows) >= most, "nothing stands in the way"
            assert "at one instant" in found.text
        else:
            assert found == wanted


@settings(max_examples=80, deadline=None)
@given(
    crowded(), st.sampled_from(["from", "until"]), st.integers(-3, 40) | st.none(), st.integers(1, 60) | st.none(),
    st.integers(1, 30),
)  # fmt: skip
def test_so_many_of_a_range_are_its_first_or_its_newest_or_an_error(
    given_rows: tuple[list[Row], int], ranges: Ranges, first: int | None, length: int | None, limit: int
) -> None:
    rows, most = given_rows
    start_ns = None if first is None else BEGINS + first * MS
    end_ns = None if length is None else BEGINS + ((first or 0) + length) * MS
    whole = model(rows, start_ns, end_ns)
    found = outcome(lambda: pages_of(Given(rows, ranges, most)).rows(start_ns, end_ns, limit))
    if isinstance(found, DecodeError):
        assert fullest(rows) >= most, "nothing stands in the way"
    else:
        assert found == (whole[-limit:] if start_ns is None else whole[:limit])


@settings(max_examples=80, deadline=None)
@given(crowded(), st.integers(-3, 40))
def test_the_newest_alone_are_all_from_a_start_or_refused(given_rows: tuple[list[Row], int], first: int) -> None:
    """Of its oldest instant a full page may lack some."""
    rows, most = given_rows
    start_ns = BEGINS + first * MS
    found = outcome(lambda: pages_of(Given(rows, "newest", most)).rows(start_ns, None, None))
    if isinstance(found, UsageError):
        assert len(rows) >= most
        assert start_ns <= rows[-most].at_ns
    else:
        assert found == model(rows, start_ns, None)


@pytest.mark.parametrize("ranges", ["from", "until"])
def test_a_page_that_is_full_of_one_instant_is_an_error_that_says_so(ranges: Ranges) -> None:
    rows = [Row(BEGINS, 0), *(Row(BEGINS + MS, n) for n in range(1, 6)), Row(BEGINS + 2 * MS, 6)]
    error = outcome(lambda: pages_of(Given(rows, ranges, 5)).rows(BEGINS, BEGINS + 9 * MS, None))
    assert isinstance(error, DecodeError)
    assert error.text == (
        "given: a page of trades is full, of 5 at one instant, 2026-01-01T00:00:00.001Z: "
        "what else there is at it cannot be asked for"
    )
    assert outcome(lambda: pages_of(Given(rows, ranges, 6)).rows(BEGINS, BEGINS + 9 * MS, None)) == rows


class Sided:
    """Quotes as alpaca has them, one a second, of which some have but one side."""

    def __init__(self, most: int) -> None:
        call = venues.named("alpaca").call("quotes")
        assert call is not None
        self._call = replace(call, most=most)
        self.declared = SimpleNamespace(name="alpaca", pools=(), call=lambda name: self._call)
        self.rows = [
            {"t": f"2026-01-01T00:00:{n:02}Z", "bp": n + 1 if n not in (3, 4, 9) else 0, "bs": 1, "ap": 90, "as": 1}
            for n in range(20)
        ]  # fmt: skip

    async def fetch(self, name: str, question: Question, urgency: Urgency) -> Any:
        start_ns, end_ns = question.start_ns or 0, question.end_ns or 1 << 63
        found = [row for n, row in enumerate(self.rows) if start_ns <= BEGINS + n * SECOND < end_ns][: question.limit]
        body = json.dumps({"quotes": {"BTC/USD": found}, "next_page_token": None}).encode()
        return self._call.read(body, Seen("alpaca", str, 0), question)


@pytest.mark.parametrize("limit", [None, 12])
async def test_a_page_is_full_by_what_the_venue_counts(limit: int | None) -> None:
    """A quote with one side is none: a page that has one of those has fewer than were asked for and is not the last."""
    venue = cast(VenueAt, Sided(5))
    pages: Pages[Quote] = quote_pages(venue, cast(Instrument, SimpleNamespace(id="BTC/USD")))
    found = await pages.rows(BEGINS, BEGINS + 60 * SECOND, limit)
    whole = [n + 1 for n in range(20) if n not in (3, 4, 9)]
    assert [int(row.bid) for row in found] == whole[:limit]
