"""The words in which a venue's protocol is spoken from the server's side: what a dialect is told, and what it says.

A dialect says a message as the name of a sample and the values at paths in it (``data.b``, ``filters.0.tickSize``;
``rows[]`` repeats the sample's first row). Whoever prints it takes everything else from the sample, so no dialect
can invent a field. Prices and sizes come as exact text with all of the instrument's decimals, instants as ns, UTC.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, NamedTuple, Protocol

from tidebook.core.span import Span

Values = Mapping[str, object]
Row = tuple[str, str]
"""Price and size."""

ABSENT: Final = object()
"""The value of a key that this message does not have."""


class Rules(NamedTuple):
    """An instrument."""

    id: str
    base: str
    quote: str
    tick: str
    step: str
    price_places: int
    size_places: int
    min_notional: str


class Sold(NamedTuple):
    """A trade; `turnover` is price × size."""

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
    """A bar of [start, end). Ids are −1 where no trade with an id was."""

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


class Told(NamedTuple):
    """What every message of a stream is told besides its content."""

    topic: str
    id: str
    now_ns: int


Content = Literal["trade", "taker", "group", "quote", "change", "window", "whole", "bar", "day", "days"]
"""What a stream's messages are made of: `trade` Sold · `taker` a tuple of one taker's Sold · `group` Group ·
`quote whole` Levels · `change window` Change, of the whole book or of its best `depth` levels · `bar` Candle ·
`day` Today · `days` pairs of id and Today, of all markets in which something happened since; such a stream has no
`id`."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a topic is. `every` 0: when it happens. `span` is a bar's interval.

    `until` is the first day on which the venue does not have it any more: then it is like a topic that never was.
    """

    content: Content
    id: str
    sample: str
    values: Callable[[Told, Any], Values]
    every: float = 0.0
    depth: int | None = None
    span: Span | None = None
    step: int = 0  # so many decimals of the price are dropped: see `Facts.levels`
    endpoints: tuple[str, ...] = ()  # where it is served; everywhere when empty
    until: date | None = None


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


Args = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """A call over HTTP; `weight` is what a question costs, `snapshot` says that books are seeded by it.

    `until` is the first day on which the venue does not have it any more: then it answers `Dialect.gone`.
    """

    path: str
    answer: Callable[[Facts, Args], Said]
    weight: Callable[[Args], int] = lambda args: 1
    snapshot: bool = False
    method: str = "GET"
    until: date | None = None


def stands(one: Stream | Route, day: date) -> bool:
    """Whether the venue has it on a day."""
    return one.until is None or day < one.until


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one venue speaks. See the module.

    `id` makes the venue's id of base and quote. `stream` says what a topic is, None where there is no such; `unknown`
    the code and text by which a topic is refused (without it, it is taken and stays silent). `door` makes of a URL's
    path the name of the endpoint, None where there is none. Messages of endpoints in `wrapped` are wrapped by `wrap`.
    `whole` answers a request for a book on the socket, which lags `request_lag` seconds; `other` whatever else a
    client may send, given its message and topics. `limited` refuses for so many seconds (the flag: as a ban),
    `spent` makes headers of what was used, the limit and the seconds until it begins anew. `pace` is how many
    messages a client may send in a second. `gone` answers a call that was retired.
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


def paths(prefix: str, values: Mapping[str, object]) -> dict[str, object]:
    """The same values, with their paths below `prefix`."""
    return {f"{prefix}.{path}": value for path, value in values.items()}
