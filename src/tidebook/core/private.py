"""The words in which a venue speaks of accounts from the server's side: what a dialect may do, is told, and says.

As in `dialect`: what is said is a sample and the values in it, prices and sizes are exact text, instants ns, UTC.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, Protocol

from tidebook.core.dialect import Facts, Rules, Said
from tidebook.core.endpoint import Pool
from tidebook.model.orders import Leg

Side = Literal["buy", "sell"]
Tif = Literal["gtc", "ioc", "fok", "post_only"]
State = Literal["open", "filled", "cancelled", "expired", "rejected"]
Cause = Literal[
    "new", "fill", "cancelled", "expired", "rejected", "amended", "triggered", "deposit",
]  # fmt: skip
Needs = Literal["key", "read", "trade"]

Denial = Literal[
    "balance", "duplicate", "too_many", "price", "tick", "size", "step", "min_notional", "would_take", "reduce_only",
    "unknown", "done", "kind", "permission", "trigger", "leg",
]  # fmt: skip
"""Why something is not done: `price` and `size` are none, `tick` and `step` not on the grid, `done` an order that has
ended, `kind` an instrument that accounts cannot trade, `permission` a key that may only look, `trigger` a price to
wait for that is reached already, `leg` an order that names a position where the account has one of each contract, or
none where it has two."""

Distrust = Literal["no_key", "unknown_key", "no_time", "early", "late", "malformed", "passphrase", "signature"]
"""Why a request is not believed. `early` and `late`: its timestamp is out of the venue's window."""


class Denied(Exception):
    """An account does not do what it was asked."""

    def __init__(self, why: Denial) -> None:
        super().__init__(why)
        self.why: Denial = why


class Distrusted(Exception):
    """A request is not believed."""

    def __init__(self, why: Distrust) -> None:
        super().__init__(why)
        self.why: Distrust = why


class Placing(NamedTuple):
    """An order that is to be placed. No `price`: a market order, by `size` or by `quote`, an amount to be spent.

    With a `trigger` it waits for that price, from below where it `rises`; None: from where the last trade was. `leg`
    is the position that it moves.
    """

    id: str
    side: Side
    size: str = ""
    price: str = ""
    quote: str = ""
    tif: Tif = "gtc"
    client_id: str = ""
    reduce_only: bool = False
    trigger: str = ""
    rises: bool | None = None
    leg: Leg = "net"


class Filled(NamedTuple):
    """A fill. `amount` is price × size (× contract size), `fee` is paid where positive, `realized` is of contracts."""

    trade: int
    order: int
    client_id: str
    rules: Rules
    side: Side
    price: str
    size: str
    amount: str
    fee: str
    fee_currency: str
    maker: bool
    at_ns: int
    realized: str = "0"
    leg: Leg = "net"


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order as it is. `spent` sums its fills' amounts, `average` is empty without one; `fees` are by currency.

    `reason` says why it was rejected or has expired. With a `trigger` it `waits`, or has, until trades have reached
    it; what was cancelled before that waits for ever. `replaces` is the number of the order in whose place it came,
    `replaced_by` of the one that came in its own; 0: there is none.
    """

    number: int
    client_id: str
    rules: Rules
    side: Side
    tif: Tif
    price: str
    size: str
    quote: str
    filled: str
    left: str
    spent: str
    average: str
    state: State
    reason: str
    created_ns: int
    updated_ns: int
    reduce_only: bool = False
    fees: Mapping[str, str] = field(default_factory=dict[str, str])
    trigger: str = ""
    rises: bool = False
    waits: bool = False
    leg: Leg = "net"
    replaces: int = 0
    replaced_by: int = 0

    @property
    def at_market(self) -> bool:
        return not self.price


class Balance(NamedTuple):
    """`total` is `free` + `held`, and what open positions won or lost besides."""

    currency: str
    total: str
    free: str
    held: str


class Position(NamedTuple):
    """`size` is negative for a short one; `entry` its average price, empty where there is none."""

    rules: Rules
    size: str
    entry: str
    mark: str
    unrealized: str
    realized: str
    margin: str
    notional: str
    leverage: int
    updated_ns: int
    leg: Leg = "net"


class Happened(NamedTuple):
    """What became of an account: an order and perhaps a fill, and the currencies whose balances moved."""

    cause: Cause
    order: Ordered | None
    fill: Filled | None
    balances: Sequence[Balance]
    positions: Sequence[Position]
    at_ns: int


class Account(Protocol):
    """What a dialect may do with the account whose key asks. All raise `Denied`; KeyError for an id not listed."""

    @property
    def number(self) -> int:
        """It is told by it: no two of an exchange have the same."""
        ...

    @property
    def may_trade(self) -> bool: ...
    def beside(self, kind: Literal["spot", "linear"]) -> "Account":
        """The same account where instruments of a kind are traded, at a venue of the same purse."""
        ...

    def check(self, one: Placing) -> None:
        """What `place` would deny; nothing is placed."""
        ...

    def place(self, one: Placing) -> Ordered: ...
    def cancel(self, number: int | None, client_id: str = "", id: str | None = None) -> Ordered: ...
    def cancel_all(self, id: str | None) -> Sequence[Ordered]: ...
    def amend(
        self, number: int | None, client_id: str, size: str = "", price: str = "", id: str | None = None,
        *, name: str | None = None,
    ) -> Ordered:  # fmt: skip
        """`name` is what its client calls it from then on; None: as before."""
        ...

    def replace(self, number: int, one: Placing) -> Ordered:
        """Cancel an open order, and place another one instead of it, which may use what it held. Both, or nothing."""
        ...

    def order(self, number: int | None, client_id: str = "", id: str | None = None) -> Ordered:
        """An order by its number, else the newest by its client's id."""
        ...

    def orders(self, id: str | None = None, *, only_open: bool = False) -> Sequence[Ordered]:
        """Those that are remembered, the oldest first."""
        ...

    def fills(self, id: str | None = None) -> Sequence[Filled]: ...
    def balances(self) -> Sequence[Balance]:
        """Of every currency that it ever had."""
        ...

    def positions(self) -> Sequence[Position]:
        """Those that are not flat, and those that were."""
        ...

    @property
    def hedges(self) -> bool:
        """Whether it may have two positions of a contract, one long and one short (the hedge mode)."""
        ...

    def hedge(self, on: bool) -> None:
        """Set that. Raises Denied (`permission`; `leg` as long as there is an open order or a position)."""
        ...

    def count_down(self, seconds: float, id: str | None = None) -> int:
        """Cancel what is open, of an instrument or all at this venue, after so long, unless it is asked anew; 0: never.

        Returns when (ns, UTC, by the venue's clock), 0 for never.
        """
        ...

    @property
    def notes(self) -> dict[str, Any]:
        """What the dialect keeps of the account, by any names it likes."""
        ...

    def listen_key(self, act: Literal["open", "keep", "close"], key: str = "") -> str:
        """A key in whose URL the account's stream is; empty where there is no such one any more."""
        ...


