"""Binance's futures from the server's side. Facts: the documentation of both as of 2026-08-21.

What the messages look like is in samples/ and samples_coinm/, what they stand on in samples/NOTES.md.
"""

from dataclasses import replace
from typing import Final

from tidebook.core.dialect import Said
from tidebook.venues.binance.dialect_calls import refused
from tidebook.venues.binance.dialect_spot import SPOT
from tidebook.venues.binance.futures.dialect_calls import id_of, routes
from tidebook.venues.binance.futures.dialect_private import USDM_PRIVATE
from tidebook.venues.binance.futures.dialect_streams import coin_stream, usd_stream


def split_door(path: str) -> str | None:
    """Where the streams are split: /public/stream, /market/ws, /public/ws/<stream>."""
    for category in ("public", "market"):
        if path == f"/{category}/stream":
            return category
        if path == f"/{category}/ws" or path.startswith(f"/{category}/ws/"):
            return f"{category}_raw"
    return None


def _limited(seconds: int, banned: bool) -> Said:
    if banned:
        return refused(-1003, "Way too many requests; IP banned until later.", 418)
    return refused(-1003, "Too many requests; current limit of IP is 2400 requests per minute.", 429)


USDM: Final = replace(
    SPOT,
    venue="binance.usdm",
    id_of=id_of,
    kinds=("linear",),
    stream=usd_stream,
    door=split_door,
    routes=routes(usd=True),
    pool="binance.futures",
    limited=_limited,
    wrapped=("public", "market"),
    pace=10,
    gone=None,
    samples="futures/samples",
    private=USDM_PRIVATE,
)

COINM: Final = replace(
    USDM,
    venue="binance.coinm",
    kinds=("inverse",),
    private=None,
    stream=coin_stream,
    door=SPOT.door,
    routes=routes(usd=False),
    wrapped=("streams",),
    samples="futures/samples_coinm",
)
