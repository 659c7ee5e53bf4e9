"""MessagePack as JSON: the instants' three forms as the specification writes them, and whatever else there is."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.clock import SECOND, Now
from tidebook.core.desk import Desk
from tidebook.core.effects import Emit, Send, SendSecret
from tidebook.core.endpoint import Endpoint, Login, Ping, Subscribing, Template
from tidebook.core.pack import pack, unpack
from tidebook.core.plan import BookPlan
from tidebook.engine.contract import Engine
from tidebook.engine.rule import Seed, SyncRule
from tidebook.engine.shape import BookShape, Codec, Kind, Number, Row, Time, TimeUnit
from tidebook.errors import DecodeError, UsageError
from tidebook.model.credentials import Credentials
from tidebook.model.health import Undecodable
from tidebook.model.market import State

# By hand, from the MessagePack specification: timestamp 32, 64 (30 bits of ns, 34 of seconds), 96.
STAMPS = [
    ("d6ff" "65a0b1c2", "2024-01-12T03:28:02.000000000Z"),
    ("d7ff" "ccc0b48065f02d04", "2024-03-12T10:23:00.858795296Z"),
    ("c70cff" "3b9ac9ff" "0000000065f02d04", "2024-03-12T10:23:00.999999999Z"),
]  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)  # fmt: skip


@pytest.mark.parametrize(("raw", "text"), STAMPS)
def test_instants_keep_their_nanoseconds(raw: str, text: str) -> None:
    frame = bytes.fromhex("81a174" + raw)
    assert json.loads(unpack(frame)) == {"t": text}


def test_a_message_as_bytes() -> None:
    # [{"T": "o", "S": "BTC/USD", "b": [{"p": 17394.37, "s": 0}], "r": true}]
    frame = bytes.fromhex("9184a154a16fa153a7" + b"BTC/USD".hex() + "a1629182a170cb40d0fc97ae147ae1a17300a172c3")
    assert unpack(frame) == b'[{"T":"o","S":"BTC/USD","b":[{"p":17394.37,"s":0}],"r":true}]'


@given(value=JSON)
def test_what_is_packed_is_unpacked(value: Any) -> None:
    assert json.loads(unpack(msgspec.msgpack.encode(value))) == value
    assert json.loads(unpack(pack(msgspec.json.encode(value)))) == value


@given(ns=st.integers(0, 2**63 - 1).filter(lambda ns: ns < 9_000_000_000 * 10**9))
def test_instants_there_and_back(ns: int) -> None:
    text = json.loads(
        unpack(bytes.fromhex("c70cff") + (ns % 10**9).to_bytes(4, "big") + (ns // 10**9).to_bytes(8, "big"))
    )
    assert json.loads(unpack(pack(json.dumps({"t": text}).encode(), ("t",)))) == {"t": text}


@given(frame=st.binary(max_size=40))
def test_anything_is_read_or_refused(frame: bytes) -> None:
    with suppress(DecodeError):
        json.loads(unpack(frame))


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"", "malformed"),
        (b"\xc1", "malformed"),
        (b"\x91", "malformed"),
        (b"\x01\x02", "malformed"),
        (b"\xc4\x01a", "malformed"),  # bytes
        (b"\x81\x01\x02", "malformed"),  # a key that is no text
        (b"\xa1\xff", "malformed"),
        (b"\xd4\x05a", "malformed"),  # another extension
        (b"\xd7\xff" + b"\xff" * 8, "number"),
        (b"\xcb\x7f\xf8" + bytes(6), "number"),
        (b"\xcb\x7f\xf0" + bytes(6), "number"),
        (b"\x91" * 40 + b"\x01", "too_deep"),
        (b"\x91" * 100_000 + b"\x01", "too_deep"),
    ],
)
def test_what_is_no_json_is_refused(frame: bytes, kind: str) -> None:
    with pytest.raises(DecodeError) as refused:
        unpack(frame)
    assert refused.value.kind == kind


class Play:
    """A Desk with the book of one topic on an endpoint that packs."""

    def __init__(self, engine: Engine) -> None:
        words = Subscribing(
            subscribe=Template('{"op":"sub","of":"$topic"}'), ack=Template('{"op":"subbed","of":"$topic"}')
        )
        login = Login(Template('{"op":"login","key":"$key"}'), Template('{"op":"in"}'))
        endpoint = Endpoint(
            "stream", "wss://venue.invalid", words, Ping("server", "frame", 600, 600), login=login, decode=unpack,
            encode=pack, headers={"Content-Type": "application/msgpack"},
        )  # fmt: skip
        shape = BookShape(
            route=("S",), kind=Kind(path="r", snapshot=("true",), default="delta"), bids=("b",), asks=("a",),
            row=Row("p", "s"), number=Number.JSON, time=Time("t", TimeUnit.ISO),
        )  # fmt: skip
        self.desk = Desk("venue", engine, credentials=Credentials.of("CANARY", "CANARY", source="here"))
        self.now = Now(SECOND, SECOND)
        self.desk.wanted(self.now, [BookPlan("venue", "X", "X", endpoint, shape, SyncRule(Seed.STREAM))])

    def effects(self) -> list[Any]:
        effects = [*self.desk.effects]
        self.desk.effects.clear()
        return [one.event if isinstance(one, Emit) else one for one in effects]

    def frames(self, *frames: bytes) -> list[Any]:
        self.desk.session(1).frames([*frames], self.now)
        return self.effects()


def test_a_connection_speaks_it_in_both_directions(engine: Engine) -> None:
    play = Play(engine)
    assert [one.headers for one in play.effects()] == [{"Content-Type": "application/msgpack"}]
    play.desk.opened(1, play.now)
    _, secret = play.effects()
    assert isinstance(secret, SendSecret)
    assert "CANARY" not in repr(secret)
    assert secret.message() == (msgspec.msgpack.encode({"op": "login", "key": "CANARY"}), "binary")
    (asked,) = play.frames(msgspec.msgpack.encode({"op": "in"}))
    assert asked == Send(1, msgspec.msgpack.encode({"op": "sub", "of": "X"}), "binary")
    whole = {"S": "X", "r": True, "b": [{"p": 1.1, "s": 1e-8}], "a": [{"p": 2, "s": 1}]}
    stamp = bytes.fromhex("a174" + STAMPS[2][0])  # a fifth field behind the others
    packed = b"\x85" + msgspec.msgpack.encode(whole)[1:] + stamp
    play.frames(msgspec.msgpack.encode({"op": "subbed", "of": "X"}), packed)
    book = play.desk.books["X"]
    assert (book.state, book.engine.levels("bid")) == (State.UNPROVEN, [(11, 1, 1, 8)])
    assert book.engine.venue_ns == 1_710_238_980_999_999_999
    assert play.frames(msgspec.msgpack.encode({"S": "X", "b": [{"p": 1.1, "s": 0.0}], "a": []})) == []
    assert book.engine.levels("bid") == []


def test_what_cannot_be_unpacked_is_told(engine: Engine) -> None:
    play = Play(engine)
    play.desk.opened(1, play.now)
    play.frames(msgspec.msgpack.encode({"op": "in"}))
    told = play.frames(b"\xc1", b"\xcb\x7f\xf8" + bytes(6))
    assert [(type(one), one.kind) for one in told] == [(Undecodable, "malformed"), (Undecodable, "number")]


def test_what_decodes_has_no_other_codec() -> None:
    ping = Ping("server", "frame", 600, 600)
    with pytest.raises(UsageError, match="no other codec"):
        Endpoint("stream", "wss://venue.invalid", None, ping, codec=Codec.GZIP, decode=unpack)
