"""How a venue takes orders and tells of accounts, declared: one act for each thing that can be asked or done there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple, TypeVar

from tidebook.core.channel import Seen
from tidebook.core.effects import Request
from tidebook.core.endpoint import Endpoint
from tidebook.core.intents import ClientIds
from tidebook.core.rules import Wish
from tidebook.core.talk import OrderSocket
from tidebook.errors import TidebookError, UsageError
from tidebook.model.facts import Instrument, Side
from tidebook.model.orders import Balance, Fill, Kind, Order, Position, Tif

Ability = Literal["by_id", "by_id_for", "by_match", "none"]
"""How a venue can be asked what became of an order whose answer was lost: by the client's id, by it for a while, by
searching for one like it, not at all."""

ACTS: Final = (
    "submit", "cancel", "cancel_all", "amend", "order", "open_orders", "balances", "positions", "fills", "account",
    "dead_man",
)  # fmt: skip


class Ref(NamedTuple):
    """Which order is meant: by the venue's id, or by the client's. `size` and `price` are what amending makes of it.

    `side` and `kind` are the order's where they are known, `filled` what of it was filled when it was to be amended.
    `account`: see `addressed`.
    """

    instrument: Instrument
    id: str = ""
    client_id: str = ""
    size: str = ""
    price: str = ""
    side: Side | None = None
    kind: Kind | None = None
    filled: str = "0"
    account: str = ""


class Inquiry(NamedTuple):
    """Of what is asked: of one instrument or of all, from an instant on (ns, UTC), so many at most."""

    instrument: Instrument | None = None
    start_ns: int | None = None
    limit: int | None = None
    account: str = ""
    order_id: str = ""  # of one order's fills, where the venue can tell those alone

    @property
    def id(self) -> str | None:
        """The venue's id of the instrument; None for all."""
        return None if self.instrument is None else self.instrument.id


class Countdown(NamedTuple):
    """After how many seconds all that is open is cancelled, unless it is said anew; 0: not at all any more."""

    seconds: float
    instrument: Instrument | None = None
    account: str = ""

    @property
    def id(self) -> str | None:
        """The venue's id of the instrument; None for all."""
        return None if self.instrument is None else self.instrument.id


About = Wish | Ref | Inquiry | Countdown
A = TypeVar("A", bound=About)


def addressed(about: A, account: str) -> A:
    """The same, with what the venue calls the account, as its act `account` has read it."""
    made: Any = replace(about, account=account) if isinstance(about, Wish) else about._replace(account=account)
    found: A = made
    return found


def placed(wish: Wish) -> Ref:
    """The order that was made of a wish, by the name under which it was sent."""
    return Ref(wish.instrument, client_id=wish.client_id, side=wish.side, kind=wish.kind, account=wish.account)


@dataclass(frozen=True, slots=True)
class Act:
    """One signed request. `request` makes it, unsigned, of a Wish (submit), a Ref (one order), a Countdown (dead_man)
    or an Inquiry (the rest).

    `read` makes of the body: an Order for `submit cancel amend order`, a list of orders, balances, positions or fills
    for the rest, nothing of use for `cancel_all` and `dead_man`. It raises DecodeError, or msgspec's errors, for what
    is not as promised: for `submit` that means that nobody knows what became of it. An answer that speaks of another
    countdown than was asked for is not as promised. `weight` is what it costs in `pool`. `more`
    makes the next page's request, as for calls; `backwards`: of pages, the newest comes first. `needs`: an instrument,
    where the venue does not answer for all.

    `then` is asked after it, about the same, where the venue has only said that it will see to it: what `then` reads is
    what it says. `otherwise` is asked where it knows no such order. The act `account` reads a text, what the venue
    calls the account: it is asked first and once, and all other acts have that with what they are about.

    Of fills from an instant on: one answer covers `spans` seconds from there, and what lies more than `reach` seconds
    back is refused, or not told.
    """

    name: str
    request: Callable[[Any], Request]
    read: Callable[[bytes, Seen, Any], Any]
    pool: str
    weight: int | Callable[[Any], int] = 1
    more: Callable[[Request, bytes], Request | None] | None = None
    backwards: bool = False
    needs: bool = False
    then: "Act | None" = None
    otherwise: "Act | None" = None
    spans: float | None = None
    reach: float | None = None

    def __post_init__(self) -> None:
        if self.name not in ACTS:
            raise UsageError(f"{self.name} is none of {', '.join(ACTS)}")

    def cost(self, about: Any) -> int:
        """What it costs in its pool."""
        return self.weight(about) if callable(self.weight) else self.weight


