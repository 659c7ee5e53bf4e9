"""Binance spot, and Binance.US, from the server's side.

Facts: web-socket-streams.md, rest-api.md, errors.md of 2026-07-21; of Binance.US: the same of 2023-09-06.
What the messages look like is in samples/, what they stand on in samples/NOTES.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tidebook.core.dialect import Dialect, Said, Stream
from tidebook.core.private import Private
from tidebook.venues.binance import dialect_private, dialect_user
from tidebook.venues.binance.dialect_calls import RETIRED, refused, routes
from tidebook.venues.binance.dialect_streams import stream
from tidebook.venues.binance.rest import MAIN, US


def _door(path: str) -> str | None:
    """Where the streams are not split."""
    if path == "/stream":
        return "streams"
    # What follows need not be a stream: clients number their connections there.
    return "raw" if path == "/ws" or path.startswith("/ws/") else None


def _other(message: Mapping[str, Any], topics: Sequence[str]) -> Said | None:
    id = message.get("id")
    if message.get("method") == "LIST_SUBSCRIPTIONS":
        return Said("list_subscriptions", {"result": list(topics), "id": id})
    if message.get("method") == "SET_PROPERTY" and message.get("params") in (["combined", True], ["combined", False]):
        return Said("set_property", {"id": id}, wrapped=message["params"][1])
    return None


def _limited(limit: int, seconds: int, banned: bool) -> Said:
    if banned:
        return refused(-1003, "Way too much request weight used; IP banned until later.", 418)
    return refused(-1003, f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE.", 429)


def _us_stream(topic: str) -> Stream | None:
    """Klines of a second are gone since 2023-09-06."""
    return None if topic.endswith("@kline_1s") else stream(topic)


SPOT: Final = Dialect(
    venue="binance.spot",
    id=lambda base, quote: base + quote,
    stream=stream,
    door=_door,
    routes=routes(MAIN) + RETIRED,
    pool="binance.weight",
    no_such_id=lambda args: refused(-1121, "Invalid symbol."),
    limited=partial(_limited, MAIN.pool.limit),
    spent=lambda used, limit, left: {"X-MBX-USED-WEIGHT-1M": str(used), "X-MBX-USED-WEIGHT": str(used)},
    wrapped=("streams",),
    wrap=lambda topic, data: b'{"stream":"%b","data":%b}' % (topic.encode(), data),
    other=_other,
    too_many=("2", "Invalid request: too many streams"),
    not_understood=("2", "Invalid request: unknown variant or missing field"),
    pace=5,
    bans=True,
    gone=Said("gone", status=410),
    private=Private(
        scheme="binance",
        purse="binance.spot",
        calls=dialect_private.CALLS,
        distrusted=dialect_private.distrusted,
        denied=dialect_private.denied,
        unsure=dialect_private.UNSURE,
        terms=dialect_private.TERMS,
        hosts=("ws-api.binance.com", "ws-api.testnet.binance.vision", "demo-ws-api.binance.com"),
        socket=dialect_user.socket,
    ),
)

SPOT_US: Final = replace(
    SPOT,
    venue="binance_us.spot",
    stream=_us_stream,
    routes=routes(US),
    pool=US.pool.name,
    limited=partial(_limited, US.pool.limit),
    gone=None,
    private=None,
    quotes=("USD", "USDT", "USDC", "BTC"),
)
