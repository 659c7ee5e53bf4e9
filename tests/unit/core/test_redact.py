"""No secret leaves through what is shown of a message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.redact import EXCERPT, excerpt, redact

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


@given(st.binary(max_size=1000))
def test_an_excerpt_is_short_and_printable(frame: bytes) -> None:
    shown = excerpt(frame)
    assert len(shown) <= EXCERPT + 30
    assert all(char.isprintable() for char in shown)
