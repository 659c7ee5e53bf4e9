"""Many rows as tables: exact as dicts, and as the frames of three libraries."""

import sys
from decimal import Decimal

import pytest

from tidebook.client.columns import TRADES
from tidebook.client.reading import FrozenBook, Known, ProofOf
from tidebook.client.tables import Table
from tidebook.errors import UsageError
from tidebook.model.facts import Trade
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
