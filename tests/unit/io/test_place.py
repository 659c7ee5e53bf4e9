"""Sending every venue to this machine."""

import pytest

from tidebook.errors import UsageError
from tidebook.io.place import loopback, loopback_address


@pytest.mark.parametrize(
    ("url", "mapped"),
    [
        ("wss://host.example/ws/a?b=%2F&c=1", "ws://127.0.0.1:8800/ws/a?b=%2F&c=1"),
        ("ws://host.example:81", "ws://127.0.0.1:8800"),
        ("https://user:word@host.example:9443/x", "http://127.0.0.1:8800/x"),
        ("http://host.example/?q", "http://127.0.0.1:8800/?q"),
    ],
)
def test_a_url_keeps_path_and_query(url: str, mapped: str) -> None:
    assert loopback("127.0.0.1:8800")(url) == mapped


def test_other_ways_to_write_it() -> None:
    assert loopback_address("localhost:80") == ("127.0.0.1", 80)
    assert loopback_address("[::1]:80") == ("::1", 80)
    assert loopback("[::1]:80")("wss://host/a") == "ws://[::1]:80/a"


@pytest.mark.parametrize(
    "at",
    [
        "",
        "8800",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:x",
        "127.0.0.1:99999",
        "10.0.0.1:80",
        "host.example:80",
        "0.0.0.0:80",
    ],
)
def test_elsewhere_is_refused(at: str) -> None:
    with pytest.raises(UsageError):
        loopback(at)


def test_other_schemes_are_refused() -> None:
    with pytest.raises(UsageError):
        loopback("127.0.0.1:1")("ftp://host/a")
