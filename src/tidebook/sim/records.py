"""What is kept of the embedded exchange's accounts: their orders, what became of these, their balances and positions.

Prices in ticks, sizes in lots, amounts in atoms (see `wallet`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tidebook.core.private import Cause, State
from tidebook.model.orders import Leg
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import ASK, BID, Side, Tif
from tidebook.sim.wallet import Position, Wallet

Place = tuple[str, str]
"""Venue and symbol."""


class Holding(NamedTuple):
    """Of a position: venue, symbol, and which of those that an account may have of it."""

    venue: str
    symbol: str
    leg: Leg = "net"


class Ask(NamedTuple):
    """An order that is asked for, in ticks and lots. No price: a market order by `size` or by `quote`, in atoms.

    With a `trigger`, a price in ticks, it waits until the market trades there or beyond: above where it `rises`.
    Where that is not said, it is the side of the last trade on which the trigger is. `leg` is the position it moves.
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
    leg: Leg = "net"

    @property
    def only_closes(self) -> bool:
        """Whether it is no larger than what it closes: what was asked for so, and what takes from a leg."""
        return self.reduce_only or (self.leg, self.side) in (("long", ASK), ("short", BID))


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
    replaces: int = 0  # the number of the order in whose place it came
    replaced_by: int = 0

    @property
    def filled(self) -> int:
        return self.size - self.left

    @property
    def holding(self) -> Holding:
        """The position that it moves."""
        return Holding(self.venue, self.instrument.symbol, self.ask.leg)


Hear = Callable[[Cause, "Record | None", "Fill | None", Sequence[str]], None]
"""Is told what happened: why, the order, the fill, and the currencies whose balances moved."""


class Account:
    """One account of one purse. With `hedges` it has its contracts in the hedge mode, long and short apart."""

    def __init__(self, number: int, purse: str) -> None:
        self.number = number
        self.purse = purse
        self.wallet = Wallet()
        self.records: dict[int, Record] = {}
        self.open: dict[int, Record] = {}
        self.hedges = False  # whether it has two positions of a contract, one long and one short
        self.positions: dict[Holding, Position] = {}
        self.fills: list[tuple[Record, Fill]] = []
        self.listeners: list[Hear] = []
        self.by_client: dict[str, Record] = {}
        self.notes: dict[str, Any] = {}  # a dialect's

    def tell(self, cause: Cause, record: Record | None, fill: Fill | None = None, moved: Sequence[str] = ()) -> None:
        for hear in [*self.listeners]:
            hear(cause, record, fill, moved)
