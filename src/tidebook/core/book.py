"""What takes time about one book: when to ask for a snapshot, to retry, to resubscribe, to call it stale.

The sync rule itself is the engine's; no part of it is written here.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from tidebook.core.clock import SECOND, Now, seconds
from tidebook.core.effects import Reply, Urgency
from tidebook.core.endpoint import Heartbeat, Repeats
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan
from tidebook.core.redact import excerpt, shown
from tidebook.core.timers import Timers
from tidebook.engine import contract
from tidebook.engine.rule import Proof, Resync, Seed
from tidebook.errors import DecodeError, TidebookError
from tidebook.model import health
from tidebook.model.market import State


class Carrier(Protocol):
    """The session that carries a book's topic, as the book sees it."""

    heard_ns: int | None

    def request(self, book: "Book", now: Now) -> None:
        """Ask for a snapshot on the same socket."""
        ...

    def resubscribe(self, book: "Book", now: Now) -> None: ...
    def renew(self, reason: str, now: Now) -> None:
        """Give this connection up and open another."""
        ...


class Asker(Protocol):
    """The desk, as a book sees it."""

    def fetch(self, book: "Book", urgency: Urgency, now: Now) -> None: ...
    def emit(self, event: health.Health) -> None: ...
    def room_at(self, book: "Book", now: Now) -> int: ...


