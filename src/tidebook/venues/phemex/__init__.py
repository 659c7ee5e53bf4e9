"""Phemex. Facts: phemex-api-docs (2026-07).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Environment, Venue
from tidebook.venues.phemex.sign import OPEN, SIGN

PHEMEX: Final = Venue(
    name="phemex",
    exchange="phemex",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.phemex.com",
    aliases=(
        "api.phemex.com",
        "vapi.phemex.com",
        "ws.phemex.com",
    ),
    environments=(
        Environment("live"),
        Environment("testnet", {"api.phemex.com": "testnet-api.phemex.com"}),
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (PHEMEX,)
