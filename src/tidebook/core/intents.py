"""What an order is called before its venue has seen it: numbers given out once, and how each venue writes them.

A number has 64 bits: 20 of a process's tag, 28 of the second in which it began, 16 of a counter. When the counter is
full, the next second is taken, whether it has come or not: a process that makes more than 65,536 a second for an hour
borrows that hour. Two processes give out the same number only where their tags are equal, one in 1,048,576, and their
seconds meet.
"""

from dataclasses import dataclass
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.errors import UsageError

TAG_BITS: Final = 20
SECOND_BITS: Final = 28
COUNT_BITS: Final = 16
BITS: Final = TAG_BITS + SECOND_BITS + COUNT_BITS
_EPOCH_NS: Final = 1_767_225_600 * SECOND  # 2026-01-01; the seconds begin anew after eight and a half years

DIGITS: Final = "0123456789"
LOWER: Final = DIGITS + "abcdefghijklmnopqrstuvwxyz"


class IntentNumbers:
    """Numbers of one process, each given out once. `tag` is its own, drawn at random by whoever makes it."""

    def __init__(self, tag: int, wall_ns: int) -> None:
        self._tag = tag & ((1 << TAG_BITS) - 1)
        self._second = max((wall_ns - _EPOCH_NS) // SECOND, 0)
        self._count = 0

    def next(self) -> int:
        if self._count >> COUNT_BITS:
            self._count, self._second = 0, self._second + 1
        second = self._second & ((1 << SECOND_BITS) - 1)
        number = ((second << TAG_BITS | self._tag) << COUNT_BITS) | self._count
        self._count += 1
        return number


@dataclass(frozen=True, slots=True)
class ClientIds:
    """How a venue lets clients name their orders.

    `alphabet` are the digits in which the number is written, the zero first, `width` of them, filled with zeros: all
    ids of a venue are equally long, none is the beginning of another, and their order is that of their seconds.
    `prefix` says whose they are. `most` is the longest id that the venue takes. `unique_for`: so many seconds the venue
    remembers that an id was used; None: as long as the order itself, at least.
    """

    alphabet: str = LOWER
    width: int = 13
    prefix: str = "tb"
    most: int = 36
    unique_for: float | None = None

    def __post_init__(self) -> None:
        if len({*self.alphabet}) != len(self.alphabet) or len(self.alphabet) < 2:
            raise UsageError(f"client ids in {self.alphabet!r}: each digit once, at least two")
        if len(self.alphabet) ** self.width < 1 << BITS:
            raise UsageError(f"{self.width} digits of {len(self.alphabet)} do not hold {BITS} bits")
        if len(self.prefix) + self.width > self.most:
            raise UsageError(f"client ids of {len(self.prefix) + self.width} characters: the venue takes {self.most}")

    def write(self, number: int) -> str:
        base, digits = len(self.alphabet), ""
        while number:
            number, digit = divmod(number, base)
            digits = self.alphabet[digit] + digits
        return self.prefix + digits.rjust(self.width, self.alphabet[0])

    def read(self, text: str) -> int | None:
        """The number of an id; None for what is none of ours."""
        digits = text.removeprefix(self.prefix)
        if len(text) != len(self.prefix) + self.width or len(digits) != self.width:
            return None
        number = 0
        for digit in digits:
            value = self.alphabet.find(digit)
            if value < 0:
                return None
            number = number * len(self.alphabet) + value
        return number if number < 1 << BITS else None
