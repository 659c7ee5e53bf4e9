"""The words in which a venue's protocol is spoken from the server's side: what a dialect is told, and what it says.

A dialect says a message as the name of a sample and the values at paths in it (``data.b``, ``filters.0.tickSize``;
``rows[]`` repeats the sample's first row). Whoever prints it takes everything else from the sample, so no dialect
can invent a field. Prices and sizes come as exact text with all of the instrument's decimals, instants as ns, UTC.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from tidebook.core.span import Span

if TYPE_CHECKING:
    from tidebook.core.private import Private

Values = Mapping[str, object]
Row = tuple[str, str]
"""Price and size."""

ABSENT: Final = object()
"""The value of a key that this message does not have."""


class Rules(NamedTuple):
    """An instrument.

    `settle` is the currency of settlement, empty for spot. Sizes count contracts of `contract_size` units (inverse: of
    quote, else of base currency), or base currency where it is empty. Prices are in quote currency; an option that
    settles in base currency has its prices in it. `expiry_ns`, `strike` and `right` are those of what expires.
    """

    id: str
    base: str
    quote: str
    tick: str
    step: str
    price_places: int
    size_places: int
    min_notional: str
    kind: Literal["spot", "linear", "inverse", "option"] = "spot"
    settle: str = ""
    contract_size: str = ""
    expiry_ns: int | None = None
    strike: str = ""
    right: Literal["", "call", "put"] = ""


def expires_on(one: Rules) -> date:
    """The UTC day on which an instrument expires. Raises ValueError for one that does not."""
    if one.expiry_ns is None:
        raise ValueError(f"{one.base}/{one.quote} does not expire")
    return datetime.fromtimestamp(one.expiry_ns // 1_000_000_000, UTC).date()


class Sold(NamedTuple):
    """A trade; `turnover` is price × size (× contract size), of inverse contracts their worth in base currency."""

    id: int
    at_ns: int
    price: str
    size: str
    turnover: str
    taker: Literal["buy", "sell"]


class Group(NamedTuple):
    """Trades of one taker at one instant and price, numbered without holes."""

    number: int
    size: str
    trades: tuple[Sold, ...]


class Levels(NamedTuple):
    """A whole book or the best of it, best first, and the last update in it."""

    at_ns: int
    last: int
    bids: list[Row]
    asks: list[Row]


class Change(NamedTuple):
    """What changed from update `first` to `last`; `prev` is the last update of the change before."""

    at_ns: int
    first: int
    last: int
    prev: int
    bids: list[Row]
    asks: list[Row]


class Candle(NamedTuple):
    """A bar of [start, end). Ids are −1 where no trade with an id was. Turnovers are as those of `Sold`."""

    start_ns: int
    end_ns: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    turnover: str
    trades: int
    bought_volume: str
    bought_turnover: str
    first_id: int
    last_id: int
    closed: bool


class Today(NamedTuple):
    """The last 24 hours; `before` is the price before them."""

    whole: Candle
    before: str
    last_size: str
    best: Levels


@dataclass(frozen=True, slots=True)
class Marked:  # no tuple: those have an `index` of their own
    """What a venue derives for a contract; texts are empty and numbers 0 where it has no such.

    `price`, `index` and `settle` (as it would be settled now) have two decimals more than the instrument's prices.
    `rate` is of the funding under way, charged at `funding_ns`, every `interval_s` seconds: fractions with eight
    decimals. `open_interest` is in the instrument's unit of size. Volatilities are fractions; `theta` is a day's,
    `vega` that of a hundredth of volatility, both in the currency of the strike.
    """

    at_ns: int
    price: str
    index: str
    settle: str
    rate: str
    funding_ns: int
    interval_s: int
    open_interest: str
    mark_iv: str
    bid_iv: str
    ask_iv: str
    delta: str
    gamma: str
    theta: str
    vega: str


class Settled(NamedTuple):
    """A funding that was charged, and the mark price of that instant."""

    at_ns: int
    rate: str
    mark: str


class Liquidated(NamedTuple):
    """An order that closed a position by force: `taker` "sell" means that a long was.

    `price` is the last it was filled at, its limit; `average` that of all its fills. `id` is its last trade's.
    """

    id: int
    at_ns: int
    price: str
    average: str
    size: str
    turnover: str
    taker: Literal["buy", "sell"]


class Part(NamedTuple):
    """Day and mark, and what the message before said: None is the first that a connection gets, which is whole."""

    day: Today
    mark: Marked
    before: "Part | None"


class Told(NamedTuple):
    """What every message of a stream is told besides its content.

    `number` counts the messages of the topic from 1 on; what a connection is told first has that of the last one.
    """

    topic: str
    id: str
    now_ns: int
    number: int = 0


Content = Literal[
    "trade", "taker", "group", "quote", "change", "window", "whole", "bar", "day", "days", "mark", "marks",
    "liquidation", "part",
]  # fmt: skip
"""What a stream's messages are made of: `trade` Sold · `taker` a tuple of one taker's Sold · `group` Group ·
`quote whole` Levels · `change window` Change, of the whole book or of its best `depth` levels · `bar` Candle ·
`day` Today · `mark` Marked · `liquidation` Liquidated · `part` Part · `days` pairs of id and Today, of all markets in
which something happened since · `marks` pairs of id and Marked, of all that are listed. `days` and `marks` have no
`id`; a `liquidation` or a `trade` without one is of all markets, and each message is told whose it is."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a topic is. `every` 0: when it happens. `span` is a bar's interval.

    `until` is the first day on which the venue does not have it any more: then it is like a topic that never was.
    `opening`, of a `change` or `window`: what a connection is told first, by the sample `opening_sample`: the Levels
    from which its next message leads on. `among` says which markets a stream without an `id` is about. Where `values`
    gives None, nothing is said.
    """

    content: Content
    id: str
    sample: str
    values: Callable[[Told, Any], Values | None]
    every: float = 0.0
    depth: int | None = None
    span: Span | None = None
    step: int = 0  # so many decimals of the price are dropped: see `Facts.levels`
    endpoints: tuple[str, ...] = ()  # where it is served; everywhere when empty
    until: date | None = None
    opening: Callable[[Told, Levels], Values] | None = None
    opening_sample: str = ""
    among: Callable[[Rules], bool] = lambda one: True

    @property
    def of_all(self) -> bool:
        """Whether it is about many markets at once."""
        return self.content in ("days", "marks") or (self.content in ("liquidation", "trade") and not self.id)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer over HTTP, or to a client's message."""

    sample: str
    values: Values = field(default_factory=dict[str, object])
    status: int = 200
    wrapped: bool | None = None  # from now on, on this connection


