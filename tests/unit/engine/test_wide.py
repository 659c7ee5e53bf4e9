"""What real markets send at the edges: numbers of 66 bits and of 1e-11, crossed books, levels that were never there,
and counters of a connection that count other topics' frames, too."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from tests.unit.engine.replay import levels

from tidebook.engine import contract
from tidebook.engine.contract import UNROUTED, Engine, Event
from tidebook.engine.rule import Chain, Proof, Scope, Seed, SyncRule
from tidebook.engine.shape import BookShape, Id, Kind, Number

SHAPE = BookShape(
    route=("t",),
    kind=Kind(path="type", snapshot=("snapshot",), delta=("update",)),
    bids=("b",),
    asks=("a",),
    number=Number.EITHER,
    last=Id("u", optional=True),
)
RULE = SyncRule(Seed.STREAM, Chain.NEXT, proof=(Proof.SEQUENCE,))


def wanted(engine: Engine, counter: Id | None = None) -> tuple[contract.Feed, contract.Book]:
    scope = Scope.TOPIC if counter is None else Scope.CONNECTION
    book = engine.Book(SHAPE, replace(RULE, scope=scope))
    feed = engine.Feed(counter=counter)
    feed.want(b"x", book)
    return feed, book


def rows(*pairs: tuple[int, int]) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(price), Fraction(size)) for price, size in pairs]


def frame(kind: str, number: int, bids: str = "[]", asks: str = "[]", more: str = "") -> bytes:
    return f'{{"t":"x","type":"{kind}","u":{number},"b":{bids},"a":{asks}{more}}}'.encode()


def test_numbers_beyond_64_bits(engine: Engine) -> None:
    """A size of 66 bits among small ones; it changes, shrinks to a small one, and another grows beyond."""
    feed, book = wanted(engine)
    big = "55340232221128654848.12"  # 3 × 2**64, and two digits
    assert Fraction(big) * 100 > 2**66
    feed.feed(frame("snapshot", 1, f"[[1.25,{big}],[1.24,7]]", f'[["1.26","{big}"],["73786976294838206465","1"]]'), 1)
    assert levels(book)[0] == [(Fraction("1.25"), Fraction(big)), (Fraction("1.24"), 7)]
    assert levels(book)[1] == [(Fraction("1.26"), Fraction(big)), (2**66 + 1, 1)]
    feed.feed(frame("update", 2, f"[[1.25,0.5],[1.24,{big}1]]", '[["73786976294838206465","0.00"]]'), 2)
    assert levels(book)[0] == [(Fraction("1.25"), Fraction("0.5")), (Fraction("1.24"), Fraction(f"{big}1"))]
    assert levels(book)[1] == [(Fraction("1.26"), Fraction(big))]
    assert book.best() == (1.25, 0.5, 1.26, float(big))


@pytest.mark.parametrize("size", ["1e-11", "0.1E-10", "0.00000000001", '"0.00000000001000"'])
def test_sizes_of_a_hundred_billionth(engine: Engine, size: str) -> None:
    """However it is written it is the same, and no zero; a zero of that precision removes."""
    feed, book = wanted(engine)
    feed.feed(frame("snapshot", 1, f"[[60000.01,{size}],[0.00000001,{size}]]", f"[[60000.02,{size}]]"), 1)
    tiny = Fraction(1, 10**11)
    assert levels(book)[0] == [(Fraction("60000.01"), tiny), (Fraction(1, 10**8), tiny)]
    assert book.best() == (60000.01, 1e-11, 60000.02, 1e-11)
    feed.feed(frame("update", 2, "[[60000.01,0e-11],[0.00000001,0.00000000000]]"), 2)
    assert levels(book)[0] == []
    assert book.bid_count == 0
    assert levels(book)[1] == [(Fraction("60000.02"), tiny)]


def test_a_book_that_crosses(engine: Engine) -> None:
    """Some venues' books cross legally: no level is taken away for it, and nothing is called a gap."""
    feed, book = wanted(engine)
    feed.feed(frame("snapshot", 1, "[[100,1],[99,2]]", "[[101,3]]"), 1)
    assert feed.feed(frame("update", 2, "[[103,4],[101,5]]"), 2) is book
    assert book.best() == (103.0, 4.0, 101.0, 3.0)
    assert levels(book)[0] == rows((103, 4), (101, 5), (100, 1), (99, 2))
    assert feed.feed(frame("update", 3, "[[103,0],[101,0]]"), 3) is book
    assert book.best() == (100.0, 1.0, 101.0, 3.0)
    assert feed.feed(frame("snapshot", 9, "[[105,1]]", "[[104,1],[105,1]]"), 4) is book
    assert book.seeded
    assert book.best() == (105.0, 1.0, 104.0, 1.0)


def test_levels_removed_that_were_never_there(engine: Engine) -> None:
    """Normal on several venues: counted, and no more."""
    feed, book = wanted(engine)
    feed.feed(frame("snapshot", 1, "[[100,1],[90,1],[80,0]]", "[[110,1]]"), 1)
    assert book.stats()["absent_removals"] == 0
    absent = ",".join(f"[{price}.5,0]" for price in range(1, 1_001))
    assert feed.feed(frame("update", 2, f"[{absent},[90,0]]", "[[110,0],[110,0],[100,0]]"), 2) is book
    assert book.stats()["absent_removals"] == 1_002
    assert levels(book) == (rows((100, 1)), [])
    assert (book.seeded, book.last, book.stats()["gaps"]) == (True, 2, 0)


def test_a_counter_counts_the_frames_of_other_topics(engine: Engine) -> None:
    """Trades, heartbeats and what nobody wants lie between a book's changes; one that is lost among them is a gap."""
    feed, book = wanted(engine, counter=Id("n", optional=True))
    feed.other(b"trades")

    def counted(number: int, topic: str = "x") -> contract.Outcome:
        if topic == "x":
            kind = "snapshot" if number == 1 else "update"
            return feed.feed(frame(kind, 1_000 - number, f"[[{number},1]]", more=f',"n":{number}'), number)
        return feed.feed(json.dumps({"t": topic, "n": number, "b": [[5, 5]]}).encode(), number)

    assert isinstance(counted(1), Event)
    trades = counted(2, "trades")
    assert isinstance(trades, contract.Other)
    assert trades.topic == b"trades"
    assert counted(3, "heartbeats") is UNROUTED
    assert feed.feed(b'{"event":"info"}', 4) is UNROUTED  # without a counter: not counted
    assert counted(4) is book
    assert counted(5, "trades") is trades
    assert (book.seeded, book.last, levels(book)[0]) == (True, 4, rows((4, 1), (1, 1)))
    found = counted(7, "heartbeats")  # 6 is lost, whatever it was
    assert isinstance(found, tuple)
    gap, rest = found
    assert isinstance(gap, Event)
    assert (gap.what, gap.book, gap.expected, gap.got) == ("gap", None, 6, 7)
    assert rest is UNROUTED
    assert not book.seeded
    assert counted(8) is None  # a change alone seeds nothing
    assert book.stats()["gaps"] == 1
