"""Recordings and oracles that somebody made to do harm, or that show a loss: refused in one line, or at fault."""

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tidebook import errors
from tidebook.cli import main
from tidebook.cli.replay import samples
from tidebook.cli.watch import Pace
from tidebook.core.options import Options
from tidebook.errors import UsageError
from tidebook.io.serve import Asked, Served
from tidebook.model import health
from tidebook.record import capture, oracle
from tidebook.record import check as checking
from tidebook.record import replay as replays
from tidebook.record.capture import Record, records
from tidebook.record.check import Verdict, check
from tidebook.record.connections import survey
from tidebook.record.player import Player
from tidebook.record.replay import Replay

GOOD = b'{"dir":"recv","conn":"ws.1","t":1.5,"msg":"x"}\n'
BINANCE, HTX = samples()


def packed(tmp_path: Path, *parts: bytes) -> Path:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(parts), 1))
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def written(tmp_path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    return packed(tmp_path, *(json.dumps(line).encode() + b"\n" for line in lines))


def oracle_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(path.name.replace(".jsonl.gz", ".oracle.json")).read_text())
    return found


def expecting(tmp_path: Path, value: object) -> Path:
    path = tmp_path / "oracle.json"
    path.write_text(json.dumps(value))
    return path


async def verdict_of(recording: Path, expected: Path) -> Verdict:
    return await check(recording, expected, engine=None, venue=None, say=lambda line: None)


