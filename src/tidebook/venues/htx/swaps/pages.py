"""Bars of HTX's swaps by range. Facts: Get KLine Data and its questions (2021-06, and as of 2025-11).

An answer holds the bars that open from `from` to `to`, both included: of more than 2000, or of more than two years,
there are none at all. So a range is asked for no further than its rows go, and an answer from which that has cut
something off is refused: it would read like the end of the market, or its beginning.
"""

from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.rest import get, instrument, interval
from tidebook.core.span import Span
from tidebook.errors import UsageError
from tidebook.model import facts
from tidebook.venue import Question, Request, Seen
from tidebook.venues.htx.swaps.wire import PERIODS

MOST: Final = 2000
USUAL: Final = 500  # rows of an answer, where nobody says how many
_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "M": 31 * 86_400}
_YEARS_NS: Final = 2 * 365 * 86_400 * SECOND
_EAST: Final = -8 * 3_600 * SECOND  # days and months begin at midnight in UTC+8


def ends_ns(opening_ns: int, name: str) -> int:
    """When a bar of an interval is over."""
    return Span(0, _EAST, 1).after(opening_ns) if name == "1M" else opening_ns + _length_ns(name)


def _length_ns(name: str) -> int:
    """How long a bar is; of months the longest."""
    return int(name[:-1]) * _UNITS[name[-1]] * SECOND


def _rows(question: Question) -> int:
    return question.limit or USUAL


def _reach_ns(question: Question) -> int:
    """How far one answer goes."""
    return min(_rows(question) * _length_ns(question.interval or ""), _YEARS_NS)


def request(url: str, question: Question) -> Request:
    """The newest bars, or those of a range: as many as are asked for open in it, on whatever grid."""
    period = PERIODS[interval(question, PERIODS)]
    start_ns, end_ns = question.start_ns, question.end_ns
    if start_ns is None and end_ns is None:
        return get(url, contract_code=instrument(question), period=period, size=_rows(question))
    if start_ns is not None:
        until_ns = start_ns + _reach_ns(question)
        end_ns = until_ns if end_ns is None else min(end_ns, until_ns)
    else:
        assert end_ns is not None
        start_ns = end_ns - _reach_ns(question)
    first, last = -(-start_ns // SECOND), -(-end_ns // SECOND) - 1
    return get(url, contract_code=instrument(question), period=period, **{"from": first, "to": last})


def check_whole(bars: list[facts.Bar], question: Question, seen: Seen) -> None:
    """Raises UsageError where fewer bars came than there may be."""
    if len(bars) >= _rows(question) or (question.start_ns is None and question.end_ns is None):
        return
    now_ns, name = seen.received_ns, question.interval or ""
    if question.start_ns is not None:
        until_ns = now_ns if question.end_ns is None else min(question.end_ns, now_ns)
        cut = question.start_ns + _reach_ns(question) < until_ns
    else:
        assert question.end_ns is not None
        from_ns = question.end_ns - _reach_ns(question)
        cut = bars[0].start_ns < from_ns + _length_ns(name) if bars else from_ns < now_ns - _YEARS_NS
    if cut:
        raise UsageError(
            f"{seen.venue}: {len(bars)} bars of {name} where {_rows(question)} were asked for. It gives two years at "
            "once, the last two years, and no bars where nothing is known: ask for fewer with limit=, or of later",
            venue=seen.venue,
        )
