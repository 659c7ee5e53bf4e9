"""How much was compared."""

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
