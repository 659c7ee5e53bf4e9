"""BitMEX, closed since September 2026."""

from tidebook.venue import Closed
from tidebook.venues.bitmex.recorded import BITMEX

# No position could be opened from 2026-08-26 04:00 UTC on; at 04:00 UTC of the last day all ceased.
CLOSED = (
    Closed(
        name="bitmex",
        title="BitMEX",
        closed_on="2026-09-23",
        reason="wound down, as announced on 2026-07-23",
        hosts=("bitmex.com",),
        venues=(BITMEX,),
        see="bitmex.com/blog/bitmex-closure",
    ),
)
