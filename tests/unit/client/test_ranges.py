"""Ranges of time, and bars over them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.client.market import Market
from tidebook.client.ranges import after, instant_ns
from tidebook.errors import UnknownSymbol, UsageError

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


@given(st.datetimes(datetime(1974, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
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
    assert after(interval)(before) == then


@pytest.mark.parametrize("interval", ["", "m", "0m", "1q", "1.5h", "60"])
def test_what_is_no_interval(interval: str) -> None:
    with pytest.raises(UsageError, match="is no interval"):
        after(interval)


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
    assert repr(bars) == (
        f"<Bars BTC/USDT 1m binance, 2500 rows, {start:%Y-%m-%dT%H:%M} → {end - timedelta(minutes=1):%Y-%m-%dT%H:%M}, "
        "0 gaps>"
    )


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


async def test_bad_ranges(market: Market) -> None:
    place = market["binance"]
    with pytest.raises(UsageError, match="start is not before end"):
        await place.fetch_bars("BTC/USDT", start="1d", end="2d")
    with pytest.raises(UsageError, match="at least one bar"):
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
    with pytest.raises(UsageError, match="at least one level"):
        await market[venue].fetch_book("BTC/USDT", limit=0)
