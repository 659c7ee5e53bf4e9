"""HTX spot from the server's side. Facts: huobiapi/docs v1_en (2021-06) and later notices.

What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

from typing import Final

from tidebook.core.dialect import Dialect
from tidebook.core.endpoint import Pool
from tidebook.core.private import Private
from tidebook.venues.htx import dialect_private, dialect_user
from tidebook.venues.htx.dialect_calls import ROUTES, refused
from tidebook.venues.htx.dialect_streams import replied, stream
from tidebook.venues.htx.swaps import dialect as swaps

SPOT: Final = Dialect(
    venue="htx.spot",
    id=lambda base, quote: (base + quote).lower(),
    stream=stream,
    door={"/ws": "market", "/feed": "feed"}.get,
    routes=ROUTES,
    pool="htx.spot.rest",
    no_such_id=lambda args: refused("invalid-parameter", "invalid symbol"),
    limited=lambda seconds, banned: refused("rate-too-many-requests", "request limit"),
    spent=lambda used, limit, left: {
        "X-HB-RateLimit-Requests-Remain": str(limit - used),
        "X-HB-RateLimit-Requests-Expire": str(int(left * 1000)),
    },
    unknown=lambda topic: ("bad-request", f"invalid topic {topic}"),
    whole=replied,
    request_lag=0.15,
    private=Private(
        scheme="htx",
        purse="htx.spot",
        calls=dialect_private.CALLS,
        distrusted=dialect_private.distrusted,
        denied=dialect_private.denied,
        unsure=dialect_private.UNSURE,
        terms=dialect_private.TERMS,
        pool=Pool("htx.spot.account", "endpoint", 100, 2),
        socket={"/ws/v2": dialect_user.V2}.get,
    ),
)

DIALECTS: Final = (SPOT, *swaps.DIALECTS)
