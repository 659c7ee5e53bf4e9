"""What people see of results: tables in the terminal, and the tables of the README between their two marks."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks import machine, targets
from benchmarks.kept import Kept, Measured
from benchmarks.record import Result
from benchmarks.targets import Reached

BEGIN: Final = "<!-- figures: written by `python -m benchmarks --write` from docs/performance.json -->"
END: Final = "<!-- end of figures -->"


def number(value: float) -> str:
    """Three digits that count, and no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    places = 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{places}f}"


def _times(value: float) -> str:
    return f"{value:.2f} ×" if value >= 0.1 else f"1/{1 / value:.0f} ×"


# ---- in the terminal


WIDE: Final = 8
"""So many columns can be read."""


def _contenders(results: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(one.contender for one in results))


def reference(results: Iterable[Result]) -> str | None:
    """To whom the ratios in a section's table are: whoever most of its results are compared with."""
    found = Counter(name for one in results for name in one.ratios)
    return found.most_common(1)[0][0] if found else None


def cell(result: Result, to: str | None) -> str:
    """The value, and behind it the ratio."""
    ratio = result.ratios.get(to) if to is not None else None
    shown = number(result.value)
    return shown if ratio is None else f"{shown} ({_times(ratio)})"


def section(measured: Measured) -> RenderableType:
    """One line a work, one column a contender; the other way round where there are many contenders."""
    notes = [Text(f"note: {note}", style="yellow") for note in measured.notes]
    if not measured.results:
        return Group(Text(measured.title, style="bold"), *notes, Text())
    to = reference(measured.results)
    table = Table(title=measured.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    contenders = _contenders(measured.results)
    works = list(dict.fromkeys((one.work, one.unit) for one in measured.results))
    cells = {(one.contender, one.work, one.unit): cell(one, to) for one in measured.results}
    if len(contenders) <= WIDE:
        for name in contenders:
            table.add_column(name, justify="right")
        for work, unit in works:
            table.add_row(f"{work}, {unit}", *(cells.get((name, work, unit), "") for name in contenders))
    else:
        for work, unit in works:
            table.add_column(f"{work}, {unit}", justify="right")
        for name in contenders:
            table.add_row(name, *(cells.get((name, *work), "") for work in works))
    parts: list[RenderableType] = [table, Text(measured.about, style="dim")]
    if to is not None:
        parts.append(Text(f"in brackets: against {to}, in the same round", style="dim"))
    return Group(*parts, *notes, Text())


def bound(reached: Reached, value: float) -> str:
    """A figure as the target means it."""
    if reached.target.of:
        return _times(value)
    return f"{number(value)} {reached.result.unit}"


def target_rows(results: Iterable[Result]) -> list[tuple[str, str, str, str, str]]:
    """Work, contender and against whom, reached, at most, met."""
    rows: list[tuple[str, str, str, str, str]] = []
    for one in targets.reached(results):
        to = f"{one.target.contender} / {one.target.of}" if one.target.of else one.target.contender
        work = f"{one.target.section}: {one.target.work}"
        rows.append((work, to, bound(one, one.value), bound(one, one.target.at_most), "met" if one.met else "not met"))
    return rows


def goals(results: Iterable[Result]) -> RenderableType:
    table = Table(
        title="Figures to reach", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name in ("work", "measured"):
        table.add_column(name)
    for name in ("reached", "at most"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in target_rows(results):
        table.add_row(*row[:-1], Text(row[-1], style="green" if row[-1] == "met" else "red"))
    return table


# ---- in the README


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    align = [" --- ", *(" ---: " for _ in head[1:])]
    return [
        f"| {' | '.join(head)} |",
        f"|{'|'.join(align)}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


SHOWN: Final = (
    ("engine", "binance light, best", "Binance, light: decode, apply, read the best"),
    ("engine", "binance heavy, best", "Binance, heavy"),
    ("engine", "okx light, best", "OKX, light"),
    ("engine", "coinbase light, best", "Coinbase Pro, light"),
    ("engine", "kraken light, best", "Kraken, light, with its checksum"),
    ("engine", "binance light, top 20", "Binance, light, the best 20 of both sides as floats"),
    ("capture", "BTCUSDT 2024, best", "a recording of Binance, BTCUSDT"),
    ("path", "book light, best", "from the socket to your function, light"),
)
"""The lines of the first table; those that were not measured are left out."""


def _of(found: Iterable[Result], *names: str) -> Result | None:
    return next((one for name in names for one in found if one.contender == name), None)


def _costs(kept: Kept) -> list[str]:
    rows: list[list[str]] = []
    for section, work, words in SHOWN:
        found = kept.find(section, work)
        ours = _of(found, "native", "tidebook on")
        if ours is None:
            continue
        twin, floor = _of(found, "python"), _of(found, targets.FLOOR, "picows + floor")
        ratio = ours.ratios.get(floor.contender) if floor is not None else None
        rows.append(
            [
                words,
                number(ours.value),
                number(floor.value) if floor is not None else "",
                _times(ratio) if ratio is not None else "",
                number(twin.value) if twin is not None else "",
            ]
        )
    return _markdown(("µs a message", "native engine", "C floor", "ratio", "Python engine"), rows)


BESIDE: Final = (
    ("peers", "binance light, best", "book, light"),
    ("peers", "binance heavy, best", "book, heavy"),
    ("peers-path", "book light, best", "from the socket: book, light"),
    ("peers-path", "quotes", "quotes"),
    ("peers-path", "trades", "trades"),
)
"""The columns of the table of libraries."""

SAME: Final = {"native": "**Tidebook**", "tidebook on": "**Tidebook**", "python": "Tidebook's Python engine"}


def _beside(kept: Kept) -> list[str]:
    """One line a library, the quickest at a light book first; nothing where no other library was measured."""
    columns = [(words, found) for section, work, words in BESIDE if (found := kept.find(section, work))]
    rows: dict[str, list[str]] = {}
    for at, (_, found) in enumerate(columns):
        for one in sorted(found, key=lambda one: one.value):
            name = SAME.get(one.contender, one.contender)
            rows.setdefault(name, [""] * len(columns))[at] = number(one.value)
    if not rows:
        return []
    table = _markdown(("µs a message", *(words for words, _ in columns)), ([name, *row] for name, row in rows.items()))
    return [
        "Beside other libraries, in runs of their own (books: our engine alone; the rest: through the market):",
        "",
        *table,
        "",
    ]


def readme(kept: Kept) -> str:
    """What stands between the marks, both included."""
    lines = [BEGIN]
    if not kept.sections:
        return "\n".join([*lines, "Nothing was measured yet.", END])
    head = next(iter(kept.sections.values())).machine
    others = [
        f"{one.title}: {' '.join(machine.lines(dict(one.machine)))}."
        for one in kept.sections.values()
        if {**one.machine, "load": 0} != {**head, "load": 0}
    ]
    lines += [
        "<picture>",
        '  <source media="(prefers-color-scheme: dark)" srcset="docs/performance-dark.svg">',
        '  <img src="docs/performance.svg" alt="Microseconds for one change of a book, by library">',
        "</picture>",
        "",
        *_costs(kept),
        "",
        *_beside(kept),
        "Figures to reach, and what was reached:",
        "",
        *_markdown(("work", "measured", "reached", "at most", ""), target_rows(kept.results())),
        "",
        f"Measured {' '.join(machine.lines(dict(head)))}.",
        *others,
        END,
    ]
    return "\n".join(lines)


def put(page: str, block: str) -> str:
    """The page with this block between its marks. Raises ValueError when it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no place for the figures")
    return before + block + after
