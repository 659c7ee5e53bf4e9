"""What channels of facts say of themselves, and readers that remember."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.channel import NOUNS, FactChannel, Seen, check_has, has
from tidebook.core.clock import Now
from tidebook.core.endpoint import Endpoint, Ping
from tidebook.core.options import Options
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.timers import Timers
from tidebook.errors import UsageError
from tidebook.model.facts import Fact, Instrument, MarkPrice
from tidebook.venue import Venue

ENDPOINT = Endpoint("stream", "wss://venue.invalid/", None, Ping(by="server", form="frame", every=60, deadline=60))
IDS = st.text("ABCdef19-_", min_size=1).filter(lambda text: text[0].isalnum() and text[-1].isalnum())


def nothing(frame: bytes, seen: Seen) -> Sequence[Fact]:
    return ()


def channel(name: str, *also: str, **more: Any) -> FactChannel:
    return FactChannel(name, "stream", lambda id, option: f"{name}.{id}", nothing, ("ch",), also=also, **more)


@given(id=IDS, before=st.sampled_from(["", "x.", "x@", "x ", "x:"]), after=st.sampled_from(["", ".x", "@x", " x", "/"]))
def test_a_topic_spells_an_id_whatever_the_case(id: str, before: str, after: str) -> None:
    for written in (id, id.lower(), id.upper()):
        assert channel("trades").spells(id, f"{before}{written}{after}")


@given(id=IDS, more=st.sampled_from("Z0q"))
def test_part_of_a_longer_word_is_no_id(id: str, more: str) -> None:
    for topic in (f"trades.{id}{more}", f"trades.{more}{id}"):
        assert not channel("trades").spells(f"zz{id}", topic)
        # The id may stand there once more by itself.
        assert channel("trades").spells(id, topic) is (id.lower() in _words(topic, id))
        assert channel("trades").spells(id, f"{topic} {id}")


def _words(topic: str, id: str) -> set[str]:
    """All parts of a topic that are as long as the id and begin and end where words do."""
    text = f" {topic.lower()} "
    return {
        text[at : at + len(id)]
        for at in range(1, len(text) - len(id))
        if not text[at - 1].isalnum() and not text[at + len(id)].isalnum()
    }


def test_a_noun_is_found_by_name_then_among_what_comes_along() -> None:
    ticker, marks = channel("ticker", "mark_prices", "funding"), channel("mark_prices")
    venue = Venue("v", "v", "linear", (ENDPOINT,), (), (ticker, marks))
    assert venue.channel("ticker") is venue.channel("funding") is ticker
    assert venue.channel("mark_prices") is marks
    assert venue.channel("greeks") is None
    assert ticker.nouns == ("ticker", "mark_prices", "funding")


@pytest.mark.parametrize("also", [("ticker",), ("marks",), ("funding", "funding")])
def test_what_comes_along_is_named_once_by_a_noun(also: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="several nouns are of trades, quotes"):
        channel("ticker", *also)


def test_what_there_can_be_of_an_instrument() -> None:
    def instrument(kind: Any, expiry_ns: int | None = None) -> Instrument:
        return Instrument(
            venue="v", symbol="S", id="S", base="A", quote="B", kind=kind, active=True, tick=None, step=None,
            expiry_ns=expiry_ns,
        )  # fmt: skip

    spot = {"trades", "quotes", "bars", "ticker"}
    dated = {*spot, "mark_prices", "liquidations", "open_interest"}
    for one, nouns in (
        (instrument("spot"), spot),
        (instrument("linear"), {*dated, "funding"}),
        (instrument("inverse"), {*dated, "funding"}),
        (instrument("linear", 1), dated),
        (instrument("option", 1), {*dated, "greeks"}),
    ):
        assert {noun for noun in NOUNS if has(one, noun)} == nouns
    with pytest.raises(UsageError, match="S is a spot market of v: it has no funding"):
        check_has(instrument("spot"), "funding")


@pytest.mark.parametrize("end", [lambda one: one.lost("cut", Now(2, 2)), lambda one: one.refused("no")])
def test_what_is_remembered_ends_with_the_subscription(end: Callable[[Stream], None]) -> None:
    """A reader of its own for each topic, and another one after each loss."""
    made: list[int] = []

    def fresh() -> Callable[[bytes, Seen], Sequence[Fact]]:
        made.append(0)
        which, seen_so_far = len(made), [0]

        def read(frame: bytes, seen: Seen) -> Sequence[Fact]:
            seen_so_far[0] += 1
            return [MarkPrice(seen.venue, "S", None, 0, exact_price=(which * 10 + seen_so_far[0], 0))]

        return read

    def stream() -> Stream:
        one = Stream(
            StreamPlan("v", "S", "t", ENDPOINT, channel("mark_prices", fresh=fresh), str),
            lambda event: None, Timers(), Options(),
        )  # fmt: skip
        one.deliver = lambda facts: found.extend(fact.price for fact in facts if isinstance(fact, MarkPrice))
        return one

    found: list[Decimal] = []
    one, other = stream(), stream()
    one.frames([b"", b""], Now(1, 1))
    other.frames([b""], Now(1, 1))
    end(one)
    one.frames([b""], Now(3, 3))
    other.frames([b""], Now(3, 3))
    assert found == [11, 12, 21, 31, 22]
