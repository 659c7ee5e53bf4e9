"""One topic of a served venue: what it says, and when."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tidebook.core.clock import SECOND, seconds
from tidebook.core.dialect import Candle, Change, Group, Levels, Row, Sold, Stream, Told
from tidebook.sim.server.market import Market

if TYPE_CHECKING:
    from tidebook.sim.server.line import Line

CUT_NS: Final = SECOND // 10
"""The grid on which time is cut: every interval of a stream is a multiple of it."""

_REMEMBERED: Final = 700

Emit = Callable[["Topic | Days", Any], None]


class Topic:
    """What several connections have subscribed. Times are the exchange's but for what is told.

    `said` is the books of a chained stream: the instant and the update of each message, what was before the first
    included.
    """

    def __init__(self, name: str, stream: Stream, market: Market, now_ns: int, emit: Emit) -> None:
        self.name = name
        self.stream = stream
        self.market = market
        self.lines: dict[Line, None] = {}
        self.every_ns = seconds(stream.every)
        self.said: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._emit = emit
        self._window: Levels | None = None
        self._quote: tuple[list[Row], list[Row]] | None = None
        self._bar_ns: int | None = None
        self._told_ns = now_ns
        began_ns = now_ns - now_ns % self.every_ns if self.every_ns else now_ns
        if stream.content == "change":
            self.said.append((began_ns, market.id_at(began_ns)))
        elif stream.content == "window":
            self._window = market.levels_at(began_ns, depth=stream.depth)
            self.said.append((began_ns, self._window.last))
        elif stream.content == "quote":
            self._quote = market.levels(1)[2:4]

    def told(self, now_ns: int) -> Told:
        return Told(self.name, self.stream.id, now_ns)

    # ---- when it happens

    def burst(self, now_ns: int, trades: list[Sold], groups: list[Group]) -> None:
        """An instant at which something happened is over."""
        content = self.stream.content
        if content == "trade":
            self._all(trades)
        elif content == "group":
            self._all(groups)
        elif content == "taker":
            if trades:
                self._emit(self, tuple(trades))
        elif content == "quote":
            best = self.market.levels(1)
            if best[2:4] != self._quote:
                self._quote = best[2:4]
                self._emit(self, best)
        elif content == "window":
            self._moved(now_ns, only_changes=True)

    def cut(self, now_ns: int) -> None:
        """Another tenth of a second is over."""
        content = self.stream.content
        if content == "bar":
            self._bar(now_ns)
        elif now_ns % self.every_ns:
            return
        elif content == "change":
            change = self.market.change(self.said[-1][1])
            if change is not None:
                self.said.append((now_ns, change.last))
                self._emit(self, change)
        elif content == "window":
            self._moved(now_ns, only_changes=False)
        elif content == "whole":
            if self.market.last != (self.said[-1][1] if self.said else None) or now_ns >= self._told_ns + SECOND:
                self.said.append((now_ns, self.market.last))
                self._told_ns = now_ns
                self._emit(self, self.market.levels(self.stream.depth, self.stream.step))
        elif content == "day":
            self._emit(self, self.market.today())

    # ---- inside

    def _all(self, items: Iterable[Any]) -> None:
        for item in items:
            self._emit(self, item)

    def _moved(self, now_ns: int, *, only_changes: bool) -> None:
        """From one best-N book to the next."""
        before = self._window
        assert before is not None
        if self.market.last == before.last:
            return
        after = self.market.levels(self.stream.depth)
        bids, asks = moved(before.bids, after.bids), moved(before.asks, after.asks)
        if only_changes and not bids and not asks:
            return
        self._window = after
        self.said.append((now_ns, after.last))
        self._emit(self, Change(after.at_ns, before.last + 1, after.last, before.last, bids, asks))

    def _bar(self, now_ns: int) -> None:
        """The bar under way, every interval of the stream; one that has ended is told once more, as closed."""
        span = self.stream.span
        assert span is not None
        if self._bar_ns is not None and self.market.now_ns >= (next_ns := span.after(self._bar_ns)):
            self._tell(self.market.candles(span, self._bar_ns, self._bar_ns, 1))
            self._bar_ns = next_ns
        if not now_ns % self.every_ns:
            self._tell(self.market.candles(span, None, None, 1))

    def _tell(self, bars: Iterable[Candle]) -> None:
        for bar in bars:
            self._bar_ns = bar.start_ns
            self._emit(self, bar)


class Days:
    """The topic of a stream about all markets: those in which something happened, every interval of the stream."""

    def __init__(self, name: str, stream: Stream, markets: Mapping[str, Market], emit: Emit) -> None:
        self.name = name
        self.stream = stream
        self.lines: dict[Line, None] = {}
        self.every_ns = seconds(stream.every)
        self.said: deque[tuple[int, int]] = deque(maxlen=0)  # its messages are no chain
        self._markets = markets
        self._emit = emit
        self._last = {id: market.last for id, market in markets.items()}

    def told(self, now_ns: int) -> Told:
        return Told(self.name, self.stream.id, now_ns)

    def burst(self, now_ns: int, trades: list[Sold], groups: list[Group]) -> None:
        """Nothing is said when it happens."""

    def cut(self, now_ns: int) -> None:
        """Another tenth of a second is over."""
        if now_ns % self.every_ns:
            return
        changed = [id for id, market in self._markets.items() if market.last != self._last.get(id)]
        if changed:
            self._last.update((id, self._markets[id].last) for id in changed)
            self._emit(self, [(id, self._markets[id].today()) for id in changed])


def moved(before: list[Row], after: list[Row]) -> list[Row]:
    """The levels that are new, changed, or gone (size 0)."""
    old, new = dict(before), dict(after)
    rows = [row for row in after if old.get(row[0]) != row[1]]
    return rows + [(price, "0") for price, _ in before if price not in new]
