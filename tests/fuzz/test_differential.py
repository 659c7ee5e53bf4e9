"""A short run of the differential fuzzer. The long one is `python tests/fuzz/differential.py --frames 1000000`."""

import random
from typing import Any

import pytest
from tests.fuzz.dialects import PLAIN
from tests.fuzz.differential import Figures, Session, run, shortest

from tidebook import engine as engines
from tidebook.engine.contract import Feed, Outcome


@pytest.mark.skipif("native" not in engines.available(), reason="the native engine was not built")
@pytest.mark.parametrize("seed", [101, 102])
def test_the_engines_agree(seed: int) -> None:
    """Twice 10,000 mutated frames, so that two workers share them."""
    figures = Figures()
    for figures, found in run(10_000, seed):  # noqa: B007 - the last ones are looked at
        if found is not None:
            pytest.fail(str(shortest(found)))
    assert figures.mutated >= 10_000
    # The traffic gets everywhere.
    words = {"book", "nothing", "unrouted", "other", "several", "gap", "seeded", "waiting", "too_old", "checksum"}
    kinds = {f"fails {kind}" for kind in ("malformed", "number", "missing", "repeated", "too_deep")}
    assert words | kinds | {"unknown_id"} <= figures.outcomes.keys()


@pytest.mark.skipif("native" not in engines.available(), reason="the native engine was not built")
def test_the_engines_agree_on_unusual_frames() -> None:
    """Frames in order as venues may write them and seldom do, of the shapes that an engine reads fast."""
    figures = Figures()
    for figures, found in run(4_000, 103, legal=True):  # noqa: B007 - the last ones are looked at
        if found is not None:
            pytest.fail(str(shortest(found)))
    applied = figures.outcomes["book"] + figures.outcomes["several"]
    assert applied > figures.inputs / 4  # most are no errors
    assert {"seeded", "gap", "fails number", "fails repeated"} <= figures.outcomes.keys()


def test_the_same_seed_makes_the_same_frames() -> None:
    def frames(seed: int) -> list[object]:
        how = random.Random(seed)
        sessions = (Session(one, one.rules[0], how, Figures(), legal=True) for one in PLAIN)
        return [one for session in sessions for one in session.inputs()]

    assert frames(5) == frames(5) != frames(6)


def test_a_disagreement_is_found_and_made_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an engine that is wrong about one thing: the fuzzer finds it, and cuts it down to one frame."""

    class Wrong:
        """The twin, but for one number."""

        def __init__(self) -> None:
            self.Book = engines.load("python").Book

        def Feed(self, **given: Any) -> "_Over":  # noqa: N802
            return _Over(engines.load("python").Feed(**given))

    load = engines.load
    wrong = Wrong()
    monkeypatch.setattr(engines, "load", lambda name: wrong if name == "native" else load(name))
    found = next(found for _, found in run(100_000, 1) if found is not None)
    short = shortest(found)
    assert len(short.inputs) <= 3
    assert b"1e999" in short.inputs[-1][1]


class _Over:
    """A feed that reads one number as another."""

    def __init__(self, feed: Feed) -> None:
        self.want, self.other, self.forget, self.reset = feed.want, feed.other, feed.forget, feed.reset
        self._feed = feed

    def feed(self, frame: bytes, received_ns: int) -> Outcome:
        return self._feed.feed(frame.replace(b"1e999", b"1"), received_ns)
