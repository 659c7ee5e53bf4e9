"""Bars and day statistics of one market: from its trades since it began, from its reference price before that.

Prices are in ticks, volumes in lots, amounts in ticks × lots, or as `Instrument.amount` counts them.
"""

from collections.abc import Callable, Iterable, Iterator
from math import exp, sqrt
from random import Random
from typing import Final, NamedTuple

from tidebook.core.span import Span
from tidebook.sim.matching import BID, Trade

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_KEPT_SECONDS: Final = 3_600
_KEPT_MINUTES: Final = 3 * 24 * 60
_KEPT_HOURS: Final = 1_000
_FINE_HISTORY: Final = 2 * DAY  # before a market's birth; what is older comes by the hour,
_DISTANT: Final = ((400 * DAY, 32 * DAY), (40 * DAY, DAY))  # and what is older than that by so much at a time
_KEPT_DISTANT: Final = 2_000
_KEPT_FINE: Final = 31 * 24


class Bar(NamedTuple):
    """What was traded in [open_ns, open_ns + interval). Ids are −1 where no trade with an id was."""

    open_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    amount: int
    trades: int
    bought_volume: int  # by takers
    bought_amount: int
    first_id: int
    last_id: int


class Day(NamedTuple):
    """The last 24 hours, to the minute: `bar.open_ns` is where they begin. `last_size` 0: no trade yet."""

    bar: Bar
    before: int  # the price of the last trade before
    last_size: int
    now_ns: int


Amount = Callable[[int, int], int]
"""What so many lots at a price in ticks pay."""


def _product(price: int, size: int) -> int:
    return price * size


def _joined(open_ns: int, bars: Iterable[Bar]) -> Bar | None:
    """Several bars as one."""
    whole: Bar | None = None
    for bar in bars:
        if whole is None:
            whole = bar if bar.open_ns == open_ns else bar._replace(open_ns=open_ns)
            continue
        whole = Bar(
            open_ns,
            whole.open,
            max(whole.high, bar.high),
            min(whole.low, bar.low),
            bar.close,
            whole.volume + bar.volume,
            whole.amount + bar.amount,
            whole.trades + bar.trades,
            whole.bought_volume + bar.bought_volume,
            whole.bought_amount + bar.bought_amount,
            bar.first_id if whole.first_id < 0 else whole.first_id,
            bar.last_id if bar.last_id >= 0 else whole.last_id,
        )
    return whole


def _quiet(open_ns: int, price: int) -> Bar:
    return Bar(open_ns, price, price, price, price, 0, 0, 0, 0, 0, -1, -1)


