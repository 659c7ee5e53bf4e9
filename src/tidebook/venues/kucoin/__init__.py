"""KuCoin. Facts: kucoin.com/docs-new (2026). Futures are at another host. A stream's host is told with its token.

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.kucoin.sign import SIGN, is_open

KUCOIN: Final = Venue(
    name="kucoin",
    exchange="kucoin",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.kucoin.com",
    aliases=(
        "api.kucoin.com",
        "api-futures.kucoin.com",
        "ws-api-spot.kucoin.com",
        "push-private.kucoin.com",
        "x-push-spot.kucoin.com",
        "x-push-futures.kucoin.com",
        "wsapi-push.kucoin.com",
    ),
    symbol=str,
    sign=SIGN,
    public=is_open,
)

VENUES = (KUCOIN,)
