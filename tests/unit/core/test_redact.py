"""No secret leaves through what is shown of a message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.redact import EXCERPT, LEARNED, Known, excerpt, redact
from tidebook.errors import DecodeError
from tidebook.model.credentials import Credentials
from tidebook.model.health import Undecodable

SECRET = "CANARY7f3a"
NAMES = st.sampled_from(
    ("apiKey", "api_key", "X-API-KEY", "listenKey", "secret", "signature", "passphrase", "password", "token", "sign")
)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"apiKey":"{SECRET}","x":1}}',
        f'{{"apiKey" : "{SECRET}"}}',
        f"https://venue.invalid/ws?listenKey={SECRET}&x=1",
        f"signature={SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"X-API-KEY: {SECRET}",
        f'{{"passphrase":"two, words {SECRET}"}}',
        f'{{"passphrase":"it\'s {SECRET}"}}',
        f"{{'secret': '{SECRET}'}}",
        json.dumps({"inner": json.dumps({"token": SECRET})}),
        json.dumps({"inner": json.dumps({"token": f"a, b {SECRET}"})}),
        f'{{"args":[{{"apiKey":"k","sign":"{SECRET}"}}]}}',
        f'{{"secret":"say \\"{SECRET}\\" now"}}',
        f'{{"token":"{SECRET}',  # cut in the middle
    ],
)
def test_secrets_are_not_shown(text: str) -> None:
    assert SECRET not in redact(text)
    assert SECRET not in excerpt(text.encode())


@given(name=NAMES, before=st.text(max_size=30), after=st.text(max_size=30), value=st.text(max_size=10))
def test_whatever_stands_around(name: str, before: str, after: str, value: str) -> None:
    text = json.dumps({before: 1, "a": 2, name: f"{value}{SECRET}", after: 3}, ensure_ascii=False)
    assert SECRET not in redact(text)


def test_what_is_no_secret_is_shown() -> None:
    text = '{"ch":"book.A","u":5,"b":[["10.5","1"]],"signal":1,"design":"x"}'
    assert redact(text) == text


KNOWN = Known(Credentials.of("AKIA-0123456789", 'say"so-98765', "pass", source="here"))


@pytest.mark.parametrize("given", ["AKIA-0123456789", 'say"so-98765', "pass", json.dumps('say"so-98765')[1:-1]])
def test_a_keys_own_texts_are_shown_nowhere(given: str) -> None:
    """Also where nothing around them says what they are, and where a cut has left only their beginning."""
    assert KNOWN.without(f"no {given}, and {given}") == "no ***, and ***"
    for length in range(4, len(given)):
        for end in ("", "…", "… (500 bytes)"):
            assert given[:length] not in KNOWN.without(f"no such thing: {given[:length]}{end}")
    event = KNOWN.event(Undecodable("v", "A/B", 1, "malformed", f"at {given}", f"x{given}"))
    assert event == Undecodable("v", "A/B", 1, "malformed", "at ***", "x***")
    error = KNOWN.error(DecodeError("malformed", f"at {given}", excerpt=given))
    assert given not in f"{error} {error!r} {vars(error)} {error.args}"
    assert isinstance(error, DecodeError)


def test_what_is_no_key_is_left() -> None:
    event = Undecodable("v", "A/B", 1, "malformed", "a text, and its end AK", "x")
    assert KNOWN.event(event) is event
    short = Known(Credentials.of("k", "sec", source="here"))
    assert short.without("a key and a secret") == "a key and a secret", "no venue gives out such"
    assert Known(None).event(event) is event


@given(st.binary(max_size=1000))
def test_an_excerpt_is_short_and_printable(frame: bytes) -> None:
    shown = excerpt(frame)
    assert len(shown) <= EXCERPT + 30
    assert all(char.isprintable() for char in shown)


def test_what_is_learnt_later_is_shown_no_more_and_old_tokens_make_room() -> None:
    known = Known(None)
    assert known.without("a-listen-key") == "a-listen-key"
    known.learn("a-listen-key")
    known.learn('{"op":"auth","args":["key",12,"0123456789abcdef0123456789abcdef"]}')
    said = "auth a-listen-key 0123456789abcdef0123456789abcdef, cut 0123456789abc…"
    assert known.without(said) == "auth *** ***, cut ***…"
    known.learn("abc")  # it stands in any text
    assert known.without("abc") == "abc"
    for number in range(LEARNED):
        known.learn(f"token {number:09}")
    assert known.without("a-listen-key") == "a-listen-key"
