"""A market without an exchange: one hidden price, and a book that is shuffled about it.

The figures follow what recorded depth streams look like: how many levels a message changes (log-normal, bursty),
how far from the middle, and whether a level is new, changed, deleted, or deleted although it was never there.
"""

import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

STEP_US = 100_000  # books are told every 100 ms
TICK = Decimal("0.01")
PHI = 0.7  # one message's count of levels follows the last one's

Change = tuple[Decimal, Decimal]
"""Price and the size that stands there now; 0 removes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What distinguishes one symbol's stream from another's."""

    start: float
    lot: int  # decimals of a size
    size: float  # the median size at a level
    levels: float  # mu and sigma of log(levels in a message)
    spread: float
    moves: float  # standard deviation of the price in 100 ms, in basis points
    new: float  # shares of what happens to a level; the rest are deletions
    modified: float
    absent: float
    half_spread: float  # basis points
    depth: int  # levels a side
    odd_sizes: bool = False  # some sizes have many digits


def path(symbol: str, kind: Kind, steps: int) -> list[float]:
    """The hidden price of a symbol, step by step; the same for every venue."""
    random = Random(f"price of {symbol}")
    prices, price, drift = [], kind.start, 0.0
    for _ in range(steps):
        drift = 0.95 * drift + random.gauss(0.0, 0.2)
        price *= 1 + (random.gauss(0.0, 1.0) + drift) * kind.moves / 10_000
        prices.append(price)
    return prices


@dataclass(slots=True)
class Side:
    """One side of a true book. Prices are whole ticks; `prices` is sorted upwards."""

    is_bid: bool
    sizes: dict[int, Decimal] = field(default_factory=dict)
    prices: list[int] = field(default_factory=list)

    def put(self, price: int, size: Decimal) -> None:
        if price not in self.sizes:
            insort(self.prices, price)
        self.sizes[price] = size

    def delete(self, price: int) -> None:
        if self.sizes.pop(price, None) is not None:
            del self.prices[bisect_left(self.prices, price)]

    def beyond(self, limit: int) -> list[int]:
        """The prices that would trade at once with someone who asks `limit`."""
        at = bisect_left(self.prices, limit)
        return self.prices[at:] if self.is_bid else self.prices[:at]

    def best(self, count: int) -> list[int]:
        """The best prices, best first."""
        return self.prices[: -count - 1 : -1] if self.is_bid else self.prices[:count]


class TrueBook:
    """A venue's book of one symbol. `step` moves it on by one message and says what changed."""

    def __init__(self, venue: str, symbol: str, kind: Kind) -> None:
        self.kind = kind
        self.bids, self.asks = Side(is_bid=True), Side(is_bid=False)
        self._random = Random(f"{venue} {symbol}")
        self._burst = 0.0
        self._premium = 0.0  # of this venue over the hidden price, in basis points
        middle = kind.start
        for side in (self.bids, self.asks):
            while len(side.prices) < kind.depth:
                side.put(self._price(side, middle), self._size())

    def step(self, hidden: float) -> tuple[list[Change], list[Change]]:
        """Follow the hidden price and shuffle: the changed bids and asks, best first."""
        self._premium = 0.98 * self._premium + self._random.gauss(0.0, 0.15)
        middle = hidden * (1 + self._premium / 10_000)
        touched: dict[bool, set[int]] = {True: set(), False: set()}
        for side in (self.bids, self.asks):
            self._follow(side, middle, touched[side.is_bid])
        for _ in range(self._count()):
            side = self.bids if self._random.random() < 0.5 else self.asks
            touched[side.is_bid].add(self._shuffle(side, middle))
        return (
            [change(self.bids, price) for price in sorted(touched[True], reverse=True)],
            [change(self.asks, price) for price in sorted(touched[False])],
        )

    def _follow(self, side: Side, middle: float, touched: set[int]) -> None:
        """What the price has run over is gone, and somebody quotes where it left too much room."""
        limit = math.floor(middle * 100 - 0.5) if side.is_bid else math.ceil(middle * 100 + 0.5)
        for price in side.beyond(limit + 1 if side.is_bid else limit):
            side.delete(price)
            touched.add(price)
        room = (2 + 4 * self._random.random()) * self.kind.half_spread * middle / 100
        if abs(side.best(1)[0] - limit) > room:
            edge = self._edge(side, middle)
            side.put(edge, self._size())
            touched.add(edge)

    def _edge(self, side: Side, middle: float) -> int:
        """A price at the top of this side, in ticks."""
        away = 0.5 + self._random.random() * 2 * self.kind.half_spread * middle / 100
        return math.floor(middle * 100 - away) if side.is_bid else math.ceil(middle * 100 + away)

    def _count(self) -> int:
        kind, random = self.kind, self._random
        self._burst = PHI * self._burst + random.gauss(0.0, math.sqrt(1 - PHI * PHI))
        if random.random() < 0.03:  # the heavy tail
            return min(math.ceil(math.exp(random.gauss(kind.levels + 1.8, 0.6))), 500)
        return min(math.ceil(math.exp(kind.levels + kind.spread * self._burst)), 500)

    def _price(self, side: Side, middle: float) -> int:
        """Half of it within a few basis points of the edge, a quarter further off, some very far."""
        random = self._random
        tail = random.random()
        if tail < 0.03:
            away = math.exp(random.gauss(6.0, 0.8))
        elif tail < 0.30:
            away = random.expovariate(1 / 18.0)
        else:
            away = random.expovariate(1 / 4.5)
        away = min(away, 5000.0)
        ticks = round(middle * 100 * away / 10_000)
        edge = self._edge(side, middle)
        return edge - ticks if side.is_bid else edge + ticks

    def _shuffle(self, side: Side, middle: float) -> int:
        """Do one thing to one level; its price."""
        kind, random = self.kind, self._random
        wanted = self._price(side, middle)
        what = random.random()
        if what < kind.absent:
            if wanted not in side.sizes:
                return wanted  # it came and went between two messages
            what = 1.0
        if what < kind.absent + kind.new * (3 - 2 * len(side.prices) / kind.depth):
            side.put(wanted, self._size())
            return wanted
        price = self._near(side, wanted)
        if what < kind.absent + kind.new + kind.modified or price == side.best(1)[0]:
            side.put(price, self._size())
        else:
            side.delete(price)
        return price

    def _near(self, side: Side, price: int) -> int:
        """A level that is there, near this price."""
        at = bisect_left(side.prices, price)
        return side.prices[min(at, len(side.prices) - 1)]

    def _size(self) -> Decimal:
        kind, random = self.kind, self._random
        value = kind.size * math.exp(random.gauss(0.0, 1.3))
        if kind.odd_sizes and random.random() < 0.1:
            if random.random() < 0.05:
                return Decimal(random.randrange(1000, 9999)).scaleb(-10)
            return Decimal(random.randrange(10**13, 10**15)).scaleb(-15) * max(1, round(kind.size * 3))
        return max(Decimal(round(value * 10**kind.lot)), Decimal(1)).scaleb(-kind.lot)


def change(side: Side, price: int) -> Change:
    """A level as a message tells it."""
    return price * TICK, side.sizes.get(price, Decimal(0))


def levels(side: Side, count: int) -> list[Change]:
    """The best levels, best first."""
    return [change(side, price) for price in side.best(count)]
