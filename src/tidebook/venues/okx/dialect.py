"""OKX from the server's side. Facts: OKX API v5 and its change log, as of 2026-09.

What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

from typing import Final

from tidebook.core.dialect import Dialect
from tidebook.core.endpoint import Pool
from tidebook.core.private import Private
from tidebook.venues.okx import dialect_private, dialect_user
from tidebook.venues.okx.dialect_calls import ROUTES, refused
from tidebook.venues.okx.dialect_streams import LOGIN, id_of, own, stream
from tidebook.venues.okx.rest import TWENTY


def _unknown(topic: str) -> tuple[str, str]:
    channel, _, what = topic.partition(" ")
    if channel in LOGIN:
        return "60011", "Please log in"
    return "60018", (
        f"Wrong URL or channel:{channel},instId:{what} doesn't exist. "
        "Please use the correct URL, channel and parameters referring to API document."
    )


OKX: Final = Dialect(
    venue="okx",
    id=lambda base, quote: f"{base}-{quote}",
    id_of=id_of,
    kinds=("spot", "linear", "inverse", "option"),
    own=own,
    stream=stream,
    door={"/ws/v5/public": "public", "/ws/v5/business": "business"}.get,
    routes=ROUTES,
    pool=TWENTY.name,
    no_such_id=lambda args: refused("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    limited=lambda seconds, banned: refused("50011", "Requests too frequent.", 429),
    unknown=_unknown,
    too_many=("60013", "Invalid args"),
    not_understood=("60012", "Invalid request"),
    private=Private(
        scheme="okx",
        purse="okx",
        calls=dialect_private.CALLS,
        distrusted=dialect_private.distrusted,
        denied=dialect_private.denied,
        unsure=dialect_private.UNSURE,
        terms=dialect_private.TERMS,
        pool=Pool("okx.account", "endpoint", 60, 2),
        socket={"/ws/v5/private": dialect_user.PRIVATE}.get,
    ),
)

DIALECTS: Final = (OKX,)
