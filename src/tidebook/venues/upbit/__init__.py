"""Upbit in Korea. Facts: docs.upbit.com (2026). Its sisters in Singapore, Indonesia and Thailand are other exchanges.

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.upbit.sign import OPEN, SIGN

UPBIT: Final = Venue(
    name="upbit",
    exchange="upbit",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.upbit.com",
    aliases=("api.upbit.com",),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (UPBIT,)
