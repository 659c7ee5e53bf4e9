"""What each venue can do here, as data: read from the declarations, for tables that people and programs look at."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from tidebook.core.channel import Call, FactChannel
from tidebook.venue import (
    BookChannel,
    Closed,
    Companion,
    Endpoint,
    Heartbeat,
    Life,
    Pool,
    Proof,
    Repeats,
    Scope,
    Seed,
    Venue,
)
from tidebook.venues import closed, closed_called, every, unknown

NOUNS: Final = ("trades", "quotes", "bars", "ticker", "funding", "liquidations")
"""The channels of facts that a market has words for."""

NOWHERE: Final[Mapping[str, frozenset[str]]] = {
    "spot": frozenset({"funding", "liquidations"}),
    "option": frozenset({"funding"}),
}
"""By kind of market: what none of its kind has."""

Offer = Literal["yes", "missing", "not offered"]
Known = Literal["window", "snapshot", "message"]


@dataclass(frozen=True, slots=True)
class BookWay:
    """One way in which a venue's books are kept.

    `state` is the best that a book of it can claim. `most` is how many levels of a side can be known, and `known`
    because of what: the venue's ``window``, a ``snapshot`` of that many at most, or what a ``message`` holds.
    `alive` is what proves a quiet book. `way_out`: its messages are decoded in Python before an engine reads them.
    """

    name: str
    seed: str
    chain: str
    scope: str
    proof: tuple[str, ...]
    state: Literal["live", "unproven"]
    known: Known
    most: int | None
    alive: str
    way_out: bool = False


@dataclass(frozen=True, slots=True)
class FactWay:
    """One channel of facts; `options` are the intervals of bars."""

    name: str
    alive: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallWay:
    """One REST call: `most` rows at once; `ranges` says whether it is asked from and until an instant."""

    name: str
    pool: str
    most: int | None
    ranges: bool


@dataclass(frozen=True, slots=True)
class SwitchWay:
    """A dead man's switch: what it `covers`, in words, and the `seconds` that it takes: ``10-120``, ``5 or more``."""

    covers: str
    seconds: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A pool: `limit` units in `per` seconds, counted by `scope`."""

    name: str
    limit: int
    per: float
    scope: str


@dataclass(frozen=True, slots=True)
class Former:
    """A former protocol whose recordings replay; it ended on `until` (ISO date)."""

    name: str
    until: str


@dataclass(frozen=True, slots=True)
class Capability:
    """What one venue can do. `nouns` says of each of NOUNS whether it is there; `signs` names the
    scheme by which its private side is signed, None where it is not known.

    `order_socket`: orders can go over its WebSocket API. `dead_man`: its dead man's switch, None where it has none
    that is known here.
    `dialect`: the embedded exchange speaks as it does. `facts` may have more channels than there are nouns.
    """

    venue: str
    exchange: str
    kind: str
    books: tuple[BookWay, ...]
    facts: tuple[FactWay, ...]
    nouns: Mapping[str, Offer]
    calls: tuple[CallWay, ...]
    environments: tuple[str, ...]
    limits: tuple[Limit, ...]
    eras: tuple[Former, ...]
    dialect: bool
    signs: str | None
    order_socket: bool
    dead_man: SwitchWay | None
    proof_from: str | None

    def to_dict(self) -> dict[str, Any]:
        """The same in dicts and lists, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Gone:
    """An exchange that has shut down; `replays` says whether its recordings can be read."""

    name: str
    title: str
    closed_on: str
    reason: str
    aliases: tuple[str, ...]
    successor: str | None
    replays: bool
    see: str | None

    def to_dict(self) -> dict[str, Any]:
        """The same in dicts and lists, for JSON."""
        return asdict(self)


# ---- from declarations


def capability(venue: Venue, *, dialect: bool) -> Capability:
    """What a declaration says that its venue can do. `dialect`: whether the simulator speaks it, which it knows."""
    return Capability(
        venue=venue.name,
        exchange=venue.exchange,
        kind=venue.kind,
        books=tuple(_book(venue, channel) for channel in venue.books),
        facts=tuple(_fact(venue, channel) for channel in venue.facts),
        nouns={noun: _offer(venue, noun) for noun in NOUNS},
        calls=tuple(_call(call) for call in venue.calls),
        environments=tuple(one.name for one in venue.environments),
        limits=tuple(_limit(pool) for pool in venue.pools),
        eras=tuple(Former(era.name, era.until) for era in venue.eras),
        dialect=dialect,
        signs=None if venue.sign is None else venue.sign.name,
        order_socket=venue.trading is not None and venue.trading.socket is not None,
        dead_man=_switch(venue),
        proof_from=venue.proof_from,
    )


