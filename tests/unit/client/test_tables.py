"""Many rows as tables: exact as dicts, and as the frames of three libraries."""

import copy
import pickle
import sys
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from tidebook.client.columns import (
    BARS,
    FUNDING,
    GREEKS,
    INSTRUMENTS,
    LIQUIDATIONS,
    MARK_PRICES,
    OPEN_INTEREST,
    TRADES,
    Columns,
)
from tidebook.client.reading import FrozenBook, Known, ProofOf
from tidebook.client.tables import Table
from tidebook.errors import UsageError
from tidebook.model.facts import (
    Bar,
    Fact,
    Funding,
    Greeks,
    Instrument,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Trade,
)
from tidebook.model.market import Level

TRADE = Trade(
    venue="v", symbol="A/B", venue_ns=1_767_225_600_123_456_789, received_ns=2, id="7", side="buy",
    exact_price=(12345678901234567890123, 18), exact_size=(5, 1),
)  # fmt: skip


def frozen() -> FrozenBook:
    def side(*rows: tuple[str, str]) -> tuple[Level, ...]:
        return tuple(Level(Decimal(price), Decimal(size)) for price, size in rows)

    return FrozenBook(
        "A/B", "v", side(("10.0", "1"), ("9.5", "2")), side(("10.5", "0.00000001")), seq=3, venue_ns=None,
        at_mono_ns=0, known=Known(None, None), proof=ProofOf(("whole",), None, 3, None),
    )  # fmt: skip


def test_rows_as_dicts_are_exact() -> None:
    (row,) = Table(TRADES, [TRADE]).to_dicts()
    assert row["price"] == Decimal("12345.678901234567890123")
    assert row["timestamp"] == 1_767_225_600_123_456_789
    assert frozen().to_dicts() == [
        {"side": "bid", "place": 0, "price": Decimal("10.0"), "size": Decimal(1)},
        {"side": "bid", "place": 1, "price": Decimal("9.5"), "size": Decimal(2)},
        {"side": "ask", "place": 0, "price": Decimal("10.5"), "size": Decimal("0.00000001")},
    ]
    assert "<td>0.00000001</td>" in frozen()._repr_html_()


@pytest.mark.parametrize("rows", [[TRADE], []])
def test_pandas(rows: list[Trade]) -> None:
    frame = Table(TRADES, rows).to_pandas()
    assert list(frame.index.names) == ["symbol", "timestamp"]
    assert str(frame.index.get_level_values("timestamp").dtype) == "datetime64[ns, UTC]"
    assert frame["price"].dtype == "float64"
    exact = Table(TRADES, rows).to_pandas(exact=True)
    assert list(exact["price"]) == [row.price for row in rows]
    assert list(frozen().to_pandas().loc["bid", "price"]) == [10.0, 9.5]


def bar(symbol: str = "A/B", turnover: tuple[int, int] | None = (75, 1), volume: tuple[int, int] = (3, 0)) -> Bar:
    return Bar(
        "v", symbol, None, 2, interval="1m", start_ns=1_767_225_600_000_000_000, finished=True, exact_open=(2, 0),
        exact_high=(3, 0), exact_low=(1, 0), exact_close=(2, 0), exact_volume=volume, exact_turnover=turnover, trades=7,
    )  # fmt: skip


@pytest.mark.parametrize("exact", [False, True])
def test_bars_have_the_columns_that_users_of_pandas_know(exact: bool) -> None:
    said = structs.replace(bar(turnover=None), exact_vwap=(24, 1))  # by the venue itself, which tells no turnover
    rows = [bar(), bar(turnover=None), bar(volume=(0, 0)), bar("A/B:A", (1, 3)), bar("A/B:B"), said]
    full, empty = Table(BARS, rows).to_pandas(exact=exact), Table(BARS, []).to_pandas(exact=exact)
    assert list(full.columns)[:7] == ["open", "high", "low", "close", "volume", "trade_count", "vwap"]
    assert list(full.index.names) == ["symbol", "timestamp"]
    assert list(full["vwap"].isna()) == [False, True, True, True, False, False]
    for place, mean in ((0, "2.5"), (5, "2.4")):
        assert full["vwap"].iloc[place] == (Decimal(mean) if exact else float(mean))
    assert list(full["trade_count"]) == [7] * 6
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert empty.index.names == full.index.names
    assert [str(level.dtype) for level in empty.index.levels] == [str(level.dtype) for level in full.index.levels]
    assert "trades" in Table(BARS, rows).to_dicts()[0]


@pytest.mark.parametrize("rows", [[TRADE], []])
def test_arrow(rows: list[Trade]) -> None:
    table = Table(TRADES, rows).to_arrow(exact=True)
    assert table.column("price").to_pylist() == [row.price for row in rows]
    assert str(table.schema.field("timestamp").type) == "timestamp[ns, tz=UTC]"
    assert Table(TRADES, rows).to_arrow().schema.field("price").type == "double"


