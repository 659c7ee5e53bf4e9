"""GMO Coin. Facts: api.coin.z.com/docs (2026).

Hosts, signatures and refusals alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.gmocoin.answers import ANSWERS
from tidebook.venues.gmocoin.sign import OPEN, SIGN

GMOCOIN: Final = Venue(
    name="gmocoin",
    exchange="gmocoin",
    kind="mixed",
    endpoints=(),
    books=(),
    answers=ANSWERS,
    rest="https://api.coin.z.com",
    aliases=("api.coin.z.com",),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (GMOCOIN,)
