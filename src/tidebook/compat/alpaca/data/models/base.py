"""What models and sets of them have in common."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pprint import pformat
from typing import Any, ClassVar, Final, Generic, TypeVar

from tidebook.client.tables import extra
from tidebook.model.wire import iso

RawData = Mapping[str, Any]
NEEDED: Final = object()

with suppress(ImportError):
    # Now: at the first `.df` a loop, and the streams in it, would stand still for half a second.
    import_module("pandas")


def instant(value: object) -> datetime:
    """What Alpaca writes as RFC 3339, as an aware datetime; it has microseconds, `timestamp_ns` has all of it."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.60} is no instant")
    return datetime.fromisoformat(value).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model: what it is called there and in Alpaca's message."""

    name: str
    key: str
    convert: Callable[[Any], Any] = float
    default: object = NEEDED


class Model:
    """One message of Alpaca's, by alpaca-py's names. Two are equal when their fields are.

    Raises ValueError for a message that lacks what it needs.
    """

    FIELDS: ClassVar[tuple[Field, ...]] = ()
    symbol: str

    def __init__(self, symbol: str, raw_data: RawData) -> None:
        values = self.__dict__
        values["symbol"] = symbol
        for field in self.FIELDS:
            value = raw_data.get(field.key, field.default)
            if value is NEEDED:
                raise ValueError(f"{type(self).__name__} of {symbol}: no {field.name} ({field.key})")
            try:
                values[field.name] = value if value is None or value is field.default else field.convert(value)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{type(self).__name__} of {symbol}: {field.name}: {error}") from None
        self.__dict__["_raw"] = raw_data

    @property
    def exact(self) -> dict[str, Decimal]:
        """Its numbers as Alpaca wrote them, by the same names: prices and sizes without the error of a float."""
        raw = self.__dict__["_raw"]
        found = {field.name: raw.get(field.key) for field in self.FIELDS if field.convert in (float, int)}
        return {name: Decimal(str(value)) for name, value in found.items() if value is not None}

    @property
    def timestamp_ns(self) -> int:
        """Its time in ns UTC, with the nanoseconds that a datetime has not."""
        values = self.__dict__
        if (found := values.get("_ns")) is None:
            stamp = values["_raw"]["t"]
            found = iso(stamp) if isinstance(stamp, str) else round(stamp.timestamp() * 1_000_000) * 1000
            values["_ns"] = found
        return int(found)

    def model_dump(self) -> dict[str, Any]:
        """Its fields, by name."""
        return {name: _dumped(value) for name, value in self.__dict__.items() if name[0] != "_"}

    dict = model_dump

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and type(self) is type(other) and other.model_dump() == self.model_dump()

    __hash__ = None  # type: ignore[assignment]  # its fields may be set

    def __repr__(self) -> str:
        return pformat(self.model_dump(), indent=4)

    def __str__(self) -> str:
        return " ".join(f"{name}={value!r}" for name, value in self.__dict__.items() if name[0] != "_")


def _dumped(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return [_dumped(one) for one in value] if isinstance(value, list) else value


M = TypeVar("M", bound=Model)


class ModelSet(Generic[M]):
    """Rows by symbol: ``bars["BTC/USD"]`` is a list, `data` has all of them, `df` is a table of pandas."""

    ROW: ClassVar[type[Model]]
    data: dict[str, list[M]]

    def __init__(self, raw_data: Mapping[str, Sequence[RawData | None]] | None) -> None:
        make: Any = self.ROW
        self.data = {
            symbol: [make(symbol, row) for row in rows if row is not None] for symbol, rows in (raw_data or {}).items()
        }
        for row in [row for some in self.data.values() for row in some]:
            _ = row.timestamp_ns  # kept from here on: this may be done in a thread of its own, `df` is not

    def __getitem__(self, symbol: str) -> list[M]:
        if symbol not in self.data:
            raise KeyError(f"no rows of {symbol!r}; there are of: {', '.join(self.data) or 'none'}")
        return self.data[symbol]

    @property
    def df(self) -> Any:
        """A pandas DataFrame indexed by `symbol` and `timestamp` (UTC, ns), a column a field; those without any value
        are left out.

        Empty it has all columns. Raises UsageError where pandas is not installed.
        """
        pandas = extra("pandas")
        rows = [row for some in self.data.values() for row in some]
        stamps = pandas.to_datetime(pandas.Series([row.timestamp_ns for row in rows], dtype="int64"), utc=True)
        symbols = pandas.Series([row.symbol for row in rows], dtype=object)
        index = pandas.MultiIndex.from_arrays([symbols, stamps], names=["symbol", "timestamp"])
        names = [field for field in self.ROW.FIELDS if field.name != "timestamp"]
        columns = {
            field.name: pandas.Series(
                [row.__dict__[field.name] for row in rows],
                dtype=None if rows else "float64" if field.convert is float else object,
            )
            for field in names
        }
        table = pandas.DataFrame({name: column.array for name, column in columns.items()}, index=index)
        return table.dropna(axis=1, how="all") if rows else table

    def model_dump(self) -> dict[str, Any]:
        """All rows as dicts, by symbol."""
        return {"data": self.dict()}

    def dict(self) -> "dict[str, list[dict[str, Any]]]":
        """The same without the word `data`."""
        return {symbol: [row.model_dump() for row in rows] for symbol, rows in self.data.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelSet) and bool(self.ROW is other.ROW and self.data == other.data)

    __hash__ = None  # type: ignore[assignment]  # its rows may be changed

    def __repr__(self) -> str:
        return pformat(self.model_dump(), indent=4)
