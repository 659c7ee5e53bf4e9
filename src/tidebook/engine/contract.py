"""The signatures that both engines have. What they do is in README.md beside this file."""

from typing import Literal, NamedTuple, Protocol

from tidebook.engine.rule import SyncRule
from tidebook.engine.shape import BookShape, Id
from tidebook.model.market import Level

Side = Literal["bid", "ask"]
Role = Literal["stream", "snapshot"]
RawLevel = tuple[int, int, int, int]
"""Price mantissa, price scale, size mantissa, size scale: 60000.10 × 0.5 may be (6000010, 2, 5, 1)."""

What = Literal[
    "seeded", "waiting", "gap", "too_old", "checksum", "unchecked", "unknown_id", "equal", "ahead",
]  # fmt: skip


class Other:
    """A frame that is not a book's: `topic` as it was wanted, or None where nothing wants it."""

    __slots__ = ("topic",)

    def __init__(self, topic: bytes | None) -> None:
        self.topic = topic

    def __repr__(self) -> str:
        return f"<Other {self.topic!r}>"


UNROUTED = Other(None)


class Event:
    """Something rarer than a change: `what` happened to `book` (None: to every book of the connection)."""

    __slots__ = ("book", "expected", "got", "what")

    def __init__(self, book: "Book | None", what: What, expected: int | None, got: int | None) -> None:
        self.book = book
        self.what: What = what
        self.expected = expected
        self.got = got

    def __repr__(self) -> str:
        return f"<Event {self.what} expected {self.expected}, got {self.got}>"


class NotSeeded(LookupError):
    """Asked for what is current, of a book that is not."""


Best = tuple[float | None, float | None, float | None, float | None]
"""Bid price, its size, ask price, its size: the nearest doubles, None for an empty side's two."""

Floats = tuple[tuple[float, float], ...]

Reach = tuple[tuple[int, int] | None, tuple[int, int] | None]
"""The worst known bid and ask price, as (mantissa, scale)."""


class Look(NamedTuple):
    """A book at one instant, between two messages; the fields are those of `Book`, `trimmed` is of its `stats`."""

    bids: list[RawLevel]
    asks: list[RawLevel]
    seeded: bool
    last: int | None
    venue_ns: int | None
    applied_ns: int | None
    reach: Reach
    trimmed: int


class Book(Protocol):
    """One book: levels, sequence and buffer. Times are the caller's integers of nanoseconds.

    What only looks may be called from any thread, while another one feeds: each call sees one instant.
    """

    @property
    def seeded(self) -> bool: ...
    @property
    def bridged(self) -> bool: ...
    @property
    def first(self) -> int | None: ...
    @property
    def last(self) -> int | None: ...
    @property
    def prev(self) -> int | None: ...
    @property
    def venue_ns(self) -> int | None:
        """The venue's stamp of the last applied message that had one."""
        ...

    @property
    def heard_ns(self) -> int | None:
        """When the last message of this topic was received, applied or not."""
        ...

    @property
    def applied_ns(self) -> int | None:
        """When the last applied message was received."""
        ...

    @property
    def applied(self) -> int:
        """How many messages were applied, snapshots included."""
        ...

    @property
    def bid_count(self) -> int: ...
    @property
    def ask_count(self) -> int: ...
    @property
    def buffered(self) -> int: ...
    @property
    def reach(self) -> Reach:
        """The worst bid and ask price of the last snapshot, or of what `depth_cap` kept, as (mantissa, scale)."""
        ...

    def stats(self) -> dict[str, int]:
        """Counters: snapshots applied ignored gaps too_old buffer_dropped absent_removals cut trimmed over_window
        checksum_passed checksum_failed unchecked compare_equal compare_different."""
        ...

    def look(self, n: int | None = None, side: Side | None = None) -> Look:
        """The best `n` levels of both sides (all with None), and what belongs to them, of one instant.

        With `side` the other one is left out. Raises RuntimeError when it is called while this very thread changes the
        book, as a signal's or a collector's function may be.
        """
        ...

    def levels(self, side: Side, n: int | None = None) -> list[RawLevel]:
        """The best `n` levels (all with None), best first."""
        ...

    def floats(self, side: Side, n: int | None = None) -> list[tuple[float, float]]: ...

    def best(self) -> Best: ...

    # Of a book that is seeded; these raise NotSeeded else, and RuntimeError as `look` does.

    def best_bid(self) -> Level | None:
        """The same object until a message is applied; None where the side is empty."""
        ...

    def best_ask(self) -> Level | None: ...

    def best_floats(self) -> Best: ...

    def top(self, n: int | None = None) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `n` bids and asks (all with None). Asked again before a message is applied: the same object."""
        ...

    def top_floats(self, n: int | None = None) -> tuple[Floats, Floats]:
        """The same as doubles: (price, size)."""
        ...

    def top_doubles(self, n: int | None = None) -> tuple[bytes, bytes]:
        """The same doubles as this machine writes them, price and size in turn, one level behind the other."""
        ...

    def seed(self, body: bytes, received_ns: int, asked_ns: int, *, cap: int = 8 << 20, audit: bool = False) -> Event:
        """A snapshot from outside, in the snapshot shape. Raises DecodeError; then nothing has changed.

        With `audit` a seeded book is replaced only where it differs; else the event is ``equal``, or ``ahead`` for a
        snapshot that is newer than the book, ``too_old`` for one of before what was retained, and nothing has changed.
        """
        ...

    def unseed(self, keep_buffer: bool = False) -> None:
        """Not current any more; the levels stay to be looked at."""
        ...

    def retain(self, on: bool) -> None: ...


Outcome = None | Book | Event | Other | tuple[Book | Event | Other, ...]


class Formed(Protocol):
    """Whatever says where messages and their topics stand in a frame."""

    @property
    def each(self) -> str | None: ...
    @property
    def route(self) -> tuple[str, ...]: ...


class Feed(Protocol):
    """One connection: frames in, outcomes out."""

    def want(self, topic: bytes, book: Book, role: Role = "stream") -> None: ...
    def other(self, topic: bytes, form: "Formed | None" = None) -> None:
        """Frames of this topic come back as the same `Other` each time; `form` is looked for as a shape's is."""
        ...

    def forget(self, topic: bytes) -> None:
        """Frames of this topic are passed over from now on; unknown topics are ignored."""
        ...

    def reset(self) -> None:
        """A new connection: the counter starts anew. Topics stay."""
        ...

    def feed(self, frame: bytes, received_ns: int) -> Outcome:
        """One data frame. Keeps no reference to it. Raises DecodeError; then nothing of it was applied."""
        ...


class Engine(Protocol):
    """`tidebook.engine.twin` and `tidebook.engine._native` are of this kind."""

    name: str

    def Book(  # noqa: N802 - it is the class
        self,
        shape: BookShape,
        rule: SyncRule,
        *,
        snapshot: BookShape | None = None,
        depth_cap: int = 20_000,
        price_scale: int = 0,
        size_scale: int = 0,
    ) -> Book: ...

    def Feed(self, *, counter: Id | None = None, cap: int = 4 << 20) -> Feed: ...  # noqa: N802
