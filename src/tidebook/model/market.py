"""Facts of a market: levels, states, changes. Frozen and exact."""

from abc import ABC, ABCMeta
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, SupportsIndex, cast, overload

from tidebook.model.number import Exact, decimal_of, double_of, exact_of, plain


class State(StrEnum):
    """What a book may be read as."""

    SYNCING = "syncing"  # not readable yet
    LIVE = "live"  # proven current
    UNPROVEN = "unproven"  # kept without any proof
    STALE = "stale"  # not current
    CLOSED = "closed"

    @cached_property
    def readable(self) -> bool:
        return self in (State.LIVE, State.UNPROVEN)


class Level(ABC):
    """A price and the size that stands there, both exact: `price, size = level`, `level[0]`, equal to such a pair.

    It is kept as whole numbers with a scale; a Decimal is made when it is read. What the native engine makes is a class
    of its own that does the same, and is a Level. Made anew from two Decimals; raises ValueError for one that is no
    number.
    """

    __slots__ = ("_raw",)
    __match_args__ = ("price", "size")
    _raw: tuple[int, int, int, int]

    def __init__(self, price: Decimal, size: Decimal) -> None:
        _keep(self, (*exact_of(price), *exact_of(size)))

    @property
    def price(self) -> Decimal:
        raw = self._raw
        return decimal_of(raw[0], raw[1])

    @property
    def size(self) -> Decimal:
        raw = self._raw
        return decimal_of(raw[2], raw[3])

    @property
    def exact_price(self) -> Exact:
        """(mantissa, scale): 60000.10 may be (6000010, 2)."""
        return self._raw[:2]

    @property
    def exact_size(self) -> Exact:
        """The same of the size."""
        return self._raw[2:]

    @property
    def floats(self) -> tuple[float, float]:
        """Price and size as the doubles nearest to them."""
        price, price_scale, size, size_scale = self._raw
        return double_of(price, price_scale), double_of(size, size_scale)

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Decimal]:
        return iter((self.price, self.size))

    @overload
    def __getitem__(self, index: SupportsIndex) -> Decimal: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Decimal, ...]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Decimal | tuple[Decimal, ...]:
        return (self.price, self.size)[index]

    def __contains__(self, value: object) -> bool:
        return value in (self.price, self.size)

    def __eq__(self, other: object) -> bool:
        pair = _pair(other)
        return NotImplemented if pair is None else (self.price, self.size) == pair

    def __lt__(self, other: object) -> bool:
        pair = _pair(other)
        return NotImplemented if pair is None else (self.price, self.size) < pair

    def __le__(self, other: object) -> bool:
        pair = _pair(other)
        return NotImplemented if pair is None else (self.price, self.size) <= pair

    def __gt__(self, other: object) -> bool:
        pair = _pair(other)
        return NotImplemented if pair is None else (self.price, self.size) > pair

    def __ge__(self, other: object) -> bool:
        pair = _pair(other)
        return NotImplemented if pair is None else (self.price, self.size) >= pair

    def __hash__(self) -> int:
        return hash((self.price, self.size))

    def index(self, value: object, *bounds: int) -> int:
        return (self.price, self.size).index(value, *bounds)

    def count(self, value: object) -> int:
        return (self.price, self.size).count(value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Level is frozen: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Level is frozen: {name} cannot be deleted")

    def __reduce__(self) -> tuple[type["Level"], tuple[Decimal, Decimal]]:
        return Level, (self.price, self.size)

    def __str__(self) -> str:
        return f"{plain(self.price)}×{plain(self.size)}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return f"Level(price={self.price!r}, size={self.size!r})"


cast(ABCMeta, Sequence).register(Level)  # also for `case price, size:`

_keep: Final[Callable[[Level, tuple[int, int, int, int]], None]] = Level.__dict__["_raw"].__set__
_new: Final = object.__new__


def level(raw: tuple[int, int, int, int]) -> Level:
    """A level from the engine's (price mantissa, price scale, size mantissa, size scale)."""
    made = _new(Level)
    _keep(made, raw)
    return made


def _pair(other: Any) -> tuple[Any, ...] | None:
    if isinstance(other, tuple):
        return other
    return (other.price, other.size) if isinstance(other, Level) else None
