"""What an account owns: balances and what is held of them, the ledger from which they follow, positions. Pure.

Amounts are whole numbers of atoms, 10^−`PLACES` of a currency, so that price × size × contract is exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from tidebook.model.number import decimal_of, exact, plain
from tidebook.sim.listing import Instrument

PLACES: Final = 24

Kind = Literal["deposit", "trade", "fee", "realized"]


class Entry(NamedTuple):
    """A line of the ledger: what a balance changed by, and why. Order and trade are 0 for a deposit."""

    number: int
    time_ns: int
    kind: Kind
    currency: str
    amount: int
    order: int
    trade: int


def atoms(text: str) -> int:
    """An amount's text in atoms. Raises DecodeError for what is no number, ValueError for one that is too fine."""
    mantissa, scale = exact(text)
    if scale > PLACES:
        raise ValueError(f"{text} has more than {PLACES} decimals")
    unit: int = 10 ** (PLACES - scale)
    return mantissa * unit


def text_of(amount: int) -> str:
    """Atoms as plain text."""
    return plain(decimal_of(amount, PLACES))


def lot_atoms(one: Instrument) -> int:
    """One lot in atoms of what is traded: base currency, or contracts."""
    return atoms(one.step)


def tick_atoms(one: Instrument) -> int:
    """What one lot costs at a price of one tick, in atoms of the currency of its prices."""
    exact_worth = Decimal(one.tick) * Decimal(one.step) * Decimal(one.contract or 1)
    worth = exact_worth.scaleb(PLACES)
    if worth != int(worth):
        raise ValueError(f"{one.symbol}: one lot at one tick is less than an atom")
    return int(worth)


@dataclass(slots=True)
class Position:
    """Contracts of one symbol at one venue: lots, negative for short, and what they cost, in atoms.

    A part that is closed takes its part of the cost, rounded down; a flat position has none, so the sum of what is
    realized is exact.
    """

    lots: int = 0
    cost: int = 0
    realized: int = 0
    updated_ns: int = 0

    def add(self, lots: int, worth: int, now_ns: int) -> int:
        """Buy (or sell, where negative) so many lots for so much; what that realizes."""
        self.updated_ns = now_ns
        if not self.lots or (self.lots > 0) == (lots > 0):
            self.lots += lots
            self.cost += worth
            return 0
        closed = min(abs(lots), abs(self.lots))
        cost = self.cost * closed // abs(self.lots)
        part = worth * closed // abs(lots)
        won = part - cost if self.lots > 0 else cost - part
        self.cost -= cost
        self.realized += won
        self.lots += lots
        if abs(lots) > closed:
            self.cost = worth - part  # it has turned; what closed the old one took all of its cost
        return won


@dataclass(slots=True)
class Wallet:
    """Balances by currency. `totals` is what the ledger sums to, `holds` what is not free of it."""

    totals: dict[str, int] = field(default_factory=dict[str, int])
    holds: dict[str, int] = field(default_factory=dict[str, int])
    ledger: list[Entry] = field(default_factory=list[Entry])

    def book(self, now_ns: int, kind: Kind, currency: str, amount: int, order: int = 0, trade: int = 0) -> None:
        """Change a balance, and write down why."""
        self.ledger.append(Entry(len(self.ledger) + 1, now_ns, kind, currency, amount, order, trade))
        self.totals[currency] = self.totals.get(currency, 0) + amount

    def hold(self, currency: str, more: int) -> None:
        """Hold so much more, or less."""
        self.holds[currency] = self.holds.get(currency, 0) + more

    def free(self, currency: str) -> int:
        return self.totals.get(currency, 0) - self.holds.get(currency, 0)


def summed(ledger: Iterable[Entry]) -> dict[str, int]:
    """The balances that a ledger leads to."""
    totals: dict[str, int] = {}
    for entry in ledger:
        totals[entry.currency] = totals.get(entry.currency, 0) + entry.amount
    return totals
