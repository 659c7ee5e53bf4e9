"""What a benchmark says: one typed record a measurement. Nothing here measures."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


class Skipped(Exception):
    """This cannot be measured here; the text says why. No failure."""


class Wrong(Exception):
    """A contender does not do the work that is measured: the one thing that makes a run fail."""


@dataclass(frozen=True, slots=True)
class Result:
    """One contender at one piece of work: the median of the rounds, and the lowest and highest of them.

    `ratios` are to other contenders at the same work, taken inside of each round, the median of those; below 1 is
    faster. `messages` is how many one round had, 0 where nothing is counted.
    """

    section: str
    work: str
    contender: str
    value: float
    unit: str = "µs"
    ratios: Mapping[str, float] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    rounds: int = 1
    messages: int = 0

    def plain(self) -> dict[str, Any]:
        return {key: _rounded(value) for key, value in asdict(self).items()}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        return cls(**plain)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return value


@dataclass(slots=True)
class Bench:
    """What a section is given. `note` is for what readers of the figures must know: skipped parts, odd conditions."""

    rounds: int = 5
    seed: int = 1
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Section:
    """A module of `sections/` has one as SECTION.

    `run` yields results as they come; it raises Skipped when it can say nothing here, and Wrong when a contender is
    wrong. `seconds` is about how long it takes. With `usual=False` it runs only when it is named.
    """

    name: str
    title: str
    about: str
    run: Callable[[Bench], Iterable[Result]]
    order: int = 50
    seconds: float = 10
    usual: bool = True
