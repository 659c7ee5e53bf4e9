"""An intent against its instrument's rules: what is refused before anything is sent, and what rounding makes of it."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal
from typing import Final

from tidebook.errors import InvalidOrder
from tidebook.model.facts import Instrument, Rounding, Side
from tidebook.model.number import Exact, exact_of, plain, times
from tidebook.model.orders import Amount, Intent, Kind, Leg, Limit, MarketOrder, Order, Status, Tif

_ROUNDING: Final = {"nearest": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}
_EXACT: Final = Context(prec=200)


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent as it goes to its venue: the instrument, numbers on its grid, the name under which it is sent."""

    instrument: Instrument
    side: Side
    kind: Kind
    client_id: str
    size: Decimal | None
    cost: Decimal | None = None
    price: Decimal | None = None
    trigger: Decimal | None = None
    tif: Tif = "gtc"
    post_only: bool = False
    reduce_only: bool = False
    leg: Leg = "net"
    account: str = ""  # what the venue calls it, where its requests say so

    @property
    def words(self) -> str:
        """As it stands in texts: ``buy 0.01 BTC/USDT at 60000``."""
        much = f"for {plain(self.cost or Decimal())}" if self.size is None else plain(self.size)
        at = "" if self.price is None else f" at {plain(self.price)}"
        leg = "" if self.leg == "net" else f", {self.leg} position"
        return f"{self.side} {much} {self.instrument.symbol}{at}{leg}"

    def order(
        self, *, id: str, received_ns: int, venue_ns: int | None = None, client_id: str = "", status: Status = "open"
    ) -> Order:
        """The order that it is where nothing more is known of it: as it was asked for, nothing filled."""
        one = self.instrument
        return Order(
            venue=one.venue, symbol=one.symbol, venue_ns=venue_ns, received_ns=received_ns, id=id, side=self.side,
            kind=self.kind, status=status, client_id=client_id or self.client_id, exact_price=_exact(self.price),
            exact_trigger=_exact(self.trigger), exact_size=_exact(self.size), tif=self.tif, post_only=self.post_only,
            reduce_only=self.reduce_only, created_ns=venue_ns, leg=self.leg,
        )  # fmt: skip


def _exact(value: Decimal | None) -> Exact | None:
    return None if value is None else exact_of(value)


def wish(intent: Intent, instrument: Instrument, client_id: str) -> Wish:
    """The intent on its instrument's grid. Raises InvalidOrder for what breaks a rule: nothing was sent then."""
    if not instrument.active:
        raise _refused(instrument, f"{_name(instrument)} is not traded now ({instrument.status or 'inactive'})")
    rounds = intent.rounding
    size = None if intent.size is None else _on_grid(instrument, "size", intent.size, instrument.step, rounds)
    price = trigger = cost = None
    tif: Tif = "gtc"
    post_only = False
    if isinstance(intent, Limit):
        kind: Kind = "limit"
        price = _on_grid(instrument, "price", intent.price, instrument.tick, rounds)
        tif, post_only = intent.tif, intent.post_only
    elif isinstance(intent, MarketOrder):
        kind = "market"
        cost = None if intent.cost is None else Decimal(intent.cost)
    else:
        kind = "stop" if intent.price is None else "stop_limit"
        trigger = _on_grid(instrument, "trigger", intent.trigger, instrument.tick, rounds)
        price = None if intent.price is None else _on_grid(instrument, "price", intent.price, instrument.tick, rounds)
    made = Wish(
        instrument, intent.side, kind, client_id, size, cost, price, trigger, tif, post_only, intent.reduce_only,
        intent.leg,
    )  # fmt: skip
    _check_bounds(made)
    return made


def _name(one: Instrument) -> str:
    return f"{one.symbol} ({one.venue.partition('.')[0]})"


def _refused(one: Instrument, text: str, hint: str | None = None) -> InvalidOrder:
    return InvalidOrder(f"{text}. Nothing was sent", venue=one.venue, symbol=one.symbol, hint=hint)


def _on_grid(one: Instrument, name: str, value: Amount, step: Decimal | None, rounds: Rounding | None) -> Decimal:
    """The number, where it is a multiple of its step, or what rounding makes of it."""
    given = Decimal(value)
    if not step:
        return given
    many = _EXACT.divide(given, step)
    if many == many.to_integral_value():
        return given
    below = times(step, many.to_integral_value(ROUND_DOWN))
    if rounds is None:
        text = f"{name} {plain(given)} of {_name(one)} is not a multiple of {plain(step)}"
        hint = f'Nearest below: {plain(below)}; rounding="down" takes it' if below else None
        raise _refused(one, text, hint)
    found = times(step, many.to_integral_value(_ROUNDING[rounds]))
    if not found:
        raise _refused(one, f"{name} {plain(given)} of {_name(one)} is less than one step, {plain(step)}")
    return found


def _check_bounds(made: Wish) -> None:
    """What is smaller or greater than the venue takes. What only closes a position may be worth less."""
    one, size = made.instrument, made.size
    if size is not None and one.min_size is not None and size < one.min_size:
        raise _refused(one, f"size {plain(size)} of {_name(one)} is below the least, {plain(one.min_size)}")
    if size is not None and one.max_size and size > one.max_size:
        raise _refused(one, f"size {plain(size)} of {_name(one)} is above the most, {plain(one.max_size)}")
    worth = _worth(made)
    if one.min_notional is not None and worth is not None and not made.reduce_only and worth < one.min_notional:
        least = f"{plain(one.min_notional)} {one.quote}"
        raise _refused(one, f"{plain(worth)} {one.quote} of {_name(one)} is below the least, {least}")


def _worth(made: Wish) -> Decimal | None:
    """In quote currency; None where nobody knows yet what it will come to."""
    one = made.instrument
    if made.cost is not None or made.size is None:
        return made.cost
    if one.kind == "inverse":
        return None if one.contract_size is None else times(made.size, one.contract_size)
    if made.price is None:
        return None
    worth = times(made.size, made.price)
    return worth if one.contract_size is None else times(worth, one.contract_size)
