"""A recording of a live run on the embedded exchange: its replay gives the same books, and nothing is lost unsaid."""

import asyncio
import errno
import gzip
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tidebook import Level, Options, UsageError, connect
from tidebook import engine as engines
from tidebook.client.market import Market
from tidebook.core.book import Book
from tidebook.engine import Choice
from tidebook.engine.contract import Look
from tidebook.model.credentials import Credentials
from tidebook.model.market import level
from tidebook.model.number import decimal_of
from tidebook.record.capture import Record, records
from tidebook.record.check import UNHURRIED
from tidebook.record.connections import exchanges, of_exchange, survey
from tidebook.record.replay import Replay
from tidebook.record.writer import FLUSH, Entry, Writer
from tidebook.sim.server import serve
from tidebook.venues import every

GENEROUS = 30.0
pytestmark = pytest.mark.asyncio
PLACES = ("binance.spot", "binance.usdm", "bybit.spot", "alpaca")
SYMBOL = {"binance.usdm": "BTC/USDT:USDT", "alpaca": "BTC/USD"}
QUICK = Options(backoff_first=0.05, reopen_apart=0.0)
Seen = dict[tuple[str, str, int], Look]
"""By venue, topic and sequence: the whole book."""


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def note(seen: Seen, book: Book) -> None:
    """The whole book at its sequence number; where there is none, at the venue's time."""
    at = book.engine.last if book.engine.last is not None else book.engine.venue_ns
    if at is not None and book.state.readable:
        seen[book.plan.venue, book.plan.topic, at] = book.engine.look()


Sides = tuple[list[Level], list[Level]]


def both_know(one: Look, other: Look) -> tuple[Sides, Sides]:
    """Of two books what is within the ranges of prices that both know: a snapshot ends somewhere."""
    bids, asks = ([price for look in (one, other) if (price := reach_of(look, side)) is not None] for side in (0, 1))

    def cut(look: Look) -> Sides:
        return (
            [row for row in map(level, look.bids) if not bids or row.price >= max(bids)],
            [row for row in map(level, look.asks) if not asks or row.price <= min(asks)],
        )

    return cut(one), cut(other)


def whole(look: Look) -> Sides:
    """All of a book."""
    return [*map(level, look.bids)], [*map(level, look.asks)]


def reach_of(look: Look, side: int) -> Decimal | None:
    worst = look.reach[side]
    return None if worst is None else decimal_of(*worst)


def watched(market: Market, seen: Seen) -> None:
    """Take a checkpoint at every change of the live books."""
    for one in market._connected:
        for source in one.desk.books.values():
            told = source.changed_to
            assert told is not None

            def both(book: Book, told: Callable[[Book], None] = told) -> None:
                note(seen, book)
                told(book)

            source.changed_to = both


async def replayed(path: Path, engine: Choice) -> tuple[Seen, list[str]]:
    """The books of a recording at every change, and what the player missed."""
    seen: Seen = {}
    missed: list[str] = []
    for exchange in exchanges(records(path)):

        def part(exchange: str = exchange) -> Any:
            return of_exchange(records(path), exchange)

        async with Replay(
            survey(part()), part(), engine=engine, options=UNHURRIED, changed_to=lambda book: note(seen, book)
        ) as replay:
            stops = frozenset(one.number for one in part() if one.dir == "http" or one.number % 64 == 0)
            async for _ in replay.player.play(stops=stops):
                await until(lambda: replay.caught_up() or replay.lost())
            await until(lambda: replay.caught_up() or replay.lost())
            missed += replay.player.missed
    return seen, missed


