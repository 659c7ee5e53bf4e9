"""A recording of a live run on the embedded exchange: its replay gives the same books, and nothing is lost unsaid."""

import asyncio
import gzip
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tidebook import UsageError, connect, health
from tidebook import engine as engines
from tidebook.client.market import Market
from tidebook.core.book import Book
from tidebook.engine import Choice
from tidebook.model.credentials import Credentials
from tidebook.record.capture import Record, records
from tidebook.record.check import UNHURRIED
from tidebook.record.connections import exchanges, of_exchange, survey
from tidebook.record.oracle import digest_of
from tidebook.record.recorder import Recording
from tidebook.record.replay import Replay
from tidebook.record.writer import Entry, Writer
from tidebook.sim.server import serve

pytestmark = pytest.mark.asyncio
PLACES = ("binance.spot", "binance.usdm", "bybit.spot", "okx", "htx.spot", "alpaca")
SYMBOL = {"binance.usdm": "BTC/USDT:USDT", "alpaca": "BTC/USD"}
Seen = dict[tuple[str, str, int], str]


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def note(seen: Seen, book: Book) -> None:
    """The whole book at its sequence number; where there is none, at the venue's time."""
    at = book.engine.last if book.engine.last is not None else book.engine.venue_ns
    if at is not None and book.state.readable:
        seen[book.plan.venue, book.plan.topic, at] = digest_of(book)


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
            stops = frozenset(range(1, 1_000_000, 64))
            async for _ in replay.player.play(stops=stops):
                await until(lambda: replay.caught_up() or replay.lost())
            await until(lambda: replay.caught_up() or replay.lost())
            missed += replay.player.missed
    return seen, missed


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[tuple[serve, Market, Path]]:
    async with serve(seed=4, venues=PLACES) as sim, connect(*PLACES, at=sim.at) as market:
        yield sim, market, tmp_path / "run.jsonl.gz"


@pytest.mark.parametrize("begin", ["before", "after"])
async def test_a_replay_has_the_live_books(rig: tuple[serve, Market, Path], begin: str) -> None:
    """Also where connections were cut, and where they were open before the recording began."""
    sim, market, path = rig
    live: Seen = {}
    books = [market.book(SYMBOL.get(place, "BTC/USDT"), venue=place) for place in PLACES]
    if begin == "after":
        await asyncio.gather(*books)
    async with market.record(path) as recording:
        if begin == "before":
            await asyncio.gather(*books)
        watched(market, live)
        wanted = len(live) + 200
        await until(lambda: len(live) > wanted)
        sim.faults.cut()
        await until(lambda: not any(book.state.readable for book in books))
        await until(lambda: all(book.state.readable for book in books))
        wanted = len(live) + 200
        await until(lambda: len(live) > wanted)
    assert recording.lost == 0
    assert {venue for venue, _, _ in live} == set(PLACES)
    for engine in engines.available():
        seen, missed = await replayed(path, engine)
        common = live.keys() & seen.keys()
        assert {key: seen[key] for key in common} == {key: live[key] for key in common}
        absent = [key for key in live if key not in seen]
        assert missed == []
        if begin == "before":
            assert absent == []
        else:
            assert {venue for venue, _, _ in common} == set(PLACES)
            assert len(common) > 200

