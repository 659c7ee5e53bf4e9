"""The two sides of a book: sorted prices, and a size for each."""

from bisect import bisect_left, insort
from decimal import Decimal

from tidebook.engine.contract import RawLevel

Texts = tuple[str, str]
Pair = tuple[Decimal, Decimal]


class Levels:
    """One side. Prices ascend; the best is at the end for bids and at the start for asks."""

    __slots__ = ("bid", "prices", "sizes", "texts")

    def __init__(self, bid: bool) -> None:
        self.bid = bid
        self.prices: list[Decimal] = []
        self.sizes: dict[Decimal, Decimal] = {}
        self.texts: dict[Decimal, Texts] = {}

    def __len__(self) -> int:
        return len(self.prices)

    def put(self, price: Decimal, size: Decimal, texts: Texts | None) -> None:
        if price not in self.sizes:
            insort(self.prices, price)
        self.sizes[price] = size
        if texts is not None:
            self.texts[price] = texts

    def remove(self, price: Decimal) -> bool:
        """Whether there was such a level."""
        if self.sizes.pop(price, None) is None:
            return False
        del self.prices[bisect_left(self.prices, price)]
        self.texts.pop(price, None)
        return True

    def best(self, n: int | None = None) -> list[Decimal]:
        """The best `n` prices, best first."""
        if n is None:
            n = len(self.prices)
        if not self.bid:
            return self.prices[:n]
        return self.prices[-n:][::-1] if n else []

    def pairs(self, n: int | None) -> list[Pair]:
        """The best `n` prices with their sizes: a few copies, since another thread may change the side meanwhile."""
        prices = self.best(n)
        return list(zip(prices, map(self.sizes.__getitem__, prices), strict=True))

    def cut(self, most: int) -> list[Decimal]:
        """Keep the best `most` levels; the prices of those that went."""
        over = len(self.prices) - most
        if over <= 0:
            return []
        worst = self.prices[:over] if self.bid else self.prices[-over:]
        for price in worst:
            self.remove(price)
        return worst

    def worst(self) -> Decimal | None:
        if not self.prices:
            return None
        return self.prices[0] if self.bid else self.prices[-1]


def raw(value: Decimal) -> tuple[int, int]:
    """(mantissa, scale) of an exact value."""
    text = str(value)
    digits, exponent, power = text.partition("E")
    whole, _, fraction = digits.partition(".")
    return int(whole + fraction), len(fraction) - int(power) if exponent else len(fraction)


def raw_level(pair: Pair) -> RawLevel:
    return (*raw(pair[0]), *raw(pair[1]))
