"""Bitget. Facts: bitget.com/api-doc (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Environment, Venue
from tidebook.venues.bitget.sign import OPEN, SIGN

BITGET: Final = Venue(
    name="bitget",
    exchange="bitget",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.bitget.com",
    aliases=(
        "api.bitget.com",
        "ws.bitget.com",
    ),
    environments=(
        Environment("live"),
        Environment("demo", {"ws.bitget.com": "wspap.bitget.com"}, {"PAPTRADING": "1"}),
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (BITGET,)
