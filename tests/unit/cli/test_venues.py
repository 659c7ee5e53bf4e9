"""`tidebook venues`: what is read from declarations, what is printed at every width, and what is said of a bad name."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tidebook import venues
from tidebook.cli import main
from tidebook.client.capabilities import BookWay, Limit, capability, chained, reaches
from tidebook.errors import UsageError
from tidebook.model import facts
from tidebook.venue import (
    BookChannel,
    BookShape,
    Bridge,
    Chain,
    Checksum,
    Companion,
    Endpoint,
    Environment,
    Era,
    FactChannel,
    Heartbeat,
    Id,
    Ping,
    Pool,
    Proof,
    Repeats,
    Request,
    RestSeed,
    Scope,
    Seed,
    SyncRule,
    Venue,
    Window,
)
from tidebook.venues import every, register

WIDTHS = (80, 100, 140)


@pytest.fixture(autouse=True)
def own_venues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(venues, "_further", [])
    every.cache_clear()
    yield
    every.cache_clear()


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["venues", *arguments]) == status
    return capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ an invented venue


END = Endpoint("one", "wss://own.example/ws", None, Ping("client", "frame", 15, 60))
SHAPE = BookShape(route=("t",), bids=("b",), asks=("a",), first=Id("f"), last=Id("l"), prev=Id("p"))


def book(name: str, rule: SyncRule, shape: BookShape = SHAPE, **more: Any) -> BookChannel:
    return BookChannel(name, "one", str, str, shape, rule, **more)


def trade(frame: bytes, seen: object) -> list[facts.Fact]:
    return []


OWN = Venue(
    name="own.option",
    exchange="own",
    kind="option",
    endpoints=(END,),
    books=(
        book("counted", SyncRule(Seed.STREAM, Chain.NEXT, scope=Scope.CONNECTION, proof=(Proof.SEQUENCE,))),
        book("summed", SyncRule(Seed.STREAM, Chain.PREV, proof=(Proof.SEQUENCE, Proof.CHECKSUM)),
             replace(SHAPE, checksum=Checksum("c", depth=25), window=Window(400)), life=Heartbeat("beat", 2.5)),
        book("asked", SyncRule(Seed.REST, Chain.RISING, Bridge.AFTER), snapshot=SHAPE, snapshot_of=lambda url: None,
             rest=lambda one, limit: RestSeed(Request("GET", "https://own.example/"), "pool", 1), life=Companion("q")),
    ),
    facts=(FactChannel("trades", "one", lambda one, option: one, trade, ("t",), life=Repeats(3)),),
    pools=(Pool("pool", "account", 7, 0.5),),
    environments=(Environment("live"), Environment("demo")),
    eras=(Era("old", "2024-05-06"),),
    without=("ticker",),
    proof_from="the house",
)  # fmt: skip


def test_a_declaration_is_read() -> None:
    one = capability(OWN, dialect=False)
    assert one.books == (
        BookWay("counted", "stream", "next", "connection", ("sequence",), "live", "message", None, "ping 15 s"),
        BookWay("summed", "stream", "prev", "topic", ("sequence", "checksum(25)"), "live", "window", 400,
                "heartbeat 2.5 s"),
        BookWay("asked", "rest", "rising", "topic", ("none",), "unproven", "snapshot", None, "companion"),
    )  # fmt: skip
    assert [chained(way) for way in one.books] == [
        "stream · next(connection) · sequence", "stream · prev · sequence+checksum(25)", "rest · rising · none",
    ]  # fmt: skip
    assert [reaches(way) for way in one.books] == ["as sent", "best 400", "as snapshot"]
    assert one.nouns == {
        "trades": "yes", "quotes": "missing", "bars": "missing", "ticker": "not offered", "funding": "not offered",
        "liquidations": "missing",
    }  # fmt: skip
    assert one.limits == (Limit("pool", 7, 0.5, "account"),)
    assert (one.facts[0].alive, one.environments, one.eras[0].until) == ("repeats 3 s", ("live", "demo"), "2024-05-06")
    assert (one.signs, one.dialect, one.proof_from) == (None, False, "the house")


@pytest.mark.parametrize(
    ("kind", "offers"),
    [("spot", ("not offered", "not offered")), ("option", ("not offered", "missing")),
     ("linear", ("missing", "missing")), ("inverse", ("missing", "missing")), ("mixed", ("missing", "missing"))],
)  # fmt: skip
def test_what_no_market_of_a_kind_has_is_not_missing(kind: Any, offers: tuple[str, str]) -> None:
    nouns = capability(replace(OWN, kind=kind), dialect=True).nouns
    assert (nouns["funding"], nouns["liquidations"]) == offers


def test_nobody_is_without_what_it_declares() -> None:
    with pytest.raises(UsageError, match=r"own\.option: it is without trades, and declares a channel of that name"):
        replace(OWN, without=("trades",))


def test_one_in_full(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    register(OWN, replace(OWN, name="own.spot", kind="spot"))
    assert (
        printed(capsys, "own.option")
        == """\
