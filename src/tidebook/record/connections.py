"""Which connections and books a recording shows: what its replay opens and wants."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

from tidebook.core.codec import inflate
from tidebook.core.plan import BookPlan
from tidebook.engine.rule import Pace
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError, UsageError
from tidebook.record.capture import Record
from tidebook.venue import BookChannel, Endpoint, Era, Venue
from tidebook.venues import at_host, every, named

PIN_HEADER = "tidebook-replay"
"""By this the replay's server knows which recorded connection a client means: its name, percent-encoded."""

MOST_CONNECTIONS: Final = 500
URL_MOST: Final = 8000
"""Bytes of a connection's URL: what the replay's own server takes."""

MOST_TOPICS: Final = 10_000
"""Of one connection; books are topics."""

QUIET: Final = 3600.0
"""Seconds without a heartbeat: those of a recording are not repeated, and its silences have another length here."""

_T = TypeVar("_T")

AT_ONCE = Pace(count=20, per=1.0, spacing=0.05, lag=0.0)
"""Snapshots come when their line comes, perhaps a thousand times faster than once; the venue's pace does not apply."""


@dataclass(slots=True)
class Claim:
    """The venues that connections may be of, for as long as several may."""

    venues: tuple[Venue, ...]


@dataclass(slots=True)
class Recorded:
    """One recorded WebSocket connection. `by_url` are the topics that its URL subscribes."""

    conn: str
    url: str
    claim: Claim
    by_url: tuple[str, ...] = ()
    topics: dict[str, None] = field(default_factory=dict[str, None])  # as they appeared, without those of the URL
    sent_any: bool = False

    @property
    def venue(self) -> Venue:
        """Whose it is."""
        return self.claim.venues[0]


@dataclass(frozen=True, slots=True)
class WantedBook:
    """A book that the recording shows: `instrument` is the venue's id, `conn` its connection."""

    plan: BookPlan
    channel: BookChannel
    instrument: str
    conn: str


@dataclass(frozen=True, slots=True)
class Connections:
    """What a replay opens: every recorded connection, and the books on them."""

    recorded: tuple[Recorded, ...]
    books: tuple[WantedBook, ...]
    # By the name of a venue, what its lists say: the symbol of each id.
    symbols: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @property
    def name(self) -> str:
        """The venue's; that of the exchange where connections are of several of its venues."""
        first = self.recorded[0].venue
        return first.name if all(one.venue is first for one in self.recorded) else first.exchange

    def without_books(self) -> tuple["Bare", ...]:
        """The recorded connections that carry no book; they are opened all the same."""
        used = {book.conn for book in self.books}
        return tuple(
            Bare(as_recorded(one.venue.endpoints[0], one.url), one.url, pinned(one.conn), one.conn)
            for one in self.recorded
            if one.conn not in used
        )


@dataclass(frozen=True, slots=True)
class Bare:
    """A recorded connection without a book."""

    endpoint: Endpoint
    url: str
    headers: Mapping[str, str]
    pin: str


def pinned(conn: str) -> dict[str, str]:
    """The headers with which a client opens a recorded connection."""
    return {PIN_HEADER: quote(conn, safe="")}


@lru_cache(maxsize=4096)
def exchange_at(url: str) -> str:
    """The exchange whose host a URL has; empty where none claims it."""
    parts = urlsplit(url)
    return next((one.exchange for one in at_host(parts.hostname or "", parts.path or "/", recorded=True)), "")


def exchanges(records: Iterable[Record]) -> tuple[str, ...]:
    """The exchanges of a recording's connections, in the order in which they come."""
    urls = dict.fromkeys(record.url for record in records if record.url.startswith(("ws:", "wss:")))
    return tuple(dict.fromkeys(map(exchange_at, urls)))


def of_exchange(records: Iterable[Record], exchange: str) -> Iterator[Record]:
    """The records of one of them, and those that are nobody's."""
    return (record for record in records if not record.url or exchange_at(record.url) == exchange)


