"""bitbank. Facts: bitbank-api-docs (2025-12-23). Public data is at another host than private.

Hosts, signatures and refusals alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.bitbank.answers import ANSWERS
from tidebook.venues.bitbank.sign import SIGN, is_open

BITBANK: Final = Venue(
    name="bitbank",
    exchange="bitbank",
    kind="mixed",
    endpoints=(),
    books=(),
    answers=ANSWERS,
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
