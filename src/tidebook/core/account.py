"""What is known of one account: orders, fills, balances, positions. It never goes backwards.

Sans I/O. Rows come from the account's stream, from answers to what was done, and from what is fetched after each login;
they may come twice, late, or not at all. What is kept of each is the furthest that anybody has said of it:

- An **order** has ended or not, is filled so far, and is of an instant, in this order: what is behind in these is
  behind. Of what is level the stream is believed.
- A **fill** is known once it was told, by its order and id.
- A symbol that is not listed yet is called by the venue's id, and by its name from when that is known (`rename`).
- **Balances** and **positions** are of an instant. Where the venue does not say of which, what the stream has said
  since the question was asked is newer than the answer.

Whether anything is missing can be told: what an order is filled by is the sum of its fills. Where it is not, and where
a fill's order is not known, there is something to ask for: `owing`, `strangers`.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Literal, TypeVar, cast

import msgspec

from tidebook.core.clock import SECOND
from tidebook.core.trading import Row
from tidebook.errors import UsageError
from tidebook.model.number import Exact, compared, plus
from tidebook.model.orders import Balance, Fill, Leg, Margin, Order, Position

Key = tuple[str, str]
"""Of an order: its symbol, and the venue's id."""
FillKey = tuple[str, str, str]
"""Of a fill: its symbol, the order's id, and its own, which two orders of one account may have in common."""
PositionKey = tuple[str, Leg, Margin]
"""Of a position: its symbol, and which of those that an account may have of it."""
Source = Literal["stream", "answer"]
Kept = TypeVar("Kept", Balance, Position)
At = TypeVar("At", str, PositionKey)
N = TypeVar("N", Order, Fill, Position)
_LEGS: Final[tuple[Leg, ...]] = ("net", "long", "short")
_MARGINS: Final[tuple[Margin, ...]] = ("", "cross", "isolated")
_LEARNED: Final = ("client_id", "exact_price", "exact_trigger", "exact_size", "created_ns", "reason")
_UNSURE: Final = 60 * SECOND
"""What an account begins at is the venue's time as we know it: so far before that an order may be one of since then."""
_STAMPS: Final = frozenset({"venue_ns", "received_ns"})


class Owed(msgspec.Struct, frozen=True):
    """A symbol of which fills are missing, of orders that were made from an instant on (None: nobody knows when)."""

    symbol: str
    since_ns: int | None


@dataclass(slots=True)
class _Held:
    """An order, what its known fills come to, and when it was last told of (a mark). `forgot`: of some nothing is left
    but that they are in the sum.
    """

    order: Order
    mark: int
    summed: Exact = (0, 0)
    forgot: bool = False


