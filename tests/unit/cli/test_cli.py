"""The command line: what it prints, and its exit statuses. Processes are real, and so are their signals."""

import gzip
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tidebook import engine as engines
from tidebook.cli import main
from tidebook.cli.replay import samples
from tidebook.cli.watch import Pace
from tidebook.record.capture import Record

COMMAND = [sys.executable, "-m", "tidebook"]
LATEST = 30.0  # seconds for a process to do what it was asked for


def test_bare_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out[1:]] == ["tidebook"] * 5
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.startswith("tidebook 0.")


@pytest.mark.parametrize("engine", engines.available())
def test_the_recorded_demo_to_its_end(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--recorded", "--speed", "max", "--engine", engine]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"tidebook replay, {engine} engine, pace max: binance.spot.jsonl.gz htx.spot.jsonl.gz\n")
    assert out.index("binance.spot BTC/USDT STALE: gap, expected") < out.index("binance.spot BTC/USDT live again after")
    assert " venue binance.spot ended messages 1554 readable 2/2 gaps 1 resyncs 1\n" in out
    assert out.endswith(" venue htx.spot ended messages 806 readable 2/2 gaps 0 resyncs 0\n")
    assert out.count(" book ") >= 4


def test_seconds_end_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--recorded", "--seconds", "0.2"]) == 0
    assert " venue htx.spot open messages " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["replay"], ["demo", "--speed", "0"], ["demo", "--speed", "fast"], ["demo", "--seconds", "-1"],
     ["demo", "--seconds", "nan"], ["demo", "--depth", "0"], ["demo", "--depth", "51"], ["demo", "--engine", "c"],
     ["nothing"]],
)  # fmt: skip
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: tidebook" in capsys.readouterr().err


def packed(text: str) -> bytes:
    return gzip.compress(text.encode())


OPEN = '{"t":1.0,"dir":"open","conn":"ws.1","url":"%s","msg":""}\n'
BAD: list[tuple[Callable[[], bytes | None], str]] = [
    (lambda: None, "no file x.jsonl.gz"),
    (lambda: b"plain text", "Not a gzipped file"),
    (lambda: samples()[0].read_bytes()[:-8] + bytes(8), "cannot be read beyond line"),
    (lambda: packed('{"dir":1}\n'), "is no record"),
    (lambda: packed("nothing\n"), "is no record"),
    (lambda: packed(""), "there is nothing in it"),
    (lambda: packed(OPEN % "wss://example.org/ws"), "no venue claims the host example.org"),
    (lambda: packed(OPEN % "wss://stream.binance.com:9443/stream?streams=btcusdt@trade"), "shows no book of"),
]


@pytest.mark.parametrize(("content", "said"), BAD)
def test_bad_recordings(
    content: Callable[[], bytes | None], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.jsonl.gz"
    data = content()
    if data is not None:
        path.write_bytes(data)
    assert main(["replay", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tidebook: UsageError: ")
    assert said in err
    assert err.count("\n") == 1


def test_other_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = map(str, samples())
    assert main(["replay", one, "--venue", "nowhere"]) == 2
    assert "no venue is called 'nowhere'" in capsys.readouterr().err
    assert main(["replay", one, two, "--check", one]) == 2
    assert "--check takes exactly one CAPTURE, not 2" in capsys.readouterr().err
    assert main(["replay", one, "--check", str(tmp_path / "none.json")]) == 2
    assert "no file none.json" in capsys.readouterr().err
    assert main(["replay", one, "--check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# ------------------------------------------------------------------------------------------------ processes


def started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TERM": "xterm"},
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(number: signal.Signals, status: int) -> None:
    with started("demo", "--recorded", "--speed", "0.5") as process:
        assert process.stdout is not None
        while " live, " not in (line := process.stdout.readline()):
            assert line, "it ended by itself"
        process.send_signal(number)
        out, err = process.communicate(timeout=LATEST)
    assert process.returncode == status
    assert err == ""
    assert " venue binance.spot open messages " in out


def test_a_broken_pipe_ends_it_quietly() -> None:
    with started("demo", "--recorded", "--speed", "3") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("tidebook replay")
        process.stdout.close()
        process.wait(LATEST)
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_what_cannot_be_written_is_no_success() -> None:
    """Who draws is ended as everywhere else by who reads no more; help is output as any other."""
    ours, theirs = os.pipe()
    os.close(ours)
    full = os.open("/dev/full", os.O_WRONLY)
    no_room = "tidebook: [Errno 28] No space left on device\n"
    for command, out, ended in (("venues", theirs, (141, "")), ("--help", full, (2, no_room))):
        words = [*COMMAND, command]
        done = subprocess.run(words, check=False, stdout=out, stderr=subprocess.PIPE, text=True, timeout=LATEST)
        os.close(out)
        assert (done.returncode, done.stderr) == ended


@pytest.mark.parametrize("end", ["signal", "itself"])
def test_a_terminal_is_given_back(end: Literal["signal", "itself"]) -> None:
    ours, theirs = pty.openpty()
    speed = ["--speed", "max"] if end == "itself" else []
    with subprocess.Popen(
        [*COMMAND, "demo", "--recorded", *speed], stdout=theirs, stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while b"LIVE" not in shown:
            shown += os.read(ours, 65536)
        if end == "signal":
            process.send_signal(signal.SIGINT)
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:
            pass  # so the end of a terminal looks here
        assert process.wait(LATEST) == (130 if end == "signal" else 0)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(ours)
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1, "the other screen is left"
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l"), "the cursor is back"
    last = shown[shown.index(b"\x1b[?1049l") :].decode()
    assert "binance.spot BTC/USDT" in last, "the last picture stays"


# ------------------------------------------------------------------------------------------------ pace


async def test_long_silence_is_shortened_and_told() -> None:
    notes: list[str] = []
    pace = Pace(0, 1e9, 0.0, notes.append)
    for at in (0, 29, 58, 1000):
        await pace(Record(1, at * 10**9, "recv", "ws.1", "", ""))
    assert notes == ["942.0 s of silence shortened to 30 s"]


async def test_no_record_comes_before_its_time() -> None:
    import asyncio

    clock = asyncio.get_running_loop().time
    began = clock()
    pace = Pace(10**9, 2.0, began, print)
    await pace(Record(1, 10**9, "recv", "ws.1", "", ""))
    await pace(Record(2, 1_400_000_000, "recv", "ws.1", "", ""))
    assert clock() - began >= 0.199
