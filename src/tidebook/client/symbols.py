"""From what a user types to instruments: canonical symbols, the venue's own ids, globs; and clear refusals."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tidebook.errors import AmbiguousSymbol, UnknownSymbol
from tidebook.model.facts import Instrument


@dataclass(slots=True)
class Listing:
    """The instruments of one venue, by canonical symbol and by the venue's id."""

    venue: str
    by_symbol: Mapping[str, Instrument] = field(default_factory=dict[str, Instrument])
    by_id: Mapping[str, Instrument] = field(default_factory=dict[str, Instrument])
    names: Mapping[str, str] = field(default_factory=dict[str, str])  # symbols by id, as the venue writes it mostly

    @classmethod
    def of(cls, venue: str, instruments: Iterable[Instrument]) -> "Listing":
        rows = list(instruments)
        by_id = {one.id.upper(): one for one in rows}
        names = {one.id: one.symbol for one in by_id.values()}
        return cls(venue, {one.symbol: one for one in rows}, by_id, names)

    def find(self, text: str) -> Instrument | None:
        """By symbol (any case) or by the venue's id; None where it is not listed."""
        return self.by_symbol.get(text) or self.by_symbol.get(text.upper()) or self.by_id.get(text.upper())

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
    if found:
        choices = " and ".join(f"{one.symbol} ({one.venue})" for one in found)
        raise AmbiguousSymbol(f"{text!r} on {exchange} is {choices}. Write one of these", symbol=text)
    if ":" in text:
        raise UnknownSymbol(_elsewhere(text, open_venues, exchange), venue=exchange, symbol=text)
    close = _close(text, open_venues)
    shown = f" Close: {', '.join(close)}." if close else ""
    raise UnknownSymbol(
        f"{exchange} has no {text!r}.{shown} All: tidebook symbols {exchange}", venue=exchange, symbol=text
    )


def _close(text: str, listings: Iterable[Listing]) -> list[str]:
    symbols = [symbol for listing in listings for symbol in listing.by_symbol]
    return difflib.get_close_matches(text.upper(), symbols, n=3, cutoff=0.6)


def _elsewhere(text: str, listings: list[Listing], exchange: str) -> str:
    """A symbol of another market: which one, and what to connect."""
    quote, _, settle = text.partition("/")[2].partition(":")
    kind = "linear" if settle.partition("-")[0] == quote else "inverse"
    what = "an option" if settle.endswith(("-C", "-P")) else "a dated contract" if "-" in settle else "a perpetual"
    named = ", ".join(listing.venue for listing in listings) or "nothing"
    return f"{text!r} is {what} ({kind}); of {exchange}, only {named} is open"
