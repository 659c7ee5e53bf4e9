"""What a venue gives page after page, in order of time, without one twice."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

from tidebook.client.place import VenueAt
from tidebook.client.questions import check_limit
from tidebook.core.channel import Call, Question
from tidebook.core.clock import SECOND
from tidebook.core.effects import Urgency
from tidebook.errors import DecodeError, TidebookError, UsageError
from tidebook.io.clock import now
from tidebook.model.facts import instant

T = TypeVar("T")
USUAL = 500  # rows that are asked for where nobody says how many


class Part(NamedTuple, Generic[T]):
    """What one page holds of [start, end): `held` rows before those that are not wanted were left out.

    `rest` is what of the range the page had no room for, `span_ns` from its first to its last row.
    """

    rows: list[T]
    held: int
    start_ns: int
    end_ns: int | None
    rest: tuple[int, int | None] | None = None
    span_ns: int = 0


class Pages(Generic[T]):
    """The pages of one question.

    `at` is a row's place in time (ns), `before` the last instant before a row at which another one could be, `every`
    how far apart rows mostly are. Rows that are not `wanted` are left out; there may be one on a page (`spare`).
    `same` tells rows of one instant apart; without it there is one at each. With it a full page may lack some of the
    instant at which it was cut: these are left out, and asked for again with the page that follows.
    """

    def __init__(
        self, one: VenueAt, call: Call, id: str, interval: str | None = None, *, at: Callable[[T], int],
        every: int, before: Callable[[int], int] | None = None, wanted: Callable[[T], bool] = lambda row: True,
        spare: int = 0, same: Callable[[T], object] | None = None,
    ) -> None:  # fmt: skip
        self._one = one
        self._call = call
        self._name = one.declared.name
        self._id = id
        self._interval = interval
        self._at = at
        apart = 1 if same is None else 0  # ns, at the least
        self._before = before or (lambda ns: ns - apart)
        self._every = every
        self._is_wanted = wanted
        self._spare = spare
        self._same = same
        self._most = call.most or USUAL
        self._longest_ns = None if call.longest is None else int(call.longest * SECOND)

    async def rows(self, start_ns: int | None, end_ns: int | None, limit: int | None, usual: int = USUAL) -> list[T]:
        """Those in [start, end): the first `limit` of them from a start, else the newest `limit`, or `usual`.

        Raises UsageError where the venue gives no such range; DecodeError where its pages lead nowhere, or more rows
        share an instant than a page holds; and whatever asking raises.
        """
        check_limit(limit)
        if start_ns is not None and end_ns is not None and start_ns >= end_ns:
            raise UsageError("start is not before end")
        if self._call.ranges == "until" and start_ns is not None:
            if limit is not None:
                return await self._forwards(start_ns, end_ns, limit)
            return await self._backwards(end_ns, None, start_ns)
        if self._call.ranges and start_ns is not None:
            return await self._onwards(start_ns, end_ns, limit)
        if self._call.ranges:
            return await self._backwards(end_ns, limit or usual)
        return await self._newest(start_ns, end_ns, limit, usual)

    @property
    def first_step(self) -> int:
        """How much time to ask for at first: what a page has room for, where rows are as far apart as they mostly are.

        Where rows share instants nobody knows how dense they are: all that may be asked for, and one page tells.
        """
        dense = self._same is not None
        return self._most_at_once(1 << 62 if dense else self._every * max(self._most - 1, 1))

    def next_step(self, step_ns: int, part: "Part[T]") -> int:
        """How much to ask for after a page: as much as filled it, more where it was mostly empty."""
        if part.rest is not None:
            return max(part.span_ns if self._same is None else part.span_ns * 9 // 10, 1)
        return self._most_at_once(step_ns * 2) if part.held * 2 < self._most else step_ns

    def _most_at_once(self, step_ns: int) -> int:
        return step_ns if self._longest_ns is None else min(step_ns, self._longest_ns)

    def is_long(self, start_ns: int, end_ns: int | None, pages: int) -> bool:
        """Whether a range may be more than so many pages, as far as one can know before asking."""
        last_ns = now().wall_ns if end_ns is None else min(end_ns, now().wall_ns)
        dense = self._same is not None
        return bool(self._call.ranges) and (dense or last_ns - start_ns > pages * self._every * self._most)

    async def part(self, start_ns: int, end_ns: int | None) -> "Part[T]":
        """One page of [start, end), and what of that range it leaves to be asked for: after it, or before it.

        Asked when there is nothing more urgent, and so that a fifth of the limit stays free for what is.
        """
        if not self._call.ranges:
            rows = await self._newest(start_ns, end_ns, None, USUAL)
            return Part(rows, len(rows), start_ns, end_ns)
        until = self._call.ranges == "until"
        asked_from = None if until else start_ns
        await self._room(Question(self._id, self._most, self._interval, asked_from, end_ns))
        page = await self._page(self._most, asked_from, end_ns, Urgency.HISTORY)
        fresh = self._within(page, start_ns, end_ns)
        count = len(fresh)
        if len(page) < self._most:
            return Part(self._wanted(fresh), count, start_ns, end_ns)
        rest: tuple[int, int | None] | None
        if until:
            seam_ns = self._seam_before(page[0])
            rest = (start_ns, seam_ns) if self._before(self._at(page[0])) >= start_ns else None
            kept = self._within(fresh, seam_ns, None)
        else:
            seam_ns = self._seam_behind(page[-1])
            rest = (seam_ns, end_ns) if end_ns is None or seam_ns < end_ns else None
            kept = self._within(fresh, None, seam_ns)
        if rest is not None:
            self._check_new(kept, page)
            fresh = kept
        return Part(self._wanted(fresh), count, start_ns, end_ns, rest, self._at(page[-1]) - self._at(page[0]))

    def unavailable(self, error: TidebookError, again: float) -> None:
        """Tell the health of the market that a page could not be had, and is asked for again in so many seconds."""
        self._one.unavailable(error, again)

    def _seam_before(self, first: T) -> int:
        """The end of what a full page with this first row leaves to be asked for: up to it, or with its instant."""
        return self._at(first) + (self._same is not None)

    def _seam_behind(self, last: T) -> int:
        """The start of what a full page with this last row leaves to be asked for: behind it, or at its instant."""
        return self._at(last) + (self._same is None)

    def ending(self, rows: list[T], before: Sequence[T] = ()) -> list[T]:
        """The rows of the last instant there is, of a page that followed one with such an ending."""
        both = [*before, *rows]
        return [] if not both else self._within(both, self._at(both[-1]), None)

    def behind(self, ending: Sequence[T]) -> int:
        """From when on to ask for what follows such an ending; of its instant there may be more."""
        return self._seam_behind(ending[-1])

    def beyond(self, rows: list[T], ending: Sequence[T]) -> list[T]:
        """Those of a page that are not of that ending."""
        key = self._same or self._at
        had = {key(one) for one in ending}
        return [row for row in rows if key(row) not in had]

    async def _room(self, question: Question) -> None:
        """Wait until the limit has room for this and a fifth of it besides."""
        pool = next((one for one in self._one.declared.pools if one.name == self._call.pool), None)
        url, weight = self._call.request(question).url, self._call.weight(question)
        while pool is not None:
            at = now()
            wait = self._one.desk.requests.room_at(pool.name, url, weight + pool.limit // 5, at) - at.mono_ns
            if wait <= 0:
                return
            await asyncio.sleep(min(wait / SECOND, 1.0))

    async def _onwards(self, start_ns: int, end_ns: int | None, limit: int | None) -> list[T]:
        """From a start on, the oldest first."""
        found: list[T] = []
        whole = False  # a page as large as it can be
        while limit is None or len(found) < limit:
            size = self._size(None if limit is None or whole else limit - len(found) + self._spare)
            whole = False
            until_ns = self._part(start_ns, end_ns)
            page = await self._page(size, start_ns, until_ns)
            fresh = self._within(page, start_ns, until_ns)
            rows = self._wanted(fresh)
            next_ns = 0 if not page else self._seam_behind(page[-1])
            if len(page) < size or (until_ns is not None and next_ns >= until_ns):
                found += rows
                if until_ns == end_ns or until_ns is None:
                    break
                start_ns = until_ns  # the next part of a range that is longer than the venue gives
            elif limit is not None and len(found) + len(rows) >= limit:
                found += rows
            else:
                fresh = self._within(fresh, None, next_ns)
                whole = self._is_too_small(fresh, page, size)
                if not whole:
                    found += self._wanted(fresh)
                    start_ns = next_ns
        return found[:limit]

    def _size(self, wanted: int | None) -> int:
        """Rows of a page, as many as there can be where nobody says how many are wanted."""
        return self._most if wanted is None else min(self._most, wanted)

    def _part(self, start_ns: int, end_ns: int | None) -> int | None:
        """The end of as much of a range as may be asked for at once."""
        if self._longest_ns is None:
            return end_ns
        until_ns = start_ns + self._longest_ns
        return end_ns if until_ns >= (now().wall_ns if end_ns is None else end_ns) else until_ns

    async def _backwards(self, end_ns: int | None, limit: int | None, start_ns: int | None = None) -> list[T]:
        """The newest before an end, so many or back to a start."""
        pages: list[list[T]] = []
        count = 0
        whole = False  # a page as large as it can be
        while limit is None or count < limit:
            size = self._size(None if limit is None or whole else limit - count + self._spare)
            whole = False
            page = await self._page(size, None, end_ns)
            fresh = self._within(page, None, end_ns)
            rows = self._wanted(self._within(fresh, start_ns, None))
            is_last = len(page) < size and (self._longest_ns is None or not page)
            if len(page) < size and self._longest_ns is not None and page:
                # All of the part before that end; the one before it may have more.
                before_ns = (now().wall_ns if end_ns is None else end_ns) - self._longest_ns
                end_ns = min(before_ns, self._at(page[0]))
            elif not is_last and (limit is None or count + len(rows) < limit):
                seam_ns = self._seam_before(page[0])
                fresh = self._within(fresh, seam_ns, None)
                whole = self._is_too_small(fresh, page, size)
                if whole:
                    continue
                rows, end_ns = self._within(rows, seam_ns, None), seam_ns
                is_last = start_ns is not None and self._before(self._at(page[0])) < start_ns
            pages.append(rows)
            count += len(rows)
            if is_last:
                break
        found = [one for page in reversed(pages) for one in page]
        return found if limit is None else found[-limit:]

    async def _forwards(self, start_ns: int, end_ns: int | None, limit: int) -> list[T]:
        """The first from a start, where only an end can be asked for: it is put so that one answer holds all before it.

        From there it goes on. Where nothing is, ever more time is asked for at once, and half of it again where that
        is more than an answer holds: so a start long before a market's first row costs a few pages, not all of them.
        """
        found: list[T] = []
        last_ns = now().wall_ns if end_ns is None else end_ns
        first_size = self._size(limit + self._spare + 1)
        step, narrowing = self._every * max(first_size - 1, 1), False
        whole = False  # a page as large as it can be
        while len(found) < limit and (end_ns is None or start_ns < end_ns):
            size = self._size(None if whole else limit - len(found) + self._spare + 1)
            whole = False
            step = min(step, max(last_ns - start_ns, 1))
            until_ns = end_ns if start_ns + step >= last_ns else start_ns + step
            page = await self._page(size, None, until_ns)
            fresh = self._within(page, start_ns, until_ns)
            if page and end_ns is None:
                last_ns = max(last_ns, self._at(page[-1]) + 1)  # the venue's clock may be ahead
            if len(page) >= size and self._before(self._at(page[0])) >= start_ns:
                later = self._within(fresh, self._at(page[0]) + 1, None)
                whole = self._is_too_small(later, page, size)
                if not whole:
                    step, narrowing = max(step // 2, 1), True
                continue
            found += self._wanted(fresh)
            if until_ns == end_ns:
                break
            start_ns += step
            narrowing = narrowing and not fresh
            if not fresh:
                step = max(step // 2, 1) if narrowing else step * 2
        return found[:limit]

    async def _newest(self, start_ns: int | None, end_ns: int | None, limit: int | None, usual: int) -> list[T]:
        """From a venue that gives nothing but its newest rows. What they do not hold is refused."""
        asked = start_ns is not None or end_ns is not None
        if limit is not None and limit > self._most:
            self._refuse(f"limit {limit} is more than {self._most}, the most that {self._name} gives")
        wanted = limit or min(usual, self._most)
        size = self._most if asked else min(self._most, wanted + self._spare)
        page = await self._page(size, None, None)
        rows = self._wanted(self._within(page, start_ns, end_ns))
        more = len(page) >= size  # it has older ones, and does not give them
        only = f"{self._name} gives its newest {self._most} {self._call.name} and no others"
        if start_ns is not None:
            if more and start_ns <= self._before(self._at(page[0])):
                self._refuse(f"{only}: start {self._earliest(page[0])}")
            return rows[:limit]
        if asked and more and len(rows) < wanted:
            self._refuse(f"{only}: {len(rows)} before that end, not {wanted}")
        return rows[-wanted:]

    def _earliest(self, first: T) -> str:
        """From when on a page with this first row has all, in words: of its instant it may lack some."""
        if self._same is None:
            return f"not before {instant(self._at(first)):%Y-%m-%dT%H:%M}Z"
        return f"after {_to_the_ms(self._at(first))}"

    def _check_new(self, fresh: list[T], page: list[T]) -> None:
        """Raises DecodeError where nothing of a full page is kept: the next one would be the same, for ever."""
        if fresh:
            return
        text = f"{self._name}: a page of {self._call.name} holds none that were asked for"
        if page and self._same is not None and self._at(page[0]) == self._at(page[-1]):
            text = (
                f"{self._name}: a page of {self._call.name} is full, of {len(page)} at one instant, "
                f"{_to_the_ms(self._at(page[0]))}: what else there is at it cannot be asked for"
            )
        raise DecodeError("malformed", text, venue=self._name)

    def _is_too_small(self, fresh: list[T], page: list[T], size: int) -> bool:
        """Whether a larger page is to be asked for. Raises as `_check_new` where there is none."""
        if not fresh and size < self._most:
            return True
        self._check_new(fresh, page)
        return False

    def _refuse(self, text: str) -> NoReturn:
        raise UsageError(text, venue=self._name)

    def _wanted(self, page: list[T]) -> list[T]:
        return [one for one in page if self._is_wanted(one)]

    async def _page(
        self, size: int, start_ns: int | None, end_ns: int | None, urgency: Urgency = Urgency.SEED
    ) -> list[T]:
        question: Any = Question(self._id, size, self._interval, start_ns, end_ns)
        rows: list[T] = await self._one.fetch(self._call.name, question, urgency)
        return sorted(rows, key=self._at)

    def _within(self, page: list[T], start_ns: int | None, end_ns: int | None) -> list[T]:
        """Those in [start, end), each once, of a page in order of time."""
        key = self._same or self._at
        once = [*{key(one): one for one in page}.values()]
        first = 0 if start_ns is None else bisect_left(once, start_ns, key=self._at)
        return once[first : None if end_ns is None else bisect_left(once, end_ns, key=self._at)]


def _to_the_ms(ns: int) -> str:
    return f"{instant(ns).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