Words = Mapping[str, Any]
"""A question's arguments: those of the query, then those of the body. A body that is a list is in ``[]``."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call over HTTP of those who have a key. `needs` ``key`` wants no signature. `fits` as a `Route`'s.

    What stands in braces in `path`, ``/orders/{id}``, is a word of the question too.
    """

    path: str
    act: Callable[[Account, Facts, Words], Said]
    method: str = "GET"
    needs: Needs = "read"
    weight: int = 1
    fits: Callable[[Words], bool] = lambda words: True


class Session(Protocol):
    """One private connection. `notes` are the dialect's own: what is subscribed, by any names it likes.

    ``url`` there is what the query of its address said, by name.
    """

    @property
    def account(self) -> Account | None:
        """Who is logged in."""
        ...

    @property
    def notes(self) -> dict[str, Any]: ...
    def trust(self, message: Words, *, enter: bool) -> Account:
        """The account that signed a message, which is logged in where `enter`. Raises Distrusted."""
        ...

    def end(self) -> None:
        """Close the connection once all is said."""
        ...


@dataclass(frozen=True, slots=True)
class Socket:
    """A private connection, on which orders may go too. `hear` answers a message, `tell` says what happened to the
    account that is logged in.

    `greet` is said when it opens. `beat` is said every `every` seconds; a ping frame where it is None. `texts` are
    answered at once, whatever `hear` says: bare words and their answers. `binary`: its frames are.
    `unsure` is what it answers to a message of which it does not know what became. `ended` is told when the connection
    of an account is gone. `kind`: of which kind of instruments a message is, where venues of several share a
    connection; empty where it is of none.
    """

    hear: Callable[[Session, Facts, Words], Iterable[Said]]
    tell: Callable[[Session, Facts, Happened], Iterable[Said]]
    greet: Callable[[Session, Facts], Iterable[Said]] | None = None
    beat: Callable[[Facts], Said] | None = None
    every: float = 20.0
    binary: bool = False
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    unsure: Callable[[Words], Said] | None = None
    ended: Callable[[Session], None] | None = None
    kind: Callable[[Words], str] = lambda message: ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What trading costs, in millionths. `fee_in` ``received``: a spot fee is taken of what is bought.

    `fee_places`: fees are cut to so many decimals. `ids`: as long as an order is open, or ever, no other one has its
    client's id. `stops_hold`: what waits for its trigger holds what it will need. `stops_late`: it is taken, and goes
    off at once, where its trigger is reached already; else it is refused.
    """

    maker: int = 1_000
    taker: int = 1_000
    fee_in: Literal["received", "quote"] = "received"
    fee_places: int = 8
    leverage: int = 10
    most_open: int = 200
    ids: Literal["open", "ever"] = "ever"
    stops_hold: bool = True
    stops_late: bool = False


@dataclass(frozen=True, slots=True)
class Private:
    """How a venue speaks of accounts.

    `scheme` names the signatures. Venues of one `purse` share accounts' balances. `denied` and `distrusted` refuse;
    `unsure` is what it says when it does not know what became of an order. `pool` counts each account's calls; where it
    is None they count as those of who has no key. `socket` says what is at a path, of `hosts`
    alone where there are any; `by_key` makes of a path the key that a client got by `Account.listen_key`.
    """

    scheme: str
    purse: str
    calls: tuple[Call, ...]
    distrusted: Callable[[Distrust], Said]
    denied: Callable[[Denial, Words], Said]
    unsure: Said
    terms: Terms = Terms()
    pool: Pool | None = None
    hosts: tuple[str, ...] = ()
    socket: Callable[[str], Socket | None] = lambda path: None
    by_key: Callable[[str], str | None] = lambda path: None


KEPT: Final = 20_000
"""So many orders that have ended are remembered of an account."""
