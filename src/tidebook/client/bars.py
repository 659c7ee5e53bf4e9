"""Bars over a range: page after page, in order, without one twice."""

from collections.abc import Sequence
from typing import Any, NoReturn

from tidebook.client.place import VenueAt, check_limit
from tidebook.client.ranges import gaps_of, grid
from tidebook.client.tables import BARS, Table
from tidebook.core.channel import Call, Question
from tidebook.errors import DecodeError, UsageError
from tidebook.model.facts import Bar, Instrument, instant

USUAL = 500  # bars that are asked for where nobody says how many


class Bars(Table[Bar]):
    """Bars of one symbol, oldest first; `time` is the opening.

    `gaps` are holes: the first opening that is missing, and the opening that follows (ns UTC).
    """

    def __init__(self, rows: Sequence[Bar], symbol: str, interval: str, venue: str) -> None:
        super().__init__(BARS, rows, f"{symbol} {interval} {venue.partition('.')[0]}")
        self.symbol = symbol
        self.interval = interval
        self.venue = venue
        self.gaps = gaps_of(self._rows, interval)

    def __repr__(self) -> str:
        span = ""
        if self._rows:
            first, last = (f"{instant(one.start_ns):%Y-%m-%dT%H:%M}" for one in (self._rows[0], self._rows[-1]))
            span = f", {first.removesuffix('T00:00')} → {last.removesuffix('T00:00')}"
        return f"<Bars {self._about}, {len(self)} rows{span}, {len(self.gaps)} gaps>"


async def asked_bars(
    one: VenueAt, instrument: Instrument, interval: str, *, start_ns: int | None, end_ns: int | None,
    limit: int | None, unfinished: bool,
) -> Bars:  # fmt: skip
    """Bars that open in [start, end): the first `limit` of them from a start, else the newest.

    Raises UsageError for a text that is no interval, or where the venue gives no such range; DecodeError where pages
    of the venue lead nowhere, or its bars do not follow each other by whole intervals; and whatever asking raises.
    """
    call = one.declared.call("bars")
    if call is None:
        raise UsageError(f"{one.declared.name} has no bars over REST", venue=one.declared.name)
    check_limit(limit)
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise UsageError("start is not before end")
    ask = _Asking(one, call, instrument.id, interval, unfinished)
    if call.ranges and start_ns is not None:
        rows = await ask.onwards(start_ns, end_ns, limit)
    elif call.ranges:
        rows = await ask.backwards(end_ns, limit or USUAL)
    else:
        rows = await ask.newest(start_ns, end_ns, limit)
    return Bars(rows, instrument.symbol, interval, one.declared.name)


class _Asking:
    """The pages of one question."""

    def __init__(self, one: VenueAt, call: Call, id: str, interval: str, unfinished: bool) -> None:
        self._one = one
        self._name = one.declared.name
        self._cut = grid(interval)
        self._id = id
        self._interval = interval
        self._unfinished = unfinished
        self._most = call.most or USUAL

    async def onwards(self, start_ns: int, end_ns: int | None, limit: int | None) -> list[Bar]:
        """From a start on, the oldest first."""
        found: list[Bar] = []
        while limit is None or len(found) < limit:
            # What is not finished may be in the page, and is left out.
            size = self._most if limit is None else min(self._most, limit - len(found) + 1)
            page = await self._page(size, start_ns, end_ns)
            fresh = _within(page, start_ns, end_ns)
            found += self._wanted(fresh)
            if len(page) < size or (end_ns is not None and page[-1].start_ns + 1 >= end_ns):
                break
            self._check_new(fresh)
            start_ns = fresh[-1].start_ns + 1
        return found[:limit]

    async def backwards(self, end_ns: int | None, limit: int) -> list[Bar]:
        """The newest before an end."""
        found: list[Bar] = []
        while len(found) < limit:
            size = min(self._most, limit - len(found) + 1)
            page = await self._page(size, None, end_ns)
            fresh = _within(page, None, end_ns)
            found = self._wanted(fresh) + found
            if len(page) < size:
                break
            self._check_new(fresh)
            end_ns = fresh[0].start_ns
        return found[-limit:]

    async def newest(self, start_ns: int | None, end_ns: int | None, limit: int | None) -> list[Bar]:
        """From a venue that gives nothing but its newest bars. What they do not hold is refused."""
        asked = start_ns is not None or end_ns is not None
        if limit is not None and limit > self._most:
            self._refuse(f"limit {limit} is more than {self._most}, the most that {self._name} gives")
        wanted = limit or USUAL
        size = self._most if asked else min(self._most, wanted + 1)
        page = await self._page(size, None, None)
        rows = self._wanted(_within(page, start_ns, end_ns))
        more = len(page) >= size  # it has older ones, and does not give them
        only = f"{self._name} gives its newest {self._most} bars and no others"
        if start_ns is not None:
            if more and start_ns <= self._cut(page[0].start_ns).after(page[0].start_ns, -1):
                self._refuse(f"{only}: start not before {instant(page[0].start_ns):%Y-%m-%dT%H:%M}Z")
            return rows[:limit]
        if asked and more and len(rows) < wanted:
            self._refuse(f"{only}: {len(rows)} before that end, not {wanted}")
        return rows[-wanted:]

    def _check_new(self, fresh: list[Bar]) -> None:
        """Else the next page would be the same, for ever."""
        if not fresh:
            raise DecodeError(
                "malformed", f"{self._name}: a page of bars holds none that were asked for", venue=self._name
            )

    def _refuse(self, text: str) -> NoReturn:
        raise UsageError(text, venue=self._name)

    def _wanted(self, page: list[Bar]) -> list[Bar]:
        return page if self._unfinished else [one for one in page if one.finished]

    async def _page(self, size: int, start_ns: int | None, end_ns: int | None) -> list[Bar]:
        question: Any = Question(self._id, size, self._interval, start_ns, end_ns)
        rows: list[Bar] = await self._one.fetch("bars", question)
        return sorted(rows, key=lambda one: one.start_ns)


def _within(page: list[Bar], start_ns: int | None, end_ns: int | None) -> list[Bar]:
    """Those that open in [start, end), each once."""
    once = {one.start_ns: one for one in page}
    return [one for at, one in once.items() if (start_ns is None or at >= start_ns) and (end_ns is None or at < end_ns)]
