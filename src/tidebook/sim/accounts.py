"""Accounts at the embedded exchange: orders by number and client's id, holds, fills, fees, positions. No I/O, no clock.

Whole numbers throughout: prices in ticks, sizes in lots, amounts in atoms (see `wallet`). For one seed and one
sequence of commands all of it is the same. What is not there: liquidation, funding payments, borrowing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from tidebook.core.private import KEPT, Cause, Denied, State, Terms
from tidebook.sim.countdowns import Countdowns
from tidebook.sim.exchange import Exchange, Intent
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import ASK, BID, Accepted, Done, Event, Reduced, Side, Tif, Trade
from tidebook.sim.stops import Stops, reached
from tidebook.sim.wallet import PLACES, Position, Wallet, lot_atoms, tick_atoms

_MILLION: Final = 1_000_000
_FIRST: Final = 1_000_000_000  # numbers of orders begin after it

Place = tuple[str, str]
"""Venue and symbol."""


class Ask(NamedTuple):
    """An order that is asked for, in ticks and lots. No price: a market order by `size` or by `quote`, in atoms.

    With a `trigger`, a price in ticks, it waits until the market trades there or beyond: above where it `rises`.
    Where that is not said, it is the side of the last trade on which the trigger is.
    """

    side: Side
    size: int = 0
    price: int | None = None
    quote: int | None = None
    tif: Tif = "gtc"
    client_id: str = ""
    reduce_only: bool = False
    trigger: int | None = None
    rises: bool | None = None


class Fill(NamedTuple):
    """A fill in ticks and lots; `worth`, `fee` and `realized` in atoms."""

    trade: int
    time_ns: int
    price: int
    size: int
    worth: int
    fee: int
    fee_currency: str
    maker: bool
    realized: int


@dataclass(eq=False, slots=True)
class Record:
    """An order and what became of it. `inner` is its number in the order book, `hold` what it holds now."""

    number: int
    venue: str
    instrument: Instrument
    ask: Ask
    created_ns: int
    owner: str
    price: int | None
    size: int
    left: int
    state: State = "open"
    reason: str = ""
    inner: int = 0
    updated_ns: int = 0
    spent: int = 0
    fills: list[Fill] = field(default_factory=list[Fill])
    hold: int = 0
    hold_in: str = ""
    moving: bool = False  # it is taken out and placed again
    waits: bool = False  # for its trigger; also what was cancelled before it

    @property
    def filled(self) -> int:
        return self.size - self.left


Hear = Callable[[Cause, "Record | None", "Fill | None", Sequence[str]], None]
"""Is told what happened: why, the order, the fill, and the currencies whose balances moved."""


class Account:
    """One account of one purse. `terms` are by venue."""

    def __init__(self, number: int, purse: str) -> None:
        self.number = number
        self.purse = purse
        self.wallet = Wallet()
        self.records: dict[int, Record] = {}
        self.open: dict[int, Record] = {}
        self.positions: dict[Place, Position] = {}
        self.fills: list[tuple[Record, Fill]] = []
        self.listeners: list[Hear] = []
        self.by_client: dict[str, Record] = {}
        self.notes: dict[str, Any] = {}  # a dialect's

    def tell(self, cause: Cause, record: Record | None, fill: Fill | None = None, moved: Sequence[str] = ()) -> None:
        for hear in [*self.listeners]:
            hear(cause, record, fill, moved)


class House:
    """All accounts of an exchange. `terms` say what trading costs, by venue."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.terms: dict[str, Terms] = {}
        self.accounts: list[Account] = []
        self._numbers = _FIRST
        self._owners: dict[str, tuple[Account, Record]] = {}
        self._inner: dict[Place, dict[int, tuple[Account, Record]]] = {}
        self._stops = Stops()
        self._countdowns = Countdowns()
        self._strained: dict[int, tuple[Account, Record]] = {}  # reduce-only orders that may be too large by now

    def open(self, purse: str) -> Account:
        """A new account, without a balance."""
        account = Account(len(self.accounts) + 1, purse)
        self.accounts.append(account)
        return account

    def deposit(self, account: Account, currency: str, amount: int) -> None:
        """Give an account so many atoms, or take them where negative."""
        account.wallet.book(self._exchange.now_ns, "deposit", currency, amount)
        account.tell("deposit", None, None, (currency,))

    # ---- commands

    def check(self, account: Account, venue: str, symbol: str, ask: Ask) -> Ask:
        """Raises Denied for what would not be placed; the order as it would be."""
        instrument, terms = self._exchange.want(venue, symbol), self._terms(venue)
        if instrument.kind not in ("spot", "linear"):
            raise Denied("kind")
        if ask.client_id and self._taken(account, terms, ask.client_id):
            raise Denied("duplicate")
        if len(account.open) >= terms.most_open:
            raise Denied("too_many")
        if ask.trigger is not None:
            ask = self._turned(venue, instrument, ask)
        if ask.trigger is None or not ask.reduce_only:  # what only closes is looked at when it goes off
            ask = self._grown(account, venue, instrument, ask)
        if ask.trigger is not None and not terms.stops_hold:
            return ask
        if self._need(account, venue, instrument, ask) > self.free(account, self._paid_in(instrument, ask.side)):
            raise Denied("balance")
        return ask

    def place(self, account: Account, venue: str, symbol: str, ask: Ask) -> Record:
        """Place an order, which is matched at this instant. Raises Denied, and nothing has happened."""
        ask = self.check(account, venue, symbol, ask)
        self._numbers += 1
        number, now_ns = self._numbers, self._exchange.now_ns
        record = Record(
            number, venue, self._exchange.instrument(venue, symbol), ask, now_ns, f"account-{account.number}-{number}",
            ask.price, ask.size, ask.size, updated_ns=now_ns,
        )  # fmt: skip
        account.records[number] = record
        if ask.client_id:
            account.by_client[ask.client_id] = record
        if ask.trigger is None:
            self._send(account, record)
        else:
            self._wait(account, record)
        self.tend()
        return record

    def cancel(self, account: Account, record: Record) -> None:
        """Cancel an open order. Raises Denied where it has ended."""
        if record.state != "open":
            raise Denied("done")
        if record.waits:
            self._stops.drop(record)
            self._end(account, record, "cancelled", "cancelled")
            return
        self._exchange.cancel(record.venue, record.instrument.symbol, record.inner, record.owner)

    def amend(self, account: Account, record: Record, size: int | None, price: int | None) -> None:
        """Give an open order another size (filled lots included) or price.

        It keeps its place only where it becomes smaller at its price. Raises Denied, and it stays as it is.
        """
        if record.state != "open":
            raise Denied("done")
        size, price = record.size if size is None else size, record.price if price is None else price
        assert price is not None
        if size <= record.filled:
            raise Denied("size")
        symbol, left = record.instrument.symbol, size - record.filled
        if record.waits:
            self._amend_waiting(account, record, size, price)
            return
        if price == record.price and size <= record.size:
            if size < record.size:
                self._exchange.reduce(record.venue, symbol, record.inner, left, record.owner)
            return
        ask = record.ask._replace(price=price, size=left)
        ask = self._grown(account, record.venue, record.instrument, ask)
        paid_in = self._paid_in(record.instrument, ask.side)
        need = self._need(account, record.venue, record.instrument, ask)
        if need > self.free(account, paid_in) + record.hold:
            raise Denied("balance")
        record.moving = True
        self._exchange.cancel(record.venue, symbol, record.inner, record.owner)
        record.size, record.left, record.price = record.filled + left, left, price
        record.updated_ns = self._exchange.now_ns
        account.tell("amended", record)
        self._send(account, record)
        self.tend()

    def count_down(self, account: Account, venue: str, symbol: str | None, after_ns: int) -> int:
        """Cancel what is open, in a symbol or all, after so long, unless it is asked anew; 0: never. Returns when."""
        due_ns = self._exchange.now_ns + after_ns if after_ns else 0
        self._countdowns.set((account, venue, symbol), due_ns or None)
        return due_ns

    def tend(self) -> None:
        """Cancel what its client has left, let go off what was reached, and cut what only closes positions down to what
        there is to close.

        It is done after every instant, and ten times a second.
        """
        for account, venue, symbol in self._countdowns.take(self._exchange.now_ns):
            for record in [*account.open.values()]:
                if record.venue == venue and symbol in (None, record.instrument.symbol):
                    self.cancel(account, record)
        for account, record in self._stops.take():
            self._go_off(account, record)
        while self._strained:
            account, record = self._strained.pop(next(iter(self._strained)))
            if record.state != "open":
                continue
            most = self._closable(account, record.venue, record.instrument, record.ask.side)
            if not most:
                self.cancel(account, record)
            elif record.left > most:
                self._exchange.reduce(
                    record.venue, record.instrument.symbol, record.inner, most, record.owner
                )  # fmt: skip

    # ---- looking

    def free(self, account: Account, currency: str) -> int:
        """What may be spent: of the balance what is not held, and what open positions won or lost."""
        return account.wallet.free(currency) + self.unrealized(account, currency)

    def unrealized(self, account: Account, currency: str) -> int:
        places = [place for place, one in account.positions.items() if one.lots]
        return sum(self.gain(account, one) for one in places if self._exchange.instrument(*one).settle == currency)

    def gain(self, account: Account, place: Place) -> int:
        """What a position would win at the mark price, in atoms."""
        one = account.positions[place]
        worth = self.worth(place, abs(one.lots))
        return worth - one.cost if one.lots > 0 else one.cost - worth

    def worth(self, place: Place, lots: int) -> int:
        """So many lots at the mark price, of which two more decimals are looked at."""
        ticks = round(self.mark(place) / self._exchange.instrument(*place).tick_value * 100)
        return ticks * lots * tick_atoms(self._exchange.instrument(*place)) // 100

    def mark(self, place: Place) -> float:
        return self._exchange.derived(*place).mark(self._exchange.now_ns)

    # ---- what an order needs

    def _terms(self, venue: str) -> Terms:
        return self.terms.get(venue, Terms())

    @staticmethod
    def _taken(account: Account, terms: Terms, client_id: str) -> bool:
        before = account.by_client.get(client_id)
        return before is not None and (terms.ids == "ever" or before.state == "open")

    @staticmethod
    def _paid_in(one: Instrument, side: Side) -> str:
        if one.kind == "spot":
            return one.quote if side == BID else one.base
        return one.settle

    def _grown(self, account: Account, venue: str, one: Instrument, ask: Ask) -> Ask:
        """What can be asked of this market. An order that only closes is no larger than what it closes."""
        if ask.price is not None and ask.price <= 0:
            raise Denied("price")
        if ask.quote is None and ask.size <= 0:
            raise Denied("size")
        if ask.quote is not None and one.kind != "spot":
            raise Denied("size")
        if ask.reduce_only:
            most = self._closable(account, venue, one, ask.side) if one.kind == "linear" else 0
            if not most:
                raise Denied("reduce_only")
            ask = ask._replace(size=min(ask.size, most))
        amount = ask.quote if ask.quote is not None else ask.size * (ask.price or 0) * tick_atoms(one)
        if one.kind == "spot" and amount:
            least = one.quote_units(one.min_notional) * tick_atoms(one)
            if amount < least:
                raise Denied("min_notional")
        return ask

    def _closable(self, account: Account, venue: str, one: Instrument, side: Side) -> int:
        """The lots that an order of this side could close."""
        position = account.positions.get((venue, one.symbol))
        if position is None or (position.lots > 0) == (side == BID):
            return 0
        return abs(position.lots)

    def _need(self, account: Account, venue: str, one: Instrument, ask: Ask) -> int:
        """What an order takes of what is free."""
        terms = self._terms(venue)
        if one.kind == "spot" and ask.side == ASK:
            return self._lots(venue, one, ask) * lot_atoms(one)
        cost = self._cost(venue, one, ask if ask.price or not ask.trigger else ask._replace(price=ask.trigger))
        if one.kind == "spot":
            return cost + (_up(cost, terms.taker) if terms.fee_in == "quote" else 0)
        more = max(0, ask.size - self._closable(account, venue, one, ask.side))
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

    def _held(self, account: Account, record: Record) -> int:
        """What an open order holds now."""
        if record.state != "open" or record.moving:
            return 0
        if record.waits and not self._terms(record.venue).stops_hold:
            return 0
        price = record.ask.trigger if record.price is None and record.waits else record.price
        if price is None:
            return 0
        ask = record.ask._replace(size=record.left, price=price)
        if record.instrument.kind == "linear" and ask.reduce_only:
            return 0
        need = self._need(account, record.venue, record.instrument, ask)
        if record.instrument.kind == "linear":
            need -= _up(self._cost(record.venue, record.instrument, ask), self._terms(record.venue).taker)
        return need

    # ---- what becomes of it

    def _send(self, account: Account, record: Record) -> None:
        """Into the book; what the market tells of it comes back by `_burst` before this returns."""
        one, ask = record.instrument, record.ask
        place = self._followed(record)
        self._owners[record.owner] = (account, record)
        record.state, record.moving = "open", False
        self._rehold(account, record)
        quote = None if ask.quote is None else ask.quote // tick_atoms(one)
        size = record.left if quote is None else None
        order = self._exchange.submit(*place, Intent(ask.side, record.price, size, quote, ask.tif, record.owner))
        if order.state == "rejected":
            never = order.reason == "unfillable"
            record.reason = "would_take" if order.reason == "would_cross" else str(order.reason)
            self._end(account, record, "expired" if never else "rejected", "expired" if never else "rejected")

    def _followed(self, record: Record) -> Place:
        """Its market, of which is heard from now on."""
        place = (record.venue, record.instrument.symbol)
        if place not in self._inner:
            self._inner[place] = {}
            self._exchange.follow(*place, partial(self._burst, place))
        return place

    def _last(self, place: Place) -> int:
        """The last price that was traded."""
        trades = self._exchange.trades(*place, 1)
        return trades[0].price if trades else self._exchange.book(*place, 1).bids[0][0]

    def _turned(self, venue: str, one: Instrument, ask: Ask) -> Ask:
        """From which side it waits for its trigger. Raises Denied where that is reached and the venue refuses it so."""
        last, trigger = self._last((venue, one.symbol)), ask.trigger or 0
        if trigger <= 0:
            raise Denied("price")
        if ask.rises is None:
            ask = ask._replace(rises=trigger > last)
        if reached(ask, last) and not self._terms(venue).stops_late:
            raise Denied("trigger")
        return ask

    def _wait(self, account: Account, record: Record) -> None:
        """It rests beside the book until its trigger is reached."""
        place = self._followed(record)
        record.waits = True
        self._stops.add(account, record)
        account.tell("new", record, None, self._rehold(account, record))
        self._stops.traded(place, self._last(place))

    def _amend_waiting(self, account: Account, record: Record, size: int, price: int) -> None:
        ask = record.ask._replace(size=size, price=price)
        if self._terms(record.venue).stops_hold:
            need = self._need(account, record.venue, record.instrument, ask)
            if need > self.free(account, self._paid_in(record.instrument, ask.side)) + record.hold:
                raise Denied("balance")
        record.ask, record.size, record.left, record.price = ask, size, size, price
        record.updated_ns = self._exchange.now_ns
        account.tell("amended", record, None, self._rehold(account, record))

    def _go_off(self, account: Account, record: Record) -> None:
        """Its trigger is reached: from now on it is an order like others, if it still can be."""
        record.waits, record.updated_ns = False, self._exchange.now_ns
        account.tell("triggered", record)
        one, ask = record.instrument, record.ask._replace(trigger=None)
        try:
            ask = self._grown(account, record.venue, one, ask)
            need = self._need(account, record.venue, one, ask)
            if need > self.free(account, self._paid_in(one, ask.side)) + record.hold:
                raise Denied("balance")
        except Denied as denial:
            record.reason = denial.why
            self._end(account, record, "expired", "expired")
            return
        record.size = record.left = ask.size
        self._send(account, record)

    def _burst(self, place: Place, events: Sequence[Event]) -> None:
        inner, owners = self._inner[place], self._owners
        stops = self._stops.any(place)
        if not inner and not owners and not stops:
            return
        last = {event.taker_id: at for at, event in enumerate(events) if type(event) is Trade}
        for at, event in enumerate(events):
            if type(event) is Trade:
                if stops:
                    self._stops.traded(place, event.price)
                for id, maker in ((event.maker_id, True), (event.taker_id, False)):
                    found = inner.get(id)
                    if found is not None:
                        self._fill(*found, event, maker=maker, last=last[event.taker_id] == at)
            elif type(event) is Accepted and event.owner in owners:
                account, record = inner[event.order_id] = owners[event.owner]
                again, record.inner = record.inner, event.order_id
                if not again:
                    account.tell("new", record, None, self._rehold(account, record))
            elif type(event) is Done and event.order_id in inner:
                self._done(*inner.pop(event.order_id), event)
            elif type(event) is Reduced and event.order_id in inner:
                account, record = inner[event.order_id]
                record.size, record.left = record.filled + event.left, event.left
                record.updated_ns = event.time_ns
                account.tell("amended", record, None, self._rehold(account, record))

    def _done(self, account: Account, record: Record, event: Done) -> None:
        if record.moving:
            self._rehold(account, record)
            return
        if event.state == "filled" and record.state == "filled":  # its last fill has told it
            self._owners.pop(record.owner, None)
            return
        cause: Cause = "cancelled" if event.state == "cancelled" else "expired"
        if event.state == "filled":  # of an amount, of which less is left than a lot costs
            cause = "fill"
        self._end(account, record, event.state, cause)

    def _end(self, account: Account, record: Record, state: State, cause: Cause) -> None:
        record.state, record.updated_ns = state, self._exchange.now_ns
        self._owners.pop(record.owner, None)
        moved = self._rehold(account, record)
        if cause != "fill":
            account.tell(cause, record, None, moved)

    def _fill(self, account: Account, record: Record, trade: Trade, *, maker: bool, last: bool) -> None:
        one, ask, wallet = record.instrument, record.ask, account.wallet
        worth = trade.price * trade.size * tick_atoms(one)
        lots = trade.size if ask.side == BID else -trade.size
        terms, realized = self._terms(record.venue), 0
        fee_in, base = one.settle if one.kind == "linear" else one.quote, worth
        moved = [fee_in]
        if one.kind == "spot":
            moved = [one.base, one.quote]
            wallet.book(
                trade.time_ns, "trade", one.base, lots * lot_atoms(one), record.number, trade.trade_id
            )  # fmt: skip
            wallet.book(
                trade.time_ns, "trade", one.quote, -worth if lots > 0 else worth, record.number, trade.trade_id
            )  # fmt: skip
            if terms.fee_in == "received" and lots > 0:
                fee_in, base = one.base, trade.size * lot_atoms(one)
        else:
            realized = self._move(account, record, lots, worth, trade)
        fee = _cut(base * (terms.maker if maker else terms.taker) // _MILLION, terms.fee_places)
        if fee:
            wallet.book(trade.time_ns, "fee", fee_in, -fee, record.number, trade.trade_id)
        if ask.quote is None:
            record.left -= trade.size
        else:
            record.size += trade.size
        record.spent += worth
        record.updated_ns = trade.time_ns
        if last if ask.quote is not None else not record.left:
            record.state = "filled"
        fill = Fill(
            trade.trade_id, trade.time_ns, trade.price, trade.size, worth, fee, fee_in, maker, realized
        )  # fmt: skip
        record.fills.append(fill)
        account.fills.append((record, fill))
        self._rehold(account, record)
        account.tell("fill", record, fill, moved)

    def _move(self, account: Account, record: Record, lots: int, worth: int, trade: Trade) -> int:
        """A fill changes a position: what it realizes is paid, its margin is held."""
        place = (record.venue, record.instrument.symbol)
        position = account.positions.setdefault(place, Position())
        before, leverage = position.cost, self._terms(record.venue).leverage
        won = position.add(lots, worth, trade.time_ns)
        if won:
            account.wallet.book(
                trade.time_ns, "realized", record.instrument.settle, won, record.number, trade.trade_id
            )  # fmt: skip
        account.wallet.hold(record.instrument.settle, margin(position.cost, leverage) - margin(before, leverage))
        for other in account.open.values():
            if (other.venue, other.instrument.symbol) == place and other is not record:
                self._hold(account, other)
                if other.ask.reduce_only and not other.waits:
                    self._strained[other.number] = (account, other)
        return won

    def _rehold(self, account: Account, record: Record) -> tuple[str, ...]:
        """Bring what an order holds, and where it is looked for, up to what it is now; the currency where it moved."""
        if record.state == "open":
            account.open[record.number] = record
        elif account.open.pop(record.number, None) is not None and len(account.records) > KEPT:
            self._forget(account)
        return self._hold(account, record)

    def _hold(self, account: Account, record: Record) -> tuple[str, ...]:
        record.hold_in = self._paid_in(record.instrument, record.ask.side)
        wanted = self._held(account, record)
        more, record.hold = wanted - record.hold, wanted
        if more:
            account.wallet.hold(record.hold_in, more)
        return (record.hold_in,) if more or wanted else ()

    @staticmethod
    def _forget(account: Account) -> None:
        """The oldest order that has ended, and its fills."""
        oldest = next(number for number, one in account.records.items() if one.state != "open")
        record = account.records.pop(oldest)
        if account.by_client.get(record.ask.client_id) is record:
            del account.by_client[record.ask.client_id]
        account.fills = [one for one in account.fills if one[0] is not record] if record.fills else account.fills


def margin(cost: int, leverage: int) -> int:
    """What a position of this cost holds, rounded up."""
    return -(-cost // leverage)


def _up(amount: int, millionths: int) -> int:
    return -(-amount * max(0, millionths) // _MILLION)


def _cut(amount: int, places: int) -> int:
    """An amount without what is beyond so many decimals."""
    unit: int = 10 ** (PLACES - places)
    return amount // unit * unit if amount >= 0 else -(-amount // unit * unit)


__all__ = ["Account", "Ask", "Fill", "House", "Record", "margin"]
