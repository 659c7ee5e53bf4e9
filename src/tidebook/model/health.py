"""Events about the state of things: what was lost, gained, refused. Frozen facts.

`text` is an event in words; ``str(event)`` has where it happened before them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """Common to all: which venue, which symbol (None: the whole connection or venue), when (wall ns UTC)."""

    venue: str
    symbol: str | None
    at_ns: int

    @property
    def text(self) -> str:
        """What happened, in words."""
        return type(self).__name__

    def __str__(self) -> str:
        where = " ".join(filter(None, (self.venue or "tidebook", self.symbol)))
        return f"{where}: {self.text}"


@dataclass(frozen=True, slots=True)
class Connected(Health):
    """A connection is open; `attempt` counts from 1 since the last healthy one."""

    attempt: int

    @property
    def text(self) -> str:
        return "connected" if self.attempt == 1 else f"connected, attempt {self.attempt}"


@dataclass(frozen=True, slots=True)
class Disconnected(Health):
    """A connection ended; `retry_in` seconds until the next attempt."""

    reason: str
    retry_in: float

    @property
    def text(self) -> str:
        return f"disconnected: {self.reason}; again in {self.retry_in:.1f} s"


@dataclass(frozen=True, slots=True)
class Rotated(Health):
    """A connection was replaced by another that was opened before it was closed. `seconds` both were open.

    Of `anew` topics it could not be shown that nothing is missing between both: these begin anew.
    """

    reason: str
    seconds: float
    anew: int

    @property
    def text(self) -> str:
        more = f"; {self.anew} topics begin anew" if self.anew else ""
        return f"connection replaced: {self.reason}; both were open for {self.seconds:.1f} s{more}"


@dataclass(frozen=True, slots=True)
class Stale(Health):
    """A book is not current any more."""

    reason: str

    @property
    def text(self) -> str:
        return f"stale: {self.reason}"


@dataclass(frozen=True, slots=True)
class Gap(Health):
    """A hole in a sequence; None where the protocol has no number to tell."""

    expected: int | None
    got: int | None

    @property
    def text(self) -> str:
        return f"gap, expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Mismatch(Health):
    """A checksum of the venue differs from ours."""

    expected: int
    got: int

    @property
    def text(self) -> str:
        return f"the venue's checksum is {self.expected}, ours {self.got}"


@dataclass(frozen=True, slots=True)
class Differed(Health):
    """A scheduled snapshot was not what a book should have been; the book was replaced, and is at sequence `seq`."""

    seq: int | None

    @property
    def text(self) -> str:
        return f"differed from a snapshot and was replaced, seq {self.seq}"


@dataclass(frozen=True, slots=True)
class Resynced(Health):
    """A book is readable again after `seconds`, at sequence `seq`."""

    seconds: float
    seq: int | None

    @property
    def text(self) -> str:
        return f"live again after {self.seconds:.2f} s, seq {self.seq}"


@dataclass(frozen=True, slots=True)
class Undecodable(Health):
    """A message that could not be read; it was not applied. `excerpt` is bounded and redacted."""

    kind: str
    words: str
    excerpt: str

    @property
    def text(self) -> str:
        return f"undecodable ({self.kind}): {self.words}"


@dataclass(frozen=True, slots=True)
class SubscriptionFailed(Health):
    """A subscription was refused, or acknowledged and then silent: it is tried again, ever more rarely.

    Or it has ended, and `reason` says why: its symbol is traded no more, a function given to `on` raised. Or an account
    goes on without what its venue refuses to tell of one symbol.
    """

    topic: str
    reason: str

    @property
    def text(self) -> str:
        return f"{self.topic}: {self.reason}"


@dataclass(frozen=True, slots=True)
class CallbackFailed(Health):
    """A function given to `on` of `what` raised `error`, `times` times since the last such event; it goes on."""

    what: str
    error: str
    times: int

    @property
    def text(self) -> str:
        often = "" if self.times == 1 else f" {self.times} times"
        return f"{self.what}: a function given to `on` raised {self.error}{often}; it goes on being called"


@dataclass(frozen=True, slots=True)
class IntegrityUnavailable(Health):
    """The venue stopped sending the checksum that proves this book; its sequence still does, if it has one."""

    words: str

    @property
    def text(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Throttled(Health):
    """Requests of a pool wait for `seconds`, as the venue asked or as its limit says."""

    pool: str
    seconds: float

    @property
    def text(self) -> str:
        return f"throttled: {self.pool} waits {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class SnapshotFailed(Health):
    """A snapshot did not come or was of no use; the next is asked for in `retry_in` seconds."""

    reason: str
    retry_in: float

    @property
    def text(self) -> str:
        return f"snapshot {self.reason}; again in {self.retry_in:.1f} s"


@dataclass(frozen=True, slots=True)
class VenueUnavailable(Health):
    """A venue did not say what it lists, its time, or what a page of a long range holds.

    It is asked again in `retry_in` seconds; None: never.
    """

    reason: str
    retry_in: float | None

    @property
    def text(self) -> str:
        return self.reason if self.retry_in is None else f"{self.reason}; again in {self.retry_in:.1f} s"


@dataclass(frozen=True, slots=True)
class PassedOver(Health):
    """Of what a venue lists `count` rows are no instruments that can be described; `reason` is that of the first.

    They are not known here, and all others are. It is told anew when that changes.
    """

    count: int
    reason: str

    @property
    def text(self) -> str:
        return f"{self.count} of what it lists passed over: {self.reason}"


@dataclass(frozen=True, slots=True)
class Halted(Health):
    """A symbol is still listed, and not traded for now; what reads it stays open. `status` is the venue's word."""

    status: str

    @property
    def text(self) -> str:
        return f"trading is halted ({self.status})"


@dataclass(frozen=True, slots=True)
class Overrun(Health):
    """A reader is, or was, too slow: `lost` items were not delivered since the last event of this kind.

    `what` is the subscription. The first one of a loss comes with the first item lost, so that somebody may do
    something; the sum over all of them is `lost` of the subscription.
    """

    what: str
    lost: int

    @property
    def text(self) -> str:
        return f"{self.what}: the reader is too slow, {self.lost} lost"


@dataclass(frozen=True, slots=True)
class LoopBlocked(Health):
    """The event loop stood still for `seconds`: user code that does not give way. `what` is what did it, where known.

    Nothing is read meanwhile. `venue` is empty where nobody can tell whose function it was.
    """

    what: str
    seconds: float

    @property
    def text(self) -> str:
        return f"the event loop stood still for {self.seconds:.2f} s: {self.what}"


@dataclass(frozen=True, slots=True)
class ClockSkew(Health):
    """The venue's clock is `offset` seconds ahead of ours, give or take `unsure`; or ours was set while we ran."""

    offset: float
    unsure: float
    words: str

    @property
    def text(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class NotRenewed(Health):
    """A dead man's switch could not be renewed, or its connection is gone: it is tried again.

    `left` are the seconds until the venue cancels what is open, at the earliest; 0: it may have.
    """

    reason: str
    left: float

    @property
    def text(self) -> str:
        then = f"{self.left:.1f} s are left" if self.left else "its time is over: what was open may be cancelled"
        return f"dead man's switch not renewed: {self.reason}; {then}"


@dataclass(frozen=True, slots=True)
class NotDisarmed(Health):
    """A dead man's switch was left, and is armed still: the venue cancels what is open in `left` seconds, or has."""

    reason: str
    left: float

    @property
    def text(self) -> str:
        return f"dead man's switch not disarmed: {self.reason}; what is open is cancelled in {self.left:.1f} s"
