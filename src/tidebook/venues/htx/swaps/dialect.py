"""HTX's swaps from the server's side. Facts: as in the declaration, which is beside.

What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from tidebook.core.dialect import Dialect
from tidebook.venues.htx.swaps.dialect_calls import UNKNOWN, id_of, refused_call, routes
from tidebook.venues.htx.swaps.dialect_streams import contract_of, stream
from tidebook.venues.htx.swaps.dialect_v5 import ROUTES as V5

_COINS: Final = ("BTC", "ETH", "XRP", "TRX", "DOGE")  # those that coin-margined swaps are left of

LINEAR: Final = Dialect(
    venue="htx.linear",
    id=lambda base, quote: f"{base}-{quote}",
    id_of=id_of,
    kinds=("linear",),
    quotes=("USDT",),
    own=lambda one: one._replace(contract_size=contract_of(one.base), step="1", min_notional="0"),
    samples="swaps/samples",
    stream=partial(stream, True),
    door={"/linear-swap-ws": "market", "/linear-swap-notification": "events", "/ws_index": "index"}.get,
    routes=routes(linear=True) + V5,
    pool="htx.swaps.market",
    no_such_id=lambda args: UNKNOWN,
    limited=lambda seconds, banned: refused_call(1032, "The number of access exceeded the limit."),
    unknown=lambda topic: (
        ("2011", "Contract doesn't exist.")
        if topic.startswith("public.")
        else ("bad-request", f"invalid topic {topic}")
    ),
)
INVERSE: Final = replace(
    LINEAR,
    venue="htx.inverse",
    kinds=("inverse",),
    quotes=(),
    own=lambda one: one if one.base in _COINS and one.expiry_ns is None else None,
    stream=partial(stream, False),
    door={"/swap-ws": "market", "/swap-notification": "events", "/ws_index": "index"}.get,
    routes=routes(linear=False),
)

DIALECTS: Final = (LINEAR, INVERSE)
