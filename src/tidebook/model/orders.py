"""What is asked of an exchange and what an account has: intents, orders, fills, balances, positions. Frozen and exact.

An intent is what a user wants, an `Order` what the venue has made of it. Sizes are in the unit in which the venue
trades the instrument (`instrument.size_unit`), prices in its quote currency.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Literal

import msgspec

from tidebook.errors import DecodeError, UsageError
from tidebook.model.facts import Fact, Rounding, Side
from tidebook.model.number import Exact, decimal_of, parse, plain, plus

Amount = str | int | Decimal
"""A number as users give it. A float is refused: what it is to the last digit nobody has written down."""

Tif = Literal["gtc", "ioc", "fok"]
Kind = Literal["limit", "market", "stop", "stop_limit"]
Leg = Literal["net", "long", "short"]
"""Which position of a contract: the one that there is (``net``, the one-way mode), or one of the two that an account in
the hedge mode has side by side.
"""
Margin = Literal["", "cross", "isolated"]
"""What a position of a contract is secured by, where a venue has one of each beside the other: all that the account
has, or a part that was set apart for it. Empty where a contract has one position, however that is secured.
"""
Status = Literal["open", "filled", "cancelled", "expired", "rejected", "dry"]


def amount(name: str, value: Amount) -> Decimal:
    """The exact value of a number that a user gave, above 0.

    Raises TypeError for a float, with the way out, and for what is no number at all; UsageError for what is not
    above 0 or beyond 38 digits.
    """
    if isinstance(value, float):
        way, grid = ("price", "tick") if name in ("price", "trigger") else ("size", "step")
        if not isfinite(value):
            raise UsageError(f"{name}={value!r} is no number that can be traded")
        text = f'{name}={value!r} is a float. Write "{value!r}", or instrument.{way}({value!r}) to round to the {grid}'
        raise TypeError(text)
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise TypeError(f"{name} is {type(value).__name__}: text, an int or a Decimal is wanted")
    try:
        found = parse(_text(value))
    except (ValueError, DecodeError) as error:  # a ValueError: an int of more digits than Python writes
        shown = "an int of thousands of digits" if isinstance(value, int) else f"{value!r:.60}"
        raise UsageError(f"{name}={shown} is no number: digits, at most 38, perhaps with a point") from error
    if found <= 0:
        raise UsageError(f"{name}={plain(found)}: above 0")
    return found


def _text(value: Amount) -> str:
    """The number itself: a subclass may be written otherwise, a Decimal by the money that it is, an int by its name."""
    if isinstance(value, str):
        return str.__str__(value)
    return Decimal.__str__(value) if isinstance(value, Decimal) else int.__repr__(value)


class _Intent:
    """What all intents have in common is checked when they are made; an instrument's rules when they are sent."""

    __slots__ = ()
    symbol: str
    side: Side
    rounding: Rounding | None
    reduce_only: bool
    leg: Leg

    def _check(self, *needs: str, **numbers: Amount | None) -> None:
        symbol: object = self.symbol
        if not isinstance(symbol, str) or not symbol:
            raise UsageError(f"symbol={symbol!r} is no text")
        if self.side not in ("buy", "sell"):
            raise UsageError(f'side={self.side!r}: "buy" or "sell"')
        if self.rounding not in (None, "nearest", "down", "up"):
            raise UsageError(f'rounding={self.rounding!r}: None, "nearest", "down" or "up"')
        if self.leg not in ("net", "long", "short"):
            raise UsageError(f'leg={self.leg!r}: "net", "long" or "short"')
        if self.reduce_only and opens(self.side, self.leg):
            raise UsageError(f"reduce_only: what {self.side}s of a {self.leg} position never closes it")
        for name in ("reduce_only", "post_only"):
            if not isinstance(getattr(self, name, False), bool):
                raise UsageError(f"{name}={getattr(self, name)!r}: True or False")
        for name, value in numbers.items():
            if value is not None:
                object.__setattr__(self, name, amount(name, value))
            elif name in needs:
                raise UsageError(f"{type(self).__name__}: which {name}?")


def opens(side: Side, leg: Leg) -> bool:
    """Whether an order of this side can only enlarge the position that it moves; ``net`` may be either."""
    return (leg, side) in (("long", "buy"), ("short", "sell"))


