"""HitBTC. Facts: api.hitbtc.com, version 3 (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Environment, Venue
from tidebook.venues.hitbtc.sign import OPEN, SIGN

HITBTC: Final = Venue(
    name="hitbtc",
    exchange="hitbtc",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.hitbtc.com",
    aliases=("api.hitbtc.com",),
    environments=(
        Environment("live"),
        Environment("demo", {"api.hitbtc.com": "api.demo.hitbtc.com"}),
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (HITBTC,)
