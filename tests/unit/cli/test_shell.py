"""`tidebook shell`: what is run where, what is shown, and how it ends."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO

import pytest
from tests.served import Exchange, served

from tidebook.cli import main

Say = Callable[[str], tuple[int, list[str], str]]


@pytest.fixture(scope="module")
def running() -> Iterator[Exchange]:
    with served("binance") as one:
        yield one


@pytest.fixture
def say(running: Exchange, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    monkeypatch.setenv("TIDEBOOK_AT", running.at)

    def said(text: str) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "stdin", StringIO(text))
        status = main(["shell", "binance.spot"])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return said


def test_a_text_is_run_statement_after_statement(say: Say) -> None:
    status, out, err = say(
        'ticker = await market.fetch_ticker("BTC/USDT")\nticker.symbol\nfor n in range(2):\n    print(n)\n'
        'async with market.book("BTC/USDT") as book:\n    print((await book.next()).symbol)\nbook.state\n'
    )
    assert (status, out, err) == (0, ["'BTC/USDT'", "0", "1", "BTC/USDT", "<State.CLOSED: 'closed'>"], "")


def test_the_first_error_is_the_last_statement(say: Say) -> None:
    status, out, err = say('await market.fetch_ticker("NO/NO")\nprint("not reached")\n')
    assert (status, out) == (1, [])
    assert err == "UnknownSymbol: binance.spot has no 'NO/NO'. All: tidebook symbols binance.spot\n"

    status, _, err = say("def half(n):\n    return n / 0\nhalf(1)\n")
    frames = [line.strip() for line in err.splitlines() if line.startswith("  File")]
    assert (status, len(frames)) == (1, 2)  # of what was written, and nothing of ours
    assert all('"<stdin>"' in frame for frame in frames)
    assert err.endswith("ZeroDivisionError: division by zero\n")

    status, out, err = say('print("not reached")\nx = (\n')
    assert (status, out) == (1, [])
    assert "SyntaxError" in err
    with pytest.raises(SystemExit) as ended:
        say("raise SystemExit(7)")
    assert ended.value.code == 7


def test_ctrl_c_cancels_what_is_awaited(say: Say) -> None:
    """The signal is sent by what is run, so it comes while the main thread waits."""
    status, out, err = say(
        "import asyncio, os, signal\nasync def long():\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "    try:\n        await asyncio.Event().wait()\n    finally:\n        print('cancelled')\nawait long()\n"
    )
    assert (status, err) == (1, "\nKeyboardInterrupt\n")
    assert out == ["cancelled"]


def test_at_a_terminal(running: Exchange) -> None:
    """Prompts, values, an error that does not end it, Ctrl-D; a block ends with an empty line, as Python's own."""
    command = [sys.executable, "-m", "tidebook", "shell", "binance.spot", "--read-only"]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TIDEBOOK_AT": running.at, "TERM": "dumb"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = heard(ours, b">>> ")
        assert b"market are there: <Market binance.spot=up" in seen
        for line, answer in (
            (b"1/0", b"ZeroDivisionError"),
            (b'(await market.fetch_ticker("BTC/USDT")).symbol', b"'BTC/USDT'"),
            (b'await market.submit(tidebook.MarketOrder("BTC/USDT", "buy", size="1"))', b"UsageError: "),
        ):
            os.write(ours, line + b"\n")
            assert answer in heard(ours, b"\n>>> ")
        os.write(ours, b"\x04")
        assert process.wait(30) == 0
    os.close(ours)


def heard(terminal: int, until: bytes) -> bytes:
    seen = b""
    with suppress(OSError):  # the other side has gone
        while not seen.endswith(until):
            seen += os.read(terminal, 4_096)
    return seen.replace(b"\r", b"")
