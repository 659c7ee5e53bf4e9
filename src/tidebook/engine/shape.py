"""Book shapes: how a venue writes book messages.

A shape is data. Both engines interpret the same object; neither knows any venue.
`engine/README.md` states exactly what each knob means and in which order things
are read, so that two implementations agree on every frame.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from tidebook.errors import UsageError

Step = str | int
"""One step of a path: a key of an object, or an index of a list (negative from its end)."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value stands: ``Path.of("data.0.b")``.

    A text path is relative to the message; one that begins with ``/`` starts at the
    frame's root. Whole numbers are list indexes, everything else is a key; the empty
    path is the value itself. As the last step of `BookShape.each`, ``*`` means every
    member: list elements, or an object's values; then ``#`` in a route stands for the
    object key of the message at hand.
    """

    steps: tuple[Step, ...]
    root: bool = False

    @classmethod
    def of(cls, text: str) -> "Path":
        root = text.startswith("/")
        body = text[1:] if root else text
        if not body:
            return cls((), root)
        return cls(tuple(_step(part) for part in body.split(".")), root)

    def __str__(self) -> str:
        return ("/" if self.root else "") + ".".join(str(step) for step in self.steps)


def _step(part: str) -> Step:
    if part.isdigit() or (part.startswith("-") and part[1:].isdigit()):
        return int(part)
    return part


class Codec(StrEnum):
    """What the session undoes before the engine sees a frame."""

    TEXT = "text"  # text frames, or binary frames that hold UTF-8 text
    GZIP = "gzip"  # one gzip member a frame
    DEFLATE = "deflate"  # raw deflate, one stream a frame


class Number(StrEnum):
    """How prices and sizes are written."""

    TEXT = "text"
    JSON = "json"
    EITHER = "either"


class Remove(StrEnum):
    """What says that a level is gone."""

    SIZE = "size"  # size zero
    COUNT = "count"  # the row's count is zero
    ACTION = "action"  # the row's, or its list's, action word


class TimeUnit(StrEnum):
    """How a stamp is written. Number units take a JSON number or text, fractions allowed."""

    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"
    ISO = "iso"  # 2026-11-20T12:00:00[.fraction](Z|+00:00)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a message says whether it is a whole book or a change.

    Tried in this order, the first that decides wins: `nested`, `snapshot_keys`,
    `delta_keys`, `sentinel`, the words at `path`, `default`. A word that is in no list
    is a decode error ``malformed``; words in `ignore` make the message be skipped.
    """

    default: Literal["snapshot", "delta"] | None = None
    path: str | None = None
    snapshot: tuple[str, ...] = ()
    delta: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    snapshot_keys: tuple[str, ...] = ()  # any of these keys is in the message; each may be a path to one
    delta_keys: tuple[str, ...] = ()
    sentinel: tuple[str, int] | None = None  # (path, value): an integer there equal to value means snapshot
    nested: str | None = None  # a list there whose first element is a list (or that is empty): snapshot, else delta


@dataclass(frozen=True, slots=True)
class Rows:
    """Lists of rows that carry, or do not need, a side word.

    `path` leads to a list of rows, or with `single` to one row. With `flat` the list is itself one
    row when its first element is neither a list nor an object. `action` is the word that
    stands for every row of this list when rows have none of their own.
    """

    path: str
    action: str | None = None
    single: bool = False
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Where things stand inside one row: an index, a key, or a dotted path; with ``/`` in front, in the frame."""

    price: str = "0"
    size: str = "1"
    side: str | None = None
    action: str | None = None
    count: str | None = None
    id: str | None = None


class Digits(StrEnum):
    """How a checksum writes a number."""

    AS_SENT = "as_sent"
    BARE = "bare"  # as sent, without point and leading zeros
    PYTHON = "python_float"  # repr of the double nearest to it
    JAVASCRIPT = "javascript"  # as JavaScript prints the double nearest to it


class Order(StrEnum):
    """In which order a checksum takes the levels."""

    INTERLEAVED = "interleaved"  # bid 1, ask 1, bid 2, ask 2 …; an absent level is left out
    ASKS_THEN_BIDS = "asks_then_bids"


@dataclass(frozen=True, slots=True)
class Checksum:
    """A CRC-32 over the best `depth` levels of each side after a message was applied.

    The parts (price, size) are written as `digits` says and joined by `joiner`. The
    venue's value is read at `path`, or at the first of several that is present, as signed or
    unsigned 32 bits. `when` says which values count: ``present``: any; ``nonzero``: a 0 means
    "not calculated"; ``alone``: a message that has something at `path` carries nothing else.
    """

    path: str | tuple[str, ...]
    depth: int
    order: Order = Order.INTERLEAVED
    digits: Digits = Digits.AS_SENT
    joiner: str = ":"
    when: Literal["present", "nonzero", "alone"] = "nonzero"

    @property
    def paths(self) -> tuple[str, ...]:
        """The places of the value, in the order in which they are looked at."""
        return (self.path,) if isinstance(self.path, str) else self.path


@dataclass(frozen=True, slots=True)
class Window:
    """The venue keeps the best `levels` a side. `cut` says who removes what falls out of it.

    With ``client`` the engine cuts after each applied message. With ``venue`` nothing is cut;
    a book that grows longer is counted as `over_window`.
    """

    levels: int
    cut: Literal["client", "venue"] = "venue"


@dataclass(frozen=True, slots=True)
class Time:
    """Where the venue's stamp stands and in which unit."""

    path: str
    unit: TimeUnit = TimeUnit.MS


