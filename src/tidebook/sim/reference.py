"""The hidden price of every asset, and how far a venue's is from it: pure functions of the seed and the instant.

A path is a sum of octaves of noise: octave k has random values on a lattice of spacing `_FINEST_NS` × 4^k and lines
between them, its amplitude grows with the root of the spacing. Over every span from a tenth of a second to days that
looks like a random walk, it wanders a few per cent around its centre for ever, and it is known at any instant without
walking there: markets that begin late, and histories before them, agree with those that ran all the time.
"""

from array import array
from collections.abc import Mapping
from functools import lru_cache
from math import exp, sqrt
from random import Random
from typing import Final

from tidebook.sim import options
from tidebook.sim.listing import ASSETS, Asset, Instrument

SECOND: Final = 1_000_000_000
_FINEST_NS: Final = SECOND // 10
_OCTAVES: Final = 12
_SHARE: Final = 0.548  # gives increments over 1 s the standard deviation of one volatility
_BLOCK: Final = 64
_SHARED: Final = 4096  # blocks, among worlds of the same seed that follow one another in a process; 3 MB
_COMMON: Final = 0.7  # what an asset moves with all others; the rest of its variance is its own
_APART_BPS: Final = 1.2  # a venue's distance from the hidden price
_CARRY: Final = 0.05  # a year's premium of dated contracts
_LEAST_NS: Final = 3_600 * SECOND


@lru_cache(_SHARED)
def _block(name: str, number: int) -> "array[float]":
    rng = Random(f"{name}/{number}")
    return array("d", [rng.gauss(0.0, 1.0) for _ in range(_BLOCK)])


class Lattice:
    """One octave: standard normal values on a lattice, in blocks of 64 from one generator each, and lines between.

    The line under way is kept: from `start_ns` on, `before` + `rise` × the share of `spacing_ns` that has passed.
    """

    __slots__ = ("_blocks", "_kept", "_name", "before", "rise", "spacing_ns", "start_ns")

    def __init__(self, name: str, spacing_ns: int, kept: int = 4) -> None:
        self._name = name
        self._kept = kept
        self.spacing_ns = spacing_ns
        self._blocks: dict[int, array[float]] = {}
        self.start_ns = -spacing_ns
        self.before = self.rise = 0.0

    def _value(self, index: int) -> float:
        number = index // _BLOCK
        block = self._blocks.get(number)
        if block is None:
            if len(self._blocks) >= self._kept:
                self._blocks.clear()
            block = self._blocks[number] = _block(self._name, number)
        return block[index % _BLOCK]

    def move(self, time_ns: int) -> int:
        """Take the line on which an instant is; how far along it is."""
        index, rest = divmod(time_ns, self.spacing_ns)
        self.start_ns = time_ns - rest
        self.before = self._value(index)
        self.rise = self._value(index + 1) - self.before
        return rest


def total(octaves: list[tuple[float, Lattice]], time_ns: int) -> float:
    """The sum of weighted lattices at an instant."""
    total = 0.0  # sum() rounds differently from one version of Python to the next
    for share, lattice in octaves:
        rest, spacing_ns = time_ns - lattice.start_ns, lattice.spacing_ns
        if not 0 <= rest < spacing_ns:
            rest = lattice.move(time_ns)
        total += share * (lattice.before + lattice.rise * (rest / spacing_ns))
    return total


class Path:
    """A random walk of unit volatility (per √second) around zero. `coarse` leaves out what moves within 20 s.

    `kept`: so many blocks of each octave are remembered.
    """

    def __init__(self, name: str, kept: int = 4) -> None:
        self._octaves: list[tuple[float, Lattice]] = []
        for k in range(_OCTAVES):
            spacing = _FINEST_NS * 4**k
            self._octaves.append((_SHARE * sqrt(spacing / SECOND), Lattice(f"{name}/{k}", spacing, kept)))
        self._slow = self._octaves[4:]
        self._time_ns = -1
        self._last = 0.0

    def at(self, time_ns: int) -> float:
        if time_ns != self._time_ns:
            self._last = total(self._octaves, time_ns)
            self._time_ns = time_ns
        return self._last

    def coarse(self, time_ns: int) -> float:
        return total(self._slow, time_ns)


