"""The two sides of a book: sorted prices, and a size for each."""

from bisect import bisect_left, insort
from functools import lru_cache

from tidebook.engine.contract import RawLevel
from tidebook.engine.twin.numbers import MAX_SCALE, ONE, PRICES, exact

Texts = tuple[str, str]
Pair = tuple[int, str]
"""A key and a size."""

Change = tuple[bool, int | None, str | None, int | None, Texts | None]
"""One row: whether it is a bid; its key (see `Levels`), None: look it up by the id; its size, None: the level goes; its
id; price and size as sent, where a checksum needs them. A plain tuple, since there is one for every row."""


class Levels:
    """One side. A size is its text, which is read when somebody looks.

    A level's *key* is its price as a whole number of 10^-38 (see `numbers.ONE`), negated where it is an ask: so the
    best level of either side has the largest key, and stands at the end, where most changes are.
    """

    __slots__ = ("bid", "keys", "sizes", "texts")

    def __init__(self, bid: bool) -> None:
        self.bid = bid
        self.keys: list[int] = []  # ascending
        self.sizes: dict[int, str] = {}
        self.texts: dict[int, Texts] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def first(self) -> Pair | None:
        """The best level. Where another thread changes the side meanwhile: LookupError, or half of that."""
        if not self.keys:
            return None
        key = self.keys[-1]
        return key, self.sizes[key]

    def best(self, n: int | None = None) -> list[int]:
        """The best `n` keys, best first."""
        if n is None:
            return self.keys[::-1]
        return self.keys[: -n - 1 : -1]

    def pairs(self, n: int | None) -> list[Pair]:
        """The best `n` levels: a few copies, since another thread may change the side meanwhile."""
        keys = self.best(n)
        return list(zip(keys, map(self.sizes.__getitem__, keys), strict=True))

    def cut(self, most: int) -> list[int]:
        """Keep the best `most` levels; the keys of those that went."""
        over = len(self.keys) - most
        if over <= 0:
            return []
        worst = self.keys[:over]
        del self.keys[:over]
        for key in worst:
            del self.sizes[key]
            self.texts.pop(key, None)
        return worst

    def worst(self) -> int | None:
        return self.keys[0] if self.keys else None

    def numbers(self) -> dict[int, tuple[int, int]]:
        """Its levels, to be compared with others: the same numbers are equal, however they were written."""
        return {key: _lowest(*exact(size)[:2]) for key, size in self.sizes.items()}


def put_rows(bids: Levels, asks: Levels, changes: list[Change]) -> int:
    """All rows in order; how many removals had nothing to remove."""
    absent = 0
    for bid, key, size, _, texts in changes:
        levels = bids if bid else asks
        keys, sizes = levels.keys, levels.sizes
        assert key is not None  # looked up by now
        if size is not None:
            if key not in sizes:
                insort(keys, key)
            sizes[key] = size
            if texts is not None:
                levels.texts[key] = texts
        elif sizes.pop(key, None) is not None:
            del keys[bisect_left(keys, key)]
            if levels.texts:
                levels.texts.pop(key, None)
        else:
            absent += 1
    return absent


def _lowest(mantissa: int, scale: int) -> tuple[int, int]:
    while mantissa % 10 == 0:  # a size is not zero
        mantissa, scale = mantissa // 10, scale - 1
    return mantissa, scale


def raw_price(key: int, bid: bool, scale: int) -> tuple[int, int]:
    """(mantissa, scale) of the price with this key, which has at most so many places."""
    return (key if bid else -key) // 10 ** (MAX_SCALE - scale), scale


@lru_cache(PRICES)
def raw_size(text: str) -> tuple[int, int]:
    """(mantissa, scale). Those read last are kept: who looks again finds most levels as they were."""
    return exact(text)[:2]


def raw_levels(pairs: list[Pair], bid: bool, scale: int) -> list[RawLevel]:
    return [(*raw_price(key, bid, scale), *raw_size(size)) for key, size in pairs]


def float_levels(pairs: list[Pair], bid: bool) -> list[tuple[float, float]]:
    """The nearest doubles: so Python divides integers, and reads text."""
    return [((key if bid else -key) / ONE, float(size)) for key, size in pairs]
