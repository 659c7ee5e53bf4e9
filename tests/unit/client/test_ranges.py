"""Ranges of time, and bars over them."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.client.bars import Bars
from tidebook.client.market import Market
from tidebook.client.ranges import grid, instant_ns
from tidebook.core.span import Span
from tidebook.errors import DecodeError, UnknownSymbol, UsageError
from tidebook.io.serve import Answer, Asked
from tidebook.sim.server import serve

SECOND = 1_000_000_000
NOW = 1_790_000_000 * SECOND


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (None, None),
        ("30d", NOW - 30 * 86_400 * SECOND),
        ("90m", NOW - 5_400 * SECOND),
        ("2w", NOW - 14 * 86_400 * SECOND),
        ("2026-01-01", 1_767_225_600 * SECOND),
        ("2026-01-01T09:00+09:00", 1_767_225_600 * SECOND),
        ("2026-01-01T00:00:00Z", 1_767_225_600 * SECOND),
        ("2026-01-01T00:00:00.000001", 1_767_225_600 * SECOND + 1000),
        (date(2026, 1, 1), 1_767_225_600 * SECOND),
        (datetime(2026, 1, 1, tzinfo=UTC), 1_767_225_600 * SECOND),
        (datetime(2025, 12, 31, 19, tzinfo=timezone(timedelta(hours=-5))), 1_767_225_600 * SECOND),
        (1_767_225_600_000_000_001, 1_767_225_600_000_000_001),
    ],
)
def test_instants(value: object, ns: int | None) -> None:
    assert instant_ns("start", value, NOW) == ns  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2026, 1, 1), 'has no zone.*"2026-01-01T00:00:00", which is UTC'),  # noqa: DTZ001 - that is the point
        ("yesterday", "is no instant"),
        ("", "is no instant"),
        ("30 d", "is no instant"),
        ("-3d", "is no instant"),
        (1_767_225_600, "is no count of nanoseconds"),
        (1_767_225_600_000, "is no count of nanoseconds"),
        (True, "is no instant"),
        (1.5, "is no instant"),
    ],
)
def test_what_is_no_instant(value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        instant_ns("start", value, NOW)  # type: ignore[arg-type]


# Not those that a clock passes over when it is put forward: they are no instant, and do not come back as they were.
@given(st.datetimes(datetime(1974, 1, 1), datetime(2200, 1, 1), timezones=st.timezones(), allow_imaginary=False))  # noqa: DTZ001
def test_every_aware_datetime_is_itself(value: datetime) -> None:
    ns = instant_ns("start", value, NOW)
    assert ns is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000) == value


def opening(*parts: int, zone: int = 0) -> int:
    return int(datetime(*parts, tzinfo=timezone(timedelta(hours=zone))).timestamp()) * SECOND  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("interval", "before", "then"),
    [
        ("1m", opening(2026, 1, 1), opening(2026, 1, 1, 0, 1)),
        ("4h", opening(2026, 1, 1, 20), opening(2026, 1, 2)),
        ("1w", opening(2026, 1, 5), opening(2026, 1, 12)),
        ("1M", opening(2026, 1, 1), opening(2026, 2, 1)),
        ("1M", opening(2026, 12, 1), opening(2027, 1, 1)),
        ("1M", opening(2026, 2, 1, zone=8), opening(2026, 3, 1, zone=8)),
        ("1y", opening(2024, 1, 1, zone=8), opening(2025, 1, 1, zone=8)),
        ("3M", opening(2026, 11, 1), opening(2027, 2, 1)),
    ],
)
def test_the_next_opening(interval: str, before: int, then: int) -> None:
    span = grid(interval)(before)
    assert span.after(before) == then
    assert span.after(then, -1) == before


@given(st.integers(0, 4_000_000_000 * SECOND), st.sampled_from(["1M", "3M", "1y"]), st.integers(-12, 12))
def test_months_are_those_of_the_calendar(time_ns: int, interval: str, hours: int) -> None:
    """The one that the simulator and the dialects count with, in whichever zone the opening tells."""
    whole = Span(0, hours * 3_600 * SECOND, {"1M": 1, "3M": 3, "1y": 12}[interval])
    before = whole.opening(time_ns)
    assert grid(interval)(before) == whole


@pytest.mark.parametrize("before", [opening(2026, 1, 30), opening(2026, 1, 1, 13), 10**24, -(10**24)])
def test_what_opens_no_month(before: int) -> None:
    with pytest.raises(DecodeError, match="where no month begins"):
        grid("1M")(before)


@pytest.mark.parametrize("interval", ["", "m", "0m", "1q", "1.5h", "60"])
def test_what_is_no_interval(interval: str) -> None:
    with pytest.raises(UsageError, match="is no interval"):
        grid(interval)
    with pytest.raises(UsageError, match="longer than 100 years"):
        grid("101y")


async def test_pages_join_without_a_seam(market: Market) -> None:
    place = market["binance"]
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    start = end - timedelta(minutes=2_500)
    bars = await place.fetch_bars("BTC/USDT", "1m", start=start, end=end)
    assert len(bars) == 2_500
    assert bars.gaps == ()
    assert (bars[0].time, bars[-1].time) == (start, end - timedelta(minutes=1))
    assert len({bar.start_ns for bar in bars}) == 2_500
    newest = await place.fetch_bars("BTC/USDT", "1m", end=end, limit=1_200)
    assert [bar.start_ns for bar in newest] == [bar.start_ns for bar in bars][-1_200:]
    first = await place.fetch_bars("BTC/USDT", "1m", start=start, limit=1_001)
    assert [bar.start_ns for bar in first] == [bar.start_ns for bar in bars][:1_001]
    shown = " → ".join(f"{at:%Y-%m-%dT%H:%M}".removesuffix("T00:00") for at in (start, end))
    assert repr(bars) == f"<Bars BTC/USDT 1m binance, 2500 rows, {shown}, 0 gaps>"


@pytest.mark.parametrize("venue", ["binance", "htx"])
async def test_unfinished_only_on_request(market: Market, venue: str) -> None:
    finished = await market[venue].fetch_bars("BTC/USDT", "1h", limit=3)
    assert [bar.finished for bar in finished] == [True] * 3
    both = await market[venue].fetch_bars("BTC/USDT", "1h", limit=3, unfinished=True)
    assert [bar.finished for bar in both] == [True, True, False]


async def test_a_venue_without_ranges(market: Market) -> None:
    """What its newest bars hold is cut out of them; what they do not is refused."""
    place = market["htx"]
    day = await place.fetch_bars("BTC/USDT", "1h", start="24h")
    assert len(day) == 23
    with pytest.raises(UsageError, match=r"htx\.spot gives its newest 2000 bars and no others: start not before"):
        await place.fetch_bars("BTC/USDT", "1m", start="30d")
    with pytest.raises(UsageError, match="limit 2001 is more than 2000"):
        await place.fetch_bars("BTC/USDT", "1m", limit=2_001)


class Changed:
    """The exchange on the wire, whose questions and answers about bars are others than its own."""

    def __init__(self, sim: serve) -> None:
        self.asked = 0
        self.query: Callable[[str], str] = lambda query: query
        self.body: Callable[[Any], Any] = lambda rows: rows
        site = sim._simulator
        http = site.http

        async def changed(request: Asked) -> Answer:
            if not request.path.endswith(("/klines", "/kline")):
                return await http(request)
            self.asked += 1
            answer = await http(replace(request, query=self.query(request.query)))
            return replace(answer, body=json.dumps(self.body(json.loads(answer.body))).encode())

        site.http = changed  # type: ignore[method-assign]


async def test_an_end_alone_at_a_venue_without_ranges(market: Market) -> None:
    """What its newest bars hold before an end is given, as many as usual; what they do not hold is refused."""
    place = market["htx"]
    end = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1_000)
    ten = await place.fetch_bars("BTC/USDT", "1m", end=end, limit=10)
    assert [bar.time for bar in ten] == [end - timedelta(minutes=n) for n in range(10, 0, -1)]
    assert len(await place.fetch_bars("BTC/USDT", "1m", end=end)) == 500
    assert len(await place.fetch_bars("BTC/USDT", "1m", unfinished=True)) == 500
    with pytest.raises(UsageError, match=r"newest 2000 bars and no others: \d+ before that end, not 500"):
        await place.fetch_bars("BTC/USDT", "1m", end=end - timedelta(minutes=800))


async def test_a_start_between_two_bars_at_a_venue_without_ranges(market: Market, sim: serve) -> None:
    place, changed = market["htx"], Changed(sim)
    answers: list[Any] = []

    def the_first_again(answer: Any) -> Any:
        answers.append(answer)
        return answers[0]

    changed.body = the_first_again
    await place.fetch_bars("BTC/USDT", "5m", start="1h")
    first = answers[0]["data"][-1]["id"]
    some = await place.fetch_bars("BTC/USDT", "5m", start=(first - 300) * SECOND + 1, limit=2)
    assert [bar.start_ns for bar in some] == [first * SECOND, (first + 300) * SECOND]
    with pytest.raises(UsageError, match="start not before"):
        await place.fetch_bars("BTC/USDT", "5m", start=(first - 300) * SECOND)


@pytest.mark.parametrize(
    ("ask", "pages"), [({"start": "30d"}, 45), ({"end": "30d"}, 2), ({"start": "30d", "limit": 5_000}, 2)]
)  # the pages of a long range are asked for together, each once
async def test_a_venue_that_gives_the_same_page_again(
    market: Market, sim: serve, ask: dict[str, Any], pages: int
) -> None:
    """It is asked for ever by whoever does not look, and every row counted again."""
    changed = Changed(sim)
    changed.query = lambda query: "&".join(
        part for part in query.split("&") if not part.startswith(("startTime", "endTime"))
    )
    with pytest.raises(DecodeError, match="holds none that were asked for"):
        await market["binance"].fetch_bars("BTC/USDT", "1m", **ask)
    assert changed.asked <= pages


def facts(bars: Bars) -> list[tuple[object, ...]]:
    return [(bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


async def test_rows_that_were_not_asked_for_are_left_out(market: Market, sim: serve) -> None:
    """Pages that begin with what the last one ended with, or go on beyond the end."""
    place, end = market["binance"], datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    start = end - timedelta(minutes=1_500)
    right = facts(await place.fetch_bars("BTC/USDT", "1m", start=start, end=end))
    changed = Changed(sim)
    changed.query = lambda query: re.sub(
        r"(startTime|endTime)=(\d+)",
        lambda found: f"{found[1]}={int(found[2]) + (-120_000 if found[1] == 'startTime' else 60_000)}",
        query,
    )
    assert facts(await place.fetch_bars("BTC/USDT", "1m", start=start, end=end)) == right
    assert facts(await place.fetch_bars("BTC/USDT", "1m", end=end, limit=1_500)) == right


@pytest.mark.parametrize(("interval", "shift"), [("1h", 60_000), ("1M", 86_400_000)])
async def test_a_bar_off_the_grid(market: Market, sim: serve, interval: str, shift: int) -> None:
    changed = Changed(sim)

    def moved(rows: Any) -> Any:
        rows[1][0] += shift
        return rows

    changed.body = moved
    with pytest.raises(DecodeError, match=f"a bar of {interval} opens at"):
        await market["binance"].fetch_bars("BTC/USDT", interval, limit=3)


async def test_an_interval_is_looked_at_before_anybody_is_asked(market: Market, sim: serve) -> None:
    changed = Changed(sim)
    for venue in ("binance", "htx"):
        with pytest.raises(UsageError, match="is no interval"):
            await market[venue].fetch_bars("BTC/USDT", "60")
    assert not changed.asked


async def test_bad_ranges(market: Market) -> None:
    place = market["binance"]
    with pytest.raises(UsageError, match="start is not before end"):
        await place.fetch_bars("BTC/USDT", start="1d", end="2d")
    with pytest.raises(UsageError, match="at least one"):
        await place.fetch_bars("BTC/USDT", limit=0)
    with pytest.raises(UsageError, match="no bars of '7m'"):
        await place.fetch_bars("BTC/USDT", "7m")
    with pytest.raises(UnknownSymbol):
        await place.fetch_bars("NO/SUCH")


@pytest.mark.parametrize("venue", ["binance", "htx"])
async def test_a_book_asked_once(market: Market, venue: str) -> None:
    book = await market[venue].fetch_book("BTC/USDT", limit=5)
    assert (book.count("bid"), book.count("ask")) == (5, 5)
    assert book.best_bid is not None
    assert book.best_ask is not None
    assert book.best_bid.price < book.best_ask.price
    assert book.known.low == book.bids[-1].price
    assert book.seq is not None
    assert book.cost("buy", 10**9).beyond_known
    with pytest.raises(UsageError, match="at least one"):
        await market[venue].fetch_book("BTC/USDT", limit=0)
