"""HTX's perpetual swaps: the book that is sent whole. Facts: HTX's documentation of swaps, and the recording of 2022.

Both kinds of swap are one venue here, since a recording may hold a connection to each.
"""

from dataclasses import replace

from tidebook.venue import Venue
from tidebook.venues.htx import MARKET, STEP
from tidebook.venues.htx.recorded import data_topic, sent_topics

SETS = {"HUOBI_SWAP": "htx.swap"}

# As of spot; contracts' names have capital letters, and sizes are contracts.
VENUES = (
    Venue(
        name="htx.swap",
        exchange="htx",
        kind="mixed",
        endpoints=(
            replace(MARKET, name="linear", url="wss://api.hbdm.com/linear-swap-ws"),
            replace(MARKET, name="inverse", url="wss://api.hbdm.com/swap-ws"),
        ),
        books=(
            replace(STEP, name="linear", endpoint="linear", snapshot=None),
            replace(STEP, name="inverse", endpoint="inverse", snapshot=None),
        ),
        aliases=("api.hbdm.com", "api.hbdm.vn", "api.btcgateway.pro"),
        sent_topics=sent_topics,
        data_topic=data_topic,
    ),
)
