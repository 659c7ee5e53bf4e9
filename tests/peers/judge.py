"""What a program told, compared with the exchange's own: books, instruments and trades, exactly."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final

from tests.peers.count import Count
from tests.peers.orders import Orders
from tests.peers.plan import Known

from tidebook.sim.exchange import RING
from tidebook.sim.matching import Event, LevelChange
from tidebook.sim.server import serve
from tidebook.venues.bybit.dialect_streams import trade_id
from tidebook.venues.bybit.rest import Category
from tidebook.venues.htx.dialect_streams import VERSIONS

Rows = list[tuple[Any, Any]]

_TIMES: Final = {"ms": 1_000_000, "ns": 1}
# What venues make of a trade's number.
_CATEGORIES: Final[tuple[Category, ...]] = ("spot", "linear", "inverse", "option")
_IDS: Final[dict[str, Callable[[int], str]]] = {
    **{f"bybit.{category}": partial(trade_id, category) for category in _CATEGORIES},
    **dict.fromkeys(("htx.linear", "htx.inverse"), lambda number: str(number * 10_000)),
}


@dataclass(slots=True)
class Judge:
    """Hears one program. `differs` is what differed, by name; `failed` what failed; `did` the calls that came back."""

    sim: serve
    known: tuple[Known, ...] = ()
    version: str = ""
    books: Count = field(default_factory=Count)
    trades: Count = field(default_factory=Count)
    instruments: Count = field(default_factory=Count)
    levels: int = 0
    did: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    differs: list[tuple[str, str]] = field(default_factory=list)
    orders: Orders | None = None
    _later: dict[tuple[str, str, int, Decimal], dict[int, Decimal]] = field(default_factory=dict)

    def hear(self, told: Mapping[str, Any]) -> None:
        """One line of a program's output."""
        match told["kind"]:
            case "version":
                self.version = told["version"]
            case "did":
                self.did.append(told["name"])
            case "failed":
                self.failed.append((told["name"], told["why"]))
            case "instruments":
                self._instruments(told["venue"], told["rows"])
            case "book":
                self._book(told)
            case "trades":
                self._trades(told)
            case kind:
                if self.orders is None:
                    raise ValueError(f"a program says {kind!r}")
                self.orders.hear(told)

    def count(self, name: str) -> Count:
        """How many comparisons of a kind, of `Least`'s names."""
        if name == "calls":
            return Count(len(self.did), len(self.did))
        of_orders = {} if self.orders is None else self.orders.counts
        found: Count = of_orders[name] if name in of_orders else getattr(self, name, Count())
        return found

    def wrong(self) -> list[tuple[str, str]]:
        """What differed, of orders too."""
        return [*self.differs, *([] if self.orders is None else self.orders.differs)]

    def _instruments(self, venue: str, rows: Mapping[str, list[str]]) -> None:
        listed = self.sim.exchange.rules(venue)
        for symbol in sorted({*listed, *rows}):
            truth = [Decimal(listed[symbol].tick), Decimal(listed[symbol].step)] if symbol in listed else None
            said = [Decimal(one) for one in rows[symbol]] if symbol in rows else None
            if not self.instruments.add(truth == said):
                self.differs.append((f"instrument {symbol}", f"{said}, not {truth}"))

    def _trades(self, told: Mapping[str, Any]) -> None:
        one = self.sim.exchange.instrument(told["venue"], told["symbol"])
        name = _IDS.get(told["venue"], str)
        truth = {
            name(trade.trade_id): (Decimal(one.price_text(trade.price)), Decimal(one.size_text(trade.size)))
            for trade in self.sim.exchange.trades(told["venue"], told["symbol"], RING)
        }
        for id, price, size in told["rows"]:
            if not self.trades.add(truth.get(id) == (Decimal(price), Decimal(size))):
                self.differs.append((f"trade of {told['name']}", f"{id} {price} {size}, not {truth.get(id)}"))

    def _book(self, told: Mapping[str, Any]) -> None:
        name, number = told["name"], told["number"]
        floats = any(isinstance(one, float) for side in told["sides"] for row in side for one in row)
        said = [exact(side, floats) for side in told["sides"]]
        self.levels += sum(map(len, said))
        try:
            if not isinstance(number, int):
                raise KeyError("a book has a number")
            truths = self._truths(told, number, floats)
        except KeyError as error:
            self.books.add(False)
            if self._may_be_newer(name):
                name += ", and what has no update is newer than none"
            self.differs.append((name, f"{told['venue']} {told['symbol']}: there is no update {number}: {error}"))
            return
        if not self.books.add(said in truths):
            truth = min(truths, key=lambda one: len(wrong(said, one)))
            if self._may_be_newer(name) and not self._newer(told, said, truth):
                name += ", and what differs was never so later"
            if self._may_have_more(name) and not more(said, truth):
                name += ", and not all of the truth is in it"
            self.differs.append((name, f"{told['venue']} {told['symbol']} at {number}: {difference(said, truth)}"))

    def _may_be_newer(self, name: str) -> bool:
        """Whether a known fault explains this book, but only one that is newer than its number."""
        return any(fault.newer and fault.covers(name) for fault in self.known)

    def _may_have_more(self, name: str) -> bool:
        """Whether a known fault explains this book, but only one that has too much."""
        return any(fault.more and fault.covers(name) for fault in self.known)

    def watch(self) -> None:
        """Remember every change of a level from here on, where a known fault may have to be told from others."""
        if any(fault.newer for fault in self.known):
            for venue in self.sim.venues:
                self.sim.exchange.listen(venue, partial(self._happened, venue))

    def _happened(self, venue: str, symbol: str, event: Event) -> None:
        if isinstance(event, LevelChange):
            one = self.sim.exchange.instrument(venue, symbol)
            price, size = Decimal(one.price_text(event.price)), Decimal(one.size_text(event.size))
            self._later.setdefault((venue, symbol, event.side, price), {})[event.update_id] = size

    def _newer(self, told: Mapping[str, Any], said: list[Rows], truth: list[Rows]) -> bool:
        """Whether all that differs is what the exchange had after a later update."""
        for side, (ours, theirs) in enumerate(zip(said, truth, strict=True)):
            mine, true = dict(ours), dict(theirs)
            for price in mine.keys() | true.keys():
                if mine.get(price) == true.get(price):
                    continue
                changes = self._later.get((told["venue"], told["symbol"], side, price), {})
                if mine.get(price, 0) not in [size for number, size in changes.items() if number > told["number"]]:
                    return False
        return True

    def _truths(self, told: Mapping[str, Any], number: int, floats: bool) -> list[list[Rows]]:
        """One book, after an update; where a peer tells a time alone, those of this millisecond, or nanosecond."""
        where = told["venue"], told["symbol"]
        if (unit := _TIMES.get(told["by"])) is not None:
            books = self.sim.books_in(*where, number * unit, (number + 1) * unit - 1, told["depth"])
        else:
            books = [self.sim.book_at(*where, number - VERSIONS if told["by"] == "version" else number, told["depth"])]
        return [[exact(side, floats) for side in (one.bids, one.asks)] for one in books]


