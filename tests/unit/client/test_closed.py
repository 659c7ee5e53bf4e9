"""Exchanges that have shut down: their names say so and when, nothing is opened or looked up, recordings replay."""

import copy
import gzip
import json
import pickle
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tidebook import venues
from tidebook.cli import main
from tidebook.client.market import Market, connect
from tidebook.client.raw import request_of
from tidebook.errors import (
    Banned,
    DecodeError,
    Overrun,
    RateLimited,
    TidebookError,
    UnknownVenue,
    UsageError,
    VenueClosed,
)
from tidebook.model.place import At
from tidebook.sim.server import serve
from tidebook.venue import Closed
from tidebook.venues import closed, closed_at, every, named, register

# What users may type, and the day from which there was nothing to trade.
ALIASES = {
    "2022-11-11": ("ftx", "ftx.com", "ftxint", "ftxus", "ftx.us", "ftx_us", "blockfolio"),
    "2022-11-10": ("ftxjp", "ftx_japan", "ftx.jp"),
    "2022-11-20": ("liquid", "liquidglobal", "quoine", "quoinex", "qryptos"),
    "2026-09-23": ("bitmex",),
}
NAMES = [(name, day) for day, names in ALIASES.items() for name in names]


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name can be looked up, and nothing can be connected to."""

    def refuse(*arguments: object, **more: object) -> Any:
        pytest.fail(f"the network was asked: {arguments}")

    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize("write", [str, str.upper, str.title])
@pytest.mark.parametrize(("name", "day"), NAMES)
async def test_every_name_says_so(name: str, day: str, write: Callable[[str], str]) -> None:
    typed = write(name)
    with pytest.raises(VenueClosed, match=day) as caught:
        connect(typed)
    assert isinstance(caught.value, UnknownVenue)
    assert (caught.value.closed_on, caught.value.retry) == (day, "never")
    assert str(caught.value).startswith(f"{typed!r} is ")
    with pytest.raises(VenueClosed):
        connect(At(typed))
    with pytest.raises(VenueClosed):
        named(typed)


def test_the_table_is_whole() -> None:
    assert {name for name, _ in NAMES} == {name for one in closed().values() for name in one.names}
    for one in closed().values():
        assert date.fromisoformat(one.closed_on).isoformat() == one.closed_on
        assert one.hosts
        assert one.see


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("ftx", "'ftx' is FTX, closed since 2022-11-11 (bankruptcy), without a successor. Nothing is opened or sent "
                "there; its recordings replay: tidebook replay FILE"),
        ("ftx.us", "'ftx.us' is FTX.US, closed since 2022-11-11 (bankruptcy), without a successor. Nothing is opened "
                   "or sent there; its history is with archives alone"),
        ("ftx_japan", "'ftx_japan' is FTX Japan, closed since 2022-11-10 (suspended by the regulator, sold in 2024 for "
                      "custody), without a successor. Nothing is opened or sent there; its history is with archives "
                      "alone"),
        ("quoine", "'quoine' is Liquid, closed since 2022-11-20 (all trading was halted, and not resumed), without a "
                   "successor. Nothing is opened or sent there; its history is with archives alone"),
        ("bitmex", "'bitmex' is BitMEX, closed since 2026-09-23 (wound down, as announced on 2026-07-23), without a "
                   "successor. Nothing is opened or sent there; its recordings replay: tidebook replay FILE"),
    ],
)  # fmt: skip
def test_what_is_said(typed: str, text: str) -> None:
    with pytest.raises(VenueClosed) as caught:
        connect(typed)
    assert str(caught.value) == text


def test_a_successor_is_told_and_not_followed() -> None:
    one = Closed("old", "Old", "2020-01-02", "merged", successor="New, with other accounts")
    said = "'old' is Old, closed since 2020-01-02 (merged), succeeded by New, with other accounts. Nothing is opened"
    assert str(one.refusal("old")).startswith(said)


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize("place", ["bitmex:testnet", "ftx@main", "bitmex.perpetual", "FTX.US:testnet"])
def test_no_environment_account_or_market_of_it_is_left(place: str) -> None:
    with pytest.raises(VenueClosed):
        connect(place)


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize("places", [("binance", "ftx"), ("bitmex", "binance"), (At("binance"), At("liquid"))])
async def test_of_several_nothing_is_opened(places: tuple[str | At, ...]) -> None:
    with pytest.raises(VenueClosed):
        await connect(*places)


async def test_an_open_market_says_it_too(market: Market) -> None:
    with pytest.raises(VenueClosed):
        _ = market["ftx"]
    with pytest.raises(VenueClosed):
        await market.book("BTC/USD", venue="bitmex")


def test_the_simulator_does_not_speak_it() -> None:
    with pytest.raises(VenueClosed):
        serve(venues=["ftx"])


# ------------------------------------------------------------------------------------------------ what lists venues


def test_nothing_lists_it() -> None:
    names = {one.name for one in closed().values()}
    assert names.isdisjoint(every())
    assert names.isdisjoint({venue.exchange for venue in every().values()})
    with pytest.raises(UnknownVenue) as caught:
        connect("nowhere")
    assert names.isdisjoint(re.findall(r"[\w.]+", str(caught.value)))


def test_an_unknown_name_has_names_like_it() -> None:
    with pytest.raises(UnknownVenue) as caught:
        connect("Binnance")
    assert str(caught.value).startswith("no venue is called 'Binnance'. Close: binance")
    assert str(caught.value).endswith(". All: tidebook venues")
    assert not isinstance(caught.value, VenueClosed)


@pytest.fixture
def own_venues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(venues, "_further", [])
    every.cache_clear()
    yield
    every.cache_clear()


@pytest.mark.usefixtures("own_venues")
def test_nobody_takes_its_name() -> None:
    dead = closed()["ftx"].venues[0]
    with pytest.raises(UsageError, match="ftx is the name of an exchange that has closed: FTX, 2022-11-11"):
        register(dead)
    assert "ftx" not in every()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("closed_on", "November 2022", "is no ISO date"), ("name", "Old", "'Old' is not in lower case"),
     ("aliases", ("",), "'' is not in lower case"), ("hosts", ("Old.com",), "'Old.com' is not in lower case")],
)  # fmt: skip
def test_a_declaration_is_checked(field: str, value: Any, words: str) -> None:
    given = {"name": "old", "title": "Old", "closed_on": "2020-01-02", "reason": "merged", field: value}
    with pytest.raises(UsageError, match=words):
        Closed(**given)


# ------------------------------------------------------------------------------------------------ hosts


HOSTS = [
    "ftx.com", "FTX.com", "api.ftx.com", "ftx.com.", "ftx.com:443", "ｆｔｘ.com", "ftx。com", "a.b.ftx.us",
    "www.bitmex.com", "ws.testnet.bitmex.com", "api.liquid.com", "api.quoine.com",
]  # fmt: skip


@pytest.mark.usefixtures("unplugged")
@pytest.mark.parametrize("host", HOSTS)
async def test_its_hosts_are_refused_whoever_gives_them(host: str) -> None:
    with pytest.raises(VenueClosed, match="Nothing is opened or sent there"):
        await connect("htx", At("binance", hosts={"api.binance.com": host}))
    with pytest.raises(VenueClosed):
        await connect(At("binance", proxy=f"http://{host}"))


@pytest.mark.parametrize("host", ["notftx.com", "ftx.com.example", "liquid.example", "bitmex.example:8443"])
def test_other_hosts_are_not(host: str) -> None:
    assert closed_at(host.partition(":")[0]) is None
    connect(At("binance", hosts={"api.binance.com": host}))


@pytest.mark.parametrize("host", ["", "a b", "user@host", "host/path", "host\\@evil", "%66tx.com", "x#y", "x?y"])
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(UsageError, match=f"hosts: {re.escape(repr(host))} is no host"):
        connect(At("binance", hosts={"api.binance.com": host}))


async def test_nothing_is_asked_of_them_in_ones_own_words(market: Market) -> None:
    binance = market["binance"]
    with pytest.raises(VenueClosed, match=r"'ftx\.com' is FTX"):
        await binance.get("https://ftx.com/api/markets")
    with pytest.raises(VenueClosed, match=r"'www\.bitmex\.com' is BitMEX"):
        await binance.raw("trade:XBTUSD", url="wss://www.bitmex.com/realtime")
    with pytest.raises(VenueClosed):
        request_of(every()["binance.spot"], "https://api.liquid.com:443/products", None)


@pytest.mark.usefixtures("own_venues", "unplugged")
def test_a_venue_that_goes_there_under_another_name_is_not_opened() -> None:
    dead = closed()["ftx"].venues[0]
    register(replace(dead, name="mine", exchange="mine"))
    with pytest.raises(VenueClosed, match=r"'ftx\.com' is FTX"):
        connect("mine")


# ------------------------------------------------------------------------------------------------ recordings


def recording(folder: Path) -> Path:
    """A book of two messages, as FTX sent them."""
    data = {"time": 1.5, "checksum": 0, "bids": [[1.0, 2.0]], "asks": [[3.0, 4.0]], "action": "partial"}
    said = [
        ("send", {"op": "subscribe", "channel": "orderbook", "market": "BTC-PERP"}),
        ("recv", {"type": "subscribed", "channel": "orderbook", "market": "BTC-PERP"}),
        ("recv", {"type": "partial", "channel": "orderbook", "market": "BTC-PERP", "data": data}),
    ]
    del data["checksum"]
    lines = [
        json.dumps({"t": 1.0 + n, "dir": way, "conn": "ws.1", "url": "wss://ftx.com/ws/", "msg": json.dumps(text)})
        for n, (way, text) in enumerate(said)
    ]
    file = folder / "recording.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    return file


@pytest.mark.parametrize("choice", [[], ["--venue", "ftx"]])
def test_its_recordings_replay(choice: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording(tmp_path)), "--speed", "max", "--plain", *choice]) == 0
    assert " venue ftx ended messages 2 readable 1/1 gaps 0 resyncs 0\n" in capsys.readouterr().out


def test_no_command_goes_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["doctor", "bitmex"], ["book", "BTC/USD", "--venue", "ftx"], ["symbols", "liquid"]):
        assert main(command) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("tidebook: VenueClosed: ")
        assert err.count("\n") == 1


# ------------------------------------------------------------------------------------------------ the errors


ERRORS: list[TidebookError] = [
    closed()["ftx"].refusal("ftx"),
    UnknownVenue("no", venue="v", hint="Do", code="7", symbol="S", retry="safe"),
    RateLimited("wait", retry_at=7, venue="v"),
    Banned("out", until=8),
    DecodeError("number", "no number", excerpt="x", venue="v", symbol="S"),
    Overrun("slow", lost=3, venue="v"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: TidebookError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert (str(again), repr(again), vars(again)) == (str(error), repr(error), vars(error))


def test_its_repr() -> None:
    assert repr(ERRORS[0]) == (
        "VenueClosed(\"'ftx' is FTX, closed since 2022-11-11 (bankruptcy), without a successor\")"
    )
