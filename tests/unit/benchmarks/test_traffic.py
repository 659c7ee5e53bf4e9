"""The made traffic: the same bytes for the same seed, one market in four ways of writing, never a crossed book."""

import itertools
import json
from statistics import median

import pytest
from benchmarks import made, model, shapes, traffic
from benchmarks.sections import symbols
from benchmarks.traffic import Market, Weight

from tidebook.engine.contract import Engine

SHAPES = tuple(traffic.PRINTERS)
WEIGHTS: tuple[Weight, ...] = ("light", "mid", "heavy")
COUNT = {"light": 600, "mid": 300, "heavy": 120}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_seed_gives_the_same_bytes_again_and_another_one_others(shape: str) -> None:
    printer = traffic.PRINTERS[shape]
    once = printer(Market(seed=3), "light", 50)
    assert printer(Market(seed=3), "light", 50) == once
    assert printer(Market(seed=4), "light", 50) != once


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_book_is_never_crossed_and_keeps_its_depth(weight: Weight) -> None:
    market = Market()
    _, bids, asks = market.start
    rows = {True: dict(bids), False: dict(asks)}
    for change in market.changes(weight, COUNT[weight]):
        for bid, changed in ((True, change.bids), (False, change.asks)):
            for price, size in changed:
                if size:
                    rows[bid][price] = size
                else:
                    rows[bid].pop(price, None)
        assert max(rows[True]) < min(rows[False]), change
        assert all(900 < len(side) < 1600 for side in rows.values())


@pytest.mark.parametrize("weight", WEIGHTS)
def test_two_rows_of_five_remove_and_some_of_them_what_is_not_there(weight: Weight) -> None:
    market = Market()
    _, bids, asks = market.start
    there = {True: {price for price, _ in bids}, False: {price for price, _ in asks}}
    rows = removals = absent = 0
    lengths: list[int] = []
    for change in market.changes(weight, COUNT[weight]):
        lengths.append(len(change.bids) + len(change.asks))
        for bid, changed in ((True, change.bids), (False, change.asks)):
            for price, size in changed:
                rows += 1
                removals += size == 0
                absent += size == 0 and price not in there[bid]
                if size:
                    there[bid].add(price)
                else:
                    there[bid].discard(price)
    assert 0.33 < removals / rows < 0.47
    assert 0.002 < absent / rows < 0.05
    assert median(lengths) == pytest.approx(traffic.LEVELS[weight][0], rel=0.25)


def test_the_ids_follow_each_other() -> None:
    last, _, _ = (market := Market()).start
    for change in market.changes("light", 200):
        assert change.first == last + 1
        assert change.last >= change.first
        last = change.last


def test_four_venues_tell_the_same_book() -> None:
    told = [model.points(shape, *traffic.PRINTERS[shape](Market(), "light", 200)) for shape in SHAPES]
    for other in told[1:]:
        assert other == told[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_engine_takes_all_of_it(engine: Engine, shape: str) -> None:
    whole, frames = traffic.PRINTERS[shape](Market(), "light", 150)
    feed, book = shapes.fed(engine, shape, whole)
    first, *others = [feed.feed(frame, shapes.AT_NS) for frame in frames]
    assert all(outcome is book for outcome in others)
    if shape == "okx":  # told once that the checksum, which is 0 today, proves nothing
        assert isinstance(first, tuple)
        first = first[0]
    assert first is book
    stats = book.stats()
    assert (stats["applied"], stats["gaps"], stats["checksum_failed"]) == (len(frames) + 1, 0, 0)
    if shape == "kraken":
        assert stats["checksum_passed"] == len(frames) + 1


def test_what_is_kept_is_what_would_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(made, "KEPT", tmp_path)
    first = made.frames("okx", "light", 20)
    assert first == traffic.okx(Market(), "light", 20)
    assert made.frames("okx", "light", 20) == first


def test_each_symbol_begins_with_the_book_as_it_is_there() -> None:
    whole, frames = traffic.binance(Market(), "light", 200)
    ones = symbols.symbols(whole, frames, 4, 20)
    at = [one * 180 // 4 for one in range(4)]
    assert len({one.topic for one in ones}) == 4
    for one, start in zip(ones, at, strict=True):
        book, expected = model.Plain("binance", one.whole), model.Plain("binance", whole)
        for frame in frames[:start]:
            expected.feed(frame)
        assert book.top(10_000) == expected.top(10_000)
        for frame, origin in zip(one.frames, frames[start:], strict=False):
            said, was = json.loads(frame), json.loads(origin)
            assert said["stream"].encode() == one.topic
            assert (said["data"]["u"], said["data"]["b"]) == (was["data"]["u"], was["data"]["b"])
    ids = [json.loads(one.whole)["lastUpdateId"] for one in ones]
    assert all(one < other for one, other in itertools.pairwise(ids))
