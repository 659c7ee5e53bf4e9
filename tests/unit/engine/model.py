"""A slow, obvious book, written from the contract's section 6 with no code of either engine.

It takes facts instead of frames, holds levels in plain dictionaries, and looks at everything anew each time.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from tidebook.engine.rule import SyncRule

Level = tuple[Decimal, Decimal]
OUTSIDE = ("rest", "request", "side")


@dataclass(frozen=True)
class Fact:
    """What one message says."""

    whole: bool
    at: int
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    first: int | None = None
    last: int | None = None
    prev: int | None = None


@dataclass(frozen=True)
class Result:
    """An outcome: `book` for a change, else the event's word, and what it expected and got (where that is defined)."""

    what: str
    expected: int | None = None
    got: int | None = None


CHANGED = Result("book")


@dataclass
class ModelBook:
    rule: SyncRule
    depth_cap: int = 20_000
    window: int | None = None  # cut by the client
    sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(default_factory=lambda: ({}, {}))
    seeded: bool = False
    bridged: bool = False
    last: int | None = None
    snapshot: Fact | None = None
    asked: int = 0
    buffer: list[Fact] = field(default_factory=list)
    retaining: bool = False
    reach: list[Decimal | None] = field(default_factory=lambda: [None, None])
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by

    def levels(self) -> tuple[list[Level], list[Level]]:
        bids, asks = self.sides
        return sorted(bids.items(), reverse=True), sorted(asks.items())

    # ---- messages

    def snapshot_in_stream(self, fact: Fact) -> list[Result]:
        known = self.seeded
        self.compare(fact)
        self.buffer = []
        self.replace(fact)
        self.bridged = True
        return [CHANGED] if known else [Result("seeded")]

    def snapshot_from_outside(self, fact: Fact, asked: int) -> list[Result]:
        survivors = [change for change in self.buffer if not self.is_old(change, fact, asked)]
        if survivors and not self.bridges(survivors[0], fact):
            self.count("too_old")
            by_prev = self.rule.bridge in ("prev", "prev_range")
            return [Result("too_old", fact.last, survivors[0].prev if by_prev else survivors[0].first)]
        self.compare(fact)
        self.replace(fact)
        self.bridged = False
        self.snapshot, self.asked = fact, asked
        self.buffer = []
        for place, change in enumerate(survivors):
            for result in self.change(change):
                if result.what == "gap":
                    self.buffer = survivors[place:]
                    return [result]
        self.buffer = survivors if self.retaining or self.rule.seed == "side" else []
        return [Result("seeded")]

    def change(self, fact: Fact) -> list[Result]:
        outside = self.rule.seed in OUTSIDE
        if not self.seeded:
            if not outside:
                self.count("ignored")
                return []
            first_one = self.buffer == []
            self.keep(fact)
            return [Result("waiting")] if first_one else []
        verdict = self.judge(fact)
        if verdict == "old":
            self.count("ignored")
            return []
        if isinstance(verdict, Result):
            self.count("gaps")
            self.seeded = self.bridged = False
            self.buffer = []
            if outside:
                self.keep(fact)
            return [verdict]
        self.apply(fact)
        self.bridged = True
        self.last = fact.last
        self.count("applied")
        if self.retaining or self.rule.seed == "side":
            self.keep(fact)
        return [CHANGED]

    def unseed(self, keep_buffer: bool) -> None:
        self.seeded = self.bridged = False
        if not keep_buffer:
            self.buffer = []

    def retain(self, on: bool) -> None:
        self.retaining = on
        if not on and self.seeded and self.rule.seed != "side":
            self.buffer = []

    # ---- rules

    def judge(self, fact: Fact) -> str | Result:
        """`apply`, `old`, or the gap."""
        if not self.bridged:
            assert self.snapshot is not None
            if self.is_old(fact, self.snapshot, self.asked):
                return "old"
            return "apply" if self.bridges(fact, self.snapshot) else Result("gap")
        last = self.last
        match self.rule.chain.value:
            case "next":
                if fact.last is None or fact.first is None or last is None:
                    return Result("gap")
                if fact.last <= last:
                    return "old"
                return Result("gap", last + 1, fact.first) if fact.first > last + 1 else "apply"
            case "prev":
                return "apply" if fact.prev is not None and fact.prev == last else Result("gap", last, fact.prev)
            case "rising":
                return "apply" if fact.last is not None and (last is None or fact.last > last) else "old"
        return "apply"

    def is_old(self, change: Fact, snapshot: Fact, asked: int) -> bool:
        s = snapshot.last
        if s is not None and s == self.rule.empty_id:
            return False
        if s is None or change.last is None:
            return change.at < asked
        return change.last < s if self.rule.bridge == "covers" else change.last <= s

    def bridges(self, change: Fact, snapshot: Fact) -> bool:
        s, first, last, prev = snapshot.last, change.first, change.last, change.prev
        if self.rule.bridge == "after" or (s is not None and s == self.rule.empty_id):
            return True
        if s is None:
            return False
        inside = first is not None and last is not None
        match self.rule.bridge:
            case "covers_next":
                return inside and s + 1 in range(first or 0, (last or 0) + 1)
            case "covers":
                return prev == s or (inside and s in range(first or 0, (last or 0) + 1))
            case "prev":
                return prev == s
            case "prev_range":
                return prev is not None and last is not None and prev <= s < last
            case "same":
                return first == s + 1
        raise AssertionError(self.rule.bridge)

    def compare(self, fact: Fact) -> None:
        if "compare" not in self.rule.proof or not self.seeded:
            return
        if fact.last is not None and self.last is not None and fact.last != self.last:
            return
        equal = self.sides == (settled(fact.bids), settled(fact.asks))
        self.count("compare_equal" if equal else "compare_different")

    def keep(self, fact: Fact) -> None:
        self.buffer.append(fact)
        limit = self.rule.buffer_seconds * 10**9
        while self.buffer and (len(self.buffer) > self.rule.buffer_changes or fact.at - self.buffer[0].at > limit):
            self.buffer = self.buffer[1:]
            self.count("buffer_dropped")
        while len(self.buffer) > 1 and sum(len(one.bids + one.asks) for one in self.buffer) > self.rule.buffer_rows:
            self.buffer = self.buffer[1:]
            self.count("buffer_dropped")

    # ---- levels

    def replace(self, fact: Fact) -> None:
        self.sides = (settled(fact.bids), settled(fact.asks))
        self.reach = [side[-1][0] if side else None for side in self.levels()]
        self.seeded = True
        self.last = fact.last
        self.count("snapshots")
        self.count("applied")
        self.cut()

    def apply(self, fact: Fact) -> None:
        for side, rows in zip(self.sides, (fact.bids, fact.asks), strict=True):
            for price, size in rows:
                if size:
                    side[price] = size
                elif price in side:
                    del side[price]
                else:
                    self.count("absent_removals")
        self.cut()

    def cut(self) -> None:
        for bound, word in ((self.window, "cut"), (self.depth_cap, "trimmed")):
            for at, (levels, side) in enumerate(zip(self.levels(), self.sides, strict=True)):
                for price, _ in levels[bound:] if bound is not None else ():
                    del side[price]
                    self.count(word)
                if word == "trimmed" and side and len(side) < len(levels):
                    known = [price for price in (self.reach[at], self.levels()[at][-1][0]) if price is not None]
                    self.reach[at] = min(known) if at else max(known)


