"""What a venue derives for its contracts, in the words of dialects and on the venue's clock."""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Final

from tidebook.core.clock import SECOND
from tidebook.core.dialect import Levels, Liquidated, Marked, Settled
from tidebook.sim.derived import FUNDING_NS, RATE_PLACES, Derived, Optional, next_funding_ns, settlements
from tidebook.sim.listing import Instrument
from tidebook.sim.matching import BID, Trade

PAST_NS: Final = 30 * 86_400 * SECOND  # of fundings, before the exchange's clock began
_MORE: Final = 2  # decimals, than the instrument's prices


def marked(one: Instrument, derived: Derived, now_ns: int, shift_ns: int, best: Callable[[], Levels]) -> Marked:
    """At an instant of the exchange; the venue's clock is `shift_ns` ahead. `best` is asked for options only."""
    places, clock_ns = one.price_decimals + _MORE, now_ns + shift_ns
    index = f"{derived.index(now_ns):.{places}f}"
    rate, next_ns, interval = "", 0, 0
    if derived.funded:
        rate, next_ns = f"{derived.expected(clock_ns):.{RATE_PLACES}f}", next_funding_ns(clock_ns)
        interval = FUNDING_NS // SECOND
    more: tuple[str, ...] = ("",) * 7
    if one.right:
        levels = best()
        bid, ask = (float(rows[0][0]) if rows else None for rows in (levels.bids, levels.asks))
        more = _greeks(derived.option(now_ns, bid, ask))
    return Marked(
        clock_ns, f"{derived.mark(now_ns):.{places}f}", index, index, rate, next_ns, interval,
        one.size_text(derived.open_lots(now_ns)), *more,
    )  # fmt: skip


def _greeks(one: Optional) -> tuple[str, ...]:
    values = (one.mark_iv, one.bid_iv, one.ask_iv, *one.greeks[1:])
    return tuple("" if value is None else f"{value:.8f}" for value in values)


def settled(
    one: Instrument, derived: Derived, shift_ns: int, since_ns: int, start_ns: int | None, end_ns: int, most: int
) -> list[Settled]:
    """As `core.dialect.Facts.funding` says; nothing before `since_ns`. Instants are of the venue's clock."""
    if not derived.funded:
        return []
    instants = settlements(max(since_ns, start_ns or 0), end_ns)
    chosen = instants[:most] if start_ns is not None else instants[max(0, len(instants) - most) :]
    places = one.price_decimals + _MORE
    return [
        Settled(
            at_ns,
            f"{derived.rate(at_ns):.{RATE_PLACES}f}",
            f"{derived.mark(at_ns - shift_ns, coarse=True):.{places}f}",
        )
        for at_ns in chosen
    ]


def liquidated(
    one: Instrument, derived: Derived, trades: Iterable[Trade], shift_ns: int, outside: Iterable[int]
) -> list[Liquidated]:
    """Which takers of some trades were liquidations; orders of `outside` clients never are."""
    found: list[Liquidated] = []
    for taker_id, some in groupby(trades, key=lambda trade: trade.taker_id):
        if taker_id in outside or not derived.liquidates(taker_id):
            continue
        fills = [*some]
        last, lots = fills[-1], sum(fill.size for fill in fills)
        average = sum(fill.price * fill.size for fill in fills) / lots * one.tick_value
        amount = sum(one.amount(fill.price, fill.size) for fill in fills)
        found.append(
            Liquidated(
                last.trade_id, last.time_ns + shift_ns, one.price_text(last.price),
                f"{average:.{one.price_decimals + _MORE}f}", one.size_text(lots), one.amount_text(amount),
                "buy" if last.taker_side == BID else "sell",
            )
        )  # fmt: skip
    return found
