"""Events about the state of things: what was lost, gained, refused. Frozen facts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Common to all: which venue, which symbol (None: the whole connection or venue), when (wall ns UTC)."""

    venue: str
    symbol: str | None
    at_ns: int


@dataclass(frozen=True, slots=True)
class Connected(Health):
    """A connection is open; `attempt` counts from 1 since the last healthy one."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Disconnected(Health):
    """A connection ended; `retry_in` seconds until the next attempt."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Stale(Health):
    """A book is not current any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gap(Health):
    """A hole in a sequence; None where the protocol has no number to tell."""

    expected: int | None
    got: int | None


@dataclass(frozen=True, slots=True)
class Mismatch(Health):
    """A checksum of the venue differs from ours."""

    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Resynced(Health):
    """A book is readable again after `seconds`, at sequence `seq`."""

    seconds: float
    seq: int | None


@dataclass(frozen=True, slots=True)
class Undecodable(Health):
    """A message that could not be read; it was not applied. `excerpt` is bounded and redacted."""

    kind: str
    text: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class SubscriptionLost(Health):
    """A subscription was refused, or acknowledged and then silent."""

    topic: str
    reason: str


@dataclass(frozen=True, slots=True)
class IntegrityUnavailable(Health):
    """The venue stopped sending the checksum that proves this book; its sequence still does, if it has one."""

    text: str


@dataclass(frozen=True, slots=True)
class Throttled(Health):
    """Requests of a pool wait for `seconds`, as the venue asked or as its limit says."""

    pool: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SnapshotFailed(Health):
    """A snapshot did not come or was of no use; the next is asked for in `retry_in` seconds."""

    reason: str
    retry_in: float
