"""What is secret is shown nowhere, and is not carried off by accident."""

import copy
import dataclasses
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tidebook.core.effects import Fetch, Request, SendSecret, Urgency
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret

CANARY = "CANARY-7f3a"
BOTH = Credentials.of(f"key-{CANARY}", f"secret-{CANARY}", f"pass-{CANARY}", source="TIDEBOOK_X_KEY")
REQUEST = Request("GET", "https://venue.invalid/x", secrets={"X-KEY": BOTH.key})
THINGS = [BOTH.key, BOTH, SendSecret(1, BOTH.secret), REQUEST, Fetch(1, REQUEST, "p", 1, Urgency.SEED, 1.0, 1)]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_it_is_shown_nowhere(thing: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("%s %r %s", thing, thing, [thing])
    shown = [repr(thing), str(thing), f"{thing}", f"{thing!r:>200}", "%s" % (thing,), "{}".format(thing), caplog.text]  # noqa: UP031, UP032
    assert all(CANARY not in text for text in shown)
    assert all("***" in text for text in shown)


@pytest.mark.parametrize(
    "carry", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.to_builtins, bytes, len]
)
def test_a_secret_is_not_carried_off(carry: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as failed:
        carry(BOTH.key)
    assert CANARY not in str(failed.value)


@pytest.mark.parametrize("carry", [pickle.dumps, copy.deepcopy, dataclasses.asdict, json.dumps, msgspec.json.encode])
def test_nor_with_its_credentials(carry: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as failed:
        carry(BOTH)
    assert CANARY not in str(failed.value)


def test_it_leaves_by_one_door() -> None:
    assert BOTH.secret.reveal() == f"secret-{CANARY}"
    assert BOTH.filled("Bearer $key:$secret").reveal() == f"Bearer key-{CANARY}:secret-{CANARY}"
    assert BOTH.slots == {"key": f"key-{CANARY}", "secret": f"secret-{CANARY}", "passphrase": f"pass-{CANARY}"}
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("a") != "a"


@pytest.mark.parametrize("text", ["", "two words", "line\r\nX-Evil: 1", "schlüssel", "tab\t", "x" * 5000])
def test_what_is_no_key_is_refused_unseen(text: str) -> None:
    for given in ((text, "good"), ("good", text), ("good", "good", text)):
        with pytest.raises(UsageError) as refused:
            Credentials.of(*given, source="keys= for acme")
        assert not text or text not in str(refused.value)
        assert "of keys= for acme is none" in str(refused.value)
