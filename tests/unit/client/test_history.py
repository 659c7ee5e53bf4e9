"""Long ranges: some pages at once are the same rows as page after page; kept pages are not asked for again."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.unit.client.bourse import FIRST, GENEROUS, HOUR, LINEAR, Bourse, running

from tidebook import history
from tidebook.client.ahead import Ahead, Stretch
from tidebook.client.funding import funding_pages
from tidebook.client.kept import Asked as Asking
from tidebook.client.kept import Kept
from tidebook.client.market import Market, connect
from tidebook.client.pages import Pages
from tidebook.errors import NetworkError, UsageError
from tidebook.history import History
from tidebook.io.serve import Answer, Asked
from tidebook.model.facts import Bar, Funding, Trade, instant, stamp
from tidebook.sim.server import serve

BTC = "BTC/USDT:USDT"
END = FIRST + 2_400 * HOUR


def declared(ranges: Any, longest: float | None = None) -> Any:
    calls = [replace(one, ranges=ranges, longest=longest) if one.name == "funding" else one for one in LINEAR.calls]
    return replace(LINEAR, calls=tuple(calls))


def charged(rng: Random, count: int) -> list[str | None]:
    """With single holes and long ones."""
    found: list[str | None] = [str(Decimal(n + 1) / 10_000) for n in range(count)]
    for _ in range(rng.randrange(4)):
        at = rng.randrange(count)
        for n in range(at, min(count, at + rng.choice((1, 3, 40)))):
            found[n] = None
    return found


async def pages_of(market: Market) -> Pages[Funding]:
    return funding_pages(*await market._one(BTC, None))


async def at_once(pages: Pages[Funding], start: int, end: int | None, workers: int) -> list[Funding]:
    found: list[Funding] = []
    reached = start
    async for _, until, rows in Ahead([Stretch(pages, start, end)], workers).parts():
        assert all(reached <= row.funding_ns and (until is None or row.funding_ns < until) for row in rows)
        reached = until or reached
        found += rows
    assert reached == end or end is None
    return found


@pytest.mark.parametrize(("ranges", "longest"), [(True, None), ("until", None), (True, 60), ("until", 60)])
async def test_some_at_once_are_the_same_as_one_after_the_other(ranges: Any, longest: int | None) -> None:
    rng = Random(f"{ranges} {longest}")
    venue = declared(ranges, None if longest is None else longest * 3_600.0)
    async with asyncio.timeout(GENEROUS), running(venue) as (bourse, at), connect("bourse.linear", at=at) as market:
        pages = await pages_of(market)
        bourse.longest = None if longest is None or ranges == "until" else longest * HOUR
        for _ in range(10):
            bourse.charged = charged(rng, rng.choice((1, 30, 200)))
            bourse.every = rng.choice((1, 8, 24)) * HOUR
            start = FIRST + rng.randrange(-3_000, 1_200) * HOUR + rng.choice((0, 1, -1))
            end = min(start + rng.randrange(1, 2_400) * HOUR + rng.choice((0, 1)), END)
            wanted = [
                (FIRST + n * bourse.every, rate)
                for n, rate in enumerate(bourse.charged)
                if rate is not None and start <= FIRST + n * bourse.every < end
            ]
            found = await at_once(pages, start, end, rng.choice((1, 2, 8)))
            assert [(row.funding_ns, f"{row.rate:f}") for row in found] == wanted
            slow = await pages.rows(start, end, None)
            assert [row.funding_ns for row in slow] == [row.funding_ns for row in found]


@pytest.mark.parametrize("ranges", [True, "until"])
async def test_an_end_to_come_and_none_are_the_same(ranges: Any) -> None:
    async with asyncio.timeout(GENEROUS):
        async with running(declared(ranges)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(3), 100)
            pages = await pages_of(market)
            every = await pages.rows(FIRST, None, None)
            assert len(every) > 50
            for end in (None, FIRST + 24 * 365 * 200 * HOUR):
                found = await at_once(pages, FIRST - 48 * HOUR, end, 8)
                assert [row.funding_ns for row in found] == [row.funding_ns for row in every]


@pytest.mark.parametrize("ranges", [True, "until"])
async def test_a_start_long_before_the_first_row_costs_few_pages(ranges: Any) -> None:
    venue = declared(ranges)
    async with asyncio.timeout(GENEROUS), running(venue) as (bourse, at), connect("bourse.linear", at=at) as market:
        bourse.charged = charged(Random(1), 60)
        pages, before = await pages_of(market), len(bourse.asked)
        await at_once(pages, FIRST - 24 * 365 * 30 * HOUR, FIRST + 480 * HOUR, 8)
        assert len(bourse.asked) - before < 200, "a day at a time it is 11,000"


async def test_pages_are_asked_for_together_from_the_first_one_on() -> None:
    """How far apart such rows are is known: no page has to come back before the others leave."""
    async with asyncio.timeout(GENEROUS):
        async with running(declared(True)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(5), 200)
            pages, answers, waiting, all_there = await pages_of(market), bourse.http, 0, asyncio.Event()

            async def together(request: Asked) -> Answer:
                nonlocal waiting
                waiting += 1
                if waiting == 8:
                    all_there.set()
                await all_there.wait()
                return await answers(request)

            bourse.http = together  # type: ignore[method-assign]
            assert len(await at_once(pages, FIRST, END, 8)) > 100


async def asked_again(market: Market, bourse: Bourse, path: Path) -> tuple[list[int], int]:
    before = len(bourse.asked)
    async with history.funding(market, BTC, start=FIRST, end=END, resume=path, workers=2) as pages:
        rows = [row.funding_ns async for page in pages for row in page]
    return rows, len(bourse.asked) - before


async def test_what_is_kept_is_not_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    async with asyncio.timeout(GENEROUS):
        async with running(declared(True)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(5), 200)
            whole, all_pages = await asked_again(market, bourse, tmp_path / "other")
            async with history.funding(market, BTC, start=FIRST, end=END, resume=path) as pages:
                await anext(aiter(pages))
                with pytest.raises(UsageError, match="being written by another process"):
                    await history.funding(market, BTC, start=FIRST, end=END, resume=path).table()
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes((tmp_path / "other").read_bytes()[:4_000])  # torn in the middle of a line
            had = path.read_bytes().count(b"\n") - 1
            assert lines[0].startswith(b'{"kind":"funding"')
            assert had > 2
            rows, asked = await asked_again(market, bourse, path)
            assert rows == whole
            assert asked <= all_pages - had
            assert await asked_again(market, bourse, path) == (whole, 0)
            with pytest.raises(UsageError, match="is of another range"):
                await history.funding(market, BTC, start=FIRST + 1, end=END, resume=path).table()


async def test_a_range_that_is_relative_begins_where_it_did_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two days later the same words mean another beginning, and another end."""
    path = tmp_path / "kept"
    async with asyncio.timeout(GENEROUS):
        async with running(declared(True)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(5), 200)

            async def asked_for() -> tuple[list[int], History[Funding]]:
                async with history.funding(market, BTC, start="4000d", resume=path) as pages:
                    return [row.funding_ns async for page in pages for row in page], pages

            rows, first = await asked_for()
            assert (await asked_for())[0] == rows
            assert caplog.messages == [], "nobody is told of a moment"
            head, _, rest = path.read_bytes().partition(b"\n")
            then = json.loads(head)
            for name in ("start_ns", "end_ns"):
                then[name] -= 48 * HOUR
            path.write_bytes(json.dumps(then, separators=(",", ":")).encode() + b"\n" + rest)
            again, second = await asked_for()
            assert again == rows
            assert second.start_ns == then["start_ns"]
            assert second.end_ns > first.end_ns > then["end_ns"]
            (said,) = caplog.messages
            begins = f"{instant(second.start_ns):%Y-%m-%dT%H:%M}Z"
            assert said.startswith(f"{path} goes on from the beginning of its first run, {begins}: not from ")


