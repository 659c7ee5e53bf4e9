"""Venues declared in files of one's own: what is wrong with a file is said, and nothing of it is taken."""

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tidebook import engine as engines
from tidebook import venues
from tidebook.cli import main
from tidebook.engine import Choice

VENUE = """
from tidebook.venue import BookChannel, BookShape, Endpoint, Ping, Proof, Seed, SyncRule, Venue

BOOK = BookChannel(
    name="book",
    endpoint="one",
    topic=lambda name: name,
    matches=lambda topic: topic,
    shape=BookShape(route=("t",), bids=("b",), asks=("a",)),
    rule=SyncRule(seed=Seed.EVERY, proof=(Proof.WHOLE,)),
)
VENUES = (
    Venue(
        name="{name}",
        exchange="own",
        kind="spot",
        endpoints=(Endpoint("one", "wss://own.example/ws", None, Ping("server", "frame", 20, 60), cap={cap}),),
        books=(BOOK,),
        aliases=("own.example",),
        data_topic=lambda message: "X",
    ),
)
"""
SMALL = 4 << 20
LARGE = 32 << 20
FRAME = '{"t":"X","b":[["1","2"]],"a":[["3","4"]]}'
HASHED = "bids\n1:2\nasks\n3:4\n"


@pytest.fixture(autouse=True)
def own_venues(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(venues, "_further", [])
    venues.every.cache_clear()
    yield
    venues.every.cache_clear()


def venue(name: str, cap: int = SMALL) -> str:
    return VENUE.format(name=name, cap=cap)


def declared(folder: Path, text: str, name: str = "own.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def capture(folder: Path, host: str, frame: str = FRAME) -> Path:
    file = folder / "recording.jsonl.gz"
    line = {"t": 1.0, "dir": "recv", "conn": "ws.1", "url": f"wss://{host}/ws", "msg": frame}
    file.write_bytes(gzip.compress(json.dumps(line).encode() + b"\n"))
    return file


def oracle(folder: Path) -> Path:
    book = {"in_sync": True, "bid_levels": 1, "ask_levels": 1, "sha256": sha256(HASHED.encode()).hexdigest()}
    file = folder / "oracle.json"
    file.write_text(json.dumps({"symbols": {"X": {**book, "bids": [["1", "2"]], "asks": [["3", "4"]]}}}))
    return file


def check(folder: Path, host: str, *more: str) -> int:
    return main(["replay", str(capture(folder, host)), "--check", str(oracle(folder)), *more])


def test_a_declared_venue_plays_its_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = declared(tmp_path, venue("own.spot"))
    assert check(tmp_path, "own.example", "--declared", str(file)) == 0
    assert "end X live, seq None, 1+1 levels: equal" in capsys.readouterr().out


def test_another_host_of_it_is_told_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = declared(tmp_path, venue("own.spot"))
    assert check(tmp_path, "sister.example", "--declared", str(file), "--venue", "own.spot") == 0
    assert check(tmp_path, "sister.example", "--venue", "own.spot:old") == 2
    assert "own.spot has no era 'old'" in capsys.readouterr().err


def test_the_error_of_an_unknown_host_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "nobody.example") == 2
    said = capsys.readouterr().err
    assert "nobody.example" in said
    assert "--venue NAME[:era]" in said
    assert "--declared FILE" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('half a file')", "own.py cannot be run: ValueError: half a file"),
        ("VENUES = (", "own.py cannot be run: SyntaxError"),
        ("SETS = {}", "own.py declares no venue"),
        ("VENUES = ()", "own.py declares no venue"),
        (venue("binance.spot"), "two venues are called binance.spot"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(venues.every())
    assert check(tmp_path, "own.example", "--declared", str(declared(tmp_path, text))) == 2
    assert said in capsys.readouterr().err
    assert venues.every() == before


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "own.example", "--declared", str(tmp_path / "none.py")) == 2
    assert "none.py" in capsys.readouterr().err


def test_of_a_folder_all_files_are_read_but_those_of_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "declared"
    folder.mkdir()
    declared(folder, venue("own.spot"), "spot.py")
    declared(folder, venue("own.linear").replace("own.example", "linear.example"), "linear.py")
    declared(folder, "raise ValueError", "test_own.py")
    declared(folder, "raise ValueError", "_shared.py")
    assert check(tmp_path, "own.example", "--declared", str(folder)) == 0
    assert {"own.spot", "own.linear"} <= set(venues.every())
    capsys.readouterr()
    assert check(tmp_path, "own.example", "--declared", str(folder)) == 2
    assert "two venues are called own." in capsys.readouterr().err


@pytest.mark.parametrize("engine", engines.available())
def test_a_whole_book_of_five_megabytes_comes_through_where_that_is_declared(
    engine: Choice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """46,000 levels in one frame: with a cap of 32 MiB it is a book, with the usual 4 MiB the connection is given up.

    Of 23,000 levels a side the best 20,000 are kept.
    """
    bids, asks = range(23_000, 0, -1), range(23_001, 46_001)
    rows = [
        [[f"{price}.5", f"{price}", "2026-11-20T12:00:00.123456789Z " * 3] for price in side] for side in (bids, asks)
    ]
    frame = json.dumps({"t": "X", "b": rows[0], "a": rows[1]})
    assert len(frame) > 5_000_000
    kept = [[f"{price}.5:{price}" for price in side[:20_000]] for side in (bids, asks)]
    text = "\n".join(["bids", *kept[0], "asks", *kept[1], ""])
    expected = {"in_sync": True, "bid_levels": 20_000, "ask_levels": 20_000}
    file = tmp_path / "oracle.json"
    file.write_text(json.dumps({"symbols": {"X": {**expected, "sha256": sha256(text.encode()).hexdigest()}}}))
    command = ["replay", str(capture(tmp_path, "own.example", frame)), "--check", str(file), "--engine", engine]
    small = declared(tmp_path, venue("own.small"), "small.py")
    large = declared(tmp_path, venue("own.large", LARGE), "large.py")
    assert main([*command, "--declared", str(large), "--venue", "own.large"]) == 0
    assert "trimmed 6000" in capsys.readouterr().out
    assert main([*command, "--declared", str(small), "--venue", "own.small"]) == 1
    assert f"a frame of more than {SMALL} bytes" in capsys.readouterr().out
