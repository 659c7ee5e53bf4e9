"""How long a bar is."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")


class TimeFrameUnit(str, Enum):  # noqa: UP042 - alpaca-py's prints so
    """What is counted; the values are as requests say them."""

    Minute = "Min"
    Hour = "Hour"
    Day = "Day"
    Week = "Week"
    Month = "Month"


_AMOUNTS: Final[dict[TimeFrameUnit, tuple[range | tuple[int, ...], str]]] = {
    TimeFrameUnit.Minute: (range(1, 60), "1 to 59"),
    TimeFrameUnit.Hour: (range(1, 24), "1 to 23"),
    TimeFrameUnit.Day: ((1,), "1"),
    TimeFrameUnit.Week: ((1,), "1"),
    TimeFrameUnit.Month: ((1, 2, 3, 6, 12), "1, 2, 3, 6 and 12"),
}


class _OfClass(Generic[T]):
    """A property of a class: made anew each time."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make

    def __get__(self, thing: object, kind: type) -> T:
        return self._make(kind)


class TimeFrame:
    """So many of a unit: ``TimeFrame(5, TimeFrameUnit.Minute)``, ``TimeFrame.Day``. ValueError for an odd amount."""

    def __init__(self, amount: int, unit: TimeFrameUnit) -> None:
        self.validate_timeframe(amount, unit)
        self.amount_value = amount
        self.unit_value = TimeFrameUnit(unit)

    @property
    def amount(self) -> int:
        """How many."""
        return self.amount_value

    @property
    def unit(self) -> TimeFrameUnit:
        """Of what."""
        return self.unit_value

    @property
    def value(self) -> str:
        """As a request says it: ``5Min``."""
        return f"{self.amount}{self.unit.value}"

    @staticmethod
    def validate_timeframe(amount: int, unit: TimeFrameUnit) -> None:
        """Raises ValueError for an amount of which Alpaca has no bars."""
        given: object = amount
        if not isinstance(given, int) or given <= 0:
            raise ValueError("Amount must be a positive integer value.")
        fits, words = _AMOUNTS[TimeFrameUnit(unit)]
        if amount not in fits:
            raise ValueError(f"of {TimeFrameUnit(unit).name} amounts can be {words}, not {amount}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TimeFrame) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"TimeFrame({self.amount}, TimeFrameUnit.{self.unit.name})"

    Minute: "_OfClass[TimeFrame]" = _OfClass(lambda kind: kind(1, TimeFrameUnit.Minute))
    Hour: "_OfClass[TimeFrame]" = _OfClass(lambda kind: kind(1, TimeFrameUnit.Hour))
    Day: "_OfClass[TimeFrame]" = _OfClass(lambda kind: kind(1, TimeFrameUnit.Day))
    Week: "_OfClass[TimeFrame]" = _OfClass(lambda kind: kind(1, TimeFrameUnit.Week))
    Month: "_OfClass[TimeFrame]" = _OfClass(lambda kind: kind(1, TimeFrameUnit.Month))
