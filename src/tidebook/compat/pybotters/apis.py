"""Keys by pybotters' names, and what a URL's host means: a venue, its environment, the name of its key."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tidebook.client.where import check_open
from tidebook.errors import UsageError
from tidebook.model.place import At
from tidebook.venue import Environment, Venue
from tidebook.venues import at_host, every

Apis = Mapping[str, Sequence[str]]
VARIABLE: Final = "PYBOTTERS_APIS"
FILE: Final = "apis.json"

# Where the name is not the exchange's, or not the exchange's and the environment's.
_NAMES: Final = {
    "binance.spot:testnet": ("binancespot_testnet", "binance_testnet"),
    "binance.usdm:testnet": ("binancefuture_testnet", "binance_testnet"),
    "binance.coinm:testnet": ("binancefuture_testnet", "binance_testnet"),
}
_FIRST: Final = {"fapi": "binance.usdm", "dapi": "binance.coinm"}  # their testnets are at one host
# The environments that headers alone tell apart from the live one.
_HEADERS: Final = {"x-simulated-trading": "1", "paptrading": "1"}


@dataclass(frozen=True, slots=True)
class Where:
    """What a URL means. `url` is written with the live host, as Tidebook asks for it; `names` are those of its key."""

    venue: Venue
    environment: str
    url: str

    @property
    def at(self) -> At:
        return At(self.venue.name, None, self.environment)

    @property
    def account(self) -> str:
        """Whose key it is, as `connect(keys=)` names it."""
        return str(At(self.venue.exchange, None, self.environment))

    @property
    def names(self) -> tuple[str, ...]:
        suffix = "" if self.environment == "live" else f"_{self.environment}"
        return _NAMES.get(str(self.at), (f"{self.venue.exchange}{suffix}",))

    def key(self, apis: Apis) -> Sequence[str] | None:
        """Its entry in `apis`."""
        return next((apis[name] for name in self.names if name in apis), None)


def load(apis: object) -> dict[str, tuple[str, ...]]:
    """Keys given as a dict, a path, or None: `apis.json` here, else the file that PYBOTTERS_APIS names, else none.

    Raises UsageError for a file that is not there or is no such JSON, and for an entry that is no key with its secret,
    perhaps a passphrase; it shows nothing of what is in it.
    """
    named = os.environ.get(VARIABLE)
    if apis is None and not Path(FILE).is_file() and not named:
        return {}
    source: Any = apis if apis is not None else FILE if Path(FILE).is_file() else named
    if not isinstance(source, Mapping):
        if not isinstance(source, (str, bytes, os.PathLike)):
            raise UsageError(f"apis is {type(source).__name__}: a dict, or the path of a JSON file")
        path = os.fsdecode(source)
        try:
            source = json.loads(Path(path).read_bytes())
        except OSError as error:
            raise UsageError(f"apis: {path}: {error.strerror}") from None
        except ValueError:
            raise UsageError(f"apis: {path} is no JSON") from None
        if not isinstance(source, dict):
            raise UsageError(f"apis: {path} is no JSON object")
    return {str(name): _entry(str(name), entry) for name, entry in source.items()}


def _entry(name: str, entry: object) -> tuple[str, ...]:
    if isinstance(entry, (list, tuple)) and 1 <= len(entry) <= 3 and all(isinstance(text, str) for text in entry):
        return (*entry, "") if len(entry) == 1 else tuple(entry)
    raise UsageError(f"apis: {name}: a key and its secret, perhaps a passphrase, in a list")


def where(url: str, headers: Mapping[str, str] | None = None) -> Where:
    """The venue that a URL is of. Raises UsageError for a host that nobody declared, VenueClosed for one that was."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}") from None
    if not parts.scheme or not host:
        raise UsageError(f"{url!r} is no URL, and no base_url was given")
    check_open(url)
    path = parts.path or "/"
    found = [(venue, "live", url) for venue in _at(host, path)]
    if not found:
        found = [
            (venue, environment.name, live)
            for venue in every().values() for environment in venue.environments
            for live in _lives(environment, url, host) if venue in _at(urlsplit(live).hostname or "", path)
        ]  # fmt: skip
    if not found:
        raise UsageError(f"{host} is no host of a venue that Tidebook knows. Nothing was sent")
    if len(found) > 1:
        found = [one for one in found if _begins(one[0], path)] or found
    venue, environment, live = found[0]
    said = {name.lower(): value for name, value in (headers or {}).items()}
    for one in venue.environments if environment == "live" else ():
        told = {name.lower(): value for name, value in one.headers.items() if name.lower() in _HEADERS}
        if told and not (set(one.hosts) & {parts.netloc}) and told.items() <= said.items():
            environment = one.name
            break
    return Where(venue, environment, live)


def _at(host: str, path: str) -> list[Venue]:
    """Those that declare the host and path, also for what they tell of accounts alone."""
    declared = [*at_host(host, path)]
    for venue in every().values():
        account = None if venue.account is None else urlsplit(venue.account.endpoint.url)
        if venue not in declared and account is not None and (account.hostname, account.path) == (host, path):
            declared.append(venue)
    return declared


def _lives(environment: Environment, url: str, host: str) -> list[str]:
    """A URL as it is at the live hosts for which this one stands in an environment."""
    parts = urlsplit(url)
    return [
        parts._replace(netloc=live).geturl()
        for live, other in environment.hosts.items()
        if other.partition(":")[0] == host and live != other
    ]


def _begins(venue: Venue, path: str) -> bool:
    """Whether it is this one of several at one host that has such paths."""
    return _FIRST.get(path.lstrip("/").partition("/")[0]) == venue.name
