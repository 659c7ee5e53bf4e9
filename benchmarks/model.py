"""What a book must be: a slow obvious one, plain dicts and the standard library's JSON, sorted when it is looked at.

It shares no code with an engine or the floor. Every contender is compared with it before anything is timed.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.record import Wrong

Levels = list[tuple[float, float]]
Changed = Iterator[tuple[bool, str, str]]
"""True for a bid; price and size as they were sent."""

LEVELS = 20
KRAKEN_WINDOW = 1000


def _listed(bids: Any, asks: Any, price: int | str = 0, size: int | str = 1) -> Changed:
    for row in bids:
        yield True, row[price], row[size]
    for row in asks:
        yield False, row[price], row[size]


def _binance(message: Any) -> Changed:
    at = message.get("data", message)
    return _listed(at["b"], at["a"]) if "b" in at else _listed(at["bids"], at["asks"])


def _okx(message: Any) -> Changed:
    return _listed(message["data"][0]["bids"], message["data"][0]["asks"])


def _kraken(message: Any) -> Changed:
    return _listed(message["data"][0]["bids"], message["data"][0]["asks"], "price", "qty")


def _coinbase(message: Any) -> Changed:
    if message["type"] == "snapshot":
        return _listed(message["bids"], message["asks"])
    return ((side == "buy", price, size) for side, price, size in message["changes"])


READERS: dict[str, Callable[[Any], Changed]] = {
    "binance": _binance,
    "okx": _okx,
    "kraken": _kraken,
    "coinbase": _coinbase,
}


class Plain:
    """One book in two dicts, price → size."""

    def __init__(self, shape: str, whole: bytes) -> None:
        self._read = READERS[shape]
        self._window = KRAKEN_WINDOW if shape == "kraken" else None
        self._sides: dict[bool, dict[float, float]] = {True: {}, False: {}}
        self.feed(whole)

    def feed(self, frame: bytes) -> None:
        for bid, price, size in self._read(json.loads(frame, parse_float=str)):
            rows = self._sides[bid]
            if float(size):
                rows[float(price)] = float(size)
            else:
                rows.pop(float(price), None)
        if self._window is not None:
            for bid, rows in self._sides.items():
                for worse in sorted(rows, reverse=bid)[self._window :]:
                    del rows[worse]

    def top(self, n: int) -> tuple[Levels, Levels]:
        bids, asks = (sorted(self._sides[bid].items(), reverse=bid)[:n] for bid in (True, False))
        return bids, asks


class Shown(Protocol):
    """What a contender shows of its book: a change is fed, then both are read."""

    def feed(self, frame: bytes, /) -> object: ...
    def best(self) -> tuple[float | None, ...]: ...
    def top(self, n: int, /) -> tuple[Sequence[tuple[float, float]], Sequence[tuple[float, float]]]: ...


@dataclass(frozen=True, slots=True)
class Point:
    """After `after` changes the best levels are these."""

    after: int
    bids: Levels
    asks: Levels


def points(shape: str, whole: bytes, frames: Sequence[bytes], many: int = 40) -> list[Point]:
    """What the model shows at `many` points spread over all changes, the first few and the last among them."""
    wanted = {0, 1, 2, 3, len(frames), *(len(frames) * at // many for at in range(many))}
    book = Plain(shape, whole)
    out = [Point(0, *book.top(LEVELS))]
    for count, frame in enumerate(frames, 1):
        book.feed(frame)
        if count in wanted:
            out.append(Point(count, *book.top(LEVELS)))
    return out


def verify(name: str, shown: Shown, frames: Sequence[bytes], expected: Sequence[Point]) -> None:
    """Raises Wrong where the best or the best 20 levels differ from the model's, as floats, at one of the points."""
    done = 0
    for point in expected:
        if point.after > len(frames):
            break
        for frame in frames[done : point.after]:
            shown.feed(frame)
        done = point.after
        bids, asks = shown.top(LEVELS)
        if list(bids) != point.bids or list(asks) != point.asks:
            raise Wrong(f"{name}: after {done} changes the best {LEVELS} levels are wrong")
        if tuple(shown.best()) != (*point.bids[0], *point.asks[0]):
            raise Wrong(f"{name}: after {done} changes the best levels are wrong")