class Refusal(Exception):
    """A dialect refuses a question."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.sample)
        self.said = said


class Facts(Protocol):
    """What a dialect may ask of the exchange. An id that is not listed raises KeyError."""

    @property
    def now_ns(self) -> int: ...
    @property
    def stamp_ns(self) -> int:
        """The time that is told to who asks for it, and by which a request's stamp is judged.

        It goes on while a busy machine has yet to catch up with what happens until then: `now_ns` is of what has.
        """
        ...

    def listed(self) -> Sequence[Rules]: ...
    def levels(self, id: str, depth: int | None = None, *, lag: float = 0.0, step: int = 0) -> Levels:
        """The book, or, as `lag` says, what it was so many seconds ago.

        `step`, of the book at this instant only: so many decimals of the price are dropped, bids downwards, asks
        upwards, and sizes are summed.
        """
        ...

    def trades(self, id: str, most: int) -> Sequence[Sold]:
        """The newest, the oldest of them first."""
        ...

    def groups(self, id: str, most: int) -> Sequence[Group]: ...
    def takers(self, id: str, most: int) -> Sequence[Sequence[Sold]]: ...
    def candles(self, id: str, span: Span, start_ns: int | None, end_ns: int | None, most: int) -> Sequence[Candle]:
        """From `start_ns` on, else the newest up to `end_ns`; the oldest first."""
        ...

    def today(self, id: str) -> Today: ...
    def glance(self, id: str) -> Today:
        """The same to the hour, for lists of all markets: no market begins for it.

        One that nobody has asked for yet is told of by its history and its hidden price.
        """
        ...

    def best(self, id: str) -> Levels:
        """The best prices, likewise."""
        ...

    def mark(self, id: str) -> Marked:
        """Index, mark, funding under way, open interest, greeks; no market begins for it."""
        ...

    def funding(self, id: str, start_ns: int | None, end_ns: int | None, most: int) -> Sequence[Settled]:
        """From `start_ns` on, else the newest up to `end_ns`; the oldest first, and none older than 30 days before
        the exchange's clock began. Empty for what is no perpetual."""
        ...

    def liquidations(self, id: str, most: int) -> Sequence[Liquidated]:
        """The newest that are remembered, the oldest of them first."""
        ...


