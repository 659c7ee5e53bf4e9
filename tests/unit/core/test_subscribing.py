"""Topics in messages: what is printed is what is parsed, whatever they look like; what cannot be said is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.clock import Now
from tidebook.core.endpoint import Ping, Subscribing, Template
from tidebook.core.outbox import Letter, Outbox
from tidebook.core.timers import Timers
from tidebook.errors import UsageError

WORD = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=" "), min_size=1, max_size=8)
MEMBER = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["books", "closed", "a b", "", "X"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["channel", "id", "kind", "n"]), inner, max_size=3)
    ),
    max_leaves=8,
)

OBJECTS = Subscribing(
    subscribe=Template('{"id":"$id","op":"subscribe","args":"@topics"}'),
    ack=Template('{"event":"subscribe","arg":"*topic"}'),
    unsubscribe=Template('{"id":"$id","op":"unsubscribe","args":"@topics"}'),
    refusals=(Template('{"event":"error","arg?":"*topic"}'),),
    topics_per_message=10,
    most_bytes=300,
    each=(
        Template('{"channel":"closed","kind":"$kind"}'),
        Template('{"channel":"counted","n":"#n"}'),
        Template('{"channel":"$channel","id":"$id"}'),
        Template('{"channel":"$channel","id":"$id","kind":"$kind"}'),
    ),
)
LISTS = Subscribing(
    subscribe=Template('{"action":"subscribe","trades?":"@trades","books?":"@books"}'),
    ack=Template('[{"T":"all","trades?":"@trades","books?":"@books"}]'),
    topics_per_message=10,
    serial=True,
)
PART = Subscribing(
    subscribe=Template('{"op":"subscribe","args":"@topics"}'),
    ack=Template('{"bad":"@failed","good":"@topics"}'),
    topics_per_message=10,
)

OBJECT_TEXTS = st.one_of(
    st.builds("closed {}".format, WORD),
    st.builds("counted {}".format, st.integers(-(10**12), 10**12)),
    st.builds("{} {}".format, WORD.filter(lambda word: word not in ("closed", "counted")), WORD),
    st.builds("{} {} {}".format, WORD, WORD, WORD),
)
LIST_TEXTS = st.builds("{} {}".format, st.sampled_from(["trades", "books"]), MEMBER)


@given(st.lists(OBJECT_TEXTS, max_size=5), st.integers(1, 10**9))
def test_objects_are_read_as_they_were_printed(texts: list[str], id_: int) -> None:
    printed = json.loads(OBJECTS.print(OBJECTS.subscribe, texts, id=id_))
    assert all(isinstance(one, dict) for one in printed["args"])
    assert OBJECTS.read(OBJECTS.subscribe, printed) == {"id": str(id_), "topics": texts}
    for text in texts:
        assert OBJECTS.ack is not None
        printed = json.loads(OBJECTS.print(OBJECTS.ack, [text]))
        assert OBJECTS.read(OBJECTS.ack, {**printed, "more": 1}) == {"topics": [text]}


def test_an_object_is_what_its_words_say() -> None:
    for text, value in {
        "books X-Y": {"channel": "books", "id": "X-Y"},
        "closed SWAP": {"channel": "closed", "kind": "SWAP"},
        "counted 7": {"channel": "counted", "n": 7},
        "books X y": {"channel": "books", "id": "X", "kind": "y"},
    }.items():
        assert json.loads(OBJECTS.print(OBJECTS.subscribe, [text], id=1))["args"] == [value]


@given(st.lists(LIST_TEXTS, max_size=6, unique=True))
def test_lists_are_read_as_they_were_printed(texts: list[str]) -> None:
    printed = json.loads(LISTS.print(LISTS.subscribe, texts))
    assert {*printed} - {"action"} == {text.partition(" ")[0] for text in texts}, "empty lists are not asked with"
    found = LISTS.read(LISTS.subscribe, printed)
    assert found is not None
    assert sorted(found["topics"]) == sorted(texts)
    assert LISTS.ack is not None
    answer = json.loads(LISTS.print(LISTS.ack, texts))
    assert {*answer[0]} == {"T", "trades", "books"}, "an answer has all its lists"
    found = LISTS.read(LISTS.ack, answer)
    assert found is not None
    assert sorted(found["topics"]) == sorted(texts)


@given(st.lists(MEMBER, max_size=4), st.lists(MEMBER, max_size=4))
def test_what_failed_is_read_as_it_was_printed(good: list[str], bad: list[str]) -> None:
    assert PART.ack is not None
    assert PART.read(PART.ack, json.loads(PART.print(PART.ack, good, bad))) == {"topics": good, "failed": bad}


@given(JSON)
def test_any_object_is_one_topic_or_none(value: Any) -> None:
    """What is read as a topic says the same object again; of anything else no message can be made."""
    assert OBJECTS.ack is not None
    found = OBJECTS.read(OBJECTS.ack, {"event": "subscribe", "arg": value})
    if not isinstance(value, dict):
        assert found is None
        return
    assert found is not None
    (text,) = found["topics"]
    try:
        printed = json.loads(OBJECTS.print(OBJECTS.ack, [text]))["arg"]
    except UsageError:
        return
    assert {key: str(one) for key, one in printed.items()}.items() <= {k: str(v) for k, v in value.items()}.items()


@pytest.mark.parametrize("text", ["", "books", "books ", " X", "a b c d", "counted", "trades"])
def test_what_no_template_can_say(text: str) -> None:
    for words in (OBJECTS, LISTS):
        with pytest.raises(UsageError, match="no topic here"):
            words.check(text)
        with pytest.raises(UsageError, match="no topic here"):
            words.print(words.subscribe, [text], id=1)
    PART.check(text)


def test_words_are_not_empty() -> None:
    with pytest.raises(UsageError, match="no topic here"):
        OBJECTS.check("books  X")
    LISTS.check("books  X")  # there the rest is the member, whatever it is


def test_a_text_is_no_object() -> None:
    found = OBJECTS.read(OBJECTS.subscribe, {"id": 1, "op": "subscribe", "args": ["books X", 7, {"channel": "books"}]})
    assert found is not None
    for text in found["topics"]:
        with pytest.raises(UsageError):
            OBJECTS.check(text)


def test_a_number_has_one_spelling() -> None:
    assert json.loads(OBJECTS.print(OBJECTS.subscribe, ["counted 007"], id=1))["args"] == [
        {"channel": "counted", "id": "007"}
    ]


@given(st.lists(OBJECT_TEXTS, max_size=12))
def test_a_message_is_no_longer_than_its_parts(texts: list[str]) -> None:
    assert OBJECTS.room is not None
    assert OBJECTS.most_bytes is not None
    printed = len(OBJECTS.print(OBJECTS.subscribe, texts, id=10**9))
    assert printed <= OBJECTS.most_bytes - OBJECTS.room + sum(map(OBJECTS.bytes_of, texts))


@pytest.mark.parametrize(
    "words",
    [
        {"subscribe": '{"arg":"*topic"}'},
        {"subscribe": '{"a":"@topics"}', "each": ['["$a"]']},
        {"subscribe": '{"a":"@topics"}', "each": ['{"a?":"$a"}']},
        {"subscribe": '{"a":"@topics"}', "each": ['{"a":"two words"}']},
        {"subscribe": '{"a":"@topics"}', "each": ['{"a":1}']},
        {"subscribe": '{"a":"@topics"}', "each": ['{"a":"$x","b":"$x"}']},
        {"subscribe": '{"a":"@trades"}', "each": ['{"a":"$x"}'], "serial": True},
        {"subscribe": '{"a":"@trades"}', "ack": '{"a":"@trades"}'},
        {"subscribe": '{"a":"@topics"}', "burst": 0},
    ],
)
def test_what_cannot_be_meant(words: dict[str, Any]) -> None:
    made = {**words, "subscribe": Template(words["subscribe"]), "ack": None}
    if "ack" in words:
        made["ack"] = Template(words["ack"])
    with pytest.raises(UsageError):
        Subscribing(**{**made, "each": tuple(map(Template, words.get("each", ())))})


def test_pings_by_text_have_words_and_nothing_else() -> None:
    assert Ping("client", "text", 25, 5, ask_text="ping", answer_text="pong").prefix == b"pong"
    ping = Ping("server", "text", 25, 5, ask_text="ping", answer_text="pong")
    assert ping.prefix == b"ping"
    assert replace(ping, deadline=10).deadline == 10, "it can be declared anew from another"
    for words in (
        {"form": "text"},
        {"form": "text", "ask_text": "ping"},
        {"form": "message", "ask": Template('"x"'), "ask_text": "ping", "answer_text": "pong"},
        {"form": "text", "ask_text": "ping", "answer_text": "pong", "prefix": b"x"},
    ):
        with pytest.raises(UsageError):
            Ping("client", every=1, deadline=1, **words)
    with pytest.raises(UsageError):
        Ping("server", "frame", 1, 1, always=True)


@given(st.lists(st.integers(0, 3000), max_size=40), st.integers(1, 5), st.integers(1, 4))
def test_a_burst_never_outruns_the_pace(waits: list[int], burst: int, pace: int) -> None:
    """In any time t at most burst + t / pace go; and what may go does not wait."""
    sent: list[int] = []
    timers = Timers()
    outbox = Outbox(lambda letter, now: sent.append(now.mono_ns), timers, pace=pace, most=1, burst=burst)
    at = 10**9
    second = 10**9
    for number, wait in enumerate(waits):
        until = at + wait * second // 1000
        while (deadline := timers.deadline) is not None and deadline <= until:
            timers.tick(_now(deadline))
        at = until
        outbox.post(Letter("say", (), [], str(number).encode()), _now(at))
    while (deadline := timers.deadline) is not None:
        timers.tick(_now(deadline))
    assert len(sent) == len(waits)
    for first, start in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first + 1 <= burst + (sent[last] - start) / (pace * second)
    assert sent[:burst] == [10**9 + sum(waits[: n + 1]) * second // 1000 for n in range(len(sent[:burst]))]


def _now(at_ns: int) -> Now:
    return Now(at_ns, at_ns)
