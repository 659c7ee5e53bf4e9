"""A minimal venue: true books, connections, subscriptions, snapshots by every way, and the faults of `Knobs`."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from tidebook.core.clock import SECOND, seconds
from tidebook.core.effects import Fetch, Reply
from tidebook.engine.rule import Bridge, Scope, Seed
from tidebook.sim.faults import OTHER, Knobs, Loss, Note
from tidebook.sim.speech import NOTICE, REFUSAL, SERVER_PING, Speech
from tidebook.sim.truth import Truth


class Clock(Protocol):
    """World, as the venue sees it."""

    now_ns: int
    rng: Random

    def after(self, delay_ns: int, call: Callable[..., None], *args: Any) -> None: ...
    def say(self, who: str, what: str, detail: object) -> None: ...


@dataclass(eq=False)
class Link:
    """One connection, as the venue sees it. `deliver` brings a frame to the client, `cut` ends it from this side."""

    conn: int
    deliver: Callable[[bytes, Note], None]
    cut: Callable[[int | None, str], None]
    topics: dict[str, bool] = field(default_factory=dict)
    open: bool = True
    count: int = 0
    held: tuple[bytes, Note] | None = None  # swapped with the next change of its book
    pings: int = 0


@dataclass(eq=False)
class Book:
    """One instrument: the truth, and how far it was told."""

    truth: Truth
    told: int = 0
    boundaries: list[int] = field(default_factory=lambda: [0])


class Venue:
    """See the module. Counters at the end are the figures' source."""

    def __init__(self, clock: Clock, speech: Speech, names: list[str]) -> None:
        self.clock = clock
        self.speech = speech
        self.knobs = Knobs()
        combination = speech.combination
        self.rule = combination.rule
        self.books = {
            name: Book(Truth(name, clock.rng, dense=combination.dense, backward=combination.backward)) for name in names
        }
        self.links: list[Link] = []
        self.mean_gap = 0.08  # seconds between changes of one book
        self.running = True
        self.losses: list[Loss] = []
        self.handshakes: list[int] = []
        for name in names:
            clock.after(clock.rng.randrange(SECOND // 10), self._tell, name)
            if combination.whole_every is not None:
                clock.after(seconds(clock.rng.random() * combination.whole_every), self._repeat, name)
        clock.after(SECOND, self._beat)

    # ---- connections

    def connected(self, link: Link) -> None:
        self.handshakes.append(self.clock.now_ns)
        self.links.append(link)
        if self.knobs.closing:
            self.clock.after(seconds(0.01), self.cut, link)
        if self.speech.lifetime is not None:
            self.clock.after(seconds(self.speech.lifetime), self.cut, link)

    def announce(self, left: float) -> None:
        """Every connection is told that it will be closed, and is so many seconds later."""
        for link in list(self.links):
            self._send(link, json.loads(NOTICE.print(n=self.clock.now_ns // 1_000_000)))
            self.clock.after(seconds(left), self.cut, link)

    def gone(self, link: Link) -> None:
        """The client closed it."""
        link.open = False
        if link in self.links:
            self.links.remove(link)

    def cut(self, link: Link) -> None:
        if link.open:
            self.gone(link)
            link.cut(1006, "connection lost")

    def subscribed(self) -> dict[str, int]:
        """Topic → on how many connections."""
        found: dict[str, int] = {}
        for link in self.links:
            for topic in link.topics:
                found[topic] = found.get(topic, 0) + 1
        return found

    def _send(self, link: Link, message: dict[str, object], note: Note = OTHER) -> None:
        if link.open:
            link.deliver(self._packed(link, message), note)

    def _packed(self, link: Link, message: dict[str, object]) -> bytes:
        link.count += 1
        return self.speech.pack(message, link.count if self.rule.scope is Scope.CONNECTION else None)

    def _beat(self) -> None:
        """Heartbeats, and frames of topics that nobody here wants."""
        for link in list(self.links):
            link.pings += 1
            if self.speech.style.pings == "server" and link.pings % 5 == 0:
                text = SERVER_PING.print(n=self.clock.now_ns // 1_000_000)
                self._send(link, json.loads(text))
            if self.clock.rng.random() < 0.3:
                self._send(link, {"ch": "status", "t": 0})
        self.clock.after(SECOND, self._beat)

    # ---- messages of the client

    def message(self, link: Link, data: bytes) -> None:
        if not link.open:
            return
        message = json.loads(data)
        match message.get("op"):
            case "sub" | "unsub":
                self._subscription(link, message)
            case "whole":
                self._requested(link, message)
            case "ping":
                self._send(link, {"pong": 1})
            case _:
                pass  # a pong

    def _subscription(self, link: Link, message: dict[str, Any]) -> None:
        topics = message.get("chs") or [message["ch"]]
        knobs, subscribe = self.knobs, message["op"] == "sub"
        if subscribe and knobs.take("refuse"):
            self._send(link, json.loads(REFUSAL.print(text="not now", id=message["id"])))
            return
        wait = seconds(8.0) if knobs.take("late_ack") else 0
        lost = knobs.take("lose_ack")
        fresh = [topic for topic in topics if topic not in link.topics]
        for topic in topics:
            if subscribe:
                link.topics[topic] = True
            else:
                link.topics.pop(topic, None)
        if not lost:
            ack = dict(json.loads(self._ack(message, topics)))
            if wait:
                self.clock.after(wait, self._send, link, ack)
            else:
                self._send(link, ack)
        if subscribe and self.rule.seed in (Seed.STREAM, Seed.SIDE):
            for topic in fresh:
                self._greet(link, topic)

    def _ack(self, message: dict[str, Any], topics: list[str]) -> bytes:
        subscribing = self.speech.endpoint.subscribing
        assert subscribing is not None
        template = subscribing.ack if message["op"] == "sub" else subscribing.unsubscribed
        assert template is not None
        return template.print(topic=topics[0], topics=topics, id=message["id"])

    def _greet(self, link: Link, topic: str) -> None:
        """A new subscriber gets the whole book first, where the venue does that."""
        channel, name = topic.split(".", 1)
        if (channel == "whole") == (self.rule.seed is Seed.SIDE) and name in self.books:
            self._send_whole(link, name)

    def _send_whole(self, link: Link, name: str) -> None:
        book = self.books[name]
        note = Note("whole", name, book.told, book.told)
        if self.rule.seed is Seed.SIDE:
            message = {"ch": f"whole.{name}", **self.speech.body(book.truth, book.told)}
        else:
            message = self.speech.whole(book.truth, book.told, "s")
        self._send_or_spoil(link, message, note)

    def _send_or_spoil(self, link: Link, message: dict[str, object], note: Note) -> None:
        frame = self._packed(link, message)
        if self.knobs.take("lose_whole"):
            return
        if self.knobs.take("garble_whole"):
            frame, note = frame[: len(frame) // 2], OTHER
        if link.open:
            link.deliver(frame, note)

    def _repeat(self, name: str) -> None:
        """Whole books that come by themselves."""
        every = self.speech.combination.whole_every
        assert every is not None
        topic = f"whole.{name}" if self.rule.seed is Seed.SIDE else f"book.{name}"
        for link in list(self.links):
            if topic in link.topics and name not in self.knobs.silent:
                self._send_whole(link, name)
        self.clock.after(seconds(every), self._repeat, name)

    # ---- whole books that are asked for

    def _at(self, name: str, old: bool) -> int:
        """The version that an answer shows: a message's end, or anything between where the bridge allows it."""
        book, rng = self.books[name], self.clock.rng
        back = rng.randrange(10, 40) if old else 0
        boundaries = book.boundaries
        at = boundaries[max(len(boundaries) - 1 - back, 0)]
        if self.rule.bridge in (Bridge.COVERS_NEXT, Bridge.COVERS, Bridge.PREV_RANGE, Bridge.AFTER) and not back:
            return book.truth.version if rng.random() < 0.5 else at
        return at

    def _requested(self, link: Link, message: dict[str, Any]) -> None:
        """A whole book by reply on the same socket."""
        name = str(message["ch"]).split(".", 1)[1]
        if self.knobs.take("refuse_whole"):
            self._send(link, json.loads(REFUSAL.print(text="busy", id=message["id"])))
            return
        at = self._at(name, self.knobs.take("http_old"))
        body = self.speech.body(self.books[name].truth, at)
        reply: dict[str, object] = {"rep": message["ch"], "id": message["id"], "data": body}
        self._send_or_spoil(link, reply, Note("whole", name, at, at))

    def fetch(self, request: Fetch) -> tuple[int, Reply | None]:
        """How long a request takes, in ns, and its answer; None: it never comes."""
        rng, knobs = self.clock.rng, self.knobs
        name = request.request.url.rsplit("=", 1)[1]
        wait = seconds(0.02 + 0.2 * rng.random())
        if knobs.take("http_429"):
            return wait, Reply(429, {"retry-after": f"{knobs.retry_after:g}"}, b"")
        if knobs.take("http_500"):
            return wait, Reply(500, {}, b"oops")
        if knobs.take("http_timeout"):
            return 0, None
        slow = knobs.take("http_slow")
        at = self._at(name, knobs.take("http_old"))
        body = json.dumps(self.speech.body(self.books[name].truth, at), separators=(",", ":")).encode()
        if knobs.take("garble_whole"):
            body = body[: len(body) // 2]
        return (seconds(4.0) if slow else wait), Reply(200, {}, body)

    # ---- the stream

    def _tell(self, name: str) -> None:
        """Some changes happen to a book and are told to its subscribers."""
        rng = self.clock.rng
        book = self.books[name]
        # A silent book that could be silent without a trace does not change meanwhile; others miss what happens.
        frozen = name in self.knobs.silent and (self.rule.scope is Scope.CONNECTION or not self.rule.proves)
        if self.running and not frozen:
            idle = self.rule.seed is not Seed.EVERY and rng.random() < 0.04 and "pu" in self._shown()
            for _ in range(0 if idle else rng.choice((1, 1, 1, 2, 4))):
                book.truth.change()
            self._publish(name, book)
            if rng.random() < 0.3:  # changed, and not told yet: a snapshot may stand between two messages
                book.truth.change()
        self.clock.after(seconds(self.mean_gap * (0.2 + 1.6 * rng.random())), self._tell, name)

    def _shown(self) -> tuple[str, ...]:
        ids = self.speech.combination.ids
        return ("u", "pu") if ids in ("prev", "range_prev") else ()

    def _publish(self, name: str, book: Book) -> None:
        after, until, rng = book.told, book.truth.version, self.clock.rng
        shown = after
        if self.speech.combination.overlap and rng.random() < 0.1:
            shown = max(after - rng.randrange(1, 4), 0)
        single = self.speech.combination.dense and self.speech.combination.ids == "last"
        steps = list(range(after, until)) if single else [after]
        for at in steps:
            end = at + 1 if single else until
            message = self.speech.change(book.truth, at, end, prev=at, shown_from=shown if not single else at)
            book.told = end
            book.boundaries.append(end)
            if name in self.knobs.silent:
                continue
            note = Note("whole" if self.rule.seed is Seed.EVERY else "change", name, at, end)
            for link in list(self.links):
                if f"book.{name}" in link.topics:
                    self._send_or_fail(link, message, note)

    def _send_or_fail(self, link: Link, message: dict[str, object], note: Note) -> None:
        """A change goes out, with one of the faults that are due."""
        knobs = self.knobs
        if knobs.take("digit"):
            message = _other_digit(message)
            self.losses.append(Loss("digit", link.conn, note))
        frame = self._packed(link, message)
        if knobs.take("drop"):
            self.losses.append(Loss("drop", link.conn, note))
            return
        if knobs.take("garble"):
            self.losses.append(Loss("garble", link.conn, note))
            link.deliver(frame[: len(frame) // 2], OTHER)
            return
        if link.held is None and knobs.take("swap"):
            link.held = frame, note
            return
        link.deliver(frame, note)
        if knobs.take("double"):
            link.deliver(frame, note)
        if link.held is not None and link.held[1].book == note.book:
            (frame, note), link.held = link.held, None
            self.losses.append(Loss("swap", link.conn, note))
            link.deliver(frame, note)


def _other_digit(message: dict[str, object]) -> dict[str, object]:
    """The first price of the message with another last digit."""
    spoiled = dict(message)
    for key in ("b", "a"):
        side = spoiled.get(key)
        if isinstance(side, list) and side:
            price, size = side[0]
            spoiled[key] = [[price[:-1] + ("1" if price[-1] != "1" else "2"), size], *side[1:]]
            break
    return spoiled