def survey(records: Iterable[Record], choice: str | None = None, *, books_only: bool = True) -> Connections:
    """Read a recording through and say what it shows.

    `choice` is ``NAME[:era]`` for a host that no venue claims. Raises UnknownVenue or UsageError; the latter also where
    there is no book, unless `books_only` is false.
    """
    found: dict[str, Recorded] = {}
    claims: list[Claim] = [] if choice is None else [Claim((_chosen(choice),))]
    symbols: dict[str, dict[str, str]] = {}
    scales: dict[str, dict[str, tuple[int, int]]] = {}
    for record in records:
        if record.dir == "http":
            venues = tuple(venue for claim in claims for venue in claim.venues)
            _listed(record, venues, lambda venue: venue.listing, symbols)
            _listed(record, venues, lambda venue: venue.scales, scales)
        if record.dir == "http" or not record.url.startswith(("ws:", "wss:")):
            continue
        seen = found.get(record.conn)
        if seen is None:
            claim = claims[0] if choice is not None else _claim(record.url, claims)
            reader = claim.venues[0].url_topics
            by_url: tuple[str, ...] = () if reader is None else _read((), reader, record.url)
            seen = found[record.conn] = Recorded(record.conn, record.url, claim, tuple(dict.fromkeys(by_url)))
            if len(record.url.encode()) > URL_MOST:
                raise UsageError(f"line {record.number}: the URL is longer than {URL_MOST} bytes")
            if len(found) > MOST_CONNECTIONS:
                raise UsageError(f"the recording has more than {MOST_CONNECTIONS} connections")
        _note(record, seen)
    if not found:
        raise UsageError("the recording has no WebSocket connection")
    for claim in claims:
        claim.venues = (_best(claim.venues, (one for one in found.values() if one.claim is claim)),)
    books = [
        book
        for one in found.values()
        for book in _books(one.venue, one, symbols.get(one.venue.name, {}), scales.get(one.venue.name, {}))
    ]
    connections = Connections(tuple(found.values()), tuple(books), symbols)
    if not books and books_only:
        raise UsageError(f"the recording shows no book of {connections.name}")
    return connections


def _chosen(choice: str) -> Venue:
    name, _, era = choice.partition(":")
    venue = named(name, recorded=True)
    if not era:
        return venue
    for one in venue.eras:
        if one.name == era:
            return _in_era(venue, one)
    known = ", ".join(one.name for one in venue.eras) or "none"
    raise UsageError(f"{venue.name} has no era {era!r}. It has: {known}")


def _in_era(venue: Venue, era: Era) -> Venue:
    return replace(venue, books=era.books or venue.books, endpoints=era.endpoints or venue.endpoints, eras=())


def _then(venue: Venue, path: str) -> tuple[bool, Venue]:
    """Whether it has an endpoint at just this path; as it was when it had, where it has none now."""
    if any(urlsplit(one.url).path == path for one in venue.endpoints):
        return True, venue
    eras = (era for era in venue.eras if any(urlsplit(one.url).path == path for one in era.endpoints))
    era = next(eras, None)
    return era is not None, venue if era is None else _in_era(venue, era)


def _claim(url: str, claims: list[Claim]) -> Claim:
    """Who may be at a URL: of those that claim it, the ones with just its path, if there are any.

    What may be of the same venue as connections before it is taken to be.
    """
    parts = urlsplit(url)
    there = at_host(parts.hostname or "", parts.path or "/", recorded=True)
    claimed = [_then(one, parts.path) for one in there if one.endpoints]  # without, its streams are not declared
    exact = tuple(venue for has_it, venue in claimed if has_it)
    venues = exact or tuple(venue for _, venue in claimed)
    for claim in claims:
        both = tuple(venue for venue in venues if venue in claim.venues)
        if both:
            claim.venues = both
            return claim
    if venues and all(venue.exchange == venues[0].exchange for claim in claims for venue in claim.venues):
        claims.append(Claim(venues))
        return claims[-1]
    if venues:
        raise UsageError("the recording has connections of several exchanges")
    names = ", ".join(sorted(every()))
    raise UsageError(
        f"no venue claims the host {parts.hostname}: it may not be supported yet (there are {names}). "
        "For another host that speaks the protocol of one of these, say which: --venue NAME[:era]. "
        "One that is declared in a file of yours: --declared FILE"
    )


def _best(venues: tuple[Venue, ...], recorded: Iterable[Recorded]) -> Venue:
    """Several venues share a host: the one that understands most topics."""
    topics = [topic for one in recorded for topic in (*one.by_url, *one.topics)]
    return max(venues, key=lambda venue: sum(_channel(venue, topic) is not None for topic in topics))


