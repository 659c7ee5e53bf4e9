"""Ranges that nobody means, and places where nothing can be written: what is said, and when."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidebook import history
from tidebook.cli import main
from tidebook.client.market import Market, connect
from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.io.clock import now
from tidebook.sim.server import serve


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with (
        serve(1, ["binance.spot", "binance.usdm"], symbols=["BTC/USDT", "ETH/USDT", "BTC/USDT:USDT"]) as sim,
        connect("binance.spot", "binance.usdm", at=sim.at) as opened,
    ):
        yield opened


async def test_odd_ranges(market: Market) -> None:
    first = await market.fetch_bars("BTC/USDT", "1d", start="1900-01-01", end="2018-01-03")
    assert [bar.time.day for bar in first] == [1, 2]  # it lists since 2018; no venue takes instants before 1970
    assert len(await market.fetch_bars("BTC/USDT", "1m", start="2100-01-01")) == 0
    assert len(await market.fetch_funding("BTC/USDT:USDT", start="2100-01-01")) == 0  # the rate to come is before that
    assert [row.settled for row in await market.fetch_funding("BTC/USDT:USDT", start="10h")][-1] is False

    with pytest.raises(UsageError, match="no bars of '7m'") as raised:
        await history.bars(market, "BTC/USDT", "7m", start="1h").table()
    assert "Had until" not in str(raised.value)  # it had nothing
    both = await market.history(["BTC/USDT", "ETH/USDT"], interval="1h", start="5h").table()
    assert repr(both) == f"<Bars, {len(both)} rows>"


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("made.csv", "is a directory"),
        ("nowhere/x.csv", "there is no directory"),
        ("x.xls", "does not end in .parquet, .csv, .arrow, .jsonl"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_at_once(
    out: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked: not after a month was fetched. Nothing answers at that address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEBOOK_AT", "127.0.0.1:1")
    Path("made.csv").mkdir()
    status = main(["bars", "BTC/USDT", "1m", "--venue", "binance.spot", "--days", "30", "--out", out])
    assert status == 2
    assert why in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["made.csv"]


async def test_what_has_not_ended_by_the_venues_clock_has_not_ended() -> None:
    """Ours may be ahead, and rows of some venues do not say whether they are whole."""
    async with serve(1, ["binance.spot"], symbols=["BTC/USDT"]) as sim:
        sim.faults.clock(-3_600.0)
        async with connect("binance.spot", at=sim.at) as market:
            ours = now().wall_ns
            bars = await market.fetch_bars("BTC/USDT", "1m", end=ours - 600 * SECOND, limit=3, unfinished=True)
            assert [bar.finished for bar in bars] == [True, True, False]
            whole = await market.fetch_bars("BTC/USDT", "1m", end=ours - 7_200 * SECOND, limit=3, unfinished=True)
            assert [bar.finished for bar in whole] == [True, True, True]
