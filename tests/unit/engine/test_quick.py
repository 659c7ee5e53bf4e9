"""The short way gives what the careful one gives, or leaves the message to it."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.fuzz.mutate import BYTES, NUMBERS, TOKENS

from tidebook.core.channel import Seen
from tidebook.engine.quick import NOTHING, RECEIVED, VENUE, Part, quick, rows
from tidebook.errors import DecodeError
from tidebook.model.facts import Quote
from tidebook.venues.binance import wire

QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":48219371,"s":"BTCUSDT","b":"60000.10000000","B":"0.51200000",'
    b'"a":"60000.20000000","A":"1.20400000"}}'
)
TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1790000000125,"s":"BTCUSDT","t":5012345678,'
    b'"p":"60000.10000000","q":"0.02000000","T":1790000000124,"m":true,"M":true}}'
)
READERS = ((QUOTE, wire.quotes, wire.careful_quotes), (TRADE, wire.trades, wire.careful_trades))
Read = Callable[[bytes, Seen], Any]


def asked(venue_id: str) -> str:
    return f"{venue_id}/X"


SEEN = Seen("a.venue", asked, 17)


def told(read: Read, frame: bytes) -> Any:
    """The facts, or what is wrong."""
    try:
        return read(frame, SEEN)
    except DecodeError as error:
        return error.kind, error.text
    except msgspec.MsgspecError as error:
        return str(error)


def mutated(frame: bytes, how: random.Random) -> bytes:
    """A member's value, a run of bytes, or two members, are something else."""
    kind = how.randrange(5)
    if kind <= 1:
        members = frame.split(b",")
        at = how.randrange(len(members))
        key, colon, value = members[at].rpartition(b":")
        ends = value[len(value.rstrip(b"}")) :]
        number = how.choice(NUMBERS)
        put = how.choice((number, f'"{number}"', how.choice(TOKENS)))
        members[at] = key + colon + put.encode("utf-8", "surrogatepass") + ends
        return b",".join(members)
    if kind == 2:
        at = how.randrange(len(frame) + 1)
        return frame[:at] + how.choice(BYTES) + frame[at + how.randrange(2) :]
    if kind == 3:
        inner = frame[frame.index(b'"data":{') + 8 : -2].split(b",")
        how.shuffle(inner)
        inner += how.choices(inner, k=how.randrange(2))
        del inner[how.randrange(8) :: 9]
        return b'{"data":{' + b",".join(inner) + b'},"stream":"x"}'
    return frame[: how.randrange(len(frame))] + how.choice((b"", b"}", b" "))


@pytest.mark.parametrize(("frame", "short", "careful"), READERS)
def test_both_ways_give_the_same(frame: bytes, short: Read, careful: Read) -> None:
    assert told(short, frame) == told(careful, frame)
    how = random.Random(5)
    right = 0
    for _ in range(20_000):
        one = mutated(frame, how)
        expected = told(careful, one)
        assert told(short, one) == expected, one
        right += isinstance(expected, list)
    assert right > 500  # of what still is a message too


def test_what_cannot_be_read_is_told_and_passed_over() -> None:
    wrong = QUOTE.replace(b'"0.51200000"', b'"0.5x"')
    found: list[tuple[str, bytes]] = []

    def failed(error: Exception, frame: bytes) -> None:
        assert isinstance(error, DecodeError)
        found.append((error.kind, frame))

    spaced = QUOTE.replace(b",", b", ")
    for read in (wire.quotes, wire.careful_quotes):
        found.clear()
        assert rows(read)([QUOTE, wrong, spaced], SEEN, failed) == [*wire.careful_quotes(QUOTE, SEEN)] * 2
        assert found == [("number", wrong)]


def test_an_error_that_is_not_passed_over_is_raised() -> None:
    def failed(error: Exception, frame: bytes) -> None:
        raise error

    for read in (wire.quotes, wire.careful_quotes):
        with pytest.raises(DecodeError):
            rows(read)([QUOTE, b"{}"], SEEN, failed)


def test_a_symbol_is_asked_for_again_when_something_else_is_seen() -> None:
    for seen in (SEEN, Seen("a.venue", lambda venue_id: "ANOTHER", 18), SEEN, Seen("b.venue", asked, 19)):
        (quote,) = wire.quotes(QUOTE, seen)
        assert (quote.venue, quote.symbol, quote.received_ns) == (seen.venue, seen.symbol("BTCUSDT"), seen.received_ns)
        assert quote == wire.careful_quotes(QUOTE, seen)[0]


def test_fields_stand_in_the_message_itself_too() -> None:
    def careful(frame: bytes, seen: Seen) -> list[Quote]:
        return []

    parts = (
        VENUE, Part("symbol", "s"), NOTHING, RECEIVED,
        *(Part("exact", name) for name in ("bid", "bids", "ask", "asks")), Part("id", "u"),
    )  # fmt: skip
    read = quick(Quote, None, parts, careful)
    found = read(b'{"s":"A","asks":"4","bids":"2.0","ask":"3","bid":"1","u":7}', SEEN)
    assert found in ([], [Quote("a.venue", "A/X", None, 17, (1, 0), (20, 1), (3, 0), (4, 0), 7)])
    assert found or read is careful  # without the native engine
