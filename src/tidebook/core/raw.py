"""A connection of its own of which every message is handed over as it came: for what nobody has declared."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tidebook.core.clock import Now
from tidebook.core.endpoint import Endpoint
from tidebook.core.stream import Flow
from tidebook.errors import SubscriptionFailed, TidebookError
from tidebook.model.credentials import Secret


@dataclass(frozen=True, slots=True)
class RawTopic:
    """One text that is subscribed in the endpoint's own way."""

    venue: str
    topic: str
    symbol: str | None = None

    @property
    def name(self) -> str:
        return self.topic


@dataclass(frozen=True, slots=True)
class RawPlan:
    """What is wanted: `topics` are subscribed and their answers awaited, `says` are sent as they are.

    Both again after each reconnect. `name` is unique inside a Desk.
    """

    venue: str
    name: str
    endpoint: Endpoint
    topics: tuple[str, ...] = ()
    says: tuple[bytes, ...] = ()
    url: str | None = None


class Raw:
    """It over its whole life; connections come and go beneath it, topics may be added and removed.

    `deliver` is called in the receive path with each message but heartbeats and the answers to our own subscriptions.
    `token` is the end of the URL at which it is opened next. `ended` is told why a connection is gone; `stays` is asked
    whether one that is to be replaced is needed for a moment yet. `heard_ns`: when (monotonic) the connection that was
    lost last had been heard last.
    """

    def __init__(self, plan: RawPlan, token: Secret | None = None) -> None:
        self.plan = plan
        self.token = token
        self.flow = Flow.OPENING
        self.error: TidebookError | None = None
        self.deliver: Callable[[bytes, Now], None] | None = None
        self.changed_to: Callable[[Raw], None] | None = None
        self.ended: Callable[[str, Now], None] | None = None
        self.stays: Callable[[], bool] | None = None
        self._topics = [*dict.fromkeys(plan.topics)]
        self._missing = set(self._topics)
        self.is_open = False
        self.heard_ns: int | None = None

    def parts(self) -> list["Part"]:
        """Its topics, as a session carries them."""
        return [self._part(text) for text in self._topics]

    def _part(self, text: str) -> "Part":
        return Part(self, RawTopic(self.plan.venue, text))

    def add(self, texts: Iterable[str]) -> list["Part"]:
        """More topics from here on; those that are new."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._topics]
        self._topics += fresh
        self._missing.update(fresh)
        return [self._part(text) for text in fresh]

    def remove(self, texts: Iterable[str]) -> list[str]:
        """Fewer topics from here on; those that were among them."""
        gone = [text for text in dict.fromkeys(texts) if text in self._topics]
        self._topics = [text for text in self._topics if text not in gone]
        self._missing.difference_update(gone)
        return gone

    def opened(self) -> None:
        """The connection is open, and what is to be said is on its way."""
        self.is_open = True
        self._look()

    def frame(self, frame: bytes, now: Now) -> None:
        if self.deliver is not None:
            self.deliver(frame, now)

    def lost(self, reason: str, now: Now) -> None:
        """The connection is gone."""
        self.is_open = False
        self._missing = set(self._topics)
        if self.flow in (Flow.OPEN, Flow.OPENING):
            self._set(Flow.INTERRUPTED)
        if self.ended is not None:
            self.ended(reason, now)

    def close(self) -> None:
        self._set(Flow.CLOSED)

    def confirmed(self, topic: str) -> None:
        self._missing.discard(topic)
        self._look()

    def refused(self, topic: str, reason: str) -> None:
        """The venue does not want a topic. The session tries again; whoever waits to be let in is told."""
        venue = self.plan.venue
        self.error = SubscriptionFailed(f"{venue}: {topic}: {reason}", venue=venue)
        self._set(Flow.FAILED)

    def denied(self, error: TidebookError, now: Now) -> None:
        """There will be no connection for it: the venue refuses the key."""
        self.error = error
        self._set(Flow.FAILED)

    def _look(self) -> None:
        if self.is_open and not self._missing:
            self.error = None
            self._set(Flow.OPEN)

    def _set(self, flow: Flow) -> None:
        if flow is not self.flow:
            self.flow = flow
            if self.changed_to is not None:
                self.changed_to(self)


class Part:
    """One topic of it, as a session carries it."""

    def __init__(self, raw: Raw, plan: RawTopic) -> None:
        self.plan = plan
        self._raw = raw

    def confirmed(self, now: Now) -> None:
        self._raw.confirmed(self.plan.topic)

    def refused(self, reason: str) -> None:
        self._raw.refused(self.plan.topic, reason)

    def lost(self, reason: str, now: Now) -> None:
        """The connection is; all parts are told at once."""
