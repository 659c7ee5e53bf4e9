"""HTX spot: what a recording says of subscriptions and instruments."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec


class Name(msgspec.Struct):
    """One row of the list of symbols."""

    symbol: str
    base: str = msgspec.field(name="base-currency")
    quote: str = msgspec.field(name="quote-currency")


class Names(msgspec.Struct):
    """GET /v1/common/symbols."""

    data: list[Name]


def listing(url: str, body: bytes) -> Mapping[str, str]:
    """Canonical symbols by id."""
    if urlsplit(url).path != "/v1/common/symbols":
        return {}
    try:
        symbols = msgspec.json.decode(body, type=Names)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return {one.symbol: f"{one.base}/{one.quote}".upper() for one in symbols.data}


class Subscribe(msgspec.Struct):
    """What a client sends to subscribe."""

    sub: str


def sent_topics(message: str) -> tuple[str, ...]:
    """The topic that a client's message subscribes."""
    try:
        return (msgspec.json.decode(message, type=Subscribe).sub,)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return ()


def data_topic(message: str) -> str | None:
    """The topic of a push."""
    head = '{"ch":"'
    if message.startswith(head):
        return message[len(head) : message.index('"', len(head))]
    return None
