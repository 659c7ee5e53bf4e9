"""The figures to reach, all in one place. They are shown with the results, met or not; none of them fails a run.

A target is a bound on a result's value or on one of its ratios. "20 times faster than" is a ratio of at most 1/20.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.record import Result

FLOOR = "floor"
TRICKS = "floor with tricks"
CALLED = "floor, called"
SAME_LEVELS = "floor, Binance's rows"
"""The plain floor on Binance's frames with the very levels of another shape's."""

PEER = "best peer"


@dataclass(frozen=True, slots=True)
class Target:
    """`of` is what is bounded: "" the result's value in its unit, else its ratio to that contender."""

    section: str
    work: str
    contender: str
    of: str
    at_most: float

    def reached(self, result: Result) -> float | None:
        """What this target bounds of a result, None where it is about something else."""
        if (result.section, result.work, result.contender) != (self.section, self.work, self.contender):
            return None
        return result.ratios.get(self.of) if self.of else result.value


@dataclass(frozen=True, slots=True)
class Reached:
    target: Target
    result: Result
    value: float

    @property
    def met(self) -> bool:
        return self.value <= self.target.at_most


def _native(section: str, work: str, of: str, at_most: float) -> Target:
    return Target(section, work, "native", of, at_most)


BOTH: Final = ("light", "heavy")

TARGETS: Final = (
    _native("engine", "binance light, best", FLOOR, 1.2),
    _native("engine", "binance heavy, best", FLOOR, 1.0),
    _native("capture", "BTCUSDT 2024, best", FLOOR, 1.0),
    _native("engine", "binance light, best", TRICKS, 2.0),
    _native("engine", "binance heavy, best", TRICKS, 2.0),
    _native("capture", "BTCUSDT 2024, best", TRICKS, 2.0),
    _native("peers", "binance light, best", PEER, 1 / 20),
    _native("peers", "binance heavy, best", PEER, 1 / 20),
    *(_native("engine", f"okx {weight}, best", of, 1.6) for weight in BOTH for of in (FLOOR, SAME_LEVELS)),
    *(_native("engine", f"coinbase {weight}, best", of, 2.0) for weight in BOTH for of in (FLOOR, SAME_LEVELS)),
    _native("engine", "binance light, top 20", FLOOR, 4.0),
    _native("decimals", "top 5 as Decimal, 100 levels a side", "", 5.0),
    _native("decimals", "top 5 as Decimal, 1000 levels a side", "", 5.0),
    _native("decimals", "top 5 as Decimal, 5000 levels a side", "", 5.0),
    Target("path", "book light, best", "tidebook on", "picows + floor", 1.6),
    Target("peers-path", "book light, best", "tidebook on", PEER, 1 / 10),
    Target("peers-path", "quotes", "tidebook on", PEER, 1 / 3),
    Target("peers-path", "trades", "tidebook on", PEER, 1 / 3),
    _native("symbols", "1000 symbols, best", "1 symbol", 2.0),
    _native("memory", "a book, 1000 levels a side", "", 48.0),
    Target("history", "30 days of 1-minute bars", "8 at once", "page after page", 1 / 5),
    Target("alpaca-pause", "a quote each 2 ms beside 5 fetches of a day of bars", "longest pause", "", 50.0),
    Target("compat", "get_bids()[:5], 1000 levels a side", "tidebook", "", 5.0),
    Target("compat", "get_bids()[:5], 5000 levels a side", "tidebook", "", 5.0),
    Target("compat", "closing a quiet stream", "tidebook", "", 0.5),
    Target("latency", "10k/s, p99", "tidebook on", "picows", 3.0),
    Target("engine", "binance light, best", "python", "", 30.0),
)


def reached(results: Iterable[Result], targets: Iterable[Target] = TARGETS) -> Iterator[Reached]:
    """What was reached of the targets that these results are about, in the targets' order."""
    listed = list(results)
    for target in targets:
        for result in listed:
            if (value := target.reached(result)) is not None:
                yield Reached(target, result, value)