def gone(one: Closed) -> Gone:
    """A closed exchange."""
    return Gone(
        one.name, one.title, one.closed_on, one.reason, one.aliases, one.successor, bool(one.venues), one.see
    )  # fmt: skip


def all_gone() -> tuple[Gone, ...]:
    """All closed exchanges, the last to close first."""
    by_name = sorted(map(gone, closed().values()), key=lambda one: one.name)
    return tuple(sorted(by_name, key=lambda one: one.closed_on, reverse=True))


def declared_as(name: str) -> tuple[Venue, ...] | Gone:
    """The venues of this name or of the exchange of this name, or what is left of one that closed.

    Raises UnknownVenue with names like it.
    """
    found = tuple(venue for venue in every().values() if name in (venue.name, venue.exchange))
    if found:
        return found
    left = closed_called(name)
    if left is None:
        raise unknown(name, sorted({venue.exchange for venue in every().values()}))
    return gone(left)


def _offer(venue: Venue, noun: str) -> Offer:
    if venue.channel(noun) is not None:
        return "yes"
    return "not offered" if noun in NOWHERE.get(venue.kind, ()) or noun in venue.without else "missing"


def _switch(venue: Venue) -> SwitchWay | None:
    one = None if venue.trading is None else venue.trading.dead_man
    if one is None:
        return None
    return SwitchWay(one.covers, f"{one.least:g}-{one.most:g}" if one.most else f"{one.least:g} or more")


def _book(venue: Venue, channel: BookChannel) -> BookWay:
    rule = channel.rule
    known, most = _known(channel)
    return BookWay(
        name=channel.name,
        seed=rule.seed.value,
        chain=rule.chain.value,
        scope=rule.scope.value,
        proof=tuple(_proof(channel, proof) for proof in rule.proof),
        state="live" if rule.proves else "unproven",
        known=known,
        most=most,
        alive=_alive(channel.life, venue.endpoint(channel.endpoint)),
        way_out=venue.endpoint(channel.endpoint).decode is not None,
    )


def _known(channel: BookChannel) -> tuple[Known, int | None]:
    if channel.shape.window is not None:
        return "window", channel.shape.window.levels
    if channel.rule.seed in (Seed.REST, Seed.REQUEST, Seed.SIDE):
        return "snapshot", channel.depths[-1] if channel.depths else None
    return "message", None


def _proof(channel: BookChannel, proof: Proof) -> str:
    checksum = channel.shape.checksum
    return f"checksum({checksum.depth})" if proof is Proof.CHECKSUM and checksum is not None else proof.value


def _fact(venue: Venue, channel: FactChannel) -> FactWay:
    return FactWay(channel.name, _alive(channel.life, venue.endpoint(channel.endpoint)), channel.options)


def _alive(life: Life, endpoint: Endpoint) -> str:
    """What proves that a quiet channel lives, in words."""
    match life:
        case Repeats(seconds):
            return f"repeats {seconds:g} s"
        case Heartbeat(_, seconds):
            return f"heartbeat {seconds:g} s"
        case Companion():
            return "companion"
        case _:
            return f"ping {endpoint.ping.every:g} s"


def _call(call: Call) -> CallWay:
    return CallWay(call.name, call.pool, call.most, bool(call.ranges))


def _limit(pool: Pool) -> Limit:
    return Limit(pool.name, pool.limit, pool.per, pool.scope)


def chained(way: BookWay) -> str:
    """seed · chain · proof; the scope where it is not one topic."""
    chain = way.chain if way.scope == Scope.TOPIC.value else f"{way.chain}({way.scope})"
    return f"{way.seed} · {chain} · {'+'.join(way.proof)}"


def reaches(way: BookWay) -> str:
    """How much of the book can be known, in words."""
    match way.known:
        case "window":
            return f"best {way.most}"
        case "snapshot":
            return "as snapshot" if way.most is None else f"≤ {way.most}"
        case _:
            return "as sent"
