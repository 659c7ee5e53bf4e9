"""Bars made of trades, or of finer bars: exact, and none where there was nothing.

Nothing proves that the first and the last of them are whole: they are left out, or with ``partial=True`` there, and not
`finished`. Time is cut in UTC.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Final

from tidebook.client.ranges import grid
from tidebook.core.span import Span
from tidebook.errors import UsageError
from tidebook.model.facts import Bar, Trade, stamp
from tidebook.model.number import Exact, compared, plus

_NONE: Final = (0, 0)


def span_of(interval: str) -> Span:
    """How UTC is cut by an interval. Raises UsageError for a text that is none."""
    return grid(interval)(0)


def from_trades(trades: Iterable[Trade], interval: str, *, partial: bool = False) -> list[Bar]:
    """Bars of one symbol's trades, oldest first. Raises UsageError where they are of several, or out of order."""
    span = span_of(interval)
    rows = [*trades]
    _check_one({(row.venue, row.symbol) for row in rows})
    stamps = [stamp(row) for row in rows]
    if any(later < at for at, later in pairwise(stamps)):
        raise UsageError("trades are not in order of time")
    groups = groupby(zip(stamps, rows, strict=True), key=lambda pair: span.opening(pair[0]))
    made = [_of_trades([row for _, row in group], interval, opening) for opening, group in groups]
    return _whole(made, partial, first=False, last=False)


def _of_trades(rows: Sequence[Trade], interval: str, opening: int) -> Bar:
    volume, turnover = _NONE, _NONE
    high = low = rows[0].exact_price
    for row in rows:
        price, size = row.exact_price, row.exact_size
        high, low = _higher(high, price), _lower(low, price)
        volume = plus(volume, size)
        turnover = plus(turnover, (price[0] * size[0], price[1] + size[1]))
    last = rows[-1]
    counts = [_count(row) for row in rows]
    known = [count for count in counts if count is not None]
    return Bar(
        venue=last.venue, symbol=last.symbol, venue_ns=last.venue_ns, received_ns=last.received_ns, interval=interval,
        start_ns=opening, finished=True, exact_open=rows[0].exact_price, exact_high=high, exact_low=low,
        exact_close=last.exact_price, exact_volume=volume,
        exact_turnover=None if ":" in last.symbol else turnover,  # a contract's is not price × size
        trades=sum(known) if len(known) == len(counts) else None,
    )  # fmt: skip


def _count(row: Trade) -> int | None:
    """How many trades one row is; None where its venue does not number them."""
    if row.first_id is None or row.last_id is None:
        return 1
    try:
        return int(row.last_id) - int(row.first_id) + 1
    except ValueError:
        return None


def coarser(bars: Sequence[Bar], finer: str, interval: str, *, partial: bool = False) -> list[Bar]:
    """Bars of a longer interval, of those of a finer one, oldest first.

    Raises UsageError where the finer one is no part of it, or bars are of several symbols.
    """
    fine, span = span_of(finer), span_of(interval)
    _check_one({(row.venue, row.symbol) for row in bars})
    fits = fine.ns and (span.ns % fine.ns == 0 if span.ns else (24 * 3_600 * 10**9) % fine.ns == 0)
    if not fits and not (fine.months and span.months and span.months % fine.months == 0):
        raise UsageError(f"{interval} is not made of whole bars of {finer}")
    if not bars:
        return []
    groups = [[*group] for _, group in groupby(bars, key=lambda bar: span.opening(bar.start_ns))]
    made = [_of_bars(group, interval, span.opening(group[0].start_ns)) for group in groups]
    begins = bars[0].start_ns == made[0].start_ns
    ends = fine.after(bars[-1].start_ns) == span.after(made[-1].start_ns) and bars[-1].finished
    return _whole(made, partial, begins, ends)


def _of_bars(rows: Sequence[Bar], interval: str, opening: int) -> Bar:
    high, low, volume = rows[0].exact_high, rows[0].exact_low, _NONE
    turnover: Exact | None = _NONE
    trades: int | None = 0
    for row in rows:
        high, low, volume = _higher(high, row.exact_high), _lower(low, row.exact_low), plus(volume, row.exact_volume)
        turnover = None if turnover is None or row.exact_turnover is None else plus(turnover, row.exact_turnover)
        trades = None if trades is None or row.trades is None else trades + row.trades
    last = rows[-1]
    return Bar(
        venue=last.venue, symbol=last.symbol, venue_ns=last.venue_ns, received_ns=last.received_ns, interval=interval,
        start_ns=opening, finished=True, exact_open=rows[0].exact_open, exact_high=high, exact_low=low,
        exact_close=last.exact_close, exact_volume=volume, exact_turnover=turnover, trades=trades,
    )  # fmt: skip


def _whole(made: list[Bar], partial: bool, first: bool, last: bool) -> list[Bar]:
    """With or without those that may lack something; `first` and `last` say that these do not."""
    lacking = {n for n, whole in ((0, first), (len(made) - 1, last)) if not whole}
    if not partial:
        return [bar for n, bar in enumerate(made) if n not in lacking]
    return [_unfinished(bar) if n in lacking else bar for n, bar in enumerate(made)]


def _unfinished(bar: Bar) -> Bar:
    return Bar(**{name: getattr(bar, name) for name in bar.__struct_fields__ if name != "finished"}, finished=False)


def _check_one(about: set[tuple[str, str]]) -> None:
    if len(about) > 1:
        raise UsageError("of one venue and symbol at a time: " + ", ".join(sorted(" ".join(one) for one in about)))


def _higher(one: Exact, other: Exact) -> Exact:
    return other if compared(other, one) > 0 else one


def _lower(one: Exact, other: Exact) -> Exact:
    return other if compared(other, one) < 0 else one
