"""What venues derive from the hidden price for contracts: index, mark, funding, open interest, greeks, liquidations.

All of it is a function of the seed and the instant, so nothing has to run for it. Prices and sizes are given as
numbers; who prints them rounds.

Funding follows the calendar, as venues settle it at 00:00, 08:00 and 16:00 UTC: its instants are counted from the
midnight at which the exchange's time begins, so that with one seed every day begins with the same rates.
"""

from math import exp
from typing import Final, NamedTuple
from zlib import crc32

from tidebook.sim.agents import TEMPERS
from tidebook.sim.listing import ASSETS, Instrument
from tidebook.sim.options import Greeks, greeks, implied
from tidebook.sim.reference import SECOND, Fair, Lattice, Reference, total

MINUTE_NS: Final = 60 * SECOND
FUNDING_NS: Final = 8 * 3_600 * SECOND
RATE_PLACES: Final = 8
_USUAL: Final = 0.0001  # a period's rate, to which it comes back
_SWING: Final = 0.00008
_UNSURE: Final = 0.00005  # how far the rate under way may be from the one that is settled
_MOST: Final = 0.0075
_LIQUIDATED: Final = 200  # one taker's order in so many
_OPTION_COSTS: Final = 0.03  # of its underlying, about
_HELD_DAYS: Final = 0.7  # of trading, that is open at a time


class Optional(NamedTuple):
    """An option at an instant: its volatilities as fractions, None where the price has none."""

    mark_iv: float
    bid_iv: float | None
    ask_iv: float | None
    greeks: Greeks


def lot_dollars(instrument: Instrument) -> float:
    """What one lot is worth, of an option what it costs, about."""
    quote = ASSETS[instrument.quote].price
    lot = instrument.step_value * quote * instrument.contract_value
    if instrument.kind == "inverse":
        return lot
    lot *= ASSETS[instrument.base].price / quote
    return lot * _OPTION_COSTS if instrument.kind == "option" else lot


class Derived:
    """One contract at one venue. Instants `time_ns` are the exchange's, `clock_ns` those of the calendar."""

    def __init__(self, seed: int, venue: str, instrument: Instrument, reference: Reference, calendar_ns: int) -> None:
        self._name = name = f"{seed}/{venue}/{instrument.symbol}"
        self._instrument = instrument
        self._reference = reference
        self._calendar_ns = calendar_ns
        self._fair = Fair(seed, venue, instrument, reference, calendar_ns)
        self._rates = [
            (0.8, Lattice(f"{name}/funding/slow", 12 * FUNDING_NS)),
            (0.6, Lattice(f"{name}/funding", FUNDING_NS)),
        ]
        self._guess = Lattice(f"{name}/funding/guess", 20 * MINUTE_NS)
        self._held = [(0.12, Lattice(f"{name}/held/slow", FUNDING_NS)), (0.03, Lattice(f"{name}/held", 20 * MINUTE_NS))]
        temper = TEMPERS[instrument.liquidity]
        self._usually_held = temper.takers * 86_400 * _HELD_DAYS * temper.notional / lot_dollars(instrument)
        self._salt = f"{name}/liquidated/"

    # ---- prices

    @property
    def funded(self) -> bool:
        """Whether it is a perpetual: others have no funding."""
        return self._instrument.kind in ("linear", "inverse") and self._instrument.expiry_ns is None

    def index(self, time_ns: int, *, coarse: bool = False) -> float:
        """The price of the underlying at all venues: the hidden one."""
        return self._reference.price(self._instrument, time_ns, coarse=coarse)

    def mark(self, time_ns: int, *, coarse: bool = False) -> float:
        """What the contract is worth at this venue; `coarse` of long ago, as histories are."""
        ticks = self._fair.coarse_ticks(time_ns) if coarse else self._fair.ticks(time_ns)
        return ticks * self._instrument.tick_value

    # ---- funding

    def rate(self, at_ns: int) -> float:
        """The rate that is settled at an instant of the calendar."""
        z = total(self._rates, at_ns - self._calendar_ns)
        return round(max(-_MOST, min(_MOST, _USUAL + _SWING * z)), RATE_PLACES)

    def expected(self, clock_ns: int) -> float:
        """The rate under way; in the last minute it is what will be settled."""
        next_ns = next_funding_ns(clock_ns)
        minute_ns = clock_ns - clock_ns % MINUTE_NS
        left = (next_ns - minute_ns - MINUTE_NS) / FUNDING_NS
        guess = total([(left * _UNSURE, self._guess)], minute_ns - self._calendar_ns)
        return round(max(-_MOST, min(_MOST, self.rate(next_ns) + guess)), RATE_PLACES)

    # ---- what else

    def open_lots(self, time_ns: int) -> int:
        """Lots that are open, to the second."""
        return int(self._usually_held * exp(total(self._held, time_ns - time_ns % SECOND))) + 1

    def option(self, time_ns: int, bid: float | None, ask: float | None) -> Optional:
        """An option; bid and ask are the best prices of its market."""
        one = self._instrument
        assert one.right
        price, strike = self._fair.underlying(time_ns), float(one.strike)
        years, volatility = self._fair.years(time_ns), self._fair.volatility(time_ns)
        unit = price if one.priced_in == one.base else 1.0
        ivs = [None if each is None else implied(each * unit, price, strike, years, one.right) for each in (bid, ask)]
        return Optional(volatility, ivs[0], ivs[1], greeks(price, strike, years, volatility, one.right))

    def liquidates(self, taker_id: int) -> bool:
        """Whether a taker's order closes somebody's position by force."""
        if self._instrument.kind not in ("linear", "inverse"):
            return False
        return crc32(f"{self._salt}{taker_id}".encode()) % _LIQUIDATED == 0


def next_funding_ns(clock_ns: int) -> int:
    """The next settlement, later than an instant of the calendar."""
    return clock_ns - clock_ns % FUNDING_NS + FUNDING_NS


def settlements(start_ns: int, end_ns: int) -> range:
    """The instants of settlement in [start, end]."""
    return range(-(-start_ns // FUNDING_NS) * FUNDING_NS, end_ns + 1, FUNDING_NS)