def exact(rows: list[Any], floats: bool) -> Rows:
    """Prices and sizes as numbers: floats where the peer has floats, of the same text."""
    number = float if floats else Decimal
    return [(number(price), number(size)) for price, size in rows]


def wrong(said: list[Rows], truth: list[Rows]) -> list[str]:
    """Each level that differs, in words."""
    found: list[str] = []
    for side, ours, theirs in zip(("bid", "ask"), said, truth, strict=True):
        mine, true = dict(ours), dict(theirs)
        prices = [price for price in mine.keys() | true.keys() if mine.get(price) != true.get(price)]
        found += [f"{side} {price} is {mine.get(price)}, not {true.get(price)}" for price in sorted(prices)]
    return found


def more(said: list[Rows], truth: list[Rows]) -> bool:
    """Whether every true level is there."""
    return all({*theirs} <= {*ours} for ours, theirs in zip(said, truth, strict=True))


def difference(said: list[Rows], truth: list[Rows]) -> str:
    """Where two books differ, in a few words."""
    found = wrong(said, truth)
    return f"{len(found)} of {sum(map(len, truth))} levels, {'; '.join(found[:2])}"


def unexplained(what: list[tuple[str, str]], known: tuple[Known, ...]) -> list[tuple[str, str]]:
    """Those that no known fault covers."""
    return [one for one in what if not any(fault.covers(one[0]) for fault in known)]