@pytest.mark.parametrize("progress", [False, True])
async def test_closed_while_another_task_waits_for_a_page_it_is_at_its_end(tmp_path: Path, progress: bool) -> None:
    path = tmp_path / "kept"
    async with asyncio.timeout(GENEROUS):
        async with running(declared(True)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(5), 200)
            answers, asked = bourse.http, asyncio.Event()

            async def never(request: Asked) -> Answer:
                asked.set()
                await asyncio.get_running_loop().create_future()
                return await answers(request)

            pages = history.funding(market, BTC, start=FIRST, end=END, resume=path, workers=1, progress=progress)
            await anext(aiter(pages))
            bourse.http = never  # type: ignore[method-assign]
            waiting = asyncio.ensure_future(anext(pages._pages, None))  # type: ignore[arg-type]
            await asked.wait()
            await pages.close()
            assert await waiting is None
            await pages.close()
            with pytest.raises(UsageError, match="read once"):
                aiter(pages)
            bourse.http = answers  # type: ignore[method-assign]
            assert len((await asked_again(market, bourse, path))[0]) > 100  # and its file is nobody's


async def test_cancelled_in_the_middle_of_a_page_that_is_kept_its_file_is_whole_and_free(tmp_path: Path) -> None:
    """A thread may still be writing it: into what has its number since, were it closed meanwhile."""
    path = tmp_path / "kept"
    async with asyncio.timeout(GENEROUS):
        async with running(declared(True)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(5), 200)
            for turns in range(60):
                reading = asyncio.ensure_future(history.funding(market, BTC, start=FIRST, end=END, resume=path).table())
                for _ in range(turns):
                    await asyncio.sleep(0)
                reading.cancel()
                await asyncio.wait([reading])
                files = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if exists(n)]
                assert str(path) not in files, turns
            whole, _ = await asked_again(market, bourse, tmp_path / "other")
            assert (await asked_again(market, bourse, path))[0] == whole


