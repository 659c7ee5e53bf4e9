"""What a venue declares of everything that is not a book: streams of facts, and REST calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from tidebook.core.effects import Reply, Request
from tidebook.core.endpoint import ConnectionOnly, Life
from tidebook.errors import TidebookError, UsageError
from tidebook.model.facts import (
    Bar,
    Fact,
    Funding,
    Greeks,
    Instrument,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Quote,
    Ticker,
    Trade,
)

NOUNS: Final[Mapping[str, type[Fact]]] = {
    "trades": Trade, "quotes": Quote, "bars": Bar, "ticker": Ticker, "mark_prices": MarkPrice, "funding": Funding,
    "liquidations": Liquidation, "open_interest": OpenInterest, "greeks": Greeks,
}  # fmt: skip


def has(instrument: Instrument, noun: str) -> bool:
    """Whether there can be such facts of it: only what never ends is funded, only options have greeks."""
    match noun:
        case "funding":
            return instrument.kind in ("linear", "inverse") and instrument.expiry_ns is None
        case "mark_prices" | "liquidations" | "open_interest":
            return instrument.kind != "spot"
        case "greeks":
            return instrument.kind == "option"
    return True


def check_has(instrument: Instrument, noun: str) -> None:
    """Raises UsageError where there can be no such facts of it."""
    if not has(instrument, noun):
        text = f"{instrument.symbol} is {_WHAT[instrument.kind]} of {instrument.venue}: it has no {noun}"
        raise UsageError(text, venue=instrument.venue, symbol=instrument.symbol)


_WHAT: Final = {
    "spot": "a spot market", "linear": "a linear contract", "inverse": "an inverse contract", "option": "an option"
}  # fmt: skip


class _Seen(NamedTuple):
    venue: str
    symbol: Callable[[str], str]
    received_ns: int


class Seen(_Seen):
    """What a reader of messages knows besides the message: a tuple of `venue`, `symbol` and `received_ns`.

    `symbol` makes the canonical symbol of the venue's id (the id itself where it is not listed). `topic` is the key by
    which a message was found among several of its frame (`FactChannel.each`): a frame with messages of several topics
    comes once for each of them, and its reader makes the facts of that topic's alone. Empty: of all there are.
    `clock_ns` is the venue's time when it came, as early as it may have been; None where only ours is known.
    """

    topic: str = ""
    clock_ns: int | None = None

    @property
    def there_ns(self) -> int:
        """When it came, by the venue's clock where that is known: what ends later has not ended yet."""
        return self.received_ns if self.clock_ns is None else self.clock_ns


@dataclass(frozen=True, slots=True)
class FactChannel:
    """One kind of stream, mostly named by a noun of `NOUNS`: `trades quotes bars ticker …`.

    `topic` makes the subscribed text from the venue's id and, where the channel has `options` (the
    intervals of bars), one of them; `key` the bytes by which the engine finds its messages (the topic itself
    where None); `each` and `route` say where those bytes stand, as in a book's shape. `read` makes the facts of
    one frame; it raises DecodeError, or msgspec's errors, for what is not as the venue promised.

    `also` are further nouns whose facts come by the same messages: a noun's readers get the facts of its class.
    Several instruments may have one topic, which then does not spell the venue's id: each one's readers get its facts.
    `fresh` makes readers that remember (messages that say only what changed), one for each topic, a new one after each
    loss of the connection; `read` is then the reader of one message alone.
    """

    name: str
    endpoint: str
    topic: Callable[[str, str | None], str]
    read: Callable[[bytes, Seen], Sequence[Fact]]
    route: tuple[str, ...]
    each: str | None = None
    key: Callable[[str], bytes] | None = None
    options: tuple[str, ...] = ()
    life: Life = field(default_factory=ConnectionOnly)
    first_data: float | None = None
    also: tuple[str, ...] = ()
    fresh: Callable[[], Callable[[bytes, Seen], Sequence[Fact]]] | None = None

    def __post_init__(self) -> None:
        if self.also and not (set(self.nouns) <= set(NOUNS) and len(set(self.nouns)) == len(self.nouns)):
            raise UsageError(f"channel {' '.join(self.nouns)}: several nouns are of {', '.join(NOUNS)}, each once")

    @property
    def nouns(self) -> tuple[str, ...]:
        """All whose facts its messages bring."""
        return (self.name, *self.also)

    def reader(self) -> Callable[[bytes, Seen], Sequence[Fact]]:
        """What reads the messages of one topic, until its connection is lost."""
        return self.read if self.fresh is None else self.fresh()

    def spells(self, id: str, topic: str) -> bool:
        """Whether the topic spells this id, whatever the case: then it is this instrument's alone."""
        text, word = topic.lower(), id.lower()
        at = text.find(word)
        while at >= 0 and (text[at - 1 : at].isalnum() or text[at + len(word) :][:1].isalnum()):
            at = text.find(word, at + 1)
        return at >= 0


@dataclass(frozen=True, slots=True)
class Question:
    """What a REST call may be asked. `instrument` is the venue's id; times are ns, UTC, end exclusive."""

    instrument: str | None = None
    limit: int | None = None
    interval: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One REST call: `instruments time book trades bars ticker tickers funding funding_now mark_price open_interest`.

    `request` makes the request, `weight` what it costs in `pool`, `read` what the body says: for `time` an int
    of ns, for `ticker`, `funding_now` (what is not charged yet), `mark_price` and `open_interest` one fact, else a list
    of facts or instruments (`book` has no `read` of use: the engine reads it, in the channel's snapshot shape). `most`
    is the greatest `limit`. `ranges`: it can be asked from and until an instant, the oldest first from a start, else
    the newest until an end; ``until``: only until an instant, the newest before it. `longest` is how many seconds of
    rows one answer holds, and a range may have: longer ones are asked for in parts.
    `more` makes, of a request and the body of its answer, the request for what was left out of it, and None where that
    is all; what the answers list is one list.
    `parts` make further requests where one question is several to the venue (a list for each kind of instrument): the
    rows of all answers, in this order, are the answer; each weighs, and is read, as the first. One that fails fails it.
    `keyed`: the venue answers it to those alone who have a key.
    `limits` reads from the body what the venue says of its limits: units by pool, each in the seconds that the pool
    declares; empty where it says nothing.
    """

    name: str
    request: Callable[[Question], Request]
    read: Callable[[bytes, Seen, Question], Any]
    pool: str
    weight: Callable[[Question], int]
    most: int | None = None
    ranges: bool | Literal["until"] = False
    limits: Callable[[bytes], Mapping[str, int]] | None = None
    more: Callable[[Request, bytes], Request | None] | None = None
    parts: tuple[Callable[[Question], Request], ...] = ()
    keyed: bool = False
    longest: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """How a venue answers, whatever was asked.

    `error` makes the error that a reply means, or None where it is a good one (some venues say no with
    status 200); the arguments are the reply, the venue's name and the wall time (ns). A RateLimited or Banned closes
    the request's pool until the time that it says. `used` reads from headers how much of which pool is spent by all
    that the venue counts together.
    """

    error: Callable[[Reply, str, int], TidebookError | None]
    used: Callable[[Mapping[str, str]], Mapping[str, int]] = lambda headers: {}
