"""Accounts at the embedded exchange: orders by number and client's id, holds, fills, fees, positions. No I/O, no clock.

Whole numbers throughout: prices in ticks, sizes in lots, amounts in atoms (see `wallet`). For one seed and one
sequence of commands all of it is the same. What is not there: liquidation, funding payments, borrowing.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from tidebook.core.private import KEPT, Cause, Denied, State
from tidebook.sim.countdowns import Countdowns
from tidebook.sim.exchange import Exchange, Intent
from tidebook.sim.funds import Funds, margin
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import BID, Accepted, Done, Event, Reduced, Trade
from tidebook.sim.records import Account, Ask, Fill, Place, Record
from tidebook.sim.stops import Stops, reached
from tidebook.sim.wallet import PLACES, Position, lot_atoms, tick_atoms

_MILLION: Final = 1_000_000
_FIRST: Final = 1_000_000_000  # numbers of orders begin after it


class House:
    """All accounts of an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.funds = Funds(exchange)
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

    def check(
        self, account: Account, venue: str, symbol: str, ask: Ask, instead: Record | None = None
    ) -> Ask:  # fmt: skip
        """Raises Denied for what would not be placed; the order as it would be.

        `instead` of an order that is there: what that one holds is free for it.
        """
        instrument, terms = self._exchange.want(venue, symbol), self.funds.terms_of(venue)
        if instrument.kind not in ("spot", "linear"):
            raise Denied("kind")
        if (ask.leg != "net") != (account.hedges and instrument.kind == "linear"):
            raise Denied("leg")
        if ask.client_id and self.funds.taken(account, terms, ask.client_id):
            raise Denied("duplicate")
        if len(account.open) - (instead is not None) >= terms.most_open:
            raise Denied("too_many")
        if ask.trigger is not None:
            ask = self._turned(venue, instrument, ask)
        if ask.trigger is None or not ask.only_closes:  # what only closes is looked at when it goes off
            ask = self.funds.grown(account, venue, instrument, ask, instead)
        if ask.trigger is not None and not terms.stops_hold:
            return ask
        self.funds.check(account, venue, instrument, ask, 0 if instead is None else instead.hold)
        return ask

    def place(self, account: Account, venue: str, symbol: str, ask: Ask, *, replaces: int = 0) -> Record:
        """Place an order, which is matched at this instant. Raises Denied, and nothing has happened."""
        ask = self.check(account, venue, symbol, ask)
        self._numbers += 1
        number, now_ns = self._numbers, self._exchange.now_ns
        record = Record(
            number, venue, self._exchange.instrument(venue, symbol), ask, now_ns, f"account-{account.number}-{number}",
            ask.price, ask.size, ask.size, updated_ns=now_ns, replaces=replaces,
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

    def amend(
        self, account: Account, record: Record, size: int | None, price: int | None, name: str | None = None
    ) -> None:
        """Give an open order another size (filled lots included) or price, and another name of its client's.

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
            self._amend_waiting(account, record, size, price, name)
            return
        if price == record.price and size <= record.size:
            self._rename(account, record, name)
            if size < record.size:
                self._exchange.reduce(record.venue, symbol, record.inner, left, record.owner)
            return
        ask = record.ask._replace(price=price, size=left)
        ask = self.funds.grown(account, record.venue, record.instrument, ask, record)
        self.funds.check(account, record.venue, record.instrument, ask, record.hold)
        self._rename(account, record, name)
        record.moving = True
        self._exchange.cancel(record.venue, symbol, record.inner, record.owner)
        record.size, record.left, record.price = record.filled + left, left, price
        record.updated_ns = self._exchange.now_ns
        account.tell("amended", record)
        self._send(account, record)
        self.tend()

    def replace(self, account: Account, record: Record, ask: Ask) -> Record:
        """Cancel an open order and place another one in its place. Raises Denied, and nothing has happened."""
        if record.state != "open":
            raise Denied("done")
        symbol = record.instrument.symbol
        self.check(account, record.venue, symbol, ask, record)
        record.replaced_by = self._numbers + 1
        self.cancel(account, record)
        return self.place(account, record.venue, symbol, ask, replaces=record.number)

    def _rename(self, account: Account, record: Record, name: str | None) -> None:
        """Raises Denied where another order that is open has that name. None: as before."""
        if name is None:
            return
        other = account.by_client.get(name) if name else None
        if other is not None and other is not record and other.state == "open":
            raise Denied("duplicate")
        if account.by_client.get(record.ask.client_id) is record:
            del account.by_client[record.ask.client_id]
        record.ask = record.ask._replace(client_id=name)
        if name:
            account.by_client[name] = record

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
            most = self.funds.closable(account, record.venue, record.instrument, record.ask, record)
            if not most:
                self.cancel(account, record)
            elif record.left > most:
                self._exchange.reduce(
                    record.venue, record.instrument.symbol, record.inner, most, record.owner
                )  # fmt: skip

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
        if reached(ask, last) and not self.funds.terms_of(venue).stops_late:
            raise Denied("trigger")
        return ask

    def _wait(self, account: Account, record: Record) -> None:
        """It rests beside the book until its trigger is reached."""
        place = self._followed(record)
        record.waits = True
        self._stops.add(account, record)
        account.tell("new", record, None, self._rehold(account, record))
        self._stops.traded(place, self._last(place))

    def _amend_waiting(self, account: Account, record: Record, size: int, price: int, name: str | None) -> None:
        ask = record.ask._replace(size=size, price=price)
        if self.funds.terms_of(record.venue).stops_hold:
            self.funds.check(account, record.venue, record.instrument, ask, record.hold)
        self._rename(account, record, name)
        ask = ask._replace(client_id=record.ask.client_id)
        record.ask, record.size, record.left, record.price = ask, size, size, price
        record.updated_ns = self._exchange.now_ns
        account.tell("amended", record, None, self._rehold(account, record))

    def _go_off(self, account: Account, record: Record) -> None:
        """Its trigger is reached: from now on it is an order like others, if it still can be."""
        record.waits, record.updated_ns = False, self._exchange.now_ns
        account.tell("triggered", record)
        one, ask = record.instrument, record.ask._replace(trigger=None)
        try:
            ask = self.funds.grown(account, record.venue, one, ask, record)
            self.funds.check(account, record.venue, one, ask, record.hold)
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
        terms, realized = self.funds.terms_of(record.venue), 0
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
        position = account.positions.setdefault(record.holding, Position())
        before, leverage = position.cost, self.funds.terms_of(record.venue).leverage
        won = position.add(lots, worth, trade.time_ns)
        if won:
            account.wallet.book(
                trade.time_ns, "realized", record.instrument.settle, won, record.number, trade.trade_id
            )  # fmt: skip
        account.wallet.hold(record.instrument.settle, margin(position.cost, leverage) - margin(before, leverage))
        for other in account.open.values():
            if other.holding == record.holding and other is not record:
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
        record.hold_in = self.funds.paid_in(record.instrument, record.ask.side)
        wanted = self.funds.held(account, record)
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


def _cut(amount: int, places: int) -> int:
    """An amount without what is beyond so many decimals."""
    unit: int = 10 ** (PLACES - places)
    return amount // unit * unit if amount >= 0 else -(-amount // unit * unit)
