"""What a server may send to harm: each was found by a reviewer, and none of it does any more."""

import gzip
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.core.transcript import START, WALL, Player

from tidebook.core.channel import FactChannel, Seen
from tidebook.core.clock import Now
from tidebook.core.codec import inflate
from tidebook.core.control import read
from tidebook.core.endpoint import Endpoint, Ping, Subscribing, Template
from tidebook.core.options import Options
from tidebook.core.redact import REASON, redact, shown
from tidebook.core.stream import Stream, StreamPlan
from tidebook.core.timers import Timers
from tidebook.engine.contract import Engine
from tidebook.engine.shape import Codec
from tidebook.errors import DecodeError, UsageError
from tidebook.model import health
from tidebook.model.facts import Fact

ASK = {
    "subscribe": {"op": "sub", "chs": "@topics", "id": "#id"},
    "ack": {"result": None, "id": "#id"},
    "unsubscribe": {"op": "unsub", "chs": "@topics", "id": "#id"},
    "refusals": [{"code": "#code", "msg": "$text", "id?": "#id"}],
    "topics_per_message": 100,
}


def opened(engine: Engine, names: list[str], **setting: Any) -> Player:
    player = Player({"subscribing": ASK, "rule": "rest", **setting}, engine)
    player.step({"at": 0, "want": names})
    player.step({"at": 0, "opened": 1})
    return player


def test_acked_and_silent_is_told_even_when_the_snapshot_came(engine: Engine) -> None:
    player = opened(engine, ["A"])
    player.step({"at": 0, "conn": 1, "frames": [{"result": None, "id": 1}]})
    player.step({"at": 1, "replied": 1, "body": {"u": 5, "b": [["1", "1"]], "a": []}})
    assert player.states() == {"A": "live"}
    told = player.step({"at": 31, "wait": True})
    assert any("SubscriptionFailed A · book.A" in one for one in told)
    assert player.states() == {"A": "stale"}


def test_a_topic_that_has_spoken_may_be_quiet(engine: Engine) -> None:
    player = opened(engine, ["A"])
    player.step({"at": 0, "conn": 1, "frames": [{"result": None, "id": 1}]})
    player.step({"at": 1, "replied": 1, "body": {"u": 5, "b": [["1", "1"]], "a": []}})
    player.step({"at": 2, "conn": 1, "frames": [{"ch": "book.A", "k": "d", "U": 6, "u": 6, "b": [], "a": []}]})
    assert player.step({"at": 500, "wait": True}) == []
    assert player.states() == {"A": "live"}


@pytest.mark.parametrize("text", ["9" * 400, "1e999", "-5", "nan", "٣", ""])
def test_no_retry_after_stops_the_machine(engine: Engine, text: str) -> None:
    player = opened(engine, ["A"])
    player.step({"at": 0, "conn": 1, "frames": [{"result": None, "id": 1}]})
    told = player.step({"at": 1, "replied": 1, "status": 429, "headers": {"retry-after": text}})
    assert told[0] == "Throttled - · rest · 60.000"


def test_a_wait_is_bounded(engine: Engine) -> None:
    player = opened(engine, ["A"])
    player.step({"at": 0, "conn": 1, "frames": [{"result": None, "id": 1}]})
    told = player.step({"at": 1, "replied": 1, "status": 429, "headers": {"retry-after": "999999999"}})
    assert told[0] == "Throttled - · rest · 259200.000"


@pytest.mark.parametrize("text", ["a" * 4_000_000, "key" * 1_000_000, "x-" * 2_000_000, 'key="' + "\\" * 1_000_000])
def test_shown_costs_no_more_than_its_bound(text: str) -> None:
    started = time.process_time()
    assert len(shown(text)) <= 201
    # A guard against a cost that grows with the square of the length: days, not seconds.
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["apiKey=SECRET x", 'sig: "SECRET"', "jwt=SECRET", "Authorization: Bearer SECRET"])
def test_secrets_are_not_shown(text: str) -> None:
    assert "SECRET" not in redact(text)


@pytest.mark.parametrize(("reason", "least"), [("ConnectFailed: HTTP 429, retry-after 90", 90), ("ConnectFailed", 60)])
def test_a_refused_handshake_is_not_tried_again_too_soon(engine: Engine, reason: str, least: int) -> None:
    player = Player({"subscribing": ASK, "rule": "rest"}, engine)
    player.step({"at": 0, "want": ["A"]})
    player.desk.closed(1, 429, reason, player.now)
    player.desk.effects.clear()
    assert not [one for one in player.step({"at": least - 1, "wait": True}) if "open" in one]
    assert [one for one in player.step({"at": least + 1, "wait": True}) if "open 2" in one]