@dataclass(frozen=True, slots=True)
class Id:
    """Where a sequence number stands: a JSON integer or its text, within 64 bits signed.

    With `optional` an absent field, or a null, means "no id in this message". `none` is a
    value by which the venue says the same.
    """

    path: str
    optional: bool = False
    none: int | None = None


@dataclass(frozen=True, slots=True)
class BookShape:
    """How one channel (or one REST body, or one reply) writes a book. Checked when made.

    Exactly one of these says where the levels are: `bids` and `asks` (each a tuple of
    alternatives, the first present wins), or `rows`.
    With `rows`, the side of a row comes from `row.side` with `bid_words`/`ask_words`, or with
    `signed` from the sign of the size (positive: bid), or with `both` each row carries both
    sides and `row`/`both` locate bid and ask.
    """

    route: tuple[str, ...] = ()
    kind: Kind = field(default_factory=lambda: Kind(default="snapshot"))
    each: str | None = None
    bids: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    rows: tuple[Rows, ...] = ()
    row: Row = field(default_factory=Row)
    both: Row | None = None  # the ask's places, `row` being the bid's
    signed: bool = False
    bid_words: tuple[str, ...] = ()
    ask_words: tuple[str, ...] = ()
    remove: Remove = Remove.SIZE
    remove_words: tuple[str, ...] = ()
    skip_zero_price: bool = False
    number: Number = Number.TEXT
    scaled: bool = False
    first: Id | None = None
    last: Id | None = None
    prev: Id | None = None
    time: Time | None = None
    checksum: Checksum | None = None
    window: Window | None = None

    def __post_init__(self) -> None:
        if bool(self.bids or self.asks) == bool(self.rows):
            raise UsageError("a book shape has either bids and asks, or rows")
        if bool(self.bids) != bool(self.asks):
            raise UsageError("a book shape names both sides")
        if len(self.route) > 3:
            raise UsageError("a route has at most three paths")
        if self.rows:
            ways = (self.row.side is not None) + self.signed + (self.both is not None)
            if ways != 1:
                raise UsageError("rows take their side from a word, from the sign, or carry both")
            if self.row.side is not None and not (self.bid_words and self.ask_words):
                raise UsageError("side words are missing")
        elif self.signed or self.both is not None or self.row.side is not None:
            raise UsageError("bids and asks already say the side")
        if self.remove is Remove.ACTION and not self.remove_words:
            raise UsageError("removal by action needs the words")
        if self.remove is Remove.ACTION and self.row.action is None and not any(r.action for r in self.rows):
            raise UsageError("removal by action needs an action in the row or on its list")
        if self.remove is Remove.COUNT and self.row.count is None:
            raise UsageError("removal by count needs the row's count")
        if self.row.id is not None and self.remove is not Remove.ACTION:
            raise UsageError("levels found by id are removed by action")
        if any(rows.single and rows.flat for rows in self.rows):
            raise UsageError("rows are single always, or where they are flat")
        if self.window is not None and self.window.levels < 1:
            raise UsageError("a window has at least one level")
        if self.each is not None and Path.of(self.each).root:
            raise UsageError("each starts at the root by itself; leave the slash out")
