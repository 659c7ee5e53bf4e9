"""Agents that make one market lively: makers that come and go around a fair price, takers that trade through levels.

The shape follows recorded depth streams of a large venue: how many levels change in a tenth of a second (log-normal,
bursty, with storms), what happens to them (new, changed, gone, gone again at once), and where (most within a few basis
points, some very far). Everything is drawn from one generator of this market, so a market depends on its own seed and
on its own orders only, never on which other markets are running.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Final

from tidebook.sim.listing import ASSETS, Instrument, Liquidity
from tidebook.sim.matching import ASK, BID, OPPOSITE, Ladder, Order, OrderBook, Queue, Side

STEP_NS: Final = 100_000_000
_POINTS: Final = 4096
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Temper:
    """How a class of markets behaves.

    `mu`, `sigma`: of the log of changes per active step; `active`: share of the steps that are active.
    `storms`: chance per step that one begins. `takers`: orders per second. `depth`: levels a side that makers aim at.
    `spread_bps`: what makers leave between them. `near_bps`, `near_sigma`: median and width of the distance of near
    orders; `far`: share of far ones. `new`, `gone`, `flicker`: shares of what makers do; the rest are changed sizes.
    `touch`: share of all that happens at the best price. `notional`: median of an order in US dollars.
    """

    mu: float
    sigma: float
    active: float
    storms: float
    takers: float
    depth: int
    spread_bps: float
    near_bps: float
    near_sigma: float
    far: float
    new: float
    gone: float
    flicker: float
    touch: float
    notional: float


TEMPERS: Final[dict[Liquidity, Temper]] = {
    "deep": Temper(3.2, 1.0, 1.0, 0.012, 5.0, 1600, 0.0, 6.0, 1.25, 0.04, 0.43, 0.40, 0.03, 0.12, 500.0),
    "liquid": Temper(2.3, 1.0, 1.0, 0.008, 2.5, 1200, 0.6, 6.0, 1.4, 0.04, 0.30, 0.29, 0.05, 0.15, 400.0),
    "middle": Temper(1.1, 0.8, 0.87, 0.004, 0.7, 500, 3.0, 8.0, 1.5, 0.06, 0.36, 0.30, 0.08, 0.12, 200.0),
    "thin": Temper(0.3, 0.5, 0.25, 0.001, 0.08, 120, 30.0, 25.0, 1.2, 0.04, 0.18, 0.17, 0.02, 0.1, 60.0),
    "option": Temper(0.2, 0.5, 0.2, 0.0005, 0.04, 14, 250.0, 200.0, 0.9, 0.01, 0.18, 0.16, 0.02, 0.15, 900.0),
}

_PERSISTENCE: Final = 0.68  # of the quick part of the activity, per step
_SLOW_PERSISTENCE: Final = 0.99
_SLOW_SHARE: Final = 0.25
_STORM_END: Final = 0.35
_STORM_MU: Final = 5.8
_STORM_SIGMA: Final = 0.6
_MOST: Final = 1_500  # changes in one step
_MAKERS_LEAVE: Final = 0.75  # of the orders on the wrong side of the fair price; the others are traded away
_FAR_BPS: Final = (60.0, 4_000.0)


@cache
def _distances(near_bps: float, sigma: float, far: float) -> tuple[float, ...]:
    """Distances as fractions of the fair price, by rank: near ones log-normal, far ones spread evenly in the log."""
    near_points = int(_POINTS * (1 - far))
    near = [near_bps * exp(sigma * _NORMAL.inv_cdf((i + 0.5) / near_points)) for i in range(near_points)]
    low, high = (log(bps) for bps in _FAR_BPS)
    wide = [exp(low + (high - low) * i / (_POINTS - near_points)) for i in range(_POINTS - near_points + 1)]
    return tuple([min(bps, _FAR_BPS[1]) * 1e-4 for bps in sorted([*near, *wide])])


@cache
def _multiples(sigma: float) -> tuple[float, ...]:
    """Log-normal multiples of median 1, by rank."""
    return tuple([exp(sigma * _NORMAL.inv_cdf((i + 0.5) / _POINTS)) for i in range(_POINTS)])


class Crowd:
    """All agents of one market: `open` fills its book, `act` does what is due and says when to come again.

    Arguments:
        rng: this market's generator.
        fair: the fair price in ticks at an instant.
    """

    def __init__(self, rng: Random, instrument: Instrument, book: OrderBook, fair: Callable[[int], float]) -> None:
        self._random = rng.random
        self._gauss = rng.gauss
        self._book = book
        self._fair_at = fair
        self._temper = temper = TEMPERS[instrument.liquidity]
        self._distance = _distances(temper.near_bps, temper.near_sigma, temper.far)
        self._maker_sizes = _multiples(1.5)
        self._taker_sizes = _multiples(1.7)
        quote = ASSETS[instrument.priced_in].price
        lot = instrument.step_value * instrument.contract_value
        tick = instrument.tick_value
        # lots × price in ticks → US dollars; an inverse contract is worth the same at every price
        self._inverse = instrument.kind == "inverse"
        self._dollars = lot * quote if self._inverse else lot * tick * quote
        self._least = float(instrument.min_notional) * quote * 1.05
        self._quick = self._gauss(0.0, 1.0)
        self._slow = self._gauss(0.0, 1.0)
        self._storm = False
        self._plan: list[tuple[int, int]] = []
        self._flickers: list[int] = []
        self._trend = 0.0
        self._fair = 1.0

    # -------------------------------------------------------------------------------------------- opening

    def open(self, now_ns: int) -> int:
        """Fill both sides with the crowd's depth, of which no event tells; the instant of the first act."""
        self._fair = self._fair_at(now_ns)
        for side in (BID, ASK):
            self._book.seed(side, self._offers(side, self._temper.depth))
        self._plan_step(now_ns)
        return self._plan[-1][0]

    def _offers(self, side: Side, depth: int) -> Iterator[tuple[int, int]]:
        """Price and size of what to place next, until a side has so many levels.

        Where the grid is coarse it is a level on every price, from the best outwards.
        """
        ladder, random, distances = self._book.ladders[side], self._random, self._distance
        queues, sign, top = ladder.queues, ladder.sign, len(distances) - 1
        sizes, last, notional, least = self._maker_sizes, len(self._maker_sizes) - 1, self._temper.notional, self._least
        fair, half_spread = self._fair, self._temper.spread_bps * 0.5e-4
        for _ in range(depth * 4):
            if len(queues) >= depth:
                return
            # `_draw`, `_price` and `_size` without the calls: hundreds of markets begin here within a second
            place = random() * top
            rank = int(place)
            low = distances[rank]
            # wider than what happens later: a book that rests is dense some way off and thin at its touch
            away = fair * ((low + (distances[rank + 1] - low) * (place - rank)) * 2.5 + half_spread)
            price = int(fair - away) if side == BID else int(fair + away) + 1
            if price > 0 and price * sign not in queues:
                place = random() * last
                rank = int(place)
                low = sizes[rank]
                dollars = (low + (sizes[rank + 1] - low) * (place - rank)) * notional
                each = self._dollars if self._inverse else self._dollars * price
                yield price, int(max(least, dollars) / each) + 1
        price = self._price(side, 0.0)
        while len(queues) < depth and price > 0:
            if price * sign not in queues:
                yield price, self._size(price)
            price -= sign

    def _fill_side(self, side: Side, depth: int, now_ns: int) -> None:
        """Place until a side has so many levels, but for what would take."""
        for price, size in self._offers(side, depth):
            self._book.limit(side, price, size, now_ns, "post_only")

    # -------------------------------------------------------------------------------------------- acting

    def act(self, now_ns: int) -> int:
        """One burst: its changes all happen at this instant. The instant of the next one."""
        due, quota = self._plan.pop()
        assert due == now_ns
        self._fair = self._fair_at(now_ns)
        book = self._book
        until = book.update_id + quota
        for number in self._flickers:
            if number in book.orders:
                book.cancel(number, now_ns)
        self._flickers.clear()
        for side in (BID, ASK):
            self._leave_wrong_side(side, now_ns)
            if len(book.ladders[side]) * 4 < self._temper.depth:
                until += self._recover(side, now_ns)
        if self._random() < self._taking:
            self._trade(now_ns)
        if self._random() < 0.6:
            self._at_touch(BID if self._random() < 0.5 else ASK, now_ns)
        for _ in range(quota * 3):
            if book.update_id >= until:
                break
            self._change(now_ns)
        if not self._plan:
            self._plan_step(now_ns - now_ns % STEP_NS + STEP_NS)
        return self._plan[-1][0]

    def _plan_step(self, start_ns: int) -> None:
        """Draw the next active step: how much changes, in how many bursts, when."""
        temper, gauss, rnd = self._temper, self._gauss, self._random
        while True:
            self._quick = _PERSISTENCE * self._quick + (1 - _PERSISTENCE**2) ** 0.5 * gauss(0.0, 1.0)
            self._slow = _SLOW_PERSISTENCE * self._slow + (1 - _SLOW_PERSISTENCE**2) ** 0.5 * gauss(0.0, 1.0)
            self._storm = rnd() >= _STORM_END if self._storm else rnd() < temper.storms
            if rnd() < temper.active:
                break
            start_ns += STEP_NS
        activity = (1 - _SLOW_SHARE) ** 0.5 * self._quick + _SLOW_SHARE**0.5 * self._slow
        log_count = temper.mu + temper.sigma * activity
        if self._storm:
            storm = _STORM_MU - 3.3 + temper.mu + _STORM_SIGMA * gauss(0.0, 1.0)
            log_count = max(log_count, storm)
        count = min(int(exp(log_count)) + 1, _MOST)
        bursts = max(1, min(count, int(count**0.6)))
        self._trend = 0.98 * self._trend + 0.2 * gauss(0.0, 1.0)
        # takers come with the activity, in the same bursts as the makers
        expected = temper.takers * 0.1 / temper.active * exp(0.8 * activity - 0.32)
        self._taking = min(expected / bursts, 0.8)
        times = sorted([int(rnd() * (STEP_NS - 1)) for _ in range(bursts)])
        each, rest = divmod(count, bursts)
        for i in range(bursts - 1, -1, -1):
            self._plan.append((start_ns + times[i], each + (i < rest)))

    def _leave_wrong_side(self, side: Side, now_ns: int) -> None:
        """Orders that the fair price has passed are taken back by their makers, or traded away in one sweep."""
        ladder, book = self._book.ladders[side], self._book
        bound = self._fair * ladder.sign + self._temper.spread_bps * 0.4e-4 * self._fair
        if not ladder.keys or ladder.keys[-1] <= bound:
            return
        for key in [key for key in ladder.keys[bisect_left(ladder.keys, bound) :] if key > bound]:
            if self._random() < _MAKERS_LEAVE:
                self._withdraw(ladder.queues[key], now_ns)
        if ladder.keys and ladder.keys[-1] > bound:
            total = sum([ladder.queues[key].total for key in ladder.keys[bisect_left(ladder.keys, bound) :]])
            edge = int(bound * ladder.sign)
            book.limit(OPPOSITE[side], edge if side == BID else edge + 1, total, now_ns, "ioc")

    def _recover(self, side: Side, now_ns: int) -> int:
        """A side that was traded away comes back, some levels at a time; the changes made."""
        before = self._book.update_id
        depth = min(self._temper.depth, len(self._book.ladders[side]) + 60)
        self._fill_side(side, depth, now_ns)
        return self._book.update_id - before

    def _trade(self, now_ns: int) -> None:
        """A market order; its side leans to where the fair price and the trend go. Few are large and sweep."""
        bid, ask = self._book.bids.best, self._book.asks.best
        if bid is None or ask is None:
            return
        lean = (2 * self._fair - bid - ask) / (ask - bid) * 0.2 + self._trend * 0.15
        side: Side = BID if self._random() < 0.5 + max(-0.4, min(0.4, lean)) else ASK
        price = ask if side == BID else bid
        size = self._lots(self._draw(self._taker_sizes) * self._temper.notional * 0.6, price)
        reach = int(price * 8e-4) + 2
        self._book.limit(side, max(1, price + reach if side == BID else price - reach), size, now_ns, "ioc")

    def _change(self, now_ns: int) -> None:
        """One thing that a maker does."""
        temper, draw = self._temper, self._random()
        side: Side = BID if self._random() < 0.5 else ASK
        if draw < temper.touch:
            self._at_touch(side, now_ns)
            return
        draw = (draw - temper.touch) / (1 - temper.touch)
        ladder = self._book.ladders[side]
        distance = self._draw(self._distance)
        pull = max(-0.15, min(0.15, (temper.depth - len(ladder)) / temper.depth))
        if draw < temper.flicker:
            order = self._place(side, self._price(side, distance), now_ns)
            if order is not None:
                self._flickers.append(order.id)
        elif draw < temper.flicker + temper.new + pull:
            self._place(side, self._price(side, distance), now_ns)
        elif (queue := self._near(ladder, self._price(side, distance))) is None:
            self._fill_side(side, 10, now_ns)
        elif draw < temper.flicker + temper.new + temper.gone:
            self._withdraw(queue, now_ns)
        else:
            self._resize(queue, now_ns)

    def _at_touch(self, side: Side, now_ns: int) -> None:
        """Makers compete at the best price: they step inside a wide spread, join, shrink, or leave."""
        ladder, other = self._book.ladders[side], self._book.ladders[1 - side]
        best, against = ladder.best, other.best
        if best is None or against is None:
            self._fill_side(side, 10, now_ns)
            return
        gap = abs(against - best)
        inside = gap - 1 - int(self._temper.spread_bps * 1e-4 * self._fair)
        if inside > 0 and self._random() < 0.7:
            # as near to the fair price as the other side allows
            wish = self._price(side, self._temper.spread_bps * 0.5e-4 * self._random())
            better = max(1, min(inside, abs(wish - best))) if (wish - best) * ladder.sign > 0 else 1
            self._place(side, best + better * ladder.sign, now_ns)
        elif self._random() < 0.9:
            self._resize(ladder.queues[ladder.keys[-1]], now_ns)
        else:
            self._withdraw(ladder.queues[ladder.keys[-1]], now_ns)

    # -------------------------------------------------------------------------------------------- single steps

    def _place(self, side: Side, price: int, now_ns: int) -> Order | None:
        """A maker's order: never through the other side."""
        against = self._book.ladders[1 - side].best
        if against is not None:
            price = min(price, against - 1) if side == BID else max(price, against + 1)
        return self._book.limit(side, price, self._size(price), now_ns) if price > 0 else None

    def _near(self, ladder: Ladder, price: int) -> Queue | None:
        """The level at a price, or the next one away from the best; the last one if there is none."""
        keys = ladder.keys
        if not keys:
            return None
        index = bisect_left(keys, price * ladder.sign)
        return ladder.queues[
            keys[index if index < len(keys) and keys[index] == price * ladder.sign else max(index - 1, 0)]
        ]

    def _withdraw(self, queue: Queue, now_ns: int) -> None:
        """The agents' orders at a level are cancelled; those of outside clients stay."""
        order = queue.first
        while order is not None:
            after = order.after
            if order.owner is None:
                self._book.cancel(order.id, now_ns)
            order = after

    def _resize(self, queue: Queue, now_ns: int) -> None:
        """One more order at a level, or one that shrinks or goes while others stay."""
        order = queue.last
        if order is None or order.owner is not None or self._random() < 0.45:
            self._place(BID if self._book.bids.queues.get(queue.key) is queue else ASK, queue.price, now_ns)
        elif order.before is not None and order.before.owner is None and self._random() < 0.8:
            self._book.cancel(order.before.id, now_ns)
        elif order.left > 1:
            self._book.reduce(order.id, 1 + int(self._random() * (order.left - 1)), now_ns)
        else:
            self._withdraw(queue, now_ns)

    def _price(self, side: Side, distance: float) -> int:
        """The price in ticks at a distance from the fair one, outside of half the makers' spread."""
        fair = self._fair
        away = fair * (distance + self._temper.spread_bps * 0.5e-4)
        return int(fair - away) if side == BID else int(fair + away) + 1

    def _draw(self, table: tuple[float, ...]) -> float:
        place = self._random() * (len(table) - 1)
        rank = int(place)
        low = table[rank]
        return low + (table[rank + 1] - low) * (place - rank)

    def _size(self, price: int) -> int:
        return self._lots(self._draw(self._maker_sizes) * self._temper.notional, price)

    def _lots(self, dollars: float, price: int) -> int:
        each = self._dollars if self._inverse else self._dollars * price
        return max(1, int(max(dollars, self._least) / each) + 1)
