"""Bars over a range, and their holes."""

from collections.abc import Callable, Sequence

from tidebook.client.ahead import all_rows
from tidebook.client.columns import BARS
from tidebook.client.pages import Pages
from tidebook.client.place import VenueAt
from tidebook.client.ranges import gaps_of, grid
from tidebook.client.resample import coarser
from tidebook.client.tables import Table
from tidebook.errors import UsageError
from tidebook.model.facts import Bar, Instrument, instant


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

    def resample(self, interval: str, *, partial: bool = False) -> "Bars":
        """Bars of a longer interval, exact, cut in UTC; holes stay holes.

        The first and last are left out where they lack bars at the beginning or the end, or with ``partial=True`` not
        `finished`. Raises UsageError where they are not made of whole bars of this interval.
        """
        return Bars(coarser(self._rows, self.interval, interval, partial=partial), self.symbol, interval, self.venue)

    def __repr__(self) -> str:
        span = ""
        if self._rows:
            first_ns, last_ns = self._rows[0].start_ns, self._rows[-1].start_ns
            ends_ns = grid(self.interval)(last_ns).after(last_ns)
            first, end = (f"{instant(ns):%Y-%m-%dT%H:%M}".removesuffix("T00:00") for ns in (first_ns, ends_ns))
            span = f", {first} → {end}"
        return f"<Bars {self._about}, {len(self)} rows{span}, {len(self.gaps)} gaps>"


def bar_pages(one: VenueAt, instrument: Instrument, interval: str, wanted: Callable[[Bar], bool]) -> Pages[Bar]:
    """The pages of a symbol's bars. Raises UsageError for a text that is no interval, and where there are none."""
    call = one.declared.call("bars")
    if call is None:
        raise UsageError(f"{one.declared.name} has no bars over REST", venue=one.declared.name)
    cut = grid(interval)
    return Pages(
        one, call, instrument.id, interval, at=lambda bar: bar.start_ns,
        every=cut(0).after(0), before=lambda opening: cut(opening).after(opening, -1),
        wanted=wanted, spare=1,  # the one that is not finished
    )  # fmt: skip


async def asked_bars(
    one: VenueAt, instrument: Instrument, interval: str, *, start_ns: int | None, end_ns: int | None,
    limit: int | None, unfinished: bool,
) -> Bars:  # fmt: skip
    """Bars that open in [start, end): the first `limit` of them from a start, else the newest.

    Raises UsageError for a text that is no interval, or where the venue gives no such range; DecodeError where pages
    of the venue lead nowhere, or its bars do not follow each other by whole intervals; and whatever asking raises.
    """
    pages = bar_pages(one, instrument, interval, lambda bar: unfinished or bar.finished)
    rows = await all_rows(pages, start_ns, end_ns, limit)
    return Bars(rows, instrument.symbol, interval, one.declared.name)
