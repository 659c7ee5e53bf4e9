"""Kraken. Facts: docs.kraken.com/api (2026). Its futures are signed another way.

Hosts, signatures and refusals alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.kraken.answers import ANSWERS
from tidebook.venues.kraken.sign import OPEN, SIGN

KRAKEN: Final = Venue(
    name="kraken",
    exchange="kraken",
    kind="mixed",
    endpoints=(),
    books=(),
    answers=ANSWERS,
    rest="https://api.kraken.com",
    aliases=(
        "api.kraken.com",
        "ws.kraken.com",
        "ws-auth.kraken.com",
        "ws-l3.kraken.com",
        "beta-ws.kraken.com",
        "beta-ws-auth.kraken.com",
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (KRAKEN,)
