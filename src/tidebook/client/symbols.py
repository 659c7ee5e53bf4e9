"""From what a user types to instruments: canonical symbols, the venue's own ids, globs; and clear refusals."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from tidebook.errors import AmbiguousSymbol, UnknownSymbol
from tidebook.model.facts import Instrument
from tidebook.model.place import At
from tidebook.model.symbol import words
from tidebook.venue import Venue

_WHAT: Final = {
    "spot": "a spot market", "perpetual": "a perpetual", "future": "a dated contract", "option": "an option"
}  # fmt: skip


@dataclass(slots=True)
class Listing:
    """The instruments of one venue, by canonical symbol and by the venue's id.

    `unlisted` makes one of a symbol where the list could not be had.
    """

    venue: str
    by_symbol: Mapping[str, Instrument] = field(default_factory=dict[str, Instrument])
    by_id: Mapping[str, Instrument] = field(default_factory=dict[str, Instrument])
    names: Mapping[str, str] = field(default_factory=dict[str, str])  # symbols by id, as the venue writes it mostly
    unlisted: Callable[[str], Instrument | None] = lambda symbol: None

    @classmethod
    def of(cls, venue: str, instruments: Iterable[Instrument]) -> "Listing":
        rows = list(instruments)
        by_id = {one.id.upper(): one for one in rows}
        names = {one.id: one.symbol for one in by_id.values()}
        return cls(venue, {one.symbol: one for one in rows}, by_id, names)

    def find(self, text: str) -> Instrument | None:
        """By symbol (any case) or by the venue's id; None where it is not listed."""
        upper = text.upper()
        found = self.by_symbol.get(text) or self.by_symbol.get(upper) or self.by_id.get(upper)
        return found or self.unlisted(upper)

    def glob(self, pattern: str) -> list[Instrument]:
        return [one for symbol, one in self.by_symbol.items() if one.active and matches(symbol, pattern)]


def is_glob(text: str) -> bool:
    return any(char in text for char in "*?[")


def matches(symbol: str, pattern: str) -> bool:
    """Whether a canonical symbol is one that a pattern means; case does not count."""
    return fnmatchcase(symbol, pattern.upper())


def resolve(text: str, listings: Iterable[Listing], exchange: str) -> Instrument:
    """The one instrument that `text` means on an exchange's open venues.

    Raises AmbiguousSymbol or UnknownSymbol, whose texts say what to write instead.
    """
    open_venues = list(listings)
    found = [one for listing in open_venues if (one := listing.find(text)) is not None]
    if len(found) == 1:
        return found[0]
    if len({one.symbol for one in found}) == 1:
        venues = " and ".join(one.venue for one in found)
        raise AmbiguousSymbol(f"{text!r} is on {venues}: say of which, venue=", symbol=text)
    if found:
        choices = " and ".join(f"{one.symbol} ({one.venue})" for one in found)
        raise AmbiguousSymbol(f"{text!r} on {exchange} is {choices}. Write one of these", symbol=text)
    close = _close(text, open_venues)
    shown = f" Close: {', '.join(close)}." if close else ""
    raise UnknownSymbol(
        f"{exchange} has no {text!r}.{shown} All: tidebook symbols {exchange}", venue=exchange, symbol=text
    )


def _close(text: str, listings: Iterable[Listing]) -> list[str]:
    symbols = [symbol for listing in listings for symbol in listing.by_symbol]
    return difflib.get_close_matches(text.upper(), symbols, n=3, cutoff=0.6)


def is_canonical(text: str) -> bool:
    """Whether it is written as symbols are, not as a venue's own id: it names one market of an exchange."""
    return words(text) is not None


def may_list(venue: Venue, text: str) -> bool:
    """Whether a venue trades what is written so; a venue's own id may be any venue's."""
    parts = words(text.upper())
    return parts is None or venue.kind in ("mixed", parts.kind)


def elsewhere(text: str, asked: Sequence[Venue], declared: Iterable[Venue], connected: Iterable[Venue], at: At) -> str:
    """What is said of a symbol that none of the `asked` venues trades: which one of the exchange does, what to write.

    `declared` are all of the exchange, `connected` those that are open, `at` is where.
    """
    parts = words(text.upper())
    what = "something else" if parts is None else _WHAT[parts.shape]
    exchange = asked[0].exchange
    fit = [venue for venue in declared if may_list(venue, text)]
    names = " and ".join(venue.name for venue in asked)
    if not fit:
        return f"{text!r} is {what}, and {exchange} has none here. All: tidebook symbols {exchange}"
    there = [venue.name for venue in connected if venue in fit]
    if there:
        one = _quoted(there[0], at)
        return f"{text!r} is {what} of {there[0]}, and was asked of {names}. Write venue={one} or market[{one}]"
    wanted = f"{_quoted(exchange, at)}) or connect({', '.join(_quoted(venue.name, at) for venue in (*asked, fit[0]))}"
    is_open = f"{names} {'is' if len(asked) == 1 else 'are'} open"
    return f"{text!r} is {what} of {' or '.join(venue.name for venue in fit)}; only {is_open}. Write connect({wanted})"


def _quoted(name: str, at: At) -> str:
    return f'"{replace(at, venue=name)}"'
