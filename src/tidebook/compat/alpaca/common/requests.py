"""What requests have in common."""

import warnings
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any


class NonEmptyRequest:
    """A request: named arguments, of which those that are None are not sent."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def to_request_fields(self) -> dict[str, Any]:
        """What is sent: symbols in one text, instants as RFC 3339 in UTC."""
        given = {name: value for name, value in self.__dict__.items() if value is not None}
        symbols = given.pop("symbol_or_symbols", None)
        if symbols is not None:
            given["symbols"] = symbols if isinstance(symbols, str) else ",".join(symbols)
        return {name: _sent(value) for name, value in given.items()}

    def model_dump(self) -> dict[str, Any]:
        """Its fields."""
        return dict(self.__dict__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]  # its fields may be set

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items() if value is not None)
        return f"{type(self).__name__}({shown})"


def checked_symbols(given: object) -> str | list[str]:
    """One symbol or several. Raises ValueError for anything else, or none."""
    if isinstance(given, str) and given:
        return given
    if isinstance(given, (list, tuple)) and given and all(isinstance(one, str) and one for one in given):
        return list(given)
    raise ValueError(f"symbol_or_symbols={given!r}: a text like 'BTC/USD', or a list of them")


def checked_instant(name: str, given: object) -> datetime | None:
    """An instant in UTC. What is naive is UTC, as with alpaca-py; texts are ISO 8601. Raises ValueError for others."""
    if given is None:
        return None
    found = given
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    elif isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)  # noqa: DTZ001 - made aware below
    if not isinstance(found, datetime):
        raise ValueError(f"{name}={given!r}: a datetime")
    aware = found.tzinfo is not None and found.utcoffset() is not None
    return found.astimezone(UTC) if aware else found.replace(tzinfo=UTC)


def told_of(kind: str, more: Mapping[str, object]) -> None:
    """Arguments that a request does not have: alpaca-py passes over them in silence, here they are told of."""
    if more:
        warnings.warn(f"{kind} has no {', '.join(more)}: passed over", UserWarning, stacklevel=3)


def _sent(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, int) else str(value)
