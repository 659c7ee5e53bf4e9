"""Templates print what they parse; what comes from outside never breaks them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.endpoint import Template
from tidebook.errors import UsageError

TEXT = st.text(max_size=20)
WHOLE = st.integers(-(10**18), 10**18)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ALL = Template(
    '{"op":"sub","args":[{"channel":"$topic"},"@topics"],"id":"#id","note?":"$note","fixed":[1,null,true,"x"]}'
)


@given(topic=TEXT, topics=st.lists(TEXT, max_size=4), id_=WHOLE, note=st.none() | TEXT)
def test_what_is_printed_is_parsed(topic: str, topics: list[str], id_: int, note: str | None) -> None:
    slots: dict[str, Any] = {"topic": topic, "topics": topics, "id": id_}
    if note is not None:
        slots["note"] = note
    printed = ALL.print(**slots)
    assert ALL.match(json.loads(printed)) == slots
    assert ALL.match({**json.loads(printed), "more": 1}) == slots, "further keys do not matter"


@given(JSON)
def test_any_message_is_matched_or_not(message: Any) -> None:
    for template in (
        ALL,
        Template('"#n"'),
        Template('"@list"'),
        Template('["$a","#b"]'),
        Template('{"a?":{"b":"#c"}}'),
    ):
        found = template.match(message)
        assert found is None or isinstance(found, dict)


@pytest.mark.parametrize("value", ["--5", "²", "٣", "1e5", "", "-", "+1", "1" * 5000, "0x1", True, None, [], {}])
def test_what_is_no_number_is_none(value: object) -> None:
    assert Template('{"id":"#id"}').match({"id": value}) is None


def test_numbers_may_be_text_and_text_may_be_a_number() -> None:
    assert Template('"#n"').match("-12") == {"n": -12}
    assert Template('"$n"').match(12) == {"n": "12"}
    assert Template('"$n"').match(True) is None


def test_literals_have_their_type() -> None:
    assert Template('{"code":0}').match({"code": False}) is None
    assert Template('{"code":0}').match({"code": 0}) == {}
    assert Template('{"code":0}').match({"code": "0"}) is None


def test_a_template_that_is_no_json_is_refused() -> None:
    with pytest.raises(UsageError):
        Template("{")
