"""Traffic to measure with: one made market, told as four venues tell theirs. The same seed gives the same bytes.

Changes lie where they do in recordings: mostly near the best prices, two of five are removals, and some of those are of
levels that are not there. Prices have two digits that count, sizes eight; the middle walks.
"""

import random
import zlib
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Weight = Literal["light", "mid", "heavy"]
Rows = list[tuple[int, int]]
"""Prices in cents and sizes in 10^-8; a size of 0 removes."""

LEVELS: Final = {"light": (9, 0.55), "mid": (27, 0.45), "heavy": (101, 0.28)}
"""The median number of levels in a change, and the spread of its logarithm."""

DRIFT: Final = 1400
START_NS: Final = 1_767_225_600_000_000_000


@dataclass
class Change:
    """One message: what changed on both sides, under the ids `first` to `last`."""

    first: int
    last: int
    at_ms: int
    bids: Rows
    asks: Rows


@dataclass
class Side:
    """One side of the made book: sorted keys (asks negated, so that the best is the last), and sizes."""

    sign: int
    keys: list[int] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)

    def put(self, price: int, size: int) -> None:
        key = price * self.sign
        if size:
            if price not in self.sizes:
                insort(self.keys, key)
            self.sizes[price] = size
        elif self.sizes.pop(price, None) is not None:
            del self.keys[bisect_left(self.keys, key)]

    def best(self, n: int) -> Rows:
        return [(key * self.sign, self.sizes[key * self.sign]) for key in self.keys[: -n - 1 : -1]]


