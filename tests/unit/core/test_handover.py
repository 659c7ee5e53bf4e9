"""A handover between two connections, held against a slow model: what was sent, what arrived where, and when.

One market is told on both connections, each message late by its own time, in order. The model is lists: it knows which
ids a reader must get, and from which of them the old and the new connection overlap.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.transcript import TRADES

from tidebook.core.book import Book
from tidebook.core.clock import SECOND, Now
from tidebook.core.desk import Desk
from tidebook.core.effects import Close, Emit, Fetch, Open, Reply, Request, Send
from tidebook.core.endpoint import Endpoint, Lifetime, Ping, Pool, Subscribing, Template
from tidebook.core.options import Options
from tidebook.core.plan import BookPlan, RestSeed
from tidebook.core.stream import StreamPlan
from tidebook.engine import contract
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Bridge, Chain, Proof, Resync, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind
from tidebook.model import health

MS: Final = 1_000_000
BEGIN: Final = 100 * SECOND  # of the handover, after the old connection was opened
BOOK, TRADE = "book.X", "trades.X"

ENDPOINT: Final = Endpoint(
    "stream",
    "wss://venue.invalid/ws",
    Subscribing(Template('{"op":"sub","chs":"@topics","id":"#id"}'), Template('{"ok":"sub","id":"#id"}'),
                topics_per_message=10),
    Ping("server", "frame", 600, 600),
    lifetime=Lifetime(1000, 1000 - BEGIN / SECOND, "by_ids"),
)  # fmt: skip
SHAPE: Final = BookShape(
    route=("ch",), kind=Kind(path="k", snapshot=("s",), delta=("d",)), bids=("b",), asks=("a",),
    first=Id("U", optional=True), last=Id("u"), prev=Id("p", optional=True),
)  # fmt: skip
REST: Final = BookShape(bids=("b",), asks=("a",), last=Id("u"))
_SEQ = (Proof.SEQUENCE,)
RULES: Final = {
    "rest·next": SyncRule(Seed.REST, Chain.NEXT, Bridge.COVERS_NEXT, proof=_SEQ, resync=Resync.REFETCH),
    "rest·prev": SyncRule(Seed.REST, Chain.PREV, Bridge.PREV_RANGE, proof=_SEQ, resync=Resync.REFETCH),
    "rest·rising": SyncRule(Seed.REST, Chain.RISING, Bridge.AFTER, resync=Resync.REFETCH),
    "stream·next": SyncRule(Seed.STREAM, Chain.NEXT, proof=_SEQ),
    "stream·prev": SyncRule(Seed.STREAM, Chain.PREV, proof=_SEQ),
    "every": SyncRule(Seed.EVERY, proof=(Proof.WHOLE,)),
}


@dataclass(frozen=True)
class Course:
    """How it goes. Times in ms from when the handover begins; a message on the way is late by `old` or `new`."""

    gaps: list[int]  # before each change, and each trade
    old: list[int]
    new: list[int]
    opens: int
    subscribes: int  # after that: from here on the venue tells the new connection
    cut: int | None  # when the old connection is lost
    jump: int  # what an id is more than the one before, at most
    wants: str  # book · trades · both: where both are wanted each waits for the other


COURSES: Final = st.builds(
    Course,
    gaps=st.lists(st.sampled_from((0, 1, 10, 40, 200)), min_size=8, max_size=40),
    old=st.lists(st.sampled_from((0, 5, 30, 150, 400)), min_size=1, max_size=7),
    new=st.lists(st.sampled_from((0, 5, 30, 150, 400)), min_size=1, max_size=7),
    opens=st.sampled_from((0, 5, 60)),
    subscribes=st.sampled_from((0, 5, 60)),
    cut=st.none() | st.integers(0, 700),
    jump=st.integers(1, 3),
    wants=st.sampled_from(("book", "trades", "both")),
)


@dataclass
class Model:
    """What happened, in lists. `states[id]` is the book's bids where its id is this."""

    states: dict[int, dict[int, int]] = field(default_factory=dict)
    trades: list[int] = field(default_factory=list)  # all that the venue told
    arrived: dict[str, list[int]] = field(default_factory=lambda: {"old": [], "new": []})  # the books' first ids
    got: list[str] = field(default_factory=list)


