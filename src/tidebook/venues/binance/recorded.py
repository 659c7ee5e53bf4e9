"""Binance, all markets: what a recording says of subscriptions and instruments."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

T = TypeVar("T")


def reads(
    path: str, kind: type[T], names: Callable[[T], Iterable[tuple[str, str]]]
) -> Callable[[str, bytes], Mapping[str, str]]:
    """A reader of lists of instruments, which stand where a URL's path ends so: `names` makes ids and symbols."""
    decoder = msgspec.json.Decoder(kind)

    def listing(url: str, body: bytes) -> Mapping[str, str]:
        """Canonical symbols by id."""
        if not urlsplit(url).path.endswith(path):
            return {}
        try:
            return dict(names(decoder.decode(body)))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    return listing


class Name(msgspec.Struct):
    """One of `exchangeInfo`'s symbols; older lists have not all the rules."""

    symbol: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")


class Names(msgspec.Struct):
    """GET /api/v3/exchangeInfo."""

    symbols: list[Name]


listing = reads("/exchangeInfo", Names, lambda info: [(one.symbol, f"{one.base}/{one.quote}") for one in info.symbols])


class Subscribe(msgspec.Struct, tag_field="method", tag="SUBSCRIBE"):
    """What a client sends to subscribe."""

    params: list[str]


def sent_topics(message: str) -> tuple[str, ...]:
    """The streams that a client's message subscribes."""
    try:
        return tuple(msgspec.json.decode(message, type=Subscribe).params)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return ()


def url_topics(url: str) -> tuple[str, ...]:
    """Streams that a URL subscribes by itself: /stream?streams=a/b or /ws/a/b. What else may stand there is none.

    Where the streams of a host are split, a category stands before these: /public/ws/a/b.
    """
    parts = urlsplit(url)
    streams = parse_qs(parts.query).get("streams", [""])[0]
    if not streams:
        streams = parts.path.partition("/ws/")[2]
    return tuple(name for name in map(unquote, streams.split("/")) if "@" in name or name.startswith("!"))


_WRAPPED = re.compile(r'\{"stream":"([^"]+)"')
_RAW_DEPTH = re.compile(r'\{"e":"depthUpdate","E":\d+,"s":"([^"]+)"')


def data_topic(message: str) -> str | None:
    """The stream of a message. What names it stands in front, so that the rest need not be read."""
    wrapped = _WRAPPED.match(message)
    if wrapped is not None:
        return wrapped[1]
    raw = _RAW_DEPTH.match(message)
    return None if raw is None else f"{raw[1].lower()}@depth"
