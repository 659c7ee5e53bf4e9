"""HTX's linear swaps from the server's side: what /v5/market tells of funding and open interest.

That these calls are there is said by the venue's pages (2025-05-12 on); their answers have the form in which others
quote them (ccxt 4.5.90, answers of 2026-06). UNVERIFIED: how they refuse; here as the older calls do.
"""

from typing import Final

from tidebook.core.dialect import Args, Facts, Route, Said, paths
from tidebook.model.number import plain
from tidebook.model.wire import MS
from tidebook.venues.htx.swaps.dialect_calls import id_asked, number_of, open_of, perpetual
from tidebook.venues.htx.swaps.dialect_streams import rate_of

_MOST: Final = 100


def _rate(facts: Facts, args: Args) -> Said:
    id = id_asked(args)
    mark = perpetual(facts, id)
    at_ms, step_ms = mark.funding_ns // MS, mark.interval_s * 1000
    row = {
        "contract_code": id, "funding_rate": rate_of(mark.rate), "funding_time": str(at_ms),
        "next_funding_time": str(at_ms + step_ms),
    }  # fmt: skip
    return Said("v5_funding", {"data[]": [row], "ts": facts.now_ns // MS})


def _rates(facts: Facts, args: Args) -> Said:
    """The newest first."""
    id = id_asked(args)
    perpetual(facts, id)
    since_ms = number_of(args, "start_time", 1, 10**15)
    found = [one for one in facts.funding(id, None, None, 10_000) if one.at_ns // MS >= since_ms]
    rows = [
        {"id": str(one.at_ns // MS), "contract_code": id, "funding_rate": rate_of(one.rate),
         "funding_time": str(one.at_ns // MS)}
        for one in found[: -number_of(args, "limit", _MOST, _MOST) - 1 : -1]
    ]  # fmt: skip
    return Said("v5_funding_past", {"data[]": rows, "ts": facts.now_ns // MS})


def _interest(facts: Facts, args: Args) -> Said:
    id = id_asked(args)
    size, amount, price = open_of(True, facts, id)
    data = {
        "amount": plain(amount), "volume": plain(size), "value": plain(amount * price), "contract_code": id,
        "trade_amount": "0", "trade_volume": "0", "trade_turnover": "0",
    }  # fmt: skip
    return Said("v5_open_interest", {**paths("data", data), "ts": facts.now_ns // MS})


ROUTES: Final = (
    Route("/v5/market/funding_rate", _rate),
    Route("/v5/market/funding_rate_history", _rates),
    Route("/v5/market/open_interest", _interest),
)
