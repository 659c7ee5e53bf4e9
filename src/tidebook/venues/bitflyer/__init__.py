"""bitFlyer. Facts: lightning.bitflyer.com/docs (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Venue
from tidebook.venues.bitflyer.sign import OPEN, SIGN

BITFLYER: Final = Venue(
    name="bitflyer",
    exchange="bitflyer",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.bitflyer.com",
    aliases=(
        "api.bitflyer.com",
        "ws.lightstream.bitflyer.com",
        "io.lightstream.bitflyer.com",
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (BITFLYER,)
