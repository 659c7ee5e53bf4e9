"""Who shares which limits: one set of budgets for each place that this process sends requests to."""

import os
from threading import Lock

from tidebook.core.pools import Budgets
from tidebook.errors import UsageError
from tidebook.io.place import loopback_address
from tidebook.model.place import At

_Place = tuple[object, ...]

# All that is process-wide in this package, and empty until something is connected (docs/adr/0009).
_places: dict[_Place, Budgets] = {}


def budgets_of(exchange: str, at: At, address: str | None) -> Budgets:
    """The budgets of an exchange as reached from here.

    `address` is that of a server on this machine, where all goes to one. Everything else that makes an exchange see
    another client, or be another one, makes another set: the environment, other hosts, a proxy. Safe from any thread.
    """
    where: _Place = (at.environment, tuple(sorted(at.hosts.items())), hash(at.proxy))
    if address is not None:
        where = loopback_address(address)
    place = (os.getpid(), exchange, *where)  # a forked child counts for itself
    return _places.setdefault(place, Budgets(Lock()))


def checked(share: object) -> float:
    """A share as it may be. Raises UsageError for all that is not greater than 0 and at most 1."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise UsageError(f"share={share!r} is no part of a limit. Write a number above 0, at most 1: share=0.25")
    return float(share)
