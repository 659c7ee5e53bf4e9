"""The tables of docs/declarations.md."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from tests.lines import lines_of

from tidebook import engine as engines
from tidebook.engine import Choice
from tidebook.engine.rule import Scope, SyncRule
from tidebook.engine.shape import BookShape, Kind
from tidebook.record.check import Verdict, check
from tidebook.record.connections import WantedBook

from .mutants import KINDS, Found
from .sets import DataSet, Recording

_PARTS = ("seed", "chain", "bridge", "scope", "proof")


def knobs(shape: BookShape) -> list[str]:
    """What a shape says beyond the defaults."""
    plain = BookShape(bids=("b",), asks=("a",))
    found: list[str] = []
    for one in fields(shape):
        value = getattr(shape, one.name)
        if value == getattr(plain, one.name) or (one.name == "route" and not value):
            continue
        if isinstance(value, Kind):
            found += [f"kind.{part.name}" for part in fields(value) if getattr(value, part.name)]
        elif one.name in ("bids", "asks"):
            if not shape.rows and one.name == "bids":
                found.append("bids/asks")
        elif one.name in ("first", "last", "prev"):
            marks = [mark for mark, on in (("optional", value.optional), ("none", value.none is not None)) if on]
            found.append(one.name + (f"({', '.join(marks)})" if marks else ""))
        else:
            found.append(one.name + _inside(one.name, value))
    return found


def _inside(name: str, value: Any) -> str:
    match name:
        case "number" | "remove":
            return f"={value}"
        case "time":
            return f"({value.unit})"
        case "window":
            return f"({value.levels}, {value.cut})"
        case "checksum":
            return f"({value.depth}, {value.order}, {value.digits}, {value.when})"
        case _:
            return ""


def knobs_of(book: WantedBook) -> str:
    """Of a book's shape, of that of its snapshot, and of its rule."""
    plan = book.plan
    found = [" ".join(knobs(plan.shape))]
    if plan.snapshot is not None:
        found.append("snapshot: " + " ".join(knobs(plan.snapshot)))
    ordinary = SyncRule(plan.rule.seed, bridge=plan.rule.bridge)
    rule = book.channel.rule
    other = [
        f"{one.name}={getattr(rule, one.name)}"
        for one in fields(rule)
        if one.name not in (*_PARTS, "pace") and getattr(rule, one.name) != getattr(ordinary, one.name)
    ]
    found += other
    return "; ".join(found)


def rule_of(rule: SyncRule) -> str:
    """seed · chain · bridge, and the scope where it is not one topic."""
    parts = [rule.seed, rule.chain, rule.bridge or "", "connection" if rule.scope is Scope.CONNECTION else ""]
    return " · ".join(str(part) for part in parts if part)


def proof_of(rule: SyncRule) -> str:
    return f"{', '.join(rule.proof)} → {'live' if rule.proves else 'unproven'}"


# Equal? -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Played:
    """One recording on one engine."""

    verdict: Verdict
    equal: int
    of: int
    seconds: float


def played(data: DataSet, engine: Choice) -> Played:
    said: list[str] = []
    start = time.perf_counter()
    verdict = asyncio.run(check(data.capture, data.oracle, engine=engine, venue=data.choice, say=said.append))
    equal = sum(line.endswith(": equal") for line in said)
    return Played(verdict, equal, data.comparisons(), time.perf_counter() - start)


def declarations(rows: Iterable[tuple[DataSet, Recording, dict[Choice, Played]]]) -> list[str]:
    """One line a recording, and one more for each further shape that it shows."""
    engines_here = engines.available()
    head = ["recording", "declared as", "lines", "seed · chain · bridge", "proof → state", "knobs"]
    table = ["| " + " | ".join([*head, *(f"equal, {one}" for one in engines_here)]) + " |"]
    table.append("|---" * (len(head) + len(engines_here)) + "|")
    for data, recording, results in rows:
        shapes = {knobs_of(book): book for book in recording.connections.books}
        for index, (said, book) in enumerate(shapes.items()):
            where = f"`{data.choice}` in {data.where}"
            cells = [data.name, where, str(lines_of(data.file))] if index == 0 else ["", f"… `{book.channel.name}`", ""]
            cells += [rule_of(book.plan.rule), proof_of(book.plan.rule), said]
            for one in engines_here:
                result = results[one]
                cells.append(f"{result.equal}/{result.of}, {result.seconds:.1f} s" if index == 0 else "")
            table.append("| " + " | ".join(cells) + " |")
    return table


# Noticed? ---------------------------------------------------------------------


@dataclass(slots=True)
class Count:
    """Mutants of one kind."""

    played: int = 0
    could: int = 0
    noticed: int = 0
    equal: int = 0  # not noticed, and nothing is wrong by the next message
    unproven: int = 0  # wrong, and not claimed
    live: int = 0  # wrong, and claimed: outside of what the proof proves
    frozen: int = 0  # of these: what follows is taken for old

    def add(self, found: Found) -> None:
        self.played += 1
        self.could += found.could
        if found.noticed:
            self.noticed += 1
        elif found.equal:
            self.equal += 1
        elif found.state == "live":
            self.live += 1
            self.frozen += found.frozen
        else:
            self.unproven += 1


def mutants(counts: dict[str, dict[str, Count]]) -> list[str]:
    """For each kind: noticed / what the rule can notice / played; then what became of those that were not noticed."""
    rest = ["unnoticed: equal again", "wrong, unproven", "wrong, live"]
    table = ["| " + " | ".join(["recording", *KINDS, *rest]) + " |", "|---" + "|--:" * (len(KINDS) + len(rest)) + "|"]
    total: dict[str, Count] = {}
    for name, kinds in counts.items():
        table.append(_row(name, kinds))
        for kind, count in kinds.items():
            into = total.setdefault(kind, Count())
            for one in fields(count):
                setattr(into, one.name, getattr(into, one.name) + getattr(count, one.name))
    table.append(_row("all", total))
    return table


def _row(name: str, kinds: dict[str, Count]) -> str:
    cells = [f"{one.noticed}/{one.could}/{one.played}" if (one := kinds.get(kind)) else "–" for kind in KINDS]
    live = ", ".join(f"{count.live} {kind}" for kind, count in kinds.items() if count.live)
    frozen = sum(count.frozen for count in kinds.values())
    cells += [str(sum(count.equal for count in kinds.values())), str(sum(count.unproven for count in kinds.values()))]
    cells.append((live or "0") + (f" ({frozen} frozen)" if frozen else ""))
    return "| " + " | ".join([name, *cells]) + " |"
