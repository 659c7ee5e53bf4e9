"""Long ranges of the embedded exchange: trades and quotes, several symbols, files, and who waits at the limit."""

import asyncio
import csv
import fcntl
import json
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.bourse import GENEROUS, known

from tidebook import history, venues
from tidebook.cli.bars import WRITERS, _write
from tidebook.client.columns import BARS
from tidebook.client.market import Market, connect
from tidebook.client.tables import Table
from tidebook.core.endpoint import Pool
from tidebook.errors import UsageError
from tidebook.io.serve import Answer, Asked
from tidebook.model.facts import Bar
from tidebook.sim.server import serve

MINUTE = 60_000_000_000


def narrow(pool: Pool | None = None, **most: int) -> Any:
    """binance.spot, of whose calls some have smaller pages; and with another limit, which is not published."""
    spot = venues.named("binance.spot")
    calls = [replace(one, most=most.get(one.name, one.most), limits=None if pool else one.limits) for one in spot.calls]
    pools = [pool if pool is not None and one.name == pool.name else one for one in spot.pools]
    return replace(spot, name="narrow.spot", exchange="narrow", calls=tuple(calls), pools=tuple(pools))


@asynccontextmanager
async def traded() -> AsyncIterator[serve]:
    """An exchange in which trades of two minutes are remembered, and nothing is traded any more."""
    async with serve(1, ["binance.spot", "alpaca"], speed=20, symbols=["BTC/USDT", "BTC/USD"]) as sim:
        async with connect("binance.spot", "alpaca", at=sim.at) as market:
            await market.fetch_trades("BTC/USDT", venue="binance.spot")  # the clock begins
        groups = sim._simulator.fronts["binance.spot"].of_symbol("BTC/USDT").groups
        while len({one.trades[0].at_ns // MINUTE for one in groups(1_000)}) < 2 or len(groups(1_000)) < 400:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        sim.rest()
        yield sim


async def test_trades_and_quotes_over_a_range() -> None:
    """Pages of 37 rows end amid trades of one instant: none is missing, none is there twice, none is out of order."""
    async with asyncio.timeout(GENEROUS), traded() as sim:
        with known(narrow(agg_trades=37)):
            async with connect("narrow.spot", "alpaca", at=sim.at) as market:
                await grouped(market["narrow.spot"], sim)
                await single(market["alpaca"], sim)


async def grouped(market: Any, sim: serve) -> None:
    front = sim._simulator.fronts["binance.spot"].of_symbol("BTC/USDT")
    true = front.groups(5_000)
    ids = [str(one.number) for one in true]
    start = true[0].trades[0].at_ns // 1_000_000 * 1_000_000
    asked = sim.tally.made["GET api.binance.com/api/v3/aggTrades"]
    whole = await market.fetch_trades("BTC/USDT", start=start)
    assert [row.id for row in whole] == ids
    assert sim.tally.made["GET api.binance.com/api/v3/aggTrades"] - asked >= len(ids) // 37
    assert len({row.venue_ns for row in whole}) < len(ids), "some share an instant"
    cut = whole[100].venue_ns, whole[-100].venue_ns
    assert None not in cut
    some = await market.fetch_trades("BTC/USDT", start=cut[0], end=cut[1])
    assert [row.id for row in some] == [row.id for row in whole if cut[0] <= row.venue_ns < cut[1]]
    assert [row.id for row in await market.fetch_trades("BTC/USDT", start=start, limit=90)] == ids[:90]
    bars = history.bars_from_trades(whole, "1m", partial=True)
    rest = [numbers(bar) for bar in bars][1:]  # of the first minute not every trade is remembered
    theirs = await market.fetch_bars("BTC/USDT", "1m", start=bars[1].start_ns, unfinished=True)
    assert rest
    assert rest == [numbers(bar) for bar in theirs][: len(rest)]


def numbers(bar: Bar) -> tuple[Any, ...]:
    assert bar.turnover is not None
    return bar.start_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.turnover, bar.trades


async def single(market: Any, sim: serve) -> None:
    true = sim.exchange.trades("alpaca", "BTC/USD", 5_000)
    front = sim._simulator.fronts["alpaca"].of_symbol("BTC/USD")
    start = true[0].time_ns + front.shift_ns
    whole = await market.fetch_trades("BTC/USD", start=start)
    assert [row.id for row in whole] == [str(one.trade_id) for one in true]
    quotes = await market.fetch_quotes("BTC/USD", start=start)
    best = front.levels(1)
    assert [(row.bid, row.ask) for row in quotes] == [(Decimal(best.bids[0][0]), Decimal(best.asks[0][0]))]


async def test_several_symbols_in_one_history() -> None:
    async with asyncio.timeout(GENEROUS), serve(2, ["binance"]) as sim, connect("binance.spot", at=sim.at) as market:
        symbols, range_ = ["ETH/USDT", "BTC/USDT"], {"start": "2026-01-01", "end": "2026-01-03T12:00"}
        found: dict[str, list[Bar]] = {}
        async with market.history(symbols, **range_) as pages:  # type: ignore[arg-type]
            async for page in pages:
                found.setdefault(page[0].symbol, []).extend(page)
        assert [*found] == symbols
        for symbol in symbols:
            alone = await market.fetch_bars(symbol, **range_)  # type: ignore[arg-type]
            assert [numbers(bar) for bar in found[symbol]] == [numbers(bar) for bar in alone]
            assert len(alone) == 60 * 60
        table = await market.history(symbols, **range_).table()  # type: ignore[arg-type]
        assert table.to_dicts() == [row for symbol in symbols for row in Table(BARS, found[symbol]).to_dicts()]


async def test_each_kind_of_file_has_the_same_rows(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow.ipc")
    outs = {kind: tmp_path / f"bars{kind}" for kind in WRITERS}
    async with asyncio.timeout(GENEROUS), serve(3, ["binance"]) as sim, connect("binance.spot", at=sim.at) as market:
        for out in outs.values():
            async with market.history("BTC/USDT", start="2026-01-01", end="2026-01-03") as pages:
                assert await _write(pages, out) == 2_880
        out, old, asked = outs[".csv"], tmp_path / "bars.csv.part", sum(sim.tally.made.values())
        old.write_bytes(b"the other one's")
        with out.with_name("bars.csv.new").open("wb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            async with market.history("BTC/USDT", start="2026-01-01", end="2026-01-03") as pages:
                with pytest.raises(UsageError, match=r"bars\.csv is being written by another process"):
                    await _write(pages, out, old)
        assert old.read_bytes() == b"the other one's"
        assert sum(sim.tally.made.values()) == asked
        out.with_name("bars.csv.new").write_bytes(b"what a killed one has left, longer than nothing")
        async with market.history("BTC/USDT", start="2026-01-01", end="2026-01-03") as pages:
            assert await _write(pages, out, old) == 2_880
    rows = [json.loads(line) for line in outs[".jsonl"].read_bytes().splitlines()]
    with outs[".csv"].open(newline="") as file:
        assert [*csv.DictReader(file)] == [{name: str(value) for name, value in row.items()} for row in rows]
    table = arrow.open_file(outs[".arrow"]).read_all()
    assert table.column_names == [*rows[0]]
    assert table.column("close").to_pylist() == [float(row["close"]) for row in rows]
    assert table.column("timestamp").cast("int64").to_pylist() == [row["timestamp"] for row in rows]
    assert pytest.importorskip("pyarrow.parquet").read_table(outs[".parquet"]).equals(table)
    assert {*os.listdir(tmp_path)} == {out.name for out in outs.values()}, "nothing is left beside them"


@pytest.mark.parametrize("terminal", [True, False])
async def test_progress_is_shown_on_a_terminal_alone(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    monkeypatch.setenv("TERM", "xterm")
    async with asyncio.timeout(GENEROUS), serve(3, ["binance"]) as sim, connect("binance.spot", at=sim.at) as market:
        with os.fdopen(theirs, "w") as stderr:
            monkeypatch.setattr(sys, "stderr", stderr)
            pages = market.history("BTC/USDT", start="2026-01-01", end="2026-01-03", progress=True)
            assert len(await pages.table()) == 2_880
            monkeypatch.undo()
            stderr.flush()
            shown = os.read(ours, 65_536) if terminal else b""
    assert os.read(ours, 65_536) == b"" if not terminal else b"2880 bars" in shown
    os.close(ours)


class Heard:
    """The names of the calls that a served exchange was asked for, in order."""

    def __init__(self, sim: serve, pool: Pool) -> None:
        self.calls: list[str] = []
        site = sim._simulator
        front, http = site.fronts["binance.spot"], site.http
        self.gate = front.gate(pool.name, "")
        self.gate.pool = pool

        async def heard(request: Asked) -> Answer:
            self.calls.append(request.path.rpartition("/")[2])
            return await http(request)

        site.http = heard  # type: ignore[method-assign]


@asynccontextmanager
async def limited(per: float) -> AsyncIterator[tuple[Heard, Market]]:
    """A market whose limit is 40 units in so many seconds, on both sides."""
    (pool,) = [one for one in venues.named("binance.spot").pools if one.name == "binance.weight"]
    pool = replace(pool, limit=40, per=per)
    async with asyncio.timeout(GENEROUS), serve(3, ["binance.spot"]) as sim:
        heard = Heard(sim, pool)
        with known(narrow(pool, bars=20)):
            async with connect("narrow.spot", at=sim.at) as market:
                yield heard, market


async def test_history_leaves_room_for_what_is_more_urgent() -> None:
    async with limited(86_400.0) as (heard, market):
        pages = market.history("BTC/USDT", start="2026-01-01", end="2026-01-02")
        reading = asyncio.ensure_future(pages.table())
        while heard.gate.used + 2 + 40 // 5 <= 40:  # noqa: ASYNC110 - of which the gate tells nobody
            await asyncio.sleep(0.001)
        assert heard.calls.count("klines") > 2
        book = await market.fetch_book("BTC/USDT", limit=5)
        assert book.best_bid is not None
        assert heard.calls[-1] == "depth"
        assert not reading.done(), "it waits"
        assert heard.gate.closed_until == 0.0, "nothing was refused"
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_at_the_limit_history_waits_and_is_never_refused() -> None:
    async with limited(0.5) as (heard, market):
        rows = await market.history("BTC/USDT", start="2026-01-01", end="2026-01-01T12:00").table()
        assert len(rows) == 720
        assert 2 * heard.calls.count("klines") > 40, "more than there is room for at once"
        assert heard.gate.closed_until == 0.0, "nothing was refused"
