"""Who speaks for a venue: its dialect, and the folder in which that is written.

The dialect is looked for in the folder that declares the venue, whatever exchange it names: an exchange of the same
make may be declared, and spoken for, in another one's folder.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import NamedTuple

from tidebook import venues
from tidebook.core.dialect import Dialect
from tidebook.errors import UsageError
from tidebook.venue import Venue


class Spoken(NamedTuple):
    """A dialect, and the package beside whose module its samples are."""

    dialect: Dialect
    package: str


def dialects() -> dict[str, Spoken]:
    """All dialects by the names of their venues."""
    folders = [f"{venues.__name__}.{info.name}" for info in iter_modules(venues.__path__) if info.ispkg]
    return _all_of((*folders, *_elsewhere()))


@cache
def _elsewhere() -> tuple[str, ...]:
    """The packages that other distributions register."""
    return tuple(point.module for point in entry_points(group=venues.GROUP))


@cache
def _all_of(packages: tuple[str, ...]) -> dict[str, Spoken]:
    return {dialect.venue: Spoken(dialect, package) for package in packages for dialect in _written(package)}


def _written(package: str) -> tuple[Dialect, ...]:
    name = f"{package}.dialect"
    try:
        written: tuple[Dialect, ...] = import_module(name).DIALECTS
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return ()
    return written


def spoken(venue: Venue) -> Spoken:
    """Who speaks for a venue. Raises UsageError where nobody does."""
    found = dialects().get(venue.name)
    if found is None:
        raise UsageError(f"{venue.name} has no dialect yet: the simulator cannot speak it")
    return found


def named(name: str) -> list[Venue]:
    """The venue of this name, or all of an exchange that somebody speaks for.

    Raises UnknownVenue for a name that is none, UsageError where nobody speaks.
    """
    of_exchange = [venue for venue in venues.every().values() if venue.exchange == name]
    found = [venue for venue in of_exchange if venue.name in dialects()]
    if not found:
        found = of_exchange[:1] or [venues.named(name)]
        spoken(found[0])
    return found


def every() -> list[Venue]:
    """All venues that somebody speaks for."""
    return [venue for venue in venues.every().values() if venue.name in dialects()]
