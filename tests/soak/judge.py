"""What the soaked program's books are, compared with the exchange's when its agents rest: exactly."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tidebook.sim.server import serve
from tidebook.venue import BookChannel, Proof, Venue
from tidebook.venues import named

Rows = list[tuple[Decimal, Decimal]]


@dataclass(slots=True)
class Verdict:
    """`wrong` has a line for each book that is not right; `levels` counts what was compared."""

    right: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    levels: int = 0


def judge(sim: serve, told: list[dict[str, Any]]) -> Verdict:
    """Every book against the exchange's: within what it says that it knows, and to the depth that is declared."""
    verdict = Verdict()
    for one in told:
        venue = named(one["venue"])
        name = f"{one['venue']} {one['symbol']}"
        if "bids" not in one:
            verdict.wrong.append(f"{name} is {one['state']}")
            continue
        ours: list[Rows] = [[(Decimal(price), Decimal(size)) for price, size in one[side]] for side in ("bids", "asks")]
        truth = _truth(sim, venue, one)
        known = [None if end is None else Decimal(end) for end in one["known"]]
        differ: list[str] = []
        for side, rows, whole, end in zip(("bid", "ask"), ours, truth, known, strict=True):
            depth = _depth(venue.books[0], len(rows))
            mine, true = _within(rows, side, end)[:depth], _within(whole, side, end)[:depth]
            verdict.levels += len(true)
            differ += [f"{side} {price} × {size}" for price, size in sorted({*mine} ^ {*true})]
            if not mine:
                differ.append(f"no {side}")
        if differ:
            verdict.wrong.append(f"{name} ({one['state']}): {len(differ)} differ: {', '.join(differ[:4])}")
        else:
            verdict.right[one["venue"]] += 1
    return verdict


def _truth(sim: serve, venue: Venue, one: dict[str, Any]) -> tuple[Rows, Rows]:
    instrument = sim.exchange.instrument(venue.name, one["symbol"])
    whole = sim.exchange.book(venue.name, one["symbol"])
    bids, asks = (
        [(Decimal(price), Decimal(size)) for price, size in instrument.rows(side)] for side in (whole.bids, whole.asks)
    )
    return bids, asks


def _within(rows: Rows, side: str, end: Decimal | None) -> Rows:
    if end is None:
        return rows
    return [row for row in rows if (row[0] >= end if side == "bid" else row[0] <= end)]


def _depth(channel: BookChannel, there: int) -> int | None:
    """How many levels of a side are the venue's: those of its window, or, where each message is whole, those it had."""
    if channel.shape.window is not None:
        return channel.shape.window.levels
    return there if Proof.WHOLE in channel.rule.proof else None
