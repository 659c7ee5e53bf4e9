"""The venues that are there: one folder each, found by themselves, and those that other packages register.

Exchanges that have shut down are declared in the same way. They are no venues: `every`, and what asks it, see none
of them.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import ModuleType
from unicodedata import normalize

from tidebook.errors import UnknownVenue, UsageError
from tidebook.venue import Closed, Venue

GROUP = "tidebook.venues"
_further: list[Venue] = []


def register(*declared: Venue) -> None:
    """Add venues for the life of this process. Raises UsageError when one's name is taken, and then adds none."""
    names = [*every(), *(venue.name for venue in declared)]
    for venue in declared:
        _check_name(venue)
        if names.count(venue.name) > 1:
            raise UsageError(f"two venues are called {venue.name}")
    _further.extend(declared)
    every.cache_clear()


@cache
def every() -> dict[str, Venue]:
    """All declared venues by name. Raises UsageError when two have one name, or one that of a closed exchange."""
    found: dict[str, Venue] = {}
    groups = [getattr(module, "VENUES", ()) for module in _modules()]
    groups += [point.load() for point in entry_points(group=GROUP)]
    for venues in (*groups, _further):
        for venue in venues:
            _check_name(venue)
            if venue.name in found:
                raise UsageError(f"two venues are called {venue.name}")
            found[venue.name] = venue
    return found


def named(name: str, *, recorded: bool = False) -> Venue:
    """The venue of this name; an exchange's name will do where it has one venue.

    Raises UnknownVenue, VenueClosed where it has shut down. With `recorded` those are found too whose recordings are
    all that is left.
    """
    venues = _with_closed() if recorded else every()
    if name in venues:
        return venues[name]
    of_exchange = [venue for venue in venues.values() if venue.exchange == name]
    if len(of_exchange) == 1:
        return of_exchange[0]
    raise unknown(name, sorted(venues))


def at_host(host: str, path: str = "/", *, recorded: bool = False) -> tuple[Venue, ...]:
    """The venues that are, or were, reached at this host (without port) and path; `recorded` as of `named`."""
    venues = _with_closed() if recorded else every()
    return tuple(venue for venue in venues.values() if any(_covers(alias, host, path) for alias in venue.aliases))


def unknown(name: str, there: list[str]) -> UnknownVenue:
    """The error for a name that is not one of those that are `there`: VenueClosed where that is why."""
    gone = closed_called(name)
    if gone is not None:
        return gone.refusal(name)
    close = get_close_matches(name.lower(), there)
    said = f"Close: {', '.join(close)}. All: tidebook venues" if close else f"There are: {', '.join(there)}"
    return UnknownVenue(f"no venue is called {name!r}. {said}", venue=name)


# Closed ---------------------------------------------------------------------------


@cache
def closed() -> Mapping[str, Closed]:
    """The exchanges that have shut down, by name. Raises UsageError when two share a name or an alias."""
    found = [one for module in _modules() for one in getattr(module, "CLOSED", ())]
    names = [name for one in found for name in one.names]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two closed exchanges are called {name}")
    return {one.name: one for one in found}


def closed_called(name: str) -> Closed | None:
    """The closed exchange that is meant by a name, in any case: of itself, or of one of its venues (`name.…`)."""
    wanted = name.lower()
    for word in (wanted, wanted.partition(".")[0]):
        for one in closed().values():
            if word in one.names:
                return one
    return None


def closed_at(host: str) -> Closed | None:
    """The closed exchange to which a host (without port) belonged, or a domain above it, however it is written."""
    plain = normalize("NFKC", host).replace("。", ".").lower().rstrip(".")
    for one in closed().values():
        if any(plain == gone or plain.endswith(f".{gone}") for gone in one.hosts):
            return one
    return None


@cache
def _closed_venues() -> Mapping[str, Venue]:
    return {venue.name: venue for one in closed().values() for venue in one.venues}


def _with_closed() -> Mapping[str, Venue]:
    return {**every(), **_closed_venues()}


def _check_name(venue: Venue) -> None:
    for name in (venue.name, venue.exchange):
        gone = closed_called(name)
        if gone is not None:
            raise UsageError(f"{name} is the name of an exchange that has closed: {gone.title}, {gone.closed_on}")


@cache
def _modules() -> tuple[ModuleType, ...]:
    """The folders."""
    return tuple(import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__) if info.ispkg)


def _covers(alias: str, host: str, path: str) -> bool:
    name, slash, rest = alias.partition("/")
    return name == host and path.startswith(slash + rest)
