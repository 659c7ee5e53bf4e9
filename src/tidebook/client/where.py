"""From places to declared venues and their hosts; nothing is opened where an exchange has closed."""

import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from tidebook.errors import UnknownVenue, UsageError
from tidebook.model.place import At
from tidebook.venue import Venue
from tidebook.venues import closed_at, every, unknown

_HOST = re.compile(r"[^\s/\\?#@%]+")


def declared_at(at: At) -> list[Venue]:
    """The declared venues that a place names; of an exchange those that are there in its environment.

    Raises UnknownVenue, VenueClosed for an exchange that has shut down or a host that was its own, UsageError for
    hosts that are none.
    """
    known = every()
    found = [venue for venue in known.values() if at.venue in (venue.name, venue.exchange)]
    if not found:
        raise unknown(at.venue, sorted({venue.exchange for venue in known.values()}))
    there = [venue for venue in found if at.environment in {one.name for one in venue.environments}]
    if not there:
        environments = ", ".join(dict.fromkeys(one.name for venue in found for one in venue.environments))
        raise UnknownVenue(f"{at.venue} has no environment {at.environment!r}. It has: {environments}")
    for host in at.hosts.values():
        if _HOST.fullmatch(str(host)) is None:
            raise UsageError(f"hosts: {host!r} is no host. Write a name, or a name and a port", venue=at.venue)
    for url in _addresses(at, there):
        check_open(url)
    return there


def check_open(url: str) -> None:
    """Raises VenueClosed for an address on a host of an exchange that has shut down, UsageError for what is none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError as error:
        raise UsageError(f"{url!r} is no address: {error}") from None
    gone = closed_at(host)
    if gone is not None:
        raise gone.refusal(host)


def _addresses(at: At, declared: Sequence[Venue]) -> Iterator[str]:
    """Where connections to a place could go."""
    yield from (f"//{host}" for host in at.hosts.values())
    if at.proxy is not None:
        yield at.proxy
    for venue in declared:
        yield from (venue.rest, *(endpoint.url for endpoint in venue.endpoints))
        yield from (f"//{host}" for one in venue.environments for host in one.hosts.values())


def siblings(venue: Venue) -> list[Venue]:
    """All declared venues of its exchange, itself among them."""
    return [one for one in every().values() if one.exchange == venue.exchange]


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
