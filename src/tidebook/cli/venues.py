"""`tidebook venues`: what each venue can do here, and which exchanges have closed."""

import argparse
import json
from collections.abc import Sequence

from tidebook.venue import Venue


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    venues = commands.add_parser("venues", help="what each venue can do here; one in full by its name")
    venues.add_argument("name", nargs="?", metavar="NAME", help="a venue or an exchange, like binance")
    venues.add_argument("--json", action="store_true", help="the same as JSON")
    venues.set_defaults(run=_venues)


def spoken(venues: Sequence[Venue]) -> frozenset[str]:
    """The names of those that the embedded exchange speaks."""
    from tidebook.sim.server.spoken import dialects

    return frozenset(venue.name for venue in venues if venue.name in dialects())


def _venues(arguments: argparse.Namespace) -> int:
    from tidebook.client.capabilities import Gone, all_gone, capability, declared_as
    from tidebook.venues import every

    found = tuple(every().values()) if arguments.name is None else declared_as(arguments.name)
    gone = [found] if isinstance(found, Gone) else all_gone() if arguments.name is None else []
    venues = () if isinstance(found, Gone) else sorted(found, key=lambda one: one.name)
    speaks = spoken(venues)
    rows = [capability(venue, dialect=venue.name in speaks) for venue in venues]
    if arguments.json:
        said = {"venues": [row.to_dict() for row in rows], "closed": [one.to_dict() for one in gone]}
        print(json.dumps(said, indent=1, ensure_ascii=False))
        return 0
    from tidebook.ui.capabilities import draw, epitaph, overview, whole
    from tidebook.ui.output import Output

    if arguments.name is None:
        grids = overview(rows, gone)
    else:
        grids = [grid for row in rows for grid in whole(row)] + [epitaph(one) for one in gone]
    console = Output(highlight=False)
    for number, grid in enumerate(grids):
        if number:
            console.print()
        draw(grid, console)
    return 0
