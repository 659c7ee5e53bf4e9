"""Long ranges where things go wrong: a server's bad moments, damaged files, what is no file, nobody to show it to."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.bourse import GENEROUS

from tidebook import history
from tidebook.cli import main
from tidebook.client.ahead import Patience
from tidebook.client.market import Market, connect
from tidebook.client.network import unexplained
from tidebook.core.clock import SECOND, Now
from tidebook.errors import Maintenance, NotPermitted, RateLimited, TidebookError, Timeout, UsageError
from tidebook.sim.server import serve

RANGE: Any = {"start": "2026-01-01", "end": "2026-01-09"}
COUNT = 11_520
VENUES = ["binance.spot", "bybit.spot", "okx", "htx.spot"]


@pytest.fixture
async def sim() -> AsyncIterator[serve]:
    async with asyncio.timeout(GENEROUS), serve(3, ["binance.spot"], symbols=["BTC/USDT"]) as served:
        yield served


@pytest.fixture
async def market(sim: serve) -> AsyncIterator[Market]:
    async with connect("binance.spot", at=sim.at) as opened:
        yield opened


async def test_a_bad_moment_of_a_server_is_asked_again(
    sim: serve, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One page of a long range that is answered 502 is no reason to lose the others."""
    monkeypatch.setattr("tidebook.client.ahead.PAUSE", 0.0)
    for status in (500, 502, 503):
        async with history.bars(market, "BTC/USDT", **RANGE) as pages:
            count = 0
            async for page in pages:
                if not count:
                    sim.faults.status(status, "binance.spot", n=2)
                count += len(page)
            assert count == COUNT


async def test_an_outage_is_waited_for_and_said(sim: serve, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many tries as a minute has room for."""
    for name in ("PAUSE", "TOLD"):
        monkeypatch.setattr(f"tidebook.client.ahead.{name}", 0.0)
    async with market.health() as health, history.bars(market, "BTC/USDT", **{**RANGE, "interval": "1h"}) as pages:
        sim.faults.status(502, "binance.spot", n=12)
        assert len(await pages.table()) == 192
        said = [await health.next() for _ in range(12)]
    assert {str(event) for event in said} == {"binance.spot: HTTP 502 (502); again in 0.0 s"}


def test_a_page_is_asked_for_again_for_two_minutes_ever_more_rarely() -> None:
    """Each try takes three seconds. What another try does not make better is not tried."""
    patience, at, pauses = Patience(), Now(5, 7), list[float]()
    while (pause := patience.pause(Timeout("nothing"), at)) is not None:
        pauses.append(pause)
        at = Now(at.mono_ns + int((pause + 3) * SECOND), 0)
    assert pauses[:7] == [0.25, 0.5, 1, 2, 4, 8, 10]
    assert pauses == sorted(pauses[:-1]) + pauses[-1:], "the last one is what is left"
    assert sum(pauses) + 3 * (len(pauses) - 1) == 120
    assert Patience().pause(NotPermitted("no"), at) is None
    assert Patience().pause(Maintenance("closed"), at) == 0.25, "a question changes nothing"


def test_a_page_waits_as_long_as_its_venue_says_up_to_five_minutes() -> None:
    patience, at = Patience(), Now(5, 7)
    told = [patience.pause(RateLimited("later", retry_at=7 + n * SECOND), at) for n in (100, 150, 60)]
    assert told == [100, 150, None]


async def test_who_waits_for_a_venue_ends_at_once(
    sim: serve, market: Market, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("PAUSE", "LONGEST", "PATIENCE"):
        monkeypatch.setattr(f"tidebook.client.ahead.{name}", 3_600.0)
    asked: Any = {"interval": "1h", "resume": tmp_path / "kept", **RANGE}
    for end in (lambda pages, _: pages.close(), lambda _, reading: stopped(reading)):
        sim.faults.status(502, "binance.spot", n=100)
        async with market.health() as health, history.bars(market, "BTC/USDT", **asked) as pages:
            reading = asyncio.ensure_future(pages.table())
            assert "again in 3600.0 s" in str(await health.next())
            await end(pages, reading)
            assert len(await asyncio.gather(reading, return_exceptions=True)) == 1
        sim.faults.resume()
    assert len(await history.bars(market, "BTC/USDT", **asked).table()) == 192


async def stopped(reading: "asyncio.Task[Any]") -> None:
    reading.cancel()
    await asyncio.wait([reading])


async def test_a_question_that_a_server_could_not_answer_may_be_asked_again() -> None:
    async with (
        asyncio.timeout(GENEROUS), serve(3, VENUES, symbols=["BTC/USDT"]) as sim, connect(*VENUES, at=sim.at) as market
    ):  # fmt: skip
        for venue in VENUES:
            for status, safe in ((502, True), (403, False)):
                sim.faults.status(status, venue)
                with pytest.raises(TidebookError) as raised:
                    await market.fetch_ticker("BTC/USDT", venue=venue)
                assert (raised.value.retry == "safe") is safe, (venue, status)


def test_an_answer_that_nobody_explains_is_asked_for_again_where_it_was_the_servers_fault() -> None:
    retries = {status: unexplained(status, "v", "GET").retry for status in (500, 502, 408, 429, 400, 403, 404)}
    assert [status for status, retry in retries.items() if retry == "safe"] == [500, 502, 408, 429]
    assert {unexplained(status, "v", "POST").retry for status in retries} == {"ask first"}


async def test_a_symbol_twice_is_had_once(market: Market) -> None:
    day: Any = {"interval": "1h", "start": "2026-01-01", "end": "2026-01-02"}
    assert len(await history.bars(market, ["BTC/USDT", "BTCUSDT", "BTC/USDT"], **day).table()) == 24


async def test_what_is_no_interval_is_said(market: Market) -> None:
    for interval in (None, 5, "", "5"):
        with pytest.raises(UsageError, match="is no interval"):
            history.bars(market, "BTC/USDT", interval, start="1h")  # type: ignore[arg-type]


async def test_a_file_of_pages_that_is_damaged_is_refused_with_its_line(market: Market, tmp_path: Path) -> None:
    asked: Any = {"interval": "1h", **RANGE}
    path = tmp_path / "kept"
    whole = await history.bars(market, "BTC/USDT", resume=path, **asked).table()
    kept = path.read_bytes()
    head, page = kept.splitlines(keepends=True)
    spoiled = page.replace(b'"start_ns"', b'"tsart_ns"', 1)
    for damaged in (b'{"source":0}\n', b"\0" * len(page) + b"\n", spoiled):
        path.write_bytes(head + damaged + page)
        with pytest.raises(UsageError, match=r"kept is damaged in line 2.*Remove it"):
            await history.bars(market, "BTC/USDT", resume=path, **asked).table()
        assert path.read_bytes() == head + damaged + page  # nobody has lost anything
    path.write_bytes(kept)
    assert len(await history.bars(market, "BTC/USDT", resume=path, **asked).table()) == len(whole)


def test_what_has_no_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A device gives zeros for ever. In a process of its own: it would take all of the memory."""
    program = (
        "import asyncio, resource, sys\n"
        "from pathlib import Path\n"
        "from tidebook.client.kept import Asked, Kept\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "Kept(Path(sys.argv[1]), Asked('bars', 'v', ['A/B'], '1m', '1', '2', 1, 2)).open()\n"
    )
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in ("/dev/zero", fifo):
        words = [sys.executable, "-c", program, path]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=GENEROUS)
        assert done.stderr.rstrip().endswith(f"UsageError: {path} is no file that can hold pages")