class Market:
    """A book that changes at random. `start` is the whole book before the first change of `changes`."""

    def __init__(self, seed: int = 1, depth: int = 1000, price: int = 6_000_000) -> None:
        self._random = random.Random(seed)
        self.bids, self.asks = Side(1), Side(-1)
        self._middle = price
        self._id = 1_000_000
        for side in (self.bids, self.asks):
            at = price
            for _ in range(depth):
                at -= side.sign * self._random.choice((1, 1, 1, 2, 3, 5, 8))
                side.put(at, self._size())
        self.start = (self._id, self.bids.best(depth), self.asks.best(depth))

    def changes(self, weight: Weight, count: int) -> Iterator[Change]:
        median, spread = LEVELS[weight]
        draw = self._random
        for at in range(count):
            levels = min(max(1, round(median * draw.lognormvariate(0, spread))), 5 * median)
            bids: Rows = []
            asks: Rows = []
            self._walk(bids, asks)
            for _ in range(levels - len(bids) - len(asks)):
                side, rows = (self.bids, bids) if draw.random() < 0.5 else (self.asks, asks)
                row = self._row(side)
                side.put(*row)
                rows.append(row)
            first = self._id + 1
            self._id += draw.randint(1, 2 * levels)
            yield Change(first, self._id, START_NS // 1_000_000 + 100 * at, bids, asks)

    def _size(self) -> int:
        return 1 + int(10 ** self._random.uniform(4, 9.5))

    def _walk(self, bids: Rows, asks: Rows) -> None:
        """The middle moves now and then; what it crosses goes."""
        if self._random.random() < 0.3:
            self._middle += self._random.choice((-3, -2, -1, 1, 2, 3))
        for side, rows in ((self.bids, bids), (self.asks, asks)):
            while side.keys and side.keys[-1] >= self._middle * side.sign:
                row = (side.keys[-1] * side.sign, 0)
                side.put(*row)
                rows.append(row)

    def _row(self, side: Side) -> tuple[int, int]:
        draw = self._random
        rank = min(int(draw.expovariate(1 / 40)), len(side.keys) - 1)
        known = side.keys[-1 - rank] * side.sign
        # Around DRIFT levels a side the removals and the new levels keep the balance.
        kind = draw.random() + (0.05 if len(side.keys) < DRIFT else -0.02)
        if kind < 0.37:
            return known, 0
        if kind < 0.40:
            return known - side.sign * draw.randint(1, 9), 0  # often of a level that is not there
        if kind < 0.62:
            return known, self._size()
        for _ in range(4):
            price = self._middle - side.sign * (1 + int(draw.expovariate(1 / 150)))
            if price not in side.sizes:
                return price, self._size()
        return known, self._size()


# One printer a venue's way of writing; each gives the whole book, then the changes, as bytes.

Printer = Callable[[Market, Weight, int], tuple[bytes, list[bytes]]]


def _text(value: int, scale: int, places: int) -> str:
    whole, part = divmod(value, 10**scale)
    return f"{whole}.{part:0{scale}d}{'0' * (places - scale)}"


def _pairs(rows: Rows, tail: str = "") -> str:
    return ",".join(f'["{_text(price, 2, 8)}","{_text(size, 8, 8)}"{tail}]' for price, size in rows)


def binance(market: Market, weight: Weight, count: int) -> tuple[bytes, list[bytes]]:
    """Spot's depth stream in its combined form; the whole book as REST gives it."""
    last, bids, asks = market.start
    whole = f'{{"lastUpdateId":{last},"bids":[{_pairs(bids)}],"asks":[{_pairs(asks)}]}}'
    frames = [
        f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{one.at_ms},"s":"BTCUSDT","U":{one.first},'
        f'"u":{one.last},"b":[{_pairs(one.bids)}],"a":[{_pairs(one.asks)}]}}}}'
        for one in market.changes(weight, count)
    ]
    return whole.encode(), [frame.encode() for frame in frames]


def okx(market: Market, weight: Weight, count: int) -> tuple[bytes, list[bytes]]:
    """The channel `books`: four texts a row, ids chained by the one before, a checksum that is always 0."""
    arg = '{"arg":{"channel":"books","instId":"BTC-USDT"},"action"'

    def frame(action: str, bids: Rows, asks: Rows, at_ms: int, prev: int, last: int) -> bytes:
        return (
            f'{arg}:"{action}","data":[{{"asks":[{_okx(asks)}],"bids":[{_okx(bids)}],"ts":"{at_ms}","checksum":0,'
            f'"prevSeqId":{prev},"seqId":{last}}}]}}'
        ).encode()

    last, bids, asks = market.start
    whole = frame("snapshot", bids, asks, START_NS // 1_000_000, -1, last)
    frames: list[bytes] = []
    for one in market.changes(weight, count):
        frames.append(frame("update", one.bids, one.asks, one.at_ms, last, one.last))
        last = one.last
    return whole, frames


def _okx(rows: Rows) -> str:
    return ",".join(
        f'["{_text(price, 2, 2)}","{_text(size, 8, 8) if size else "0"}","0","{1 if size else 0}"]'
        for price, size in rows
    )


def kraken(market: Market, weight: Weight, count: int) -> tuple[bytes, list[bytes]]:
    """The second protocol's channel `book`: objects with bare numbers, a checksum over ten levels of both sides."""

    def frame(kind: str, bids: Rows, asks: Rows, checksum: int, at_ms: int) -> bytes:
        stamp = f"2026-01-01T{at_ms // 3_600_000 % 24:02d}:{at_ms // 60_000 % 60:02d}:{at_ms % 60_000 / 1000:09.6f}Z"
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{_kraken(bids)}],'
            f'"asks":[{_kraken(asks)}],"checksum":{checksum},"timestamp":"{stamp}"}}]}}'
        ).encode()

    _, bids, asks = market.start
    whole = frame("snapshot", bids, asks, _crc(market), START_NS // 1_000_000)
    frames = [frame("update", one.bids, one.asks, _crc(market), one.at_ms) for one in market.changes(weight, count)]
    return whole, frames


def _kraken(rows: Rows) -> str:
    return ",".join(f'{{"price":{_text(price, 2, 2)},"qty":{_text(size, 8, 8)}}}' for price, size in rows)


def _crc(market: Market) -> int:
    rows = [*market.asks.best(10), *market.bids.best(10)]
    return zlib.crc32("".join(f"{price}{size}" for price, size in rows).encode())


def coinbase(market: Market, weight: Weight, count: int) -> tuple[bytes, list[bytes]]:
    """Rows with side words, no ids; the whole book has two sides."""

    def rows_of(rows: Rows) -> str:
        return ",".join(f'["{_text(price, 2, 2)}","{_text(size, 8, 8)}"]' for price, size in rows)

    _, bids, asks = market.start
    whole = f'{{"type":"snapshot","product_id":"BTC-USD","asks":[{rows_of(asks)}],"bids":[{rows_of(bids)}]}}'
    frames: list[bytes] = []
    for one in market.changes(weight, count):
        rows = [("buy", *row) for row in one.bids] + [("sell", *row) for row in one.asks]
        listed = ",".join(f'["{word}","{_text(price, 2, 2)}","{_text(size, 8, 8)}"]' for word, price, size in rows)
        stamp = f"2026-01-01T00:{one.at_ms // 60_000 % 60:02d}:{one.at_ms % 60_000 / 1000:09.6f}Z"
        frames.append(f'{{"type":"l2update","product_id":"BTC-USD","changes":[{listed}],"time":"{stamp}"}}'.encode())
    return whole.encode(), frames


PRINTERS: Final[dict[str, Printer]] = {"binance": binance, "okx": okx, "kraken": kraken, "coinbase": coinbase}
