"""One connection: greeting, subscriptions and their acks, heartbeats, frames into the engine."""

from collections import deque
from typing import Any, Protocol

from tidebook.core import control
from tidebook.core.book import Book
from tidebook.core.clock import Now, seconds
from tidebook.core.codec import head, inflate
from tidebook.core.effects import Effect, Send
from tidebook.core.endpoint import Endpoint
from tidebook.core.keys import Keys
from tidebook.core.options import Options
from tidebook.core.outbox import Letter, Outbox
from tidebook.core.raw import Raw
from tidebook.core.redact import excerpt, shown
from tidebook.core.stream import Stream
from tidebook.core.timers import Timers
from tidebook.core.topic import Asked, Topic
from tidebook.engine import contract
from tidebook.engine.rule import Scope
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError
from tidebook.model import health


class Owner(Protocol):
    """The desk, as a session sees it."""

    effects: list[Effect]
    received: int

    def emit(self, event: health.Health) -> None: ...
    def renew(self, session: "Session", reason: str, now: Now) -> None:
        """Close this connection and open the next."""
        ...


HEARTBEAT = 1024  # bytes: no heartbeat is longer
RAW_IDS = 1 << 30  # from here on, where users' own messages have ids too


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
        self._keys = Keys(feed, endpoint.subscribing)
        self._fresh: list[Topic] = []
        self._owner = owner
        self._options = options
        self._venue = venue
        self._asked: dict[str, Asked] = {}
        self._last_id = 0
        subscribing = endpoint.subscribing
        pace, most = (0.0, 1) if subscribing is None else (subscribing.pace, subscribing.topics_per_message)
        self._outbox = Outbox(self._send, timers, pace=pace, most=most)
        self._bad: deque[int] = deque()
        self._raw: Raw | None = None
        self._ack_timer = timers.timer(self._acks_late)
        self._again_timer = timers.timer(self._try_again)
        self._ping_timer = timers.timer(self._check_ping)

    def add(self, book: Book, now: Now) -> None:
        """Carry this book from now on."""
        topic = Topic(book.plan, book, book)
        self._keys.enter(topic)
        self.topics[book.plan.name] = topic
        self._by_engine[id(book.engine)] = topic
        book.carrier = self
        self._fresh.append(topic)

    def add_stream(self, stream: Stream, now: Now) -> None:
        """Carry this stream of facts from now on."""
        topic = Topic(stream.plan, stream)
        self._keys.enter(topic)
        self.topics[stream.plan.name] = topic
        stream.carrier = self
        self._fresh.append(topic)

    def add_raw(self, raw: Raw) -> None:
        """Carry this and nothing else: every message is handed over as it comes."""
        self._raw = raw
        self._last_id = RAW_IDS
        for part in raw.parts():
            topic = self.topics[part.plan.name] = Topic(part.plan, part)
            self._fresh.append(topic)

    def greet(self, now: Now) -> None:
        """Subscribe what was added since the last time, as few messages as may be."""
        fresh, self._fresh = [t for t in self._fresh if self.topics.get(t.plan.name) is t], []
        if self.is_open and fresh:
            self._greet(fresh, now)

    def remove(self, wanted: Book | Stream, now: Now) -> None:
        """Stop carrying it; frames still on their way are passed over."""
        topic = self.topics.pop(wanted.plan.name, None)
        if topic is None:
            return
        self._keys.leave(topic)
        if isinstance(wanted, Book):
            self._by_engine.pop(id(wanted.engine), None)
        wanted.carrier = None
        subscribing = self.endpoint.subscribing
        if self.is_open and subscribing is not None and subscribing.unsubscribe is not None and not topic.by_url:
            self._ask_for("unsubscribe", (topic,), now)

    def opened(self, now: Now) -> None:
        self.is_open = True
        self.opened_ns = self.heard_ns = now.mono_ns
        self._arm_ping(now)
        for said in self.endpoint.says:
            self._outbox.post(Letter("say", (), [], said.print()), now)
        self._fresh = list(self.topics.values())
        self.greet(now)
        if self._raw is not None:
            for data in self._raw.plan.says:
                self._outbox.post(Letter("say", (), [], data), now)
            self._raw.opened()

    def frames(self, frames: list[bytes], now: Now) -> None:
        """All data frames of one read. Heartbeats are answered before any of them is decoded."""
        if not self.is_open:
            return
        self.heard_ns = now.mono_ns
        self.received += len(frames)
        self._owner.received += len(frames)
        if self.endpoint.ping.prefix:
            frames = [frame for frame in frames if not self._is_heartbeat(frame)]
        is_plain = self.endpoint.codec is Codec.TEXT
        feed, received_ns = self.feed.feed, now.mono_ns
        for frame in frames:
            if not self.is_open:
                return  # given up at an earlier frame: what came behind it belongs to nobody
            try:
                # One at a time: a read full of bombs is never held inflated.
                plain = frame if is_plain else inflate(frame, self.endpoint.codec, self.endpoint.cap)
            except DecodeError as error:
                self._undecodable(error, frame, now)
                continue
            if self._raw is not None:
                if not self._control(plain, now):
                    self._raw.frame(plain, now)
                continue
            try:
                outcome = feed(plain, received_ns)
            except DecodeError as error:
                # Some venues' answers name the channel where data does, and hold no book.
                if error.kind not in ("missing", "malformed") or not self._control(plain, now):
                    self._undecodable(error, plain, now)
                continue
            if outcome is not None:
                self._route(outcome, plain, now)

    def closed(self, reason: str, now: Now) -> None:
        """The connection is gone, or given up: nothing of it may be believed any more."""
        self.is_open = False
        for timer in (self._ack_timer, self._again_timer, self._ping_timer):
            timer.off()
        self._asked.clear()
        self._outbox.clear()
        if self._raw is not None:
            self._raw.lost()
        for topic in list(self.topics.values()):
            topic.wanted.lost(reason, now)

    # Outcomes -----------------------------------------------------------------

    def _route(self, outcome: contract.Outcome, frame: bytes, now: Now) -> None:
        topic = self._by_engine.get(id(outcome))
        if topic is not None and topic.book is not None:  # the common case: this book changed
            topic.book.changed()
        elif isinstance(outcome, tuple):
            for one in outcome:
                if self.is_open:  # else given up at an earlier one
                    self._route(one, frame, now)
        elif isinstance(outcome, contract.Other):
            if outcome.topic is None:
                self._control(frame, now)
            elif (stream := self._keys.stream(outcome.topic)) is not None:
                self._stream(stream, frame, now)
        elif isinstance(outcome, contract.Event):
            self._event(outcome, now)

    def _stream(self, stream: Stream, frame: bytes, now: Now) -> None:
        if stream.confirmed_ns is None:
            self._confirm(self.topics[stream.plan.name], now)  # its data came before, or without, the ack
        stream.frame(frame, now)

    def _event(self, event: contract.Event, now: Now) -> None:
        if event.book is None:
            for topic in list(self._by_engine.values()):
                book = topic.book
                if self.is_open and not topic.resubscribe and book and book.plan.rule.scope is Scope.CONNECTION:
                    book.event(event, now)
            return
        found = self._by_engine.get(id(event.book))
        if found is None or found.book is None:
            return
        if found.resubscribe:
            found.book.engine.unseed()  # the end of the subscription that is being given up; the next one seeds
        elif not found.confirmed and len(found.texts) > 1:
            found.book.engine.unseed(True)  # one channel speaks; whether the other will is not known yet
        else:
            if not found.confirmed:
                self._confirm(found, now)  # its data came before, or without, the ack
            found.book.event(event, now)

    def _undecodable(self, error: DecodeError, frame: bytes, now: Now) -> None:
        """One bad message: told once, applied not at all. Which book it was for cannot be known."""
        self._owner.emit(
            health.Undecodable(self._venue, None, now.wall_ns, error.kind, shown(error.text), excerpt(frame))
        )
        self._bad.append(now.mono_ns)
        while self._bad[0] < now.mono_ns - seconds(self._options.bad_seconds):
            self._bad.popleft()
        if len(self._bad) >= self._options.bad_messages:
            self._owner.renew(self, f"{len(self._bad)} undecodable messages", now)

    # Acks ---------------------------------------------------------------------

    def _control(self, frame: bytes, now: Now) -> bool:
        """Whether a frame is an answer to something we asked, or a heartbeat in another spelling."""
        subscribing = self.endpoint.subscribing
        message = None if subscribing is None and self._raw is None else control.read(frame)
        if message is None:
            return False
        if subscribing is None:
            return self._heartbeat(message)
        answers = [(subscribing.ack, self._acked), (subscribing.unsubscribed, self._unsubscribed)]
        answers += [(refusal, self._refused) for refusal in subscribing.refusals]
        for template, act in answers:
            if template is not None and (slots := template.match(message)) is not None:
                if self._raw is not None and not self._is_asked(slots):
                    return False  # the answer to what a user said
                act(slots, now)
                return True
        return self._heartbeat(message)

    def _is_asked(self, slots: dict[str, Any]) -> bool:
        """Whether an answer is to a question of ours."""
        if self._raw is not None and not self._raw.plan.says:
            return True
        names = _names(slots)
        return str(slots.get("id")) in self._asked or any(one.text in names for one in self.topics.values())

    def _named(self, slots: dict[str, Any], what: str) -> tuple[Topic, ...]:
        """The topics that an answer is about: by what it names, else by our id."""
        names = _names(slots)
        named = tuple(topic for topic in self.topics.values() if any(text in names for text in topic.texts))
        if what == "unsubscribe" and not names and (key := _key(slots)) is not None:
            named = tuple(topic for topic in self.topics.values() if topic.key == key)
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
        named, key = self._named(slots, "subscribe"), _key(slots)
        if key is not None and not self._learn(named, key, now):
            return
        for topic in named:
            told = asked.texts if asked is not None and topic in asked.topics else _names(slots)
            topic.missing = {text for text in topic.missing if text not in told}
            if not topic.missing:
                self._confirm(topic, now)

    def _confirm(self, topic: Topic, now: Now) -> None:
        if topic.confirmed or topic.resubscribe:
            return
        topic.confirmed = True
        topic.asked_ns = topic.again_ns = None
        topic.tries = topic.refusals = 0
        topic.wanted.confirmed(now)

    def _learn(self, named: tuple[Topic, ...], key: bytes, now: Now) -> bool:
        """What the venue calls a topic from now on. False where this connection cannot be believed any more."""
        if not named:  # not wanted any more: it was given up before it was acknowledged
            if self._raw is None:
                self._leave(key, now)
            return True
        for topic in named:
            other = self._keys.learn(topic, key)
            if other is not None and not other.resubscribe:
                self.renew(f"{topic.text} is called what {other.text} was called", now)
                return False
        return True

    def _leave(self, key: bytes, now: Now) -> None:
        """Unsubscribe what the venue calls so."""
        subscribing = self.endpoint.subscribing
        if subscribing is not None and subscribing.unsubscribe is not None and "key" in subscribing.unsubscribe.slots:
            ask_id = self._new_id("unsubscribe", (), [], now)
            data = subscribing.unsubscribe.print(key=key.decode(), id=ask_id, topic="", topics=[])
            self._outbox.post(Letter("say", (), [], data), now)

    def _unsubscribed(self, slots: dict[str, Any], now: Now) -> None:
        for topic in self._named(slots, "unsubscribe"):
            if topic.resubscribe:
                topic.resubscribe = False
                if self._keys.learned:
                    self._keys.unlearn(topic)  # from here on it may be another's
                self._ask_for("subscribe", (topic,), now)

    def _refused(self, slots: dict[str, Any], now: Now) -> None:
        reason = shown(f"{slots.get('code', '')} {slots.get('text', '')}".strip() or "refused")
        asked = self._asked.get(str(slots.get("id")))
        if asked is not None and asked.what == "request":
            del self._asked[str(slots["id"])]
            for topic in asked.topics:
                # Else a later one is under way.
                if str(topic.request_id) == str(slots["id"]) and topic.book is not None:
                    topic.book.failed(reason, now)
            return
        if asked is not None and asked.what == "unsubscribe":
            self._unsubscribed(slots, now)  # there is nothing to unsubscribe: so much the better
            return
        named = self._named(slots, "subscribe")
        if not named:  # it does not say what it refuses: told all the same
            self._owner.emit(health.SubscriptionFailed(self._venue, None, now.wall_ns, "", reason))
        for topic in named:
            if not topic.confirmed and not topic.resubscribe:
                topic.alone = len(named) > 1  # one bad topic must not keep the others out
                self._lost(topic, reason, now)

    def _lost(self, topic: Topic, reason: str, now: Now) -> None:
        """Told once; then it rests, and is tried again, ever more rarely."""
        options = self._options
        if topic.refusals == 0:
            plan = topic.plan
            self._owner.emit(health.SubscriptionFailed(plan.venue, plan.symbol, now.wall_ns, topic.text, reason))
        topic.wanted.refused(reason)
        rest = min(options.ask_again * 2.0 ** min(topic.refusals, 30), options.ask_again_most)
        if topic.alone and topic.refusals == 0:
            rest = 0.0  # refused in company: it may be good by itself
        topic.refusals += 1
        topic.asked_ns = None
        topic.again_ns = now.mono_ns + seconds(rest)
        self._arm_again()

    def _try_again(self, now: Now) -> None:
        due = [t for t in self.topics.values() if t.again_ns is not None and t.again_ns <= now.mono_ns]
        for topic in due:
            topic.again_ns, topic.tries = None, 0
        self._ask_all("subscribe", due, now)
        self._arm_again()

    def _arm_again(self) -> None:
        waiting = [topic.again_ns for topic in self.topics.values() if topic.again_ns is not None]
        if waiting:
            self._again_timer.set(min(waiting))

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
        # One that is still waiting for its turn is taken back: this one is the question now.
        self._outbox.take_back("request", topic)
        topic.request_id = self._new_id("request", (topic,), [topic.text], now)
        data = book.plan.ask.print(topic=topic.text, id=topic.request_id)
        self._outbox.post(Letter("request", (topic,), [topic.text], data), now)

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
        topic.tries = 0
        topic.again_ns = None
        is_unknown = self._keys.learned and topic.key is None
        if subscribing.ack is None or subscribing.unsubscribed is None or is_unknown:  # no answer to wait for
            self._ask_for("unsubscribe", (topic,), now)
            self._ask_for("subscribe", (topic,), now)
        else:
            topic.resubscribe = True
            self._ask_for("unsubscribe", (topic,), now)

    def renew(self, reason: str, now: Now) -> None:
        self._owner.renew(self, reason, now)

    def _greet(self, topics: list[Topic], now: Now) -> None:
        """Subscribe. What the URL subscribes by itself is confirmed by the handshake."""
        asked: list[Topic] = []
        for topic in topics:
            if topic.by_url or self.endpoint.subscribing is None:
                self._confirm(topic, now)
            else:
                asked.append(topic)
        if asked:
            self._ask_all("subscribe", asked, now)

    def _ask_all(self, what: str, topics: list[Topic], now: Now) -> None:
        assert self.endpoint.subscribing is not None
        many = self.endpoint.subscribing.topics_per_message
        together = [topic for topic in topics if not topic.alone]
        for at in range(0, len(together), many):
            self._ask_for(what, tuple(together[at : at + many]), now)
        for topic in topics:
            if topic.alone:
                self._ask_for(what, (topic,), now)

    def _ask_for(self, what: str, topics: tuple[Topic, ...], now: Now) -> None:
        assert self.endpoint.subscribing is not None
        if what == "unsubscribe" and self._keys.learned and topics[0].key is None:
            return  # it cannot be said, and if an answer comes yet it is given up then
        texts = [text for topic in topics for text in topic.texts]
        for topic in topics if what == "subscribe" else ():
            topic.missing = set(topic.texts)
            topic.tries += 1
        groups = [texts] if self.endpoint.subscribing.topics_per_message > 1 else [[text] for text in texts]
        for group in groups:
            self._outbox.post(Letter(what, topics, group), now)

    def _new_id(self, what: str, topics: tuple[Topic, ...], texts: list[str], now: Now) -> int:
        # Answers that never came, or that named no id, are not waited for for ever.
        oldest = now.mono_ns - seconds(4 * self._options.ack_timeout) - self._outbox.takes_ns
        while self._asked and (ask_id := next(iter(self._asked))) and self._asked[ask_id].at_ns < oldest:
            del self._asked[ask_id]
        self._last_id += 1
        self._asked[str(self._last_id)] = Asked(what, topics, texts, now.mono_ns)
        return self._last_id

    def _send(self, letter: Letter, now: Now) -> None:
        """A letter's turn has come."""
        data = letter.data or self._written(letter, now)
        self._owner.effects.append(Send(self.conn, data))
        subscribing = self.endpoint.subscribing
        if letter.what == "request":
            for topic in letter.topics:
                if topic.book is not None:
                    topic.book.requested(now)
        if letter.what in ("request", "say") or subscribing is None:
            return
        for topic in letter.topics:
            if subscribing.ack is None and letter.what == "subscribe":
                self._confirm(topic, now)
            elif subscribing.ack is not None and not topic.confirmed:
                topic.asked_ns = now.mono_ns
        self._arm_acks()

    def _written(self, letter: Letter, now: Now) -> bytes:
        subscribing = self.endpoint.subscribing
        assert subscribing is not None
        template = subscribing.subscribe if letter.what == "subscribe" else subscribing.unsubscribe
        assert template is not None
        ask_id = self._new_id(letter.what, letter.topics, letter.texts, now)
        key = letter.topics[0].key or b""
        return template.print(topic=letter.texts[0], topics=letter.texts, id=ask_id, key=key.decode())

    # Heartbeats ---------------------------------------------------------------

    def _is_heartbeat(self, frame: bytes) -> bool:
        """Whether the frame was a heartbeat; looked at before anything of the same read is decoded."""
        ping, codec = self.endpoint.ping, self.endpoint.codec
        plain = frame if codec is Codec.TEXT else head(frame, codec, HEARTBEAT)
        return plain.startswith(ping.prefix) and self._heartbeat(control.read(plain))

    def _heartbeat(self, message: Any) -> bool:
        """Whether it was one; the server's is answered out of turn."""
        ping = self.endpoint.ping
        if ping.ask is None:
            return False
        if ping.by == "client":
            return ping.answer is not None and ping.answer.match(message) is not None
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
            self._last_id += 1  # no subscription's id: the answer must not be taken for its ack
            data = b"" if ping.ask is None else ping.ask.print(id=self._last_id, now=now.wall_ns // 1_000_000)
            self._owner.effects.append(Send(self.conn, data, "ping" if ping.form == "frame" else "text"))
            self._ping_timer.set(self.heard_ns + seconds(ping.every + ping.deadline))
        else:
            self._ping_timer.set(self.heard_ns + seconds(ping.every))


def _key(slots: dict[str, Any]) -> bytes | None:
    return str(slots["key"]).encode() if "key" in slots else None


def _names(slots: dict[str, Any]) -> list[Any]:
    return [slots["topic"]] if "topic" in slots else slots.get("topics", [])
