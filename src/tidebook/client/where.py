"""From places to declared venues and their hosts."""

from collections.abc import Callable, Sequence

from tidebook.errors import UnknownVenue
from tidebook.model.place import At
from tidebook.venue import Venue
from tidebook.venues import every


def declared_at(at: At) -> list[Venue]:
    """The declared venues that a place names."""
    known = every()
    found = [venue for venue in known.values() if at.venue in (venue.name, venue.exchange)]
    if not found:
        names = ", ".join(sorted({venue.exchange for venue in known.values()}))
        raise UnknownVenue(f"no venue is called {at.venue!r}. There are: {names}", venue=at.venue)
    for venue in found:
        if at.environment not in {one.name for one in venue.environments}:
            environments = ", ".join(one.name for one in venue.environments)
            raise UnknownVenue(f"{venue.name} has no environment {at.environment!r}. It has: {environments}")
    return found


def hosts_of(at: At, declared: Sequence[Venue]) -> Callable[[str], str] | None:
    """The mapper of live hosts to those of an environment, or to `at.hosts`."""
    hosts: dict[str, str] = {}
    for venue in declared:
        for environment in venue.environments:
            if environment.name == at.environment:
                hosts.update(environment.hosts)
    hosts.update(at.hosts)
    if not hosts:
        return None

    def remap(url: str) -> str:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{hosts.get(host, host)}{slash}{path}"

    return remap