# ------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"nothing\n", "is no record"),
        (b"\n", "is no record"),
        (b'{"dir":"recv","conn":"ws.1","msg":{"b64":"?"}}\n', "is no record"),
        (b'{"dir":"recv","conn":"ws.1","t":1e300}\n', "is no record"),
        (b'{"dir":"recv","conn":"ws.1","t":-1}\n', "is no record"),
        (b'{"dir":"recv","conn":"ws.1","t_ns":9223372036854775808}\n', "is no record"),
        (b'{"dir":"recv","conn":"ws.1","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "is no record"),
        (b'{"dir":"open","conn":"ws.1","url":"wss://[x/"}\n', "is no record"),
        (b'{"dir":"open","conn":"ws.1","url":"wss://x:99999/"}\n', "is no record"),
        (b'{"dir":"open","conn":"' + b"w" * 300 + b'"}\n', "is no record"),
        (b'{"dir":"recv","conn":"ws.1","msg":"' + b"x" * (33 << 20) + b'"}\n', "is longer than 33554432 bytes"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_a_bad_line_is_named(line: bytes, said: str, before: int, tmp_path: Path) -> None:
    path = packed(tmp_path, GOOD * before, line, GOOD)
    with pytest.raises(UsageError) as found:
        list(records(path))
    assert f"x.jsonl.gz line {before + 1} {said}" in str(found.value)


def test_a_line_is_not_held_beyond_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert capture.LINE_MOST == 32 << 20
    monkeypatch.setattr(capture, "LINE_MOST", len(GOOD))
    assert len(list(records(packed(tmp_path, GOOD, GOOD.rstrip())))) == 2
    with pytest.raises(UsageError, match=r"line 2 is longer than \d+ bytes"):
        list(records(packed(tmp_path, GOOD, b" " + GOOD)))


def test_a_cut_file_says_how_far_it_can_be_read(tmp_path: Path) -> None:
    path = packed(tmp_path, GOOD, GOOD, GOOD)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UsageError, match="cannot be read beyond line 3"):
        list(records(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" " * 65, "is longer than 64 bytes"),
        (b"{", "is no oracle"),
        (b"[" * 60, "is no oracle"),
        (b'{"symbols":{},"checkpoints":[{"after_line":7,"symbols":{}},{"after_line":7,"symbols":{}}]}', "line 7 twice"),
    ],
)
def test_a_bad_oracle_is_refused(content: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert oracle.FILE_MOST == 64 << 20
    monkeypatch.setattr(oracle, "FILE_MOST", 64 if said.startswith("is longer") else 1 << 20)
    path = tmp_path / "oracle.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        oracle.load(path)


def test_a_deep_oracle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "oracle.json"
    path.write_bytes(b'{"symbols":{"A":{"in_sync":true,"seq":' + b"[" * 100_000 + b"]" * 100_000 + b"}}}")
    with pytest.raises(UsageError, match="is no oracle"):
        oracle.load(path)


@pytest.mark.parametrize("message", ['{"ch":"abc', '{"sub":' + "[" * 100_000, "\x00"])
def test_messages_that_no_venue_sends_do_not_stop_the_survey(message: str) -> None:
    url = "wss://api.huobi.pro/ws"
    sub = '{"sub":"market.btcusdt.depth.step0","id":"1"}'
    found = [
        Record(1, 0, "open", "ws.1", url, ""),
        Record(2, 0, "recv", "ws.1", url, message),
        Record(3, 0, "send", "ws.1", url, message),
        Record(4, 0, "send", "ws.1", url, sub),
        Record(5, 0, "http", "http.1", "https://api.huobi.pro/v1/common/symbols", message),
    ]
    assert [book.instrument for book in survey(found).books] == ["btcusdt"]


def test_connections_and_topics_are_bounded() -> None:
    url = "wss://stream.binance.com:9443/stream"
    many = (Record(n, 0, "open", f"ws.{n}", url, "") for n in range(1, 100_000))
    with pytest.raises(UsageError, match="more than 500 connections"):
        survey(many)
    with pytest.raises(UsageError, match="line 7: the URL is longer than 8000 bytes"):
        survey([Record(7, 0, "open", "ws.1", f"{url}?streams={'a@depth/' * 1000}", "")])
    pushes = (Record(n, 0, "recv", "ws.1", url, f'{{"stream":"s{n}@depth","data":1}}') for n in range(1, 100_000))
    with pytest.raises(UsageError, match="more than 10000 topics"):
        survey(pushes)


@pytest.mark.parametrize("name", ["ws\r\nHost: elsewhere", "ö €", "%41", " "])
async def test_any_name_of_a_connection_will_do(name: str, tmp_path: Path) -> None:
    lines = lines_of(HTX)
    for line in lines:
        line["conn"] = name if line["conn"].startswith("ws") else line["conn"]
    found = await verdict_of(written(tmp_path, lines), expecting(tmp_path, oracle_of(HTX)))
    assert found.passed, found.faults


def test_what_a_file_says_is_printed_as_one_plain_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = oracle_of(HTX)
    expected["symbols"]["\x1b[2J\nFORGED"] = {"in_sync": True}
    assert main(["replay", str(HTX), "--check", str(expecting(tmp_path, expected)), "--speed", "max"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\nFORGED" not in out
    url = "wss://exa\x1b[2Jmple/"
    assert main(["replay", str(written(tmp_path, [{"dir": "open", "conn": "ws.1", "url": url}]))]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.count("\n") == 1


# ------------------------------------------------------------------------------------------------ the check's faults


@pytest.mark.parametrize("points", [False, True])
def test_comparing_nothing_is_at_fault(points: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected: dict[str, Any] = {"symbols": {}}
    if points:
        expected["checkpoints"] = [{"after_line": 10, "symbols": {}}]
    assert main(["replay", str(HTX), "--check", str(expecting(tmp_path, expected))]) == 1
    assert "FAULT nothing was compared\n" in capsys.readouterr().out


@pytest.mark.parametrize("line", [0, 1_000_000])
async def test_a_checkpoint_that_is_never_reached_is_at_fault(line: int, tmp_path: Path) -> None:
    expected = oracle_of(HTX)
    expected["checkpoints"].append({"after_line": line, "symbols": {}})
    found = await verdict_of(HTX, expecting(tmp_path, expected))
    assert found.faults == [f"line {line} was never reached"]


@pytest.mark.parametrize("seq", ["²", "--5", "9" * 5000, "abc", 1.5, [1]])
async def test_a_sequence_that_is_no_number_is_a_difference(seq: object, tmp_path: Path) -> None:
    expected = oracle_of(HTX)
    key = next(iter(expected["symbols"]))
    expected["symbols"][key].pop("last_sequence", None)
    expected["symbols"][key]["seq"] = seq
    found = await verdict_of(HTX, expecting(tmp_path, expected))
    assert len(found.faults) == 1
    assert f"end {key}: seq " in found.faults[0]


ABOUT = ("htx.spot", None, 0)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (health.Disconnected(*ABOUT, "cut", 1.0), "1 connections lost, the first: cut"),
        (health.SubscriptionFailed(*ABOUT, "topic", "no such"), "1 subscriptions lost, the first: topic: no such"),
        (health.Gap(*ABOUT, 1, 3), "1 gaps"),
    ],
)
async def test_a_loss_that_an_event_tells_is_at_fault(
    event: health.Health, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = checking._compare

    def telling(place: str, books: Any, expected: Any, verdict: Verdict, say: Callable[[str], None]) -> None:
        if place == "end":
            verdict.events.append(event)
        compare(place, books, expected, verdict, say)

    monkeypatch.setattr(checking, "_compare", telling)
    found = await verdict_of(HTX, HTX.with_name("htx.spot.oracle.json"))
    assert found.faults == [said]


async def test_a_snapshot_that_never_was_of_use_is_at_fault(tmp_path: Path) -> None:
    lines = lines_of(BINANCE)
    for line in lines:
        if line["dir"] == "http" and "/depth?symbol=ETHUSDT" in line["url"]:
            line["msg"] = '{"lastUpdateId":1,"bids":[],"asks":[]}'
    found = await verdict_of(written(tmp_path, lines), expecting(tmp_path, oracle_of(BINANCE)))
    assert any(text.startswith("ETH/USDT: no snapshot was of use, the first: too old") for text in found.faults), (
        found.faults
    )


async def test_a_buffer_that_overflows_is_at_fault_and_guards_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidebook.engine import load

    counts = {"buffer_dropped": 2, "trimmed": 1, "over_window": 1}
    said: list[str] = []

    class Book(load("python").Book):  # type: ignore[misc]
        def stats(self) -> dict[str, int]:
            return {**super().stats(), **counts}

    monkeypatch.setattr(load("python"), "Book", Book)
    found = await check(HTX, HTX.with_name("htx.spot.oracle.json"), engine="python", venue=None, say=said.append)
    books = len(oracle_of(HTX)["symbols"])
    assert found.faults == [f"{2 * books} buffered changes dropped"]
    assert f"trimmed {books}, over_window {books}" in said[-1]


# ------------------------------------------------------------------------------------------------ playing


async def test_connections_that_do_not_open_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Player, request: Asked, socket: Served) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Player, "websocket", never)
    monkeypatch.setattr(replays, "SETTLE", 0.2)
    with pytest.raises(errors.Timeout, match=r"1 of 1 connections did not open within 0.2 s: ws\.1"):
        async with Replay(survey(records(HTX)), records(HTX)):
            pass


@pytest.mark.parametrize("checked", [True, False])
def test_that_is_one_line(checked: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def refused(self: Player, request: Asked, socket: Served) -> None:
        await socket.accept()
        socket.abort()

    monkeypatch.setattr(replays, "SETTLE", 0.0)
    monkeypatch.setattr(Player, "websocket", refused)
    options = ["--check", str(HTX.with_name("htx.spot.oracle.json"))] if checked else ["--plain"]
    assert main(["replay", str(HTX), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith("tidebook: Timeout: 1 of 1 connections did not open")
    assert err.count("\n") == 1


def with_close(lines: list[dict[str, Any]], at: int) -> list[dict[str, Any]]:
    close = {"dir": "close", "conn": "ws.1", "url": lines[1]["url"], "t": lines[at - 1].get("t", 0.0), "msg": ""}
    return [*lines[:at], close, *lines[at:]]


async def test_a_close_line_at_the_end_is_the_end(tmp_path: Path) -> None:
    lines = lines_of(HTX)
    found = await verdict_of(written(tmp_path, with_close(lines, len(lines))), expecting(tmp_path, oracle_of(HTX)))
    assert found.passed, found.faults


async def test_a_connection_ends_where_its_recording_says(tmp_path: Path) -> None:
    lines = lines_of(HTX)
    expected = oracle_of(HTX)
    points = [point for point in expected["checkpoints"] if point["after_line"] < 500]
    symbols = {key: {"in_sync": False} for key in expected["symbols"]}
    began = time.monotonic()
    found = await verdict_of(
        written(tmp_path, with_close(lines, 500)),
        expecting(tmp_path, {"symbols": symbols, "checkpoints": points}),
    )
    assert time.monotonic() - began < 10
    assert len(found.faults) == 2, found.faults
    assert found.faults[0].startswith("1 connections lost, the first: ")
    assert found.faults[1] == "line 502: more of connection ws.1, which has ended"


@pytest.mark.parametrize("arguments", [["--speed", "max"], ["--speed", "30"]])
def test_a_closed_connection_can_be_watched(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, with_close(lines_of(HTX), 500))
    assert main(["replay", str(path), "--plain", *arguments]) == 0
    out = capsys.readouterr().out
    assert "more of connection ws.1, which has ended" in out
    assert out.count("DISCONNECTED") <= 1


async def test_a_bare_connection_is_played_and_may_end(tmp_path: Path) -> None:
    lines = lines_of(HTX)
    opened = {"dir": "open", "conn": "ws.2", "url": lines[1]["url"], "t": 0.0, "msg": ""}
    closed = {**opened, "dir": "close"}
    path = written(tmp_path, [opened, *lines[:400], closed, *lines[400:]])
    expected = {"symbols": oracle_of(HTX)["symbols"]}
    found = await verdict_of(path, expecting(tmp_path, expected))
    assert len(found.faults) == 1, found.faults
    assert found.faults[0].startswith("1 connections lost")


async def test_bodies_that_nobody_asks_for_do_not_hold_it_up(tmp_path: Path) -> None:
    lines = lines_of(BINANCE)
    bodies = [line for line in lines if line["dir"] == "http" and "/depth" in line["url"]]
    began = time.process_time()
    path = written(tmp_path, [*lines, *(bodies * 60)])
    found = await verdict_of(path, expecting(tmp_path, oracle_of(BINANCE)))
    assert time.process_time() - began < 12
    assert len(found.faults) < 20
    assert any("nobody asked for the snapshot" in text for text in found.faults)


async def test_patience_is_bounded_over_all_instruments() -> None:
    url = "wss://stream.binance.com:9443/stream?streams=" + "/".join(f"a{n}usdt@depth" for n in range(50))
    depth = "https://api.binance.com/api/v3/depth?limit=5&symbol="
    bodies = [Record(n + 1, 0, "http", "http.1", f"{depth}A{n}USDT", "{}") for n in range(50)]
    connections = survey([Record(1, 0, "open", "ws.1", url, "")])
    player = Player(connections, bodies, patience=0.1, patience_in_all=0.3)
    began = time.monotonic()
    assert [line async for line in player.play()] == []
    assert 0.25 < time.monotonic() - began < 1.0
    assert len(player.missed) == 50


async def test_time_that_goes_back_is_told_and_does_not_hurry_the_rest() -> None:
    clock = asyncio.get_running_loop().time
    notes: list[str] = []
    pace = Pace(10**12, 10.0, clock(), notes.append)
    began = clock()
    for at in (10**12, 10**12 + 10**9, 0, 10**9, 999_500_000, 2 * 10**9):
        await pace(Record(1, at, "recv", "ws.1", "", ""))
    assert 0.25 < clock() - began < 1.0
    assert notes == ["the recording's clock went back by 1001.0 s"]


async def test_time_that_goes_back_and_forth_ends() -> None:
    """Each jump forward is a silence, shortened to some seconds; going back and forth must not add up for ever."""
    pace = Pace(0, 1e9, asyncio.get_running_loop().time(), lambda text: None)
    began = time.monotonic()
    for n in range(2000):
        await pace(Record(1, n % 2 * 2**62, "recv", "ws.1", "", ""))
    assert time.monotonic() - began < 5


def test_replaying_has_all_the_time_in_the_world() -> None:
    assert checking.UNHURRIED.ack_timeout > Options().ack_timeout
    for book in survey(records(HTX)).books:
        assert book.plan.endpoint.ping.deadline >= 3600
