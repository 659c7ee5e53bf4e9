"""The health of one market: the newest events, who listens to them, and a line in the log where nobody does."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.model.health import Connected, Health, Resynced

RING: Final = 1_000
PAUSE_NS: Final = 10 * SECOND  # between two lines of one venue and kind
_GOOD: Final = (Connected, Resynced)


@dataclass(slots=True)
class Told:
    """What the log was told of one venue and kind of event: when, and how many it was not told since."""

    at_ns: int
    level: int
    kept: int = 0


class Healths:
    """See the module. Lines go to the logger ``tidebook.<venue>``: WARNING, good news INFO.

    Of one venue and kind at most one line comes in ten seconds; the next one says how many there were meanwhile.
    """

    def __init__(self) -> None:
        self.ring: deque[Health] = deque(maxlen=RING)
        self.listeners: list[Callable[[Health], bool | None]] = []
        """Each is told of all; one that returns False was told of nothing that is its affair."""
        self.emitted = 0
        self._told: dict[tuple[str, str], Told] = {}

    def emit(self, event: Health) -> None:
        """An event has happened."""
        self.emitted += 1
        self.ring.append(event)
        answers = [listener(event) for listener in tuple(self.listeners)]
        if all(one is False for one in answers):
            self._log(event)

    def close(self) -> None:
        """Say what the log was not told."""
        for (venue, kind), told in self._told.items():
            if told.kept:
                _logger(venue).log(told.level, "%d more %s", told.kept, kind)
        self._told.clear()

    def _log(self, event: Health) -> None:
        level = logging.INFO if isinstance(event, _GOOD) else logging.WARNING
        logger = _logger(event.venue)
        if not logger.isEnabledFor(level):
            return
        kind = type(event).__name__
        told = self._told.get((event.venue, kind))
        if told is not None and 0 <= event.at_ns - told.at_ns < PAUSE_NS:
            told.kept += 1
            return
        self._told[event.venue, kind] = Told(event.at_ns, level)
        more = f" (and {told.kept} more since the last such line)" if told is not None and told.kept else ""
        logger.log(level, "%s%s", event, more)


def _logger(venue: str) -> logging.Logger:
    return logging.getLogger(f"tidebook.{venue}" if venue else "tidebook")
