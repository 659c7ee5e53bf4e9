"""`tidebook record`, ended by Ctrl-C, and `tidebook replay FILE -- CMD` of what it wrote."""

import asyncio
import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tidebook
from tidebook.cli import main
from tidebook.cli.command import parser
from tidebook.cli.record import _recorded
from tidebook.cli.stage import Stage
from tidebook.errors import UsageError
from tidebook.io.serve import Server
from tidebook.sim.server import serve

EXAMPLE = Path(__file__).parents[3] / "examples" / "best_prices.py"
RECORD = [sys.executable, "-m", "tidebook", "record", "BTC/USDT", "--venue", "binance", "--out"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """A recording that Ctrl-C has ended, the status, and what was printed."""
    path = tmp_path_factory.mktemp("record") / "run.jsonl.gz"

    async def record() -> tuple[int, str]:
        async with serve(seed=4, venues=["binance"], speed=5) as sim:
            environment = {**os.environ, "TIDEBOOK_AT": sim.at}
            process = await asyncio.create_subprocess_exec(*RECORD, str(path), env=environment, stdout=subprocess.PIPE)
            try:
                async with asyncio.timeout(30):
                    while not path.exists() or path.stat().st_size < 60_000:  # noqa: ASYNC110 - it has no event
                        await asyncio.sleep(0.05)
                process.send_signal(signal.SIGINT)
                async with asyncio.timeout(10):
                    out, _ = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
            return process.returncode or 0, out.decode()

    return path, *asyncio.run(record())


def test_ctrl_c_ends_a_recording_that_is_whole(recorded: tuple[Path, int, str]) -> None:
    path, status, printed = recorded
    assert status == 130
    recording = tidebook.open(path)
    assert recording.cut == ""
    assert recording.gaps == ()
    frames = sum(one.dir == "recv" for one in recording.records())
    assert printed.splitlines()[-1] == f"{path}: {frames} frames, {path.stat().st_size} bytes, 0 lost"
    assert recording.symbols == ("BTC/USDT",)
    assert len(recording.trades()) > 0


def test_an_unedited_program_reads_a_recording(
    recorded: tuple[Path, int, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = recorded[0]
    assert main(["replay", str(path), "--", sys.executable, str(EXAMPLE)]) == 0
    lines = [line.split() for line in capfd.readouterr().out.splitlines() if "spread" in line]
    books = tidebook.open(path).books(every=None, depth=1)
    there = {f"{row.price.normalize():f}×{row.size.normalize():f}" for row in books}
    assert len(lines) == 5
    # The first may be of the snapshot alone, which the recording's own reading never shows without what came before it.
    assert {price for line in lines[1:] for price in line[1:3]} <= there


async def test_a_program_is_sent_what_it_subscribes(recorded: tuple[Path, int, str]) -> None:
    """And nothing of the book that is on the same connection of the recording."""
    recording = tidebook.open(recorded[0])
    stage = Stage(recording, None, print)
    server = Server(stage)
    await server.start()
    playing = asyncio.ensure_future(stage.run())
    async with (
        asyncio.timeout(30), tidebook.connect("binance.spot", at=server.at) as market,
        market.trades("BTC/USDT", slow="drop"),
    ):  # fmt: skip
        sockets = [line.socket for line in stage._lines]
        await playing
    await server.stop()
    answers = sum(one.dir == "recv" and '"result"' in str(one.message) for one in recording.records())
    assert answers < 5
    assert sum(socket.sent for socket in sockets) == len(recording.trades("BTC/USDT")) + answers + 1  # its own


def test_a_program_ends_it_with_its_own_status(
    recorded: tuple[Path, int, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = str(recorded[0])
    tell = "import os, sys; print(os.environ['TIDEBOOK_AT'][:10]); sys.exit(7)"
    assert main(["replay", path, "--", sys.executable, "-c", tell]) == 7
    assert capfd.readouterr().out == "127.0.0.1:\n"
    assert main(["replay", path, "--", "no-such-program"]) == 127
    assert main(["replay", path, path, "--", sys.executable]) == 2
    assert main(["replay", path, "--check", path, "--", sys.executable]) == 2


def test_a_program_that_wants_a_venue_which_is_not_in_it_is_told_so_at_once(
    recorded: tuple[Path, int, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The venue's timeout would be an hour."""
    program = """
import asyncio, tidebook
async def main():
    async with tidebook.connect("binance.spot", "bybit.linear", timeout=3600.0) as market:
        print(market["binance.spot"].state)
        try:
            await market.fetch_time(venue="bybit.linear")
        except tidebook.VenueUnavailable as error:
            print(error.retry, error)
asyncio.run(asyncio.wait_for(main(), 60))
"""
    assert main(["replay", str(recorded[0]), "--", sys.executable, "-c", program]) == 0
    said = f"never bybit.linear: api.bybit.com is not in {recorded[0].name}. It has: binance.spot"
    assert capfd.readouterr().out.splitlines() == ["up", said]


def test_a_file_that_is_no_recording_is_refused_before_a_program_is_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"{}"))
    assert main(["replay", str(tmp_path / "x.gz"), "--", sys.executable, "-c", "print('ran')"]) == 2
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("words", ["BTC/NONE --venue alpaca", "BTC/USD --venue alpaca --channel trades,ticker"])
async def test_what_nobody_has_leaves_no_file_and_an_old_one_as_it_is(
    recorded: tuple[Path, int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    new, old = tmp_path / "new.gz", tmp_path / "old.gz"
    old.write_bytes(recorded[0].read_bytes())
    ending = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(30), serve(seed=4, venues=["alpaca"], symbols=["BTC/USD"]) as sim:
        monkeypatch.setenv("TIDEBOOK_AT", sim.at)
        for out in (new, old):
            with pytest.raises(UsageError, match=r"^alpaca has no '?(BTC/NONE|ticker)"):
                await _recorded(parser().parse_args(["record", *words.split(), "--out", str(out)]), ending)
    assert not new.exists()
    assert old.read_bytes() == recorded[0].read_bytes()
