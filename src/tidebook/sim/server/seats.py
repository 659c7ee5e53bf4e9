"""Whose accounts they are, and an account as its venue's dialect sees it: whole numbers made text, and back."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, Protocol

from tidebook.core.clock import SECOND
from tidebook.core.dialect import Rules
from tidebook.core.private import Balance, Cause, Denied, Filled, Happened, Ordered, Placing, Side
from tidebook.core.private import Position as Held
from tidebook.errors import DecodeError
from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.model.number import parse, plain
from tidebook.sim.accounts import House
from tidebook.sim.exchange import Exchange
from tidebook.sim.funds import margin
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import ASK, BID
from tidebook.sim.records import Account, Ask, Fill, Holding, Record
from tidebook.sim.verify import Secrets
from tidebook.sim.wallet import Position, atoms, text_of, tick_atoms

READER: Final = Credentials.of(
    "simulator-reader-key", "simulator-reader-secret", "simulator-passphrase", source="the simulator"
)
"""A key of the same account that may look and not trade."""

GIVEN: Final[Mapping[str, str]] = {
    "USD": "1000000", "USDT": "1000000", "USDC": "1000000", "BTC": "10", "ETH": "100",
}  # fmt: skip
OTHERS: Final = "10000"
"""What the account of `SIMULATOR` has to begin with, at every venue: `GIVEN`, and so much of what else is listed."""

LISTEN_NS: Final = 3_600 * SECOND  # a listen key's life


class Desk(Protocol):
    """A venue, as its accounts see it."""

    name: str

    @property
    def purse(self) -> str: ...
    @property
    def kinds(self) -> Sequence[str]: ...
    @property
    def shift_ns(self) -> int: ...
    def instrument(self, id: str) -> Instrument:
        """Raises KeyError for an id that is not listed."""
        ...

    def rules_of(self, symbol: str) -> Rules: ...


class Key:
    """A key: what is known of it, whose it is, what it may."""

    def __init__(self, secrets: Secrets, account: Account, *, may_trade: bool) -> None:
        self.secrets = secrets
        self.account = account
        self.may_trade = may_trade


class Tellers:
    """All keys and accounts of an exchange, by the purses of its venues."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.house = House(exchange)
        self.desks: dict[str, Desk] = {}
        self._keys: dict[str, dict[str, Key]] = {}
        self._listen: dict[str, tuple[Key, int]] = {}
        self._listened = 0

    def begin(self, purse: str, currencies: Iterable[str]) -> None:
        """The account of `SIMULATOR` and `READER`, with balances of all these."""
        account = self._keys[purse][SIMULATOR.key.reveal()].account if purse in self._keys else None
        if account is None:
            account = self.open(purse, SIMULATOR, {})
            self._add(purse, READER, account, may_trade=False)
        for currency in currencies:
            if currency not in account.wallet.totals:
                self.house.deposit(account, currency, atoms(GIVEN.get(currency, OTHERS)))

    def open(
        self, purse: str, key: Credentials, balances: Mapping[str, str], *, may_trade: bool = True, public: str = ""
    ) -> Account:
        """A new account with a key and balances. `public`: the key signs as one of a pair, this is the other in PEM."""
        account = self.house.open(purse)
        self._add(purse, key, account, may_trade=may_trade, public=public)
        for currency, amount in balances.items():
            self.house.deposit(account, currency, atoms(amount))
        return account

    def _add(self, purse: str, key: Credentials, account: Account, *, may_trade: bool, public: str = "") -> None:
        passphrase = "" if key.passphrase is None else key.passphrase.reveal()
        secrets = Secrets(public or key.secret.reveal(), passphrase)
        self._keys.setdefault(purse, {})[key.key.reveal()] = Key(secrets, account, may_trade=may_trade)

    def keys(self, purse: str) -> Mapping[str, Key]:
        return self._keys.get(purse, {})

    def secrets(self, purse: str) -> dict[str, Secrets]:
        return {name: key.secrets for name, key in self.keys(purse).items()}

    # ---- listen keys

    def listen(self, act: Literal["open", "keep", "close"], key: Key, text: str) -> str:
        """As `core.private.Account.listen_key`: to open where one is open keeps that one."""
        now_ns = self.exchange.now_ns
        mine = [name for name, (one, until_ns) in self._listen.items() if one is key and until_ns > now_ns]
        if act != "open":
            mine = [name for name in mine if not text or name == text]
        elif not mine:
            self._listened += 1
            seed = f"{self.exchange.seed}/{key.account.number}/{self._listened}"
            mine = [hashlib.sha256(seed.encode()).hexdigest()]
        for name in mine:
            if act == "close":
                del self._listen[name]
            else:
                self._listen[name] = (key, now_ns + LISTEN_NS)
        return next(iter(mine), "")

    def listening(self, text: str) -> Key | None:
        """Whose a listen key is."""
        found = self._listen.get(text)
        return None if found is None or found[1] <= self.exchange.now_ns else found[0]