own.option
exchange      own
kind          option
environments  live demo
simulator     does not speak it
sign          -
orders by ws  -
dead man      -
not yet       quotes bars liquidations
not offered   ticker funding
facts from    the house

How books are kept
book     seed · chain · proof                   at best   known        alive by
counted  stream · next(connection) · sequence   live      as sent      ping 15 s
summed   stream · prev · sequence+checksum(25)  live      best 400     heartbeat 2.5 s
asked    rest · rising · none                   unproven  as snapshot  companion
known of a side: best N by a window, ≤ N by snapshots, as sent: all that comes

Channels
channel  alive by     intervals
trades   repeats 3 s  -

Limits
pool  units     in  by
pool      7  0.5 s  account

Former protocols that replay
era  until
old  2024-05-06
"""
    )
    both = printed(capsys, "own")
    assert both.startswith("own.option\n")
    assert "\n\nown.spot\nexchange      own\n" in both


def test_the_table_says_what_is_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    register(OWN)
    lines = [" ".join(line.split()) for line in printed(capsys).splitlines()]  # columns are as wide as the longest name
    assert lines[:2] == [
        "What is published",
        "venue trades quotes bars ticker funding liquidations calls sim sign ws",
    ]
    assert "own.option ● ○ ○ · · ○ 0 ○ ○ ○" in lines
    assert "own.option live demo pool 7 in 0.5 s by account old until 2024-05-06" in lines
    assert "summed stream · prev · sequence+checksum(25) live best 400 heartbeat 2.5 s" in lines
    assert "packed stream · none · none unproven as sent ping 10 s, decoded in Python" in lines


# ------------------------------------------------------------------------------------------------ what is printed


def _has_switch(venue: Venue) -> bool:
    return venue.trading is not None and venue.trading.dead_man is not None


@pytest.mark.parametrize("width", WIDTHS)
def test_all_fits(width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    out = printed(capsys)
    assert max(map(len, out.splitlines())) <= width
    assert not any(line.endswith(" ") for line in out.splitlines())
    assert "…" not in out
    for name, venue in every().items():
        assert out.count(f"\n{name} ") == 2 + bool(venue.books) + _has_switch(venue), name
        for way in venue.books:
            assert f" {way.name} " in out
    for one in venues.closed().values():
        assert f"\n{one.name} " in out
        assert one.closed_on in out
    for name in every():
        alone = printed(capsys, name)
        assert alone.startswith(f"{name}\n")
        assert max(map(len, alone.splitlines())) <= width


def test_a_closed_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert (
        printed(capsys, "FTX.com")
        == """\
ftx: FTX
closed since  2022-11-11
why           bankruptcy
successor     none
also called   ftx.com ftxint
recordings    replay: tidebook replay FILE
facts from    the petition under Chapter 11 of 2022-11-11
"""
    )


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(printed(capsys, "--json"))
    assert [one["venue"] for one in said["venues"]] == sorted(every())
    assert {one["name"] for one in said["closed"]} == set(venues.closed())
    one = json.loads(printed(capsys, "htx.spot", "--json"))
    assert one["closed"] == []
    (row,) = one["venues"]
    assert row == next(found for found in said["venues"] if found["venue"] == "htx.spot")
    assert [way["name"] for way in row["books"]] == [way.name for way in every()["htx.spot"].books]
    assert row["nouns"]["trades"] == "yes"
    assert row["dialect"] is True
    (gone,) = json.loads(printed(capsys, "quoine", "--json"))["closed"]
    assert (gone["name"], gone["closed_on"], gone["replays"]) == ("liquid", "2022-11-20", False)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_bad_name(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["venues", "binanse", *more]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tidebook: UnknownVenue: no venue is called 'binanse'. Close: binance")
    assert err.endswith(". All: tidebook venues\n")
