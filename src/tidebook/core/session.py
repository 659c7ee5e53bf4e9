"""One connection: greeting, subscriptions and their acks, heartbeats, frames into the engine."""

import json
import zlib
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from tidebook.core.book import Book
from tidebook.core.clock import Now, seconds
from tidebook.core.effects import Effect, Send
from tidebook.core.endpoint import Endpoint
from tidebook.core.options import Options
from tidebook.core.redact import excerpt, redact
from tidebook.core.timers import Timers
from tidebook.engine import contract
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError
from tidebook.model import health


class Owner(Protocol):
    """The desk, as a session sees it."""

    effects: list[Effect]

    def emit(self, event: health.Health) -> None: ...
    def renew(self, session: "Session", reason: str, now: Now) -> None:
        """Close this connection and open the next."""
        ...


@dataclass(slots=True)
class Topic:
    """A subscription on this connection."""

    text: str
    book: Book
    confirmed: bool = False
    asked_ns: int | None = None
    tries: int = 0
    resubscribe: bool = False  # subscribe again when the unsubscription is acknowledged
    refused: bool = False


@dataclass(slots=True)
class Asked:
    """A message of ours that awaits its answer."""

    what: str  # subscribe · unsubscribe · request
    topics: tuple[Topic, ...]


class Session:
    """One connection of one endpoint. `conn` is never used twice."""

    def __init__(
        self, conn: int, endpoint: Endpoint, feed: contract.Feed, owner: Owner, timers: Timers,
        options: Options, venue: str,
    ) -> None:  # fmt: skip
        self.conn = conn
        self.endpoint = endpoint
        self.feed = feed
        self.is_open = False
        self.opened_ns: int | None = None
        self.heard_ns: int | None = None
        self.received = 0  # data frames, for whoever counts along
        self.topics: dict[str, Topic] = {}
        self._by_engine: dict[int, Topic] = {}
        self._owner = owner
        self._options = options
        self._venue = venue
        self._asked: dict[str, Asked] = {}
        self._last_id = 0
        self._outbox: deque[bytes] = deque()
        self._next_send_ns = 0
        self._bad: deque[int] = deque()
        self._send_timer = timers.timer(self._send_next)
        self._ack_timer = timers.timer(self._acks_late)
        self._ping_timer = timers.timer(self._check_ping)

    # Wanted -------------------------------------------------------------------

    def add(self, book: Book, now: Now) -> None:
        """Carry this book from now on."""
        plan = book.plan
        topic = Topic(plan.topic, book)
        self.topics[plan.name] = topic
        self._by_engine[id(book.engine)] = topic
        self.feed.want(plan.key_or_topic(), book.engine, "stream")
        if plan.snapshot_key is not None:
            self.feed.want(plan.snapshot_key, book.engine, "snapshot")
        book.carrier = self
        if self.is_open:
            self._greet([topic], now)

    def remove(self, book: Book, now: Now) -> None:
        """Stop carrying it; frames still on their way are passed over."""
        topic = self.topics.pop(book.plan.name, None)
        if topic is None:
            return
        self._by_engine.pop(id(book.engine), None)
        self.feed.forget(book.plan.key_or_topic())
        if book.plan.snapshot_key is not None:
            self.feed.forget(book.plan.snapshot_key)
        book.carrier = None
        subscribing = self.endpoint.subscribing
        if self.is_open and subscribing is not None and subscribing.unsubscribe is not None and not book.plan.by_url:
            self._ask_for("unsubscribe", (topic,), now)

    # Inputs -------------------------------------------------------------------

    def opened(self, now: Now) -> None:
        self.is_open = True
        self.opened_ns = self.heard_ns = now.mono_ns
        self._arm_ping(now)
        self._greet(list(self.topics.values()), now)

    def frames(self, frames: list[bytes], now: Now) -> None:
        """All data frames of one read. Heartbeats are answered before any of them is decoded."""
        if not self.is_open:
            return
        self.heard_ns = now.mono_ns
        self.received += len(frames)
        if self.endpoint.codec is not Codec.TEXT:
            frames = [plain for frame in frames if (plain := self._inflate(frame, now)) is not None]
        ping = self.endpoint.ping
        if ping.prefix:
            frames = [frame for frame in frames if not (frame.startswith(ping.prefix) and self._heartbeat(frame))]
        feed, received_ns = self.feed.feed, now.mono_ns
        for frame in frames:
            try:
                outcome = feed(frame, received_ns)
            except DecodeError as error:
                self._undecodable(error, frame, now)
                continue
            if outcome is not None:
                self._route(outcome, frame, now)
            if not self.is_open:
                return

    def closed(self, reason: str, now: Now) -> None:
        """The connection is gone, or given up: nothing of it may be believed any more."""
        self.is_open = False
        for timer in (self._send_timer, self._ack_timer, self._ping_timer):
            timer.off()
        self._asked.clear()
        self._outbox.clear()
        for topic in self.topics.values():
            topic.book.lost(reason, now)

    # Outcomes -----------------------------------------------------------------

    def _route(self, outcome: contract.Outcome, frame: bytes, now: Now) -> None:
        topic = self._by_engine.get(id(outcome))
        if topic is not None:  # the common case: this book changed
            topic.book.changed()
        elif isinstance(outcome, tuple):
            for one in outcome:
                self._route(one, frame, now)
        elif isinstance(outcome, contract.Other):
            if outcome.topic is None:
                self._control(frame, now)
        elif isinstance(outcome, contract.Event):
            self._event(outcome, now)

    def _event(self, event: contract.Event, now: Now) -> None:
        if event.book is None:
            for topic in list(self.topics.values()):
                if self.is_open:
                    topic.book.event(event, now)
            return
        found = self._by_engine.get(id(event.book))
        if found is not None:
            if not found.confirmed:
                self._confirm(found, now)  # its data came before, or without, the ack
            found.book.event(event, now)

    def _undecodable(self, error: DecodeError, frame: bytes, now: Now) -> None:
        """One bad message: told once, applied not at all. Which book it was for cannot be known."""
        shown = excerpt(frame)
        self._owner.emit(health.Undecodable(self._venue, None, now.wall_ns, error.kind, redact(error.text), shown))
        self._bad.append(now.mono_ns)
        while self._bad[0] < now.mono_ns - seconds(self._options.bad_seconds):
            self._bad.popleft()
        if len(self._bad) >= self._options.bad_messages:
            self._owner.renew(self, f"{len(self._bad)} undecodable messages", now)

    def _inflate(self, frame: bytes, now: Now) -> bytes | None:
        cap = self.endpoint.cap
        try:
            return inflate(frame, self.endpoint.codec, cap)
        except DecodeError as error:
            self._undecodable(error, frame, now)
            return None

    # Acks ---------------------------------------------------------------------

    def _control(self, frame: bytes, now: Now) -> None:
        """A frame that is no channel's: an answer to something we asked, or nothing to us."""
        subscribing = self.endpoint.subscribing
        if subscribing is None:
            return
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return
        if subscribing.ack is not None and (slots := subscribing.ack.match(message)) is not None:
            self._acked(slots, now)
        elif subscribing.unsubscribed is not None and (slots := subscribing.unsubscribed.match(message)) is not None:
            self._unsubscribed(slots, now)
        else:
            for refusal in subscribing.refusals:
                if (slots := refusal.match(message)) is not None:
                    self._refused(slots, now)
                    return

    def _named(self, slots: dict[str, Any], what: str) -> tuple[Topic, ...]:
        """The topics that an answer is about: by what it names, else by our id."""
        names = [slots["topic"]] if "topic" in slots else slots.get("topics", [])
        named = tuple(topic for topic in self.topics.values() if topic.text in names)
        asked = self._asked.get(str(slots.get("id")))
        if named:
            if asked is not None and set(map(id, asked.topics)) <= set(map(id, named)):
                del self._asked[str(slots["id"])]
            return named
        if asked is None or asked.what != what:
            return ()
        del self._asked[str(slots["id"])]
        return asked.topics

    def _acked(self, slots: dict[str, Any], now: Now) -> None:
        asked = self._asked.get(str(slots.get("id")))
        if asked is not None and asked.what == "unsubscribe":
            self._unsubscribed(slots, now)
            return
        for topic in self._named(slots, "subscribe"):
            self._confirm(topic, now)

    def _confirm(self, topic: Topic, now: Now) -> None:
        if topic.confirmed or topic.resubscribe:
            return
        topic.confirmed = True
        topic.asked_ns = None
        topic.tries = 0
        topic.book.confirmed(now)

    def _unsubscribed(self, slots: dict[str, Any], now: Now) -> None:
        for topic in self._named(slots, "unsubscribe"):
            if topic.resubscribe:
                topic.resubscribe = False
                self._ask_for("subscribe", (topic,), now)

    def _refused(self, slots: dict[str, Any], now: Now) -> None:
        reason = redact(f"{slots.get('code', '')} {slots.get('text', '')}".strip() or "refused")
        asked = self._asked.get(str(slots.get("id")))
        if asked is not None and asked.what == "request":
            del self._asked[str(slots["id"])]
            for topic in asked.topics:
                topic.book.failed(reason, now)
            return
        for topic in self._named(slots, "subscribe"):
            topic.refused = True
            topic.asked_ns = None
            self._lost(topic, reason, now)

    def _lost(self, topic: Topic, reason: str, now: Now) -> None:
        plan = topic.book.plan
        self._owner.emit(health.SubscriptionLost(plan.venue, plan.symbol, now.wall_ns, topic.text, reason))

    def _acks_late(self, now: Now) -> None:
        """Some answer is overdue: ask again, and after the last try say so."""
        timeout = seconds(self._options.ack_timeout)
        again: list[Topic] = []
        for topic in self.topics.values():
            if topic.asked_ns is None or now.mono_ns < topic.asked_ns + timeout:
                continue
            topic.asked_ns = None
            if topic.tries < self._options.ack_tries:
                again.append(topic)
            else:
                self._lost(topic, f"not acknowledged after {topic.tries} tries", now)
        for topic in again:
            # Without an answer to the unsubscription the subscription is asked for all the same.
            topic.resubscribe = False
        if again:
            self._ask_all("subscribe", again, now)
        self._arm_acks()

    def _arm_acks(self) -> None:
        waiting = [topic.asked_ns for topic in self.topics.values() if topic.asked_ns is not None]
        if waiting:
            self._ack_timer.set(min(waiting) + seconds(self._options.ack_timeout))
        else:
            self._ack_timer.off()

    # Asking -------------------------------------------------------------------

    def request(self, book: Book, now: Now) -> None:
        topic = self.topics[book.plan.name]
        assert book.plan.ask is not None
        ask_id = self._new_id("request", (topic,))
        self._post(book.plan.ask.print(topic=topic.text, id=ask_id), now)

    def resubscribe(self, book: Book, now: Now) -> None:
        subscribing = self.endpoint.subscribing
        if subscribing is None or subscribing.unsubscribe is None or book.plan.by_url:
            self.renew(f"{book.plan.symbol}: {book.reason}", now)
            return
        topic = self.topics[book.plan.name]
        if topic.resubscribe:
            return
        book.resubscribing(book.reason, now)
        topic.confirmed = False
        topic.resubscribe = True
        topic.tries = 0
        self._ask_for("unsubscribe", (topic,), now)

    def renew(self, reason: str, now: Now) -> None:
        self._owner.renew(self, reason, now)

    def _greet(self, topics: list[Topic], now: Now) -> None:
        """Subscribe. What the URL subscribes by itself is confirmed by the handshake."""
        asked: list[Topic] = []
        for topic in topics:
            if topic.book.plan.by_url or self.endpoint.subscribing is None:
                self._confirm(topic, now)
            else:
                asked.append(topic)
        if asked:
            self._ask_all("subscribe", asked, now)

    def _ask_all(self, what: str, topics: list[Topic], now: Now) -> None:
        assert self.endpoint.subscribing is not None
        many = self.endpoint.subscribing.topics_per_message
        for at in range(0, len(topics), many):
            self._ask_for(what, tuple(topics[at : at + many]), now)

    def _ask_for(self, what: str, topics: tuple[Topic, ...], now: Now) -> None:
        subscribing = self.endpoint.subscribing
        assert subscribing is not None
        template = subscribing.subscribe if what == "subscribe" else subscribing.unsubscribe
        assert template is not None
        texts = [topic.text for topic in topics]
        if what == "subscribe":
            sides = (topic.book.plan.side_topic for topic in topics)
            texts += [side for side in sides if side is not None]
        groups = [texts] if subscribing.topics_per_message > 1 else [[text] for text in texts]
        for group in groups:
            self._post(template.print(topic=group[0], topics=group, id=self._new_id(what, topics)), now)
        for topic in topics:
            topic.asked_ns = now.mono_ns
            topic.tries += what == "subscribe"
        if subscribing.ack is None:
            for topic in topics:
                self._confirm(topic, now)
        else:
            self._arm_acks()

    def _new_id(self, what: str, topics: tuple[Topic, ...]) -> int:
        self._last_id += 1
        self._asked[str(self._last_id)] = Asked(what, topics)
        return self._last_id

    def _post(self, data: bytes, now: Now) -> None:
        """Send at the endpoint's pace, in order."""
        self._outbox.append(data)
        self._send_next(now)

    def _send_next(self, now: Now) -> None:
        assert self.endpoint.subscribing is not None
        pace = seconds(self.endpoint.subscribing.pace)
        while self._outbox:
            if now.mono_ns < self._next_send_ns:
                self._send_timer.set(self._next_send_ns)
                return
            self._owner.effects.append(Send(self.conn, self._outbox.popleft()))
            self._next_send_ns = now.mono_ns + pace

    # Heartbeats ---------------------------------------------------------------

    def _heartbeat(self, frame: bytes) -> bool:
        """Whether the frame was a heartbeat; the server's is answered out of turn."""
        ping = self.endpoint.ping
        if ping.ask is None:
            return False
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return False
        if ping.by == "client":
            return ping.answer is None or ping.answer.match(message) is not None
        slots = ping.ask.match(message)
        if slots is None or ping.answer is None:
            return False
        self._owner.effects.append(Send(self.conn, ping.answer.print(**slots)))
        return True

    def _arm_ping(self, now: Now) -> None:
        ping = self.endpoint.ping
        self._ping_timer.set(now.mono_ns + seconds(ping.every if ping.by == "client" else ping.deadline))

    def _check_ping(self, now: Now) -> None:
        ping = self.endpoint.ping
        assert self.heard_ns is not None
        quiet = now.mono_ns - self.heard_ns
        if ping.by == "server":
            if quiet >= seconds(ping.deadline):
                self.renew(f"nothing heard for {ping.deadline:g} s", now)
            else:
                self._ping_timer.set(self.heard_ns + seconds(ping.deadline))
        elif quiet >= seconds(ping.every + ping.deadline):
            self.renew(f"no answer to a ping for {ping.deadline:g} s", now)
        elif quiet >= seconds(ping.every):
            data = b"" if ping.ask is None else ping.ask.print(id=self._last_id, now=now.wall_ns // 1_000_000)
            self._owner.effects.append(Send(self.conn, data, "ping" if ping.form == "frame" else "text"))
            self._ping_timer.set(self.heard_ns + seconds(ping.every + ping.deadline))
        else:
            self._ping_timer.set(self.heard_ns + seconds(ping.every))


def inflate(frame: bytes, codec: Codec, cap: int) -> bytes:
    """Undo an endpoint's codec. Raises DecodeError ``too_large`` while inflating, or ``malformed``."""
    machine = zlib.decompressobj(31 if codec is Codec.GZIP else -15)
    try:
        plain = machine.decompress(frame, cap + 1)
    except zlib.error as error:
        raise DecodeError("malformed", f"not {codec}: {error}") from None
    if len(plain) > cap:
        raise DecodeError("too_large", f"more than {cap} bytes when inflated")
    if not machine.eof or machine.unused_data:
        raise DecodeError("malformed", f"not one whole {codec} stream")
    return plain
