"""What takes time about one stream of facts: until it is confirmed, while it is silent, when its connection is gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tidebook.core.book import Carrier
from tidebook.core.channel import FactChannel, Seen
from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.endpoint import Endpoint, Heartbeat, Repeats
from tidebook.core.options import Options
from tidebook.core.redact import excerpt, shown
from tidebook.core.timers import Timers
from tidebook.engine.quick import rows
from tidebook.errors import DecodeError, SubscriptionFailed, TidebookError
from tidebook.model import health
from tidebook.model.facts import Fact


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One wanted stream of facts. `read_symbol` makes canonical symbols of the venue's ids.

    `symbol` is None where the topic is of several instruments.
    """

    venue: str
    symbol: str | None
    topic: str
    endpoint: Endpoint
    channel: FactChannel
    read_symbol: Callable[[str], str]

    @property
    def name(self) -> str:
        """Unique inside a Desk."""
        return self.topic

    def key_or_topic(self) -> bytes:
        return self.topic.encode() if self.channel.key is None else self.channel.key(self.topic)


class Flow(StrEnum):
    """Whether facts are coming."""

    OPENING = "opening"
    OPEN = "open"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CLOSED = "closed"


class Stream:
    """One topic over its whole life; connections come and go beneath it.

    `deliver` is called in the receive path with the facts of each message, `changed_to` when `flow` changes.
    """

    def __init__(
        self, plan: StreamPlan, emit: Callable[[health.Health], None], timers: Timers, options: Options
    ) -> None:
        self.plan = plan
        self.flow = Flow.OPENING
        self.error: TidebookError | None = None
        self.deliver: Callable[[Sequence[Fact]], None] | None = None
        self.changed_to: Callable[[Stream], None] | None = None
        self.carrier: Carrier | None = None
        self.heard_ns: int | None = None
        self.confirmed_ns: int | None = None
        self._rows = rows(plan.channel.reader())
        self._now: Now | None = None
        self._topic = "" if plan.channel.each is None else plan.key_or_topic().decode()
        self._seen = Seen(plan.venue, plan.read_symbol, 0)
        self._emit = emit
        self._options = options
        self._life_timer = timers.timer(self._look_alive)

    def confirmed(self, now: Now) -> None:
        """Acknowledged, or its data came."""
        if self.confirmed_ns is not None:
            return
        self.confirmed_ns = now.mono_ns
        self.error = None
        self._set(Flow.OPEN)
        self._arm(now.mono_ns)

    def frames(self, frames: list[bytes], now: Now) -> None:
        """Messages of this topic, of one read. The hot path: read them, hand their facts over."""
        self.heard_ns = now.mono_ns
        if self._now is not now:
            self._now = now
            self._seen = Seen(self.plan.venue, self.plan.read_symbol, now.wall_ns)
            if self._topic:
                self._seen.topic = self._topic
        facts = self._rows(frames, self._seen, self._undecodable)
        if facts and self.deliver is not None:
            self.deliver(facts)

    # Handed over to another connection ----------------------------------------

    def overheard(self, told: Callable[[Sequence[Fact]], None]) -> Callable[[], None]:
        """Tell of facts before they are handed over, until what is returned is called, or the connection is lost."""
        plain = self._rows

        def both(frames: list[bytes], seen: Seen, failed: Callable[[Exception, bytes], None], /) -> list[Fact]:
            facts = plain(frames, seen, failed)
            told(facts)
            return facts

        def end() -> None:
            if self._rows is both:
                self._rows = plain

        self._rows = both
        return end

    def adopt(self, other: "Stream", fresh: Callable[[Sequence[Fact]], list[Fact]], now: Now) -> Callable[[], None]:
        """Read on where another one, of the same topic on another connection, was reading.

        Of what comes only what is `fresh` is handed over, until what is returned is called.
        """
        plain = self._rows = other._rows
        is_over = False

        def sifted(frames: list[bytes], seen: Seen, failed: Callable[[Exception, bytes], None], /) -> list[Fact]:
            facts = plain(frames, seen, failed)
            return facts if is_over else fresh(facts)

        def end() -> None:
            nonlocal is_over
            is_over = True
            if self._rows is sifted:
                self._rows = plain

        self._rows = sifted
        if self.confirmed_ns is not None and other.confirmed_ns is not None:
            self.confirmed_ns = other.confirmed_ns
            self._arm(now.mono_ns)
        other.close()
        return end

    def handed(self, facts: Sequence[Fact]) -> None:
        """Facts that were held back."""
        if facts and self.deliver is not None:
            self.deliver(facts)

    def _undecodable(self, error: Exception, frame: bytes) -> None:
        """One message that cannot be read: told, and passed over. Any other error is a bug."""
        if not isinstance(error, (msgspec.MsgspecError, DecodeError)):
            raise error
        kind, text = (error.kind, error.text) if isinstance(error, DecodeError) else ("malformed", str(error))
        about = (self.plan.venue, self.plan.symbol, self._seen.received_ns)
        self._emit(health.Undecodable(*about, kind, shown(text), excerpt(frame)))

    def lost(self, reason: str, now: Now) -> None:
        """Its connection is gone."""
        self.carrier = None
        self.confirmed_ns = None
        self._rows = rows(self.plan.channel.reader())  # what it remembered may have changed meanwhile
        self._life_timer.off()
        if self.flow in (Flow.OPEN, Flow.OPENING):
            self._set(Flow.INTERRUPTED)

    def refused(self, reason: str) -> None:
        """The venue does not want it. The session tries again; whoever waits to be let in is told."""
        plan = self.plan
        self._rows = rows(plan.channel.reader())
        self.error = SubscriptionFailed(f"{plan.venue}: {plan.topic}: {reason}", venue=plan.venue, symbol=plan.symbol)
        self._set(Flow.FAILED)

    def denied(self, error: TidebookError, now: Now) -> None:
        """There will be no connection for it: the venue refuses the key."""
        self.error = error
        self._set(Flow.FAILED)

    def close(self) -> None:
        self._life_timer.off()
        self._set(Flow.CLOSED)

    def _set(self, flow: Flow) -> None:
        if flow is self.flow:
            return
        self.flow = flow
        if self.changed_to is not None:
            self.changed_to(self)

    def _arm(self, since_ns: int) -> None:
        """A channel that declares no limit may be silent for ever: a market without a trade is no fault."""
        limit = self._limit()
        if limit is not None:
            self._life_timer.set(since_ns + seconds(limit))

    def _limit(self) -> float | None:
        life = self.plan.channel.life
        if isinstance(life, (Repeats, Heartbeat)):
            return life.seconds
        return None if self.heard_ns is not None else self.plan.channel.first_data

    def _look_alive(self, now: Now) -> None:
        limit = self._limit()
        if self.confirmed_ns is None or self.carrier is None or limit is None:
            return
        last = max(self.heard_ns or 0, self.confirmed_ns)
        if now.mono_ns < last + seconds(limit):
            self._arm(last)
            return
        silent = (now.mono_ns - last) / SECOND
        about = (self.plan.venue, self.plan.symbol, now.wall_ns)
        self._emit(health.Stale(*about, f"{self.plan.topic} is silent for {silent:.1f} s"))
        self._set(Flow.INTERRUPTED)
        self.carrier.renew(f"{self.plan.topic} is silent", now)
