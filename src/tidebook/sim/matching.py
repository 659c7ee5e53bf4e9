"""Price-time priority matching for one instrument, in whole numbers: prices in ticks, sizes in lots.

No clock, no randomness, no I/O: the same calls give the same ids and the same events. Every call appends its events
to `events`, in the order in which they happened; who owns the book drains the list.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

Side = Literal[0, 1]
BID: Final = 0
ASK: Final = 1
OPPOSITE: Final[tuple[Side, Side]] = (1, 0)

Tif = Literal["gtc", "ioc", "fok", "post_only"]
State = Literal["open", "filled", "cancelled", "expired", "rejected"]
Reason = Literal["price", "size", "would_cross", "unfillable", "unknown", "not_admitted", "min_notional"]

# ------------------------------------------------------------------------------------------------ events


class Accepted(NamedTuple):
    """An order was taken in. A market order has price 0, one by quote amount has size 0. `owner` None: an agent's."""

    time_ns: int
    order_id: int
    side: Side
    price: int
    size: int
    owner: str | None


class Rejected(NamedTuple):
    """An order, a cancel or a reduction was refused; nothing happened."""

    time_ns: int
    order_id: int
    reason: Reason
    owner: str | None


class Trade(NamedTuple):
    """A fill, at the maker's price. `taker_side` ASK: the taker sold."""

    time_ns: int
    trade_id: int
    price: int
    size: int
    taker_side: Side
    maker_id: int
    taker_id: int


class LevelChange(NamedTuple):
    """The whole size that now stands at a price; 0: the level is gone. `update_id` rises by one with each."""

    time_ns: int
    update_id: int
    side: Side
    price: int
    size: int


class Reduced(NamedTuple):
    """An open order has less size left, at the same place in its queue."""

    time_ns: int
    order_id: int
    left: int
    owner: str | None


class Done(NamedTuple):
    """An accepted order ended. `left` is what was not filled."""

    time_ns: int
    order_id: int
    state: State
    left: int
    owner: str | None


Event = Accepted | Rejected | Trade | LevelChange | Reduced | Done

# ------------------------------------------------------------------------------------------------ orders and sides


class Order:
    """An order and what became of it. `paid` is the sum of price × size over its fills, in ticks × lots."""

    __slots__ = ("after", "before", "id", "left", "owner", "paid", "price", "queue", "reason", "side", "size", "state")

    def __init__(self, number: int, side: Side, price: int, size: int, owner: str | None) -> None:
        self.id = number
        self.side: Side = side
        self.price = price
        self.size = size
        self.left = size
        self.owner = owner
        self.paid = 0
        self.state: State = "open"
        self.reason: Reason | None = None
        self.queue: Queue | None = None
        self.before: Order | None = None
        self.after: Order | None = None

    @property
    def filled(self) -> int:
        return self.size - self.left

    def __repr__(self) -> str:
        return f"Order({self.id}, side={self.side}, {self.left}/{self.size} @ {self.price}, {self.state})"


class Queue:
    """The orders at one price, the oldest first, and the sum of what they have left."""

    __slots__ = ("first", "key", "last", "price", "total")

    def __init__(self, key: int, price: int) -> None:
        self.key = key
        self.price = price
        self.total = 0
        self.first: Order | None = None
        self.last: Order | None = None

    def append(self, order: Order) -> None:
        order.queue = self
        last = self.last
        if last is None:
            self.first = order
        else:
            last.after = order
            order.before = last
        self.last = order
        self.total += order.left

    def remove(self, order: Order) -> None:
        """Take an order out; its left size must have been taken off the total by the caller."""
        before, after = order.before, order.after
        if before is None:
            self.first = after
        else:
            before.after = after
        if after is None:
            self.last = before
        else:
            after.before = before
        order.before = order.after = order.queue = None


