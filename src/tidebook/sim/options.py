"""Options without interest: Black and Scholes (1973) on the price of the underlying, and one fixed smile."""

from math import erf, exp, log, pi, sqrt
from typing import Final, Literal, NamedTuple

YEAR_NS: Final = 365 * 86_400 * 10**9
_YEAR: Final = 365 * 86_400  # seconds
_LOW, _HIGH = 0.01, 5.0  # volatilities between which one is looked for


class Greeks(NamedTuple):
    """Of one unit of base, in the currency of the strike: `theta` a day, `vega` a hundredth of volatility."""

    price: float
    delta: float
    gamma: float
    theta: float
    vega: float


def at_the_money(volatility: float) -> float:
    """A year's volatility as a fraction, from basis points per √second."""
    return volatility * 1e-4 * sqrt(_YEAR)


def smile(level: float, price: float, strike: float, years: float) -> float:
    """The volatility of a strike: `level` at the price, a little more below it than above, more far from it."""
    away = log(strike / price) / sqrt(years)
    return level * max(0.6, min(2.5, 1 - 0.08 * away + 0.25 * away * away))


def greeks(price: float, strike: float, years: float, volatility: float, right: Literal["call", "put"]) -> Greeks:
    """What an option is worth at a price of its underlying, and how that moves."""
    root = sqrt(years)
    first = log(price / strike) / (volatility * root) + volatility * root / 2
    second = first - volatility * root
    density = exp(-first * first / 2) / sqrt(2 * pi)
    sign = 1 if right == "call" else -1
    worth = sign * (price * _below(sign * first) - strike * _below(sign * second))
    return Greeks(
        max(worth, 0.0),
        sign * _below(sign * first),
        density / (price * volatility * root),
        -price * density * volatility / (2 * root) / 365,
        price * density * root / 100,
    )


def implied(worth: float, price: float, strike: float, years: float, right: Literal["call", "put"]) -> float | None:
    """The volatility at which an option is worth so much; None where there is none between 1 % and 500 %."""
    low, high = _LOW, _HIGH
    if not greeks(price, strike, years, low, right).price < worth < greeks(price, strike, years, high, right).price:
        return None
    for _ in range(24):
        middle = (low + high) / 2
        if greeks(price, strike, years, middle, right).price < worth:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _below(value: float) -> float:
    return (1 + erf(value / sqrt(2))) / 2
