"""What can be asked of a book, live or frozen."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, overload

from tidebook.client.columns import BOOK, BookRow
from tidebook.client.tables import Table, Tabular, extra
from tidebook.core.clock import SECOND
from tidebook.engine.contract import Best, Floats, Side
from tidebook.errors import BookNotLive, DecodeError, UsageError
from tidebook.io.clock import now
from tidebook.model.facts import instant
from tidebook.model.market import Level
from tidebook.model.number import parse, plain


@dataclass(frozen=True, slots=True)
class Known:
    """The range of prices in which the book is the venue's book; None: to the end of that side."""

    low: Decimal | None
    high: Decimal | None

    def __contains__(self, price: object) -> bool:
        if not isinstance(price, Decimal):
            return False
        return (self.low is None or price >= self.low) and (self.high is None or price <= self.high)


@dataclass(frozen=True, slots=True)
class ProofOf:
    """How the book is proven: the kinds, to which depth (None: whole), at which sequence and time (ns UTC)."""

    kinds: tuple[str, ...]
    depth: int | None
    seq: int | None
    at_ns: int | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What trading `size` against the book would take: `paid` in quote currency, at `average`, down or up to `worst`.

    `filled` is less than was asked for where the book is too thin. `beyond_known` says that the answer used, or
    would have to use, prices of which the book does not know everything.
    """

    size: Decimal
    filled: Decimal
    paid: Decimal
    average: Decimal | None
    worst: Decimal | None
    beyond_known: bool


class Levels(Sequence[Level]):
    """One side of a live book, best first. An index reads now; slicing and iterating copy at that instant."""

    def __init__(self, book: "Reading", side: Side) -> None:
        self._book = book
        self._side: Side = side

    def __len__(self) -> int:
        return self._book.count(self._side)

    @overload
    def __getitem__(self, index: int) -> Level: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Level, ...]: ...
    def __getitem__(self, index: int | slice) -> Level | tuple[Level, ...]:
        if isinstance(index, slice):
            stop = index.stop
            bounded = stop is not None and stop >= 0 and (index.start is None or index.start >= 0)
            return self._book.read(self._side, stop if bounded else None)[index]
        if index >= 0:
            found = self._book.read(self._side, index + 1)
            if len(found) <= index:
                raise IndexError(f"there are {len(found)} levels")
            return found[index]
        return self._book.read(self._side, None)[index]

    def __iter__(self) -> Iterator[Level]:
        return iter(self._book.read(self._side, None))

    def __repr__(self) -> str:
        return f"<Levels {self._side}s of {self._book.symbol}, {len(self)}>"


class Reading(ABC):
    """What can be asked of a book, live or frozen."""

    symbol: str
    venue: str

    @abstractmethod
    def count(self, side: Side) -> int:
        """How many levels a side has."""

    @abstractmethod
    def read(self, side: Side, n: int | None) -> tuple[Level, ...]:
        """The best `n` levels of a side, best first; all with None."""

    @property
    @abstractmethod
    def known(self) -> Known:
        """The range of prices in which it is the venue's book."""

    @property
    def bids(self) -> Levels:
        return Levels(self, "bid")

    @property
    def asks(self) -> Levels:
        return Levels(self, "ask")

    @abstractmethod
    def top(self, n: int | None = 10) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `n` bids and asks of one instant; all with None."""

    @abstractmethod
    def freeze(self) -> "FrozenBook":
        """All of it, of one instant."""

    @abstractmethod
    def _side(self, side: Side) -> tuple[tuple[Level, ...], Known]:
        """A whole side, and `known`, of one instant."""

    @property
    def best_bid(self) -> Level | None:
        found = self.read("bid", 1)
        return found[0] if found else None

    @property
    def best_ask(self) -> Level | None:
        found = self.read("ask", 1)
        return found[0] if found else None

    def best_floats(self) -> Best:
        """Best bid, its size, best ask, its size, as the doubles nearest to them; None for an empty side's two."""
        bids, asks = self.floats(1)
        bid, bid_size = bids[0] if bids else (None, None)
        ask, ask_size = asks[0] if asks else (None, None)
        return bid, bid_size, ask, ask_size

    def floats(self, n: int | None = 10) -> tuple[Floats, Floats]:
        """The best `n` bids and asks of one instant (all with None) as (price, size), the doubles nearest to them."""
        bids, asks = self.top(n)
        return tuple(level.floats for level in bids), tuple(level.floats for level in asks)

    def arrays(self, n: int | None = None) -> tuple[Any, Any]:
        """The same as two NumPy arrays of float64, a row (price, size) a level, which cannot be written to.

        Raises UsageError where NumPy is not installed, and as `top` does.
        """
        numpy = extra("numpy")
        bids, asks = (numpy.frombuffer(side, dtype="=f8").reshape(-1, 2) for side in self._doubles(n))
        return bids, asks

    def _doubles(self, n: int | None) -> tuple[bytes, bytes]:
        bids, asks = (array("d", (number for row in side for number in row)).tobytes() for side in self.floats(n))
        return bids, asks

    @property
    def mid(self) -> Decimal | None:
        bids, asks = self.top(1)
        return (bids[0].price + asks[0].price) / 2 if bids and asks else None

    @property
    def spread(self) -> Decimal | None:
        bids, asks = self.top(1)
        return asks[0].price - bids[0].price if bids and asks else None

    @property
    def microprice(self) -> Decimal | None:
        """The mid, weighted by the opposite sizes."""
        bids, asks = self.top(1)
        if not bids or not asks:
            return None
        (bid,), (ask,) = bids, asks
        return (bid.price * ask.size + ask.price * bid.size) / (bid.size + ask.size)

    def imbalance(self, n: int = 5) -> float:
        """The bids' share of the size in the best `n` levels of both sides, 0 … 1 (0.5 where both are empty)."""
        bids, asks = self.top(n)
        bid, ask = sum((row.size for row in bids), Decimal(0)), sum((row.size for row in asks), Decimal(0))
        return float(bid / (bid + ask)) if bid + ask else 0.5

    def depth_to(self, price: Decimal | str | int, *, strict: bool = False) -> Cost:
        """All that stands between the best price and `price`, inclusive; bids for a price below the mid.

        Raises TypeError for a float, UsageError for what is no price, and BookNotLive where `strict` is set and the
        price is beyond `known`.
        """
        limit, book = _number("price", price), self.freeze()
        ask = book.best_ask
        side: Side = "ask" if ask is not None and limit >= ask.price else "bid"
        rows = [row for row in book.read(side, None) if (row.price <= limit if side == "ask" else row.price >= limit)]
        size = sum((row.size for row in rows), Decimal(0))
        self._check_known(limit, beyond := limit not in book.known, strict)
        return _cost(rows, size, size, beyond)

    def cost(self, side: Literal["buy", "sell"], size: Decimal | str | int, *, strict: bool = False) -> Cost:
        """What buying or selling `size` at market would take.

        Raises TypeError for a float, UsageError for another side or what is no size, and BookNotLive where `strict` is
        set and it would need prices beyond `known`.
        """
        if side not in ("buy", "sell"):
            raise UsageError(f"side={side!r}: write 'buy' or 'sell'", symbol=self.symbol)
        wanted = _number("size", size)
        rows: list[Level] = []
        left = wanted
        levels, known = self._side("ask" if side == "buy" else "bid")
        for row in levels:
            if left <= 0:
                break
            take = min(row.size, left)
            rows.append(Level(row.price, take))
            left -= take
        beyond = left > 0 and known != Known(None, None)
        beyond = beyond or any(row.price not in known for row in rows)
        self._check_known(wanted, beyond, strict)
        return _cost(rows, wanted, wanted - max(left, Decimal(0)), beyond)

    def _check_known(self, wanted: Decimal, beyond: bool, strict: bool) -> None:
        if strict and beyond:
            raise BookNotLive(
                f"{self.symbol} {self.venue}: {plain(wanted)} reaches beyond the known range", symbol=self.symbol
            )


