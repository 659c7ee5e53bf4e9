"""Facts of a market as a venue tells them: trades, quotes, bars, marks, funding, instruments. Frozen and exact.

Numbers are kept as (mantissa, scale) and become a Decimal when they are read. Times are integers of
nanoseconds, UTC: `venue_ns` is the venue's stamp, `received_ns` when the socket was read.
"""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Literal

import msgspec

from tidebook.errors import UsageError
from tidebook.model.number import Exact, decimal_of, plain

Side = Literal["buy", "sell"]
Rounding = Literal["nearest", "down", "up"]
Right = Literal["call", "put"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROUNDING = {"nearest": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}


def instant(ns: int) -> datetime:
    """An instant as an aware datetime, UTC; what is finer than a microsecond is cut."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


class Fact(msgspec.Struct, frozen=True, gc=False):
    """What all facts have. `venue_ns` is None where the venue sends no time."""

    venue: str
    symbol: str
    venue_ns: int | None
    received_ns: int

    @property
    def time(self) -> datetime:
        """The venue's stamp, or where it has none, when it was received."""
        return instant(stamp(self))


def stamp(fact: Fact) -> int:
    """The venue's stamp, or where it has none, when it was received; ns UTC."""
    return fact.received_ns if fact.venue_ns is None else fact.venue_ns


class Trade(Fact, frozen=True, gc=False):
    """One trade, or with `first_id`/`last_id` several of one taker at one price. `side` is the taker's."""

    id: str
    side: Side
    exact_price: Exact
    exact_size: Exact
    first_id: str | None = None
    last_id: str | None = None

    @property
    def price(self) -> Decimal:
        return decimal_of(*self.exact_price)

    @property
    def size(self) -> Decimal:
        """In the unit in which the venue trades it (`instrument.size_unit`)."""
        return decimal_of(*self.exact_size)

    def __repr__(self) -> str:
        return f"<Trade {self.symbol} {self.venue} {self.side} {plain(self.size)} at {plain(self.price)}>"


class Quote(Fact, frozen=True, gc=False):
    """The best bid and ask. `seq` is the venue's number of it, where it has one."""

    exact_bid: Exact
    exact_bid_size: Exact
    exact_ask: Exact
    exact_ask_size: Exact
    seq: int | None = None

    @property
    def bid(self) -> Decimal:
        return decimal_of(*self.exact_bid)

    @property
    def bid_size(self) -> Decimal:
        return decimal_of(*self.exact_bid_size)

    @property
    def ask(self) -> Decimal:
        return decimal_of(*self.exact_ask)

    @property
    def ask_size(self) -> Decimal:
        return decimal_of(*self.exact_ask_size)

    def __repr__(self) -> str:
        bid, ask = f"{plain(self.bid)}×{plain(self.bid_size)}", f"{plain(self.ask)}×{plain(self.ask_size)}"
        return f"<Quote {self.symbol} {self.venue} {bid} | {ask}>"


class Bar(Fact, frozen=True, kw_only=True, gc=False):
    """One bar. `start_ns` is its opening; `finished` says whether it can still change.

    `volume` is in the instrument's unit of size, `turnover` in quote currency, `trades` how many there
    were, `vwap` the mean price weighted by volume as the venue itself has it; None where the venue does not say.
    """

    interval: str
    start_ns: int
    finished: bool
    exact_open: Exact
    exact_high: Exact
    exact_low: Exact
    exact_close: Exact
    exact_volume: Exact
    exact_turnover: Exact | None = None
    trades: int | None = None
    exact_vwap: Exact | None = None

    @property
    def time(self) -> datetime:
        """The opening."""
        return instant(self.start_ns)

    @property
    def open(self) -> Decimal:
        return decimal_of(*self.exact_open)

    @property
    def high(self) -> Decimal:
        return decimal_of(*self.exact_high)

    @property
    def low(self) -> Decimal:
        return decimal_of(*self.exact_low)

    @property
    def close(self) -> Decimal:
        return decimal_of(*self.exact_close)

    @property
    def volume(self) -> Decimal:
        return decimal_of(*self.exact_volume)

    @property
    def turnover(self) -> Decimal | None:
        return None if self.exact_turnover is None else decimal_of(*self.exact_turnover)

    @property
    def vwap(self) -> Decimal | None:
        return None if self.exact_vwap is None else decimal_of(*self.exact_vwap)

    def __repr__(self) -> str:
        prices = " ".join(plain(price) for price in (self.open, self.high, self.low, self.close))
        return f"<Bar {self.symbol} {self.interval} {self.venue} {self.time:%Y-%m-%dT%H:%M} {prices}>"


class Ticker(Fact, frozen=True, kw_only=True, gc=False):
    """The last 24 hours. None where the venue does not say."""

    exact_last: Exact
    exact_open: Exact | None = None
    exact_high: Exact | None = None
    exact_low: Exact | None = None
    exact_volume: Exact | None = None
    exact_turnover: Exact | None = None
    exact_bid: Exact | None = None
    exact_ask: Exact | None = None

    @property
    def last(self) -> Decimal:
        return decimal_of(*self.exact_last)

    @property
    def open(self) -> Decimal | None:
        return _maybe(self.exact_open)

    @property
    def high(self) -> Decimal | None:
        return _maybe(self.exact_high)

    @property
    def low(self) -> Decimal | None:
        return _maybe(self.exact_low)

    @property
    def volume(self) -> Decimal | None:
        return _maybe(self.exact_volume)

    @property
    def turnover(self) -> Decimal | None:
        return _maybe(self.exact_turnover)

    @property
    def bid(self) -> Decimal | None:
        return _maybe(self.exact_bid)

    @property
    def ask(self) -> Decimal | None:
        return _maybe(self.exact_ask)

    @property
    def change(self) -> Decimal | None:
        """From the opening to the last price, in percent."""
        if self.open is None or not self.open:
            return None
        return (self.last - self.open) / self.open * 100

    def __repr__(self) -> str:
        return f"<Ticker {self.symbol} {self.venue} last {plain(self.last)}>"


class MarkPrice(Fact, frozen=True, kw_only=True, gc=False):
    """The price by which a venue values positions, in quote currency. None where the venue does not say.

    `index` is the price of what is underneath, `settle` the estimated price of settlement.
    """

    exact_price: Exact
    exact_index: Exact | None = None
    exact_settle: Exact | None = None

    @property
    def price(self) -> Decimal:
        return decimal_of(*self.exact_price)

    @property
    def index(self) -> Decimal | None:
        return _maybe(self.exact_index)

    @property
    def settle(self) -> Decimal | None:
        return _maybe(self.exact_settle)

    def __repr__(self) -> str:
        return f"<MarkPrice {self.symbol} {self.venue} {plain(self.price)}>"


class Funding(Fact, frozen=True, kw_only=True, gc=False):
    """A rate of funding, a fraction (0.0001 is one hundredth of a percent): positive, and longs pay shorts.

    `funding_ns` is when it is charged, or with `settled` was; before that it can still change. `interval` is seconds
    between two charges, `mark` the mark price that belongs to it; None where the venue does not say.
    """

    exact_rate: Exact
    funding_ns: int
    settled: bool
    interval: float | None = None
    exact_mark: Exact | None = None

    @property
    def rate(self) -> Decimal:
        return decimal_of(*self.exact_rate)

    @property
    def funding_time(self) -> datetime:
        """When it is charged, or was."""
        return instant(self.funding_ns)

    @property
    def mark(self) -> Decimal | None:
        return _maybe(self.exact_mark)

    def __repr__(self) -> str:
        when = f"{self.funding_time:%Y-%m-%dT%H:%M}"
        return f"<Funding {self.symbol} {self.venue} {plain(self.rate)} {'at' if self.settled else 'due'} {when}>"


class Liquidation(Fact, frozen=True, kw_only=True, gc=False):
    """A position that the venue closed. `side` is that of the closing order: "sell" means that a long was liquidated.

    `id` is None where the venue gives it none.
    """

    side: Side
    exact_price: Exact
    exact_size: Exact
    id: str | None = None

    @property
    def position(self) -> Literal["long", "short"]:
        """What was liquidated."""
        return "long" if self.side == "sell" else "short"

    @property
    def price(self) -> Decimal:
        return decimal_of(*self.exact_price)

    @property
    def size(self) -> Decimal:
        """In the unit in which the venue trades it (`instrument.size_unit`)."""
        return decimal_of(*self.exact_size)

    def __repr__(self) -> str:
        what = f"{self.position} {plain(self.size)} at {plain(self.price)}"
        return f"<Liquidation {self.symbol} {self.venue} {what}>"


class OpenInterest(Fact, frozen=True, kw_only=True, gc=False):
    """What is open. `size` is in the instrument's unit of size, `value` in quote currency, None where the venue does
    not say.
    """

    exact_size: Exact
    exact_value: Exact | None = None

    @property
    def size(self) -> Decimal:
        return decimal_of(*self.exact_size)

    @property
    def value(self) -> Decimal | None:
        return _maybe(self.exact_value)

    def __repr__(self) -> str:
        return f"<OpenInterest {self.symbol} {self.venue} {plain(self.size)}>"


class Greeks(Fact, frozen=True, kw_only=True, gc=False):
    """What a venue computes of an option. None where it does not say.

    Volatilities (`mark_iv`, `bid_iv`, `ask_iv`) are fractions of a year: 0.65 is 65 %. The greeks are as the venue
    defines them.
    """

    exact_mark_iv: Exact | None = None
    exact_bid_iv: Exact | None = None
    exact_ask_iv: Exact | None = None
    exact_delta: Exact | None = None
    exact_gamma: Exact | None = None
    exact_theta: Exact | None = None
    exact_vega: Exact | None = None

    @property
    def mark_iv(self) -> Decimal | None:
        return _maybe(self.exact_mark_iv)

    @property
    def bid_iv(self) -> Decimal | None:
        return _maybe(self.exact_bid_iv)

    @property
    def ask_iv(self) -> Decimal | None:
        return _maybe(self.exact_ask_iv)

    @property
    def delta(self) -> Decimal | None:
        return _maybe(self.exact_delta)

    @property
    def gamma(self) -> Decimal | None:
        return _maybe(self.exact_gamma)

    @property
    def theta(self) -> Decimal | None:
        return _maybe(self.exact_theta)

    @property
    def vega(self) -> Decimal | None:
        return _maybe(self.exact_vega)

    def __repr__(self) -> str:
        said = (("iv", self.mark_iv), ("delta", self.delta))
        return (
            f"<Greeks {self.symbol} {self.venue}{''.join(f' {name} {plain(x)}' for name, x in said if x is not None)}>"
        )


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol's rules. `id` is the venue's own name. None: the venue has no such rule.

    `code` is the number that stands for the id in some of the venue's messages; None where it lists none. It is of one
    environment alone.

    `settle` is the currency of settlement ("" for spot), `expiry_ns` when it ends (None: never), `strike` and `right`
    an option's. A contract (`contract_size`) is so much of the base currency, of an inverse one so much of the quote
    currency; None where sizes are in base currency themselves. `size_unit` is "BTC", or "contract".
    """

    venue: str
    symbol: str
    id: str
    base: str
    quote: str
    kind: Literal["spot", "linear", "inverse", "option"]
    active: bool
    tick: Decimal | None
    step: Decimal | None
    min_size: Decimal | None = None
    max_size: Decimal | None = None
    min_notional: Decimal | None = None
    contract_size: Decimal | None = None
    size_unit: str = ""
    status: str = ""
    settle: str = ""
    expiry_ns: int | None = None
    strike: Decimal | None = None
    right: Right | None = None
    code: int | None = None

    @property
    def expiry(self) -> datetime | None:
        """When it ends; None for what does not."""
        return None if self.expiry_ns is None else instant(self.expiry_ns)

    def price(self, value: float | str | Decimal, rounding: Rounding = "nearest") -> Decimal:
        """The value on the tick. A float is read as Python shows it (60000.1 is 60000.1)."""
        return _on_grid(value, self.tick, rounding)

    def size(self, value: float | str | Decimal, rounding: Rounding = "down") -> Decimal:
        """The value on the step; by default not more than was asked for."""
        return _on_grid(value, self.step, rounding)

    def coins(self, size: Decimal) -> Decimal:
        """A size in base currency. Raises UsageError where that depends on the price (inverse contracts)."""
        if self.contract_size is None:
            return size
        if self.kind == "inverse":
            raise UsageError(f"{self.symbol}: what a contract is worth in {self.base} depends on the price")
        return size * self.contract_size

    def contracts(self, coins: Decimal) -> Decimal:
        """A size in base currency as contracts."""
        if self.contract_size is None:
            return coins
        if self.kind == "inverse":
            raise UsageError(f"{self.symbol}: what a contract is worth in {self.base} depends on the price")
        return coins / self.contract_size

    def __repr__(self) -> str:
        tick = "-" if self.tick is None else plain(self.tick)
        step = "-" if self.step is None else plain(self.step)
        return f"<Instrument {self.symbol} {self.venue} {self.id}, tick {tick}, step {step}, {self.status or 'active'}>"


def _maybe(value: Exact | None) -> Decimal | None:
    return None if value is None else decimal_of(*value)


def _on_grid(value: float | str | Decimal, grid: Decimal | None, rounding: Rounding) -> Decimal:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise UsageError(f"{value!r} is not a finite number")
    if not grid:
        return number
    return (number / grid).to_integral_value(_ROUNDING[rounding]) * grid
