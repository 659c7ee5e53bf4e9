"""Orders as they stand in a journal, and the way back."""

from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

from tidebook.core.rules import Wish
from tidebook.io.journal import Entry
from tidebook.model.facts import Instrument
from tidebook.model.number import parse, plain

_NUMBERS: Final = ("size", "cost", "price", "trigger")


def entry_of(wish: Wish, number: int, place: str, at_ns: int) -> Entry:
    """A wish as it stands in a journal; `at_ns` is its venue's time."""
    told: dict[str, str] = {}
    for field in fields(wish):
        value = getattr(wish, field.name)
        if field.name in ("instrument", "client_id") or value is None:
            continue
        told[field.name] = plain(value) if isinstance(value, Decimal) else str(value)
    return Entry(wish.client_id, number, place, wish.instrument.symbol, at_ns, told)


def wish_of(entry: Entry, instrument: Instrument) -> Wish:
    """The way back. Raises KeyError, ValueError or DecodeError for what no process of ours has written."""
    told: dict[str, Any] = dict(entry.wish)
    for name in _NUMBERS:
        told[name] = parse(told[name]) if name in told else None
    for name in ("post_only", "reduce_only"):
        told[name] = told.get(name) == "True"
    return Wish(instrument=instrument, client_id=entry.id, **told)