class Book:
    """One wanted book over its whole life; connections come and go beneath it.

    `changed_to` is called in the receive path with each change that a reader may see, and
    with each change of state; the session itself calls it when a frame has changed this book alone.
    """

    def __init__(
        self, plan: BookPlan, engine: contract.Book, asker: Asker, timers: Timers, options: Options, now: Now,
        asked: deque[int],
    ) -> None:  # fmt: skip
        self.plan = plan
        self.engine = engine
        self.state = State.SYNCING
        self.readable = False  # whether `state` is
        self.since_ns = now.mono_ns
        self.reason = "not subscribed yet"
        self.epoch = 0  # counts what makes answers under way worthless; what an older one asked for is dropped
        self.confirmed_ns: int | None = None
        self.changed_to: Callable[[Book], None] | None = None
        self.carrier: Carrier | None = None
        self.error: TidebookError | None = None  # why it will never be right
        self.asked_ns: int | None = None  # when the snapshot under way was asked for
        self.queued = False  # the desk has not sent it yet
        # An audit's answer that the stream has not come to yet, and when it was asked for.
        self._newer: tuple[Reply, int] | None = None
        self._asker = asker
        self._options = options
        self._asked = asked  # when, within the pace; it outlives a book that is unwanted and wanted again
        self._ask_timer = timers.timer(self._ask)
        self._life_timer = timers.timer(self._look_alive)
        self._late_timer = timers.timer(self._snapshot_late)
        self._audit_timer = timers.timer(self._audit)
        self._renewals = 0  # in a row, without a readable book between
        self._urgency: Urgency | None = None  # of the question that the pace puts off
        self.asks = 0  # snapshots asked for since it was last readable
        self._unchecked = False  # the only proof is a checksum, and the venue does not send it any more
        self._passed = 0  # checksums that had passed by then

    # From the session ---------------------------------------------------------

    def confirmed(self, now: Now) -> None:
        """The topic is subscribed: acknowledged, or its data came."""
        if self.confirmed_ns is not None:
            return
        self.confirmed_ns = now.mono_ns
        if self.state is State.SYNCING:
            self.reason = "waiting for a snapshot" if self._seeds_from_outside else "waiting for its first message"
        if self._seeds_from_outside:
            self._ask_first(now)
        if (limit := self._limit(first=True)) is not None:
            self._life_timer.set(now.mono_ns + limit)

    def changed(self) -> None:
        """It may be read anew. Where a later message of the same frame has shown a gap, that is told next instead."""
        if self.changed_to is not None and self.readable and self.engine.seeded:
            self.changed_to(self)

    def event(self, event: contract.Event, now: Now) -> None:
        """What the engine found."""
        match event.what:
            case "seeded":
                self._seeded(now)
            case "waiting":
                self._begun(now)
            case "gap" | "unknown_id":
                self._emit(health.Gap(*self._about(now), event.expected, event.got))
                self._stale(f"gap, expected {event.expected}, got {event.got}", now)
                self._resync(now)
            case "checksum":
                self._emit(health.Mismatch(*self._about(now), event.expected or 0, event.got or 0))
                self._stale("the checksum differs", now)
                self._resync(now)
            case "equal":
                self.asked_ns = None
                self._audited(now)
            case "ahead":
                self._failed(f"at {event.expected}, the stream has not come further than {event.got}", now)
            case "too_old":
                self._failed(f"too old: at {event.expected}, the stream begins at {event.got}", now)
            case "unchecked" if Proof.CHECKSUM in self.plan.rule.proof:  # else nobody promised one
                self._emit(health.IntegrityUnavailable(*self._about(now), "no checksum any more"))
                self._unproven(now)

    def lost(self, reason: str, now: Now) -> None:
        """Its connection is gone."""
        self.epoch += 1
        self.carrier = None
        self.confirmed_ns = None
        self.asked_ns = None
        self.queued = False
        self.engine.unseed()
        for timer in (self._ask_timer, self._life_timer, self._late_timer, self._audit_timer):
            timer.off()
        self._stale(reason, now)

    def moved(self, spoke: bool, now: Now) -> None:
        """Another connection carries it from now on, and nothing was missed.

        Where it has not spoken there, only its first message will show that it is subscribed.
        """
        if not spoke and self.confirmed_ns is not None:
            self.confirmed_ns = now.mono_ns
            if (limit := self._limit(first=True)) is not None:
                self._life_timer.set(now.mono_ns + limit)

    def denied(self, error: TidebookError, now: Now) -> None:
        """There will be no connection for it: the venue refuses the key."""
        self.error = error
        self._stale(str(error), now)
        if self.changed_to is not None:
            self.changed_to(self)

    def close(self) -> None:
        self.state, self.readable = State.CLOSED, False
        self.epoch += 1
        self.queued = False
        for timer in (self._ask_timer, self._life_timer, self._late_timer, self._audit_timer):
            timer.off()

    # From the desk ------------------------------------------------------------

    def sent(self, now: Now) -> None:
        """The desk has put the request on its way."""
        self.queued = False
        self.asked_ns = now.mono_ns
        self._asked.append(now.mono_ns)
        self.asks += 1

    def requested(self, now: Now) -> None:
        """The session has put the request on its way."""
        self.sent(now)
        self._late_timer.set(now.mono_ns + seconds(self._options.ack_timeout))

    def refused(self, reason: str) -> None:
        """Its subscription was; the session tries again."""
        if not self.readable:
            self.reason = f"not subscribed: {reason}"

    def replied(self, reply: Reply, now: Now) -> None:
        """The answer to this epoch's request."""
        if reply.status != 200:
            self._failed(f"HTTP {reply.status}", now)
            return
        assert self.asked_ns is not None
        self._seed(reply, self.asked_ns, now)

    def _seed(self, reply: Reply, asked_ns: int, now: Now) -> None:
        """A whole book has come. One that is readable is only compared with it, and replaced where it differs."""
        assert self.plan.rest is not None
        audit, wrong = self.readable, self.engine.stats()["compare_different"]
        try:
            event = self.engine.seed(reply.body, now.mono_ns, asked_ns, cap=self.plan.rest.cap, audit=audit)
        except DecodeError as error:
            self._emit(health.Undecodable(*self._about(now), error.kind, shown(error.text), excerpt(reply.body)))
            self._failed(f"undecodable snapshot ({error.kind})", now)
            return
        if event.what == "ahead" and now.mono_ns < asked_ns + seconds(self.plan.rule.buffer_seconds):
            self.asked_ns = None
            self._newer = reply, asked_ns
            self._audit_timer.set(now.mono_ns + seconds(self.plan.rule.pace.spacing))
            return
        if audit and event.what == "seeded" and self.engine.stats()["compare_different"] > wrong:
            self._emit(health.Differed(*self._about(now), self.engine.last))
        self.event(event, now)

    def failed(self, reason: str, now: Now) -> None:
        """The request of this epoch brought nothing."""
        self._failed(shown(reason), now)

    # Inside -------------------------------------------------------------------

    @property
    def alive_ns(self) -> int | None:
        """When something last proved that its topic lives: its own messages, or those of its connection."""
        heard = self.engine.heard_ns
        if isinstance(self.plan.life, (Repeats, Heartbeat)) or self.carrier is None:
            return heard
        return max((at for at in (heard, self.carrier.heard_ns) if at is not None), default=None)

    @property
    def _seeds_from_outside(self) -> bool:
        return self.plan.rule.seed in (Seed.REST, Seed.REQUEST)

    def _about(self, now: Now) -> tuple[str, str, int]:
        return self.plan.venue, self.plan.symbol, now.wall_ns

    def _emit(self, event: health.Health) -> None:
        self._asker.emit(event)

    def _ask_first(self, now: Now) -> None:
        """Ask once the stream has begun: what shows less than its first message does is then seen to be too old.

        In a quiet market an answer that was asked for `lag` later shows at least what was before the stream began.
        """
        rule = self.plan.rule
        if rule.proves and rule.pace.lag:
            self._ask_timer.set(now.mono_ns + seconds(rule.pace.lag))
        else:
            self._ask(now)

    def _begun(self, now: Now) -> None:
        """A change waits for a snapshot."""
        self.confirmed(now)
        self._ask(now, self._urgency)

    def _ask(self, now: Now, urgency: Urgency | None = None) -> None:
        """Ask for a snapshot now, or as soon as the venue's pace allows."""
        if self.carrier is None or self.queued or self.asked_ns is not None or not self._seeds_from_outside:
            return
        pace = self.plan.rule.pace
        while self._asked and self._asked[0] <= now.mono_ns - seconds(pace.per):
            self._asked.popleft()
        at = now.mono_ns
        if self._asked:
            at = max(at, self._asked[-1] + seconds(pace.spacing))
        if len(self._asked) >= pace.count:
            at = max(at, self._asked[-pace.count] + seconds(pace.per))
        if at > now.mono_ns:
            self._urgency = urgency
            self._ask_timer.set(at)
            return
        urgency, self._urgency = urgency or self._urgency, None
        self._ask_timer.off()
        self.queued = True
        if self.plan.rule.seed is Seed.REQUEST:
            self.carrier.request(self, now)
        else:
            if urgency is None:
                urgency = Urgency.RESYNC if self.state is State.STALE else Urgency.SEED
            self._asker.fetch(self, urgency, now)

    def _snapshot_late(self, now: Now) -> None:
        if self.asked_ns is not None:
            self._failed("no answer", now)

    def _failed(self, reason: str, now: Now) -> None:
        self.asked_ns = None
        self.queued = False
        self._late_timer.off()
        if self.readable:  # an audit: the book is as good as before
            self._audited(now)
            return
        if self.state is State.SYNCING:
            self.reason = f"snapshot {reason}" if reason.startswith("too old") else f"snapshot failed: {reason}"
        self._ask(now)
        self._emit(health.SnapshotFailed(*self._about(now), reason, self.asks_in(now) or 0.0))

    def asks_in(self, now: Now) -> float | None:
        """Seconds until its next snapshot can be asked for, by its pace and its pool; None: none is to be asked for."""
        if self._ask_timer.at_ns is None and not self.queued:
            return None
        at = self._ask_timer.at_ns or now.mono_ns
        if self.plan.rule.seed is Seed.REST:
            at = max(at, self._asker.room_at(self, now))
        return max(at - now.mono_ns, 0) / SECOND

    def _seeded(self, now: Now) -> None:
        if self.confirmed_ns is None:
            self.confirmed(now)
        self.asked_ns = None
        self._late_timer.off()
        self._ask_timer.off()
        self.asks = 0
        was, since = self.state, self.since_ns
        self._unchecked = self._unchecked and self.engine.stats()["checksum_passed"] == self._passed
        proven = self.plan.rule.proves and not self._unchecked
        self._set(State.LIVE if proven else State.UNPROVEN, "", now)
        self._watch(now)
        self._audited(now)
        if was is State.STALE:
            self._emit(health.Resynced(*self._about(now), (now.mono_ns - since) / SECOND, self.engine.last))
        self.changed()

    def _watch(self, now: Now) -> None:
        """Arm the limit of silence of a book that has become readable.

        A snapshot from outside is no life of the topic: until its first message the first limit holds.
        """
        heard = self._is_heard()
        if heard:
            self._renewals = 0
        limit = self._limit(first=not heard)
        if limit is None:
            self._life_timer.off()
        else:
            self._life_timer.set((now.mono_ns if heard else self.confirmed_ns or now.mono_ns) + limit)

    def _is_heard(self) -> bool:
        """Whether the topic has spoken since it was confirmed."""
        heard = self.engine.heard_ns
        return heard is not None and self.confirmed_ns is not None and heard >= self.confirmed_ns

    def _unproven(self, now: Now) -> None:
        """The checksum is gone. What a sequence, or whole messages, prove stays proven."""
        if Proof.CHECKSUM not in self.plan.rule.proof or {Proof.SEQUENCE, Proof.WHOLE} & set(self.plan.rule.proof):
            return
        self._unchecked, self._passed = True, self.engine.stats()["checksum_passed"]
        if self.state is State.LIVE:
            self._set(State.UNPROVEN, "no checksum any more", now)
            self.changed()

    def _stale(self, reason: str, now: Now) -> None:
        if self.asked_ns is not None or self.queued:
            self.epoch += 1  # the answer under way is to an older question
        self.asked_ns = None
        self.queued = False
        self._newer = None
        self._late_timer.off()
        if self.state in (State.CLOSED, State.STALE):
            self.reason = reason
            return
        readable = self.readable
        # A book that was never readable has nothing that could go stale; it goes on syncing.
        self._set(State.STALE if readable else State.SYNCING, reason, now)
        if readable:
            self._emit(health.Stale(*self._about(now), reason))
            if self.changed_to is not None:
                self.changed_to(self)

    def _set(self, state: State, reason: str, now: Now) -> None:
        if state is not self.state:
            self.state, self.readable, self.since_ns = state, state.readable, now.mono_ns
        self.reason = reason

    def _resync(self, now: Now) -> None:
        if self.carrier is None:
            return
        match self.plan.rule.resync:
            case Resync.REFETCH | Resync.REQUEST:
                self._ask(now, Urgency.RESYNC)
            case Resync.RESUBSCRIBE:
                self.carrier.resubscribe(self, now)
            case Resync.RECONNECT:
                self.carrier.renew(f"{self.plan.symbol}: {self.reason}", now)

    def _limit(self, *, first: bool) -> int | None:
        """How long the topic may be silent, in ns; None: ping alone proves a quiet book's connection."""
        life = self.plan.life
        # What was renewed in vain is given ever more time: others share the connection.
        patience = 2.0 ** min(max(self._renewals - 2, 0), 6) if first else 1.0
        if isinstance(life, (Repeats, Heartbeat)):
            return seconds(life.seconds * patience)
        return seconds((self.plan.first_data or self._options.first_data) * patience) if first else None

    def _look_alive(self, now: Now) -> None:
        """The topic's limit has passed since it was last looked at."""
        if self.confirmed_ns is None or self.state is State.CLOSED:
            return
        heard, fresh = self.engine.heard_ns, self._is_heard()
        readable = self.readable
        if fresh and not readable and self._seeds_from_outside:
            return  # being seeded, at its own pace
        if fresh and readable:
            self._renewals = 0
        limit = self._limit(first=not (fresh and readable))
        if limit is None:
            return
        # A book that is seeded by its stream waits for a whole one: changes alone are no life.
        last = max(heard or 0, self.confirmed_ns) if readable else self.confirmed_ns
        if now.mono_ns < last + limit:
            self._life_timer.set(last + limit)
            return
        silent = (now.mono_ns - last) / SECOND
        reason = f"no whole book for {silent:.1f} s" if fresh and not readable else f"silent for {silent:.1f} s"
        self.engine.unseed()
        self._stale(reason, now)
        if self._renewals == 0 and not (fresh and readable):
            self._emit(health.SubscriptionFailed(*self._about(now), self.plan.topic, f"subscribed and {reason}"))
        self._renewals += 1
        if self.carrier is None:
            return
        # First the channel alone is renewed; when that does not help, the connection; then the channel again.
        # A topic that was seeded and never spoke may be a quiet market: others on its connection are left alone.
        if self._renewals == 2 and not (readable and not fresh):
            self.carrier.renew(f"{self.plan.topic}: {reason}", now)
        else:
            self.carrier.resubscribe(self, now)

    def resubscribing(self, reason: str, now: Now) -> None:
        """The session subscribes anew: what was confirmed is so no longer."""
        self.epoch += 1
        self.confirmed_ns = None
        self.asked_ns = None
        self.queued = False
        self._ask_timer.off()
        self._life_timer.off()
        self.engine.unseed()
        self._stale(reason, now)

    def _schedule_audit(self, now: Now) -> None:
        every = self.plan.rule.compare_every
        if every is not None and self._seeds_from_outside:
            self._audit_timer.set(now.mono_ns + seconds(every))

    def _audited(self, now: Now) -> None:
        """No audit is under way any more: the next one is scheduled."""
        self._newer = None
        self.engine.retain(False)
        self._schedule_audit(now)

    def _audit(self, now: Now) -> None:
        """A readable book is compared with a scheduled snapshot; changes are kept until it has come that far."""
        if not self.readable:
            return
        if self._newer is not None:
            self._seed(*self._newer, now)
            return
        self.engine.retain(True)
        self._ask(now, Urgency.AUDIT)

    def __repr__(self) -> str:
        engine = self.engine
        return (
            f"<Book {self.plan.symbol} {self.plan.venue} {self.state}, "
            f"{engine.bid_count}+{engine.ask_count} levels, seq {engine.last}>"
        )