class Play:
    """A Desk, and everything that reaches it, in the order of time."""

    def __init__(self, engine: Engine, rule: SyncRule, course: Course) -> None:
        self.course, self.rule, self.model = course, rule, Model()
        self.desk = Desk("venue", engine, pools=[Pool("rest", "ip", 100, 60)], options=Options(handover_grace=2.0))
        self.now_ns = 0
        self.events: list[health.Health] = []
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.order = 0
        self.conns: dict[int, str] = {}
        self.told: list[int] = []  # the connections that the venue tells
        self.free: dict[int, int] = {}  # nothing arrives before what was sent before it
        self.last = 0

    @property
    def now(self) -> Now:
        return Now(self.now_ns, self.now_ns)

    def at(self, ns: int, call: Callable[[], None]) -> None:
        self.order += 1
        heappush(self.queue, (ns, self.order, call))

    def run(self, until_ns: int) -> None:
        while True:
            due = self.desk.deadline
            first = self.queue[0][0] if self.queue else until_ns + 1
            at = min(first, until_ns + 1 if due is None else max(due, self.now_ns))
            if at > until_ns:
                break
            self.now_ns = at
            if first == at:
                heappop(self.queue)[2]()
            else:
                self.desk.tick(self.now)
            self.settle()
        self.now_ns = until_ns

    def settle(self) -> None:
        while self.desk.effects:
            effect = self.desk.effects.pop(0)
            match effect:
                case Open(conn):
                    self.opening(conn)
                case Send(conn, data):
                    self.said(conn, json.loads(data))
                case Close(conn):
                    self.conns.pop(conn, None)
                case Fetch():
                    self.fetched(effect.id, json.dumps(self.whole(max(self.model.states))).encode())
                case Emit(event):
                    self.events.append(event)
        self.check()

    def fetched(self, fetch: int, body: bytes) -> None:
        self.at(self.now_ns + 5 * MS, lambda: self.desk.replied(fetch, Reply(200, {}, body), self.now))

    def opening(self, conn: int) -> None:
        wait = 0 if conn == 1 else self.course.opens

        def opened() -> None:
            self.conns[conn] = "old" if conn == 1 else "new"
            self.desk.opened(conn, self.now)

        self.at(self.now_ns + wait * MS, opened)

    def said(self, conn: int, message: dict[str, Any]) -> None:
        wait = 0 if conn == 1 else self.course.subscribes
        self.at(self.now_ns + wait * MS, lambda: self.subscribed(conn, message["id"]))

    def subscribed(self, conn: int, ask: int) -> None:
        """The venue has understood: the answer, and from here on what happens."""
        self.told.append(conn)
        self.deliver(conn, {"ok": "sub", "id": ask})
        if self.rule.seed is Seed.STREAM:
            self.deliver(conn, {"ch": BOOK, "k": "s", **self.whole(max(self.model.states))})

    def deliver(self, conn: int, message: dict[str, Any]) -> None:
        delays = self.course.old if conn == 1 else self.course.new
        self.order += 1
        at = max(self.now_ns + delays[self.order % len(delays)] * MS, self.free.get(conn, 0))
        self.free[conn] = at
        frame = json.dumps(message).encode()

        def arrives() -> None:
            side = self.conns.get(conn)
            if side is not None:
                if message.get("ch") == BOOK:
                    self.model.arrived[side].append(message["u"] if message["k"] == "s" else message["U"])
                self.desk.session(conn).frames([frame], self.now)

        self.at(at, arrives)

    def whole(self, last: int) -> dict[str, Any]:
        return {"u": last, "b": [[str(p), str(s)] for p, s in self.model.states[last].items()], "a": [["9999", "1"]]}

    def change(self, number: int) -> None:
        """The book changes, and something is traded."""
        states = self.model.states
        last = max(states)
        new = last + 1 + number % self.course.jump
        states[new] = {**states[last], 100 + number % 7: number + 1}
        price, size = 100 + number % 7, number + 1
        message: dict[str, Any] = {
            "ch": BOOK,
            "k": "d",
            "U": last + 1,
            "u": new,
            "p": last,
            "b": [[str(price), str(size)]],
            "a": [],
        }
        if self.rule.seed is Seed.EVERY:
            message = {"ch": BOOK, "k": "s", **self.whole(new)}
        self.model.trades.append(number)
        for conn in self.told:
            self.deliver(conn, message)
            self.deliver(conn, {"ch": TRADE, "id": number})

    def check(self) -> None:
        """The book, where it is readable, is what it was at its id, and does not step back."""
        book = self.desk.books.get(BOOK)
        if book is None or not book.state.readable:
            self.last = 0  # what a reader was told is stale may begin anew where it likes
            return
        engine: contract.Book = book.engine
        last = engine.last
        assert last is not None
        have = {price: size for price, _, size, _ in engine.levels("bid")}
        assert have == self.model.states[last], f"at {last}"
        assert last >= self.last, f"from {self.last} back to {last}"
        self.last = last

    def cut(self) -> None:
        if 1 in self.conns:
            del self.conns[1]
            self.desk.closed(1, 1006, "lost", self.now)


