"""One market as its venue tells of it: the books of the last minute, trades in groups, and bars on the venue's clock.

The exchange's world begins at a fixed instant; a venue's clock shows `shift_ns` more. Bars are therefore kept here once
more, on that clock.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Final, NamedTuple

from tidebook.core.clock import SECOND
from tidebook.core.dialect import Candle, Change, Group, Levels, Liquidated, Marked, Row, Rules, Sold, Today
from tidebook.core.span import Span
from tidebook.sim.bars import MINUTE, Bar, Day, History, Tape
from tidebook.sim.contracts import LIFE_NS
from tidebook.sim.exchange import RING, SLOT_NS, Exchange, amount_of
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import BID, Accepted, Event, LevelChange, Side, Trade
from tidebook.sim.server.marks import liquidated, marked

_MINUTE: Final = Span(MINUTE)
LISTED_NS: Final = 1_514_764_800 * SECOND  # 2018-01-01: since then there are bars
KEPT_NS: Final = 60 * SECOND
_KEPT_GROUPS: Final = 1_000
_KEPT_CANDLES: Final = 31 * 24 * 60

Ticks = dict[int, int]
Pair = tuple[Ticks, Ticks]


class Burst(NamedTuple):
    """What was traded at one instant."""

    trades: list[Sold]
    groups: list[Group]
    liquidated: list[Liquidated]


_NO_TRADES: Final = Burst([], [], [])


class Undo(NamedTuple):
    """One change of a level, and what stood there before."""

    time_ns: int
    update_id: int
    side: Side
    price: int
    before: int


class Past(History):
    """Before the market began: the exchange's bars, moved to the venue's clock."""

    def __init__(self, exchange: Exchange, venue: str, symbol: str, shift_ns: int) -> None:
        self._exchange = exchange
        self._ask = (venue, symbol)
        self._past = exchange.past(venue, symbol)
        self._shift_ns = shift_ns

        self._hours: dict[int, tuple[Bar, ...]] = {}

    def whole(self, open_ns: int, length_ns: int) -> Bar:
        return self._past.whole(_MINUTE.opening(open_ns - self._shift_ns), length_ns)._replace(open_ns=open_ns)

    def _make(self, hour_ns: int) -> Iterator[Bar]:
        """Where the exchange's clock passes through its market's beginning, the last of them are not there yet."""
        at_ns = _MINUTE.opening(hour_ns - self._shift_ns)
        for n, bar in enumerate(self._exchange.bars(*self._ask, _MINUTE, at_ns, most=60)):
            yield bar._replace(open_ns=hour_ns + n * MINUTE, first_id=-1, last_id=-1)


class Market:
    """See the module. `trades` and `groups` of the burst under way are taken by `burst`."""

    def __init__(self, exchange: Exchange, venue: str, rules: Rules, instrument: Instrument, shift_ns: int) -> None:
        symbol = instrument.symbol
        self.rules = rules
        self.shift_ns = shift_ns
        self._exchange = exchange
        self._ask = (venue, symbol)
        self._instrument = instrument
        whole = exchange.book(venue, symbol)
        self._sizes: Pair = (dict(whole.bids), dict(whole.asks))
        self._undo: deque[Undo] = deque()
        self._since_id = self.last = whole.update_id
        ring = exchange.trades(venue, symbol, RING)
        slot_ns = exchange.start_ns + (exchange.now_ns - exchange.start_ns) // SLOT_NS * SLOT_NS
        self._birth_ns = min([slot_ns, *(trade.time_ns for trade in ring[:1])]) + shift_ns
        # What was before that never changes; printing its numbers is most of the work of a page of bars.
        self._candles: dict[tuple[int, int], Candle] = {}
        listed_ns = LISTED_NS if instrument.expiry_ns is None else instrument.expiry_ns - LIFE_NS
        self._tape = Tape(self._birth_ns, Past(exchange, venue, symbol, shift_ns), listed_ns, amount_of(instrument))
        self._derived = exchange.derived(venue, symbol)
        self._outside: deque[int] = deque(maxlen=RING)  # orders of clients
        self._number = whole.update_id // 3
        self._groups: deque[Group] = deque(maxlen=_KEPT_GROUPS)
        self._fresh: list[Trade] = []
        self._count(ring)

    @property
    def now_ns(self) -> int:
        """The venue's clock."""
        return self._exchange.now_ns + self.shift_ns

    # ---- what happens

    def happened(self, events: Iterable[Event]) -> bool:
        """Take note of what happened; whether that is anything to tell."""
        sizes, undo, last = self._sizes, self._undo.append, self.last
        touched = False
        for event in events:
            if type(event) is LevelChange:
                time_ns, last, side, price, size = event
                levels = sizes[side]
                undo(Undo(time_ns, last, side, price, levels.get(price, 0)))
                if size:
                    levels[price] = size
                else:
                    levels.pop(price, None)
                touched = True
            elif type(event) is Trade:
                self._fresh.append(event)
                touched = True
            elif type(event) is Accepted and event.owner is not None:
                self._outside.append(event.order_id)
        self.last = last
        return touched

    def burst(self) -> Burst:
        """What was traded at the instant that is over."""
        fresh = self._fresh
        if not fresh:
            return _NO_TRADES
        self._fresh = []
        return Burst([self._sold(trade) for trade in fresh], self._count(fresh), self._forced(fresh))

    def _count(self, trades: Iterable[Trade]) -> list[Group]:
        found: list[Group] = []
        for trade in trades:
            self._tape.add(trade._replace(time_ns=trade.time_ns + self.shift_ns))
        for _, some in groupby(trades, key=lambda trade: (trade.taker_id, trade.price)):
            one = [*some]
            self._number += 1
            size = self._instrument.size_text(sum(trade.size for trade in one))
            found.append(Group(self._number, size, tuple(self._sold(trade) for trade in one)))
        self._groups.extend(found)
        return found

    # ---- books

    def levels(self, depth: int | None = None, step: int = 0) -> Levels:
        """The book at this instant; `step` is that of `core.dialect.Facts`."""
        whole = self._exchange.book(*self._ask, None if step else depth)
        if not step:
            return self._levels(whole.update_id, whole.bids, whole.asks)
        coarse = 10**step
        bids, asks = (_merged(side, coarse, sign)[:depth] for side, sign in ((whole.bids, 1), (whole.asks, -1)))
        return self._levels(whole.update_id, bids, asks)

    def levels_at(self, at_ns: int | None = None, update_id: int | None = None, depth: int | None = None) -> Levels:
        """The book as it was at an instant of the exchange, or after an update; at most a minute ago.

        It is stamped with that instant, or with one at which it was so. Raises KeyError for an update that is longer
        ago, or has not been.
        """
        before: Pair = ({}, {})  # of the levels that changed since
        last, since_ns = self.last, self._exchange.now_ns
        for one in reversed(self._undo):
            if last == update_id or (at_ns is not None and one.time_ns <= at_ns):
                since_ns = one.time_ns
                break
            before[one.side][one.price] = one.before
            last, since_ns = one.update_id - 1, one.time_ns - 1
        if update_id is not None and last != update_id:
            raise KeyError(f"the book of {self.rules.id} after update {update_id} is not known")
        book = self._exchange.book(*self._ask, None if depth is None else depth + max(map(len, before)))
        bids, asks = _before(book.bids, before[0])[::-1], _before(book.asks, before[1])
        whole = self._levels(last, bids[:depth], asks[:depth])
        return whole._replace(at_ns=(since_ns if at_ns is None else at_ns) + self.shift_ns)

    def id_at(self, at_ns: int) -> int:
        """The last update until an instant."""
        place = bisect_left(self._undo, at_ns + 1, key=lambda one: one.time_ns)
        return self._undo[place].update_id - 1 if place < len(self._undo) else self.last

    def change(self, prev: int) -> Change | None:
        """All levels that were touched after update `prev`, which is at most a minute ago."""
        if self.last == prev:
            return None
        touched: tuple[set[int], set[int]] = (set(), set())
        for one in reversed(self._undo):
            if one.update_id <= prev:
                break
            touched[one.side].add(one.price)
        bids = [(price, self._sizes[0].get(price, 0)) for price in sorted(touched[0], reverse=True)]
        asks = [(price, self._sizes[1].get(price, 0)) for price in sorted(touched[1])]
        at_ns = self._undo[-1].time_ns + self.shift_ns
        return Change(at_ns, prev + 1, self.last, prev, self._rows(bids), self._rows(asks))

    def forget(self) -> None:
        """Let go of what is longer ago than a minute."""
        oldest = self._exchange.now_ns - KEPT_NS
        while self._undo and self._undo[0].time_ns < oldest:
            self._undo.popleft()

    # ---- trades and bars

    def trades(self, most: int) -> list[Sold]:
        return [self._sold(trade) for trade in self._exchange.trades(*self._ask, most)]

    def groups(self, most: int) -> list[Group]:
        return list(islice(self._groups, max(0, len(self._groups) - most), None))

    def takers(self, most: int) -> list[tuple[Sold, ...]]:
        """The newest trades, those of one taker together; the oldest first."""
        ring = self._exchange.trades(*self._ask, most)
        return [tuple(self._sold(trade) for trade in some) for _, some in groupby(ring, key=lambda one: one.taker_id)]

    def liquidations(self, most: int) -> list[Liquidated]:
        """Those among the trades that are remembered."""
        found = self._forced(self._exchange.trades(*self._ask, RING))
        return found[max(0, len(found) - most) :]

    def mark(self) -> Marked:
        """Index, mark, funding, open interest, greeks at this instant."""
        return marked(self._instrument, self._derived, self._exchange.now_ns, self.shift_ns, lambda: self.levels(1))

    def candles(self, span: Span, start_ns: int | None, end_ns: int | None, most: int) -> list[Candle]:
        """As `core.dialect.Facts` says."""
        end_ns = min(self.now_ns if end_ns is None else end_ns, self.now_ns)
        if start_ns is None:
            start_ns = span.after(span.opening(end_ns), 1 - most)
        start_ns = max(0, start_ns)
        found = self._known(span, start_ns, end_ns, most)
        if found:
            start_ns = found[-1].end_ns
        bars = self._tape.bars(span, start_ns, end_ns, self.now_ns, most=most - len(found))
        return found + [self._candle(bar, span.after(bar.open_ns)) for bar in bars]

    def today(self) -> Today:
        return day_of(self._instrument, self._tape.day(self.now_ns), self.levels(1))

    def glance(self) -> Today:
        """The same, to the hour."""
        return day_of(self._instrument, self._tape.glance(self.now_ns), self.levels(1))

    # ---- inside

    def _known(self, span: Span, start_ns: int, end_ns: int, most: int) -> list[Candle]:
        """Those of [start, end] that were asked for before, from the first on until one was not."""
        found: list[Candle] = []
        opening = span.opening(start_ns)
        if opening < start_ns:
            opening = span.after(opening)
        while opening <= end_ns and len(found) < most:
            made = self._candles.get((opening, span.after(opening)))
            if made is None:
                break
            found.append(made)
            opening = made.end_ns
        return found

    def _candle(self, bar: Bar, end_ns: int) -> Candle:
        if end_ns > self._birth_ns:
            return candle(self._instrument, bar, end_ns, self.now_ns)
        made = self._candles.get((bar.open_ns, end_ns))
        if made is None:
            made = self._candles[bar.open_ns, end_ns] = candle(self._instrument, bar, end_ns, self.now_ns)
            if len(self._candles) > _KEPT_CANDLES:
                del self._candles[next(iter(self._candles))]
        return made

    def _forced(self, trades: Iterable[Trade]) -> list[Liquidated]:
        return liquidated(self._instrument, self._derived, trades, self.shift_ns, self._outside)

    def _levels(self, last: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> Levels:
        return Levels(self.now_ns, last, self._rows(bids), self._rows(asks))

    def _rows(self, levels: Iterable[tuple[int, int]]) -> list[Row]:
        return self._instrument.rows(levels)

    def _sold(self, trade: Trade) -> Sold:
        instrument = self._instrument
        return Sold(
            trade.trade_id,
            trade.time_ns + self.shift_ns,
            instrument.price_text(trade.price),
            instrument.size_text(trade.size),
            instrument.amount_text(instrument.amount(trade.price, trade.size)),
            "buy" if trade.taker_side == BID else "sell",
        )


def candle(instrument: Instrument, bar: Bar, end_ns: int, now_ns: int) -> Candle:
    open_ns, *prices, volume, amount, trades, bought, paid, first_id, last_id = bar
    first, high, low, last = instrument.price_texts(prices)
    size, bought_size = instrument.size_texts((volume, bought))
    return Candle(
        open_ns, end_ns, first, high, low, last, size, instrument.amount_text(amount), trades,
        bought_size, instrument.amount_text(paid), first_id, last_id, end_ns <= now_ns,
    )  # fmt: skip


def day_of(instrument: Instrument, day: Day, best: Levels) -> Today:
    whole = candle(instrument, day.bar, day.now_ns, day.now_ns)
    return Today(whole, instrument.price_text(day.before), instrument.size_text(day.last_size), best)


def glance(exchange: Exchange, venue: str, instrument: Instrument, shift_ns: int) -> Today:
    """As `core.dialect.Facts` says, of a market that has not begun."""
    day, best = exchange.glance(venue, instrument.symbol)
    moved = day._replace(bar=day.bar._replace(open_ns=day.bar.open_ns + shift_ns), now_ns=day.now_ns + shift_ns)
    rows = instrument.rows
    return day_of(instrument, moved, Levels(moved.now_ns, best.update_id, rows(best.bids), rows(best.asks)))


def _merged(levels: Iterable[tuple[int, int]], coarse: int, sign: int) -> list[tuple[int, int]]:
    """Levels on prices of `coarse` ticks, best first: bids (1) go down, asks (−1) up, to the next one."""
    sums: Ticks = {}
    for price, size in levels:
        key = sign * (sign * price // coarse) * coarse
        sums[key] = sums.get(key, 0) + size
    return [(price, size) for price, size in sums.items() if price]


def _before(levels: Iterable[tuple[int, int]], before: Ticks) -> list[tuple[int, int]]:
    """What was there before, upwards; `before` has the sizes of those that changed since, 0 where there was none."""
    kept = [level for level in levels if level[0] not in before]
    return sorted(kept + [(price, size) for price, size in before.items() if size])
