"""What is seen of a book, from any thread (README §8)."""

from array import array
from collections import deque

from tidebook.engine.contract import Best, Floats, Look, NotSeeded, RawLevel, Reach, Side
from tidebook.engine.twin.levels import Levels, Pair, float_levels, raw_levels
from tidebook.engine.twin.messages import Message
from tidebook.engine.twin.numbers import ONE
from tidebook.engine.twin.steady import Steady
from tidebook.model.market import Level, level

_COUNTERS = (
    "snapshots", "applied", "ignored", "gaps", "too_old", "buffer_dropped", "absent_removals", "cut", "trimmed",
    "over_window", "checksum_passed", "checksum_failed", "unchecked", "compare_equal", "compare_different",
)  # fmt: skip


class Looking:
    """The levels of a book and what belongs to them, and how all of one instant is seen of it."""

    def __init__(self) -> None:
        self.seeded = False
        self.last: int | None = None
        self.venue_ns: int | None = None
        self.applied_ns: int | None = None
        self._bids = Levels(True)
        self._asks = Levels(False)
        self._raw_reach: Reach = (None, None)
        self._bounds = (0, 0)  # largest scale of a price, most digits before the point, since the last snapshot
        self._buffer: deque[Message] = deque()
        self._counts: dict[str, int] = dict.fromkeys(_COUNTERS, 0)
        self._steady = Steady()
        # By how many were asked for: how many messages had been applied, and what was made then.
        self._kept: dict[int | None, tuple[int, tuple[tuple[Level, ...], tuple[Level, ...]]]] = {}

    @property
    def applied(self) -> int:
        return self._counts["applied"]

    @property
    def bid_count(self) -> int:
        return len(self._bids)

    @property
    def ask_count(self) -> int:
        return len(self._asks)

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    @property
    def reach(self) -> Reach:
        return self._raw_reach

    def stats(self) -> dict[str, int]:
        return self._steady.look(self._counts.copy)

    def look(self, n: int | None = None, side: Side | None = None) -> Look:
        bids, asks, (reach, scale), facts = self._steady.look(
            lambda: (
                [] if side == "ask" else self._pairs("bid", n),
                [] if side == "bid" else self._pairs("ask", n),
                (self._raw_reach, self._bounds[0]),
                (self.seeded, self.last, self.venue_ns, self.applied_ns, self._counts["trimmed"]),
            )
        )
        seeded, last, venue_ns, applied_ns, trimmed = facts
        rows = raw_levels(bids, True, scale), raw_levels(asks, False, scale)
        return Look(*rows, seeded, last, venue_ns, applied_ns, reach, trimmed)

    def levels(self, side: Side, n: int | None = None) -> list[RawLevel]:
        pairs, scale = self._steady.look(lambda: (self._pairs(side, n), self._bounds[0]))
        return raw_levels(pairs, side == "bid", scale)

    def floats(self, side: Side, n: int | None = None) -> list[tuple[float, float]]:
        return float_levels(self._steady.look(lambda: self._pairs(side, n)), side == "bid")

    def best(self) -> Best:
        return _best(*self._steady.look(self._firsts))

    def best_bid(self) -> Level | None:
        bids = self._top(1)[0]
        return bids[0] if bids else None

    def best_ask(self) -> Level | None:
        asks = self._top(1)[1]
        return asks[0] if asks else None

    def best_floats(self) -> Best:
        found = self._steady.look(self._seeded_firsts)
        if found is None:
            raise NotSeeded
        return _best(*found)

    def top(self, n: int | None = None) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        return self._top(n)

    def top_floats(self, n: int | None = None) -> tuple[Floats, Floats]:
        bids, asks, _, _ = self._current(n)
        return tuple(float_levels(bids, True)), tuple(float_levels(asks, False))

    def top_doubles(self, n: int | None = None) -> tuple[bytes, bytes]:
        bids, asks = (array("d", (number for row in rows for number in row)) for rows in self.top_floats(n))
        return bids.tobytes(), asks.tobytes()

    def _current(self, n: int | None) -> tuple[list[Pair], list[Pair], int, int]:
        """The best `n` of both sides, their prices' scale, how many messages were applied. Raises NotSeeded."""
        found = self._steady.look(
            lambda: (
                (self._pairs("bid", n), self._pairs("ask", n), self._bounds[0], self._counts["applied"])
                if self.seeded
                else None
            )
        )
        if found is None:
            raise NotSeeded
        return found

    def _top(self, n: int | None) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        # Without a change since, what was made then is still so. Kept is one object, never half of another.
        known = self._steady.look(lambda: self._counts["applied"] if self.seeded else None)
        if known is None:
            raise NotSeeded
        kept = self._kept.get(n)
        if kept is not None and kept[0] == known:
            return kept[1]
        bids, asks, scale, applied = self._current(n)
        made = tuple(map(level, raw_levels(bids, True, scale))), tuple(map(level, raw_levels(asks, False, scale)))
        if kept is None and len(self._kept) > 1:
            self._kept = {}
        self._kept[n] = applied, made
        return made

    def _firsts(self) -> tuple[Pair | None, Pair | None]:
        return self._bids.first(), self._asks.first()

    def _seeded_firsts(self) -> tuple[Pair | None, Pair | None] | None:
        return (self._bids.first(), self._asks.first()) if self.seeded else None

    def _pairs(self, side: Side, n: int | None) -> list[Pair]:
        if n is not None and n < 0:
            raise ValueError("a count of levels is not negative")
        return self._side(side == "bid").pairs(n)

    def _side(self, bid: bool) -> Levels:
        return self._bids if bid else self._asks


def _best(bid: Pair | None, ask: Pair | None) -> Best:
    bid_price, bid_size = (None, None) if bid is None else (bid[0] / ONE, float(bid[1]))
    ask_price, ask_size = (None, None) if ask is None else (-ask[0] / ONE, float(ask[1]))
    return bid_price, bid_size, ask_price, ask_size
