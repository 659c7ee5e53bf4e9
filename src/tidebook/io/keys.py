"""Where keys stand: the process's environment, and a file of the user's that nobody else can read."""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials
from tidebook.model.place import At

FILE: Final = "~/.config/tidebook/keys.toml"
_FILE_MOST: Final = 1 << 20


def variable(at: At, what: str = "KEY") -> str:
    """The variable of a key of `at.venue` (an exchange): ``TIDEBOOK_<EXCHANGE>[_<ACCOUNT>][_<ENVIRONMENT>]_KEY``."""
    parts = [at.venue, at.account or "", "" if at.environment == "live" else at.environment, what]
    return "_".join(["TIDEBOOK", *(upper(part) for part in parts if part)])


def upper(part: str) -> str:
    """A part of a place as it stands in a variable's name."""
    return part.upper().replace("-", "_").replace(".", "_")


def from_environment(at: At) -> Credentials | None:
    """Its key in the environment. Raises UsageError for a key without its secret, or the other way round."""
    name = variable(at)
    key, secret, passphrase = (os.environ.get(variable(at, what)) for what in ("KEY", "SECRET", "PASSPHRASE"))
    if not key and not secret:
        return None
    if not key or not secret:
        raise UsageError(f"{name if not key else variable(at, 'SECRET')} is missing beside its other half")
    return Credentials.of(key, secret, passphrase or None, source=name)


def from_file(at: At) -> tuple[Credentials | None, str]:
    """Its key in the file, a table ``[exchange]`` or ``["exchange@account:environment"]``; and how the file was found.

    Raises UsageError where others than its owner can read it, where it is no TOML, or a key there is incomplete.
    """
    content = _content()
    if content is None:
        return None, f"{FILE} (absent)"
    table = content.get(str(at))
    if table is None:
        return None, f"{FILE} (without [{at}])"
    source = f"[{at}] of {FILE}"
    if not isinstance(table, dict):
        raise UsageError(f"{source} is no table with key and secret")
    given = cast("dict[str, Any]", table)
    if any(isinstance(one, dict) for one in given.values()):
        raise UsageError(f'{source} has a table in it: accounts and environments are written ["{at.venue}:testnet"]')
    if not {"key", "secret"} <= given.keys() <= {"key", "secret", "passphrase"}:
        raise UsageError(f"{source} has key and secret, perhaps a passphrase, and nothing else")
    return Credentials.of(given["key"], given["secret"], given.get("passphrase"), source=source), FILE


def _content() -> Mapping[str, Any] | None:
    try:
        path = Path(FILE).expanduser()
        # a pipe without a writer would be waited for
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise UsageError(f"{FILE} is no file")
            if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise UsageError(f"others can read {FILE}: chmod 600 {FILE}")
            data = file.read(_FILE_MOST)
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{FILE} cannot be read: {type(error).__name__}") from None
    try:
        return tomllib.loads(data.decode())
    except ValueError:  # of TOML or UTF-8; what it says may hold what stands in the file
        wrong = True
    assert wrong
    raise UsageError(f"{FILE} is no TOML")


def places_in_file() -> tuple[str, ...]:
    """The names of the tables in the file, as they stand there; none where it is absent. Raises as `from_file`."""
    return tuple(_content() or ())
