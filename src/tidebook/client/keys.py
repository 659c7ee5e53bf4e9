"""Which key is an exchange's: given, of the environment, or in the user's file; looked for where a venue wants one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from tidebook.client.where import declared_at
from tidebook.core.endpoint import Endpoint
from tidebook.errors import NoCredentials, UsageError
from tidebook.io.keys import FILE, from_environment, from_file, upper, variable
from tidebook.model import place as places
from tidebook.model.credentials import NO_KEY, SIMULATOR, Credentials
from tidebook.model.place import At
from tidebook.venue import Venue
from tidebook.venues import every

Given = Mapping[str, tuple[str, str] | tuple[str, str, str] | Credentials]
"""Keys as users give them: by exchange, ``exchange@account:environment``; the key, its secret, perhaps a passphrase.

With NO_KEY there is none: the environment's and the file's are not looked for.
"""


class Keys:
    """The credentials of one place; `looked` says where they were looked for, `whole`: with a passphrase."""

    def __init__(
        self, credentials: Credentials | None, looked: str, *, simulated: bool = False, whole: bool = False
    ) -> None:  # fmt: skip
        self.credentials = credentials
        self.looked = looked
        self.simulated = simulated
        self._whole = whole

    def check(self, venue: Venue, what: str, nothing: str) -> None:
        """Raises NoCredentials where there is no key for `what`, UsageError for a part of one; `nothing` was done."""
        if self.credentials is None:
            text = f"{venue.exchange} {what} needs a key. Looked in {self.looked}. Nothing was {nothing}"
            raise NoCredentials(text, venue=venue.name)
        if self._whole and self.credentials.passphrase is None:
            text = f"{venue.exchange} wants a passphrase besides the key of {self.credentials.source}"
            raise UsageError(f"{text}. Nothing was {nothing}", venue=venue.name)

    def check_endpoint(self, venue: Venue, endpoint: Endpoint, what: str) -> None:
        """The same for a topic of an endpoint that wants a login."""
        if (endpoint.login or endpoint.handshake) is not None:
            self.check(venue, what, "opened")

    def __repr__(self) -> str:
        return f"<Keys {'of ' + self.credentials.source if self.credentials is not None else 'none'}>"


def given(keys: Given | None) -> dict[At, Credentials]:
    """What a user gave, by place. Raises UsageError, which shows nothing of it, also for an account's name."""
    found: dict[At, Credentials] = {}
    named: object = {} if keys is None else keys
    if not isinstance(named, Mapping) or not all(
        isinstance(name, str) for name in cast("Mapping[object, object]", named)
    ):
        raise UsageError(f"keys= is {type(named).__name__}: {_SHAPE}")
    for name, one in cast("Mapping[str, object]", named).items():
        at = _of_exchange(places.parse(name), declared_at(places.parse(name))[0])
        if isinstance(one, Credentials):
            found[at] = one
        elif isinstance(one, (tuple, list)) and _are_texts(texts := cast("Sequence[str]", one)):
            found[at] = Credentials.of(*texts, source=f"keys= for {name}")
        else:
            raise UsageError(f"keys= for {name} is {type(one).__name__}: {_SHAPE}")
    return found


_SHAPE: Final = 'write {"EXCHANGE": (key, secret)}, or (key, secret, passphrase), all of them texts'


def _are_texts(given: Sequence[object]) -> bool:
    return len(given) in (2, 3) and all(isinstance(one, str) for one in given)


def keys_of(venue: Venue, at: At, known: Mapping[At, Credentials], *, simulated: bool) -> Keys:
    """The key of a venue's place. Where everything goes to a simulator the user's are not even looked for.

    Raises UsageError for a variable or a file that is not as it should be, and for an account by whose name another
    place's variable would be read.
    """
    place = _of_exchange(at, venue)
    whole = venue.sign is not None and venue.sign.wants_passphrase
    if simulated:
        return Keys(SIMULATOR, "the simulator", simulated=True, whole=whole)
    if not (
        venue.key_headers or venue.sign is not None or any(endpoint.login is not None for endpoint in venue.endpoints)
    ):
        return Keys(None, "nothing: there is no use for one")
    name, looked = variable(place), FILE
    if known.get(place) is NO_KEY:
        return Keys(None, "keys= alone, which says that there is none")
    found = known.get(place) or from_environment(place)
    if found is None:
        found, looked = from_file(place)
    return Keys(found, f"keys=, {name}, {looked}", whole=whole)


def _of_exchange(at: At, venue: Venue) -> At:
    """The account's place: keys are an exchange's, and the same by whatever proxy. Raises as `check_place`."""
    place = replace(at, venue=venue.exchange, hosts={}, proxy=None, ca=None)
    check_place(place)
    return place


def environments(exchange: str) -> list[str]:
    """The names of all environments of its venues."""
    venues = [venue for venue in every().values() if venue.exchange == exchange]
    return [*dict.fromkeys(one.name for venue in venues for one in venue.environments)]


def check_place(place: At) -> None:
    """Raises UsageError for an account whose name would make the variable of its key another place's.

    ``okx@demo`` and ``okx:demo`` are two places, and TIDEBOOK_OKX_DEMO_KEY is one variable; so with ``binance@us``.
    """
    if place.account is None:
        return
    words, exchange = upper(place.account), upper(place.venue)
    for name in environments(place.venue):
        if name != "live" and f"_{words}".endswith(f"_{upper(name)}"):
            text = f"an account of {place.venue} cannot be called {place.account!r}: {name!r} is an environment"
            raise UsageError(f"{text}. Write {place.venue}:{name}, or call it otherwise", venue=place.venue)
    for other in {venue.exchange for venue in every().values()}:
        if f"{exchange}_{words}_".startswith(f"{upper(other)}_") and len(other) > len(place.venue):
            text = f"an account of {place.venue} cannot be called {place.account!r}: {other!r} is an exchange"
            raise UsageError(f"{text}. Write {other}, or call it otherwise", venue=place.venue)
