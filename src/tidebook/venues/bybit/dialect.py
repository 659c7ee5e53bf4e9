"""Bybit from the server's side. Facts: bybit-exchange/docs v5 as of 2026-07-24.

What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

from dataclasses import replace
from typing import Final

from tidebook.core.dialect import Dialect, Rules, Said
from tidebook.core.private import Private, Socket, Terms
from tidebook.venues.bybit import dialect_private, dialect_user
from tidebook.venues.bybit.dialect_calls import NO_SYMBOL, routes
from tidebook.venues.bybit.dialect_streams import id_of, stream_of
from tidebook.venues.bybit.rest import REST

_HOSTS: Final = ("stream.bybit.com", "stream-testnet.bybit.com", "stream-demo.bybit.com")
_SOCKETS: Final = {"/v5/private": dialect_user.PRIVATE, "/v5/trade": dialect_user.TRADE}


def _private(category: dialect_private.Category, terms: Terms) -> Private:
    sockets: dict[str, Socket] = _SOCKETS
    return Private(
        scheme="bybit",
        purse="bybit",
        calls=dialect_private.calls(category),
        distrusted=dialect_private.distrusted,
        denied=dialect_private.denied,
        unsure=dialect_private.UNSURE,
        terms=terms,
        hosts=tuple(f"{host}{path}" for host in _HOSTS for path in _SOCKETS),
        socket=sockets.get,
    )


SPOT: Final = Dialect(
    venue="bybit.spot",
    id=lambda base, quote: base + quote,
    stream=stream_of("spot"),
    door={"/v5/public/spot": "stream"}.get,
    routes=routes("spot"),
    pool=REST.name,
    no_such_id=lambda args: NO_SYMBOL,
    limited=lambda seconds, banned: Said("frequent", status=403),
    unknown=lambda topic: ("", f"error:handler not found,topic:{topic}"),
    too_many=("", "error:too many args"),
    not_understood=("", "error:request not supported"),
    private=_private("spot", dialect_private.SPOT_TERMS),
)


def _own_inverse(one: Rules) -> Rules:
    """A contract is one US dollar."""
    return one._replace(contract_size="1", step="1", size_places=0)


def _own_option(one: Rules) -> Rules:
    """Sizes are in base currency."""
    return one._replace(contract_size="")


LINEAR: Final = replace(
    SPOT,
    venue="bybit.linear",
    id_of=id_of,
    kinds=("linear",),
    stream=stream_of("linear"),
    door={"/v5/public/linear": "stream"}.get,
    routes=routes("linear"),
    private=_private("linear", dialect_private.LINEAR_TERMS),
)
INVERSE: Final = replace(
    LINEAR,
    venue="bybit.inverse",
    kinds=("inverse",),
    private=None,
    own=_own_inverse,
    stream=stream_of("inverse"),
    door={"/v5/public/inverse": "stream"}.get,
    routes=routes("inverse"),
)
OPTION: Final = replace(
    LINEAR,
    venue="bybit.option",
    kinds=("option",),
    private=None,
    quotes=("USDT",),
    own=_own_option,
    stream=stream_of("option"),
    door={"/v5/public/option": "stream"}.get,
    routes=routes("option"),
)

DIALECTS: Final = (SPOT, LINEAR, INVERSE, OPTION)