@pytest.mark.parametrize("begin", ["before", "after"])
async def test_a_replay_has_the_live_books(tmp_path: Path, begin: str) -> None:
    """Also where connections were cut, and where they were open before the recording began."""
    live: Seen = {}
    path = tmp_path / "run.jsonl.gz"
    async with serve(seed=4, venues=PLACES) as sim, connect(*PLACES, at=sim.at, options=QUICK) as market:
        books = [market.book(SYMBOL.get(place, "BTC/USDT"), venue=place) for place in PLACES]
        if begin == "after":
            await asyncio.gather(*books)
        async with market.record(path) as recording:
            if begin == "before":
                await asyncio.gather(*books)
            watched(market, live)
            await until(lambda: len(live) > 20)
            if begin == "before":
                sim.faults.cut()
                await until(lambda: not any(book.state.readable for book in books))
            else:  # the connections from before are replaced: what follows is in the file
                await until(lambda: all(count(records_of(path), place) > 3 for place in PLACES))
            await until(lambda: all(book.state.readable for book in books))
            if begin == "after":
                live.clear()
            wanted = len(live) + 20
            await until(lambda: len(live) > wanted and len({venue for venue, _, _ in live}) == len(PLACES))
            live = dict(live)  # it goes on
    assert recording.lost == 0
    logins = [one for one in records(path) if one.dir == "send" and one.message == "***"]
    assert logins  # of the venue that wants a key for what is public
    # One engine reads what the other one kept live: they are equal.
    seen, missed = await replayed(path, engines.available()[-1 if begin == "before" else 0])
    assert missed == []
    common = live.keys() & seen.keys()
    assert {venue for venue, _, _ in common} == set(PLACES)
    if begin == "before":
        assert common == live.keys()
        assert {key: whole(seen[key]) for key in common} == {key: whole(live[key]) for key in common}
    for key in common:  # also where the live book, of an older snapshot, knows more of what is far from the top
        mine, theirs = both_know(live[key], seen[key])
        assert mine == theirs, key
        assert mine[0]
        assert mine[1]


def records_of(path: Path) -> list[Record]:
    """What is on the disk now."""
    return [*records(path, lambda _: None)] if path.exists() else []


def count(found: list[Record], place: str) -> int:
    """How many messages of a venue there are."""
    hosts = {urlsplit(one.url).hostname for one in every()[place].endpoints}
    return sum(one.dir == "recv" and urlsplit(one.url).hostname in hosts for one in found)


