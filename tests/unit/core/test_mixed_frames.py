"""Frames that are lists of messages of several channels: each book and each stream gets its own, once and in order."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.channel import FactChannel, Seen
from tidebook.core.clock import SECOND, Now
from tidebook.core.desk import Desk
from tidebook.core.endpoint import Endpoint, Ping, Subscribing, Template
from tidebook.core.plan import BookPlan
from tidebook.core.stream import StreamPlan
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Chain, Seed, SyncRule
from tidebook.engine.shape import BookShape, Kind, Number, Row
from tidebook.model.facts import Fact, Quote, Trade

ALL = Template('[{"T":"subscription","o?":"@o","t?":"@t","q?":"@q"}]')
ENDPOINT = Endpoint(
    "stream",
    "wss://venue.invalid",
    Subscribing(
        subscribe=Template('{"action":"subscribe","o?":"@o","t?":"@t","q?":"@q"}'),
        ack=ALL,
        unsubscribe=Template('{"action":"unsubscribe","o?":"@o","t?":"@t","q?":"@q"}'),
        unsubscribed=ALL,
        topics_per_message=100,
        serial=True,
    ),
    Ping("server", "frame", 600, 600),
)
SHAPE = BookShape(
    each="",
    route=("T", "S"),
    kind=Kind(snapshot_keys=("r",), default="delta"),
    bids=("b",),
    asks=("a",),
    row=Row("p", "s"),
    number=Number.JSON,
)


class Member(msgspec.Struct):
    """One message of a frame: of every kind, what all have."""

    T: str
    S: str = ""
    p: int = 0


class Reads:
    """The reader of one channel; it counts what it is given."""

    def __init__(self, make: Callable[[Member, Seen], Fact]) -> None:
        self.frames: list[tuple[str, bytes]] = []
        self._make = make

    def __call__(self, frame: bytes, seen: Seen) -> Sequence[Fact]:
        self.frames.append((seen.topic, frame))
        members = msgspec.json.decode(frame, type=list[Member])
        return [self._make(one, seen) for one in members if f"{one.T} {one.S}" == seen.topic]


def trade(one: Member, seen: Seen) -> Fact:
    return Trade(
        venue=seen.venue, symbol=seen.symbol(one.S), received_ns=seen.received_ns, venue_ns=None, id="1", side="buy",
        exact_price=(one.p, 0), exact_size=(1, 0),
    )  # fmt: skip


def quote(one: Member, seen: Seen) -> Fact:
    return Quote(
        venue=seen.venue, symbol=seen.symbol(one.S), received_ns=seen.received_ns, venue_ns=None,
        exact_bid=(one.p, 0), exact_bid_size=(1, 0), exact_ask=(one.p + 1, 0), exact_ask_size=(1, 0),
    )  # fmt: skip


def price_of(fact: Fact) -> int:
    if isinstance(fact, Trade):
        return fact.exact_price[0]
    assert isinstance(fact, Quote)
    return fact.exact_bid[0]


class Play:
    """A Desk with books of two symbols, their trades and one's quotes, all on one connection."""

    def __init__(self, engine: Engine) -> None:
        self.desk = Desk("venue", engine)
        self.at = SECOND
        self.reads = {"t": Reads(trade), "q": Reads(quote)}
        self.facts: dict[str, list[Fact]] = {}
        rule = SyncRule(Seed.STREAM, Chain.NONE)
        plans = [BookPlan("venue", name, f"o {name}", ENDPOINT, SHAPE, rule) for name in ("X", "Y")]
        self.desk.wanted(self.now, plans)
        for kind, name in (("t", "X"), ("t", "Y"), ("q", "X")):
            channel = FactChannel(
                name=kind, endpoint="stream", topic=lambda name, option, kind=kind: f"{kind} {name}",  # type: ignore[misc]
                read=self.reads[kind], route=SHAPE.route, each=SHAPE.each,
            )  # fmt: skip
            topic = channel.topic(name, None)
            stream = self.desk.want_stream(StreamPlan("venue", name, topic, ENDPOINT, channel, str), self.now)
            self.facts[topic] = []
            stream.deliver = self.facts[topic].extend
        self.desk.opened(1, self.now)
        self.feed([{"T": "subscription", "o": ["X", "Y"], "t": ["X", "Y"], "q": ["X"]}])

    @property
    def now(self) -> Now:
        return Now(self.at, self.at)

    def feed(self, *frames: list[Any]) -> None:
        self.at += SECOND
        self.desk.session(1).frames([json.dumps(frame).encode() for frame in frames], self.now)

    def bids(self, name: str) -> list[tuple[int, int]]:
        return [(price, size) for price, _, size, _ in self.desk.books[f"o {name}"].engine.levels("bid")]

    @property
    def prices(self) -> dict[str, list[int]]:
        """Of the facts of each stream."""
        return {topic: [price_of(fact) for fact in facts] for topic, facts in self.facts.items()}


