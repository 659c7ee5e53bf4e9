"""What accounts may spend, and what their orders need and hold, in atoms (see `wallet`)."""

from typing import Final

from tidebook.core.private import Denied, Terms
from tidebook.sim.exchange import Exchange
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import ASK, BID, Side
from tidebook.sim.records import Account, Ask, Holding, Place, Record
from tidebook.sim.wallet import lot_atoms, tick_atoms

_MILLION: Final = 1_000_000


class Funds:
    """Of all accounts of an exchange. `terms` say what trading costs, by venue."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.terms: dict[str, Terms] = {}

    # ---- looking

    def free(self, account: Account, currency: str) -> int:
        """What may be spent: of the balance what is not held, and what open positions won or lost."""
        return account.wallet.free(currency) + self.unrealized(account, currency)

    def unrealized(self, account: Account, currency: str) -> int:
        held = [at for at, one in account.positions.items() if one.lots]
        return sum(self.gain(account, at) for at in held if self._exchange.instrument(*at[:2]).settle == currency)

    def gain(self, account: Account, at: Holding) -> int:
        """What a position would win at the mark price, in atoms."""
        one = account.positions[at]
        worth = self.worth(at[:2], abs(one.lots))
        return worth - one.cost if one.lots > 0 else one.cost - worth

    def worth(self, place: Place, lots: int) -> int:
        """So many lots at the mark price, of which two more decimals are looked at."""
        ticks = round(self.mark(place) / self._exchange.instrument(*place).tick_value * 100)
        return ticks * lots * tick_atoms(self._exchange.instrument(*place)) // 100

    def mark(self, place: Place) -> float:
        return self._exchange.derived(*place).mark(self._exchange.now_ns)

    # ---- what an order needs

    def terms_of(self, venue: str) -> Terms:
        """What trading costs at a venue."""
        return self.terms.get(venue, Terms())

    @staticmethod
    def taken(account: Account, terms: Terms, client_id: str) -> bool:
        """Whether an order has this name already."""
        before = account.by_client.get(client_id)
        return before is not None and (terms.ids == "ever" or before.state == "open")

    @staticmethod
    def paid_in(one: Instrument, side: Side) -> str:
        """The currency that an order of this side takes."""
        if one.kind == "spot":
            return one.quote if side == BID else one.base
        return one.settle

    def grown(self, account: Account, venue: str, one: Instrument, ask: Ask, moved: Record | None = None) -> Ask:
        """What can be asked of this market. An order that only closes is no larger than what it closes.

        `moved` is the order itself, where it is there already.
        """
        if ask.price is not None and ask.price <= 0:
            raise Denied("price")
        if ask.quote is None and ask.size <= 0:
            raise Denied("size")
        if ask.quote is not None and one.kind != "spot":
            raise Denied("size")
        if ask.only_closes:
            most = self.closable(account, venue, one, ask, moved) if one.kind == "linear" else 0
            if not most:
                raise Denied("reduce_only")
            ask = ask._replace(size=min(ask.size, most))
        amount = ask.quote if ask.quote is not None else ask.size * (ask.price or 0) * tick_atoms(one)
        if one.kind == "spot" and amount:
            least = one.quote_units(one.min_notional) * tick_atoms(one)
            if amount < least:
                raise Denied("min_notional")
        return ask

    def closable(self, account: Account, venue: str, one: Instrument, ask: Ask, moved: Record | None = None) -> int:
        """The lots that an order could close. Of a leg, what others would close already is not to be had: it never
        turns into its opposite.
        """
        at = Holding(venue, one.symbol, ask.leg)
        position = account.positions.get(at)
        if position is None or (position.lots > 0) == (ask.side == BID):
            return 0
        if ask.leg == "net":
            return abs(position.lots)
        others = [other for other in account.open.values() if other is not moved and not other.waits]
        spoken_for = sum(other.left for other in others if other.holding == at and other.ask.only_closes)
        return max(0, abs(position.lots) - spoken_for)

    def check(self, account: Account, venue: str, one: Instrument, ask: Ask, held: int = 0) -> None:
        """Raises Denied where an order takes more than is free, and `held`, which it has already."""
        if self.need(account, venue, one, ask) > self.free(account, self.paid_in(one, ask.side)) + held:
            raise Denied("balance")

    def need(self, account: Account, venue: str, one: Instrument, ask: Ask) -> int:
        """What an order takes of what is free."""
        terms = self.terms_of(venue)
        if one.kind == "spot" and ask.side == ASK:
            return self._lots(venue, one, ask) * lot_atoms(one)
        cost = self._cost(venue, one, ask if ask.price or not ask.trigger else ask._replace(price=ask.trigger))
        if one.kind == "spot":
            return cost + (_up(cost, terms.taker) if terms.fee_in == "quote" else 0)
        more = 0 if ask.only_closes else max(0, ask.size - self.closable(account, venue, one, ask))
        return -(-(cost * more // ask.size) // terms.leverage) + _up(cost, terms.taker)

    def _lots(self, venue: str, one: Instrument, ask: Ask) -> int:
        """The lots that a sale sells: for an amount, at the prices that stand in the book."""
        if ask.quote is None:
            return ask.size
        left, lots = ask.quote // tick_atoms(one), 0
        for price, size in self._exchange.book(venue, one.symbol).bids:
            taken = min(size, left // price)
            left, lots = left - taken * price, lots + taken
            if taken < size:
                break
        return lots

    def _cost(self, venue: str, one: Instrument, ask: Ask) -> int:
        """What an order's lots cost at most: of a market order at the prices that stand in the book."""
        if ask.quote is not None:
            return ask.quote
        if ask.price is not None:
            return ask.price * ask.size * tick_atoms(one)
        whole, left, cost = self._exchange.book(venue, one.symbol), ask.size, 0
        for price, size in whole.asks if ask.side == BID else whole.bids:
            taken = min(size, left)
            cost, left = cost + price * taken, left - taken
            if not left:
                break
        return cost * tick_atoms(one)

    def held(self, account: Account, record: Record) -> int:
        """What an open order holds now."""
        if record.state != "open" or record.moving:
            return 0
        if record.waits and not self.terms_of(record.venue).stops_hold:
            return 0
        price = record.ask.trigger if record.price is None and record.waits else record.price
        if price is None:
            return 0
        ask = record.ask._replace(size=record.left, price=price)
        if record.instrument.kind == "linear" and ask.only_closes:
            return 0
        need = self.need(account, record.venue, record.instrument, ask)
        if record.instrument.kind == "linear":
            need -= _up(self._cost(record.venue, record.instrument, ask), self.terms_of(record.venue).taker)
        return need


def margin(cost: int, leverage: int) -> int:
    """What a position of this cost holds, rounded up."""
    return -(-cost // leverage)


def _up(amount: int, millionths: int) -> int:
    return -(-amount * max(0, millionths) // _MILLION)
