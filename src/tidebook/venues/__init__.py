"""The venues that are there: one folder each, found by themselves, and those that other packages register."""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from tidebook.errors import UnknownVenue, UsageError
from tidebook.venue import Venue

GROUP = "tidebook.venues"
_further: list[Venue] = []


def register(*declared: Venue) -> None:
    """Add venues for the life of this process. Raises UsageError when one's name is taken, and then adds none."""
    names = [*every(), *(venue.name for venue in declared)]
    for venue in declared:
        if names.count(venue.name) > 1:
            raise UsageError(f"two venues are called {venue.name}")
    _further.extend(declared)
    every.cache_clear()


@cache
def every() -> dict[str, Venue]:
    """All declared venues by name. Raises UsageError when two have one name."""
    found: dict[str, Venue] = {}
    modules = [import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__) if info.ispkg]
    groups = [module.VENUES for module in modules] + [point.load() for point in entry_points(group=GROUP)]
    for venues in (*groups, _further):
        for venue in venues:
            if venue.name in found:
                raise UsageError(f"two venues are called {venue.name}")
            found[venue.name] = venue
    return found


def named(name: str) -> Venue:
    """The venue of this name; an exchange's name will do where it has one venue."""
    venues = every()
    if name in venues:
        return venues[name]
    of_exchange = [venue for venue in venues.values() if venue.exchange == name]
    if len(of_exchange) == 1:
        return of_exchange[0]
    raise UnknownVenue(f"no venue is called {name!r}. There are: {', '.join(sorted(venues))}")


def at_host(host: str, path: str = "/") -> tuple[Venue, ...]:
    """The venues that are, or were, reached at this host (without port) and path."""
    return tuple(venue for venue in every().values() if any(_covers(alias, host, path) for alias in venue.aliases))


def _covers(alias: str, host: str, path: str) -> bool:
    name, slash, rest = alias.partition("/")
    return name == host and path.startswith(slash + rest)
