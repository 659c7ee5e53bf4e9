"""Which levels a message of a book has changed: by what is there before and after it."""

from typing import Final

from tidebook.core import book as core
from tidebook.engine.contract import Look, RawLevel
from tidebook.model.market import Level, level

CHANGE_BYTES: Final = 256  # what a change takes …
LEVEL_BYTES: Final = 160  # … and each of its levels
Sides = tuple[list[RawLevel], list[RawLevel]]
_ZERO: Final = level((0, 0, 0, 0)).size


class Steps:
    """From one look at a book to the next: put together, the levels of all steps that are `given` are the book."""

    def __init__(self) -> None:
        self._before: Sides = ([], [])
        self._after: Sides = ([], [])

    def step(self, source: core.Book) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Bids and asks that are other than at the last step, best first; of size 0 where a level is gone.

        Nothing while it is not readable: what differs then comes with the step that makes it readable again.
        """
        look: Look | None = source.engine.look(None) if source.readable else None
        if look is None or not look.seeded:
            return (), ()
        self._after = look.bids, look.asks
        (bids, asks) = self._before
        return _changed(bids, look.bids)[::-1], _changed(asks, look.asks)

    def given(self) -> None:
        """Somebody gets that step: the next one begins where it ended."""
        self._before = self._after


def _changed(before: list[RawLevel], after: list[RawLevel]) -> tuple[Level, ...]:
    """Upwards. A level whose digits alone are others, because a finer price has come, has not changed."""
    old = {one.price: one.size for one in map(level, {*before} - {*after})}
    new = {one.price: one for one in map(level, {*after} - {*before})}
    gone = {price: Level(price, _ZERO) for price in old.keys() - new.keys()}
    other = {price: one for price, one in new.items() if old.get(price) != one.size}
    return tuple(one for _, one in sorted({**gone, **other}.items()))
