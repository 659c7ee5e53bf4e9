"""COIN-M's bars by range. Facts: Kline/Candlestick Data of COIN-M futures, 2025-11-30.

"The difference between startTime and endTime can only be up to 200 days", and of a range "the most recent `limit` data
from `endTime` will be returned". So longer ranges are asked for in parts (`Call.longest`), and each from a start no
further than its rows go; an answer with fewer than could be there is refused: it would read like the market's end.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.rest import interval
from tidebook.core.span import Span
from tidebook.errors import UsageError
from tidebook.model import facts
from tidebook.venue import Question, Request, Seen
from tidebook.venues.binance.futures.wire import INTERVALS
from tidebook.venues.binance.rest import bars_in_range, read_bars

DAYS: Final = 200
USUAL: Final = 500  # rows of an answer, where nobody says how many
_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST: Final = DAYS * 86_400.0  # seconds
_DAYS_NS: Final = DAYS * 86_400 * SECOND


def _span(question: Question) -> Span:
    name = interval(question, INTERVALS)
    return Span(0, months=1) if name == "1M" else Span(int(name[:-1]) * _UNITS[name[-1]] * SECOND)


def _first(span: Span, at_ns: int) -> int:
    """The first opening from an instant on."""
    opening = span.opening(at_ns)
    return opening if opening == at_ns else span.after(opening)


def _reach(question: Question, start_ns: int) -> int:
    """How far one answer goes from a start on: as many bars as are asked for, and 200 days at most."""
    span = _span(question)
    return min(span.after(_first(span, start_ns), question.limit or USUAL), start_ns + _DAYS_NS)


def asked(url: str, question: Question) -> Request:
    if question.start_ns is not None:
        reach = _reach(question, question.start_ns)
        question = replace(question, end_ns=reach if question.end_ns is None else min(question.end_ns, reach))
    return bars_in_range(url, INTERVALS)(question)


def request(url: str) -> partial[Request]:
    return partial(asked, url)


def _check_whole(bars: list[facts.Bar], question: Question, seen: Seen) -> None:
    """Raises UsageError where fewer bars came than there may be."""
    if len(bars) >= (question.limit or USUAL) or question.start_ns is None:
        return
    now_ns = seen.received_ns
    until_ns = now_ns if question.end_ns is None else min(question.end_ns, now_ns)
    if _reach(question, question.start_ns) < until_ns:
        raise UsageError(
            f"{seen.venue}: {len(bars)} bars of {question.interval} in {DAYS} days from that start, or it has none so "
            "early. Ask for fewer with limit=, or from a later start",
            venue=seen.venue,
        )


def read(body: bytes, seen: Seen, question: Question) -> list[facts.Bar]:
    bars = read_bars(body, seen, question, turnover=False)
    _check_whole(bars, question, seen)
    return bars
