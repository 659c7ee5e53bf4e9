"""Hyperliquid. Facts: hyperliquid.gitbook.io (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Environment, Venue
from tidebook.venues.hyperliquid.sign import OPEN, SIGN, scheme

HYPERLIQUID: Final = Venue(
    name="hyperliquid",
    exchange="hyperliquid",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.hyperliquid.xyz",
    aliases=("api.hyperliquid.xyz",),
    environments=(
        Environment("live"),
        Environment("testnet", {"api.hyperliquid.xyz": "api.hyperliquid-testnet.xyz"}, sign=scheme(test=True)),
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (HYPERLIQUID,)