def closes(side: Side, leg: Leg) -> bool:
    """Whether an order of this side can only make smaller the position that it moves."""
    return (leg, side) in (("long", "sell"), ("short", "buy"))


@dataclass(frozen=True, slots=True)
class Limit(_Intent):
    """Buy or sell at `price` or better. With `post_only` it is refused rather than that it takes.

    A price or a size that breaks the instrument's rules is refused before anything is sent, with `rounding` it is
    rounded. `tif` is how long it stands: ``gtc`` until cancelled, ``ioc`` what trades at once, ``fok`` all at once or
    nothing. `leg` is which position of a contract it moves: an account in the hedge mode has two, and its venue refuses
    an order that names none; in the one-way mode it refuses one that does. Raises TypeError for a float, UsageError
    for what is no order.
    """

    symbol: str
    side: Side
    size: Amount
    price: Amount
    post_only: bool = False
    tif: Tif = "gtc"
    reduce_only: bool = False
    rounding: Rounding | None = None
    leg: Leg = "net"

    def __post_init__(self) -> None:
        self._check("size", "price", size=self.size, price=self.price)
        if self.tif not in ("gtc", "ioc", "fok"):
            raise UsageError(f'tif={self.tif!r}: "gtc", "ioc" or "fok"')
        if self.post_only and self.tif != "gtc":
            raise UsageError(f"post_only and tif={self.tif!r}: what is to be made does not trade at once")


@dataclass(frozen=True, slots=True)
class MarketOrder(_Intent):
    """Buy or sell at once, at what there is: so much (`size`), or for so much quote currency (`cost`).

    `leg` as of `Limit`.
    """

    symbol: str
    side: Side
    size: Amount | None = None
    cost: Amount | None = None
    reduce_only: bool = False
    rounding: Rounding | None = None
    leg: Leg = "net"

    def __post_init__(self) -> None:
        self._check(size=self.size, cost=self.cost)
        if (self.size is None) == (self.cost is None):
            raise UsageError("a market order has a size or a cost, and not both")


@dataclass(frozen=True, slots=True)
class Stop(_Intent):
    """A market order, or with `price` a limit order, that the venue sends once trades have reached `trigger`.

    `leg` as of `Limit`.
    """

    symbol: str
    side: Side
    size: Amount
    trigger: Amount
    price: Amount | None = None
    reduce_only: bool = False
    rounding: Rounding | None = None
    leg: Leg = "net"

    def __post_init__(self) -> None:
        self._check("size", "trigger", size=self.size, trigger=self.trigger, price=self.price)


Intent = Limit | MarketOrder | Stop


class Order(Fact, frozen=True, kw_only=True):
    """An order as its venue tells of it. `client_id` is what it was sent under, empty for one that had none.

    `status` ``open`` is also what waits for its trigger or is filled in part, ``dry`` what was never sent. None where
    the venue does not say. `reason` is the venue's word for why it was rejected, `leg` the position that it moves.
    """

    id: str
    side: Side
    kind: Kind
    status: Status
    client_id: str = ""
    exact_price: Exact | None = None
    exact_trigger: Exact | None = None
    exact_size: Exact | None = None
    exact_filled: Exact = (0, 0)
    exact_cost: Exact | None = None
    tif: Tif = "gtc"
    post_only: bool = False
    reduce_only: bool = False
    created_ns: int | None = None
    reason: str = ""
    leg: Leg = "net"

    @property
    def open(self) -> bool:
        """Whether it can still trade."""
        return self.status == "open"

    @property
    def price(self) -> Decimal | None:
        return None if self.exact_price is None else decimal_of(*self.exact_price)

    @property
    def trigger(self) -> Decimal | None:
        return None if self.exact_trigger is None else decimal_of(*self.exact_trigger)

    @property
    def size(self) -> Decimal | None:
        """What was asked for; None for a market order by cost."""
        return None if self.exact_size is None else decimal_of(*self.exact_size)

    @property
    def filled(self) -> Decimal:
        return decimal_of(*self.exact_filled)

    @property
    def left(self) -> Decimal | None:
        """What is not filled."""
        if self.exact_size is None:
            return None
        return decimal_of(*plus(self.exact_size, (-self.exact_filled[0], self.exact_filled[1])))

    @property
    def cost(self) -> Decimal | None:
        """What its fills came to, in quote currency."""
        return None if self.exact_cost is None else decimal_of(*self.exact_cost)

    @property
    def average(self) -> Decimal | None:
        """The average price of its fills, to 28 digits; None before the first."""
        return None if self.cost is None or not self.filled else self.cost / self.filled

    def __repr__(self) -> str:
        size = "-" if self.size is None else plain(self.size)
        at = "" if self.price is None else f" at {plain(self.price)}"
        what = f"{self.side} {size} {self.symbol}{at}"
        return f"<Order {self.client_id or self.id} {self.venue} {self.status}: {what}, {plain(self.filled)} filled>"


