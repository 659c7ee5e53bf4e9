"""The book as it really is: every version of it is kept, so that a copy can be held against the version it claims.

Prices and sizes are integers here (ticks of 0.01, lots of 0.001); `speech.py` makes texts of them. One change is one
version. Ids are the venue's numbers for versions; a message covers one version or several.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

Side = dict[int, int]
"""Price → size, both in integers."""

BID: Final = 0
ASK: Final = 1


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `price` None: an id that changed nothing. Size 0: the level goes, also one that was not there."""

    side: int
    price: int | None
    size: int


class Truth:
    """One instrument's true book. `version` counts changes from 0; `ids[v]` is the venue's number for version v."""

    def __init__(self, name: str, rng: Random, *, dense: bool, backward: bool = False, levels: int = 14) -> None:
        self.name = name
        self._rng = rng
        self._dense = dense
        self._backward = backward
        self._mid = rng.randrange(5_000, 900_000)
        bids = {self._mid - 1 - step: self._size() for step in rng.sample(range(3 * levels), levels)}
        asks = {self._mid + 1 + step: self._size() for step in rng.sample(range(3 * levels), levels)}
        self._now: tuple[Side, Side] = (bids, asks)
        self.states: list[tuple[Side, Side]] = [(dict(bids), dict(asks))]
        self.changes: list[Change] = [Change(BID, None, 0)]  # changes[v] made version v; none made the first
        self.ids: list[int] = [rng.randrange(1, 10**12)]

    @property
    def version(self) -> int:
        return len(self.states) - 1

    def _size(self) -> int:
        return self._rng.randrange(1, 50_000)

    def change(self) -> None:
        """One random change; now and then one that empties a side, crosses the book, or changes nothing."""
        rng, draw = self._rng, self._rng.random()
        if draw < 0.01:
            self._clear(rng.choice((BID, ASK)))
            return
        if draw < 0.03:
            self._record(Change(BID, None, 0))
            return
        side = rng.choice((BID, ASK))
        self._mid += rng.choice((-1, 0, 0, 0, 1))
        here = self._now[side]
        sign = -1 if side == BID else 1
        price = self._mid + sign * rng.randrange(-1 if draw < 0.06 else 1, 45)
        if draw < 0.40 and here:
            price = rng.choice(list(here))
        gone = draw < 0.18 or len(here) > 30 or (0.5 < draw < 0.53)
        self._record(Change(side, max(price, 1), 0 if gone else self._size()))

    def _clear(self, side: int) -> None:
        """The side goes, one level after the other; a new best level follows."""
        for price in list(self._now[side]):
            self._record(Change(side, price, 0))
        self._record(Change(side, self._mid + (-1 if side == BID else 1), self._size()))

    def _record(self, change: Change) -> None:
        if change.price is not None:
            if change.size:
                self._now[change.side][change.price] = change.size
            else:
                self._now[change.side].pop(change.price, None)
        self.states.append((dict(self._now[BID]), dict(self._now[ASK])))
        self.changes.append(change)
        self.ids.append(self.ids[-1] + self._jump())

    def _jump(self) -> int:
        """From one id to the next: mostly near, at times far, and backward where the chain does not mind."""
        if self._dense:
            return 1
        draw = self._rng.random()
        if draw < 0.02 and self._backward:
            return -self._rng.randrange(1, 10**6)
        return self._rng.randrange(1, 50) if draw < 0.98 else self._rng.randrange(1, 10**9)

    def rows(self, after: int, until: int) -> tuple[Side, Side]:
        """What changed over versions `after` + 1 … `until`: the last size of each price that was touched."""
        touched: tuple[Side, Side] = ({}, {})
        for change in self.changes[after + 1 : until + 1]:
            if change.price is not None:
                touched[change.side][change.price] = change.size
        return touched

    def window(self, version: int, levels: int | None) -> tuple[Side, Side]:
        """The best `levels` of each side at this version (all with None)."""
        bids, asks = self.states[version]
        if levels is None:
            return bids, asks
        return (
            {price: bids[price] for price in sorted(bids, reverse=True)[:levels]},
            {price: asks[price] for price in sorted(asks)[:levels]},
        )

    def window_rows(self, after: int, until: int, levels: int) -> tuple[Side, Side]:
        """From one window to the next: a level that merely falls out of the window is not told."""
        told: tuple[Side, Side] = ({}, {})
        old, new, whole = self.window(after, levels), self.window(until, levels), self.states[until]
        for side in (BID, ASK):
            for price, size in new[side].items():
                if old[side].get(price) != size:
                    told[side][price] = size
            for price in old[side]:
                if price not in whole[side]:
                    told[side][price] = 0
        return told
