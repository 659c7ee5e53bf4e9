"""Valid traffic of invented venues, printed from the shapes alone: a value is put where the shape will look for it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.fuzz.dialects import Dialect
from tests.unit.engine.model import checksum, javascript

from tidebook.engine.shape import BookShape, Id, Kind, Number, Path, Remove, Row, Step, TimeUnit

Tree = Any
"""A JSON value: a token as it is written, a list, or an `Obj`."""


class Obj(list[list[Tree]]):
    """An object: [key token, value] in order, keys twice and all."""


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def printed(tree: Tree, how: random.Random | None = None) -> str:
    """As JSON; with `how`, with odd white space and escapes."""
    parts: list[str] = []
    _print(tree, parts, how)
    return "".join(parts)


def _print(tree: Tree, parts: list[str], how: random.Random | None) -> None:
    if how is not None and how.random() < 0.1:
        parts.append(how.choice(" \t\n\r"))
    if isinstance(tree, Obj):
        parts.append("{")
        for at, (key, value) in enumerate(tree):
            parts.append("," if at else "")
            parts.append(key if how is None or how.random() < 0.9 else escaped(key, how))
            parts.append(":")
            _print(value, parts, how)
        parts.append("}")
    elif isinstance(tree, list):
        parts.append("[")
        for at, value in enumerate(tree):
            parts.append("," if at else "")
            _print(value, parts, how)
        parts.append("]")
    elif how is not None and tree[:1] == '"' and how.random() < 0.05:
        parts.append(escaped(tree, how))
    else:
        parts.append(tree)


def escaped(token: str, how: random.Random) -> str:
    """The same string with one character as an escape."""
    if len(token) < 3 or "\\" in token:
        return token
    at = how.randrange(1, len(token) - 1)
    units = token[at].encode("utf-16-be").hex()
    code = "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
    return token[:at] + (code.upper().replace("\\U", "\\u") if how.random() < 0.5 else code) + token[at + 1 :]


def put(tree: Tree, steps: tuple[Step, ...], value: Tree) -> Tree:
    """`value` at this path, making objects and lists on the way. Returns the tree, a new one where it was a token."""
    if not steps:
        if isinstance(value, Obj) and isinstance(tree, Obj):
            tree.extend(value)
            return tree
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(tree, list) or isinstance(tree, Obj):
            tree = []
        if step < 0:
            tree.append(put("null", rest, value))
            return tree
        while len(tree) <= step:
            tree.append("null")
        tree[step] = put(tree[step], rest, value)
        return tree
    if not isinstance(tree, Obj):
        tree = Obj()
    key = quoted(step)
    for member in tree:
        if member[0] == key:
            member[1] = put(member[1], rest, value)
            return tree
    tree.append([key, put("null", rest, value)])
    return tree


@dataclass
class RowFact:
    bid: bool
    price: str
    size: str
    gone: bool = False
    id: int = 0
    priced: bool = True


@dataclass
class Fact:
    whole: bool
    rows: list[RowFact]
    first: int
    last: int
    prev: int
    ns: int
    sum: int | None = None


@dataclass
class Venue:
    """One book of the other side."""

    dialect: Dialect
    topic: tuple[str, ...]
    how: random.Random
    seq: int = 10
    sides: tuple[dict[Decimal, tuple[str, str, int]], ...] = field(default_factory=lambda: ({}, {}))
    past: list[Fact] = field(default_factory=list)

    def number(self, low: int, high: int) -> str:
        how = self.how
        value = how.randrange(low, high)
        match how.randrange(12):
            case 0:
                return f"{value}.0"
            case 1:
                return f"{value}e-1"
            case 2:
                return f"{value}{how.choice('eE')}{how.choice(['+0', '0', '1', '-3', '-7'])}"
            case 3 | 4:
                return str(value)
        return f"{value // 10}.{value % 10}{'0' * how.randrange(3)}"

    def change(self) -> Fact:
        how = self.how
        prev = self.seq
        self.seq += how.choice([1, 1, 1, 2, 5])
        rows = [self.row() for _ in range(how.choice([0, 1, 1, 2, 3, 6]))]
        return self.fact(False, rows, prev + 1, self.seq, prev)

    def row(self) -> RowFact:
        how = self.how
        side = how.randrange(2)
        held = self.sides[side]
        if held and how.random() < 0.35:
            price = how.choice(list(held))
            text, _, level = held.pop(price)
            return RowFact(side == 0, text, "0", True, level, how.random() < 0.5)
        if held and how.random() < 0.4:
            price = how.choice(list(held))
            text, _, level = held[price]
            row = RowFact(side == 0, text, self.number(1, 5000), id=level, priced=how.random() < 0.5)
        else:
            text = self.number(990, 1010) if side else self.number(980, 1000)
            row = RowFact(side == 0, text, self.number(1, 5000), id=how.randrange(1, 10**6))
            price = Decimal(text)
        held[price] = (row.price, row.size, row.id)
        window = self.dialect.shape.window
        if window is not None and len(held) > window.levels:
            del held[min(held) if side == 0 else max(held)]
        return row

    def whole(self) -> Fact:
        rows = [
            RowFact(side == 0, text, size, id=level)
            for side, held in enumerate(self.sides)
            for text, size, level in held.values()
        ]
        return self.fact(True, rows, self.seq, self.seq, self.seq if self.how.random() < 0.5 else -1)

    def fact(self, whole: bool, rows: list[RowFact], first: int, last: int, prev: int) -> Fact:
        fact = Fact(whole, rows, first, last, prev, self.how.randrange(10**15, 10**18))
        spec = self.dialect.shape.checksum
        if spec is not None and self.how.random() < 0.8:
            write = WRITTEN[spec.digits]
            minus = "-" if self.dialect.shape.signed else ""
            bids = [self.sides[0][price] for price in sorted(self.sides[0], reverse=True)]
            asks = [self.sides[1][price] for price in sorted(self.sides[1])]
            levels = [
                [(write(price), sign + write(size)) for price, size, _ in side]
                for sign, side in (("", bids), (minus, asks))
            ]
            fact.sum = checksum(spec.order, spec.joiner, spec.depth, levels[0], levels[1])
        if whole:
            self.past.append(fact)
            del self.past[:-4]
        return fact


def from_end(path: Path) -> int:
    """Its first index from the end of a list, else less than any."""
    first = path.steps[0] if path.steps else 0
    return first if isinstance(first, int) and first < 0 else -100


WRITTEN: dict[str, Callable[[str], str]] = {
    "as_sent": str,
    "bare": lambda text: text.replace(".", "").lstrip("0"),
    "python_float": lambda text: repr(float(text)),
    "javascript": javascript,
}


class Printer:
    """Facts as messages of one shape."""

    def __init__(self, shape: BookShape, how: random.Random) -> None:
        self.shape = shape
        self.how = how

    def frame(self, messages: list[tuple[tuple[str, ...], Fact]], count: tuple[Id, int] | None = None) -> Tree:
        """One frame of these messages, each under its topic."""
        root: Tree = "null"
        made = [(topic, *self.message(topic, fact)) for topic, fact in messages]
        each = self.shape.each
        if each is None:
            root = made[0][1]
        else:
            star = each.split(".")[-1] == "*"
            path = Path.of(each[:-1].removesuffix(".") if star else each).steps
            if star and "#" in self.shape.route:
                at = self.shape.route.index("#")
                listed: Tree = Obj([quoted(topic[at]), tree] for topic, tree, _ in made)
            else:
                listed = [tree for _, tree, _ in made]
            root = put(root, path, listed)
        for _, _, at_root in made:
            for path_of_root, value in at_root:
                root = put(root, path_of_root, value)
        if count is not None and (not count[0].optional or self.how.random() < 0.9):
            root = put(root, Path.of(count[0].path).steps, str(count[1]))
        return root

    def message(self, topic: tuple[str, ...], fact: Fact) -> tuple[Tree, list[tuple[tuple[Step, ...], Tree]]]:
        values = [*self.places(topic, fact)]
        if self.how.random() < 0.3:
            self.how.shuffle(values)
        # What is counted from the end of a list comes when all else is in it.
        values.sort(key=lambda value: from_end(value[0]))
        tree: Tree = "null"
        at_root = []
        for path, value in values:
            if path.root:
                at_root.append((path.steps, value))
            else:
                tree = put(tree, path.steps, value)
        return tree, at_root

    def places(self, topic: tuple[str, ...], fact: Fact) -> Iterator[tuple[Path, Tree]]:
        shape, how = self.shape, self.how
        for route, part in zip(shape.route, topic, strict=False):
            if route != "#":
                yield Path.of(route), part if part.isdigit() and how.random() < 0.8 else quoted(part)
        yield from self.kind(shape.kind, fact)
        for place, value in ((shape.first, fact.first), (shape.last, fact.last), (shape.prev, fact.prev)):
            if place is not None and not (place.optional and how.random() < 0.1):
                sentinel = shape.kind.sentinel
                text = str(sentinel[1] if sentinel is not None and sentinel[0] == place.path and fact.whole else value)
                yield Path.of(place.path), text if how.random() < 0.7 else quoted(text)
        if shape.time is not None and how.random() < 0.9:
            yield Path.of(shape.time.path), self.time(shape.time.unit, fact.ns)
        if shape.checksum is not None and fact.sum is not None and shape.checksum.when != "alone":
            yield (
                Path.of(how.choice(shape.checksum.paths)),
                str(fact.sum if how.random() < 0.5 else (fact.sum ^ 2**31) - 2**31),
            )
        yield from self.levels(fact)

    def kind(self, kind: Kind, fact: Fact) -> Iterator[tuple[Path, Tree]]:
        keys = kind.snapshot_keys if fact.whole else kind.delta_keys
        sides = {*self.shape.bids, *self.shape.asks}
        if keys and not sides.intersection(keys):
            yield Path.of(self.how.choice(keys)), "1"
        words = kind.snapshot if fact.whole else kind.delta
        if kind.path is not None and words:
            word = self.how.choice(words)
            yield Path.of(kind.path), word if word in ("true", "false") or word.isdigit() else quoted(word)

    def time(self, unit: TimeUnit, ns: int) -> str:
        if unit is TimeUnit.ISO:
            return quoted(f"20{ns % 90 + 10}-0{ns % 9 + 1}-1{ns % 10}T1{ns % 10}:00:5{ns % 10}.{ns % 10**9:09}Z")
        power = {TimeUnit.S: 9, TimeUnit.MS: 6, TimeUnit.US: 3, TimeUnit.NS: 0}[unit]
        text = str(ns // 10**power)
        if self.how.random() < 0.3:
            text += f".{ns % 10**6}"
        return text if self.how.random() < 0.6 else quoted(text)

    def levels(self, fact: Fact) -> Iterator[tuple[Path, Tree]]:
        shape, how = self.shape, self.how
        kind = shape.kind
        if shape.bids:
            for paths, bid in ((shape.bids, True), (shape.asks, False)):
                rows = [self.row(row) for row in fact.rows if row.bid is bid]
                if not rows and how.random() < 0.5:
                    continue
                keyed = kind.snapshot_keys if fact.whole else kind.delta_keys
                usable = [path for path in paths if path in keyed] or list(paths)
                yield Path.of(how.choice(usable)), rows
            return
        if shape.both is not None:
            bids, asks = ([row for row in fact.rows if row.bid is bid] for bid in (True, False))
            pairs = [put(self.row(b), (), self.row(a, shape.both)) for b, a in zip(bids, asks, strict=False)]
            yield Path.of(shape.rows[0].path), pairs
            return
        if shape.rows[0].single and not fact.whole:
            for row in fact.rows[:1]:
                yield Path.of(shape.rows[0].path), self.row(row)
            return
        lists: dict[str, list[Tree]] = {}
        for row in fact.rows:
            gone = row.gone and shape.remove is Remove.ACTION
            usable_lists = [
                rows.path for rows in shape.rows
                if rows.action is None or (rows.action in shape.remove_words) == gone
            ]  # fmt: skip
            lists.setdefault(how.choice(usable_lists or [shape.rows[0].path]), []).append(self.row(row))
        for path, rows in lists.items():
            is_flat = not fact.whole and any(one.flat and one.path == path for one in shape.rows)
            yield Path.of(path), rows[0] if is_flat else rows

    def row(self, fact: RowFact, places: Row | None = None) -> Tree:
        shape, how = self.shape, self.how
        row = places or shape.row
        tree: Tree = "null"

        def add(path: str | None, value: str) -> None:
            nonlocal tree
            if path is not None:
                tree = put(tree, Path.of(path).steps, value)

        gone = fact.gone and shape.remove is Remove.ACTION
        if row.side is not None:
            add(row.side, quoted(how.choice(shape.bid_words if fact.bid else shape.ask_words)))
        if row.action is not None and not Path.of(row.action).root:
            add(row.action, quoted(shape.remove_words[0] if gone else "set"))
        if row.count is not None:
            add(row.count, "0" if fact.gone else str(how.randrange(1, 9)))
        if row.id is not None:
            add(row.id, str(fact.id))
        if row.id is None or fact.priced:
            add(row.price, self.number(fact.price))
        if not gone or how.random() < 0.3:
            size = fact.size
            if shape.signed:
                size = ("" if fact.bid else "-") + ("1" if fact.gone else size)
            elif fact.gone and shape.remove is Remove.COUNT:
                size = "1"
            add(row.size, self.number(size))
        return tree

    def number(self, text: str) -> str:
        kind = self.shape.number
        if kind is Number.TEXT or (kind is Number.EITHER and self.how.random() < 0.5):
            return quoted(text)
        return text
