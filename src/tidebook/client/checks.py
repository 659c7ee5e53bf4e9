"""What is looked at before an order is sent: whether it is one, whether its venue takes it, its guard, the clock."""

from typing import Protocol

from tidebook.client.place import VenueAt
from tidebook.core.clock import SECOND
from tidebook.core.rules import Wish
from tidebook.core.trading import Trading
from tidebook.errors import BookNotLive, ClockRefused, UsageError
from tidebook.io.clock import now
from tidebook.model.facts import Instrument
from tidebook.model.market import State
from tidebook.model.orders import Limit, MarketOrder, Stop


class Guard(Protocol):
    """A book, as an order is guarded by it."""

    symbol: str

    @property
    def state(self) -> State: ...
    @property
    def age(self) -> float: ...


def check_intent(intent: object) -> None:
    """Raises UsageError for what is no order."""
    if not isinstance(intent, (Limit, MarketOrder, Stop)):
        raise UsageError(f"{type(intent).__name__} is no order: Limit, MarketOrder or Stop is")


def check_taken(made: Wish, trading: Trading, one: VenueAt) -> None:
    """Raises UsageError for what the venue does not take in this form."""
    name = one.declared.name
    lacking = ""
    if made.kind not in trading.kinds:
        lacking = f"{made.kind.replace('_', ' ')} orders"
    elif made.kind == "limit" and made.tif not in trading.tifs:
        lacking = f"orders that are {made.tif}"
    elif made.post_only and not trading.post_only:
        lacking = "post_only"
    elif made.cost is not None and not trading.cost:
        lacking = "market orders by cost"
    elif made.reduce_only and not trading.reduces:
        lacking = "reduce_only"
    elif made.leg != "net" and not trading.legs:
        lacking = f"{made.leg} positions beside the other"
    if lacking:
        raise UsageError(f"{name} has no {lacking}. Nothing was sent", venue=name, symbol=made.instrument.symbol)


def check_guard(guard: Guard | None, max_age: float | None, instrument: Instrument) -> None:
    """Raises BookNotLive where the book that guards an order does not allow it, UsageError for what is no guard."""
    if guard is None:
        if max_age is not None:
            raise UsageError("max_age is of a guard: guard=book")
        return
    known: object = getattr(guard, "state", None)
    if not isinstance(known, State):
        raise UsageError(f"guard={guard!r} is no book: one of market.book(…) is")
    if max_age is not None and (type(max_age) not in (int, float) or not max_age > 0):
        raise UsageError(f"max_age={max_age!r}: seconds, above 0")
    state = guard.state
    if state is not State.LIVE:
        why = getattr(guard, "why", "") or f"{guard.symbol} is {state}, not live"
        text = f"the guarding book: {why}. Nothing was sent"
        raise BookNotLive(text, symbol=instrument.symbol, venue=instrument.venue)
    if max_age is not None and guard.age > max_age:
        text = f"{guard.symbol}: the guarding book is {guard.age:.3f} s old, more than {max_age:g} s. Nothing was sent"
        raise BookNotLive(text, symbol=instrument.symbol, venue=instrument.venue)


async def check_clock(one: VenueAt, trading: Trading) -> None:
    """What is not sure within half of the venue's window of time stamps is not sent. Raises ClockRefused."""
    if trading.window is None:
        return
    most = int(trading.window * SECOND / 2)
    if one.clock.unsure_ns(now()) > most:
        await one.private.measure()
    if (unsure := one.clock.unsure_ns(now())) > most:
        name = one.declared.name
        text = f"{name}: its clock is known to {unsure / 1e9:.1f} s only, of a window of {trading.window:g} s"
        raise ClockRefused(f"{text}. Nothing was sent", venue=name)
