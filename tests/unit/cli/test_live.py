"""The commands that speak to venues, against the embedded exchange: over real sockets, on this machine alone."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tidebook import engine as engines
from tidebook import venues
from tidebook.cli import main

COMMAND = [sys.executable, "-m", "tidebook"]
LATEST = 30.0  # seconds for a process to do what it was asked for


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a `tidebook sim` listens."""
    with subprocess.Popen([*COMMAND, "sim", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"TIDEBOOK_AT=([\d.:]+)", process.stdout.readline())
        assert found is not None
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(LATEST) == 130


@pytest.fixture
def at(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every venue is there."""
    monkeypatch.setenv("TIDEBOOK_AT", address)
    return address


# ------------------------------------------------------------------------------------------------ demo


MENDED = {
    r" event binance\.spot BTC/USDT live again after ": 1,
    r" event htx\.spot \S+ live again after ": 2,
    r" book htx\.spot BTC/USDT STALE for ": 1,
    r" best BTC/USDT bid [\d.]+ \w+\.spot ask ": 1,
    r" trades binance\.spot BTC/USDT \d+, last ": 1,
}
"""Of these lines so many: then all has happened that the demo does on purpose."""


def test_the_demo_goes_wrong_on_purpose_and_mends_itself() -> None:
    with subprocess.Popen([*COMMAND, "demo", "--plain"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        out, left = "", Counter(MENDED)
        try:
            while left:
                line = process.stdout.readline()
                assert line, f"it ended by itself, without {left}:\n{out}"
                out += line
                left -= Counter(one for one in left if re.search(one, line))
            process.send_signal(signal.SIGINT)
            out += process.communicate(timeout=LATEST)[0]
        finally:
            process.kill()
    assert process.returncode == 130
    lines = out.splitlines()
    assert re.fullmatch(r"tidebook demo, (native|python) engine: binance\.spot htx\.spot", lines[0])
    for venue, done, said in (
        ("binance.spot", "BTC/USDT the demo loses a message", "STALE: gap, expected "),
        ("htx.spot", "the demo cuts its cable", "STALE: lost: "),
    ):
        live = out.index(f" event {venue} BTC/USDT live, ")
        on_purpose = out.index(f" event {venue} {done}\n")
        stale = out.index(f" event {venue} BTC/USDT {said}")
        again = out.index(f" event {venue} BTC/USDT live again after ")
        assert live < on_purpose < stale < again
    assert re.search(r" book htx\.spot BTC/USDT STALE for \d\.\d s: .+ bid [\d.]+ x [\d.]+ ask ", out)
    assert re.search(r" best BTC/USDT bid [\d.]+ \w+\.spot ask [\d.]+ \w+\.spot difference [+-][\d.]+%", out)
    assert re.search(r" trades binance\.spot BTC/USDT \d+, last (buy|sell) [\d.]+ at [\d.]+", out)
    assert re.search(r" venue binance\.spot open messages \d+ readable 2/2 gaps [1-9].* latency [\d.-]+ ms", lines[-2])
    assert " readable 2/2 gaps 0 resyncs 2 latency " in lines[-1]


@pytest.mark.parametrize("engine", engines.available())
def test_a_calm_demo(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--plain", "--calm", "--seed", "7", "--seconds", "2.5", "--engine", engine]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"tidebook demo, {engine} engine: ")
    assert "STALE" not in out
    assert len(re.findall(r" event \S+ \S+ live, \d+\+\d+ levels, seq \d+\n", out)) == 4


def test_speed_is_of_recordings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--speed", "2"]) == 2
    assert capsys.readouterr().err == "tidebook: UsageError: --speed is of recordings. Write --recorded too\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_demo(number: signal.Signals, status: int) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TERM": "xterm"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while " live, " not in (line := process.stdout.readline()):
            assert line, "it ended by itself"
        process.send_signal(number)
        out, err = process.communicate(timeout=LATEST)
    assert process.returncode == status
    assert err == ""
    assert " venue htx.spot open messages " in out


# ------------------------------------------------------------------------------------------------ watch


@pytest.mark.usefixtures("at")
def test_watching_venues(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["BTC/USDT", "ETH/BTC", "--venue", "binance", "htx", "--plain", "--seconds", "3"]
    assert main(["watch", *arguments]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tidebook watch, ")
    for venue in ("binance.spot", "htx.spot"):
        for symbol in ("BTC/USDT", "ETH/BTC"):
            assert f" event {venue} {symbol} live, " in out
    assert out.splitlines()[-1].split()[1:3] == ["venue", "htx.spot"]


@pytest.mark.usefixtures("at")
@pytest.mark.parametrize("command", [["watch", "BTC/USTD"], ["book", "BTC/USTD"]])
def test_a_symbol_that_is_not_listed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--venue", "binance"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "tidebook: UnknownSymbol: binance has no 'BTC/USTD'. Close: BTC/USD, BTC/USDT, BTC/USDC. "
        "All: tidebook symbols binance\n"
    )


# ------------------------------------------------------------------------------------------------ once


@pytest.mark.usefixtures("at")
def test_the_top_of_a_book(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["book", "btcusdt", "--venue", "htx", "--depth", "3"]) == 0
    head, columns, *rows = capsys.readouterr().out.splitlines()
    about = r"BTC/USDT htx\.spot live, \d+\+\d+ levels, seq \d+, age \d+\.\d{3} s, proven by whole books"
    assert re.fullmatch(about, head)
    assert columns.split() == ["size", "bid", "ask", "size"]
    assert len(rows) == 3
    numbers = [[float(text) for text in row.split()] for row in rows]
    assert all(bid < ask for _, bid, ask, _ in numbers)
    assert [row[1] for row in numbers] == sorted((row[1] for row in numbers), reverse=True)


@pytest.mark.usefixtures("at")
def test_symbols(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["symbols", "binance", "btc"]) == 0
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert head.split() == ["symbol", "id", "kind", "tick", "step", "min", "size", "min", "notional"]
    assert first.split() == ["BTC/USDT", "BTCUSDT", "spot", "0.01", "0.00001", "0.00001", "5"]
    assert rest
    assert all("BTC" in line for line in rest)
    assert main(["symbols", "htx", "*/BTC"]) == 0
    assert all(line.split()[0].endswith("/BTC") for line in capsys.readouterr().out.splitlines()[1:])
    assert main(["symbols", "htx", "ZZZ"]) == 2
    said = "tidebook: UnknownSymbol: htx has nothing like 'ZZZ'. All: tidebook symbols htx\n"
    assert capsys.readouterr().err == said


def test_a_doctor_of_a_healthy_venue(at: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "binance.spot"]) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert kinds == ["tidebook", "place", "REST", "clock", "stream", "limit", "limit", "limit"]
    assert all(line.split()[1] == "ok" for line in lines if not line.startswith(" "))
    assert f"sent to {at} (TIDEBOOK_AT)" in lines[1]
    text = "\n".join(lines)
    assert re.search(r"binance\.spot is \d+\.\d ms (ahead|behind), ± \d+\.\d ms", text)
    assert re.search(r"binance\.spot: BTC/USDT live in \d+\.\d\d s, proven by sequence", text)
    used = re.search(r"binance\.weight: (\d+) of 6000 used in 60 s, by ip", text)
    assert used is not None
    assert int(used[1]) >= 1 + 20 + 5 + 50, "time, instruments, five times the clock, and a book"


def test_a_doctor_of_a_venue_out_of_reach(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tidebook.cli.ask.WAIT", 2.0)
    monkeypatch.setenv("TIDEBOOK_AT", "127.0.0.1:9")
    assert main(["doctor", "htx"]) == 1
    *_, rest, advice = capsys.readouterr().out.splitlines()
    assert rest.split()[:2] == ["REST", "BAD"]
    assert "ConnectFailed" in rest
    assert advice.strip() == "→ look at the network, a firewall or a proxy; `tidebook demo` needs none of it"
    assert main(["doctor", "nowhere"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    there = ", ".join(sorted({one.exchange for one in venues.every().values()}))
    assert err == f"tidebook: UnknownVenue: no venue is called 'nowhere'. There are: {there}\n"