class Holdings:
    """See the module. `began_ns` is the venue's time from which on all fills are wanted; older ones are kept where
    their order is known. `changed` is called with each row that says something new, once.

    At most `kept` orders that have ended, and `kept` fills, are kept. A fill that was forgotten is not told of again:
    where one that is missing cannot be told from such a one, it stays missing, and that can be seen. Nor is an order
    that has ended, which only an answer speaks of: its fills would be told of as new.
    """

    def __init__(self, began_ns: int, kept: int, changed: Callable[[Row], None]) -> None:
        self.fills: dict[FillKey, Fill] = {}
        self.balances: dict[str, Balance] = {}
        self.positions: dict[PositionKey, Position] = {}
        self.began_ns = began_ns
        self._orders: dict[Key, _Held] = {}
        self._by_client: dict[str, Key] = {}
        self._by_id: dict[str, Key] = {}
        self._ended: dict[Key, None] = {}
        self._owing: set[Key] = set()
        self._strangers: dict[Key, None] = {}  # orders of which there are fills and nothing else
        self._sums: dict[Key, Exact] = {}  # of theirs
        self._marks: dict[tuple[type, Hashable], int] = {}  # of levels: when the stream last told
        self._mark = 0
        self._forgotten_ns = 0  # up to here (the venue's time) fills may have been forgotten
        self._over_ns: int | None = None  # … and orders that have ended; None: none was
        self._names: dict[str, str] = {}  # what symbols were called that have another name now
        self._kept = kept
        self._changed = changed

    # Looking ------------------------------------------------------------------

    def order(self, id: str, symbol: str | None = None) -> Order | None:
        """An order by the client's id or the venue's; where several symbols have it, the newest."""
        key = self._by_client.get(id) or (self._by_id.get(id) if symbol is None else (symbol, id))
        held = None if key is None else self._orders.get(key)
        return None if held is None or symbol not in (None, held.order.symbol) else held.order

    def orders(self) -> list[Order]:
        return [held.order for held in self._orders.values()]

    def position(self, symbol: str, leg: Leg | None = None, margin: Margin | None = None) -> Position | None:
        """The position of a symbol, in the one-way mode the only one; in the hedge mode that of a leg. Where the venue
        has one across the account's margin and one with its own, that which is held.

        Raises UsageError where no leg is named and the account has the symbol in the hedge mode, and where both of two
        margins are held and none is named: neither of two positions is the one that it holds.
        """
        found = [
            row for one in (_LEGS if leg is None else (leg,)) for other in (_MARGINS if margin is None else (margin,))
            if (row := self.positions.get((symbol, one, other))) is not None
        ]  # fmt: skip
        if leg is None:
            net = [row for row in found if row.leg == "net"]
            apart = [row for row in found if row.leg != "net"]
            if apart and (not net or any(row.exact_size[0] for row in apart)):
                raise _several(apart, "in the hedge mode", f"leg={apart[0].leg!r}")
            found = net
        held = [row for row in found if row.exact_size[0]]
        if len(held) > 1:
            raise _several(held, "with two margins", f"margin={held[0].margin!r}")
        return next(iter(held or found), None)

    def open_orders(self) -> list[Order]:
        return [held.order for key, held in self._orders.items() if key not in self._ended]

    @property
    def owing(self) -> list[Owed]:
        """Of which symbols fills are missing."""
        found: dict[str, int | None] = {}
        for key in self._owing:
            created = self._orders[key].order.created_ns
            before = found.get(key[0], created)
            found[key[0]] = None if before is None or created is None else min(before, created)
        return [Owed(symbol, since) for symbol, since in sorted(found.items())]

    @property
    def strangers(self) -> list[Key]:
        """Orders of which there are fills and nothing else."""
        return [*self._strangers]

    def unknown(self, fills: Iterable[Fill]) -> list[Key]:
        """Orders of fills that would be kept and of which nothing is known."""
        keys = {
            (row.symbol, row.order_id): None
            for row in map(self._named, fills)
            if (row.symbol, row.order_id, row.id) not in self.fills and not self._is_told(row, None)
        }
        return [key for key in keys if key not in self._orders]

    def _is_old(self, fill: Fill) -> bool:
        return fill.venue_ns is not None and fill.venue_ns < self.began_ns

    @property
    def is_whole(self) -> bool:
        """Whether each fill has its order, and each order its fills."""
        return not self._owing and not self._strangers

    # Told ---------------------------------------------------------------------

    def mark(self) -> int:
        """This moment, for an answer to what is asked now."""
        self._mark += 1
        return self._mark

    def told(self, rows: Iterable[Row], source: Source = "stream") -> None:
        """Rows one by one: by the stream, or by the answer to something that was done or asked about one order."""
        for row in rows:
            if isinstance(row, Order):
                self._order(self._named(row), source)
            elif isinstance(row, Fill):
                self._fill(self._named(row), source)
            elif isinstance(row, Balance):
                self._level(self.balances, row.currency, row, source, self._mark)
            else:
                self._level(self.positions, _key(row := self._named(row)), row, source, self._mark)

    def listed(self, rows: Sequence[Order], mark: int) -> list[Order]:
        """All orders that are open, by the answer to a question of `mark`. What is to be asked after one by one: those
        that were open here, and are not in it, nor told of since.
        """
        before = self.open_orders()
        self.told(rows, "answer")
        there = {(row.symbol, row.id) for row in map(self._named, rows)}
        return [
            order for order in before
            if (key := (order.symbol, order.id)) not in there and key not in self._ended
            and key in self._orders and self._orders[key].mark < mark
        ]  # fmt: skip

    def balanced(self, rows: Sequence[Balance], mark: int) -> None:
        """All balances, likewise; what is not among them is 0."""
        absent = [
            msgspec.structs.replace(row, exact_free=(0, 0), exact_held=(0, 0), venue_ns=None)
            for currency, row in self.balances.items()
            if currency not in {one.currency for one in rows} and (row.exact_free[0] or row.exact_held[0])
        ]
        for row in (*rows, *absent):
            self._level(self.balances, row.currency, row, "answer", mark)

    def positioned(self, rows: Sequence[Position], mark: int) -> None:
        """All positions, likewise, each leg for itself."""
        rows = [self._named(row) for row in rows]
        there = {_key(one) for one in rows}
        absent = [
            msgspec.structs.replace(
                row, exact_size=(0, 0), exact_entry=None, exact_unrealized=None, exact_liquidation=None, venue_ns=None
            )
            for key, row in self.positions.items()
            if key not in there and row.exact_size[0]
        ]
        for row in (*rows, *absent):
            self._level(self.positions, _key(row), row, "answer", mark)

    def gone(self, key: Key) -> None:
        """The venue knows no such order any more: it is open no longer, and what became of it nobody knows."""
        key = (self._names.get(key[0], key[0]), key[1])
        self._strangers.pop(key, None)
        if key in self._orders:
            self._forget(key)

    def rename(self, old: str, new: str) -> None:
        """What was called `old`, before it was listed, is called `new`, also in what comes late.

        Orders and positions are told of by their new name. Fills are not: whoever sums up would count them twice.
        """
        self._names[old] = new

        def named(key: Key) -> Key:
            return (new, key[1]) if key[0] == old else key

        self.fills = {(*named(key[:2]), key[2]): self._named(row) for key, row in self.fills.items()}
        self._strangers = dict.fromkeys(map(named, self._strangers))
        self._sums = {named(key): total for key, total in self._sums.items()}
        for key in [key for key in self._orders if key[0] == old]:
            self._rename_order(key, named(key))
        for at in [at for at in self.positions if at[0] == old]:
            row = self._named(self.positions.pop(at))
            self._marks[Position, _key(row)] = self._marks.pop((Position, at), 0)
            if self.positions.setdefault(_key(row), row) is row:
                self._changed(row)

    # Inside -------------------------------------------------------------------

    def _named(self, row: N) -> N:
        """By the name that its symbol has now."""
        name = self._names.get(row.symbol)
        return row if name is None else msgspec.structs.replace(row, symbol=name)

    def _rename_order(self, key: Key, new: Key) -> None:
        held = self._orders.pop(key)
        row = self._named(held.order)
        is_over = key in self._ended
        self._ended.pop(key, None)
        self._owing.discard(key)
        if (other := self._orders.get(new)) is not None:  # told of by both names
            row, held = _further(other.order, row, "answer")[0], other
            sizes = (fill.exact_size for one, fill in self.fills.items() if one[:2] == new)
            held.summed = reduce(plus, sizes, (0, 0))
        held.order = row
        self._orders[new], self._by_id[row.id] = held, new
        if row.client_id:
            self._by_client[row.client_id] = new
        if is_over or not row.open:
            self._ended[new] = None
        self._settle(new, held)
        self._changed(row)

    def _order(self, new: Order, source: Source) -> None:
        key = (new.symbol, new.id)
        held = self._orders.get(key)
        if held is None and source == "answer" and key not in self._strangers and self._was_over(new):
            return  # its fills would be told of as new
        if held is None:
            self._orders[key] = held = _Held(new, self._mark, self._sums.pop(key, (0, 0)))
            if key in self._strangers:
                del self._strangers[key]
                self._complete_fills(key, new)
            self._by_id[new.id] = key
            news = True
        else:
            row, news = _further(held.order, new, source)
            held.order = row
            held.mark = self.mark() if source == "stream" else held.mark
        if held.order.client_id:
            self._by_client[held.order.client_id] = key
        self._settle(key, held)
        if news:
            self._changed(held.order)
        if not held.order.open and key not in self._ended:
            self._ended[key] = None
            while len(self._ended) > self._kept:
                oldest = next(iter(self._ended))
                self._over_ns = max(self._over_ns or 0, self._orders[oldest].order.venue_ns or 0)
                self._forget(oldest)

    def _was_over(self, order: Order) -> bool:
        """Whether it had ended well before anything was to be known, or may be one that was told of and forgotten."""
        if order.open:
            return False
        if order.venue_ns is None:
            return self._over_ns is not None
        return order.venue_ns < self.began_ns - _UNSURE or (
            self._over_ns is not None and order.venue_ns <= self._over_ns
        )

    def _fill(self, new: Fill, source: Source) -> None:
        key, order = (new.symbol, new.order_id, new.id), (new.symbol, new.order_id)
        held = self._orders.get(order)
        if key in self.fills or (source == "answer" and self._is_told(new, held)):
            return
        if held is not None:
            new = _completed(new, held.order)
        self.fills[key] = new
        while len(self.fills) > self._kept:
            self._forget_fill(next(iter(self.fills)))
        if held is not None:
            held.summed = plus(held.summed, new.exact_size)
            self._settle(order, held)
        else:
            self._strangers[order] = None
            self._sums[order] = plus(self._sums.get(order, (0, 0)), new.exact_size)
        self._changed(new)

    def _complete_fills(self, key: Key, order: Order) -> None:
        """Of fills that came before their order. They are not told of again: whoever sums up would count them twice."""
        for one, fill in self.fills.items():
            if one[:2] == key:
                self.fills[one] = _completed(fill, order)

    def _is_told(self, fill: Fill, held: _Held | None) -> bool:
        """Whether an answer's fill is none that is wanted, or may be one that was told of and forgotten."""
        is_forgotten = fill.venue_ns is not None and fill.venue_ns <= self._forgotten_ns
        return (self._is_old(fill) or is_forgotten) if held is None else (held.forgot and is_forgotten)

    def _forget_fill(self, key: FillKey) -> None:
        fill = self.fills.pop(key)
        self._forgotten_ns = max(self._forgotten_ns, fill.venue_ns or 0)
        if (held := self._orders.get(key[:2])) is not None:
            held.forgot = True

    def _settle(self, key: Key, held: _Held) -> None:
        """Whether fills of an order are missing."""
        if compared(held.order.exact_filled, held.summed) > 0:
            self._owing.add(key)
        else:
            self._owing.discard(key)

    def _level(self, rows: dict[At, Kept], key: At, new: Kept, source: Source, mark: int) -> None:
        old, name = rows.get(key), (type(new), key)
        if source == "stream":
            self._marks[name] = self.mark()
        if old is not None:
            ahead = None if old.venue_ns is None or new.venue_ns is None else new.venue_ns - old.venue_ns
            is_told = source == "answer" and self._marks.get(name, 0) > mark  # by the stream, since it was asked
            if (ahead is not None and ahead < 0) or (is_told and not ahead):
                return
            if new.venue_ns is None:
                new = msgspec.structs.replace(new, venue_ns=old.venue_ns)
        rows[key] = new
        if old is None or not _same(old, new):
            self._changed(new)

    def _forget(self, key: Key) -> None:
        held = self._orders.pop(key)
        self._ended.pop(key, None)
        self._owing.discard(key)
        for names, name in ((self._by_client, held.order.client_id), (self._by_id, held.order.id)):
            if names.get(name) == key:
                del names[name]