def exists(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def test_a_file_of_kept_pages_that_was_closed_meanwhile_is_neither_opened_nor_written(tmp_path: Path) -> None:
    asked = Asking("funding", "bourse.linear", [BTC], "1m", "1", "2", 1, 2)
    kept = Kept(tmp_path / "kept", asked)
    kept.close()
    kept.open()  # in a thread that nobody waits for
    kept.add(0, 1, [])
    assert not (tmp_path / "kept").exists()
    assert kept.until == {}


async def test_a_page_that_fails_for_good_says_what_was_had() -> None:
    async with asyncio.timeout(GENEROUS):
        async with running(declared(True)) as (bourse, at), connect("bourse.linear", at=at) as market:
            bourse.charged = charged(Random(5), 200)
            pages = history.funding(market, BTC, start=FIRST, end=END, workers=1)
            await anext(reading := aiter(pages))
            bourse.refused["linear/funding"] = "no"
            before = len(bourse.asked)
            with pytest.raises(NetworkError, match=r"HTTP 400. Had until 2026-01-0\d"):
                await reading.__anext__()
            assert len(bourse.asked) - before <= 1, "what is refused is refused again"


async def bars_command(at: str, out: Path, *more: str) -> asyncio.subprocess.Process:
    words = ["bars", "BTC/USDT", "1m", "--venue", "binance", "--start", "2026-01-01", "--end", "2026-01-09"]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidebook", *words, "--out", str(out), *more, env={**os.environ, "TIDEBOOK_AT": at},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_an_interrupted_command_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed, then interrupted, then let go on to its end."""
    out = tmp_path / "bars.jsonl"
    part = tmp_path / "bars.jsonl.part"
    async with asyncio.timeout(GENEROUS), serve(3, ["binance"]) as sim:
        lines, more = 2, list[str]()
        for how, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
            process = await bars_command(sim.at, out, *more)
            while not part.exists() or part.read_bytes().count(b"\n") <= lines:
                assert process.returncode is None
                await asyncio.sleep(0.005)
            process.send_signal(how)
            await process.communicate()
            assert process.returncode == code
            assert not out.exists()
            lines, more = part.read_bytes().count(b"\n"), ["--resume"]
        head, _, pages = part.read_bytes().partition(b"\n")
        earlier = {**json.loads(head), "start_ns": json.loads(head)["start_ns"] - 120_000_000_000}
        part.write_bytes(json.dumps(earlier, separators=(",", ":")).encode() + b"\n" + pages)
        process = await bars_command(sim.at, out, "--resume")
        said, told = await process.communicate()
        assert said.decode().startswith("11520 bars in ")
        first_run = "goes on from the beginning of its first run, 2025-12-31T23:58Z: not from 2026-01-01T00:00Z"
        assert told.decode().startswith(f"tidebook: {part} {first_run}")
    assert not part.exists()
    stamps = [json.loads(line)["timestamp"] for line in out.read_bytes().splitlines()]
    assert len(stamps) == 11_520
    assert {later - one for one, later in pairwise(stamps)} == {60_000_000_000}


# ---- made of trades


def trade(rng: Random, at_ns: int, number: int) -> Trade:
    price, size = (rng.randrange(900, 1_100), rng.choice((0, 1, 2))), (rng.randrange(1, 500), 3)
    return Trade("v", "A/B", at_ns, at_ns, str(number), "buy", (price[0] * 10 ** price[1], price[1]), size)


def test_bars_of_trades_and_of_finer_bars_are_those_of_a_plain_model() -> None:
    minute = 60_000_000_000
    for seed in range(30):
        rng = Random(seed)
        rows, at = [], FIRST + rng.randrange(10 * minute)
        for number in range(300):
            at += rng.choice((0, 1, minute // 7, 3 * minute))
            rows.append(trade(rng, at, number))
        made = {span: history.bars_from_trades(rows, f"{span}m", partial=True) for span in (1, 5)}
        for span, bars in made.items():
            groups: dict[int, list[Trade]] = {}
            for row in rows:
                groups.setdefault(stamp(row) // (span * minute) * span * minute, []).append(row)
            assert [bar.start_ns for bar in bars] == [*groups]
            for bar, group in zip(bars, groups.values(), strict=True):
                prices = [row.price for row in group]
                assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
                assert bar.volume == sum(row.size for row in group)
                assert bar.turnover == sum(row.price * row.size for row in group)
                assert bar.trades == len(group)
            whole = history.bars_from_trades(rows, f"{span}m")
            assert [bar.start_ns for bar in whole] == [*groups][1:-1]
        coarse = made[1].resample("5m", partial=True)
        assert [numbers(bar) for bar in coarse] == [numbers(bar) for bar in made[5]]
        assert made[1].gaps


def test_what_cannot_be_made_is_refused() -> None:
    rows = [trade(Random(1), FIRST + n, n) for n in range(3)]
    with pytest.raises(UsageError, match="not made of whole bars"):
        history.bars_from_trades(rows, "5m", partial=True).resample("7m")
    with pytest.raises(UsageError, match="not in order"):
        history.bars_from_trades(rows[::-1], "1m")


def numbers(bar: Bar) -> tuple[Any, ...]:
    return bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover, bar.trades
