"""One whole book, asked for once over REST and read by the engine."""

from decimal import Decimal
from typing import Final

from tidebook.client.place import VenueAt
from tidebook.client.reading import FrozenBook, Known, ProofOf
from tidebook.core.channel import Question
from tidebook.core.redact import shown
from tidebook.engine.contract import RawLevel
from tidebook.engine.rule import Bridge, Chain, Proof, Seed, SyncRule
from tidebook.errors import DecodeError, UsageError
from tidebook.io.clock import now
from tidebook.model.facts import Instrument
from tidebook.model.market import level
from tidebook.model.number import decimal_of

# Nothing follows this book: it is what one answer says.
_ONCE: Final = SyncRule(Seed.REST, Chain.RISING, Bridge.AFTER, proof=(Proof.NONE,))


async def asked_book(one: VenueAt, instrument: Instrument, limit: int | None) -> FrozenBook:
    """The book as the venue's answer has it. `known` ends where the answer was cut at the limit that was asked for.

    Raises UsageError where the venue has no such call, DecodeError for an answer that is no book, and whatever asking
    raises.
    """
    venue, call = one.declared, one.declared.call("book")
    channel = next((channel for channel in venue.books if channel.snapshot is not None), None)
    if call is None or channel is None:
        raise UsageError(f"{venue.name} has no book over REST", venue=venue.name)
    body: bytes = await one.fetch("book", Question(instrument.id, limit=limit))
    at = now()
    book = one.engine.Book(channel.shape, _ONCE, snapshot=channel.snapshot, depth_cap=one.options.depth_cap)
    try:
        book.seed(body, at.mono_ns, at.mono_ns, cap=one.options.body_cap)
    except DecodeError as error:
        error.text, error.venue, error.symbol = shown(error.text), venue.name, instrument.symbol
        raise
    bids, asks = (book.levels(side)[:limit] for side in ("bid", "ask"))
    return FrozenBook(
        instrument.symbol, venue.name, tuple(map(level, bids)), tuple(map(level, asks)), seq=book.last,
        venue_ns=book.venue_ns, at_mono_ns=at.mono_ns, known=Known(_end(bids), _end(asks)),
        proof=ProofOf(("whole",), None, book.last, at.wall_ns),
    )  # fmt: skip


def _end(rows: list[RawLevel]) -> Decimal | None:
    """Where what is known of a side ends. How many levels there are is not told: beyond the last one nothing is."""
    return decimal_of(rows[-1][0], rows[-1][1]) if rows else None
