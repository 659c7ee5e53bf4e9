"""Looking at what another thread changes, without a lock: see README §8."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

Given = TypeVarTuple("Given")
T = TypeVar("T")

TRIES = 10_000_000  # half a second: some hundred times as long as another thread has ever to be waited for


class Steady:
    """One thread changes, any number look. The version is odd during a change, and another one afterwards."""

    __slots__ = ("_version",)

    def __init__(self) -> None:
        self._version = 0

    def change(self, work: Callable[[*Given], T], *given: *Given) -> T:
        """Do what nobody may see half of. Not to be called inside of itself."""
        self._version |= 1
        try:
            return work(*given)
        finally:
            self._version = (self._version | 1) + 1

    def look(self, read: Callable[[], T]) -> T:
        """What `read` sees of one instant: it reads again when a change was going on, or began meanwhile.

        That ends: whoever tries in vain loses the interpreter after its switch interval to the one who changes, whose
        work is finite; and `read` only copies, in much less than an interval, hence is seldom interrupted. Only a call
        out of the change itself, from a signal's function, would wait for itself: for that the tries are counted.
        Raises RuntimeError then.
        """
        for _ in range(TRIES):
            version = self._version
            if version & 1:
                continue
            try:
                found = read()
            except LookupError:  # a price whose size is gone already, or the last price
                if self._version == version:
                    raise
                continue
            if self._version == version:
                return found
        raise RuntimeError("looked at from inside of its own change")
