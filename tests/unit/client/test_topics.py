"""One topic and its readers: each gets its own facts in order, whoever comes and goes meanwhile."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.client.bourse import STREAM, Row, channel, closing, rows, traded

from tidebook.client.sharing import Joined, Shared
from tidebook.core.channel import FactChannel
from tidebook.core.clock import Now
from tidebook.core.options import Options
from tidebook.core.stream import Flow, Stream, StreamPlan
from tidebook.core.timers import Timers
from tidebook.model.facts import Fact, Liquidation, Trade

IDS = ("A", "B", "C")
MARKS = {id: {"noun": "mark_prices", "id": id, "price": "1"} for id in IDS}
NOUNS = ("trades", "liquidations", "mark_prices")
Step = tuple[str, Any]


class Reader:
    """What one reader was given and told."""

    def __init__(self, noun: str, symbol: str) -> None:
        self.got: list[Fact] = []
        self.told: list[Flow] = []
        self.expected: list[Fact] = []
        self.joined = Joined(noun, symbol, self.take, lambda stream: self.told.append(stream.flow), lambda error: None)

    def take(self, facts: Sequence[Fact]) -> None:
        assert facts, "nobody is woken for nothing"
        self.got += facts


def stream_of(one: FactChannel, symbol: str | None) -> Stream:
    plan = StreamPlan("bourse.linear", symbol, "topic", STREAM, one, str)
    return Stream(plan, lambda event: None, Timers(), Options())


def frame(*pushed: Row) -> bytes:
    return json.dumps({"ch": "topic", "rows": pushed}).encode()


ROWS = st.sampled_from(IDS).flatmap(
    lambda id: st.sampled_from([closing(id, "1"), traded(id, "7"), MARKS[id], closing(id, "2")])
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.tuples(st.sampled_from(NOUNS), st.sampled_from(IDS))),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("frames"), st.lists(st.lists(ROWS, min_size=1, max_size=5), min_size=1, max_size=3)),
        st.tuples(st.just("flow"), st.sampled_from(["lost", "refused"])),
    ),
    max_size=30,
)  # fmt: skip


@given(steps=STEPS)
def test_each_gets_its_own(steps: list[Step]) -> None:
    """Several nouns of several instruments."""
    stream = stream_of(channel("trades", lambda id, option: "topic", "liquidations", "mark_prices"), None)
    shared = Shared(stream)
    nouns = {"trades": "Trade", "liquidations": "Liquidation", "mark_prices": "MarkPrice"}
    readers: list[Reader] = []
    for at, (what, how) in enumerate(steps, 1):
        if what == "join":
            readers.append(Reader(*how))
            shared.join(readers[-1].joined)
            assert readers[-1].told == [stream.flow], "who comes is told how it stands"
        elif what == "leave" and readers:
            gone = readers.pop(how % len(readers))
            assert shared.leave(gone.joined) is (not readers)
            assert shared.leave(gone.joined) is False
            gone.expected = [*gone.got]
        elif what == "frames":
            messages = [frame(*pushed) for pushed in how]
            now = Now(at, at)
            stream.frames(messages, now)
            found = [fact for message in messages for fact in rows(message, stream._seen)]
            for one in readers:
                noun, symbol = one.joined.noun, one.joined.symbol
                one.expected += [f for f in found if type(f).__name__ == nouns[noun] and f.symbol == symbol]
        elif what == "flow":
            before = stream.flow
            stream.lost("cut", Now(at, at)) if how == "lost" else stream.refused("no")
            for one in readers:
                assert one.told[-1] is stream.flow
                assert len(one.told) == 1 or before is stream.flow or one.told[-2] is not stream.flow
        for one in readers:
            assert one.got == one.expected


@given(several=st.booleans(), count=st.integers(1, 4))
def test_what_is_of_one_noun_and_instrument_is_not_looked_at(several: bool, count: int) -> None:
    """Facts of any class and symbol go through: nobody looked."""
    stream = stream_of(channel("trades", lambda id, option: f"trades.{id}"), "A")
    shared = Shared(stream)
    readers = [Reader("trades", "A") for _ in range(count)]
    for one in readers:
        shared.join(one.joined)
    if count == 1:
        assert stream.deliver == readers[0].take
    stream.frames([frame(closing("B", "1"))], Now(1, 1))
    assert all([type(fact) for fact in one.got] == [Liquidation] for one in readers)
    if several:  # it is not of one instrument, whatever its text
        other = Reader("trades", "B")
        shared.join(other.joined)
        stream.frames([frame(traded("A", "1"), traded("B", "2"), traded("C", "3"))], Now(2, 2))
        assert [type(fact) for fact in readers[0].got] == [Liquidation, Trade]
        assert [fact.symbol for fact in other.got] == ["B"]


def test_who_leaves_while_facts_are_handed_over_gets_no_more() -> None:
    stream = stream_of(channel("trades", lambda id, option: "topic"), None)
    shared = Shared(stream)
    second = Reader("trades", "B")
    got: list[Fact] = []

    def take(facts: Sequence[Fact]) -> None:
        got.extend(facts)
        shared.leave(second.joined)

    shared.join(Joined("trades", "A", take, lambda stream: None, lambda error: None))
    shared.join(second.joined)
    stream.frames([frame(traded("A", "1"), traded("B", "2"))], Now(1, 1))
    assert ([fact.symbol for fact in got], second.got) == (["A"], [])
