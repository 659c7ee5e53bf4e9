"""What a session knows of each subscription, and of each message that awaits its answer."""

from dataclasses import dataclass, field
from typing import Protocol

from tidebook.core.book import Book, Carrier
from tidebook.core.clock import Now
from tidebook.core.plan import BookPlan
from tidebook.core.raw import RawTopic
from tidebook.core.stream import StreamPlan


class Carried(Protocol):
    """A book, a stream of facts, or one text of a raw stream, as a session carries it."""

    def confirmed(self, now: Now) -> None: ...
    def refused(self, reason: str) -> None: ...
    def lost(self, reason: str, now: Now) -> None: ...


class Reads(Carried, Protocol):
    """What is given a topic's messages as they come: a stream of facts, or who holds messages back."""

    confirmed_ns: int | None
    carrier: Carrier | None

    @property
    def plan(self) -> BookPlan | StreamPlan: ...
    def frames(self, frames: list[bytes], now: Now) -> None:
        """Messages of this topic, of one read."""
        ...


@dataclass(slots=True, eq=False)
class Topic:
    """A subscription on this connection: of a book, of a stream of facts, or of what is handed over as it comes."""

    plan: BookPlan | StreamPlan | RawTopic
    wanted: Carried
    book: Book | None = None
    reads: Reads | None = None
    confirmed: bool = False
    asked_ns: int | None = None
    tries: int = 0
    resubscribe: bool = False  # subscribe again when the unsubscription is acknowledged
    again_ns: int | None = None  # after a refusal, or silence to our tries: when it is tried once more
    refusals: int = 0  # in a row
    is_second: bool = False  # it was carried here before, left and wanted again: what comes may be of that time
    alone: bool = False  # asked for in a message of its own, since it was refused, or one with others was
    request_id: int = 0  # the last request for its whole book
    key: bytes | None = None  # by which the engine finds its messages, or found them last; None: not told yet
    missing: set[str] = field(default_factory=set[str])  # the texts not acknowledged yet: its own, its side channel's

    @property
    def texts(self) -> tuple[str, ...]:
        """What is subscribed for it."""
        side = self.plan.side_topic if isinstance(self.plan, BookPlan) else None
        return (self.text,) if side is None else (self.text, side)

    @property
    def text(self) -> str:
        return self.plan.topic

    @property
    def is_asked(self) -> bool:
        """Whether it was asked for, and the answer may come yet; data that comes earlier is not by this asking."""
        return self.asked_ns is not None or self.again_ns is not None

    @property
    def is_answer_late(self) -> bool:
        """Whether it was refused, or had no answer in time: whatever came of an earlier asking has come by then."""
        return self.tries > 1 or self.refusals > 0

    @property
    def by_url(self) -> bool:
        return isinstance(self.plan, BookPlan) and self.plan.by_url


@dataclass(slots=True)
class Asked:
    """A message of ours that awaits its answer."""

    what: str  # subscribe · unsubscribe · request
    topics: tuple[Topic, ...]
    texts: list[str]
    at_ns: int
    id: str
