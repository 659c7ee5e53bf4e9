"""The table that `make peers` prints, and the same as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.peers.orders import COUNTED, totals
from tests.peers.runner import Outcome
from tests.peers.untouched import Files

COLUMNS: Final = (
    "peer", "version", "program", "date", "calls", "unanswered", "retired", "errors", "books equal", "levels",
    "trades", "instruments", "s",
)  # fmt: skip


def row(one: Outcome) -> tuple[str, ...]:
    """One program's line. `errors` are calls of the peer that failed, `calls` what the server was asked."""
    judge = one.judge
    return (
        one.program.peer, judge.version, one.program.name, one.date, str(one.made.total()),
        str(one.unanswered.total()), str(one.retired.total()), str(len(judge.failed)), str(judge.books),
        str(judge.levels), str(judge.trades), str(judge.instruments), f"{one.seconds:.0f}",
    )  # fmt: skip


def orders(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """What was done with orders, as equal/compared: by program, then by peer."""
    found = [(one.program.peer, one.program.name, one.judge.orders.counts) for one in outcomes if one.judge.orders]
    for peer in sorted({peer for peer, _, _ in found}):
        found.append((peer, "all", totals(counts for name, _, counts in found if name == peer)))
    return [("peer", "orders", *COUNTED), *((a, b, *(str(counts[n]) for n in COUNTED)) for a, b, counts in found)]


def aligned(table: list[tuple[str, ...]], left: int) -> list[str]:
    """Rows of one width; the first `left` columns are words."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]


Packages = Mapping[str, Files | None]  # None: the peer could not be installed


def lines(outcomes: Iterable[Outcome], packages: Packages) -> list[str]:
    """The table, then what is not as it should be, each with its reason or as a FAULT."""
    outcomes = list(outcomes)
    text = [*aligned([COLUMNS, *map(row, outcomes)], 4), ""]
    if traded := [one for one in outcomes if one.judge.orders is not None]:
        text += [*aligned(orders(traded), 2), ""]
    for peer, found in packages.items():
        if found is None:
            text.append(f"FAULT {peer}: not installed")
            continue
        same = found.hashed - len(found.changed)
        text.append(f"{peer}: {same} of {found.hashed} installed files are as their packages tell")
        text += [f"FAULT {peer}: {name} is not" for name in found.changed]
    for one in outcomes:
        where = f"{one.program.peer}, {one.program.name}, {one.date}"
        text += [
            f"{'not served' if fault.ours else 'known'}, {n} times: {where}: {fault.reason}"
            for fault, n in one.explained()
        ]
    for one in outcomes:
        where = f"{one.program.peer}, {one.program.name}, {one.date}"
        text += [f"FAULT {where}: {name}: {why}" for name, why in one.faults()]
    made, equal = (sum(getattr(one.judge.books, name) for one in outcomes) for name in ("made", "equal"))
    levels = sum(one.judge.levels for one in outcomes)
    text += [
        "",
        f"{equal} of {made} books equal, {made - equal} not; {levels} levels; {count(outcomes, packages)} faults",
    ]
    return text


def count(outcomes: Iterable[Outcome], packages: Packages) -> int:
    """How many faults there are."""
    of_packages = sum(1 if one is None else len(one.changed) for one in packages.values())
    return sum(len(one.faults()) for one in outcomes) + of_packages


def data(outcomes: Iterable[Outcome], packages: Packages) -> dict[str, Any]:
    """All of it, for `--json`."""
    outcomes = list(outcomes)
    return {
        "packages": {
            peer: None if one is None else {"hashed": one.hashed, "changed": one.changed}
            for peer, one in packages.items()
        },
        "programs": [
            {
                "peer": one.program.peer,
                "version": one.judge.version,
                "program": one.program.name,
                "date": one.date,
                "status": one.status,
                "seconds": round(one.seconds, 3),
                "calls": one.made,
                "unanswered": one.unanswered,
                "retired": one.retired,
                "did": one.judge.did,
                "errors": one.judge.failed,
                "differs": one.judge.wrong(),
                "orders": {} if one.judge.orders is None else {
                    name: {"made": count.made, "equal": count.equal} for name, count in one.judge.orders.counts.items()
                },
                **{
                    name: {"made": found.made, "equal": found.equal}
                    for name, found in (
                        ("books", one.judge.books), ("trades", one.judge.trades), ("instruments", one.judge.instruments)
                    )
                },
                "levels": one.judge.levels,
                "known": [
                    {"what": fault.what, "reason": fault.reason, "ours": fault.ours, "times": n}
                    for fault, n in one.explained()
                ],
                "faults": one.faults(),
            }
            for one in outcomes
        ],
        "faults": count(outcomes, packages),
    }  # fmt: skip
