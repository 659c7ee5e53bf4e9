"""The embedded exchange: markets of several venues in whole nanoseconds of virtual time. No I/O, no clock, no protocol.

**Determinism.** Each market (a symbol at a venue) draws from its own generators, seeded by (seed, venue, symbol,
purpose); what markets share, the hidden prices, are functions of the seed and the instant. So what happens in a market
depends on the seed, on `start_ns`, on when it began, and on the orders sent to it: never on which other symbols
are wanted, on the order in which they were, or on how `advance` is cut into calls.

**When a market begins.** When it is first wanted, at the latest whole `SLOT_NS` since `start_ns`; from there it is
run up to now at once. What happened on the way is no event for anybody. Markets that are first wanted within the same
slot are the same market, and those named when the exchange is made begin at `start_ns`.

**Order of events.** By time; at the same instant by venue, then by symbol as listed. All events of one burst of one
market have the same instant. An order sent by a listener is matched at once, its events follow those on their way.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from heapq import heappush, heapreplace
from itertools import islice
from random import Random
from types import MappingProxyType
from typing import Final, NamedTuple

from tidebook.core.span import Span
from tidebook.sim.agents import TEMPERS, Crowd
from tidebook.sim.bars import Amount, Bar, Day, History, Tape
from tidebook.sim.derived import Derived, lot_dollars
from tidebook.sim.listing import INSTRUMENTS, Instrument
from tidebook.sim.matching import Event, Order, OrderBook, Reason, Side, Tif, Trade
from tidebook.sim.reference import SECOND, Fair, Reference

START_NS: Final = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
SLOT_NS: Final = 10 * SECOND
RING: Final = 2_000
_NEVER: Final = 2**62

Listener = Callable[[str, Event], None]
"""Is called with the symbol and the event."""

Follower = Callable[[list[Event]], object]
"""Is called with all events of a burst, in order, after it. It may keep none of the list and send no order."""


class Whole(NamedTuple):
    """A whole book at an instant: (price in ticks, size in lots), best first."""

    time_ns: int
    update_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]


class Intent(NamedTuple):
    """An order that an outside client sends. No price: a market order, by `size` or by `quote` (ticks × lots)."""

    side: Side
    price: int | None = None
    size: int | None = None
    quote: int | None = None
    tif: Tif = "gtc"
    owner: str = "client"


Admit = Callable[[str, str, Intent], Reason | None]
"""Asked before an outside order is matched, with venue, symbol and intent: None, or why it is rejected."""


class Market:
    """One symbol at one venue: its open orders, its crowd, its last trades and bars, and who listens."""

    def __init__(
        self, seed: int, venue: str, instrument: Instrument, reference: Reference, birth_ns: int, calendar_ns: int = 0
    ) -> None:
        name = f"{seed}/{venue}/{instrument.symbol}"
        ids = Random(f"{name}/ids")
        # ids of a market that begins later are higher, as if it had always been running
        age_ms = birth_ns // 1_000_000
        self.venue = venue
        self.instrument = instrument
        self.book = OrderBook(
            order_id=age_ms + ids.randrange(10**9),
            trade_id=age_ms // 20 + ids.randrange(10**8),
            update_id=age_ms * 2 + ids.randrange(10**9),
        )
        fair = Fair(seed, venue, instrument, reference, calendar_ns)
        self.crowd = Crowd(Random(f"{name}/agents"), instrument, self.book, fair.ticks)
        self.ring: deque[Trade] = deque(maxlen=RING)
        self.history = _history(name, instrument, fair)
        self.tape = Tape(birth_ns, self.history, amount=amount_of(instrument))
        self.listeners: list[Listener] = []
        self.followers: list[Follower] = []
        self._draining = False
        self.next_ns = self.crowd.open(birth_ns)

    def catch_up(self, now_ns: int) -> None:
        """Run up to an instant without telling anybody."""
        events = self.book.events
        while self.next_ns <= now_ns:
            self.next_ns = self.crowd.act(self.next_ns)
            for event in events:
                if type(event) is Trade:
                    self.ring.append(event)
                    self.tape.add(event)
            events.clear()

    def drain(self, log: Callable[[bytes], object] | None) -> None:
        """Hand out what happened, in order; also what listeners cause meanwhile."""
        if self._draining:
            return
        self._draining = True
        events, symbol = self.book.events, self.instrument.symbol
        told = log is not None or bool(self.listeners)
        done = 0
        try:
            for event in events:  # grows while it is read
                done += 1
                if type(event) is Trade:
                    self.ring.append(event)
                    self.tape.add(event)
                if told:
                    if log is not None:
                        log(line(self.venue, symbol, event))
                    for listener in tuple(self.listeners):
                        listener(symbol, event)
            for follower in self.followers:
                follower(events)
        finally:
            del events[:done]
            self._draining = False


def line(venue: str, symbol: str, event: Event) -> bytes:
    """An event as one line of the log."""
    words = ["-" if value is None else str(value) for value in event]
    return f"{words[0]} {venue} {symbol} {type(event).__name__} {' '.join(words[1:])}\n".encode()


def amount_of(instrument: Instrument) -> Amount | None:
    """How bars count what trades paid, where that is not ticks × lots."""
    return instrument.amount if instrument.kind == "inverse" else None


def _history(name: str, instrument: Instrument, fair: Fair) -> History:
    temper, lot = TEMPERS[instrument.liquidity], lot_dollars(instrument)
    # as measured: about four trades to a taker's order, each worth about the median order
    trades = temper.takers * 60 * 4
    return History(name, fair.coarse_ticks, trades * temper.notional / lot, trades, amount_of(instrument))


class Exchange:
    """Markets of several venues that share one world of prices. See the module for what is deterministic, and how.

    Arguments:
        seed: of everything.
        venues: names, free to choose; each has its own order books.
        symbols: these begin at once at every venue; all others when they are first wanted.
        start_ns: UTC, where virtual time begins.
        log: is given every event as a line of bytes.
        admit: is asked about every order of an outside client.
        instruments: all that are listed, by symbol.
        own: what venues have their own rules for (another grid, other contracts), by venue and symbol.
        calendar_ns: so far is the calendar ahead of virtual time, whole days. By it contracts expire and
            funding is settled.
    """

    def __init__(
        self,
        seed: int,
        venues: Iterable[str] = ("a", "b"),
        symbols: Iterable[str] | None = None,
        start_ns: int = START_NS,
        *,
        log: Callable[[bytes], object] | None = None,
        admit: Admit | None = None,
        instruments: Mapping[str, Instrument] = INSTRUMENTS,
        own: Mapping[str, Mapping[str, Instrument]] = MappingProxyType({}),
        calendar_ns: int = 0,
    ) -> None:
        self.seed = seed
        self.venues = tuple(venues)
        self.instruments = instruments
        self.calendar_ns = calendar_ns
        self._own = own
        self.start_ns = start_ns
        self.now_ns = start_ns
        self._advancing = False
        self._resting = False
        self._log = log
        self._admit = admit
        self._reference = Reference(seed)
        self._rank = {symbol: rank for rank, symbol in enumerate(instruments)}
        self._markets: dict[tuple[str, str], Market] = {}
        self._glanced: dict[tuple[str, str], tuple[Fair, Tape]] = {}
        self._derived: dict[tuple[str, str], Derived] = {}
        self._queue: list[tuple[int, int, int, Market]] = []
        self._listeners: dict[str, list[Listener]] = {venue: [] for venue in self.venues}
        for venue in self.venues:
            for symbol in symbols or ():
                self.want(venue, symbol)

    # -------------------------------------------------------------------------------------------- time

    @property
    def next_ns(self) -> int | None:
        """When something happens next by itself; None: no market has begun."""
        return self._queue[0][0] if self._queue else None

    def advance(self, to_ns: int) -> None:
        """Run to an instant, it included. Listeners hear of every event when it happens, `now_ns` being its time.

        Raises RuntimeError when a listener calls it: time does not pass while it passes.
        """
        if self._advancing:
            raise RuntimeError("advance() was called by a listener")
        self._advancing = True
        queue, log = self._queue, self._log
        try:
            while queue and queue[0][0] <= to_ns:
                self.now_ns, venue, symbol, market = queue[0]
                market.next_ns = market.crowd.act(self.now_ns)
                heapreplace(queue, (market.next_ns, venue, symbol, market))
                market.drain(log)
            self.now_ns = max(self.now_ns, to_ns)
        finally:
            self._advancing = False

    def rest(self) -> None:
        """Let all agents rest from now on: time passes, and nothing happens by itself any more."""
        self._resting = True
        self._queue.clear()

    def listen(self, venue: str, callback: Listener, symbol: str | None = None) -> Callable[[], None]:
        """Call back for every event of a venue, or of one symbol, which begins if need be; the result stops that."""
        lists = [self._market(venue, symbol).listeners] if symbol is not None else []
        if symbol is None:
            lists = [market.listeners for (name, _), market in self._markets.items() if name == venue]
            lists.append(self._listeners[venue])
        for listeners in lists:
            listeners.append(callback)

        def stop() -> None:
            for (name, _), market in self._markets.items():
                if name == venue and (symbol is None or market.instrument.symbol == symbol):
                    _discard(market.listeners, callback)
            if symbol is None:
                _discard(self._listeners[venue], callback)

        return stop

    def follow(self, venue: str, symbol: str, callback: Follower) -> None:
        """Call back after every burst of a symbol, which begins if need be, for ever; cheaper than `listen`."""
        self._market(venue, symbol).followers.append(callback)

    # -------------------------------------------------------------------------------------------- looking

    def want(self, venue: str, symbol: str) -> Instrument:
        """Let a symbol's market begin, if it has not. Raises KeyError for what is not listed."""
        return self._market(venue, symbol).instrument

    def instrument(self, venue: str, symbol: str) -> Instrument:
        """A venue's rules of a symbol. Raises KeyError for what is not listed."""
        return self._own.get(venue, self.instruments).get(symbol) or self.instruments[symbol]

    def rules(self, venue: str) -> Mapping[str, Instrument]:
        """All that a venue lists, by its own rules."""
        return self._own.get(venue, self.instruments)

    def derived(self, venue: str, symbol: str) -> Derived:
        """What is derived from the hidden price; no market begins for it. Raises KeyError for what is not listed."""
        known = self._derived.get((venue, symbol))
        if known is None:
            one = self.instrument(venue, symbol)
            known = self._derived[venue, symbol] = Derived(self.seed, venue, one, self._reference, self.calendar_ns)
        return known

    def book(self, venue: str, symbol: str, depth: int | None = None) -> Whole:
        """Both sides at this instant, whole or the best `depth` levels, and the last update id."""
        book = self._market(venue, symbol).book
        return Whole(self.now_ns, book.update_id, book.bids.levels(depth), book.asks.levels(depth))

    def trades(self, venue: str, symbol: str, n: int = 500) -> list[Trade]:
        """The last trades, the oldest first; `RING` are kept."""
        ring = self._market(venue, symbol).ring
        return list(islice(ring, max(0, len(ring) - n), None))

    def bars(
        self, venue: str, symbol: str, span: Span, start_ns: int, end_ns: int | None = None, *, most: int = 5_000
    ) -> list[Bar]:
        """Bars that open from start to end, both included, the oldest first."""
        end_ns = self.now_ns if end_ns is None else end_ns
        return self._market(venue, symbol).tape.bars(span, start_ns, end_ns, self.now_ns, most=most)

    def past(self, venue: str, symbol: str) -> History:
        """What was before a market began; no trade of it was ever made."""
        return self._market(venue, symbol).history

    def day(self, venue: str, symbol: str) -> Day:
        """Statistics of the last 24 hours."""
        return self._market(venue, symbol).tape.day(self.now_ns)

    def glance(self, venue: str, symbol: str) -> tuple[Day, Whole]:
        """About the last 24 hours and the best prices of a symbol whose market need not begin for it.

        Both come from the hidden price. Raises KeyError for what is not listed.
        """
        instrument = self.instrument(venue, symbol)
        known = self._glanced.get((venue, symbol))
        if known is None:
            fair = Fair(self.seed, venue, instrument, self._reference, self.calendar_ns)
            past = _history(f"{self.seed}/{venue}/{symbol}", instrument, fair)
            known = fair, Tape(_NEVER, past, amount=amount_of(instrument))
            self._glanced[venue, symbol] = known
        day, price = known[1].glance(self.now_ns), known[0].ticks(self.now_ns)
        temper = TEMPERS[instrument.liquidity]
        away = price * temper.spread_bps * 0.5e-4
        lots = max(1, int(temper.notional / lot_dollars(instrument)))
        return day, Whole(self.now_ns, 0, [(max(1, int(price - away)), lots)], [(int(price + away) + 1, lots)])

    def order(self, venue: str, symbol: str, order_id: int) -> Order | None:
        """An open order."""
        return self._market(venue, symbol).book.orders.get(order_id)

    # -------------------------------------------------------------------------------------------- orders

    def submit(self, venue: str, symbol: str, intent: Intent) -> Order:
        """An outside client's order, matched at this instant. The result says what became of it, and why."""
        market = self._market(venue, symbol)
        book, (side, price, size, quote, tif, owner) = market.book, intent
        reason = self._refusal(market, intent)
        if reason is not None:
            order = book.refuse(side, price or 0, size or 0, reason, self.now_ns, owner)
        elif price is None:
            order = book.market(side, self.now_ns, size=size, quote=quote, owner=owner)
        else:
            order = book.limit(side, price, size or 0, self.now_ns, tif, owner)
        market.drain(self._log)
        return order

    def cancel(self, venue: str, symbol: str, order_id: int, owner: str = "client") -> bool:
        """Cancel an outside client's own order; False if there is none."""
        market = self._market(venue, symbol)
        done = market.book.cancel(order_id, self.now_ns, owner)
        market.drain(self._log)
        return done

    def reduce(self, venue: str, symbol: str, order_id: int, left: int, owner: str = "client") -> bool:
        """Leave an outside client's own order fewer lots, at its place in the queue; False if that cannot be."""
        market = self._market(venue, symbol)
        done = market.book.reduce(order_id, left, self.now_ns, owner)
        market.drain(self._log)
        return done

    # -------------------------------------------------------------------------------------------- inside

    def _refusal(self, market: Market, intent: Intent) -> Reason | None:
        instrument = market.instrument
        amount = intent.quote
        if intent.price is not None and intent.size is not None:
            amount = intent.price * intent.size
        if instrument.kind == "spot" and amount is not None and intent.quote != 0 and intent.size != 0:
            if amount < instrument.quote_units(instrument.min_notional):
                return "min_notional"
        return None if self._admit is None else self._admit(market.venue, instrument.symbol, intent)

    def _market(self, venue: str, symbol: str) -> Market:
        market = self._markets.get((venue, symbol))
        if market is None:
            market = self._begin(venue, symbol)
        return market

    def _begin(self, venue: str, symbol: str) -> Market:
        if venue not in self.venues:
            raise KeyError(f"no venue {venue}")
        instrument, number = self.instrument(venue, symbol), self.venues.index(venue)
        birth_ns = self.start_ns + (self.now_ns - self.start_ns) // SLOT_NS * SLOT_NS
        market = Market(self.seed, venue, instrument, self._reference, birth_ns, self.calendar_ns)
        market.catch_up(self.now_ns)
        market.listeners.extend(self._listeners[venue])
        self._markets[venue, symbol] = market
        if not self._resting:
            heappush(self._queue, (market.next_ns, number, self._rank[symbol], market))
        return market


def _discard(listeners: list[Listener], callback: Listener) -> None:
    if callback in listeners:
        listeners.remove(callback)
