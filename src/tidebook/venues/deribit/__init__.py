"""Deribit. Facts: docs.deribit.com (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Environment, Venue
from tidebook.venues.deribit.sign import OPEN, SIGN

DERIBIT: Final = Venue(
    name="deribit",
    exchange="deribit",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://www.deribit.com",
    aliases=(
        "www.deribit.com",
        "streams.deribit.com",
    ),
    environments=(
        Environment("live"),
        Environment("testnet", {"www.deribit.com": "test.deribit.com"}),
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (DERIBIT,)
