"""A range to now that is gone on with: to the end it has by then, from the beginning it had, each row once."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from tests.unit.client.bourse import GENEROUS, HOUR, LINEAR, Row, call, fact, running

from tidebook import history
from tidebook.client.market import Market, connect
from tidebook.core.channel import Call, Question, Seen
from tidebook.errors import NetworkError
from tidebook.io.clock import now
from tidebook.io.serve import Answer, Asked
from tidebook.model.facts import Fact, instant

BTC = "BTC/USDT:USDT"
MOST = 7
RUNS = 2
BEGINS = (now().wall_ns // HOUR - 100) * HOUR  # not long ago: what is behind the last row costs few pages
START = f"{instant(BEGINS - HOUR // 2):%Y-%m-%dT%H:%MZ}"  # amid a bar: so are the ends of pages


class Growing:
    """A venue of one noun, that has `shown` of its rows by now. Of bars the last one that it has is not finished."""

    def __init__(self, noun: str, rows: list[Row]) -> None:
        self.noun, self.rows, self.shown = noun, rows, 0
        self.asked = 0
        self.starts: list[int] = []
        self.fails_after = 1 << 30
        self.at = "start_ns" if noun == "bars" else "venue_ns"

    async def http(self, request: Asked) -> Answer:
        self.asked += 1
        if self.asked > self.fails_after:
            return Answer(400, b"no")
        _, limit, start, end = json.loads(request.query.replace("%22", '"').replace("%20", " "))
        self.starts.append(start or 0)
        there = self.rows[: self.shown]
        if self.noun == "bars":
            there = [{**row, "finished": n < len(there) - 1} for n, row in enumerate(there)]
        there = [row for row in there if (start or 0) <= row[self.at] < (end or 1 << 63)]
        return Answer(200, json.dumps(there[:limit] if start is not None else there[-limit:]).encode())


def bars(rng: Random, count: int) -> list[Row]:
    """With holes."""
    price = dict.fromkeys(("open", "high", "low", "close"), "60000")
    hours = sorted(rng.sample(range(count * 2), count))
    return [
        {"noun": "bars", "id": "BTCUSDT", "interval": "1h", "start_ns": BEGINS + n * HOUR, "volume": "1", **price}
        for n in hours
    ]  # fmt: skip


def trades(rng: Random, count: int) -> list[Row]:
    """Of which some share an instant."""
    at, rows = BEGINS, list[Row]()
    for n in range(count):
        rows.append({"noun": "trades", "id": "BTCUSDT", "trade": str(n), "side": "buy", "price": "60000", "size": "1"})
        at += rng.choice((0, 0, 1_000_000, HOUR)) if n % 4 else HOUR
        rows[-1]["venue_ns"] = at
    return rows


def read(body: bytes, seen: Seen, question: Question) -> list[Fact]:
    """As of other calls of that venue; and when it was."""
    found: list[Fact] = []
    for row in json.loads(body):
        at_ns = row.pop("venue_ns", None)
        found.append(msgspec.structs.replace(fact(row, seen), venue_ns=at_ns))
    return found


@asynccontextmanager
async def opened(growing: Growing, ranges: Any) -> AsyncIterator[Market]:
    asked: Call = replace(call("linear", growing.noun, read, most=MOST), ranges=ranges)
    with_rows = replace(LINEAR, calls=(*LINEAR.calls, asked))
    async with running(with_rows) as (bourse, at), connect("bourse.linear", at=at) as market:
        answers = bourse.http

        async def http(request: Asked) -> Answer:
            return await (growing.http if request.path.endswith(growing.noun) else answers)(request)

        bourse.http = http  # type: ignore[method-assign]
        yield market


async def run(market: Market, growing: Growing, path: Path, **more: Any) -> list[int]:
    """What of it there is in this run, by number."""
    pages: Any = getattr(history, growing.noun)
    interval = {"interval": "1h"} if growing.noun == "bars" else {}
    found = await pages(market, BTC, start=START, resume=path, workers=2, **interval, **more).table()
    if growing.noun == "trades":
        return [int(row.id) for row in found]
    return [[row["start_ns"] for row in growing.rows].index(bar.start_ns) for bar in found]


@pytest.mark.timeout(GENEROUS)
@pytest.mark.parametrize("ranges", [True, "until"])
@pytest.mark.parametrize("noun", ["bars", "trades"])
async def test_each_run_has_all_there_is_by_then_each_row_once(tmp_path: Path, noun: str, ranges: Any) -> None:
    """Some of the runs are ended in the middle; a run may end amid what is traded in one instant."""
    rng = Random(f"{noun} {ranges}")
    make = bars if noun == "bars" else trades
    growing = Growing(noun, make(rng, 30))
    async with opened(growing, ranges) as market:
        for path in (tmp_path / str(number) for number in range(RUNS)):
            growing.shown = 0
            while growing.shown < len(growing.rows):
                growing.shown = min(growing.shown + rng.choice((0, 1, 3, 8)), len(growing.rows))
                growing.fails_after = growing.asked + rng.choice((rng.randrange(16), 1 << 30))
                with suppress(NetworkError):
                    count = growing.shown if noun == "trades" else max(growing.shown - 1, 0)
                    assert await run(market, growing, path) == [*range(count)]


async def test_of_what_was_had_only_the_last_is_asked_for_again(tmp_path: Path) -> None:
    growing = Growing("trades", trades(Random(1), 60))
    async with opened(growing, True) as market:
        growing.shown = 50
        await run(market, growing, tmp_path / "kept")
        growing.starts, growing.shown = [], 60
        assert await run(market, growing, tmp_path / "kept") == [*range(60)]
        assert min(growing.starts) == growing.rows[49]["venue_ns"]
