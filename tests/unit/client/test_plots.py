"""Tables as pictures: what is drawn, not how it looks."""

import sys
from typing import Any

import pytest
from tests.unit.client.test_tables import TRADE, bar, frozen

from tidebook.client import columns
from tidebook.client.bars import Bars
from tidebook.client.plots import _DRAWN, CANDLES
from tidebook.client.tables import Table
from tidebook.errors import UsageError
from tidebook.model.facts import Bar, Quote

MINUTE = 60_000_000_000


def bars(count: int, symbol: str = "A/B") -> list[Bar]:
    one = bar(symbol)
    fields = {name: getattr(one, name) for name in one.__struct_fields__ if name != "start_ns"}
    return [Bar(**fields, start_ns=one.start_ns + n * MINUTE) for n in range(count)]


def quote(n: int) -> Quote:
    return Quote(
        "v", "A/B", 1_767_225_600_000_000_000 + n, 2, exact_bid=(2, 0), exact_bid_size=(1, 0), exact_ask=(3, 0),
        exact_ask_size=(1, 0),
    )  # fmt: skip


@pytest.fixture
def ax() -> Any:
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_bars_are_candles_and_many_of_them_a_line(ax: Any) -> None:
    from matplotlib.figure import Figure

    assert Bars(bars(5), "A/B", "1m", "v").plot(ax=ax) is ax
    assert len(ax.patches) == 5  # bodies
    assert [len(wicks.get_segments()) for wicks in ax.collections] == [5]
    assert ax.get_title() == "A/B 1m v"
    many = Table(columns.BARS, bars(CANDLES + 1)).plot(ax=Figure().subplots())
    assert [len(line.get_xdata()) for line in many.lines] == [CANDLES + 1]
    assert not many.patches
    two = Table(columns.BARS, [*bars(3), *bars(3, "C/D")]).plot(ax=Figure().subplots())
    assert [text.get_text() for text in two.get_legend().get_texts()] == ["A/B v", "C/D v"]


def test_what_else_is_drawn(ax: Any) -> None:
    from matplotlib.figure import Figure

    trades = Table(columns.TRADES, [TRADE]).plot(ax=ax)
    assert [len(points.get_offsets()) for points in trades.collections] == [1, 0]  # bought, sold
    quotes = Table(columns.QUOTES, [quote(n) for n in range(3)]).plot(ax=Figure().subplots())
    assert [(line.get_label(), list(line.get_ydata())) for line in quotes.lines] == [("bid", [2] * 3), ("ask", [3] * 3)]
    depth = frozen().plot(ax=Figure().subplots())
    assert [area.get_label() for area in depth.collections] == ["bid", "ask"]


@pytest.mark.parametrize("title", list(_DRAWN))
def test_each_kind_can_be_empty_and_printed(title: str, ax: Any) -> None:
    of = next(one for one in vars(columns).values() if isinstance(one, columns.Columns) and one.title == title)
    Table(of, []).plot(ax=ax)
    ax.figure.savefig("/dev/null", format="svg")


def test_what_cannot_be_drawn_is_refused(ax: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Instruments: nothing of them can be drawn"):
        Table(columns.INSTRUMENTS, []).plot(ax=ax)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(UsageError, match=r'matplotlib is not installed. pip install "tidebook\[plots\]"'):
        Table(columns.TRADES, [TRADE]).plot()
