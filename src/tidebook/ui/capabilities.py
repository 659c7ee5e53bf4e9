"""What venues can do, as tables: the same rows for a terminal and for a page."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidebook.client.capabilities import NOUNS, BookWay, Capability, Gone, chained, reaches

MARKS = {"yes": "●", "missing": "○", "not offered": "·"}
LEGEND = "● there   ○ not yet   · not offered by the venue   - none"
KNOWN = "known of a side: best N by a window, ≤ N by snapshots, as sent: all that comes"
NONE = "-"
NARROW = 100  # columns below which a terminal has one space between two columns
_STYLES = {"●": "green", "○": "yellow", "·": "dim", "-": "dim", "live": "bold green", "unproven": "bold yellow"}


class Grid(NamedTuple):
    """A table of texts. `right` are the columns of numbers, `marks` those of one sign, `firm` those never broken."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""
    right: frozenset[int] = frozenset()
    marks: frozenset[int] = frozenset()
    firm: frozenset[int] = frozenset({0})


def overview(venues: Sequence[Capability], gone: Sequence[Gone]) -> list[Grid]:
    """All of them side by side."""
    return [_offers(venues), _books(venues), *_switches(venues), _terms(venues), left(gone)]


def whole(one: Capability) -> list[Grid]:
    """One venue in full."""
    facts = [(way.name, way.alive, " ".join(way.options) or NONE) for way in one.facts]
    rest = {word: [noun for noun, offer in one.nouns.items() if offer == word] for word in ("missing", "not offered")}
    about = [
        ("exchange", one.exchange),
        ("kind", one.kind),
        ("environments", " ".join(one.environments)),
        ("simulator", "speaks its dialect" if one.dialect else "does not speak it"),
        ("sign", one.signs or NONE),
        ("orders by ws", "yes" if one.order_socket else NONE),
        ("dead man", NONE if one.dead_man is None else f"{one.dead_man.covers}, after {one.dead_man.seconds} s"),
        ("not yet", " ".join(rest["missing"]) or NONE),
        ("not offered", " ".join(rest["not offered"]) or NONE),
        ("facts from", one.proof_from or NONE),
    ]
    calls = [(way.name, way.pool, _most(way.most), "start, end" if way.ranges else NONE) for way in one.calls]
    limits = [(way.name, f"{way.limit}", f"{way.per:g} s", way.scope) for way in one.limits]
    eras = [(era.name, era.until) for era in one.eras]
    grids = [
        Grid(one.venue, ("", ""), about),
        _books([one]),
        Grid("Channels", ("channel", "alive by", "intervals"), facts),
        Grid("Calls", ("call", "counts in", "most rows", "range"), calls, right=frozenset({2})),
        Grid("Limits", ("pool", "units", "in", "by"), limits, right=frozenset({1, 2})),
        Grid("Former protocols that replay", ("era", "until"), eras),
    ]
    return [grid for grid in grids if grid.rows]


def epitaph(one: Gone) -> Grid:
    """What is left of a closed exchange."""
    about = [
        ("closed since", one.closed_on),
        ("why", one.reason),
        ("successor", one.successor or "none"),
        ("also called", " ".join(one.aliases) or NONE),
        ("recordings", "replay: tidebook replay FILE" if one.replays else "no declaration reads them"),
        ("facts from", one.see or NONE),
    ]
    return Grid(f"{one.name}: {one.title}", ("", ""), about)


def left(gone: Sequence[Gone]) -> Grid:
    """The closed exchanges."""
    rows = [
        (one.name, one.closed_on, one.reason, " ".join(one.aliases) or NONE, "replay" if one.replays else NONE)
        for one in gone
    ]
    head = ("closed", "since", "why", "also called", "recordings")
    return Grid("Closed exchanges", head, rows, firm=frozenset({0, 1, 4}))


def draw(grid: Grid, console: Console) -> None:
    """Print it, as wide as the console is; without spaces at the ends of lines."""
    gap = 1 if console.width < NARROW else 2
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=any(grid.head), header_style="dim")
    for number, name in enumerate(grid.head):
        table.add_column(name, justify=_side(grid, number), no_wrap=number in grid.firm)
    for row in grid.rows:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))
    console.print(Text(grid.title, "bold"))
    for segments in console.render_lines(table, pad=False):
        line = Text.assemble(*((one.text, one.style or "") for one in segments))
        line.rstrip()
        console.print(line)
    if grid.note:
        console.print(Text(grid.note, "dim"))


def _side(grid: Grid, number: int) -> Literal["left", "right", "center"]:
    return "right" if number in grid.right else "center" if number in grid.marks else "left"


def _offers(venues: Sequence[Capability]) -> Grid:
    rows = [
        (
            one.venue, *(MARKS[one.nouns[noun]] for noun in NOUNS), str(len(one.calls)),
            MARKS["yes" if one.dialect else "missing"], MARKS["yes" if one.signs else "missing"],
            MARKS["yes" if one.order_socket else "missing"],
        )
        for one in venues
    ]  # fmt: skip
    marks = frozenset(range(1, len(NOUNS) + 1)) | {len(NOUNS) + 2, len(NOUNS) + 3, len(NOUNS) + 4}
    head = ("venue", *NOUNS, "calls", "sim", "sign", "ws")
    return Grid("What is published", head, rows, LEGEND, right=frozenset({len(NOUNS) + 1}), marks=marks)


def _alive(way: BookWay) -> str:
    """What proves a quiet book; and where its messages take another way than those of others."""
    return f"{way.alive}, decoded in Python" if way.way_out else way.alive


def _books(venues: Sequence[Capability]) -> Grid:
    several = len(venues) > 1
    rows = [
        (*((one.venue,) if several else ()), way.name, chained(way), way.state, reaches(way), _alive(way))
        for one in venues
        for way in one.books
    ]
    head = (*(("venue",) if several else ()), "book", "seed · chain · proof", "at best", "known", "alive by")
    firm = frozenset({0, 1, 3, 4}) if several else frozenset({0, 2, 3})
    return Grid("How books are kept", head, _once(rows) if several else rows, KNOWN, firm=firm)


def _switches(venues: Sequence[Capability]) -> list[Grid]:
    """Those that have one."""
    rows = [(one.venue, one.dead_man.covers, one.dead_man.seconds) for one in venues if one.dead_man is not None]
    return (
        [Grid("What is cancelled when nothing is heard any more", ("venue", "what", "after s"), rows)] if rows else []
    )


def _terms(venues: Sequence[Capability]) -> Grid:
    rows = [
        (
            one.venue, " ".join(one.environments),
            "\n".join(f"{way.name} {way.limit} in {way.per:g} s by {way.scope}" for way in one.limits) or NONE,
            "\n".join(f"{era.name} until {era.until}" for era in one.eras) or NONE,
        )
        for one in venues
    ]  # fmt: skip
    head = ("venue", "environments", "limits", "eras")
    return Grid("Where, and how much", head, rows, firm=frozenset({0, 2}))


def _once(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The first cell only where it is another than in the row above."""
    before = [("",), *rows]
    return [("" if row[0] == above[0] else row[0], *row[1:]) for above, row in zip(before, rows, strict=False)]


def _most(most: int | None) -> str:
    return NONE if most is None else str(most)