class Seat:
    """An account at one venue, as `core.private.Account`. Orders, fills and positions are those of the venue."""

    def __init__(self, desk: Desk, tellers: Tellers, key: Key) -> None:
        self._desk = desk
        self._tellers = tellers
        self._house = tellers.house
        self._key = key
        self.account = key.account
        self.placed: Record | None = None  # the last

    @property
    def number(self) -> int:
        return self.account.number

    @property
    def may_trade(self) -> bool:
        return self._key.may_trade

    def beside(self, kind: Literal["spot", "linear"]) -> "Seat":
        for desk in self._tellers.desks.values():
            if desk.purse == self._desk.purse and kind in desk.kinds:
                return Seat(desk, self._tellers, self._key)
        raise Denied("kind")

    # ---- acting

    def check(self, one: Placing) -> None:
        self._may()
        instrument = self._desk.instrument(one.id)
        self._house.check(self.account, self._desk.name, instrument.symbol, _ask(instrument, one))

    def place(self, one: Placing) -> Ordered:
        self._may()
        instrument = self._desk.instrument(one.id)
        self.placed = self._house.place(
            self.account, self._desk.name, instrument.symbol, _ask(instrument, one)
        )  # fmt: skip
        return self._ordered(self.placed)

    def cancel(self, number: int | None, client_id: str = "", id: str | None = None) -> Ordered:
        self._may()
        record = self._record(number, client_id, id)
        self._house.cancel(self.account, record)
        return self._ordered(record)

    def cancel_all(self, id: str | None) -> list[Ordered]:
        self._may()
        symbol = None if id is None else self._desk.instrument(id).symbol
        ended = [one for one in self.account.open.values() if self._here(one, symbol)]
        for record in ended:
            self._house.cancel(self.account, record)
        return [self._ordered(record) for record in ended]

    def amend(
        self, number: int | None, client_id: str, size: str = "", price: str = "", id: str | None = None,
        *, name: str | None = None,
    ) -> Ordered:  # fmt: skip
        self._may()
        record = self._record(number, client_id, id)
        if record.state == "open" and record.price is None:
            raise Denied("kind")
        lots = _lots(record.instrument, size) if size else None
        ticks = _ticks(record.instrument, price) if price else None
        self._house.amend(self.account, record, lots, ticks, name)
        return self._ordered(record)

    def replace(self, number: int, one: Placing) -> Ordered:
        self._may()
        record = self._record(number, "", one.id)
        self.placed = self._house.replace(self.account, record, _ask(record.instrument, one))
        return self._ordered(self.placed)

    def count_down(self, seconds: float, id: str | None = None) -> int:
        self._may()
        symbol = None if id is None else self._desk.instrument(id).symbol
        after_ns = round(seconds * SECOND)
        due_ns = self._house.count_down(self.account, self._desk.name, symbol, after_ns)
        return due_ns + self._desk.shift_ns if due_ns else 0

    @property
    def notes(self) -> dict[str, Any]:
        return self.account.notes

    def listen_key(self, act: Literal["open", "keep", "close"], key: str = "") -> str:
        return self._tellers.listen(act, self._key, key)

    # ---- looking

    def order(self, number: int | None, client_id: str = "", id: str | None = None) -> Ordered:
        return self._ordered(self._record(number, client_id, id))

    def orders(self, id: str | None = None, *, only_open: bool = False) -> list[Ordered]:
        symbol = None if id is None else self._desk.instrument(id).symbol
        records = self.account.open if only_open else self.account.records
        return [self._ordered(one) for one in sorted(records.values(), key=_number) if self._here(one, symbol)]

    def fills(self, id: str | None = None) -> list[Filled]:
        symbol = None if id is None else self._desk.instrument(id).symbol
        return [self._filled(record, fill) for record, fill in self.account.fills if self._here(record, symbol)]

    def balances(self) -> list[Balance]:
        return [self._balance(currency) for currency in self.account.wallet.totals]

    def positions(self) -> list[Held]:
        return [self._held(at, one) for at, one in self.account.positions.items() if at.venue == self._desk.name]

    @property
    def hedges(self) -> bool:
        return self.account.hedges

    def hedge(self, on: bool) -> None:
        self._may()
        if on != self.account.hedges and any(one.instrument.kind == "linear" for one in self.account.open.values()):
            raise Denied("leg")
        if on != self.account.hedges and any(one.lots for one in self.account.positions.values()):
            raise Denied("leg")
        self.account.hedges = on

    def happened(self, cause: Cause, record: Record | None, fill: Fill | None, moved: Sequence[str]) -> Happened:
        """The same in the words of dialects."""
        held: list[Held] = []
        if fill is not None and record is not None:
            at = record.holding
            if at in self.account.positions:
                held.append(self._held(at, self.account.positions[at]))
        return Happened(
            cause, None if record is None else self._ordered(record),
            None if fill is None or record is None else self._filled(record, fill),
            [self._balance(currency) for currency in moved], held, self._house_ns + self._desk.shift_ns,
        )  # fmt: skip

    # ---- inside

    @property
    def _house_ns(self) -> int:
        return self._tellers.exchange.now_ns

    def _may(self) -> None:
        if not self._key.may_trade:
            raise Denied("permission")

    def _here(self, record: Record, symbol: str | None) -> bool:
        return record.venue == self._desk.name and symbol in (None, record.instrument.symbol)

    def _record(self, number: int | None, client_id: str, id: str | None) -> Record:
        symbol = None if id is None else self._desk.instrument(id).symbol
        records = self.account.records
        record = self.account.by_client.get(client_id) if number is None else records.get(number)
        if record is None or not self._here(record, symbol):
            raise Denied("unknown")
        return record

    def _balance(self, currency: str) -> Balance:
        wallet = self.account.wallet
        free = max(0, self._house.funds.free(self.account, currency))
        return Balance(
            currency, text_of(wallet.totals.get(currency, 0)), text_of(free), text_of(wallet.holds.get(currency, 0))
        )  # fmt: skip

    def _held(self, at: Holding, one: Position) -> Held:
        place = (at.venue, at.symbol)
        instrument = self._tellers.exchange.instrument(*place)
        desk, funds = self._tellers.desks[at.venue], self._house.funds
        leverage, mark = funds.terms[at.venue].leverage, f"{funds.mark(place):.{instrument.price_decimals + 2}f}"
        entry = ""
        if one.lots:
            entry = _quotient(one.cost, abs(one.lots) * tick_atoms(instrument), instrument)
        size = instrument.size_text(abs(one.lots))
        return Held(
            desk.rules_of(at.symbol), "-" + size if one.lots < 0 else size, entry, mark,
            text_of(funds.gain(self.account, at)), text_of(one.realized), text_of(margin(one.cost, leverage)),
            text_of(funds.worth(place, abs(one.lots))), leverage, one.updated_ns + desk.shift_ns,
            at.leg,
        )  # fmt: skip

    def _ordered(self, one: Record) -> Ordered:
        instrument, desk = one.instrument, self._tellers.desks[one.venue]
        fees: dict[str, int] = {}
        for fill in one.fills:
            fees[fill.fee_currency] = fees.get(fill.fee_currency, 0) + fill.fee
        average = ""
        if one.filled:
            average = _quotient(one.spent, one.filled * tick_atoms(instrument), instrument)
        return Ordered(
            one.number, one.ask.client_id, desk.rules_of(instrument.symbol), _side(one), one.ask.tif,
            "" if one.price is None else instrument.price_text(one.price), instrument.size_text(one.size),
            "" if one.ask.quote is None else text_of(one.ask.quote), instrument.size_text(one.filled),
            instrument.size_text(one.left), text_of(one.spent), average, one.state, one.reason,
            one.created_ns + desk.shift_ns, one.updated_ns + desk.shift_ns, one.ask.reduce_only,
            {currency: text_of(fee) for currency, fee in fees.items()},
            "" if one.ask.trigger is None else instrument.price_text(one.ask.trigger), bool(one.ask.rises), one.waits,
            one.ask.leg, one.replaces, one.replaced_by,
        )  # fmt: skip

    def _filled(self, record: Record, fill: Fill) -> Filled:
        instrument, desk = record.instrument, self._tellers.desks[record.venue]
        return Filled(
            fill.trade, record.number, record.ask.client_id, desk.rules_of(instrument.symbol), _side(record),
            instrument.price_text(fill.price), instrument.size_text(fill.size), text_of(fill.worth), text_of(fill.fee),
            fill.fee_currency, fill.maker, fill.time_ns + desk.shift_ns, text_of(fill.realized),
            record.ask.leg,
        )  # fmt: skip


