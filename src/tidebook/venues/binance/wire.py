"""Binance spot messages that are not books, as they are needed so far."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec


class Symbol(msgspec.Struct):
    """One of `exchangeInfo`'s symbols."""

    symbol: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")


class ExchangeInfo(msgspec.Struct):
    """GET /api/v3/exchangeInfo."""

    symbols: list[Symbol]


def listing(url: str, body: bytes) -> Mapping[str, str]:
    """Canonical symbols by id as topics write it (lower case)."""
    if not urlsplit(url).path.endswith("/exchangeInfo"):
        return {}
    try:
        info = msgspec.json.decode(body, type=ExchangeInfo)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return {one.symbol.lower(): f"{one.base}/{one.quote}" for one in info.symbols}


class Subscribe(msgspec.Struct, tag_field="method", tag="SUBSCRIBE"):
    """What a client sends to subscribe."""

    params: list[str]


def sent_topics(message: str) -> tuple[str, ...]:
    """The streams that a client's message subscribes."""
    try:
        return tuple(msgspec.json.decode(message, type=Subscribe).params)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return ()


_WRAPPED = re.compile(r'\{"stream":"([^"]+)"')
_RAW_DEPTH = re.compile(r'\{"e":"depthUpdate","E":\d+,"s":"([^"]+)"')


def data_topic(message: str) -> str | None:
    """The stream of a message. What names it stands in front, so that the rest need not be read."""
    wrapped = _WRAPPED.match(message)
    if wrapped is not None:
        return wrapped[1]
    raw = _RAW_DEPTH.match(message)
    return None if raw is None else f"{raw[1].lower()}@depth"
