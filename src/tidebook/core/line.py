"""A connection that is wanted: what it carries, and how it stands with the session that carries it now."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from tidebook.core.backoff import Backoff
from tidebook.core.book import Book
from tidebook.core.clock import Now
from tidebook.core.endpoint import Endpoint
from tidebook.core.plan import BookPlan
from tidebook.core.pools import Turn
from tidebook.core.raw import Raw
from tidebook.core.session import Session
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.timers import Timer
from tidebook.engine.rule import Scope
from tidebook.errors import TidebookError

if TYPE_CHECKING:
    from tidebook.core.handover import Handover

HANDED: Final = 3
"""So many announced ends are followed within the time after which a connection counts as healthy."""


@dataclass(slots=True)
class Line:
    """A connection that is wanted, across all the sessions that carry it one after the other."""

    endpoint: Endpoint
    url: str
    headers: Mapping[str, str]
    pin: str | None
    backoff: Backoff
    books: list[Book] = field(default_factory=list[Book])
    streams: list[Stream] = field(default_factory=list[Stream])
    raw: Raw | None = None
    session: Session | None = None
    attempt: int = 0
    timer: Timer | None = None
    rotate: Timer | None = None
    turn: Turn | None = None  # of the handshake, while it waits or is under way
    size: int = 0  # bytes that its topics take, where the endpoint limits these
    handover: "Handover | None" = None  # to the next session, while both are there
    handed: deque[int] = field(default_factory=lambda: deque[int](maxlen=HANDED))  # when next sessions took over
    # Since its login was refused for the time stamp it waits for a better clock, or logs in by that once more.
    late: Literal["", "waits", "again"] = ""

    @property
    def carried(self) -> list[Book | Stream]:
        """All that it is for."""
        return [*self.books, *self.streams]

    def deny(self, error: TidebookError, now: Now) -> None:
        """Tell all that it was to carry that there will be no connection."""
        for wanted in (*self.carried, *(() if self.raw is None else (self.raw,))):
            wanted.denied(error, now)

    @property
    def can_hand_over(self) -> bool:
        """Whether a second connection may carry the same beside it: nothing is true on one of them alone.

        What an answer teaches is, and a counter of all its frames; raw messages cannot be told apart.
        A connection that is pinned is a certain one.
        """
        subscribing = self.endpoint.subscribing
        plain = self.endpoint.counter is None and not (subscribing is not None and subscribing.teaches)
        plain = plain and self.raw is None and self.pin is None and bool(self.books or self.streams)
        return plain and not any(book.plan.rule.scope is Scope.CONNECTION for book in self.books)


def size_of(plan: BookPlan | StreamPlan) -> int:
    """How many bytes its topics take among those of a connection, where that is limited."""
    endpoint = plan.endpoint
    if endpoint.max_bytes is None or endpoint.subscribing is None or (isinstance(plan, BookPlan) and plan.by_url):
        return 0
    side = plan.side_topic if isinstance(plan, BookPlan) else None
    return sum(endpoint.subscribing.bytes_of(text) for text in (plan.topic, side) if text is not None)
