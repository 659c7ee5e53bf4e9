"""One read of a socket while its messages are handed over, and who is called for them."""

from typing import Protocol


class Caller(Protocol):
    """Functions of one reader, which are called in a row, message after message."""

    def over(self) -> None:
        """Nobody of it is called any more in this row."""
        ...


class Burst:
    """Shared by all that receives on one loop. `is_on` while a read is handed over; `caller` is called at present.

    So a clock is read twice for a row of calls, and not for each of them.
    """

    __slots__ = ("caller", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self.caller: Caller | None = None

    def hand(self, caller: Caller | None) -> None:
        """From here on this one is called; the row of the one before is over."""
        while self.caller is not None:  # what it tells of may call others
            before, self.caller = self.caller, None
            before.over()
        self.caller = caller
