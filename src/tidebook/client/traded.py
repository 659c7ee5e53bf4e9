"""What a venue trades, asked again and again: who follows it is told what begins, what ends, and what is halted."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tidebook.client.symbols import Listing
from tidebook.core.clock import SECOND
from tidebook.core.rest import Odd
from tidebook.errors import DecodeError, TidebookError
from tidebook.io.clock import mono_ns, now
from tidebook.model.facts import Instrument

logger = logging.getLogger("tidebook.client")

FRESH_NS = 60 * SECOND  # a listing that is older is asked for anew before a symbol is called unknown
FEW = 10  # of fewer instruments any number may go at once

Told = Callable[[Sequence[Instrument], Sequence[Instrument]], None]
"""Is told of instruments that began to be traded, and of those that ended."""


class Traded:
    """See the module. `listing` is the newest answer that was one.

    What is absent once may be a fault of the answer: an instrument has ended when two answers in a row lack it. One
    that is listed and not traded is halted, which passes.
    """

    def __init__(
        self, venue: str, ask: Callable[[], Awaitable[Sequence[Instrument | Odd]]], *,
        ended: Callable[[Instrument], None], halted: Callable[[Instrument], None],
        passed_over: Callable[[int, str], None],
    ) -> None:  # fmt: skip
        """`passed_over` is told how many rows are no instrument that can be described, and why the first is none."""
        self.listing = Listing(venue)
        self._ask = ask
        self._ended = ended
        self._halted = halted
        self._passed_over = passed_over
        self._odd = (0, "")  # what was told of the answer before
        self._followers: list[Told] = []
        self._missing: dict[str, Instrument] = {}  # in the last answer, and not before it
        self._asked_ns = 0
        self._asking: asyncio.Task[None] | None = None

    @property
    def is_followed(self) -> bool:
        return bool(self._followers)

    def follow(self, told: Told) -> Callable[[], None]:
        """Be told, also of all that is traded where that is not known yet; the result stops it."""
        self._followers.append(told)

        def leave() -> None:
            if told in self._followers:
                self._followers.remove(told)

        return leave

    async def load(self) -> None:
        """Ask now, together with whoever asks at the same time.

        Raises whatever asking raises, and DecodeError for an answer that has suddenly lost most of what was listed, or
        none of whose rows can be described; then all is as before. Cancelled, the question goes on for the others.
        """
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._load())
            self._asking.add_done_callback(self._asked)
        await asyncio.shield(self._asking)

    @property
    def fresh_for(self) -> float:
        """Seconds from now for which it is not asked for anew."""
        return max(self._asked_ns + FRESH_NS - mono_ns(), 0) / SECOND

    async def again(self) -> bool:
        """Ask anew where that was longer ago than a minute; whether there is an answer."""
        if self._asking is None and mono_ns() - self._asked_ns < FRESH_NS:
            return False
        try:
            await self.load()
        except TidebookError as error:
            logger.debug("%s: what is listed could not be asked: %s", self.listing.venue, error)
            return False
        return True

    def close(self) -> None:
        """Nobody waits any more."""
        if self._asking is not None:
            self._asking.cancel()

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # whoever waits has it

    async def _load(self) -> None:
        self._asked_ns = mono_ns()
        rows = self._described(await self._ask())
        before, fresh = self.listing.by_symbol, Listing.of(self.listing.venue, rows)
        # What has come to its end is no loss.
        at_ns = now().wall_ns
        lasting = sum(one.expiry_ns is None or one.expiry_ns > at_ns for one in before.values())
        if lasting >= FEW and len(fresh.by_symbol) * 2 < lasting:
            text = f"{self.listing.venue} lists {len(fresh.by_symbol)} of {lasting} instruments all at once"
            raise DecodeError("missing", text, venue=self.listing.venue)
        self._compare(before, fresh)

    def _described(self, rows: Sequence[Instrument | Odd]) -> list[Instrument]:
        """Without what is odd, which is counted; told once where it stays the same from answer to answer."""
        odd = [row for row in rows if isinstance(row, Odd)]
        if odd and len(odd) == len(rows):
            text = f"{self.listing.venue} lists {len(odd)} instruments, none of which can be read: {odd[0].error.text}"
            raise DecodeError(odd[0].error.kind, text, venue=self.listing.venue)
        told = (len(odd), f"{odd[0].error}, in {odd[0].row}" if odd else "")
        if odd and told != self._odd:
            self._passed_over(*told)
        self._odd = told
        return [row for row in rows if not isinstance(row, Odd)]

    def _compare(self, before: Mapping[str, Instrument], fresh: Listing) -> None:
        after = dict(fresh.by_symbol)
        absent = {symbol: one for symbol, one in before.items() if symbol not in after}
        gone = [one for symbol, one in absent.items() if symbol in self._missing]
        self._missing = {symbol: one for symbol, one in absent.items() if symbol not in self._missing}
        # Absent for the first time: it is kept until the next answer says the same.
        unlisted = self.listing.unlisted
        self.listing = Listing.of(fresh.venue, [*after.values(), *self._missing.values()])
        self.listing.unlisted = unlisted
        came = [one for symbol, one in after.items() if one.active and not _is_active(before, symbol)]
        for symbol, one in after.items():
            if not one.active and _is_active(before, symbol):
                self._halted(one)
        for one in gone:
            self._ended(one)
        if came or gone:
            for told in tuple(self._followers):
                told(came, gone)


def _is_active(listed: Mapping[str, Instrument], symbol: str) -> bool:
    found = listed.get(symbol)
    return found is not None and found.active