def _number(record: Record) -> int:
    return record.number


def _side(record: Record) -> Side:
    return "buy" if record.ask.side == BID else "sell"


def _quotient(atoms_paid: int, per_tick: int, one: Instrument) -> str:
    """An average price: ticks are exact, their quotient has eight decimals more than prices."""
    ticks = Decimal(atoms_paid * 10**8 // per_tick).scaleb(-8)
    return plain(ticks * parse(one.tick))


def _ticks(one: Instrument, text: str) -> int:
    try:
        ticks = one.ticks(text)
    except DecodeError:
        raise Denied("price") from None
    if ticks is None:
        raise Denied("tick")
    return ticks


def _lots(one: Instrument, text: str) -> int:
    try:
        lots = one.lots(text)
    except DecodeError:
        raise Denied("size") from None
    if lots is None:
        raise Denied("step")
    return lots


def _amount(text: str) -> int:
    try:
        amount = atoms(text)
    except (DecodeError, ValueError):
        raise Denied("size") from None
    if amount <= 0:
        raise Denied("size")
    return amount


def _ask(one: Instrument, placing: Placing) -> Ask:
    """An order in ticks and lots. Raises Denied for what is none or not on the grid."""
    price = _ticks(one, placing.price) if placing.price else None
    quote = _amount(placing.quote) if placing.quote and price is None else None
    size = _lots(one, placing.size) if quote is None else 0
    trigger = _ticks(one, placing.trigger) if placing.trigger else None
    return Ask(
        BID if placing.side == "buy" else ASK, size, price, quote, placing.tif, placing.client_id,
        placing.reduce_only, trigger, placing.rises, placing.leg,
    )  # fmt: skip


__all__ = ["GIVEN", "OTHERS", "READER", "Desk", "Key", "Seat", "Tellers"]