def _note(record: Record, seen: Recorded) -> None:
    """Take up the topics that one record shows."""
    venue = seen.venue
    topics: tuple[str, ...] = ()
    if record.dir == "send":
        seen.sent_any = True
        if isinstance(record.message, str):
            topics = _read((), venue.sent_topics or partial(_subscribed, venue), record.message)
    elif record.dir == "recv" and not seen.by_url and not seen.sent_any and venue.data_topic is not None:
        topic = _read(None, venue.data_topic, _text(record.message, venue))
        topics = () if topic is None else (topic,)
    for topic in topics:
        if topic not in seen.topics and topic not in seen.by_url:
            seen.topics[topic] = None
    if len(seen.topics) + len(seen.by_url) > MOST_TOPICS:
        raise UsageError(f"the recording has more than {MOST_TOPICS} topics on one connection")


def _subscribed(venue: Venue, message: str) -> tuple[str, ...]:
    """What a message subscribes in the way in which we would."""
    said = json.loads(message)
    for endpoint in venue.endpoints:
        words = endpoint.subscribing
        slots = None if words is None else words.read(words.subscribe, said)
        if slots is not None:
            return tuple(text for text in slots.get("topics", ()) if not text.endswith(" "))
    return ()


def _read(otherwise: _T, reader: Callable[..., _T], *said: str | bytes) -> _T:
    """What a venue's reader makes of a recorded text; a text that it cannot read says nothing."""
    try:
        return reader(*said)
    except (ValueError, RecursionError):
        return otherwise


def _text(message: str | bytes, venue: Venue) -> str:
    if isinstance(message, str):
        return message
    codec = venue.endpoints[0].codec
    try:
        plain = message if codec is Codec.TEXT else inflate(message, codec, venue.endpoints[0].cap)
        return plain.decode()
    except (DecodeError, UnicodeDecodeError):
        return ""


def _channel(venue: Venue, topic: str, url: str = "") -> tuple[BookChannel, str] | None:
    """The channel that a topic belongs to; of several, the one whose endpoint has the recorded path."""
    matches = [(one, found) for one in venue.books if (found := one.matches(topic)) is not None]
    for channel, instrument in matches:
        path = urlsplit(venue.endpoint(channel.endpoint).url).path
        if f"{urlsplit(url).path}/".startswith(f"{path}/"):
            return channel, instrument
    return matches[0] if matches else None


def _listed(
    record: Record,
    venues: tuple[Venue, ...],
    reader_of: Callable[[Venue], Callable[[str, bytes], Mapping[str, _T]] | None],
    found: dict[str, dict[str, _T]],
) -> None:
    """Take up what each venue reads of its ids in a body, if that is a list of its instruments."""
    parts = urlsplit(record.url)
    body = record.message.encode() if isinstance(record.message, str) else record.message
    there = at_host(parts.hostname or "", parts.path or "/", recorded=True)
    for venue in {one.name: one for one in (*venues, *there)}.values():
        nothing: Mapping[str, _T] = {}
        reader = reader_of(venue)
        if reader is not None and (some := _read(nothing, reader, record.url, body)):
            found.setdefault(venue.name, {}).update(some)


def _books(
    venue: Venue, recorded: Recorded, symbols: Mapping[str, str], scales: Mapping[str, tuple[int, int]]
) -> list[WantedBook]:
    """The books of one connection, each pinned to it."""
    books: list[WantedBook] = []
    for topic in (*recorded.by_url, *recorded.topics):
        match = _channel(venue, topic, recorded.url)
        if match is None:
            continue
        channel, instrument = match
        plan = replace(
            venue.book_plan(channel, instrument, topic, symbols.get(instrument), scales=scales.get(instrument)),
            endpoint=as_recorded(venue.endpoint(channel.endpoint), recorded.url),
            pin=recorded.conn,
            url=recorded.url,
            headers=pinned(recorded.conn),
            by_url=topic in recorded.by_url,
            rule=replace(channel.rule, pace=AT_ONCE),
        )
        books.append(WantedBook(plan, channel, instrument, recorded.conn))
    return books


def as_recorded(endpoint: Endpoint, url: str) -> Endpoint:
    """The endpoint as recorded: no limit on handshakes, age or silence applies to what is long over, and no login."""
    return replace(
        endpoint, connects=None, lifetime=None, login=None, url=url, ping=replace(endpoint.ping, deadline=QUIET)
    )