def test_a_close_reason_is_cleaned(engine: Engine) -> None:
    player = opened(engine, ["A"])
    player.desk.closed(1, 4000, "apiKey=SECRET \x1b[2Jboo\nevent FAKE" + "x" * 5000, player.now)
    told = " ".join(map(str, player.desk.effects))
    assert "SECRET" not in told
    assert "\x1b" not in told
    assert "\n" not in told
    assert len(told) < 2000


@pytest.mark.parametrize(
    "frame",
    [
        b'{"result":null,"id":1,"x":NaN}',
        '{"result":null,"id":1}'.encode("utf-16"),
        b'{"result":null,"id":9,"id":1}',
        b'{"result":null,"id":1}' + b" " * 70_000,
        b'{"id":1e999,"result":null}',
        b"[" * 100_000,
    ],
)
def test_no_answer_is_read_from_what_is_not_in_order(frame: bytes) -> None:
    assert read(frame) is None


def test_a_refusal_of_many_does_not_keep_the_good_ones_out(engine: Engine) -> None:
    player = opened(engine, ["A", "B", "C"])
    player.step({"at": 1, "conn": 1, "frames": [{"code": 2, "msg": "one of them is bad", "id": 1}]})
    asked = [one for one in player.step({"at": 2, "wait": True}) if "send" in one]
    assert [one.count("book.") for one in asked] == [1, 1, 1]


def test_a_refusal_that_names_nothing_is_told(engine: Engine) -> None:
    player = opened(engine, ["A"])
    told = player.step({"at": 1, "conn": 1, "frames": [{"code": 2, "msg": "Invalid request"}]})
    assert told == ["SubscriptionFailed - ·  · 2 Invalid request"]


def test_topics_that_cannot_be_told_apart_are_refused(engine: Engine) -> None:
    player = opened(engine, ["A"])
    another = replace(player.desk.books["book.A"].plan, topic="other", key=b"book.A")
    with pytest.raises(UsageError, match="told apart"):
        player.desk.wanted(player.now, [another])


def test_keys_that_acks_teach_are_of_one_topic_each() -> None:
    subscribe, ack = Template('{"sub":"@topics"}'), Template('{"subbed":"$topic","key":"#key"}')
    with pytest.raises(UsageError, match="one topic"):
        Subscribing(subscribe, ack, topics_per_message=2)
    with pytest.raises(UsageError, match="no ack teaches"):
        Subscribing(subscribe, Template('{"subbed":"$topic"}'), Template('{"unsub":"#key"}'))
    assert Subscribing(subscribe, ack).teaches


def test_whole_books_apart_have_no_key_that_is_learned(engine: Engine) -> None:
    setting = {"rule": "side", "subscribing": {"subscribe": {"sub": "$topic"}, "ack": {"at": "$topic", "key": "#key"}}}
    player = Player(setting, engine)
    with pytest.raises(UsageError, match="no key"):
        player.step({"at": 0, "want": ["A"]})


def test_what_is_wanted_together_is_asked_for_together(engine: Engine) -> None:
    player = opened(engine, ["A"])
    sent = player.step({"at": 1, "want": [f"B{n}" for n in range(150)]})
    assert [one.count("book.") for one in sent] == [100, 50]


def test_bombs_are_inflated_one_at_a_time_and_stop_at_the_cap() -> None:
    with pytest.raises(DecodeError) as caught:
        inflate(gzip.compress(bytes(64 << 20)), Codec.GZIP, 4 << 20)
    assert caught.value.kind == "too_large"


def test_what_a_stream_could_not_read_is_told_fit_to_be_shown() -> None:
    """A reader's error may quote the message: it comes into an event cut, redacted and printable."""

    def broken(frame: bytes, seen: Seen) -> Sequence[Fact]:
        raise DecodeError("number", f"token=CANARY7f3a is no price\x1b[2J{frame.decode()}")

    endpoint = Endpoint(
        "stream", "wss://venue.invalid/ws", None, Ping(by="server", form="frame", every=60, deadline=60)
    )
    channel = FactChannel("trades", "stream", lambda id, option: id, broken, ("ch",))
    told: list[health.Health] = []
    plan = StreamPlan("venue", "A", "trades.A", endpoint, channel, str)
    Stream(plan, told.append, Timers(), Options()).frames([b"9" * 10_000], Now(START, WALL))
    [event] = told
    assert isinstance(event, health.Undecodable)
    assert event.words.startswith("token=*** is no price·[2J999")
    assert len(event.words) == REASON + 1