@pytest.mark.parametrize("rows", [[TRADE], []])
def test_polars(rows: list[Trade]) -> None:
    frame = Table(TRADES, rows).to_polars(exact=True)
    assert frame["price"].to_list() == [row.price for row in rows]
    assert Table(TRADES, rows).to_polars().columns == list(TRADES.columns)


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # as if it were not there
    with pytest.raises(UsageError, match=r'pip install "tidebook\[data\]"'):
        Table(TRADES, [TRADE]).to_pandas()


ABOUT = ("v", "A/B:B", None, 1_767_225_600_123_456_789)
DERIVED: list[tuple[Columns[Any], Fact]] = [
    (MARK_PRICES, MarkPrice(*ABOUT, exact_price=(5, 1))),
    (FUNDING, Funding(*ABOUT, exact_rate=(-1, 4), funding_ns=1_767_225_600_000_000_001, settled=True, interval=3600.0)),
    (LIQUIDATIONS, Liquidation(*ABOUT, side="buy", exact_price=(5, 1), exact_size=(3, 0))),
    (OPEN_INTEREST, OpenInterest(*ABOUT, exact_size=(3, 0), exact_value=(15, 1))),
    (GREEKS, Greeks(*ABOUT, exact_delta=(-25, 2))),
]


@pytest.mark.parametrize(("columns", "row"), DERIVED, ids=lambda one: getattr(one, "title", ""))
def test_facts_of_derivatives_have_columns_that_stay(columns: Columns[Any], row: Fact) -> None:
    filled, empty = Table(columns, [row]), Table(columns, [])
    (said,) = filled.to_dicts()
    at = row.funding_ns if isinstance(row, Funding) else row.received_ns
    assert (said["symbol"], said["timestamp"], said["venue"]) == ("A/B:B", at, "v")
    fields = {name.removeprefix("exact_") for name in row.__struct_fields__} - {"received_ns", "venue_ns", "funding_ns"}
    assert fields <= set(said), "nothing is left out"
    for exact in (False, True):
        frame, none = filled.to_pandas(exact=exact), empty.to_pandas(exact=exact)
        assert list(frame.columns) == list(none.columns)
        assert list(frame.dtypes) == list(none.dtypes)
        assert frame.index.get_level_values("timestamp")[0].value == at
        for kind in ("to_arrow", "to_polars"):
            table, nothing = getattr(filled, kind)(exact=exact), getattr(empty, kind)(exact=exact)
            assert table.shape == (1, len(said))
            assert nothing.shape == (0, len(said))


def test_what_never_ends_has_no_end() -> None:
    plain: dict[str, Any] = {
        "venue": "v",
        "id": "X",
        "base": "A",
        "quote": "B",
        "active": True,
        "tick": None,
        "step": None,
    }
    rows = [
        Instrument(symbol="A/B", kind="spot", **plain),
        Instrument(symbol="A/B:B-260327-1-C", kind="option", settle="B", expiry_ns=ABOUT[3], strike=Decimal("1.5"),
                   right="call", contract_size=Decimal("0.1"), **plain),
    ]  # fmt: skip
    table = Table(INSTRUMENTS, rows)
    frame = table.to_pandas()
    assert str(frame["expiry"].dtype) == "datetime64[ns, UTC]"
    assert frame["expiry"].isna().tolist() == [True, False]
    assert frame["expiry"].iloc[1].value == ABOUT[3]
    assert table.to_arrow(exact=True).column("strike").to_pylist() == [None, Decimal("1.5")]
    assert [(row["settle"], row["right"], row["contract_size"]) for row in table.to_dicts()] == [
        ("", None, None),
        ("B", "call", Decimal("0.1")),
    ]
    assert str(Table(INSTRUMENTS, []).to_pandas()["expiry"].dtype) == "datetime64[ns, UTC]"


def test_a_frozen_book_is_many_rows_and_stays_as_it_is() -> None:
    book = frozen()
    assert len(book) == 3
    assert (book[0].side, book[0].price, book[2].side) == ("bid", Decimal("10.0"), "ask")
    assert [row.place for row in book[:2]] == [0, 1]
    assert [row.side for row in book] == ["bid", "bid", "ask"]
    for name in ("seq", "venue_ns", "symbol", "_bids", "anything"):
        with pytest.raises(AttributeError, match="stays as it is"):
            setattr(book, name, None)
    with pytest.raises(AttributeError, match="stays as it is"):
        del book.seq
    for other in (copy.copy(book), copy.deepcopy(book), pickle.loads(pickle.dumps(book))):
        assert other.to_dicts() == book.to_dicts()
    empty = FrozenBook(
        "A/B", "v", (), (), seq=None, venue_ns=None, at_mono_ns=0, known=book.known,
        proof=ProofOf((), None, None, 1_767_225_600_000_000_000),
    )  # fmt: skip
    assert len(empty) == 0
    assert bool(empty)  # `if book.last:` asks whether there is one
    assert str(empty.time) == "2026-01-01 00:00:00+00:00"
    assert empty.received_ns == 1_767_225_600_000_000_000