class History:
    """Bars before a market began, each a pure function of the seed, the market and its opening time.

    An hour is its sixty minutes, but for the distant past `whole` makes it, and more, at once, at other lows, highs and
    volumes.

    Arguments:
        name: seed, venue and symbol.
        price: the reference in ticks at an instant.
        volume: the median of lots traded in a minute.
        trades: the median of their number.
        amount: where that is not price × volume.
    """

    def __init__(
        self, name: str, price: Callable[[int], float], volume: float, trades: float, amount: Amount | None = None
    ) -> None:
        self._name = name
        self._price = price
        self._volume = volume
        self._trades = trades
        self._amount = amount
        self._hours: dict[int, tuple[Bar, ...]] = {}  # of a month: what is read page after page is asked for again

    def minute(self, open_ns: int) -> Bar:
        hour_ns = open_ns - open_ns % HOUR
        hour = self._hours.get(hour_ns)
        if hour is None:
            hour = self._hours[hour_ns] = tuple(self._make(hour_ns))
            if len(self._hours) > _KEPT_FINE:
                del self._hours[next(iter(self._hours))]
        return hour[(open_ns - hour_ns) // MINUTE]

    def whole(self, open_ns: int, length_ns: int) -> Bar:
        """An hour or more at once."""
        hours = length_ns // HOUR
        rng = Random(f"{self._name}/hour/{open_ns}" if hours == 1 else f"{self._name}/{hours} hours/{open_ns}")
        prices = (max(1, round(self._price(open_ns))), max(1, round(self._price(open_ns + length_ns))))
        return self._bar(rng, open_ns, prices, length_ns // MINUTE, 2e-3 * sqrt(hours))

    def _make(self, hour_ns: int) -> Iterator[Bar]:
        rng = Random(f"{self._name}/minutes/{hour_ns}")
        closing = max(1, round(self._price(hour_ns)))
        for n in range(60):
            opening, closing = closing, max(1, round(self._price(hour_ns + (n + 1) * MINUTE)))
            yield self._bar(rng, hour_ns + n * MINUTE, (opening, closing), 1, 2e-4)

    def _bar(self, rng: Random, open_ns: int, prices: tuple[int, int], minutes: int, wick: float) -> Bar:
        opening, closing = prices
        middle = (opening + closing) / 2
        high = max(prices) + int(abs(rng.gauss(0, wick)) * middle)
        low = max(1, min(prices) - int(abs(rng.gauss(0, wick)) * middle))
        busy = exp(0.6 * rng.gauss(0, 1)) * minutes
        volume = max(1, int(self._volume * busy))
        bought = int(volume * min(0.9, max(0.1, rng.gauss(0.5, 0.12))))
        count = max(1, int(self._trades * busy))
        if self._amount is None:
            amounts = (volume, int(volume * middle), count, bought, int(bought * middle))
        else:
            price = max(1, int(middle))
            amounts = (volume, self._amount(price, volume), count, bought, self._amount(price, bought))
        return Bar(open_ns, opening, high, low, closing, *amounts, -1, -1)


class Tape:
    """Bars of one market. Trades come in their order, none before `birth_ns`; there are no bars before `listed_ns`."""

    def __init__(self, birth_ns: int, history: History, listed_ns: int = 0, amount: Amount | None = None) -> None:
        self._listed_ns = listed_ns
        self._birth_ns = birth_ns
        self._history = history
        self._amount = _product if amount is None else amount
        self._seconds: dict[int, Bar] = {}
        self._minutes: dict[int, Bar] = {}
        self._hours: dict[int, Bar] = {}  # whole ones that are over
        self._distant: dict[tuple[int, int], Bar] = {}  # by span and opening
        self._last: Trade | None = None

    def add(self, trade: Trade) -> None:
        price, size = trade.price, trade.size
        amount = self._amount(price, size)
        bought = size if trade.taker_side == BID else 0
        paid = amount if bought else 0
        self._last = trade
        for bars, span, kept in (
            (self._seconds, SECOND, _KEPT_SECONDS),
            (self._minutes, MINUTE, _KEPT_MINUTES),
        ):
            open_ns = trade.time_ns - trade.time_ns % span
            old = bars.get(open_ns)
            if old is None:
                one = (size, amount, 1, bought, paid, trade.trade_id, trade.trade_id)
                bars[open_ns] = Bar(open_ns, price, price, price, price, *one)
                if len(bars) > kept:
                    del bars[next(iter(bars))]
                continue
            bars[open_ns] = Bar(
                open_ns,
                old.open,
                max(old.high, price),
                min(old.low, price),
                price,
                old.volume + size,
                old.amount + amount,
                old.trades + 1,
                old.bought_volume + bought,
                old.bought_amount + paid,
                old.first_id,
                trade.trade_id,
            )

    def bars(self, span: Span, start_ns: int, end_ns: int, now_ns: int, *, most: int = 5_000) -> list[Bar]:
        """Bars that open in [start, end], the oldest first, none after `now_ns`; the last one may be unfinished.

        Below a minute only what was traded since the market began, an hour at most. Not more than `most`: the first.
        """
        if not span.months and (span.ns <= 0 or span.ns % SECOND):
            raise ValueError("an interval is whole seconds")
        fine = not span.months and bool(span.ns % MINUTE)
        start_ns = max(start_ns, self._listed_ns)
        if fine:  # the first one is that in which the market began
            start_ns = max(start_ns, now_ns - _KEPT_SECONDS * SECOND, span.opening(self._birth_ns))
        open_ns = span.opening(start_ns)
        if open_ns < start_ns:
            open_ns = span.after(open_ns)
        found: list[Bar] = []
        while open_ns <= min(end_ns, now_ns) and len(found) < most:
            next_ns = span.after(open_ns)
            if next_ns - open_ns == MINUTE:
                bar = self._minute(open_ns)
            else:
                bar = self._between(open_ns, min(next_ns, now_ns + 1), now_ns, SECOND if fine else MINUTE)
            found.append(
                _quiet(open_ns, found[-1].close if found else self._price_before(open_ns)) if bar is None else bar
            )
            open_ns = next_ns
        return found

    def day(self, now_ns: int) -> Day:
        """Statistics of the last 24 hours."""
        start_ns = now_ns - now_ns % MINUTE - DAY
        bar = self._between(start_ns, now_ns + 1, now_ns, MINUTE) or _quiet(start_ns, self._price_before(now_ns))
        size = 0 if self._last is None else self._last.size
        return Day(bar, self._price_before(start_ns), size, now_ns)

    def glance(self, now_ns: int) -> Day:
        """The same at a fraction of the work: from a whole hour on, what was before `birth_ns` to the hour."""
        hour_ns = now_ns - now_ns % HOUR
        hours = range(hour_ns - DAY, hour_ns, HOUR)
        parts = [self._once(HOUR, one) if one + HOUR <= self._birth_ns else self._whole_hour(one) for one in hours]
        parts += self._parts(hour_ns, now_ns + 1, now_ns, MINUTE)
        bar = _joined(hours[0], filter(None, parts)) or _quiet(hours[0], self._price_before(now_ns))
        return Day(bar, bar.open, 0 if self._last is None else self._last.size, now_ns)

    # -------------------------------------------------------------------------------------------- inside

    def _between(self, start_ns: int, end_ns: int, now_ns: int, unit_ns: int) -> Bar | None:
        return _joined(start_ns, self._parts(start_ns, end_ns, now_ns, unit_ns))

    def _parts(self, start_ns: int, end_ns: int, now_ns: int, unit_ns: int) -> Iterator[Bar]:
        time_ns = start_ns
        while time_ns < end_ns:
            length_ns = self._at_once(time_ns, end_ns) if unit_ns == MINUTE else 0
            if length_ns:
                yield self._once(length_ns, time_ns)
                time_ns += length_ns
                continue
            if unit_ns == MINUTE and not time_ns % HOUR and time_ns + HOUR <= min(end_ns, now_ns):
                hour = self._whole_hour(time_ns)
                if hour is not None:
                    yield hour
                time_ns += HOUR
                continue
            part = self._seconds.get(time_ns) if unit_ns == SECOND else self._minute(time_ns)
            if part is not None:
                yield part
            time_ns += unit_ns

    def _whole_hour(self, open_ns: int) -> Bar | None:
        hour = self._hours.get(open_ns)
        if hour is None:
            if open_ns + _FINE_HISTORY < self._birth_ns:
                return self._once(HOUR, open_ns)
            parts = [part for n in range(60) if (part := self._minute(open_ns + n * MINUTE)) is not None]
            hour = _joined(open_ns, parts)
            if hour is not None:
                self._hours[open_ns] = hour
                if len(self._hours) > _KEPT_HOURS:
                    del self._hours[next(iter(self._hours))]
        return hour

    def _at_once(self, time_ns: int, end_ns: int) -> int:
        """How much of the distant past may come in one bar from an instant on: days, or nothing."""
        for age_ns, length_ns in _DISTANT:
            if not time_ns % length_ns and time_ns + age_ns < self._birth_ns and time_ns + length_ns <= end_ns:
                return length_ns
        return 0

    def _once(self, length_ns: int, open_ns: int) -> Bar:
        """A bar of the distant past; a month under way asks for hundreds of them every second."""
        bar = self._distant.get((length_ns, open_ns))
        if bar is None:
            bar = self._distant[length_ns, open_ns] = self._history.whole(open_ns, length_ns)
            if len(self._distant) > _KEPT_DISTANT:
                del self._distant[next(iter(self._distant))]
        return bar

    def _minute(self, open_ns: int) -> Bar | None:
        bar = self._minutes.get(open_ns)
        if bar is None and open_ns + MINUTE <= self._birth_ns:
            return self._history.minute(open_ns)
        return bar

    def _price_before(self, time_ns: int) -> int:
        """The last price before an instant."""
        closes = [bar.close for open_ns, bar in self._minutes.items() if open_ns + MINUTE <= time_ns]
        if closes:
            return closes[-1]
        minute_ns = min(time_ns, self._birth_ns) // MINUTE * MINUTE - MINUTE
        return self._history.minute(minute_ns).close
