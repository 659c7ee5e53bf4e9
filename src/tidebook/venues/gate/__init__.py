"""Gate. Facts: gate.com/docs/developers/apiv4 (2026).

Hosts and signatures alone: nothing of its markets is declared yet.
"""

from typing import Final

from tidebook.venue import Environment, Venue
from tidebook.venues.gate.sign import OPEN, SIGN

GATE: Final = Venue(
    name="gate",
    exchange="gate",
    kind="mixed",
    endpoints=(),
    books=(),
    rest="https://api.gateio.ws",
    aliases=(
        "api.gateio.ws",
        "fx-api.gateio.ws",
        "fx-ws.gateio.ws",
        "op-ws.gateio.live",
    ),
    environments=(
        Environment("live"),
        Environment("testnet", {"api.gateio.ws": "api-testnet.gateapi.io"}),
    ),
    symbol=str,
    sign=SIGN,
    public=OPEN,
)

VENUES = (GATE,)
