"""Coinbase Advanced. Facts: docs.cdp.coinbase.com (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.coinbase.sign import OPEN, SIGN

COINBASE: Final = Venue(
    name="coinbase",
    exchange="coinbase",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.coinbase.com",
    aliases=(
        "api.coinbase.com",
        "advanced-trade-ws.coinbase.com",
        "advanced-trade-ws-user.coinbase.com",
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (COINBASE,)
