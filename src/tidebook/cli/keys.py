"""`tidebook keys`: which accounts have a key, and where it stands; never what it is."""

import argparse

from tidebook.errors import TidebookError
from tidebook.model.place import At


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    keys = commands.add_parser("keys", help="which accounts have a key, and where it was found; never the key itself")
    keys.add_argument("place", nargs="?", metavar="PLACE", help="an exchange, EXCHANGE@ACCOUNT or EXCHANGE:ENVIRONMENT")
    keys.set_defaults(run=_keys)


def _keys(arguments: argparse.Namespace) -> int:
    from tidebook.io.keys import FILE

    if arguments.place is not None:
        return _one(arguments.place)
    found = 0
    for at in _places():
        what = _told(at)
        if what is not None:
            found += 1
            print(f"{at!s:32} {what}")
    if not found:
        print(f"no key: neither in TIDEBOOK_<EXCHANGE>_KEY, _SECRET nor in {FILE}")
        print("tidebook keys EXCHANGE says what would be read")
    return 0


def _one(name: str) -> int:
    """Where the key of a place is looked for, and whether it is there."""
    from tidebook.client.where import declared_at
    from tidebook.io.keys import FILE, variable
    from tidebook.model import place as places

    at = places.parse(name)
    (venue, *_) = declared_at(at)
    at = At(venue.exchange, account=at.account, environment=at.environment)
    scheme = venue.scheme(at.environment)
    words = ("KEY", "SECRET", *(["PASSPHRASE"] if scheme is not None and scheme.wants_passphrase else []))
    print(f"{at}: {', '.join(variable(at, word) for word in words)}; else [{at}] of {FILE}")
    what = _told(at)
    print(what or "not found")
    return 0 if what is not None else 1


def _places() -> list[At]:
    """Every place that can have a key: exchanges in their environments, and what the file names besides."""
    from tidebook.io.keys import places_in_file
    from tidebook.model import place as places
    from tidebook.venues import every

    known: dict[At, None] = {}
    for venue in sorted(every().values(), key=lambda one: one.name):
        for environment in venue.environments:
            known[At(venue.exchange, environment=environment.name)] = None
    for name in places_in_file():
        try:
            known[places.parse(name)] = None
        except TidebookError as error:
            print(f"[{name}]: {error}")
    return [*known]


def _told(at: At) -> str | None:
    """Where its key stands, or what is wrong with it; None where there is none."""
    from tidebook.client.keys import check_place
    from tidebook.client.where import declared_at
    from tidebook.io.keys import from_environment, from_file

    try:
        (venue, *_) = declared_at(at)
        check_place(at)
        found = from_environment(at) or from_file(at)[0]
    except TidebookError as error:
        return str(error)
    if found is None:
        return None
    scheme = venue.scheme(at.environment)
    if found.passphrase is not None:
        return f"{found.source} with a passphrase"
    lacks = scheme is not None and scheme.wants_passphrase
    return f"{found.source}{f' without the passphrase that {venue.exchange} wants' if lacks else ''}"