async def test_a_killed_recorder_leaves_all_that_it_said_to_have_written(tmp_path: Path) -> None:
    """And the next one appends to it, under further numbers. What it has not flushed is of less than a second."""
    assert FLUSH < 1
    path = tmp_path / "killed.jsonl.gz"
    program = [sys.executable, "-m", "tidebook", "record", "BTC/USDT", "--venue", "binance.spot", "--out", str(path)]
    async with serve(seed=4, venues=["binance.spot"]) as sim:
        process = await asyncio.create_subprocess_exec(
            *program, env={**os.environ, "TIDEBOOK_AT": sim.at}, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            said = 0
            async with asyncio.timeout(30):
                while said < 5_000:
                    line = (await process.stdout.readline()).decode()
                    said = int(line.split(" bytes")[0].rpartition(" ")[2])
        finally:
            process.kill()
            await process.wait()
        whole = path.read_bytes()
        assert len(whole) >= said
        cuts: list[str] = []
        first = [*records(path, cuts.append)]
        path.write_bytes(whole[:-7])
        with pytest.raises(UsageError, match="cannot be read beyond"):
            [*records(path)]
        kept = [*records(path, cuts.append)]
        assert 0 < len(kept) <= len(first)
        assert [text for text in cuts if "last whole record" in text]
        async with connect("binance.spot", at=sim.at) as market, market.record(path) as recording:
            async with market.book("BTC/USDT"):
                await until(lambda: recording.frames > 5)
            with pytest.raises(UsageError, match="written elsewhere"):
                await market.record(path)
    again = [*records(path)]
    assert [one.message for one in again[: len(kept)]] == [one.message for one in kept]
    assert [one.dir for one in again].count("begin") == 2
    assert {one.conn for one in again if one.dir == "open"} > {one.conn for one in kept if one.dir == "open"}
    assert [one.conn for one in again if one.message == "the recording ended"] != []


async def test_what_the_counter_tells_is_on_the_disk(tmp_path: Path) -> None:
    """While the recorder goes on: whoever is killed then has lost none of it."""
    path = tmp_path / "flushed.jsonl.gz"
    writer = Writer(path, flush=0.01)
    writer.begin("test")
    for number in range(1, 6):
        writer.put(Entry(number, "recv", "ws.1", "wss://x/y", [b"%d" % number], size=1))
        await until(lambda number=number: writer.frames == number)  # type: ignore[misc]
        assert [one.message for one in records(path)][1:] == [str(one) for one in range(1, number + 1)]
    writer.close()


async def test_a_file_of_something_else_stays_as_it_is(tmp_path: Path) -> None:
    async with serve(seed=4, venues=["binance.spot"]) as sim, connect("binance.spot", at=sim.at) as market:
        for name, content in (("a.gz", gzip.compress(b'{"dir":"open","conn":"ws.1"}\n')), ("b.gz", b"mine")):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(UsageError, match="stays as it is"):
                await market.record(tmp_path / name)
            assert (tmp_path / name).read_bytes() == content
        for bad in (tmp_path, tmp_path / "none" / "x.gz", Path("/dev/full")):
            with pytest.raises(UsageError):
                await market.record(bad)


async def test_what_finds_no_room_is_counted_and_said_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "full.jsonl.gz"
    writer = Writer(path, buffer=1000, flush=3600.0)
    writer.begin("test")
    puts = [writer.put(Entry(at, "recv", "ws.1", "wss://x/y", [b"{}"], size=400)) for at in range(1, 5)]
    assert puts == [True, True, False, False]
    assert writer.lost == 2
    writer.close()
    assert [(one.dir, one.message) for one in records(path)][1:] == [("recv", "{}"), ("recv", "{}"), ("lost", "2")]


async def test_a_disk_that_takes_nothing_is_told_and_what_was_written_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "disk.jsonl.gz"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = Writer(path, flush=0.01)
    writer.begin("test")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
        writer.put(Entry(1, "recv", "ws.1", "wss://x/y", [b"first"], size=5))
        await until(lambda: writer.error is not None)
        assert [one.dir for one in records(path)] == ["begin"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await until(lambda: writer.error is None)  # there is room again: it is written after all
    writer.close()
    assert [one.message for one in records(path)][1:] == ["first"]


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
async def test_a_disk_that_is_stuck_is_not_waited_for_and_what_is_not_in_the_file_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """What is in the file, and not yet said to be on the disk, is not lost."""
    writer = Writer(tmp_path / "stuck.jsonl.gz", flush=0.01, closing=0.01)
    writer.begin("test")
    free, there = threading.Event(), threading.Event()
    real = getattr(os, call)

    def stuck(*given: object) -> object:
        there.set()
        free.wait()
        return real(*given)

    monkeypatch.setattr(f"tidebook.record.writer.os.{call}", stuck)
    thread = writer._thread
    assert thread is not None
    for at in (1, 2):  # the second one waits behind the first
        writer.put(Entry(at, "recv", "ws.1", "wss://x/y", [b"{}", b"{}"], size=4))
        await asyncio.to_thread(there.wait)
    with pytest.raises(UsageError, match="not whole"):
        writer.close()
    assert writer.lost == (4 if call == "pwrite" else 2)
    free.set()
    thread.join()
    assert writer.frames == 4
    writer.close()  # again: nothing


async def test_a_disk_that_is_slow_to_say_so_has_lost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(tmp_path / "slow.jsonl.gz", flush=0.01, closing=0.01)
    writer.begin("test")
    free, there = threading.Event(), threading.Event()

    def slow(file: int) -> None:
        there.set()
        free.wait()

    monkeypatch.setattr("tidebook.record.writer.os.fsync", slow)
    thread = writer._thread
    assert thread is not None
    writer.put(Entry(1, "recv", "ws.1", "wss://x/y", [b"{}", b"{}"], size=4))
    await asyncio.to_thread(there.wait)
    writer.close()
    assert writer.lost == 0
    assert [one.message for one in records(writer.path)][1:] == ["{}", "{}"]
    free.set()
    thread.join()


async def test_what_is_refused_leaves_no_file_and_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def none(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr("tidebook.record.writer.os.fsync", full)
        with pytest.raises(UsageError, match="No space left"):
            Writer(tmp_path / "x.gz").begin("test")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError):
            Writer(tmp_path / "x.gz").begin("test")
    assert not (tmp_path / "x.gz").exists()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_one_that_is_given_up_while_it_is_opened_leaves_no_file_open(tmp_path: Path) -> None:
    """The thread that opens it is not cancelled with who waits for it."""
    path = tmp_path / "given up.jsonl.gz"
    async with serve(seed=3, venues=["binance.spot"]) as sim, connect("binance.spot", at=sim.at) as market:
        for turns in range(12):
            opening = asyncio.ensure_future(market.record(path)._enter())
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            for thread in [one for one in threading.enumerate() if one.name == "tidebook recorder"]:
                await asyncio.to_thread(thread.join, GENEROUS)
        async with asyncio.timeout(GENEROUS):  # while a thread still opens it, it is somebody's
            while open_files(path):  # noqa: ASYNC110 - of a thread
                await asyncio.sleep(0.001)
        async with market.record(path):
            assert open_files(path) == 1


def open_files(path: Path) -> int:
    found = 0
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found += os.readlink(f"/proc/self/fd/{number}") == str(path)
    return found


async def test_a_thread_that_ends_by_a_mistake_says_that_nothing_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(tmp_path / "still.jsonl.gz", flush=0.001)
    writer.begin("for a test")
    thread = writer._thread
    assert thread is not None
    writer.put(Entry(1, "recv", "ws.1", "wss://x", [None]))  # type: ignore[list-item]
    await asyncio.to_thread(thread.join, GENEROUS)
    assert writer.error is not None
    assert writer.error.startswith("AttributeError")
    assert "stands still" in caplog.text
    with pytest.raises(UsageError, match="is not whole"):
        writer.close()
    assert writer.lost == 1


async def test_no_secret_is_in_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canaries = ("canary-key-4b1d", "canary-secret-77ae", "canary-passphrase-e01c")
    key = Credentials.of(*canaries, source="the canaries")
    monkeypatch.setattr("tidebook.client.keys.SIMULATOR", key)
    said = "canary-said-5e90"
    places = ("binance.usdm", "bybit.spot")
    path = tmp_path / "secret.jsonl.gz"
    async with serve(seed=3, venues=places) as sim:
        for place in places:
            sim.open_account(place, key, {"USDT": "100000"})
        async with connect(*places, at=sim.at) as market, market.record(path) as recording:
            for place in places:
                await market.fetch_balances(venue=place)
            usdm = market["binance.usdm"]
            own = (await usdm.post("/fapi/v1/listenKey")).data["listenKey"]
            # One logs in by message; the other one's stream has a key of its own at the end of its URL.
            async with (
                usdm.raw(url=f"wss://fstream.binance.com/private/ws?listenKey={own}"),
                usdm.raw(url=f"wss://fstream.binance.com/public/ws/{own}"),
                market.account(venue="bybit.spot"),
                market.account(venue="binance.usdm"),
                market["bybit.spot"].raw({"op": "subscribe", "args": ["tickers.BTCUSDT"], "apiKey": said}),
                market.book("BTC/USDT", venue="bybit.spot"),
            ):
                before = recording.frames
                await until(lambda: recording.frames > before)
    lines: list[Record] = [*records(path)]
    text = gzip.decompress(path.read_bytes()).decode()
    assert [canary for canary in (*canaries, said) if canary in text] == []
    assert [one.message for one in lines if one.dir == "send" and "tickers" in str(one.message)]
    hidden = ("balance", "/private", "signature", "listenKey")
    assert [one.url for one in lines if any(word in one.url for word in hidden)] == []
    assert [one.url for one in lines if any(len(part) > 24 for part in urlsplit(one.url).path.split("/"))] == []