class Reference:
    """The hidden prices of one world: the same for all venues that share the seed."""

    def __init__(self, seed: int, assets: Mapping[str, Asset] = ASSETS) -> None:
        self._seed = seed
        self._assets = assets
        # every market asks for it, each at its own pace: a day and more of its quickest slow octave
        self._common = Path(f"{seed}/all/reference", kept=64)
        self._own: dict[str, Path] = {}

    def _log(self, code: str, time_ns: int, coarse: bool) -> float:
        asset = self._assets[code]
        if not asset.volatility:
            return 0.0
        path = self._own.get(code)
        if path is None:
            path = self._own[code] = Path(f"{self._seed}/{code}/reference")
        own, common = (path.coarse, self._common.coarse) if coarse else (path.at, self._common.at)
        walk = sqrt(1 - _COMMON**2) * own(time_ns) + _COMMON * common(time_ns)
        return walk * asset.volatility * 1e-4

    def price(self, instrument: Instrument, time_ns: int, *, coarse: bool = False) -> float:
        """What one unit of base costs in quote currency."""
        base, quote = self._assets[instrument.base], self._assets[instrument.quote]
        walk = self._log(base.code, time_ns, coarse) - self._log(quote.code, time_ns, coarse)
        return base.price / quote.price * exp(walk)


class Fair:
    """One market's fair price in ticks: the reference, and the venue's own few basis points that come and go.

    What expires costs a premium that shrinks until then, an option what `options` says. The calendar is `calendar_ns`
    ahead of the exchange's time.
    """

    def __init__(
        self, seed: int, venue: str, instrument: Instrument, reference: Reference, calendar_ns: int = 0
    ) -> None:
        name = f"{seed}/{venue}/{instrument.symbol}/apart"
        self._reference = reference
        self._instrument = instrument
        self._expiry_ns = None if instrument.expiry_ns is None else instrument.expiry_ns - calendar_ns
        spans = ((0.25, 1), (0.5, 7), (0.8, 40))  # weight, seconds
        self._apart = [(weight * _APART_BPS, Lattice(f"{name}/{span}", span * SECOND)) for weight, span in spans]
        self._level = options.at_the_money(ASSETS[instrument.base].volatility)

    def ticks(self, time_ns: int) -> float:
        return self._worth(self.underlying(time_ns), time_ns) / self._instrument.tick_value

    def coarse_ticks(self, time_ns: int) -> float:
        """Without what moves within 20 s: for histories."""
        price = self._reference.price(self._instrument, time_ns, coarse=True)
        return self._worth(price, time_ns) / self._instrument.tick_value

    def underlying(self, time_ns: int) -> float:
        """What one unit of base costs here."""
        apart = total(self._apart, time_ns)
        return self._reference.price(self._instrument, time_ns) * (1 + apart * 1e-4)

    def years(self, time_ns: int) -> float:
        """Until it expires, an hour at least: what has expired is not traded any more."""
        assert self._expiry_ns is not None
        return max(self._expiry_ns - time_ns, _LEAST_NS) / options.YEAR_NS

    def volatility(self, time_ns: int) -> float:
        """An option's, as a fraction."""
        return options.smile(self._level, self.underlying(time_ns), float(self._instrument.strike), self.years(time_ns))

    def _worth(self, price: float, time_ns: int) -> float:
        if self._expiry_ns is None:
            return price
        one, years = self._instrument, self.years(time_ns)
        if not one.right:
            return price * exp(_CARRY * years)
        volatility = options.smile(self._level, price, float(one.strike), years)
        worth = options.greeks(price, float(one.strike), years, volatility, one.right).price
        return worth / price if one.priced_in == one.base else worth