def o(name: str, price: int, size: int, *, whole: bool = False) -> dict[str, Any]:
    return {"T": "o", "S": name, "b": [{"p": price, "s": size}], "a": [], **({"r": True} if whole else {})}


def test_everyone_gets_what_is_theirs_once(engine: Engine) -> None:
    play = Play(engine)
    frame: list[Any] = [
        o("X", 5, 1, whole=True), {"T": "t", "S": "X", "p": 1}, o("Y", 7, 1, whole=True), {"T": "q", "S": "X", "p": 4},
        {"T": "success", "msg": "anything"}, o("X", 6, 2), {"T": "t", "S": "Y", "p": 2}, {"T": "t", "S": "X", "p": 3},
        o("X", 5, 0), {"T": "t", "S": "unknown", "p": 9},
    ]  # fmt: skip
    play.feed(frame)
    assert (play.bids("X"), play.bids("Y")) == ([(6, 2)], [(7, 1)])
    assert play.prices == {"t X": [1, 3], "t Y": [2], "q X": [4]}
    assert [topic for topic, _ in play.reads["t"].frames] == ["t X", "t Y"], "each topic's reader is given it once"
    assert len(play.reads["q"].frames) == 1


def test_an_answer_among_data_is_an_answer(engine: Engine) -> None:
    """Also where the connection waits for it."""
    play = Play(engine)
    play.feed([o("X", 5, 1, whole=True)])
    play.desk.effects.clear()
    play.desk.unwant_stream("t Y", play.now)
    play.desk.unwant_stream("q X", play.now)
    said = [getattr(effect, "data", b"") for effect in play.desk.effects]
    assert said == [b'{"action":"unsubscribe","t":["Y"]}']
    play.feed([o("X", 6, 1), {"T": "subscription", "o": ["X", "Y"], "t": ["X"], "q": ["X"]}, o("X", 7, 1)])
    said = [getattr(effect, "data", b"") for effect in play.desk.effects]
    assert said == [b'{"action":"unsubscribe","t":["Y"]}', b'{"action":"unsubscribe","q":["X"]}']
    assert play.bids("X") == [(7, 1), (6, 1), (5, 1)]


MEMBERS = st.one_of(
    st.builds(o, st.sampled_from("XY"), st.integers(1, 9), st.integers(0, 3)),
    st.fixed_dictionaries({"T": st.sampled_from("tqz"), "S": st.sampled_from("XYZ"), "p": st.integers(1, 99)}),
    st.just({"T": "success", "msg": "anything"}),
)


@given(frames=st.lists(st.lists(MEMBERS, max_size=6), max_size=8), together=st.booleans())
def test_whatever_is_mixed(engine: Engine, frames: list[list[dict[str, Any]]], together: bool) -> None:
    """Against a dictionary for each book and a list for each stream."""
    play = Play(engine)
    play.feed([o("X", 5, 1, whole=True), o("Y", 5, 1, whole=True)])
    sides = {"X": {5: 1}, "Y": {5: 1}}
    told: dict[str, list[int]] = {topic: [] for topic in play.facts}
    for one in (member for frame in frames for member in frame):
        if one["T"] == "o":
            (row,) = one["b"]
            sides[one["S"]][row["p"]] = row["s"]
        elif (topic := f"{one['T']} {one.get('S')}") in told:
            told[topic].append(one["p"])
    if together:
        play.feed(*frames)
    else:
        for frame in frames:
            play.feed(frame)
    for name, side in sides.items():
        assert play.bids(name) == [(price, side[price]) for price in sorted(side, reverse=True) if side[price]]
    assert play.prices == told
    for kind, read in play.reads.items():
        there = [{f"{one['T']} {one.get('S')}" for one in frame if one["T"] == kind} & {*told} for frame in frames]
        assert len(read.frames) == sum(map(len, there)), "each frame once for each topic that it holds"
