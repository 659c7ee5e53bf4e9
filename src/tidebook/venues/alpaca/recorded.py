"""Alpaca, crypto: what a recording says of instruments."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec


class Name(msgspec.Struct):
    """One of the assets; shares have no slash in their name."""

    symbol: str


def listing(url: str, body: bytes) -> Mapping[str, str]:
    """Canonical symbols by id, which are the same."""
    if urlsplit(url).path != "/v2/assets":
        return {}
    try:
        assets = msgspec.json.decode(body, type=list[Name])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return {one.symbol: one.symbol for one in assets if "/" in one.symbol}
