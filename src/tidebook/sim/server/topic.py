"""One topic of a served venue: what it says, and when."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tidebook.core.clock import SECOND, seconds
from tidebook.core.dialect import Candle, Change, Levels, Marked, Part, Row, Stream, Told, Values
from tidebook.sim.server.market import Burst, Market

if TYPE_CHECKING:
    from tidebook.sim.server.line import Line

CUT_NS: Final = SECOND // 10
"""The grid on which time is cut: every interval of a stream is a multiple of it."""

_REMEMBERED: Final = 700

Emit = Callable[["Topic | Many", Any, str], None]
"""Is called with the topic, what it says, and the id of the market about which it says that."""

First = tuple[str, Values]
"""A sample and the values in it: what a connection is told first."""


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
        self.number = 0  # of its messages
        self.said: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)
        self._emit = emit
        self._window: Levels | None = None
        self._quote: tuple[list[Row], list[Row]] | None = None
        self._part: Part | None = None
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
        elif stream.content == "part":
            self._part = Part(market.today(), market.mark(), None)

    def first(self, told: Told) -> First | None:
        """What a connection that joins is told first: that from which the next message leads on."""
        stream = self.stream
        if self._part is not None:
            values = stream.values(told, self._part)
            return None if values is None else (stream.sample, values)
        if stream.opening is None or not self.said:
            return None
        whole = self._window or self.market.levels_at(update_id=self.said[-1][1], depth=stream.depth)
        return stream.opening_sample, stream.opening(told, whole)

    # ---- when it happens

    def burst(self, now_ns: int, id: str, burst: Burst) -> None:
        """An instant at which something happened is over."""
        content = self.stream.content
        if content == "trade":
            self._all(burst.trades)
        elif content == "group":
            self._all(burst.groups)
        elif content == "liquidation":
            self._all(burst.liquidated)
        elif content == "taker":
            if burst.trades:
                self._say(tuple(burst.trades))
        elif content == "quote":
            best = self.market.levels(1)
            if best[2:4] != self._quote:
                self._quote = best[2:4]
                self._say(best)
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
                self._say(change)
        elif content == "window":
            self._moved(now_ns, only_changes=False)
        elif content == "whole":
            if self.market.last != (self.said[-1][1] if self.said else None) or now_ns >= self._told_ns + SECOND:
                self.said.append((now_ns, self.market.last))
                self._told_ns = now_ns
                self._say(self.market.levels(self.stream.depth, self.stream.step))
        elif content == "day":
            self._say(self.market.today())
        elif content == "mark":
            self._say(self.market.mark())
        elif content == "part":
            before, self._part = self._part, Part(self.market.today(), self.market.mark(), None)
            self._say(self._part._replace(before=before))

    # ---- inside

    def _say(self, content: Any) -> None:
        self._emit(self, content, self.stream.id)

    def _all(self, items: Iterable[Any]) -> None:
        for item in items:
            self._say(item)

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
        self._say(Change(after.at_ns, before.last + 1, after.last, before.last, bids, asks))

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
            self._say(bar)


class Many:
    """The topic of a stream about many markets: how those were in which something happened, every interval of the
    stream (`days`); how all are that are listed (`marks`); or what happens in any of them (`liquidation`, `trade`).

    `markets` are those that have begun, `marks` tells of all that are listed, `among` which it is about.
    """

    def __init__(
        self, name: str, stream: Stream, markets: Mapping[str, Market], marks: Callable[[], list[tuple[str, Marked]]],
        among: Callable[[], Collection[str]], emit: Emit,
    ) -> None:  # fmt: skip
        self.name = name
        self.stream = stream
        self.lines: dict[Line, None] = {}
        self.every_ns = seconds(stream.every)
        self.number = 0
        self.said: deque[tuple[int, int]] = deque(maxlen=0)  # its messages are no chain
        self._markets = markets
        self._marks = marks
        self._among = among
        self._emit = emit
        self._last = {id: market.last for id, market in markets.items()}

    def first(self, told: Told) -> None:
        """Nothing is told first."""

    def burst(self, now_ns: int, id: str, burst: Burst) -> None:
        """An instant at which something happened is over."""
        content = self.stream.content
        items: list[Any] = burst.liquidated if content == "liquidation" else burst.trades if content == "trade" else []
        if items and id in self._among():
            for one in items:
                self._emit(self, one, id)

    def cut(self, now_ns: int) -> None:
        """Another tenth of a second is over."""
        if now_ns % self.every_ns:
            return
        if self.stream.content == "marks":
            self._emit(self, self._marks(), "")
            return
        among = self._among()
        changed = [id for id, market in self._markets.items() if market.last != self._last.get(id) and id in among]
        if changed:
            self._last.update((id, self._markets[id].last) for id in changed)
            self._emit(self, [(id, self._markets[id].today()) for id in changed], "")


def moved(before: list[Row], after: list[Row]) -> list[Row]:
    """The levels that are new, changed, or gone (size 0)."""
    old, new = dict(before), dict(after)
    rows = [row for row in after if old.get(row[0]) != row[1]]
    return rows + [(price, "0") for price, _ in before if price not in new]