async def test_progress_with_nowhere_to_show_it(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a service, or a program without a console."""
    monkeypatch.setattr(sys, "stderr", None)
    pages = history.bars(market, "BTC/USDT", "1h", progress=True, **RANGE)
    assert len(await pages.table()) == 192


# ---- the command


def command_line(out: Path, interval: str, *more: str) -> list[str]:
    range_ = ["--start", RANGE["start"], "--end", "2026-03-01"]
    return ["bars", "BTC/USDT", interval, "--venue", "binance.spot", *range_, "--out", str(out), *more]


async def command(sim: serve, out: Path, *more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidebook", *command_line(out, "1m", *more), env={**os.environ, "TIDEBOOK_AT": sim.at},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def under_way(sim: serve, out: Path, *more: str) -> asyncio.subprocess.Process:
    """It has kept more pages than there were before."""
    part = out.with_name(f"{out.name}.part")
    before = part.read_bytes().count(b"\n") if part.exists() else 1
    process = await command(sim, out, *more)
    while not part.exists() or part.read_bytes().count(b"\n") <= before:
        assert process.returncode is None
        await asyncio.sleep(0.005)
    return process


async def test_ended_by_a_venue_or_a_signal_it_says_how_to_go_on(sim: serve, tmp_path: Path) -> None:
    out = tmp_path / "bars.csv"
    process = await under_way(sim, out)
    sim.faults.status(403, "binance.spot", n=1_000)
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().splitlines()[0] == f"not whole; the same command with --resume goes on from {out}.part"
    assert b"HTTP 403 (403). Had until 2026-01-0" in said
    sim.faults.resume()

    process = await under_way(sim, out, "--resume")
    process.send_signal(signal.SIGTERM)
    _, said = await process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert said.decode() == f"interrupted; the same command with --resume goes on from {out}.part\n"
    assert os.listdir(tmp_path) == ["bars.csv.part"]


async def test_what_a_link_points_at_is_written_and_a_device_refused(
    sim: serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEBOOK_AT", sim.at)
    far = tmp_path / "far"
    far.mkdir()
    link = tmp_path / "bars.csv"
    link.symlink_to(far / "real.csv")
    assert await asyncio.to_thread(main, command_line(link, "1d")) == 0
    assert link.is_symlink()
    assert (far / "real.csv").read_bytes().count(b"\n") == 60
    assert sorted(os.listdir(tmp_path) + os.listdir(far)) == ["bars.csv", "far", "real.csv"]
    capsys.readouterr()

    device = tmp_path / "null.csv"
    device.symlink_to("/dev/null")
    assert main(command_line(device, "1d")) == 2
    assert "is no file" in capsys.readouterr().err
    assert device.is_symlink()
