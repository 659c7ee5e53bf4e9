"""How much was compared."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Count:
    """How many comparisons, and how many were equal."""

    made: int = 0
    equal: int = 0

    def __str__(self) -> str:
        return f"{self.equal}/{self.made}" if self.made else "–"

    def add(self, equal: bool) -> bool:
        self.made += 1
        self.equal += equal
        return equal


def total(counts: Iterable[Count]) -> Count:
    """The sum of some."""
    found = Count()
    for one in counts:
        found.made += one.made
        found.equal += one.equal
    return found