Args = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """A call over HTTP; `weight` is what a question costs, `snapshot` says that books are seeded by it.

    `until` is the first day on which the venue does not have it any more: then it answers `Dialect.gone`. `fits` says
    whether a question is this route's, where several, of one venue or more at one host, have its path. `pool` names
    the pool that it is counted in, where that is not `Dialect.pool`. `keyed`: it answers those alone who have a key.
    """

    path: str
    answer: Callable[[Facts, Args], Said]
    weight: Callable[[Args], int] = lambda args: 1
    snapshot: bool = False
    method: str = "GET"
    until: date | None = None
    fits: Callable[[Args], bool] = lambda args: True
    pool: str = ""
    keyed: bool = False


MOST: Final = 10**18 - 1
"""No argument is a greater number: longer ones are not even made one."""


def whole(text: str, refused: Said, least: int = 0, most: int = MOST) -> int:
    """The whole number from `least` to `most` that an argument says. Raises Refusal with `refused` for another text."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and least <= int(text) <= most):
        raise Refusal(refused)
    return int(text)


def stands(one: Stream | Route, day: date) -> bool:
    """Whether the venue has it on a day."""
    return one.until is None or day < one.until


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one venue speaks. See the module.

    `id` makes the venue's id of base and quote; `id_of`, where given, of all of an instrument's rules (whose own `id`
    is empty). `kinds` are the kinds of instruments that it lists, `quotes` the currencies in which they are settled
    (spot: quoted), any where there are none. `own` makes of the usual rules the venue's: other `tick`, `step`,
    `contract_size` and `min_notional` (what else follows), or None where it does not list that. `samples` is the
    folder of its samples, beside the dialect's module. `stream` says what a topic is, None where there is no such;
    `unknown` the code and text by which a topic is refused (without it, it is taken and stays silent). `door` makes
    of a URL's path the name of the endpoint, None where there is none. Messages of endpoints in `wrapped` are
    wrapped by `wrap`. `whole` answers a request for a book on the socket, which lags `request_lag` seconds; `other`
    whatever else a client may send, given its message and topics. `limited` refuses for so many seconds (the flag:
    as a ban), `spent` makes headers of what was used, the limit and the seconds until it begins anew. `pace` is how
    many messages a client may send in a second. `gone` answers a call that was retired. `joined` makes one frame of the
    messages of topics that wait to be sent; `times` are the keys of instants, where an endpoint speaks MessagePack.

    Where an endpoint wants a login, its refusals have these codes and texts: `no_key` for a wrong key, `no_login` for
    whatever is said before, `no_answer` for a login that does not come, and `no_place` where an account has as many
    `connections` as it may; `refuses_key` refuses a wrong key over HTTP. `private` is how it speaks of accounts.
    """

    venue: str
    id: Callable[[str, str], str]
    stream: Callable[[str], Stream | None]
    door: Callable[[str], str | None]
    routes: tuple[Route, ...]
    pool: str
    no_such_id: Callable[[Args], Said]
    limited: Callable[[int, bool], Said]
    spent: Callable[[int, int, float], Mapping[str, str]] = lambda used, limit, left: {}
    unknown: Callable[[str], tuple[str, str]] | None = None
    wrapped: tuple[str, ...] = ()
    wrap: Callable[[str, bytes], bytes] = lambda topic, data: data
    whole: Callable[[str, str, Levels], Said] | None = None
    request_lag: float = 0.0
    other: Callable[[Mapping[str, Any], Sequence[str]], Said | None] = lambda message, topics: None
    too_many: tuple[str, str] = ("bad-request", "too many topics")
    not_understood: tuple[str, str] = ("bad-request", "invalid command")
    pace: int | None = None
    bans: bool = False
    gone: Said | None = None
    id_of: Callable[[Rules], str] | None = None
    kinds: tuple[Literal["spot", "linear", "inverse", "option"], ...] = ("spot",)
    quotes: tuple[str, ...] = ()
    own: Callable[[Rules], Rules | None] = lambda one: one
    samples: str = "samples"
    joined: Callable[[Sequence[bytes]], bytes] | None = None
    connections: int | None = None
    no_key: tuple[str, str] = ("denied", "wrong key")
    no_login: tuple[str, str] = ("denied", "log in first")
    no_answer: tuple[str, str] = ("denied", "no login in time")
    no_place: tuple[str, str] = ("denied", "too many connections")
    refuses_key: Said | None = None
    times: tuple[str, ...] = ()
    private: "Private | None" = None


def paths(prefix: str, values: Mapping[str, object]) -> dict[str, object]:
    """The same values, with their paths below `prefix`."""
    return {f"{prefix}.{path}": value for path, value in values.items()}


def changed(values: Values, before: Values) -> dict[str, object]:
    """What a message that tells only of changes says: `ABSENT` where nothing did."""
    return {path: ABSENT if before.get(path, ABSENT) == value else value for path, value in values.items()}
