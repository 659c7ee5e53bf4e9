"""One connection: greeting, subscriptions, heartbeats, frames into the engine. What is asked is answered in `acks`."""

from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from tidebook.core import control
from tidebook.core.acks import Acks
from tidebook.core.book import Book
from tidebook.core.burst import Burst
from tidebook.core.clock import Now, seconds
from tidebook.core.codec import head, inflate
from tidebook.core.effects import Effect, Send, SendSecret
from tidebook.core.endpoint import Endpoint
from tidebook.core.keys import Keys
from tidebook.core.login import Access, Entry
from tidebook.core.options import Options
from tidebook.core.outbox import Letter
from tidebook.core.raw import Part, Raw
from tidebook.core.redact import Known, excerpt, shown
from tidebook.core.stream import Stream
from tidebook.core.timers import Timers
from tidebook.core.topic import Reads, Topic
from tidebook.engine import contract
from tidebook.engine.rule import Scope
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError, TidebookError, VenueError
from tidebook.model import health
from tidebook.model.credentials import Secret


class Owner(Protocol):
    """The desk, as a session sees it."""

    effects: list[Effect]
    received: int
    burst: Burst

    def emit(self, event: health.Health) -> None: ...
    def renew(self, session: "Session", reason: str, now: Now) -> None:
        """Close this connection and open the next."""
        ...

    def rotate(self, session: "Session", reason: str, now: Now) -> None:
        """It will be closed soon: open the next one before."""
        ...

    def denied(self, session: "Session", error: TidebookError, now: Now) -> None:
        """Close this connection and open no other: this key is never let in."""
        ...

    def entered(self, session: "Session") -> None:
        """It is let in."""
        ...

    def mistimed(self, session: "Session", error: TidebookError, now: Now) -> None:
        """Close this connection; the next one logs in by a better clock, if there is to be one."""
        ...


HEARTBEAT = 1024  # bytes: no heartbeat is longer
ROW = 64  # messages after which a row of calls is measured: their decoding must not count for much
LONG = 1 << 16  # bytes of a message whose decoding must not count at all


