"""bitbank. Facts: bitbank-api-docs (2025-12-23). Public data is at another host than private.

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.bitbank.sign import SIGN, is_open

BITBANK: Final = Venue(
    name="bitbank",
    exchange="bitbank",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.bitbank.cc",
    aliases=(
        "api.bitbank.cc",
        "public.bitbank.cc",
        "stream.bitbank.cc",
    ),
    symbol=str,
    sign=SIGN,
    public=is_open,
)

VENUES = (BITBANK,)