class Fill(Fact, frozen=True, kw_only=True):
    """A trade of one's own. `fee` is positive where it was paid; `maker` says whether it had stood in the book.

    `leg` is the position that it moved; None where the venue tells that of orders alone, and nothing is known of its
    order.
    """

    id: str
    order_id: str
    side: Side
    exact_price: Exact
    exact_size: Exact
    client_id: str = ""
    exact_fee: Exact | None = None
    fee_currency: str = ""
    maker: bool | None = None
    leg: Leg | None = "net"

    @property
    def price(self) -> Decimal:
        return decimal_of(*self.exact_price)

    @property
    def size(self) -> Decimal:
        return decimal_of(*self.exact_size)

    @property
    def fee(self) -> Decimal | None:
        return None if self.exact_fee is None else decimal_of(*self.exact_fee)

    def __repr__(self) -> str:
        fee = "" if self.fee is None else f", fee {plain(self.fee)} {self.fee_currency}"
        leg = "" if self.leg in (None, "net") else f" {self.leg}"
        return f"<Fill {self.symbol} {self.venue}{leg} {self.side} {plain(self.size)} at {plain(self.price)}{fee}>"


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has of a currency: `free`, and `held` by open orders or as margin."""

    venue: str
    currency: str
    exact_free: Exact
    exact_held: Exact
    received_ns: int
    venue_ns: int | None = None

    @property
    def free(self) -> Decimal:
        return decimal_of(*self.exact_free)

    @property
    def held(self) -> Decimal:
        return decimal_of(*self.exact_held)

    @property
    def total(self) -> Decimal:
        return decimal_of(*plus(self.exact_free, self.exact_held))

    def __repr__(self) -> str:
        return f"<Balance {self.venue} {plain(self.free)} {self.currency} free, {plain(self.held)} held>"


class Position(Fact, frozen=True, kw_only=True):
    """What is held of a contract: `size` above 0 is long, below 0 short. None where the venue does not say.

    `leg`: an account in the one-way mode has one position of a contract, ``net``; in the hedge mode two, ``long`` and
    ``short``, each with a size of its own. `margin` tells two apart that a venue has beside each other.
    """

    exact_size: Exact
    exact_entry: Exact | None = None
    exact_mark: Exact | None = None
    exact_unrealized: Exact | None = None
    exact_liquidation: Exact | None = None
    exact_leverage: Exact | None = None
    leg: Leg = "net"
    margin: Margin = ""

    @property
    def size(self) -> Decimal:
        return decimal_of(*self.exact_size)

    @property
    def entry(self) -> Decimal | None:
        """The average price at which it was entered."""
        return None if self.exact_entry is None else decimal_of(*self.exact_entry)

    @property
    def mark(self) -> Decimal | None:
        return None if self.exact_mark is None else decimal_of(*self.exact_mark)

    @property
    def unrealized(self) -> Decimal | None:
        """What closing it at the mark price would bring, in the currency of settlement."""
        return None if self.exact_unrealized is None else decimal_of(*self.exact_unrealized)

    @property
    def liquidation(self) -> Decimal | None:
        return None if self.exact_liquidation is None else decimal_of(*self.exact_liquidation)

    @property
    def leverage(self) -> Decimal | None:
        return None if self.exact_leverage is None else decimal_of(*self.exact_leverage)

    def __repr__(self) -> str:
        entry = "" if self.entry is None else f" at {plain(self.entry)}"
        leg = "" if self.leg == "net" else f" {self.leg}"
        apart = " isolated" if self.margin == "isolated" else ""
        return f"<Position {self.symbol} {self.venue}{leg}{apart} {plain(self.size)}{entry}>"
