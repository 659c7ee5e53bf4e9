"""The shape of a market, measured as the recorded streams were: what changed per tenth of a second, what and where."""

from dataclasses import dataclass, field
from math import log

from tidebook.sim.agents import STEP_NS
from tidebook.sim.exchange import Exchange
from tidebook.sim.matching import Event, LevelChange, Trade


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def autocorrelation(values: list[float], lag: int) -> float:
    mean = sum(values) / len(values)
    around = [value - mean for value in values]
    pairs = zip(around, around[lag:], strict=False)
    return sum(a * b for a, b in pairs) / sum(a * a for a in around)


@dataclass
class Shape:
    """A listener that collects the figures. `finish` closes the last step."""

    sides: tuple[dict[int, int], dict[int, int]]
    levels: list[float] = field(default_factory=list)
    spans: list[float] = field(default_factory=list)
    bps: list[float] = field(default_factory=list)
    what: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("new", "mod", "del", "absent"), 0))
    gaps_ms: list[float] = field(default_factory=list)
    trades: int = 0
    sweeps: int = 0
    crossed: int = 0
    empty: int = 0
    touches: int = 0
    spreads: list[float] = field(default_factory=list)
    _step: int = -1
    _span: int = 0
    _changed: dict[tuple[int, int], int] = field(default_factory=dict)
    _trade_ns: int = 0
    _taker: tuple[int, int] = (0, 0)

    def __call__(self, symbol: str, event: Event) -> None:
        if type(event) is LevelChange:
            step = event.time_ns // STEP_NS
            if step != self._step:
                self.finish()
                self._step = step
            self._changed[event.side, event.price] = event.size
            self._span += 1
        elif type(event) is Trade:
            self.trades += 1
            if self._trade_ns:
                self.gaps_ms.append((event.time_ns - self._trade_ns) / 1e6)
            self._trade_ns = event.time_ns
            if self._taker[0] == event.taker_id and self._taker[1] != event.price:
                self.sweeps += 1
            self._taker = (event.taker_id, event.price)

    def finish(self) -> None:
        if not self._changed:
            return
        bids, asks = self.sides
        mid = (max(bids) + min(asks)) / 2 if bids and asks else 0
        for (side, price), size in self._changed.items():
            levels = self.sides[side]
            known = price in levels
            self.what[("mod" if known else "new") if size else ("del" if known else "absent")] += 1
            if mid:
                self.bps.append(abs(price - mid) / mid * 1e4)
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
        self.empty += not bids or not asks
        if bids and asks:
            self.crossed += max(bids) >= min(asks)
            self.spreads.append((min(asks) - max(bids)) / mid * 1e4)
        self.levels.append(len(self._changed))
        self.spans.append(self._span)
        self._span = 0
        self._changed.clear()

    def share(self, what: str) -> float:
        return self.what[what] / sum(self.what.values())

    def log_levels(self) -> list[float]:
        return [log(value) for value in self.levels]


def measured(exchange: Exchange, venue: str, symbol: str, seconds: float) -> Shape:
    """Run an exchange on and measure one market."""
    whole = exchange.book(venue, symbol)
    shape = Shape((dict(whole.bids), dict(whole.asks)))
    stop = exchange.listen(venue, shape, symbol)
    exchange.advance(exchange.now_ns + int(seconds * 1e9))
    stop()
    shape.finish()
    return shape
