"""Many rows of one kind: a sequence that becomes a DataFrame.

Numbers are float64, or with ``exact=True`` decimals. Times are UTC with nanoseconds. An empty table has the
same columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from html import escape
from importlib import import_module
from typing import Any, TypeVar, overload

from tidebook.client.columns import Columns
from tidebook.client.plots import drawn
from tidebook.errors import UsageError

T = TypeVar("T")
_NEVER = -(2**63)  # ns: how pandas writes no time
_DTYPES = {"text": "object", "whole": "Int64", "truth": "bool", "real": "float64"}


class Tabular(ABC):
    """What is many rows and something else besides."""

    @abstractmethod
    def table(self) -> Table[Any]:
        """Its rows."""

    def __len__(self) -> int:
        return len(self.table())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.table())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Table[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.table()[index]

    def to_dicts(self) -> list[dict[str, Any]]:
        """As `Table.to_dicts`."""
        return self.table().to_dicts()

    def to_pandas(self, *, exact: bool = False) -> Any:
        """As `Table.to_pandas`."""
        return self.table().to_pandas(exact=exact)

    def to_arrow(self, *, exact: bool = False) -> Any:
        """As `Table.to_arrow`."""
        return self.table().to_arrow(exact=exact)

    def to_polars(self, *, exact: bool = False) -> Any:
        """As `Table.to_polars`."""
        return self.table().to_polars(exact=exact)

    def plot(self, *, ax: Any = None) -> Any:
        """As `Table.plot`."""
        return self.table().plot(ax=ax)

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class Table(Sequence[T]):
    """Rows, oldest first where they have a time."""

    def __init__(self, columns: Columns[T], rows: Sequence[T], about: str = "") -> None:
        self._columns = columns
        self._rows = tuple(rows)
        self._about = about

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Table[T]: ...
    def __getitem__(self, index: int | slice) -> T | Table[T]:
        if isinstance(index, slice):
            return Table(self._columns, self._rows[index], self._about)
        return self._rows[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._rows)

    def where(self, wanted: Callable[[T], bool]) -> Table[T]:
        """The rows of which something is true."""
        return Table(self._columns, [row for row in self._rows if wanted(row)], self._about)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a row: exact numbers as Decimal, times as ns UTC."""
        read = {name: how for name, (_, how) in self._columns.columns.items()}
        return [{name: how(row) for name, how in read.items()} for row in self._rows]

    def to_pandas(self, *, exact: bool = False) -> Any:
        """A DataFrame indexed by symbol and, where rows have a time, timestamp.

        Bars have the columns that users of DataFrames know: open, high, low, close, volume, trade_count, vwap (NaN
        where the venue says neither it nor the turnover); then turnover and venue.
        """
        pandas = extra("pandas")
        data: dict[str, Any] = {}
        for name, (kind, how) in self._columns.pandas.items():
            values = [how(row) for row in self._rows]
            if kind == "time":
                stamps = pandas.Series([_NEVER if value is None else value for value in values], dtype="int64")
                data[name] = stamps.astype("datetime64[ns]").dt.tz_localize("UTC")
            elif kind == "number":
                shown = values if exact else [None if value is None else float(value) for value in values]
                data[name] = pandas.Series(shown, dtype="object" if exact else "float64")
            else:
                data[name] = pandas.Series(values, dtype=_DTYPES[kind])
        return pandas.DataFrame(data).set_index(list(self._columns.index))

    def to_arrow(self, *, exact: bool = False) -> Any:
        """A pyarrow Table."""
        arrow = extra("pyarrow")
        types = {
            "text": arrow.string(), "time": arrow.timestamp("ns", tz="UTC"),
            "whole": arrow.int64(), "truth": arrow.bool_(), "real": arrow.float64(),
            "number": arrow.decimal256(76, 38) if exact else arrow.float64(),
        }  # fmt: skip
        arrays = {}
        for name, (kind, how) in self._columns.columns.items():
            values = [how(row) for row in self._rows]
            if kind == "number" and not exact:
                values = [None if value is None else float(value) for value in values]
            arrays[name] = arrow.array(values, type=types[kind])
        return arrow.table(arrays)

    def to_polars(self, *, exact: bool = False) -> Any:
        """A polars DataFrame."""
        polars = extra("polars")
        frame = polars.from_arrow(self.to_arrow(exact=False))
        if exact:
            rows = self.to_dicts()
            for name in [name for name, (kind, _) in self._columns.columns.items() if kind == "number"]:
                values = [row[name] for row in rows]
                # As many digits behind the point as the finest value has: nothing is rounded.
                scale = max((_scale(value) for value in values if value is not None), default=0)
                frame = frame.with_columns(polars.Series(name, values, dtype=polars.Decimal(38, scale)))
        return frame

    def plot(self, *, ax: Any = None) -> Any:
        """A picture of it, drawn on `ax`, or on a new figure of pyplot's: the matplotlib Axes, to go on with.

        Bars are candles, or where there are many, a line and the range around it; trades, fills and orders are points
        by side; a book is its depth; quotes, funding and the like are lines over time. Times are UTC. Raises
        UsageError where nothing can be drawn (instruments), or matplotlib is not installed.
        """
        return drawn(self._columns.title, self._about, self.to_dicts(), ax)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self._columns.columns)
        shown = self.to_dicts()[:20]
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row.values()) + "</tr>" for row in shown
        )
        more = f"<p>{escape(repr(self))}</p>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def __repr__(self) -> str:
        about = f" {self._about}" if self._about else ""
        return f"<{self._columns.title}{about}, {len(self)} rows>"


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def extra(name: str) -> Any:
    """A package of the data extra. Raises UsageError where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(f'{name} is not installed. pip install "tidebook[data]"') from None