class Ladder:
    """One side. A price's key is price × `sign`: keys rise towards the best, which is therefore last in `keys`."""

    __slots__ = ("keys", "queues", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.queues: dict[int, Queue] = {}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def best(self) -> int | None:
        """The best price."""
        return self.keys[-1] * self.sign if self.keys else None

    def at(self, price: int) -> Queue | None:
        return self.queues.get(price * self.sign)

    def levels(self, n: int | None = None) -> list[tuple[int, int]]:
        """(price, size), best first."""
        keys = reversed(self.keys if n is None else self.keys[-n:] if n else [])
        queues = self.queues
        return [(queues[key].price, queues[key].total) for key in keys]

    def place(self, order: Order) -> Queue:
        key = order.price * self.sign
        queue = self.queues.get(key)
        if queue is None:
            queue = self.queues[key] = Queue(key, order.price)
            insort(self.keys, key)
        queue.append(order)
        return queue

    def drop(self, queue: Queue) -> None:
        """Take an empty queue out."""
        keys = self.keys
        if keys[-1] == queue.key:
            keys.pop()
        else:
            del keys[bisect_left(keys, queue.key)]
        del self.queues[queue.key]


# ------------------------------------------------------------------------------------------------ matching


class OrderBook:
    """The open orders of one instrument, matched by price, then time.

    The three numbers are the last ones given out before this book began. There is no self-trade prevention.
    """

    def __init__(self, *, order_id: int = 0, trade_id: int = 0, update_id: int = 0) -> None:
        self.order_id = order_id
        self.trade_id = trade_id
        self.update_id = update_id
        self.orders: dict[int, Order] = {}
        self.events: list[Event] = []
        self.bids = Ladder(1)
        self.asks = Ladder(-1)
        self.ladders: tuple[Ladder, Ladder] = (self.bids, self.asks)

    def seed(self, side: Side, offers: Iterable[tuple[int, int]]) -> None:
        """Agents' orders that rest from the beginning, as (price, size): they take ids, and no event tells of them.

        One at a price, none through the other side. Each is in the ladder's `queues` before the next is asked for.
        """
        ladder = self.ladders[side]
        queues, sign, orders = ladder.queues, ladder.sign, self.orders
        for price, size in offers:
            self.order_id += 1
            self.update_id += 1
            order = orders[self.order_id] = Order(self.order_id, side, price, size, None)
            key = price * sign
            queue = order.queue = queues[key] = Queue(key, price)
            queue.first = queue.last = order
            queue.total = size
        ladder.keys = sorted(queues)

    def limit(
        self, side: Side, price: int, size: int, now_ns: int, tif: Tif = "gtc", owner: str | None = None
    ) -> Order:
        """A limit order. `fok` fills whole or not at all, `post_only` is refused where it would take."""
        self.order_id += 1
        order = Order(self.order_id, side, price, size, owner)
        if size <= 0:
            return self._reject(order, "size", now_ns)
        if price <= 0:
            return self._reject(order, "price", now_ns)
        other = self.ladders[1 - side]
        bound = price * other.sign
        if other.keys and other.keys[-1] >= bound:
            if tif == "post_only":
                return self._reject(order, "would_cross", now_ns)
            if tif == "fok" and not self._fillable(other, bound, size):
                return self._reject(order, "unfillable", now_ns)
            self.events.append(Accepted(now_ns, order.id, side, price, size, owner))
            self._take(order, bound, None, now_ns)
        elif tif == "fok":
            return self._reject(order, "unfillable", now_ns)
        else:
            self.events.append(Accepted(now_ns, order.id, side, price, size, owner))
        if not order.left:
            self._done(order, "filled", now_ns)
        elif tif == "ioc":
            self._done(order, "expired", now_ns)
        else:
            self.orders[order.id] = order
            self._changed(side, self.ladders[side].place(order), now_ns)
        return order

    def market(
        self, side: Side, now_ns: int, *, size: int | None = None, quote: int | None = None, owner: str | None = None
    ) -> Order:
        """A market order for a size in lots, or for as many lots as an amount of ticks × lots pays for.

        What finds nobody expires. Of an order by quote amount, size and left are known once it is done.
        """
        amount = quote if size is None else size
        if amount is None or (size is not None and quote is not None):
            raise ValueError("a market order has either a size or a quote amount")
        self.order_id += 1
        order = Order(self.order_id, side, 0, size or 0, owner)
        if amount <= 0:
            return self._reject(order, "size", now_ns)
        self.events.append(Accepted(now_ns, order.id, side, 0, order.size, owner))
        other = self.ladders[1 - side]
        if other.keys:
            self._take(order, other.keys[0], quote, now_ns)
        spent = quote is None or order.paid == quote or bool(other.keys)
        self._done(order, "filled" if order.size and not order.left and spent else "expired", now_ns)
        return order

    def cancel(self, order_id: int, now_ns: int, owner: str | None = None) -> bool:
        """Take an owner's open order out. False, and an event Rejected, if there is none of this id."""
        order = self.orders.get(order_id)
        if order is None or order.owner != owner:
            self.events.append(Rejected(now_ns, order_id, "unknown", owner))
            return False
        del self.orders[order_id]
        queue = order.queue
        assert queue is not None
        queue.total -= order.left
        queue.remove(order)
        self._changed(order.side, queue, now_ns)
        self._done(order, "cancelled", now_ns)
        return True

    def reduce(self, order_id: int, left: int, now_ns: int, owner: str | None = None) -> bool:
        """Leave an owner's open order `left` lots, fewer than it has; it keeps its place in the queue."""
        order = self.orders.get(order_id)
        if order is None or order.owner != owner or not 0 < left < order.left:
            known = order is not None and order.owner == owner
            self.events.append(Rejected(now_ns, order_id, "size" if known else "unknown", owner))
            return False
        queue = order.queue
        assert queue is not None
        taken = order.left - left
        order.left = left
        order.size -= taken
        queue.total -= taken
        self.events.append(Reduced(now_ns, order_id, left, order.owner))
        self._changed(order.side, queue, now_ns)
        return True

    def refuse(self, side: Side, price: int, size: int, reason: Reason, now_ns: int, owner: str | None) -> Order:
        """An order that was refused before it came here: it takes an id and leaves an event, nothing else."""
        self.order_id += 1
        return self._reject(Order(self.order_id, side, price, size, owner), reason, now_ns)

    # -------------------------------------------------------------------------------------------- inside

    @staticmethod
    def _fillable(other: Ladder, bound: int, size: int) -> bool:
        for key in reversed(other.keys):
            if key < bound:
                return False
            size -= other.queues[key].total
            if size <= 0:
                return True
        return False

    def _take(self, order: Order, bound: int, quote: int | None, now_ns: int) -> None:
        """Fill against the other side up to the key `bound`, level by level."""
        other = self.ladders[1 - order.side]
        keys = other.keys
        while keys and keys[-1] >= bound:
            queue = other.queues[keys[-1]]
            wanted = order.left if quote is None else quote // queue.price
            if wanted <= 0:
                return
            taken = self._fill(order, queue, wanted, now_ns)
            order.paid += taken * queue.price
            if quote is None:
                order.left -= taken
            else:
                order.size += taken
                quote -= taken * queue.price
            self._changed(OPPOSITE[order.side], queue, now_ns)

    def _fill(self, order: Order, queue: Queue, wanted: int, now_ns: int) -> int:
        """Fill up to `wanted` lots in one queue, the oldest order first; the lots filled."""
        taken, events = 0, self.events
        while wanted > taken and (maker := queue.first) is not None:
            size = wanted - taken
            if size > maker.left:
                size = maker.left
            taken += size
            self.trade_id += 1
            events.append(Trade(now_ns, self.trade_id, queue.price, size, order.side, maker.id, order.id))
            maker.left -= size
            maker.paid += size * queue.price
            if not maker.left:
                queue.remove(maker)
                del self.orders[maker.id]
                self._done(maker, "filled", now_ns)
        queue.total -= taken
        return taken

    def _changed(self, side: Side, queue: Queue, now_ns: int) -> None:
        self.update_id += 1
        self.events.append(LevelChange(now_ns, self.update_id, side, queue.price, queue.total))
        if not queue.total:
            self.ladders[side].drop(queue)

    def _done(self, order: Order, state: State, now_ns: int) -> None:
        order.state = state
        self.events.append(Done(now_ns, order.id, state, order.left, order.owner))

    def _reject(self, order: Order, reason: Reason, now_ns: int) -> Order:
        order.state = "rejected"
        order.reason = reason
        self.events.append(Rejected(now_ns, order.id, reason, order.owner))
        return order
