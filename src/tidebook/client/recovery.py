"""What an earlier process left in its journal without an end: asked after, once its venue has answered."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from tidebook.client.journaled import wish_of
from tidebook.client.place import VenueAt
from tidebook.core.intention import Intention
from tidebook.errors import NetworkError, OutcomeUnknown, TidebookError
from tidebook.io.clock import now
from tidebook.io.journal import Entry, Journal
from tidebook.model.orders import Order

logger = logging.getLogger("tidebook.client")

AGAIN: Final = 30.0
"""Seconds after which one whose outcome is still unknown is asked after anew."""


class Recovery:
    """`outcomes` holds, by client id, the Order that was found, or the error that says what became of it."""

    def __init__(self, journal: Journal) -> None:
        self.outcomes: dict[str, Order | TidebookError] = {}
        self.untried: dict[str, str] = {}  # why not, by client id
        self._journal = journal
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, ones: Sequence[VenueAt]) -> None:
        """Ask each venue after its own, as soon as it is there."""
        by_place: dict[str, list[Entry]] = {}
        for entry in self._journal.open.values():
            by_place.setdefault(entry.place, []).append(entry)
        for one in ones:
            if one.declared.trading is not None and (entries := by_place.pop(one.private.place, None)) is not None:
                for entry in entries:  # from the first moment: who looks at once must not see that all is well
                    self.untried[entry.id] = f"{one.place} has not answered yet"
                self._begin(self._of(one, entries))
        for place, left in by_place.items():
            logger.warning("journal: %d orders of %s, which is not connected, stay unresolved", len(left), place)
            for entry in left:
                self.untried[entry.id] = f"{place} is not connected"

    def settle(self, client_id: str, *, arrived: bool) -> None:
        """What a human says of one of `untried`."""
        del self.untried[client_id]
        self._journal.end(client_id, "accepted" if arrived else "absent")
        text = f"{client_id} {'has' if arrived else 'never'} arrived, as somebody said"
        self.outcomes[client_id] = OutcomeUnknown(text, client_id=client_id) if arrived else NetworkError(text)
        logger.warning("journal: %s", text)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _of(self, one: VenueAt, entries: Sequence[Entry]) -> None:
        await one.ready.wait()
        intents = one.private.intents
        for entry in entries:
            if entry.id not in self.untried:
                continue  # a human has settled it meanwhile
            instrument = one.listing.find(entry.symbol)
            try:
                if instrument is None:
                    raise ValueError(f"{entry.symbol} is not listed")
                wish = wish_of(entry, instrument)
            except (KeyError, TypeError, ValueError, TidebookError) as error:
                self.untried[entry.id] = f"it cannot be asked after: {error}"
                logger.warning("journal: %s of %s %s", entry.id, entry.place, self.untried[entry.id])
                continue
            del self.untried[entry.id]
            intention, at = Intention(wish, entry.number, intents.trading), now()
            intention.found(at, one.clock.wall_ns(at) - entry.at_ns, answered=entry.answered)
            intents.remember(intention)
            self._begin(self._resolve(one, entry, intention))

    async def _resolve(self, one: VenueAt, entry: Entry, intention: Intention) -> None:
        while True:
            try:
                self.outcomes[entry.id] = await one.private.intents.ask(intention, None)
            except OutcomeUnknown as error:
                if entry.id not in one.private.intents.unresolved:  # a human says that it has arrived
                    self.outcomes[entry.id] = error
                    return
                logger.warning("journal: %s", error)
                await one.private.intents.settled(entry.id, AGAIN)
                continue
            except TidebookError as error:
                self.outcomes[entry.id] = error
            logger.warning("journal: %s of %s: %s", entry.id, entry.place, self.outcomes[entry.id])
            return
