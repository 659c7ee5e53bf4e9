"""Orders that wait for a trigger: they rest beside the book, go off at the first trade there, and hold as declared."""

from typing import Any

import pytest
from tests.unit.sim.test_accounts import LINEAR, SPOT, World

from tidebook.core.private import Cause, Denied, Terms
from tidebook.sim.exchange import Intent
from tidebook.sim.matching import ASK, BID, Side
from tidebook.sim.records import Ask, Fill, Record


class Stopping(World):
    """With what was told of the account, and ways to move a market."""

    def __init__(self, terms: Terms | None = None) -> None:
        super().__init__(3, terms)
        self.told: list[tuple[Cause, str]] = []
        self.account.listeners.append(self._hear)

    def _hear(self, cause: Cause, record: Record | None, fill: Fill | None, moved: object) -> None:
        if record is not None:
            self.told.append((cause, record.state))

    def last(self, venue: str = "s") -> int:
        symbol = SPOT if venue == "s" else LINEAR
        return self.exchange.trades(venue, symbol, 1)[0].price

    def trade_at(self, price: int, venue: str = "s") -> None:
        """Somebody else takes what stands up to a price, and trades there."""
        symbol = SPOT if venue == "s" else LINEAR
        taker: Side = BID if price > self.last(venue) else ASK
        maker: Side = ASK if taker == BID else BID
        self.exchange.submit(venue, symbol, Intent(taker, price, 10**9, tif="ioc"))
        self.exchange.submit(venue, symbol, Intent(maker, price, 5_000))
        self.exchange.submit(venue, symbol, Intent(taker, price, 5_000, tif="ioc"))
        self.house.tend()

    def stop(self, side: Side, away: int, venue: str = "s", **more: Any) -> Record:
        asked = Ask(side, 100, trigger=self.last(venue) + away, rises=away > 0)._replace(**more)
        return self.house.place(self.account, venue, SPOT if venue == "s" else LINEAR, asked)


def begun(terms: Terms | None = None) -> Stopping:
    world = Stopping(terms)
    world.exchange.advance(world.exchange.now_ns + 5 * 10**9)
    return world


def test_it_rests_until_a_trade_is_there_and_then_trades() -> None:
    world = begun()
    trigger = world.last() - 50
    record = world.stop(ASK, -50)
    assert (record.state, record.waits, record.fills) == ("open", True, [])
    world.trade_at(trigger + 1)
    assert record.waits
    world.trade_at(trigger)
    assert (record.state, record.waits) == ("filled", False)
    assert [cause for cause, _ in world.told][:3] == ["new", "triggered", "new"]
    assert {cause for cause, _ in world.told[3:]} == {"fill"}
    assert not world.account.open
    assert not any(world.account.wallet.holds.values())


def test_a_stop_with_a_price_becomes_a_limit_order() -> None:
    world = begun()
    trigger = world.last() + 40
    record = world.stop(BID, 40, price=trigger - 1_000)
    world.trade_at(trigger)
    assert (record.state, record.waits, record.filled) == ("open", False, 0)
    assert world.exchange.order("s", SPOT, record.inner) is not None
    assert record.hold > 0
    world.house.cancel(world.account, record)
    assert (record.state, not any(world.account.wallet.holds.values())) == ("cancelled", True)


@pytest.mark.parametrize("holds", [True, False])
def test_what_waits_holds_as_the_venue_says(holds: bool) -> None:
    world = begun(Terms(stops_hold=holds))
    record = world.stop(ASK, -50)
    assert (world.account.wallet.holds.get("BTC", 0) > 0) == holds
    world.house.amend(world.account, record, 300, 1)
    assert (record.size, record.price, record.waits) == (300, 1, True)
    world.house.cancel(world.account, record)
    assert (record.state, world.account.open) == ("cancelled", {})
    assert not any(world.account.wallet.holds.values())
    world.trade_at(world.last() - 100)
    assert not record.fills


def test_where_nothing_is_held_it_ends_if_it_cannot_be_paid_once_it_goes_off() -> None:
    world = begun(Terms(stops_hold=False))
    record = world.stop(ASK, -50, size=10**9)
    world.trade_at(world.last() - 50)
    assert (record.state, record.reason, record.fills) == ("expired", "balance", [])
    held = begun()
    with pytest.raises(Denied, match="balance"):
        held.stop(ASK, -50, size=10**9)


def test_a_trigger_that_is_reached_is_refused_or_goes_off_at_once() -> None:
    world = begun()
    wrong = Ask(ASK, 100, trigger=world.last() + 5, rises=False)
    with pytest.raises(Denied, match="trigger"):
        world.house.place(world.account, "s", SPOT, wrong)
    late = begun(Terms(stops_late=True))
    record = late.house.place(late.account, "s", SPOT, wrong._replace(trigger=late.last() + 5))
    assert record.state == "filled"


def test_from_which_side_it_comes_is_found_where_it_is_not_said() -> None:
    world = begun()
    above, below = (
        world.house.place(world.account, "s", SPOT, Ask(ASK, 100, trigger=world.last() + away)) for away in (30, -30)
    )
    assert (above.ask.rises, below.ask.rises) == (True, False)


def test_a_stop_that_only_closes_is_cut_to_the_position_when_it_goes_off() -> None:
    world = begun()
    world.house.place(world.account, "l", LINEAR, Ask(BID, 60))
    stop = world.stop(ASK, -80, "l", reduce_only=True)
    none = world.stop(ASK, -90, "l", reduce_only=True)
    world.trade_at(stop.ask.trigger or 0, "l")
    assert (stop.state, stop.filled) == ("filled", 60)
    world.trade_at(none.ask.trigger or 0, "l")
    assert (none.state, none.reason) == ("expired", "reduce_only")


def test_one_that_goes_off_can_set_off_another() -> None:
    world = begun()
    first = world.stop(ASK, -50, size=3_000)
    second = world.stop(ASK, -60, size=10)
    world.exchange.submit("s", SPOT, Intent(BID, (first.ask.trigger or 0), 1))
    world.trade_at(first.ask.trigger or 0)
    assert first.state in ("filled", "expired")
    assert second.waits == (world.last() > (second.ask.trigger or 0))