def play(engine: Engine, rule: SyncRule, course: Course) -> Play:
    it = Play(engine, rule, course)
    it.model.states[10] = {100: 1}
    rest = RestSeed(Request("GET", "https://venue.invalid/depth"), "rest", 1) if rule.seed is Seed.REST else None
    shape = replace(SHAPE, kind=Kind(default="snapshot")) if rule.seed is Seed.EVERY else SHAPE
    plan = BookPlan("venue", "X", BOOK, ENDPOINT, shape, rule, snapshot=REST if rest else None, rest=rest)
    if course.wants != "trades":
        it.desk.wanted(it.now, [plan])
    if course.wants != "book":
        _want_trades(it)
    it.settle()
    it.run(SECOND)
    number = 1
    it.change(number)  # a topic that never speaks is renewed
    it.run(BEGIN - 100 * MS)
    at = it.now_ns
    for gap in [1, *course.gaps]:
        at += gap * MS
        number += 1
        it.at(at, lambda number=number: it.change(number))  # type: ignore[misc]
    if course.cut is not None:
        it.at(BEGIN + course.cut * MS, it.cut)
    it.run(max(at, BEGIN) + 4 * SECOND)
    for _ in range(3):  # what is missing would be found by these
        number += 1
        it.change(number)
        it.run(it.now_ns + SECOND)
    return it


def _want_trades(it: Play) -> None:
    stream = it.desk.want_stream(StreamPlan("venue", "X", TRADE, ENDPOINT, TRADES, str), it.now)
    stream.deliver = lambda facts: it.model.got.extend(fact.id for fact in facts)  # type: ignore[attr-defined]


def _check_end(it: Play) -> None:
    if it.course.wants != "trades":
        book: Book = it.desk.books[BOOK]
        assert book.state.readable
        assert book.engine.last == max(it.model.states)
    assert it.conns.keys() != {1}


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=30, deadline=None)
@given(course=COURSES)
def test_nothing_is_lost_between_two_connections(engine: Engine, name: str, course: Course) -> None:
    """Both stay until it is over: every trade once and in order, and a book that was never anything but live."""
    it = play(engine, RULES[name], replace(course, cut=None))
    assert [type(event) for event in it.events] == [health.Connected, health.Rotated], it.events
    assert it.model.got == [str(number) for number in it.model.trades if course.wants != "book"]
    assert it.conns == {2: "new"}
    _check_end(it)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=30, deadline=None)
@given(course=COURSES)
def test_the_old_connection_is_lost_meanwhile(engine: Engine, name: str, course: Course) -> None:
    """What overlaps is joined all the same. Nothing comes twice, or out of order; a hole is told."""
    cut = replace(course, cut=course.cut or 0)
    it = play(engine, RULES[name], cut)
    got = [int(id) for id in it.model.got]
    assert got == sorted(set(got))
    if course.wants != "book" and got != it.model.trades:
        told = [event for event in it.events if isinstance(event, health.Disconnected)]
        anew = [event for event in it.events if isinstance(event, health.Rotated) and event.anew]
        assert told or anew, it.events
    _check_end(it)
