"""The tables that `make peers` prints, and the same as JSON."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.peers.count import Count, total
from tests.peers.orders import COUNTED, totals
from tests.peers.plan import Known
from tests.peers.runner import Outcome
from tests.peers.theirs.ran import Told
from tests.peers.untouched import Files

COLUMNS: Final = (
    "peer", "version", "program", "date", "calls", "unanswered", "retired", "errors", "books equal", "levels",
    "trades", "instruments", "s",
)  # fmt: skip
WIDTH: Final = 120  # of a line of prose


def _row(peer: str, version: str, name: str, date: str, of: list[Outcome]) -> tuple[str, ...]:
    """A line of one program, or of some together. `calls` are what was asked, `errors` what failed for the peer."""
    kinds = "books", "trades", "instruments"
    books, trades, listed = (total(getattr(one.judge, kind) for one in of) for kind in kinds)
    asked = (sum(getattr(one, kind).total() for one in of) for kind in ("made", "unanswered", "retired"))
    return (
        peer, version, name, date, *map(str, asked), str(sum(len(one.judge.failed) for one in of)), str(books),
        str(sum(one.judge.levels for one in of)), str(trades), str(listed), f"{sum(one.seconds for one in of):.0f}",
    )  # fmt: skip


def read(outcomes: list[Outcome]) -> list[tuple[str, ...]]:
    """What was compared, as equal/compared: by program, then by peer. A date is there where it is not today."""
    rows = [
        _row(one.program.peer, one.judge.version, one.program.name, one.program.date or "", [one]) for one in outcomes
    ]
    return [COLUMNS, *rows, *(_row(peer, "", "all", "", of) for peer, of in by_peer(outcomes).items())]


def _ordered(peer: str, version: str, name: str, of: list[Outcome]) -> tuple[str, ...]:
    sums = totals(map(counts, of))
    calls, seconds = sum(one.made.total() for one in of), sum(one.seconds for one in of)
    return (peer, version, name, str(calls), *(str(sums[kind]) for kind in COUNTED), f"{seconds:.0f}")


def orders(outcomes: list[Outcome]) -> list[tuple[str, ...]]:
    """What was done with orders, as equal/compared: by program, then by peer."""
    rows = [_ordered(one.program.peer, one.judge.version, one.program.name, [one]) for one in outcomes]
    sums = [_ordered(peer, "", "all", of) for peer, of in by_peer(outcomes).items()]
    return [("peer", "version", "program", "calls", *COUNTED, "s"), *rows, *sums]


def by_peer(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    """In the order of their programs."""
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(one.program.peer, []).append(one)
    return found


def counts(one: Outcome) -> Mapping[str, Count]:
    """Of one program's orders; none where it trades nothing."""
    return {} if one.judge.orders is None else one.judge.orders.counts


def aligned(table: list[tuple[str, ...]], left: int) -> list[str]:
    """Rows of one width; the first `left` columns are words. A column that is empty throughout is left out."""
    there = [(n < left, column) for n, column in enumerate(zip(*table, strict=True)) if any(column[1:])]
    cells: list[list[str]] = []
    for words, column in there:
        width = max(map(len, column))
        cells.append([cell.ljust(width) if words else cell.rjust(width) for cell in column])
    return ["  ".join(line).rstrip() for line in zip(*cells, strict=True)]


Packages = Mapping[str, Files | None]  # None: the peer could not be installed


def lines(outcomes: Iterable[Outcome], packages: Packages, own: Iterable[Told] = ()) -> list[str]:
    """The tables, other libraries' tests, then what is not as it should be: once each reason with those it holds for,
    FAULTs last.
    """
    outcomes, own, text = list(outcomes), list(own), list[str]()
    if readers := [one for one in outcomes if one.judge.orders is None]:
        text += [*aligned(read(readers), 4), ""]
    if traders := [one for one in outcomes if one.judge.orders is not None]:
        text += [*aligned(orders(traders), 3), ""]
    installed = {peer: found for peer, found in packages.items() if found is not None}
    for peer, files in installed.items():
        same = files.hashed - len(files.changed)
        text.append(f"{peer}: {same} of {files.hashed} installed files are as their packages tell")
    for one in own:
        text += [*([""] if text and text[-1] else []), *one.lines()]
    text += ["", *reasons(outcomes)] if outcomes else []
    text += [""] if text[-1] else []
    text += [f"FAULT {peer}: not installed" for peer in packages if peer not in installed]
    text += [f"FAULT {peer}: {name} is not" for peer, files in installed.items() for name in files.changed]
    text += [f"FAULT {where(one)}: {name}: {why}" for one in outcomes for name, why in one.faults()]
    text += [f"FAULT {one.library.title}: {why}" for one in own for why in one.faults]
    return [*text, *_wrapped(summary(outcomes, packages, own))]


def where(one: Outcome) -> str:
    """Which program, and its date where that is not this day."""
    return ", ".join(filter(None, (one.program.peer, one.program.name, one.program.date)))


def reasons(outcomes: list[Outcome]) -> list[str]:
    """Each known fault once, with how often it explains something of which programs."""
    found: dict[Known, list[str]] = {}
    for one in outcomes:
        for fault, times in one.explained():
            found.setdefault(fault, []).append(f"{times} of {where(one)}")
    text: list[str] = []
    for fault, those in sorted(found.items(), key=lambda item: item[0].ours):
        kind = "not served" if fault.ours else "known"
        text += _wrapped(f"{kind}: {fault.reason} ({'; '.join(those)})")
    return text


def _wrapped(text: str) -> list[str]:
    """Prose in lines. A client's name is not parted at its hyphen."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def summary(outcomes: list[Outcome], packages: Packages, own: list[Told]) -> str:
    """All of it in one sentence."""
    books, trades = (total(getattr(one.judge, name) for one in outcomes) for name in ("books", "trades"))
    levels = sum(one.judge.levels for one in outcomes)
    parts: list[str] = []
    if outcomes:
        parts = [f"{len(outcomes)} programs", f"{sum(one.made.total() for one in outcomes)} calls and topics"]
    if books.made:
        parts.append(f"{books.equal} of {books.made} books equal, {books.made - books.equal} not; {levels} levels")
    if trades.made:
        parts.append(f"{trades.equal} of {trades.made} trades")
    parts += [f"{of} {name}" for name, of in totals(map(counts, outcomes)).items() if of.made]
    parts += [f"{one.passed} of {one.library.name}'s own tests" for one in own if not one.missing]
    return "; ".join([*parts, f"{count(outcomes, packages, own)} faults"])


def count(outcomes: Iterable[Outcome], packages: Packages, own: Iterable[Told] = ()) -> int:
    """How many faults there are."""
    of_packages = sum(1 if one is None else len(one.changed) for one in packages.values())
    return sum(len(one.faults()) for one in outcomes) + of_packages + sum(len(one.faults) for one in own)


def data(outcomes: Iterable[Outcome], packages: Packages, own: Iterable[Told] = ()) -> dict[str, Any]:
    """All of it, for `--json`."""
    outcomes, own = list(outcomes), list(own)
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
                "stderr": one.stderr,
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
        "own tests": [one.data() for one in own],
        "faults": count(outcomes, packages, own),
    }  # fmt: skip
