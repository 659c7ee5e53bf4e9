"""Trades and quotes over a range, where a venue gives them."""

from tidebook.client.pages import Pages
from tidebook.client.place import VenueAt
from tidebook.core.clock import SECOND
from tidebook.errors import UsageError
from tidebook.model.facts import Instrument, Quote, Trade, stamp


def trade_pages(one: VenueAt, instrument: Instrument) -> Pages[Trade]:
    """The pages of trades. Where single ones are given for no range, those of one taker at one price count as one."""
    several = one.declared.call("agg_trades")
    single = one.declared.call("trades")
    call = single if several is None or (single is not None and single.ranges) else several
    if call is None:
        raise UsageError(f"{one.declared.name} has no trades over REST", venue=one.declared.name)
    return Pages(one, call, instrument.id, at=stamp, every=SECOND, same=lambda row: (stamp(row), row.id))


def quote_pages(one: VenueAt, instrument: Instrument) -> Pages[Quote]:
    """The pages of quotes; equal ones of one instant are one, and rows of which a side is empty are none."""
    call = one.declared.call("quotes")
    if call is None:
        raise UsageError(f"{one.declared.name} has no quotes over REST", venue=one.declared.name)
    return Pages(
        one, call, instrument.id, at=stamp, every=SECOND,
        wanted=lambda row: bool(row.exact_bid[0] and row.exact_ask[0]),
        same=lambda row: (stamp(row), row.exact_bid, row.exact_bid_size, row.exact_ask, row.exact_ask_size),
    )  # fmt: skip