def _number(name: Literal["price", "size"], value: Decimal | str | int) -> Decimal:
    """A price or size as a user gives it. Raises TypeError for a float, UsageError for what is none."""
    if isinstance(value, float):
        grid = "tick" if name == "price" else "step"
        raise TypeError(
            f'{name}={value!r} is a float. Write "{value!r}", or instrument.{name}({value!r}) to round to the {grid}'
        )
    try:
        number = parse(str(value))
    except DecodeError:
        raise UsageError(f"{name}={value!r} is no {name}") from None
    if number < 0:
        raise UsageError(f"{name}={value!r} is no {name}")
    return number


def _cost(rows: list[Level], size: Decimal, filled: Decimal, beyond: bool) -> Cost:
    paid = sum((row.price * row.size for row in rows), Decimal(0))
    return Cost(size, filled, paid, paid / filled if filled else None, rows[-1].price if rows else None, beyond)


class FrozenBook(Reading, Tabular):
    """A book at one instant: immutable, safe in any thread. `age` is that instant's age, in seconds.

    As a table it has a row a level: side, place (from 0, best first), price, size; bids first. `len` counts these rows,
    an index gives one. It is true also where it is empty.
    """

    symbol: str
    venue: str
    seq: int | None
    venue_ns: int | None
    proof: ProofOf
    _bids: tuple[Level, ...]
    _asks: tuple[Level, ...]
    _at: int
    _known: Known

    def __init__(
        self, symbol: str, venue: str, bids: tuple[Level, ...], asks: tuple[Level, ...], *,
        seq: int | None, venue_ns: int | None, at_mono_ns: int, known: Known, proof: ProofOf,
    ) -> None:  # fmt: skip
        given = {
            "symbol": symbol, "venue": venue, "seq": seq, "venue_ns": venue_ns, "proof": proof, "_bids": bids,
            "_asks": asks, "_at": at_mono_ns, "_known": known,
        }  # fmt: skip
        vars(self).update(given)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a frozen book stays as it is: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a frozen book stays as it is: {name} cannot be deleted")

    @property
    def received_ns(self) -> int | None:
        """When its last message was read from the socket, ns UTC."""
        return self.proof.at_ns

    @property
    def time(self) -> datetime | None:
        """The venue's stamp of that message, or where it has none, when it was received; UTC."""
        ns = self.venue_ns if self.venue_ns is not None else self.received_ns
        return None if ns is None else instant(ns)

    def count(self, side: Side) -> int:
        return len(self._bids if side == "bid" else self._asks)

    def read(self, side: Side, n: int | None) -> tuple[Level, ...]:
        return (self._bids if side == "bid" else self._asks)[:n]

    def top(self, n: int | None = 10) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        return self._bids[:n], self._asks[:n]

    def freeze(self) -> "FrozenBook":
        """It is one."""
        return self

    def _side(self, side: Side) -> tuple[tuple[Level, ...], Known]:
        return self.read(side, None), self._known

    @property
    def known(self) -> Known:
        return self._known

    @property
    def age(self) -> float:
        return (now().mono_ns - self._at) / SECOND

    def table(self) -> Table[BookRow]:
        """Its levels as rows."""
        sides = (("bid", self._bids), ("ask", self._asks))
        rows = [BookRow(side, place, *level) for side, levels in sides for place, level in enumerate(levels)]
        return Table(BOOK, rows, f"{self.symbol} {self.venue}, seq {self.seq}")

    def __len__(self) -> int:
        return len(self._bids) + len(self._asks)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<FrozenBook {self.symbol} {self.venue} {best_of(self)}, seq {self.seq}>"


def best_of(book: Reading, digits: int = 0) -> str:
    """The best of both sides in words, prices with at least so many digits behind the point."""

    def price(value: Decimal) -> str:
        text = plain(value)
        whole, _, after = text.partition(".")
        return text if len(after) >= digits else f"{whole}.{after:0<{digits}}"

    return " | ".join("-" if not side else f"{price(side[0].price)}×{plain(side[0].size)}" for side in book.top(1))
