"""Long ranges of rows in Alpaca's own words, as pages of which some are asked for at once."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from tidebook.client.market import Market
from tidebook.client.pages import Pages, Part
from tidebook.client.place import VenueAt
from tidebook.compat.alpaca.common.exceptions import APIError
from tidebook.core.channel import Call, Question
from tidebook.core.clock import SECOND
from tidebook.model.facts import instant
from tidebook.model.wire import iso

Rows = dict[str, Any]
PAGE: Final = 10_000  # rows that Alpaca gives at once, of all symbols
_ANY: Final = "1m"  # of whichever bars, a page is one request
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Page(NamedTuple):
    """Rows by symbol, and whether there are more."""

    rows: dict[str, list[Rows]]
    token: str | None


Ask = Callable[[Rows], Awaitable[Page]]


class RowPages(Pages[Rows]):
    """Those of one symbol, asked for by `ask` with what else is wanted of them."""

    def __init__(self, one: VenueAt, call: Call, symbol: str, ask: Ask, params: Rows, *, dense: bool) -> None:
        super().__init__(one, call, symbol, at=_at, every=SECOND, same=id if dense else None)
        self._ask, self._params = ask, params
        self._step = self._most_at_once(1 << 62)  # how far apart they are is not known before the first page

    @property
    def first_step(self) -> int:
        return self._step

    def begin(self, rows: list[Rows], start_ns: int) -> tuple[list[Rows], int]:
        """As `kept`, of the first page: it tells how dense they are and what a page holds, so that the next ones are
        some at once, and fit.
        """
        found = self.kept(rows, start_ns)
        if found[0]:
            self._most = len(rows)
            span_ns = _at(rows[-1]) - _at(rows[0])
            self._step = self.next_step(self._step, Part(rows, len(rows), start_ns, None, (found[1], None), span_ns))
        return found

    async def part(self, start_ns: int, end_ns: int | None) -> Part[Rows]:
        """One page, when the limit has room for it and a fifth besides; whether there are more is what Alpaca says.

        Both ends belong to what it is asked for.
        """
        await self._room(Question(self._id, PAGE, _ANY, start_ns, end_ns))
        span = {"start": _stamp(start_ns), "end": None if end_ns is None else _stamp(end_ns - 1)}
        answer = await self._ask({**self._params, **span, "symbols": self._id, "limit": PAGE})
        rows = answer.rows.get(self._id, [])
        if answer.token is None:
            return Part(rows, len(rows), start_ns, end_ns)
        kept, next_ns = self.kept(rows, start_ns)
        if end_ns is not None and next_ns >= end_ns:
            return Part(rows, len(rows), start_ns, end_ns)
        if next_ns <= start_ns:
            raise APIError(f"a page of {self._call.name} holds none that were asked for")
        return Part(kept, len(rows), start_ns, end_ns, (next_ns, end_ns), _at(rows[-1]) - _at(rows[0]))

    def kept(self, rows: list[Rows], start_ns: int) -> tuple[list[Rows], int]:
        """Of a page that is not the last, what is complete, and from when on the others are: of the last instant of
        dense rows it may lack some.
        """
        if not rows:
            return [], start_ns
        next_ns = self._seam_behind(rows[-1])
        return [row for row in rows if _at(row) < next_ns], next_ns


@dataclass(frozen=True, slots=True)
class Range:
    """Rows from `start` to `end`, the oldest first and all of them: what a page has no room for can be asked for at
    once. Of `dense` rows several may be of one instant.
    """

    start: datetime
    end: datetime | None
    dense: bool

    @property
    def start_ns(self) -> int:
        return _ns(self.start)

    @property
    def end_ns(self) -> int | None:
        """The first instant behind it."""
        return None if self.end is None else _ns(self.end) + 1

    def pages(self, market: Market, ask: Ask, params: Rows, name: str) -> dict[str, RowPages]:
        """Of each symbol."""
        (one,) = market._connected
        call = next(call for call in one.declared.calls if call.name == name)
        return {symbol: RowPages(one, call, symbol, ask, params, dense=self.dense) for symbol in symbols_of(params)}


def symbols_of(params: Rows) -> list[str]:
    """Those that are asked for, each once."""
    return [*dict.fromkeys(symbol.strip() for symbol in params["symbols"].split(","))]


def _at(row: Rows) -> int:
    return iso(row["t"])


def _stamp(ns: int) -> str:
    return f"{instant(ns - ns % SECOND):%Y-%m-%dT%H:%M:%S}.{ns % SECOND:09d}Z"


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
