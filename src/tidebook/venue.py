"""The vocabulary in which a venue is declared: frozen, checked when it is imported.

A declaration is data plus a few pure functions. Everything that acts on it is written once,
elsewhere, and names no venue. `VERSION` rises when a declaration written for an older one
would be understood differently.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from tidebook.core.channel import Answers, Call, FactChannel, Question, Seen
from tidebook.core.effects import Reply, Request
from tidebook.core.endpoint import (
    Companion,
    ConnectionOnly,
    Endpoint,
    Heartbeat,
    Life,
    Lifetime,
    Ping,
    Pool,
    Repeats,
    Subscribing,
    Template,
)
from tidebook.core.intents import ClientIds
from tidebook.core.login import Login
from tidebook.core.plan import BookPlan, RestSeed
from tidebook.core.rules import Wish
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.talk import Answered, OrderSocket
from tidebook.core.trading import (
    AccountStream,
    Act,
    Countdown,
    DeadMan,
    Expired,
    Inquiry,
    Look,
    Ref,
    Token,
    Told,
    Trading,
)
from tidebook.engine.rule import Bridge, Chain, Pace, Proof, Resync, Scope, Seed, SyncRule
from tidebook.engine.shape import (
    BookShape,
    Checksum,
    Codec,
    Digits,
    Id,
    Kind,
    Number,
    Order,
    Remove,
    Row,
    Rows,
    Time,
    TimeUnit,
    Window,
)
from tidebook.errors import UsageError, VenueClosed
from tidebook.model.facts import Instrument

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class BookChannel:
    """One way in which a venue publishes a book.

    `topic` makes the subscribed text from the venue's id of the instrument; `matches` is the way
    back, from a topic to that id, or None. `key` makes of a topic the bytes by which the engine finds its
    messages (the topic itself where None); `reply_key` those of replies that bring whole books. `side_topic` names the
    channel that repeats whole books, for seed `side`.
    `rest` makes the snapshot's request, for so many levels (None: as many as do well); `depths` are those that may be
    chosen, the most last. `snapshot_of` reads from a request's URL for which id it asks.
    """

    name: str
    endpoint: str
    topic: Callable[[str], str]
    matches: Callable[[str], str | None]
    shape: BookShape
    rule: SyncRule
    snapshot: BookShape | None = None
    key: Callable[[str], bytes] | None = None
    reply_key: Callable[[str], bytes] | None = None
    side_topic: Callable[[str], str] | None = None
    rest: Callable[[str, int | None], RestSeed] | None = None
    depths: tuple[int, ...] = ()
    snapshot_of: Callable[[str], str | None] | None = None
    ask: Template | None = None
    life: Life = field(default_factory=ConnectionOnly)
    first_data: float | None = None

    def __post_init__(self) -> None:
        seed = self.rule.seed
        if seed is Seed.REST and (self.rest is None or self.snapshot is None or self.snapshot_of is None):
            raise UsageError(f"{self.name}: seed rest needs `rest`, `snapshot` and `snapshot_of`")
        if seed is Seed.REQUEST and (self.ask is None or self.snapshot is None or self.reply_key is None):
            raise UsageError(f"{self.name}: seed request needs `ask`, `snapshot` and `reply_key`")
        if seed is Seed.SIDE and self.side_topic is None:
            raise UsageError(f"{self.name}: seed side needs `side_topic`")
        if Proof.CHECKSUM in self.rule.proof and self.shape.checksum is None:
            raise UsageError(f"{self.name}: proof by checksum needs the shape's checksum")
        if Proof.SEQUENCE in self.rule.proof and self.rule.scope is Scope.TOPIC:
            needed = {"last": self.shape.last} if self.rule.chain is Chain.NEXT else {"prev": self.shape.prev}
            for name, place in needed.items():
                if place is None:
                    raise UsageError(f"{self.name}: chain {self.rule.chain} needs `{name}` in the shape")


def _nothing(method: str, path: str) -> bool:
    del method, path
    return False


def known_public(*paths: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[str, str], bool]:
    """For `Venue.public`: these paths and no others. One that ends in ``/`` stands for all below it."""
    exact, below = frozenset(paths), tuple(path for path in paths if path.endswith("/"))
    return lambda method, path: method in methods and (path in exact or path.startswith(below))


@dataclass(frozen=True, slots=True)
class Environment:
    """The same venue on other hosts: `hosts` maps live host names to theirs.

    `headers` go with each REST request there, for venues that tell by them what is meant. `sign` is how its private
    side is signed, where that is another way than the venue's.
    """

    name: str
    hosts: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    sign: Scheme | None = None


@dataclass(frozen=True, slots=True)
class Era:
    """A dated version of a venue's protocol: what was different until `until` (ISO date, exclusive)."""

    name: str
    until: str
    books: tuple[BookChannel, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Venue:
    """One market of an exchange, whole.

    `rest` is where its REST calls go, scheme and host. `aliases` are further host names under which it is, or was,
    reached; a host alone, or a host and the beginning of a path (`host/path`). `url_topics` reads the topics that a
    stream URL subscribes by itself; `sent_topics` those that a message sent by a client subscribes; `data_topic` the
    topic of a data message, for recordings that show nothing else (all three take and give text, None or empty where
    there is nothing). `listing` reads, from a URL and its body, the canonical symbol of each of the venue's ids (as
    topics write them); empty where that is no list of instruments. Where no list is known, `symbol` makes a name from
    the id. `unlisted` makes an instrument of a symbol for whoever has no key where the list of them wants one (None:
    it is none here). `scales` reads from what `listing` reads, where books are written in scaled integers, the scales
    of each id's prices and sizes. Where there is no `sent_topics`, the templates of the endpoints' subscriptions read
    what clients send. `key_headers` are what requests say of a key where there is one: header names, and texts in which
    ``$key`` and ``$secret`` stand for it. `sign` is how its private side is signed, and `public` says of a
    method and a path (without query) whether everybody may ask there; what is not known to be public is private.
    `trading` is how it takes orders and tells of accounts, `account` how it tells of them as it happens; None: that is
    not built.
    `without` names the channels of facts that the venue itself publishes nowhere, by its documents.
    """

    name: str
    exchange: str
    kind: Literal["spot", "linear", "inverse", "option", "mixed"]
    endpoints: tuple[Endpoint, ...]
    books: tuple[BookChannel, ...]
    facts: tuple[FactChannel, ...] = ()
    calls: tuple[Call, ...] = ()
    answers: Answers | None = None
    rest: str = ""
    pools: tuple[Pool, ...] = ()
    environments: tuple[Environment, ...] = (Environment("live"),)
    eras: tuple[Era, ...] = ()
    aliases: tuple[str, ...] = ()
    url_topics: Callable[[str], tuple[str, ...]] | None = None
    sent_topics: Callable[[str], tuple[str, ...]] | None = None
    data_topic: Callable[[str], str | None] | None = None
    symbol: Callable[[str], str] = str.upper
    listing: Callable[[str, bytes], Mapping[str, str]] | None = None
    unlisted: Callable[[str], Instrument | None] | None = None
    scales: Callable[[str, bytes], Mapping[str, tuple[int, int]]] | None = None
    without: tuple[str, ...] = ()
    key_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    sign: Scheme | None = None
    trading: Trading | None = None
    account: AccountStream | None = None
    public: Callable[[str, str], bool] = _nothing
    proof_from: str | None = None  # where the facts stand: the venue's document and its date
    version: int = VERSION

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise UsageError(f"{self.name} is declared in version {self.version} of the vocabulary, this is {VERSION}")
        names = {endpoint.name for endpoint in self.endpoints}
        channels: tuple[BookChannel | FactChannel, ...] = (*self.books, *self.facts)
        for one in channels:
            if one.endpoint not in names:
                raise UsageError(f"{self.name}: channel {one.name} names no endpoint of this venue")
        if self.account is not None and self.trading is None:
            raise UsageError(
                f"{self.name}: what it tells of accounts is joined with what it answers, and there is none"
            )
        for name in self.without:
            if self.channel(name) is not None:
                raise UsageError(f"{self.name}: it is without {name}, and declares a channel of that name")
        pools = {pool.name for pool in self.pools}
        for channel in self.books:
            if channel.rest is not None and channel.rest("X", None).pool not in pools:
                raise UsageError(f"{self.name}: channel {channel.name} names no pool of this venue")
        for call in self.calls:
            if call.pool not in pools:
                raise UsageError(f"{self.name}: call {call.name} names no pool of this venue")

    def environment(self, name: str) -> Environment:
        return next(one for one in self.environments if one.name == name)

    def scheme(self, environment: str = "live") -> Scheme | None:
        """How the private side is signed in an environment."""
        return self.environment(environment).sign or self.sign

    def channel(self, noun: str) -> FactChannel | None:
        """The channel of this name, else one that brings such facts also."""
        named = (channel for channel in self.facts if channel.name == noun)
        return next(named, None) or next((channel for channel in self.facts if noun in channel.also), None)

    def call(self, name: str) -> Call | None:
        return next((call for call in self.calls if call.name == name), None)

    def endpoint(self, name: str) -> Endpoint:
        return next(endpoint for endpoint in self.endpoints if endpoint.name == name)

    def book_plan(
        self, channel: BookChannel, instrument: str, topic: str | None = None, symbol: str | None = None,
        limit: int | None = None, scales: tuple[int, int] | None = None,
    ) -> BookPlan:  # fmt: skip
        """What the machines need to keep the book of `instrument` (the venue's id) by `channel`.

        `topic` is one of the channel's other topics for it, where not the usual one is wanted. `limit` is how many
        levels of a side its snapshots are asked for. `scales` are those of the instrument's prices and sizes, where
        they are written as integers. Raises UsageError where the channel leaves no such choice, or needs the scales.
        """
        if channel.shape.scaled and scales is None:
            raise UsageError(f"{self.name}: the scale of the prices of {instrument} is not known", venue=self.name)
        if limit is not None and not (channel.depths and 1 <= limit <= channel.depths[-1]):
            there = f"at most {channel.depths[-1]} levels" if channel.depths else "no choice of depth"
            raise UsageError(f"limit={limit}: book {channel.name!r} of {self.name} has {there}", venue=self.name)
        topic = topic or channel.topic(instrument)
        return BookPlan(
            venue=self.name,
            symbol=symbol or self.symbol(instrument),
            topic=topic,
            endpoint=self.endpoint(channel.endpoint),
            shape=channel.shape,
            rule=channel.rule,
            key=b"" if channel.key is None else channel.key(topic),
            snapshot=channel.snapshot,
            snapshot_key=None if channel.reply_key is None else channel.reply_key(topic),
            side_topic=None if channel.side_topic is None else channel.side_topic(instrument),
            rest=None if channel.rest is None else channel.rest(instrument, limit),
            ask=channel.ask,
            life=channel.life,
            first_data=channel.first_data,
            price_scale=0 if scales is None else scales[0],
            size_scale=0 if scales is None else scales[1],
        )


@dataclass(frozen=True, slots=True)
class Closed:
    """An exchange that has shut down: data alone, so that nothing is ever opened there, sent there or looked up.

    `name` and `aliases` are what users may type, in lower case; `title` is how it called itself. `closed_on` is the
    ISO date from which nothing could be traded, `reason` why. `successor` is told to users and never followed:
    accounts, symbols and fees are others there. `hosts` were its own and can have changed hands: nothing is sent to
    them or to any host below them, whoever gives the address. `venues` read its recordings, and are opened by no
    client. `see`: where the facts stand.
    """

    name: str
    title: str
    closed_on: str
    reason: str
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    successor: str | None = None
    venues: tuple[Venue, ...] = ()
    see: str | None = None

    def __post_init__(self) -> None:
        try:
            date.fromisoformat(self.closed_on)
        except ValueError:
            raise UsageError(f"{self.name}: closed_on={self.closed_on!r} is no ISO date") from None
        for word in (*self.names, *self.hosts):
            if not word or word != word.lower():
                raise UsageError(f"{self.name}: {word!r} is not in lower case")

    @property
    def names(self) -> tuple[str, ...]:
        """All that users may type for it."""
        return (self.name, *self.aliases)

    def refusal(self, said: str) -> VenueClosed:
        """The error for `said`, a name or a host of it."""
        after = "without a successor" if self.successor is None else f"succeeded by {self.successor}"
        left = "its recordings replay: tidebook replay FILE" if self.venues else "its history is with archives alone"
        return VenueClosed(
            f"{said!r} is {self.title}, closed since {self.closed_on} ({self.reason}), {after}",
            closed_on=self.closed_on, venue=self.name, hint=f"Nothing is opened or sent there; {left}",
        )  # fmt: skip


__all__ = [
    "VERSION",
    "AccountStream",
    "Act",
    "Answered",
    "Answers",
    "BookChannel",
    "BookShape",
    "Bridge",
    "Call",
    "Chain",
    "Checksum",
    "ClientIds",
    "Closed",
    "Codec",
    "Companion",
    "ConnectionOnly",
    "Countdown",
    "DeadMan",
    "Digits",
    "Endpoint",
    "Environment",
    "Era",
    "Expired",
    "FactChannel",
    "Heartbeat",
    "Id",
    "Inquiry",
    "Kind",
    "Life",
    "Lifetime",
    "Login",
    "Look",
    "Number",
    "Order",
    "OrderSocket",
    "Pace",
    "Ping",
    "Pool",
    "Proof",
    "Question",
    "Ref",
    "Remove",
    "Repeats",
    "Reply",
    "Request",
    "RestSeed",
    "Resync",
    "Row",
    "Rows",
    "Scheme",
    "Scope",
    "Seed",
    "Seen",
    "Stamp",
    "Subscribing",
    "SyncRule",
    "Template",
    "Time",
    "TimeUnit",
    "Token",
    "Told",
    "Trading",
    "Venue",
    "Window",
    "Wish",
    "known_public",
]
