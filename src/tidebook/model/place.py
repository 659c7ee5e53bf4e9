"""Where: `venue[@account][:environment]`, and its long form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tidebook.errors import UsageError

_PLACE = re.compile(r"(?P<venue>[A-Za-z0-9_.]+)(?:@(?P<account>[\w-]+))?(?::(?P<environment>[\w-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class At:
    """A place, long. `venue` is an exchange's name (all its venues) or a venue's.

    `hosts` maps host names of the venue to others, `proxy` is ``http://host:port``, `ca` the path of a private
    authority's certificates in PEM.
    """

    venue: str
    account: str | None = None
    environment: str = "live"
    hosts: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    proxy: str | None = None
    ca: str | None = None

    def __str__(self) -> str:
        account = f"@{self.account}" if self.account else ""
        environment = f":{self.environment}" if self.environment != "live" else ""
        return f"{self.venue}{account}{environment}"


def parse(text: str | At) -> At:
    """A place from its short form. Raises UsageError."""
    if isinstance(text, At):
        return text
    given: object = text
    match = _PLACE.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise UsageError(
            f"{text!r} is not a place. Write venue[@account][:environment], like 'bybit.linear@hedge:testnet'"
        )
    return At(match["venue"], match["account"], match["environment"] or "live")