class Session:
    """One connection of one endpoint. `conn` is never used twice."""

    def __init__(
        self, conn: int, endpoint: Endpoint, feed: contract.Feed, owner: Owner, timers: Timers,
        options: Options, venue: str, known: Known, url: str = "", access: Access | None = None,
    ) -> None:  # fmt: skip
        self.conn = conn
        self.endpoint = endpoint
        self.feed = feed
        self.is_open = False
        self.opened_ns: int | None = None
        self.heard_ns: int | None = None
        self._asked_ns = 0  # when our last ping went out
        self.received = 0  # data frames, for whoever counts along
        self.topics: dict[str, Topic] = {}
        # The hot path: what the engine's commonest outcomes mean.
        self._by_engine: dict[object, Topic] = {}
        self._streams: dict[object, Reads] = {}
        self._keys = Keys(feed, endpoint.subscribing)
        self._fresh: list[Topic] = []
        self._left: set[str] = set()  # topics that were carried here and given up
        self._owner = owner
        self._options = options
        self._venue = venue
        self._entry = Entry(self, endpoint.login, url or endpoint.url, access, known, timers)
        self._acks = Acks(self, endpoint, self._keys, timers, options, venue, known)
        self._bad: deque[int] = deque()
        self._raw: Raw | None = None
        self._ping_timer = timers.timer(self._check_ping)

    def add(self, book: Book, now: Now) -> None:
        """Carry this book from now on."""
        topic = Topic(book.plan, book, book, is_second=book.plan.name in self._left)
        self._keys.enter(topic)
        self.topics[book.plan.name] = topic
        self._by_engine[book.engine] = topic
        book.carrier = self
        self._fresh.append(topic)

    def add_stream(self, stream: Reads, now: Now) -> None:
        """Carry this stream of facts from now on, or a topic whose messages are held back."""
        topic = Topic(stream.plan, stream, reads=stream, is_second=stream.plan.name in self._left)
        self._keys.enter(topic)
        self.topics[stream.plan.name] = topic
        stream.carrier = self
        self._fresh.append(topic)

    def add_raw(self, raw: Raw) -> None:
        """Carry this and nothing else: every message is handed over as it comes."""
        self._raw = raw
        self._acks.carry(raw)
        self._enter_parts(raw.parts())

    def change_raw(self, added: Iterable[Part], removed: Iterable[str], now: Now) -> None:
        """From now on it carries these topics too, and those no more."""
        gone = tuple(topic for text in removed if (topic := self.topics.pop(text, None)) is not None)
        subscribing = self.endpoint.subscribing
        can_say = subscribing is not None and subscribing.unsubscribe is not None
        if gone and can_say and self.is_open and self._entry.done:
            self._acks.ask_for("unsubscribe", gone, now)
        self._enter_parts(added)
        self.greet(now)

    def _enter_parts(self, parts: Iterable[Part]) -> None:
        for part in parts:
            topic = self.topics[part.plan.name] = Topic(part.plan, part)
            self._fresh.append(topic)

    def greet(self, now: Now) -> None:
        """Subscribe what was added since the last time, as few messages as may be."""
        fresh, self._fresh = [t for t in self._fresh if self.topics.get(t.plan.name) is t], []
        if self.is_open and self._entry.done and fresh:
            self._greet(fresh, now)

    def remove(self, wanted: Book | Reads, now: Now) -> None:
        """Stop carrying it; frames still on their way are passed over."""
        topic = self.topics.pop(wanted.plan.name, None)
        if topic is None:
            return
        self._keys.leave(topic)
        self._forget(topic)
        wanted.carrier = None
        subscribing = self.endpoint.subscribing
        if not self.is_open or not self._entry.done or topic.by_url:
            return
        if subscribing is not None and subscribing.unsubscribe is not None:
            self._left.add(topic.plan.name)
            self._acks.ask_for("unsubscribe", (topic,), now)

    def _is_of_before(self, topic: Topic) -> bool:
        """Whether its data may be of an earlier asking on this connection.

        The venue ends that when it reads that we left. What it said until then is on its way even after we have asked
        again, and a hole follows: only the answer to this asking parts the two, where there is one.
        """
        if not topic.is_second:
            return False
        subscribing = self.endpoint.subscribing
        has_answer = subscribing is not None and subscribing.ack is not None
        return not topic.is_asked or (has_answer and not topic.is_answer_late)

    def _forget(self, topic: Topic) -> None:
        if topic.book is not None:
            self._by_engine.pop(topic.book.engine, None)
        for other in [other for other, reads in self._streams.items() if reads is topic.reads]:
            del self._streams[other]

    def give(self, wanted: Book | Stream) -> Topic:
        """From now on a topic's messages are this one's; they were held back until here."""
        topic = self.topics[wanted.plan.name]
        self._forget(topic)
        topic.wanted = wanted
        topic.book, topic.reads = (wanted, None) if isinstance(wanted, Book) else (None, wanted)
        if isinstance(wanted, Book):
            self._by_engine[wanted.engine] = topic
        self._keys.given(topic)
        wanted.carrier = self
        return topic

    def replay(self, feed: contract.Feed, held: Iterable[tuple[bytes, int]], now: Now) -> None:
        """Messages of a book that were held back, each with when it was received. `feed` knows this book alone."""
        for frame, received_ns in held:
            try:
                outcome = feed.feed(frame, received_ns)
            except DecodeError as error:
                self._undecodable(error, frame, now)
                continue
            for one in outcome if isinstance(outcome, tuple) else (outcome,):
                if one is not None and not isinstance(one, contract.Other) and self.is_open:
                    self._route(one, frame, now)

    def opened(self, now: Now) -> None:
        self.is_open = True
        self.opened_ns = self.heard_ns = now.mono_ns
        self._arm_ping(now)
        self._entry.opened(now)
        if self._entry.done:
            self.entered(now)

    def entered(self, now: Now) -> None:
        """The venue takes what we say from here on: log-in, where it wants one, is over."""
        self._owner.entered(self)
        for said in self.endpoint.says:
            self._acks.outbox.post(Letter("say", (), [], said.print()), now)
        self._fresh = list(self.topics.values())
        self.greet(now)
        if self._raw is not None:
            for data in self._raw.plan.says:
                self.post(data, now)
            self._raw.opened()

    def post(self, data: bytes, now: Now) -> None:
        """Send one message in its turn; where the venue does not listen yet, or any more, it is not sent."""
        if self.is_open and self._entry.done:
            self._acks.outbox.post(Letter("say", (), [], data), now)

    def frames(self, frames: list[bytes], now: Now) -> None:
        """All data frames of one read. Heartbeats are answered before any of them is decoded."""
        if not self.is_open:
            return
        self.heard_ns = now.mono_ns
        self.received += len(frames)
        self._owner.received += len(frames)
        if self.endpoint.ping.prefix:
            frames = [frame for frame in frames if not self._is_heartbeat(frame)]
        burst = self._owner.burst
        burst.is_on = True
        try:
            if len(frames) <= ROW:
                self._read(frames, now, burst)
            else:
                for at in range(0, len(frames), ROW):
                    self._read(frames[at : at + ROW], now, burst)
                    burst.hand(None)
        finally:
            burst.is_on = False
            if burst.caller is not None:
                burst.hand(None)

    def _read(self, frames: list[bytes], now: Now, burst: Burst) -> None:
        is_plain, raw = self.endpoint.codec is Codec.TEXT and self.endpoint.decode is None, self._raw
        feed, received_ns, topics, streams = self.feed.feed, now.mono_ns, self._by_engine, self._streams
        # Messages of one stream, one behind the other: they are read and handed over together. `same` leads to it.
        stream: Reads | None = None
        row: list[bytes] = []
        same: object = None
        outcome: contract.Outcome | DecodeError
        for frame in frames:
            if not self.is_open:
                return  # given up at an earlier frame: what came behind it belongs to nobody
            # One at a time, and read at once: a read full of bombs is never held inflated.
            plain = frame if is_plain else self._inflated(frame, now)
            if plain is None:
                continue
            if raw is not None:
                if not self._control(plain, now):
                    raw.frame(plain, now)
                continue
            if len(plain) > LONG and burst.caller is not None:
                burst.hand(None)
            try:
                outcome = feed(plain, received_ns)
            except DecodeError as error:
                outcome = error
            if stream is not None:
                if outcome is same and len(plain) <= LONG:
                    row.append(plain)
                    continue
                self._hand(stream, row, now, burst)
                stream = None
            if (topic := topics.get(outcome)) is not None and (book := topic.book) is not None:
                # The common case: this book changed.
                if book.readable and (told := book.changed_to) is not None:
                    told(book)
            elif outcome is None:
                continue
            elif (stream := streams.get(outcome)) is None:
                self._route(outcome, plain, now)
            elif is_plain:
                row, same = [plain], outcome
            else:
                self._hand(stream, [plain], now, burst)
                stream = None
        if stream is not None:
            self._hand(stream, row, now, burst)

    def _inflated(self, frame: bytes, now: Now) -> bytes | None:
        """A frame without its endpoint's codec; None where it is told as undecodable."""
        try:
            if self.endpoint.decode is not None:
                return self.endpoint.decode(frame)
            return inflate(frame, self.endpoint.codec, self.endpoint.cap)
        except DecodeError as error:
            self._undecodable(error, frame, now)
            return None

    @staticmethod
    def _hand(stream: Reads, row: list[bytes], now: Now, burst: Burst) -> None:
        if len(row[0]) > LONG and burst.caller is not None:
            burst.hand(None)
        stream.frames(row, now)

    def left(self) -> None:
        """The connection is given up, and carries nothing any more: another does."""
        self._shut()
        self.topics.clear()
        self._by_engine.clear()
        self._streams.clear()

    def _shut(self) -> None:
        self.is_open = False
        self._ping_timer.off()
        self._entry.closed()
        self._acks.closed()

    def closed(self, reason: str, now: Now) -> None:
        """The connection is gone, or given up: nothing of it may be believed any more."""
        self._shut()
        if self._raw is not None:
            self._raw.heard_ns = self.heard_ns
            self._raw.lost(reason, now)
        for topic in list(self.topics.values()):
            topic.wanted.lost(reason, now)

    # Outcomes -----------------------------------------------------------------

    def _route(self, outcome: contract.Outcome | DecodeError, frame: bytes, now: Now) -> None:
        if isinstance(outcome, tuple):
            for one in outcome:
                if self.is_open:  # else given up at an earlier one
                    self._route(one, frame, now)
        elif isinstance(outcome, DecodeError):
            # Some venues' answers name the channel where data does, and hold no book.
            if outcome.kind not in ("missing", "malformed") or not self._control(frame, now):
                self._undecodable(outcome, frame, now)
        elif isinstance(outcome, contract.Other):
            if outcome.topic is None:
                self._control(frame, now)
            elif (stream := self._keys.reads(outcome.topic)) is not None:
                self._stream(outcome, stream, frame, now)
        elif isinstance(outcome, contract.Event):
            self._event(outcome, now)
        elif (topic := self._by_engine.get(outcome)) is not None and topic.book is not None:
            topic.book.changed()

    def _stream(self, outcome: contract.Other, stream: Reads, frame: bytes, now: Now) -> None:
        if stream.confirmed_ns is None and not self._is_of_before(topic := self.topics[stream.plan.name]):
            self._acks.confirm(topic, now)  # its data came before, or without, the ack
        if stream.carrier is self:
            self._streams[outcome] = stream
        stream.frames([frame], now)

    def _event(self, event: contract.Event, now: Now) -> None:
        if event.book is None:
            for topic in list(self._by_engine.values()):
                book = topic.book
                if self.is_open and not topic.resubscribe and book and book.plan.rule.scope is Scope.CONNECTION:
                    book.event(event, now)
            return
        found = self._by_engine.get(event.book)
        if found is None or found.book is None:
            return
        if found.resubscribe:
            found.book.engine.unseed()  # the end of the subscription that is being given up; the next one seeds
        elif not found.confirmed and self._is_of_before(found):
            found.book.engine.unseed()  # it was subscribed before, left and wanted again: there will be a hole between
        elif not found.confirmed and len(found.texts) > 1:
            found.book.engine.unseed(True)  # one channel speaks; whether the other will is not known yet
        else:
            if not found.confirmed:
                self._acks.confirm(found, now)  # its data came before, or without, the ack
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

    def _control(self, frame: bytes, now: Now) -> bool:
        """Whether a frame is an answer to what we asked, a heartbeat in another spelling, or announces the end."""
        endpoint = self.endpoint
        is_read = endpoint.subscribing is not None or self._raw is not None or endpoint.notices or endpoint.login
        message = control.read(frame) if is_read else None
        if message is None:
            return False
        found = self._obey(message, frame, now)
        members: list[Any] = message if isinstance(message, list) and not found else []
        for one in members if len(members) > 1 else ():
            # Several messages in one frame: templates are of a frame with one.
            found = (isinstance(one, dict) and self._obey([one], frame, now)) or found
        return found

    def _obey(self, message: Any, frame: bytes, now: Now) -> bool:
        if not self.is_open:
            return False  # given up at an earlier one
        if not self._entry.done and self._entry.answer(message, now):
            return True
        answered = None if self.endpoint.subscribing is None else self._acks.answer(message, now)
        if answered is not None or self._heartbeat(message):
            return answered is not False
        if not any(notice.match(message) is not None for notice in self.endpoint.notices):
            return False
        if self._raw is not None:
            self._raw.frame(frame, now)  # a user may want to know it
        self._owner.rotate(self, "the venue announces its end", now)
        return True

    # Asking -------------------------------------------------------------------

    def request(self, book: Book, now: Now) -> None:
        topic = self.topics[book.plan.name]
        assert book.plan.ask is not None
        # One that is still waiting for its turn is taken back: this one is the question now.
        self._acks.outbox.take_back("request", topic)
        topic.request_id = self._acks.new_id("request", (topic,), [topic.text], now)
        data = book.plan.ask.print(topic=topic.text, id=topic.request_id)
        self._acks.outbox.post(Letter("request", (topic,), [topic.text], data), now)

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
            self._acks.ask_for("unsubscribe", (topic,), now)
            self._acks.ask_for("subscribe", (topic,), now)
        else:
            topic.resubscribe = True
            self._acks.ask_for("unsubscribe", (topic,), now)

    def emit(self, event: health.Health) -> None:
        self._owner.emit(event)

    def say(self, data: bytes) -> None:
        encode = self.endpoint.encode
        self._owner.effects.append(Send(self.conn, data) if encode is None else Send(self.conn, encode(data), "binary"))

    def confide(self, data: Secret) -> None:
        self._owner.effects.append(SendSecret(self.conn, data, self.endpoint.encode))

    def denied(self, kind: type[TidebookError], code: str, reason: str, now: Now) -> None:
        self._owner.denied(self, self._refusal(kind, code, reason), now)

    def mistimed(self, kind: type[VenueError], code: str, reason: str, now: Now) -> None:
        self._owner.mistimed(self, self._refusal(kind, code, reason), now)

    def _refusal(self, kind: type[TidebookError], code: str, reason: str) -> TidebookError:
        return kind(f"{self._venue}: {reason}", venue=self._venue, code=code or None)

    def renew(self, reason: str, now: Now) -> None:
        self._owner.renew(self, reason, now)

    def _greet(self, topics: list[Topic], now: Now) -> None:
        """Subscribe. What the URL subscribes by itself is confirmed by the handshake."""
        asked: list[Topic] = []
        for topic in topics:
            if topic.by_url or self.endpoint.subscribing is None:
                self._acks.confirm(topic, now)
            else:
                asked.append(topic)
        if asked:
            self._acks.ask_all("subscribe", asked, now)

    # Heartbeats ---------------------------------------------------------------

    def _is_heartbeat(self, frame: bytes) -> bool:
        """Whether the frame was a heartbeat; looked at before anything of the same read is decoded."""
        ping, codec = self.endpoint.ping, self.endpoint.codec
        plain = frame if codec is Codec.TEXT else head(frame, codec, HEARTBEAT)
        if ping.form == "text":
            return plain == ping.prefix and self._beat_of_text()
        return plain.startswith(ping.prefix) and self._heartbeat(control.read(plain))

    def _beat_of_text(self) -> bool:
        ping = self.endpoint.ping
        if ping.by == "server":
            self._owner.effects.append(Send(self.conn, ping.answer_text.encode()))
        return True

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
        self._asked_ns = now.mono_ns
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
        elif ping.always:
            if now.mono_ns >= self._asked_ns + seconds(ping.every):
                self._ask_back(now)
            dead_ns = self.heard_ns + seconds(ping.every + ping.deadline)
            self._ping_timer.set(min(self._asked_ns + seconds(ping.every), dead_ns))
        elif quiet >= seconds(ping.every):
            self._ask_back(now)
            self._ping_timer.set(self.heard_ns + seconds(ping.every + ping.deadline))
        else:
            self._ping_timer.set(self.heard_ns + seconds(ping.every))

    def _ask_back(self, now: Now) -> None:
        """Our ping."""
        ping = self.endpoint.ping
        ping_id = self._acks.next_id()  # no subscription's: the answer must not be taken for its ack
        data = ping.ask_text.encode()
        if ping.ask is not None:
            data = ping.ask.print(id=ping_id, now=now.wall_ns // 1_000_000)
        self._owner.effects.append(Send(self.conn, data, "ping" if ping.form == "frame" else "text"))
        self._asked_ns = now.mono_ns
