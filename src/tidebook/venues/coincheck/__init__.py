"""Coincheck. Facts: coincheck.com/documents/exchange/api (2026).

Hosts, signatures and refusals alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.coincheck.answers import ANSWERS
from tidebook.venues.coincheck.sign import OPEN, SIGN

COINCHECK: Final = Venue(
    name="coincheck",
    exchange="coincheck",
    kind="mixed",
    endpoints=(),
    books=(),
    answers=ANSWERS,
    rest="https://coincheck.com",
    aliases=(
        "coincheck.com/api/",
        "ws-api.coincheck.com",
        "stream.coincheck.com",
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (COINCHECK,)