@dataclass(frozen=True, slots=True)
class DeadMan:
    """How a venue cancels what is open when nothing is heard of its client any more. The act `dead_man` sets it.

    `covers` says what it cancels, in words; `one`: what is open in one symbol, which has to be named. `least` and
    `most` are its bounds in seconds, `whole`: it counts whole ones only.

    Without an `endpoint` the countdown runs from each request on, and is begun anew by the next one; 0 ends it. With
    one it is a setting that stays, and it runs while no connection is there that has subscribed `topic`; `leaves` is
    the message by which a connection says that its end means nothing.
    """

    covers: str
    least: float
    most: float | None = None
    whole: bool = True
    one: bool = False
    endpoint: Endpoint | None = None
    topic: str = ""
    leaves: bytes = b""

    def __post_init__(self) -> None:
        if self.endpoint is not None and not (self.topic and self.leaves):
            raise UsageError("a dead man's switch that hangs on a connection has a topic, and words to leave it")


@dataclass(frozen=True, slots=True)
class Trading:
    """All of it. `ids` are how clients name orders here, `ability` how an unknown one is found.

    `window`: so many seconds after its time stamp the venue refuses a request: what has not arrived by then never
    will (None: it says no such thing, and an order that is not found may still come). `unsure` are the codes that
    leave open what became of a request, besides HTTP 408 and 5xx. `kinds` and `tifs` are what it takes; `cost`: market
    orders for an amount of quote currency; `reduces`: orders that only close; `post_only` likewise; `legs`: an account
    may have two positions of a contract, and an order says which one it moves. `known_for`, with
    ability ``by_id_for``: so many seconds. Venues of one exchange with the same `wallet` have their balances together.
    `socket`: how orders go by message, None where they go over HTTP alone. `dead_man`: None where there is no such
    switch. `cancels_takers`: a post-only order that would take is accepted, and cancelled without a reason.
    `shrinks`: an order may become smaller where it stands, and nothing else of it may change.
    `reasons` are the errors that an order's `reason` means, where it was taken and rejected later; OrderRejected else.
    """

    acts: tuple[Act, ...]
    ids: ClientIds
    ability: Ability
    window: float | None = None
    unsure: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset({"limit", "market"})
    tifs: frozenset[Tif] = frozenset({"gtc", "ioc", "fok"})
    cost: bool = False
    post_only: bool = True
    reduces: bool = False
    legs: bool = False
    shrinks: bool = False
    known_for: float | None = None
    wallet: str = ""
    cancels_takers: bool = False
    socket: OrderSocket | None = None
    reasons: Mapping[str, type[TidebookError]] = field(default_factory=dict[str, type[TidebookError]])
    dead_man: DeadMan | None = None

    def __post_init__(self) -> None:
        names = [act.name for act in self.acts]
        if len({*names}) != len(names):
            raise UsageError(f"acts of one name: {', '.join(names)}")
        if self.ability in ("by_id", "by_id_for") and "order" not in names:
            raise UsageError(f"ability {self.ability} needs the act `order`")
        if (self.ability == "by_id_for") != (self.known_for is not None):
            raise UsageError("ability by_id_for says for how long, and no other does")
        if (self.dead_man is None) != ("dead_man" not in names):
            raise UsageError("a dead man's switch has an act, and none is there without one")

    def by_message(self, environment: str) -> OrderSocket | None:
        """How orders go by message in an environment; None where they go over HTTP alone."""
        return None if self.socket is None or environment in self.socket.without else self.socket

    def act(self, name: str) -> Act | None:
        return next((act for act in self.acts if act.name == name), None)


class Look(NamedTuple):
    """Something has changed of which a stream does not say all: the acts that tell the rest."""

    acts: tuple[str, ...]


class Expired(NamedTuple):
    """The connection will bring nothing more: the venue has ended what it was opened by."""

    why: str


Row = Order | Fill | Balance | Position
Told = Row | Look | Expired


@dataclass(frozen=True, slots=True)
class Token:
    """A word at the end of a stream's URL, asked for before it is opened and kept alive.

    `ask` makes the request that gives one, `read` reads it, `keep` makes the request that keeps it, sent every `every`
    seconds, well before it would end. `tail` makes of it the end of the URL. A refusal with a code of `gone` says
    that there is no such token any more.
    """

    ask: Callable[[], Request]
    read: Callable[[bytes], str]
    keep: Callable[[str], Request]
    every: float
    tail: Callable[[str], str]
    pool: str
    weight: int = 1
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AccountStream:
    """How a venue tells of an account as it happens, on a connection of its own.

    `topics` are subscribed in the endpoint's way once it has let us in. `read` makes of a message what it says, in
    order: nothing for what is not about accounts. It raises DecodeError, or msgspec's errors, for what is not as
    promised. What orders, balances and positions it does not tell of whole, it says with a `Look`.
    """

    endpoint: Endpoint
    read: Callable[[bytes, Seen], Sequence[Told]]
    topics: tuple[str, ...] = ()
    token: Token | None = None