def _key(row: Position) -> PositionKey:
    return row.symbol, row.leg, row.margin


def _several(rows: Sequence[Position], how: str, say: str) -> UsageError:
    symbol, named = rows[0].symbol, " and ".join(repr(row) for row in rows)
    text = f"{symbol}: the account has its positions {how}, {named}: which of them? {say}, or find(symbol=…) for all"
    return UsageError(text, venue=rows[0].venue, symbol=symbol)


def _completed(fill: Fill, order: Order) -> Fill:
    """With what its order says of it, and it does not itself."""
    told: dict[str, Any] = {}
    if not fill.client_id and order.client_id:
        told["client_id"] = order.client_id
    if fill.leg is None:
        told["leg"] = order.leg
    return msgspec.structs.replace(fill, **told) if told else fill


def _further(old: Order, new: Order, source: Source) -> tuple[Order, bool]:
    """What is known of an order after another report, and whether that is news."""
    ahead = (not new.open) - (not old.open) or compared(new.exact_filled, old.exact_filled)
    if not ahead and new.venue_ns is not None and old.venue_ns is not None:
        ahead = new.venue_ns - old.venue_ns
    if not ahead:
        ahead = 1 if source == "stream" else -1
    front, back = (new, old) if ahead > 0 else (old, new)
    lacking: dict[str, Any] = {name: getattr(back, name) for name in _LEARNED if not getattr(front, name)}
    more = compared(back.exact_filled, front.exact_filled)
    if more > 0:  # it has ended, and what is filled never falls
        lacking |= {"exact_filled": back.exact_filled, "exact_cost": back.exact_cost}
    elif not more and front.exact_cost is None:
        lacking["exact_cost"] = back.exact_cost
    row = msgspec.structs.replace(front, **lacking) if lacking else front
    return row, not _same(old, row)


def _same(one: Row, other: Row) -> bool:
    """Whether two rows say the same, whenever they were said; 1.0 and 1.00 are the same."""
    for name in type(one).__struct_fields__:
        if name in _STAMPS:
            continue
        a, b = getattr(one, name), getattr(other, name)
        if a == b:
            continue
        if not (name.startswith("exact_") and a is not None and b is not None):
            return False
        if compared(cast("Exact", a), cast("Exact", b)):
            return False
    return True