@dataclass
class ModelLevel:
    bid: bool
    price: int
    size: int
    id: int | None


@dataclass
class ModelOfIds:
    """Levels that carry their ids; each look-up goes through all of them."""

    depth_cap: int
    levels: list[ModelLevel] = field(default_factory=list)

    def message(self, rows: list[tuple[int, bool, int | None, int]]) -> int | None:
        """Rows of id, side, price, size (0: it goes). The id that is not known, and then nothing has changed."""
        before = [replace(level) for level in self.levels]
        for id_, bid, sent, size in rows:
            own = next((level for level in self.levels if level.id == id_), None)
            if sent is None and own is None:
                self.levels = before
                return id_
            price = sent if sent is not None or own is None else own.price
            if own is not None:
                own.id = None
            self.levels = [level for level in self.levels if (level.bid, level.price) != (bid, price)]
            if size and price is not None:
                self.levels.append(ModelLevel(bid, price, size, id_))
        for bid in (True, False):
            side = sorted((one for one in self.levels if one.bid is bid), key=lambda one: one.price, reverse=bid)
            for level in side[self.depth_cap :]:
                self.levels.remove(level)
        return None

    def side(self, bid: bool) -> list[tuple[int, int]]:
        return sorted(((one.price, one.size) for one in self.levels if one.bid is bid), reverse=bid)


def settled(rows: Iterable[Level]) -> dict[Decimal, Decimal]:
    """A whole side: the later row wins, and a size of zero is no level."""
    return {price: size for price, size in dict(rows).items() if size}


# ---- numbers (section 5)


def number(text: str) -> tuple[Fraction, int, int] | None:
    """(value, scale, digits before the point) of a legal number, else None. Reads character by character."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    exponent = 0
    cut = min((at for at in (rest.find("e"), rest.find("E")) if at >= 0), default=None)
    if cut is not None:
        power = rest[cut + 1 :]
        digits = power[1:] if power[:1] in ("+", "-") else power
        if not plain(digits):
            return None
        exponent = -int(digits) if power.startswith("-") else int(digits)
        rest = rest[:cut]
    whole, point, behind = rest.partition(".")
    if not plain(whole) or (point and not plain(behind)):
        return None
    mantissa = int(whole + behind)
    scale = len(behind) - exponent
    if mantissa >= 10**38 or not -38 <= scale <= 38:
        return None
    value = sign * mantissa * Fraction(10) ** -scale
    return value, scale, len(str(int(abs(value)))) if abs(value) >= 1 else 0


def plain(digits: str) -> bool:
    return digits != "" and all(character in "0123456789" for character in digits)


# ---- checksums (section 7)


def checksum(order: str, joiner: str, depth: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> int:
    """Over levels whose texts are as they are to be written, best first."""
    bids, asks = bids[:depth], asks[:depth]
    if order == "asks_then_bids":
        levels = asks + bids
    else:
        levels = [side[at] for at in range(depth) for side in (bids, asks) if at < len(side)]
    return zlib.crc32(joiner.join(text for level in levels for text in level).encode("ascii"))


def javascript(text: str) -> str:
    """String(Number(text)): ECMA-262, Number::toString, its steps 5 to 10 with n and k as they are named there.

    The fewest digits that read as the same double, and of these the nearest to it: `repr` has them.
    """
    if float(text) == 0:
        return "0"
    shown = Decimal(repr(float(text))).as_tuple()
    assert isinstance(shown.exponent, int)
    digits = "".join(map(str, shown.digits)).rstrip("0")
    sign = "-" if shown.sign else ""
    n, k = len(shown.digits) + shown.exponent, len(digits)
    if k <= n <= 21:
        return sign + digits.ljust(n, "0")
    if 0 < n <= 21:
        return f"{sign}{digits[:n]}.{digits[n:]}"
    if -6 < n <= 0:
        return f"{sign}0.{'0' * -n}{digits}"
    fraction = f".{digits[1:]}" if k > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if n > 0 else '-'}{abs(n - 1)}"
