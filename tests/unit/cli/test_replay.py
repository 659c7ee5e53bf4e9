"""`tidebook replay FILE… -- CMD`: recordings of several venues and runs, and what is not in them."""

import asyncio
import gzip
import signal
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

import tidebook
from tidebook.cli import main
from tidebook.client.market import Market
from tidebook.record.capture import records
from tidebook.sim.server import serve

BYBIT = "BTC/USDT:USDT"
RUNS = ("first", "second")
OVER = " is over, and the program goes on"
BUSY = 12_000  # bytes of a recording that is enough


@dataclass(frozen=True)
class Runs:
    """Two runs, one after the other, each of two venues in a file of its own; and a venue's lists without a stream."""

    spot: list[Path]
    linear: list[Path]
    lists: Path


async def _of_both(market: Market, spot: Path, linear: Path) -> None:
    async with (
        market.record(spot, venues=["binance.spot"]),
        market.record(linear, venues=["bybit.linear"]),
        market.book("BTC/USDT", venue="binance.spot"),
        market.trades("BTC/USDT", venue="binance.spot"),
        market.book(BYBIT, venue="bybit.linear"),
        market.trades(BYBIT, venue="bybit.linear"),
    ):
        while any(not path.exists() or path.stat().st_size < BUSY for path in (spot, linear)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    made = Runs(
        [folder / f"spot-{run}.jsonl.gz" for run in RUNS], [folder / f"linear-{run}.jsonl.gz" for run in RUNS],
        folder / "lists.jsonl.gz",
    )  # fmt: skip

    async def record() -> None:
        async with (
            asyncio.timeout(60),
            serve(seed=4, venues=["binance.spot", "bybit.linear"], speed=10) as sim,
            tidebook.connect("binance.spot", "bybit.linear", at=sim.at) as market,
        ):
            for spot, linear in zip(made.spot, made.linear, strict=True):
                await _of_both(market, spot, linear)
            async with market.record(made.lists), market.book("BTC/USDT", venue="binance.spot") as book:
                await book.next()

    asyncio.run(record())
    return made


def _run(program: str, *paths: Path) -> int:
    return main(["replay", *map(str, paths), "--speed", "max", "--", sys.executable, "-c", program])


def _ours(err: str) -> list[str]:
    """What the replay has said, and not the program; nor that a program goes on, which a slow machine's does."""
    return [line for line in err.splitlines() if line.startswith("tidebook: ") and OVER not in line]


READS = """
import asyncio, sys, tidebook
async def main():
    async with tidebook.connect("binance.spot", "bybit.linear") as market:
        of = (("BTC/USDT", "binance.spot"), ("BTC/USDT:USDT", "bybit.linear"))
        opening = [getattr(market, noun)(symbol, venue=venue) for noun in ("trades", "book") for symbol, venue in of]
        first, second, *books = await asyncio.gather(*opening)
        for name, trades, wanted in (("spot", first, sys.argv[1]), ("linear", second, sys.argv[2])):
            ids = []
            async with asyncio.timeout(30):
                async for trade in trades:
                    ids.append(trade.id)
                    if len(ids) == int(wanted):
                        break
            print(name, *ids)
        print("books", *(book.venue for book in books))
asyncio.run(main())
"""


def _ids(path: Path) -> list[str]:
    return [str(trade.id) for trade in tidebook.open(path).trades()]


def test_several_files_are_one_in_order_of_time(
    runs: Runs, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several venues, and of one run after the other; in whatever order they are named."""
    monkeypatch.setattr("tidebook.cli.stage.SETTLE", 1.5)  # however slow the program is: it wants every trade
    monkeypatch.setattr("tidebook.cli.stage.PATIENCE", 20.0)
    paths = [*runs.linear[::-1], *runs.spot[::-1]]
    spot, linear = ([one for path in some for one in _ids(path)] for some in (runs.spot, runs.linear))
    assert min(len(spot), len(linear)) > 20
    command = ["replay", *map(str, paths), "--speed", "20", "--", sys.executable, "-c", READS]
    assert main([*command, str(len(spot)), str(len(linear))]) == 0
    said = capfd.readouterr()
    lines = dict(line.split(" ", 1) for line in said.out.splitlines())
    assert lines["spot"].split() == spot
    assert lines["linear"].split() == linear
    assert _ours(said.err) == []


def test_several_files_are_opened_as_one(runs: Runs) -> None:
    whole = tidebook.open(runs.spot[1], *runs.linear, runs.spot[0])
    assert whole.venues == ("binance.spot", "bybit.linear")
    for symbol, paths in (("BTC/USDT", runs.spot), (BYBIT, runs.linear)):
        assert [str(trade.id) for trade in whole.trades(symbol)] == [one for path in paths for one in _ids(path)]
    times = [record.at_ns for record in whole.records()]
    assert times == sorted(times)
    assert [record.number for record in whole.records()] == [*range(1, len(times) + 1)]
    assert whole.gaps == ()
    assert "4 files" in repr(whole)


def test_a_run_that_was_cut_into_files_goes_on_where_it_was_cut(runs: Runs, tmp_path: Path) -> None:
    """Its connections are those that the file before left open."""
    lines = gzip.decompress(runs.spot[0].read_bytes()).splitlines(keepends=True)
    half, parts = len(lines) // 2, [tmp_path / "b.jsonl.gz", tmp_path / "a.jsonl.gz"]
    for path, some in zip(parts, (lines[half:], lines[:half]), strict=True):
        path.write_bytes(gzip.compress(b"".join(some)))
    whole, alone = tidebook.open(*parts), tidebook.open(runs.spot[0])
    assert [row.id for row in whole.trades()] == [row.id for row in alone.trades()]
    assert [*whole.books(every=None, depth=3)] == [*alone.books(every=None, depth=3)]
    assert [record.dir for record in whole.records()] == [record.dir for record in alone.records()]


def test_what_a_killed_run_left_open_ends_where_the_next_one_begins(runs: Runs, tmp_path: Path) -> None:
    """Else its silent connection would speak for the topics of the one that follows."""
    lines = gzip.decompress(runs.spot[0].read_bytes()).splitlines(keepends=True)
    killed = tmp_path / "killed.jsonl.gz"
    killed.write_bytes(gzip.compress(b"".join(line for line in lines if b'"dir":"close"' not in line)))
    found = [*tidebook.open(killed, runs.spot[1]).records()]
    opened = [record.conn for record in found if record.dir == "open"]
    assert len(opened) == len({*opened}) > 1
    ends = [n for n, record in enumerate(found) if record.dir == "close"]
    begins = [n for n, record in enumerate(found) if record.dir == "open"]
    assert found[ends[0]].conn == opened[0]
    assert begins[0] < ends[0] < begins[-1]
    assert all(one.at_ns <= later.at_ns for one, later in pairwise(found))


ASKS = """
import asyncio, tidebook
async def main():
    async with tidebook.connect("binance.spot", "bybit.linear", timeout=3600.0) as market:
        for symbol, venue in (("BTC/USDT:USDT", "bybit.linear"), ("BTC/USDT", "binance.spot")):
            for noun in ("book", "trades"):
                try:
                    kept = {"timeout": 3600.0} if noun == "book" else {}
                    async with getattr(market, noun)(symbol, venue=venue, **kept):
                        print(venue, noun, "open")
                except tidebook.TidebookError as error:
                    print(venue, noun, type(error).__name__, error.retry, error)
asyncio.run(asyncio.wait_for(main(), 60))
"""


def test_a_venue_whose_lists_alone_are_there_is_said_to_lack_its_stream(
    runs: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    """At once, on both sides: the program's timeouts are an hour."""
    assert any("bybit" in record.url for record in records(runs.lists))
    assert _run(ASKS, runs.lists) == 0
    said = capfd.readouterr()
    lacks = "bybit.linear: what stands for it here has no stream of it (HTTP 421)"
    assert said.out.splitlines() == [
        f"bybit.linear book VenueUnavailable never {lacks}",
        f"bybit.linear trades VenueUnavailable never {lacks}",
        "binance.spot book open",
        "binance.spot trades open",
    ]
    assert _ours(said.err) == [
        "tidebook: the program wants a stream of bybit.linear (stream.bybit.com), which is not in lists.jsonl.gz. "
        "It has: binance.spot",
        "tidebook: the program subscribes btcusdt@trade of binance.spot, which is not in lists.jsonl.gz",
    ]


def test_a_venue_that_is_in_no_file_is_said_to_be_lacking(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run(ASKS, *runs.spot) == 0
    said = capfd.readouterr()
    name = "2 files, spot-first.jsonl.gz …. It has: binance.spot"
    assert said.out.splitlines()[0] == (
        f"bybit.linear book VenueUnavailable never bybit.linear: api.bybit.com is not in {name}"
    )
    assert _ours(said.err) == [f"tidebook: the program asks for api.bybit.com, which is not in {name}"]


def test_a_file_that_is_named_twice_is_refused(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    assert _run("print('ran')", runs.spot[0], runs.spot[0]) == 2
    assert capfd.readouterr().err == "tidebook: UsageError: a file is named twice\n"


FOLLOWS = """
import tidebook
async def main():
    async with tidebook.connect("binance.spot") as market, market.book("BTC/USDT") as book:
        async for change in book:
            pass
tidebook.run(main())
"""


def test_a_program_that_goes_on_after_the_end_is_told_of(runs: Runs) -> None:
    """It waits for what never comes, and nobody knew: the connections are open, and silent."""
    words = ["replay", str(runs.spot[0]), "--speed", "max", "--", sys.executable, "-c", FOLLOWS]
    with subprocess.Popen(
        [sys.executable, "-m", "tidebook", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as replay:
        assert replay.stderr is not None
        lines: list[str] = []
        try:
            while not lines or OVER not in lines[-1]:
                lines.append(replay.stderr.readline())
                assert lines[-1], lines
        finally:
            replay.send_signal(signal.SIGTERM)
        assert replay.wait(30) == 143
    assert lines[-1] == f"tidebook: spot-first.jsonl.gz{OVER}: nothing comes any more. Ctrl-C ends it\n"
