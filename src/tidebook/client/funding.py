"""Rates of funding over a range: those that were charged, page after page, and the one to come."""

from tidebook.client.ahead import all_rows
from tidebook.client.pages import USUAL, Pages
from tidebook.client.place import VenueAt
from tidebook.core.channel import Question, check_has
from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.model.facts import Funding, Instrument

EVERY = 8 * 3_600 * SECOND  # how often most contracts are funded; nothing comes out otherwise where they are not


def funding_pages(one: VenueAt, instrument: Instrument) -> Pages[Funding]:
    """The pages of the rates that were charged. Raises UsageError where there are none."""
    check_has(instrument, "funding")
    call = one.declared.call("funding")
    if call is None:
        raise UsageError(f"{one.declared.name} has no funding of the past over REST", venue=one.declared.name)
    return Pages(one, call, instrument.id, at=lambda row: row.funding_ns, every=EVERY)


async def asked_funding(
    one: VenueAt, instrument: Instrument, start_ns: int | None, end_ns: int | None, limit: int | None
) -> list[Funding]:
    """Rates charged in [start, end), the first `limit` of them from a start, else the newest; oldest first.

    Where no end was asked, and the venue tells it, the one that is not charged yet comes last, and is not counted.
    Raises UsageError for an instrument that is not funded, and where the venue gives no such range; DecodeError where
    its pages lead nowhere.
    """
    check_has(instrument, "funding")
    settled, coming = (one.declared.call(name) for name in ("funding", "funding_now"))
    rows: list[Funding] = []
    if settled is not None:
        rows = await all_rows(funding_pages(one, instrument), start_ns, end_ns, limit, settled.most or USUAL)
    elif coming is None or start_ns is not None or end_ns is not None or limit is not None:
        raise UsageError(f"{one.declared.name} has no funding over REST", venue=one.declared.name)
    if coming is not None and end_ns is None:
        next_one: Funding = await one.fetch("funding_now", Question(instrument.id))
        if start_ns is None or next_one.funding_ns >= start_ns:
            rows.append(next_one)
    return rows
